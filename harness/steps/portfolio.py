"""A unit of many homes like the one on the bench: what its aggregator would send."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from pytest_bdd import given, parsers, then

from harness.analysis.aggregate.criteria import ACCURACY
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.portfolio.seen import Seen, seen
from harness.analysis.portfolio.unit import Portfolio, unit_of
from harness.checks.access import access, access_table
from harness.core.errors import EvidenceError, FeatureError
from harness.portfolio.learn import Scene, learn
from harness.portfolio.like import Asked, unit_like
from harness.reporting.record import note_table
from harness.rulebook.where import regimes
from harness.steps.trial import Trial
from harness.steps.words import asset_name, duration_s, role_of
from harness.trial.plan import Plan
from harness.trial.planned import LikeHomes
from harness.trial.view import MeterView

UNIT = "unit"
METER_ERROR = "meter error"
LARGER = 10
"""A unit so many times as large shows whether more homes would help."""
MORE = "accuracy missed at any size"
KNOWN = "seconds with an uncertainty"
LAG = "unit lag"
BEHIND = "signal behind the truth"


@dataclass(frozen=True, slots=True)
class _Views:
    """The unit as the control room sees it, and the meter that saw one home."""

    meter: MeterView | None
    portfolio: Portfolio | None
    view: Seen | None
    why: str = ""
    """Why there is no view."""


_VIEWS = pytest.StashKey[dict[int, _Views]]()


@given(
    parsers.parse(
        "{homes} homes like it, and the {asset} of each reports every {interval}, "
        "at its own second"
    )
)
def _(plan: Plan, homes: str, asset: str, interval: str) -> None:
    """A unit of many such homes, read one after the other."""
    plan.units.append(_like(homes, asset, interval, staggered=True))


@given(
    parsers.parse(
        "{homes} homes like it, and the {asset} of each reports every {interval}, "
        "all at one second"
    )
)
def _(plan: Plan, homes: str, asset: str, interval: str) -> None:
    """A unit of many such homes, read all at once."""
    plan.units.append(_like(homes, asset, interval, staggered=False))


def _like(homes: str, asset: str, interval: str, *, staggered: bool) -> LikeHomes:
    try:
        number = int(homes.replace(",", ""))
    except ValueError as error:
        raise FeatureError(f"“{homes} homes”", "is no number", "1,000") from error
    if not 1 <= number <= 100_000:
        raise FeatureError(f"“{homes} homes”", "is no unit", "1 to 100,000 homes")
    interval_s = duration_s(interval)
    if interval_s != round(interval_s) or not 1 <= interval_s <= 3600:
        fact = "homes are read on whole seconds"
        raise FeatureError(f"“every {interval}”", fact, "1 s to 1 hour")
    return LikeHomes(number, role_of(asset), round(interval_s), staggered)


@given(parsers.parse("every meter reads {percent:g} % high"))
def _(plan: Plan, percent: float) -> None:
    """An error that all meters of the unit have, and nobody declared."""
    if not plan.units:
        raise FeatureError("“every meter”", "of no unit", "homes like it, above")
    plan.units[-1] = replace(plan.units[-1], bias_percent=percent)


@then("the unit's signal is as accurate as asked")
def _(trial: Trial) -> None:
    """What is sent, against the power of all homes, while it rests."""
    found = _seen(trial)
    rule = trial.rule(UNIT, ACCURACY)
    measured = _or_why(found, rule.unit, lambda view: view.found[ACCURACY])
    trial.judge(UNIT, measured, rule, channels=_channels(found))


@then("every second of it carries its own uncertainty")
def _(trial: Trial) -> None:
    """Share of the seconds whose power comes with an uncertainty above nothing."""
    found = _seen(trial)
    measured = _or_why(found, "%", _known)
    trial.judge(UNIT, measured, trial.rule(UNIT, KNOWN), channels=_channels(found))


def _known(view: Seen) -> Estimate:
    good = np.isfinite(view.sent.power_w) & (view.sent.u_w > 0)
    return Estimate(100 * float(good.mean()), "%")


@then("the unit's signal misses that accuracy, and more homes would not help")
def _(trial: Trial) -> None:
    """How far beyond the limit the error is, here and with ten times as many homes."""
    found, larger = _seen(trial), _seen(trial, LARGER)
    limit = trial.rule(UNIT, ACCURACY)
    measured = _or_why(
        found, limit.unit, lambda view: _missed(view, larger.view, limit.at_most)
    )
    rule = trial.rule(UNIT, MORE)
    trial.judge(UNIT, measured, rule, channels=_channels(found))


def _missed(view: Seen, larger: Seen | None, limit: float | None) -> Estimate:
    both = [view.found[ACCURACY]] + ([] if larger is None else [larger.found[ACCURACY]])
    if len(both) < 2 or any(math.isnan(one.value) for one in both):
        return Estimate(math.nan, "%", why="the error of one of both is not known")
    nearest = min(both, key=lambda one: abs(one.value))
    return replace(nearest, value=abs(nearest.value) - (limit or 0.0), unseen=None)


@then("the unit's signal reaches the truth as soon as agreed")
def _(trial: Trial) -> None:
    """From the instruction until what is sent is right, to within 5 % of the step."""
    found = _seen(trial)
    measured = _or_why(found, "s", lambda view: view.lag)
    trial.judge(UNIT, measured, trial.rule(UNIT, LAG), channels=_channels(found))


@then("until then it is no further behind than agreed")
def _(trial: Trial) -> None:
    """By how much of the step it is wrong, on average over one read interval."""
    found = _seen(trial)
    measured = _or_why(found, "%", lambda view: _behind(view, found.portfolio))
    trial.judge(UNIT, measured, trial.rule(UNIT, BEHIND), channels=_channels(found))


def _behind(view: Seen, portfolio: Portfolio | None) -> Estimate:
    if portfolio is None or portfolio.event is None:
        return Estimate(math.nan, "%", why="nothing was asked of the unit")
    at_s = view.sent.time_s
    # From where the truth has moved: what comes before is the device's response.
    begins = portfolio.event.from_s
    before = view.true_w[(at_s >= begins - 60) & (at_s < begins)]
    during = view.true_w[(at_s >= begins) & (at_s < portfolio.event.until_s)]
    if not before.size or not during.size:
        return Estimate(math.nan, "%", why="the step was not seen")
    high_w, low_w = float(np.median(before)), float(np.median(during))
    moved = np.abs(view.true_w - low_w) < 0.1 * abs(high_w - low_w)
    there = np.flatnonzero((at_s >= begins) & moved)
    if not there.size or high_w == low_w:
        return Estimate(math.nan, "%", why="the truth never made the step")
    window = slice(int(there[0]), int(there[0]) + portfolio.metering.interval_s)
    apart_w = np.abs(view.sent.power_w[window] - view.true_w[window])
    value = 100 * float(np.mean(apart_w)) / abs(high_w - low_w)
    # One second's sampling at either end of the interval.
    u = 100 / portfolio.metering.interval_s / math.sqrt(6)
    return Estimate(value, "%", (Contribution("sampling interval", u),))


@then("the unit stands in a table of every edition of operational metering")
def _(trial: Trial) -> None:
    """The unit by the rules of every regime and edition; no verdict."""
    found = _seen(trial)
    if found.view is None:
        return
    stands = access(
        found.view.found,
        regimes(trial.session.rulebook),
        decision_rule=trial.session.assignment.decision_rule,
        complete=trial.recording.complete,
    )
    title = f"A unit of {_asked(trial).homes:,} homes, every edition"
    note_table(trial.node, title, access_table(stands))


def _asked(trial: Trial) -> LikeHomes:
    if not trial.plan.units:
        raise FeatureError(
            f"“{trial.step_text}”", "there is no unit", "Given 1,000 homes like it, …"
        )
    return trial.plan.units[-1]


def _seen(trial: Trial, times: int = 1) -> _Views:
    """The unit, or one so many times as large; each is worked out once."""
    views = trial.node.stash.setdefault(_VIEWS, {})
    if times not in views:
        views[times] = _worked_out(trial, times)
    return views[times]


def _worked_out(trial: Trial, times: int) -> _Views:
    asked, recording = _asked(trial), trial.recording
    role = asked.role
    meter = trial.view(role)
    if meter is None:
        return _Views(None, None, None, f"no independent meter saw the {role}")
    trouble = trial.trouble(meter, _first_s(trial))
    if trouble:
        return _Views(meter, None, None, trouble)
    try:
        lessons = learn([Scene("this scenario", recording)], role)
    except EvidenceError as error:
        return _Views(meter, None, None, error.fact)
    if times == 1:
        title = f"What the bench told of the {asset_name(role)}"
        note_table(trial.node, title, lessons.table())
    accuracy = trial.rule(role, METER_ERROR).at_most or 0.0
    how = Asked(
        asked.interval_s, asked.staggered, accuracy / 100, asked.bias_percent / 100
    )
    seed = trial.session.assignment.rig.rig.seed
    portfolio = unit_like(recording, meter, role, lessons, how, seed=seed)
    if isinstance(portfolio, str):
        return _Views(meter, None, None, portfolio)
    unit = unit_of(portfolio, asked.homes * times)
    return _Views(meter, portfolio, seen(portfolio, unit, reference=meter.quality))


def _first_s(trial: Trial) -> float:
    """When the first instruction went out; 0 if none did. [s]"""
    times = [one.from_clock_s for one in trial.plan.instructions]
    return trial.plan.bench_s(min(times)) if times else 0.0


def _or_why(found: _Views, unit: str, measure: Callable[[Seen], Estimate]) -> Estimate:
    if found.view is None:
        return Estimate(math.nan, unit, why=found.why)
    return measure(found.view)


def _channels(found: _Views) -> tuple[str, ...]:
    return () if found.meter is None else (found.meter.channel,)
