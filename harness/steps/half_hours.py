"""Half-hours as steps use them: named in a feature, seen by a meter, or kept by one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.core.calendar import (
    PERIOD_S,
    PeriodOnBench,
    SettlementPeriod,
    periods_on_bench,
)
from harness.core.errors import FeatureError
from harness.settlement.monthly import half_hours
from harness.settlement.volumes import HalfHour, metered
from harness.steps.trial import Trial
from harness.steps.words import span_s
from harness.trial.meter_tests import PROFILE
from harness.trial.planned import Instruction
from harness.trial.view import MeterView, log_of, starts_at


def half_hours_s(start: str, end: str, *, example: str) -> tuple[float, float]:
    """Two clock times that begin and end half-hours; others are a `FeatureError`."""
    from_s, until_s = span_s(start, end)
    if from_s % PERIOD_S or until_s % PERIOD_S:
        fact = "half-hours begin and end at :00 and :30"
        raise FeatureError(f"“from {start} to {end}”", fact, example)
    return from_s, until_s


def halves_seen(trial: Trial, view: MeterView) -> tuple[HalfHour, ...]:
    """Return what a meter counted in every half-hour of a trial."""
    return metered(
        view.time_s, view.power_w, starts_at=starts_at(trial.recording), from_s=0.0,
        until_s=trial.plan.duration_s, meter=view.quality,
    )  # fmt: skip


def periods_called(trial: Trial, call: Instruction) -> list[PeriodOnBench]:
    """Return the whole half-hours for which something was asked."""
    begin, end = (
        trial.plan.bench_s(at) for at in (call.from_clock_s, call.until_clock_s)
    )
    parts = periods_on_bench(
        starts_at(trial.recording), from_s=0.0, until_s=trial.plan.duration_s
    )
    return [p for p in parts if p.from_s >= begin - 1e-6 and p.until_s <= end + 1e-6]


def period_kept_s(trial: Trial, meter: str) -> float:
    """How long a meter says its periods are; ``nan`` if it was not read. [s]"""
    told = log_of(trial.recording, "bench", "reads profile back", meter=meter)
    return float(str(told[0].detail["period_s"])) if told else math.nan


def halves_kept(
    trial: Trial, meter: str, parts: Sequence[PeriodOnBench]
) -> dict[SettlementPeriod, int] | None:
    """Return the half-hours of a meter's load profile; None if it was not read. [Wh]"""
    profile = trial.recording.channel(meter, PROFILE[0])
    if profile is None:
        return None
    return half_hours(
        profile.device_s, profile.values, parts, period_s=period_kept_s(trial, meter)
    )
