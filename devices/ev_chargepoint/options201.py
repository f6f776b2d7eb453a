"""How an emulated charging station of OCPP 2.0.1 is set up.

As a station of 1.6, and what only this edition can tell: a limit that came from
somebody else than the CSMS.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from devices.ev_chargepoint.options import StationOptions


class StationOptions201(StationOptions):
    """A charging station with one EVSE, one connector, and the vehicle behind it."""

    aligned_values: Literal["averages", "instants"] = "instants"
    """Clock-aligned values: what is at the interval's end (part 2, J01), or means over
    the interval, stamped with its start, as 1.6 has them."""
    external_limit_a: float | None = Field(default=None, ge=0)
    """What an energy manager on the site allows, per phase: reported by
    NotifyChargingLimit, and not for the CSMS to clear. [A]"""
    external_from_s: float = 0.0
    """Bench time from which it does. [s]"""
    external_to_s: float = math.inf
    """Bench time at which it lets go. [s]"""
