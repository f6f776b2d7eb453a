"""The DSO's signals over HTTP, and the reading a minute that it gets back.

What the DSO's control room received is compared with the boundary meter; who sent what
and how it was answered is judged from the log.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.flexible_power import MINUTE_S, Asset
from harness.steps.constraint import ahead_of_delivery, judge_nothing_sent
from harness.steps.trial import Trial
from harness.steps.words import HOME, clock_s, span_s, table_rows
from harness.trial.plan import Plan
from harness.trial.planned import GARBLED, UNKNOWN, MarketAct
from harness.trial.view import MeterView, log_of, starts_at

DSO = str(Actor.DSO)


@given("the DSO speaks to the aggregator over HTTP")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """One row: the service, zone and unit that its signals name."""
    rows = table_rows(datatable, ("service", "zone", "unit"), "what the DSO calls")
    if len(rows) != 1:
        raise FeatureError("what the DSO calls", f"has {len(rows)} rows", "one row")
    row = rows[0]
    plan.over_http = Asset(row["service"], row["zone"], row["unit"])


def _signal(
    plan: Plan, kind: str, at: str, start: str = "", end: str = "", detail: str = ""
) -> None:
    if plan.over_http is None:
        hint = "a Given with what it calls over HTTP"
        raise FeatureError(f"“at {at}”", "the DSO does not speak over HTTP", hint)
    from_s, until_s = span_s(start, end) if start else (0.0, 0.0)
    if start and clock_s(at) > from_s:
        raise FeatureError(f"“at {at}”", f"is after {start}", "an earlier time")
    plan.acts.append(MarketAct(kind, DSO, clock_s(at), from_s, until_s, detail))


@when(parsers.parse("the DSO sends a start at {at} for {start} to {end}"))
def _(plan: Plan, at: str, start: str, end: str) -> None:
    """Its control room calls the agreed capacity."""
    _signal(plan, "dispatch", at, start, end)


@when(
    parsers.parse("somebody without credentials sends it at {at} for {start} to {end}")
)
def _(plan: Plan, at: str, start: str, end: str) -> None:
    """The same start, from somebody who guesses the token."""
    _signal(plan, "dispatch", at, start, end, UNKNOWN)


@when(parsers.parse("half of a start arrives at {at} for {start} to {end}"))
def _(plan: Plan, at: str, start: str, end: str) -> None:
    """A start whose body is cut off."""
    _signal(plan, "dispatch", at, start, end, GARBLED)


@when(parsers.parse("the DSO sends a stop at {at}"))
def _(plan: Plan, at: str) -> None:
    """What was called ends now; it can be called again."""
    _signal(plan, "stop", at)


@when(parsers.parse("the DSO sends an emergency stop at {at}"))
def _(plan: Plan, at: str) -> None:
    """What was called ends now, and nothing can be called any more."""
    _signal(plan, "emergency stop", at)


@then("the start came as far ahead as Flexible Power has it")
def _(trial: Trial) -> None:
    """From the aggregator's answer to the beginning of delivery."""
    measured = ahead_of_delivery(trial)
    trial.judge(HOME, measured, trial.rule(HOME, "start ahead"), witness=Witness.LOG)


@then(parsers.parse("the last signal is answered with {status:d}"))
def _(trial: Trial, status: int) -> None:
    """How many signals at the end of the plan were answered otherwise."""
    rule = trial.named_rule("flexible_power_pages/answered-otherwise")
    answers = log_of(trial.recording, Actor.AGGREGATOR, "answers")
    last = answers[-1].detail if answers else {}
    said = f"answered with {last.get('status', 'nothing')}: {last.get('body', '')}"
    wrong = last.get("status") != status
    measured = Estimate(float(wrong), "signals", why=said if wrong else "")
    trial.judge(HOME, measured, rule, witness=Witness.LOG, reason=said)


@then("nothing was asked of the home")
def _(trial: Trial) -> None:
    """How many instructions devices were sent."""
    judge_nothing_sent(trial)


@then(parsers.parse("the DSO holds a reading for every minute from {start} to {end}"))
def _(trial: Trial, start: str, end: str) -> None:
    """Share of the whole minutes for which it received one, stamped with their end."""
    rule = trial.rule(HOME, "readings received")
    ends_s, received = _minutes(trial, start, end), _received(trial)
    missing = [at_s for at_s in ends_s if _at(trial, at_s) not in received]
    measured = Estimate(100 * (1 - len(missing) / len(ends_s)), "%")
    said = f"none for the minute to {trial.clock(missing[0])}" if missing else ""
    trial.judge(HOME, measured, rule, witness=Witness.LOG, reason=said)


@then(parsers.parse("they are what the meter saw, from {start} to {end}"))
def _(trial: Trial, start: str, end: str) -> None:
    """Largest difference of a reading from the boundary meter's minute; of the mean."""
    rule, view = trial.rule(HOME, "reading against meter"), trial.view(HOME)
    if view is None:
        nothing = Estimate(math.nan, "%", why="no boundary meter")
        trial.judge(HOME, nothing, rule, channels=(f"{HOME}.power_w",))
        return
    ends_s, received = _minutes(trial, start, end), _received(trial)
    trouble = trial.trouble(view, ends_s[0])
    measured = _furthest(trial, view, ends_s, received)
    if trouble:
        measured = Estimate(math.nan, "%", why=trouble)
    when = "; ".join(f"{name} {trial.clock(at_s)}" for name, at_s in measured.marks)
    trial.judge(HOME, measured, rule, channels=(view.channel,), reason=when)


def _furthest(
    trial: Trial,
    view: MeterView,
    ends_s: list[float],
    received: dict[datetime, LogEntry],
) -> Estimate:
    """The largest difference of a reading from its minute on the meter. [%]"""
    worst = Estimate(math.nan, "%", why="the DSO received none of these minutes")
    minutes_w = [_mean_w(view, at_s) for at_s in ends_s]
    scale_w = float(np.nanmax(np.abs(minutes_w))) if np.isfinite(minutes_w).any() else 0
    for at_s, mean_w in zip(ends_s, minutes_w, strict=True):
        found = received.get(_at(trial, at_s))
        if found is None or math.isnan(mean_w) or not scale_w:
            continue
        said_w = 1e3 * float(str(found.detail["export_kw"]))
        apart = 100 * abs(said_w + mean_w) / scale_w
        if not apart <= worst.value:
            worst = Estimate(apart, "%", marks=(("the minute to", at_s),))
    return worst


def _mean_w(view: MeterView, ends_s: float) -> float:
    """A minute's mean on the meter, import positive. [W]"""
    inside = (view.time_s > ends_s - MINUTE_S) & (view.time_s <= ends_s)
    power_w = view.power_w[inside & np.isfinite(view.power_w)]
    return float(power_w.mean()) if power_w.size else math.nan


def _minutes(trial: Trial, start: str, end: str) -> list[float]:
    """The ends of the whole minutes between two clock times. [s]"""
    from_s, until_s = (trial.plan.bench_s(one) for one in span_s(start, end))
    count = int((until_s - from_s) // MINUTE_S)
    if count < 1 or until_s + MINUTE_S > trial.plan.duration_s:
        fact = f"from {start} to {end} there are no whole minutes of the plan"
        raise FeatureError(f"“{trial.step_text}”", fact, "minutes that end before it")
    return [from_s + MINUTE_S * (number + 1) for number in range(count)]


def _at(trial: Trial, bench_s: float) -> datetime:
    """A bench time as the instant that devices' clocks showed."""
    at = starts_at(trial.recording).astimezone(UTC) + timedelta(seconds=bench_s)
    return at.replace(microsecond=0)


def _received(trial: Trial) -> dict[datetime, LogEntry]:
    """What the control room received, by the end of its minute; the latest counts."""
    assert trial.plan.over_http is not None  # noqa: S101 - the signals' steps saw to it
    return {
        datetime.fromisoformat(str(one.detail["ends_at"])): one
        for one in log_of(trial.recording, DSO, "receives")
        if one.detail["unit"] == trial.plan.over_http.unit
    }
