"""Where the time went between an instruction and its effect, and whether it had one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import MeterQuality, rectangular_u
from harness.analysis.response import response_time, time_to_fraction
from harness.analysis.series import Band
from harness.core.recording import Series


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Instants of one instruction, in bench time; ``inf`` for what never came. [s]

    ``nan`` is what could not be seen.
    """

    sent_s: float
    acknowledged_s: float
    first_movement_s: float
    ninety_percent_s: float
    settled_s: float

    def marks(self) -> tuple[tuple[str, float], ...]:
        """Return the instants that came, named for the figure, in order of time."""
        named = (
            ("sent", self.sent_s),
            ("acknowledged", self.acknowledged_s),
            ("first movement", self.first_movement_s),
            ("90 %", self.ninety_percent_s),
            ("settled", self.settled_s),
        )
        came = [(name, at_s) for name, at_s in named if math.isfinite(at_s)]
        return tuple(sorted(came, key=lambda mark: mark[1]))

    def details(self) -> dict[str, object]:
        """Return the seconds since sending, for `Verdict.details`."""
        return {
            "sent_s": self.sent_s,
            "acknowledged_after_s": self.acknowledged_s - self.sent_s,
            "first_movement_after_s": self.first_movement_s - self.sent_s,
            "ninety_percent_after_s": self.ninety_percent_s - self.sent_s,
            "settled_after_s": self.settled_s - self.sent_s,
        }


def waterfall(
    time_s: Series,
    power_w: Series,
    *,
    sent_at_s: float,
    acknowledged_at_s: float | None,
    before_w: float,
    target_w: float,
    band: Band,
    dwell_s: float,
    meter: MeterQuality,
    until_s: float = math.inf,
    ride_through_s: float = 0.0,
) -> Waterfall:
    """Return when an instruction was sent, acknowledged, begun, mostly done, settled.

    Arguments as for `response_time` and `time_to_fraction`; `acknowledged_at_s` is
    None if no answer came. ``docs/definitions.md``, "latency waterfall".
    """

    def fraction_s(fraction: float) -> float:
        if before_w == target_w:
            return math.nan
        took = time_to_fraction(
            time_s,
            power_w,
            sent_at_s=sent_at_s,
            before_w=before_w,
            target_w=target_w,
            fraction=fraction,
            meter=meter,
            until_s=until_s,
        )
        return sent_at_s + took.value

    settled = response_time(
        time_s,
        power_w,
        sent_at_s=sent_at_s,
        band=band,
        dwell_s=dwell_s,
        meter=meter,
        until_s=until_s,
        ride_through_s=ride_through_s,
    )
    return Waterfall(
        sent_at_s,
        math.inf if acknowledged_at_s is None else acknowledged_at_s,
        fraction_s(0.1),
        fraction_s(0.9),
        sent_at_s + settled.value,
    )


class Delivery(StrEnum):
    """What a device said, against what a meter saw."""

    DELIVERED = "delivered"
    PARTLY = "delivered in part"
    ACCEPTED_NOT_DELIVERED = "accepted but not delivered"
    REFUSED = "refused"
    REFUSED_YET_MOVED = "refused, yet power changed"
    UNSEEN = "not seen"


def accepted_against_delivered(
    *, accepted: bool, share: Estimate, enough_percent: float = 95.0
) -> Delivery:
    """Compare a device's word with the share that a meter saw delivered.

    Parameters
    ----------
    accepted : bool
        The device's acknowledgement.
    share : Estimate
        From `delivered_share`, in percent.
    enough_percent : float
        Share that counts as delivered. [%]

    Notes
    -----
    *Not delivered* is a share that is less than 10 % even with its uncertainty
    added: a device that ignores an instruction still wanders a little.
    ``docs/definitions.md``, "accepted but not delivered".
    """
    if math.isnan(share.value):
        return Delivery.UNSEEN
    moved = share.value + share.expanded >= NOTHING_PERCENT
    if not accepted:
        return Delivery.REFUSED_YET_MOVED if moved else Delivery.REFUSED
    if share.value >= enough_percent:
        return Delivery.DELIVERED
    return Delivery.PARTLY if moved else Delivery.ACCEPTED_NOT_DELIVERED


NOTHING_PERCENT = 10.0
"""Below this share of the change, nothing was delivered: the first movement's own
threshold (``docs/definitions.md``)."""


def elapsed(
    from_s: float, to_s: float | None, *, what: str, resolution_s: float = 0.0
) -> Estimate:
    """Time from one entry of the log to another. [s]

    ``inf`` if the second never came. `resolution_s` is the step of the clock that
    stamped the second. ``docs/definitions.md``, "elapsed time".
    """
    if to_s is None:
        return Estimate(math.inf, "s", why=f"{what} never came")
    u_s = rectangular_u(resolution_s / 2)
    budget = (Contribution("clock", u_s, "B", "the log"),) if u_s > 0 else ()
    return Estimate(to_s - from_s, "s", budget, marks=((what, to_s),))
