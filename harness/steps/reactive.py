"""Reactive power, power factor and voltage at the boundary, as its meter saw them.

What is drawn counts positive: active power as import, reactive power as an inductor
takes it (lagging, IEC 60375). A power factor is ``|P| / √(P² + Q²)``, without a sign.
``docs/definitions.md``, "power factor at the boundary".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pytest_bdd import parsers, then, when

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import MeterQuality, rectangular_u
from harness.analysis.series import Mask, between
from harness.core.circuit import NOMINAL_V
from harness.core.errors import FeatureError
from harness.core.recording import Series
from harness.rulebook.rule import Rule
from harness.steps.event import BASELINE_WINDOW_S
from harness.steps.load_points import amperes_of, power_factor_of
from harness.steps.trial import Trial
from harness.steps.words import HOME, clock_s, role_of, span_s
from harness.trial.plan import Plan
from harness.trial.planned import LoadPoint, ReactiveCall
from harness.trial.view import MeterView

VOLTAGE_ERROR = 0.005
"""Error bound of a bench meter's voltage, of its reading: that of the makers' sheets of
the Eastron SDM meters, from general knowledge (unverified)."""
THD = "voltage_thd_percent"
THD_ERROR = 0.05
"""Error bound of a bench meter's distortion, of its reading: class II of IEC 61000-4-7,
5 % of the reading, from general knowledge (unverified)."""
SETTLES_S = 30.0
"""What happens so soon after a call is not part of a mean or an extreme. [s]"""
_WAYS = {"take": 1.0, "give": -1.0}


@when(
    parsers.parse(
        "the {actor:w} has the {asset} {way:w} {kvar:g} kvar from {start} to {end}"
    )
)
def _(
    plan: Plan, actor: str, asset: str, way: str, kvar: float, start: str, end: str
) -> None:
    """An inverter takes reactive power as an inductor does, or gives it."""
    if way not in _WAYS:
        raise FeatureError(f"“{way} {kvar:g} kvar”", "is no way", "take, give")
    if not kvar > 0:
        raise FeatureError(f"“{kvar:g} kvar”", "is nothing", "3 kvar")
    role = role_of(asset)
    plan.need(role)
    plan.reactive.append(
        ReactiveCall(actor, role, _WAYS[way] * kvar * 1e3, *span_s(start, end))
    )


@when(
    parsers.parse(
        "from {start} to {end} the load bank takes {current} at power factor {factor}"
    )
)
def _(plan: Plan, start: str, end: str, current: str, factor: str) -> None:
    """A load with a power factor of its own."""
    plan.need("load_bank")
    number, leading = power_factor_of(factor)
    plan.load_points.append(
        LoadPoint(
            "load_bank", amperes_of(current), number, leading, *span_s(start, end)
        )
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the boundary meter said in a window, and before anything happened."""

    view: MeterView
    during: dict[str, Series]
    before: dict[str, Series]

    @property
    def quality(self) -> MeterQuality:
        return self.view.quality


QUANTITIES = ("power_w", "reactive_var", "voltage_v", "current_a")


def _seen(trial: Trial, rule: Rule, start: str, end: str) -> _Seen | None:
    """Look at the boundary in a window, or judge that it cannot be looked at."""
    view = trial.view(HOME)
    from_s, until_s = (trial.plan.bench_s(clock_s(at)) for at in (start, end))
    why = "no boundary meter saw it" if view is None else trial.trouble(view, from_s)
    during: dict[str, Series] = {}
    before: dict[str, Series] = {}
    if view is not None and not why:
        during = _window(trial, view, from_s + SETTLES_S, until_s)
        before = _window(
            trial, view, _quiet_s(trial) - BASELINE_WINDOW_S, _quiet_s(trial)
        )
        lacks = [name for name in QUANTITIES if not during[name].size]
        why = f"the meter told no {', '.join(lacks)} then" if lacks else ""
    if view is None or why:
        channel = f"{HOME}.power_w" if view is None else view.channel
        nothing = Estimate(math.nan, rule.unit, why=why)
        trial.judge(HOME, nothing, rule, channels=(channel,))
        return None
    return _Seen(view, during, before)


def _quiet_s(trial: Trial) -> float:
    """When reactive power was first called for. [s]"""
    calls = [trial.plan.bench_s(one.from_clock_s) for one in trial.plan.reactive]
    return min(calls, default=BASELINE_WINDOW_S)


def _window(
    trial: Trial, view: MeterView, from_s: float, until_s: float
) -> dict[str, Series]:
    """Return each quantity's finite readings in a window."""
    found = {}
    for name in QUANTITIES:
        channel = trial.recording.channel(view.meter, name)
        values = np.empty(0)
        if channel is not None:
            _, values = between(channel.time_s, channel.values, from_s, until_s)
        found[name] = values[np.isfinite(values)]
    return found


def _channels(seen: _Seen, *names: str) -> tuple[str, ...]:
    return tuple(f"{seen.view.meter}.{name}" for name in names)


@then(parsers.parse("the power factor at the boundary is good from {start} to {end}"))
def _(trial: Trial, start: str, end: str) -> None:
    """The lowest power factor of all readings in the window."""
    rule = trial.rule(HOME, "power factor")
    seen = _seen(trial, rule, start, end)
    if seen is None:
        return
    both = zip(seen.during["power_w"], seen.during["reactive_var"], strict=False)
    factors = [abs(p) / math.hypot(p, q) for p, q in both if math.hypot(p, q) > 0]
    measured = (
        _power_factor(min(factors), seen.quality)
        if factors
        else Estimate(math.nan, "%", why="nothing flowed")
    )
    details = {"before": _factor_of(seen.before), "convention": "lagging is positive"}
    channels = _channels(seen, "power_w", "reactive_var")
    trial.judge(HOME, measured, rule, channels=channels, details=details)


def _factor_of(readings: dict[str, Series]) -> float:
    if not readings["power_w"].size or not readings["reactive_var"].size:
        return math.nan
    p, q = float(readings["power_w"].mean()), float(readings["reactive_var"].mean())
    apparent = math.hypot(p, q)
    return abs(p) / apparent if apparent else math.nan


def _power_factor(factor: float, quality: MeterQuality) -> Estimate:
    """A power factor in percent; P and Q are each uncertain by the meter's own u."""
    u = 100 * factor * (1 - factor**2) * math.sqrt(2) * quality.relative_u
    step = 100 * quality.absolute_u_w / 1000
    lines = (
        Contribution("active against reactive", u, "B", quality.source),
        Contribution("meter's step", step, "B", quality.source),
    )
    return Estimate(100 * factor, "%", lines)


@then(
    parsers.parse(
        "the voltage at the boundary is inside its limits from {start} to {end}"
    )
)
def _(trial: Trial, start: str, end: str) -> None:
    """The reading that is farthest from the middle of what is allowed."""
    rule = trial.rule(HOME, "voltage")
    seen = _seen(trial, rule, start, end)
    if seen is None:
        return
    volts = seen.during["voltage_v"]
    middle = 1 + ((rule.at_most or 0.0) + (rule.at_least or 0.0)) / 200
    worst_v = float(volts[int(np.argmax(np.abs(volts - middle * NOMINAL_V)))])
    percent = 100 * (worst_v / NOMINAL_V - 1)
    u = rectangular_u(100 * VOLTAGE_ERROR * worst_v / NOMINAL_V)
    measured = Estimate(percent, "%", (Contribution("meter's voltage", u),))
    details = {"volts": worst_v, "before": float(np.mean(seen.before["voltage_v"]))}
    channels = _channels(seen, "voltage_v")
    trial.judge(HOME, measured, rule, channels=channels, details=details)


@then(
    parsers.parse(
        "the voltage at the boundary {way:w} by as much as asked from {start} to {end}"
    )
)
def _(trial: Trial, way: str, start: str, end: str) -> None:
    """Mean voltage before the call against the window's, in the way asked for."""
    signs = {"falls": -1.0, "rises": 1.0}
    if way not in signs:
        raise FeatureError(f"“the voltage {way}”", "is no way", "falls, rises")
    rule = trial.rule(HOME, "voltage moved")
    seen = _seen(trial, rule, start, end)
    if seen is None:
        return
    before, during = seen.before["voltage_v"], seen.during["voltage_v"]
    if not before.size:
        measured = Estimate(math.nan, "V", why="nothing was seen before the call")
    else:
        moved_v = signs[way] * (float(during.mean()) - float(before.mean()))
        # One meter's gain acts on the difference; mains wander in either mean.
        gain = rectangular_u(VOLTAGE_ERROR * abs(moved_v))
        wander = math.hypot(float(before.std()), float(during.std()))
        lines = (
            Contribution("meter's voltage", gain),
            Contribution("mains wander", wander, "A", "the readings"),
        )
        measured = Estimate(moved_v, "V", lines)
    trial.judge(HOME, measured, rule, channels=_channels(seen, "voltage_v"))


def _saved(seen: _Seen, before: float, during: float, power: int) -> Estimate:
    """How much less of something there is, by a current or power to a power. [%]"""
    if not before > 0:
        return Estimate(math.nan, "%", why="nothing flowed before the call")
    ratio = during / before
    # One meter saw both: of its gain only what changes with the load is left, which
    # its card does not tell; all of it is taken.
    u = 100 * power * ratio**power * seen.quality.relative_u
    line = Contribution("meter, at either load", u, "B", seen.quality.source)
    return Estimate(100 * (1 - ratio**power), "%", (line,))


@then(parsers.parse("the feeder loses less from {start} to {end}"))
def _(trial: Trial, start: str, end: str) -> None:
    """Losses go with the square of the current; that before the call is all of it."""
    rule = trial.rule(HOME, "losses saved")
    seen = _seen(trial, rule, start, end)
    if seen is None:
        return
    before, during = (
        float(one["current_a"].mean()) if one["current_a"].size else 0.0
        for one in (seen.before, seen.during)
    )
    measured = _saved(seen, before, during, power=2)
    trial.judge(HOME, measured, rule, channels=_channels(seen, "current_a"))


@then(parsers.parse("the home's apparent power is lower from {start} to {end}"))
def _(trial: Trial, start: str, end: str) -> None:
    """Mean of ``√(P² + Q²)`` in the window against before the call."""
    rule = trial.rule(HOME, "apparent power saved")
    seen = _seen(trial, rule, start, end)
    if seen is None:
        return
    before, during = (_apparent_va(one) for one in (seen.before, seen.during))
    measured = _saved(seen, before, during, power=1)
    channels = _channels(seen, "power_w", "reactive_var")
    trial.judge(HOME, measured, rule, channels=channels)


def _apparent_va(readings: dict[str, Series]) -> float:
    if not readings["power_w"].size or not readings["reactive_var"].size:
        return 0.0
    return math.hypot(
        float(readings["power_w"].mean()), float(readings["reactive_var"].mean())
    )


@then(
    parsers.parse(
        "the distortion at the boundary is inside its limit from {start} to {end}"
    )
)
def _(trial: Trial, start: str, end: str) -> None:
    """The largest distortion of the voltage that the meter told in the window."""
    _judge_distortion(trial, start, end, "distortion", largest=True)


@then(
    parsers.parse("the distortion at the boundary was outside it from {start} to {end}")
)
def _(trial: Trial, start: str, end: str) -> None:
    """The least distortion before: there was something to manage."""
    _judge_distortion(trial, start, end, "distortion before", largest=False)


def _judge_distortion(
    trial: Trial, start: str, end: str, quantity: str, *, largest: bool
) -> None:
    rule, view = trial.rule(HOME, quantity), trial.view(HOME)
    from_s, until_s = (trial.plan.bench_s(clock_s(at)) for at in (start, end))
    why = "no boundary meter saw it" if view is None else trial.trouble(view, from_s)
    channel = None
    if view is not None:
        channel = trial.recording.channel(view.meter, THD)
    if channel is None:
        why = why or "the meter told no distortion"
    measured = Estimate(math.nan, "%", why=why)
    if channel is not None and not why:
        _t, percent = between(channel.time_s, channel.values, from_s, until_s)
        seen = percent[np.isfinite(percent)]
        if not seen.size or seen.size < percent.size:
            why = "the meter told no distortion for a part of it"
            measured = Estimate(math.nan, "%", why=why)
        else:
            worst = float(seen.max() if largest else seen.min())
            line = Contribution("meter's distortion", rectangular_u(THD_ERROR * worst))
            measured = Estimate(worst, "%", (line,))
    name = f"{HOME}.{THD}" if view is None else f"{view.meter}.{THD}"
    trial.judge(HOME, measured, rule, channels=(name,))


@then(parsers.parse("the voltage at the boundary is back inside its limits after {at}"))
def _(trial: Trial, at: str) -> None:
    """From a moment until the last reading outside the limits, and one reading more."""
    rule, limits = trial.rule(HOME, "voltage back"), trial.rule(HOME, "voltage")
    view = trial.view(HOME)
    from_s = trial.plan.bench_s(clock_s(at))
    why = "no boundary meter saw it" if view is None else trial.trouble(view, from_s)
    channel = None if view is None else trial.recording.channel(view.meter, "voltage_v")
    if view is None or channel is None or why:
        nothing = Estimate(math.nan, "s", why=why or "the meter told no voltage")
        trial.judge(HOME, nothing, rule, channels=(f"{HOME}.voltage_v",))
        return
    # What is no longer held up when the call has ended is another matter.
    ends = [trial.plan.bench_s(one.until_clock_s) for one in trial.plan.reactive]
    until_s = min(ends, default=trial.plan.duration_s)
    t, volts = between(channel.time_s, channel.values, from_s, until_s)
    percent = 100 * (volts / NOMINAL_V - 1)
    margin = 2 * rectangular_u(100 * VOLTAGE_ERROR)
    outside = ~(
        (percent >= (limits.at_least or 0.0) + margin)
        & (percent <= (limits.at_most or 0.0) - margin)
    )
    measured = _back(t, outside, from_s)
    trial.judge(HOME, measured, rule, channels=(f"{view.meter}.voltage_v",))


def _back(t: Series, outside: Mask, from_s: float) -> Estimate:
    """When readings were last outside, by more than their uncertainty hides."""
    if t.size < 2:
        return Estimate(math.nan, "s", why="no reading of the voltage")
    bad = np.flatnonzero(outside)
    if not bad.size:
        why = "it never left its limits: there was nothing to come back from"
        return Estimate(math.nan, "s", why=why)
    spacing_s = float(np.median(np.diff(t)))
    if bad[-1] + 1 >= t.size:
        return Estimate(float(t[-1] - from_s), "s", unseen=(t[-1] - from_s, math.inf))
    back_s = float(t[bad[-1] + 1] - from_s)
    line = Contribution("sampling interval", spacing_s / math.sqrt(3), "B", "readings")
    return Estimate(back_s, "s", (line,))
