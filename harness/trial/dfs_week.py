"""The week that leads to a call of the Demand Flexibility Service, as it is recorded.

What was said on the days before is logged at the bench's second 0, with the day and
time at which it was said; whether the unit is called follows from it.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.dfs import SPEAKERS, Offered, Said, why_not_called
from harness.trial.planned import DayAhead

Log = Callable[..., LogEntry]
NOT_CALLED = "notice: not called"
OUT_OF_TURN = "out of turn"


def called_by_week(offered: Offered, ahead: DayAhead, log: Log) -> bool:
    """Log the week, and whether the unit is called; say every reason why not."""
    week, reasons = why_not_called(
        offered, from_s=ahead.from_clock_s, until_s=ahead.until_clock_s
    )
    for one in offered.said:
        speaker = SPEAKERS[one.stage]
        other = Actor.ESO if speaker is Actor.AGGREGATOR else Actor.AGGREGATOR
        log(
            speaker, f"notice: {_said(one)}", to=other, stage=str(one.stage),
            days_before=one.days_before, clock_s=one.at_clock_s, power_w=one.power_w,
        )  # fmt: skip
    for fault in week.faults:
        log(Actor.AGGREGATOR, OUT_OF_TURN, fault=fault)
    for reason in reasons:
        log(
            Actor.AGGREGATOR, NOT_CALLED, to=ahead.actor, role=ahead.role,
            reason=str(reason),
        )  # fmt: skip
    return not reasons


def _said(one: Said) -> str:
    """``1 day before, 14:30: calls, 2 MW``."""
    minutes = round(one.at_clock_s / 60)
    day = f"{one.days_before} day{'' if one.days_before == 1 else 's'} before"
    day = day if one.days_before else "on the day"
    power = f", {one.power_w / 1e6:g} MW" if one.power_w else ""
    return f"{day}, {minutes // 60:02d}:{minutes % 60:02d}: {one.stage}{power}"
