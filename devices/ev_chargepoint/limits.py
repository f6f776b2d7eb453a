"""A power limit as an OCPP 1.6 charging profile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

LINE_V = 230.0
"""Set voltage of the area, for amperes from watts (OCPP 1.6 edition 2, 7.12)."""


ProfileKind = Literal["Absolute", "Relative", "Daily", "Weekly"]
"""When a schedule counts from: an instant, the transaction's start, or an instant of
each day or week (7.9, chargingProfileKind and recurrencyKind)."""


@dataclass(frozen=True, slots=True)
class ProfileForm:
    """What all profiles of one driver have in common."""

    profile_id: int
    stack_level: int
    rate_unit: Literal["A", "W"]
    phases: int
    kind: ProfileKind = "Absolute"


def charging_profile(
    limit_w: float, form: ProfileForm, *, transaction: int | None, start: str
) -> dict[str, Any]:
    """Return the ChargingProfile (7.8) that limits the station from now on.

    A TxProfile for the transaction that runs, else a TxDefaultProfile for the next
    (3.13.1). Amperes are rounded down to the 0.1 that the field allows (7.14), so
    that rounding never exceeds the limit. The number of phases is always said,
    because 3 would be assumed (7.12).

    Parameters
    ----------
    limit_w : float
        Total active power, all phases. [W]
    form : ProfileForm
        Identity, stack level, unit and phases.
    transaction : int or None
        The transaction that runs.
    start : str
        startSchedule, ISO 8601; a relative schedule has none.
    """
    divisor = 1.0 if form.rate_unit == "W" else LINE_V * form.phases
    period = {
        "startPeriod": 0,
        "limit": math.floor(limit_w / divisor * 10 + 1e-9) / 10,
        "numberPhases": form.phases,
    }
    relative, absolute = form.kind == "Relative", form.kind == "Absolute"
    schedule = {
        **({} if relative else {"startSchedule": start}),
        "chargingRateUnit": form.rate_unit,
        "chargingSchedulePeriod": [period],
    }
    kind = (
        {"chargingProfileKind": form.kind}
        if relative or absolute
        else {"chargingProfileKind": "Recurring", "recurrencyKind": form.kind}
    )
    running = {} if transaction is None else {"transactionId": transaction}
    return {
        "chargingProfileId": form.profile_id,
        **running,
        "stackLevel": form.stack_level,
        "chargingProfilePurpose": "TxProfile" if running else "TxDefaultProfile",
        **kind,
        "chargingSchedule": schedule,
    }
