"""A charge point's default charging hours, which any profile overrules.

Weekdays 08:00 to 11:00 and 16:00 to 22:00 local time are peak hours, outside which a
new private charge point in Great Britain charges unless its owner says otherwise: the
Electric Vehicles (Smart Charge Points) Regulations 2021, SI 2021/1467, regulation 10
(unverified: read in others' documentation). OCPP has no word for them; here they are
one more profile, on a stack level below all others.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from devices.ev_chargepoint.profiles import Period, Profile
from harness.core.calendar import LONDON, civil, local_midnight

PEAK_HOURS = ((time(8), time(11)), (time(16), time(22)))
FIRST_WEEKEND_DAY = 5
BELOW_ALL = -1
"""Stack level and id: no CSMS can send either."""
DAYS = 3


def default_hours(at_s: float, *, full_a: float) -> Profile:
    """Return the hours around a moment: today's and the next two days' local ones.

    Parameters
    ----------
    at_s : float
        POSIX time. [s]
    full_a : float
        What may be drawn outside peak hours, per phase. [A]
    """
    today = datetime.fromtimestamp(at_s, LONDON).date()
    start_s = local_midnight(today).timestamp()
    periods = [Period(0.0, full_a)]
    for ahead in range(DAYS):
        periods += _peaks(today + timedelta(days=ahead), start_s, full_a)
    return Profile(
        profile_id=BELOW_ALL,
        connector_id=0,
        purpose="TxDefaultProfile",
        stack_level=BELOW_ALL,
        kind="Absolute",
        unit="A",
        periods=tuple(periods),
        start_at_s=start_s,
    )


def _peaks(day: date, start_s: float, full_a: float) -> list[Period]:
    if day.weekday() >= FIRST_WEEKEND_DAY:
        return []
    return [
        Period(civil(day, clock).timestamp() - start_s, limit_a)
        for begins, ends in PEAK_HOURS
        for clock, limit_a in ((begins, 0.0), (ends, full_a))
    ]
