"""Tests of meters: load points, and registers against a reference standard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Estimate
from harness.analysis.registers import RegisterQuality, dwell_needed, register_error
from harness.analysis.uncertainty import Shape
from harness.checks.verdict import LOAD_POINT
from harness.core.circuit import NOMINAL_V
from harness.core.errors import FeatureError
from harness.core.quantities import parse_quantity
from harness.core.recording import Channel, LogEntry
from harness.rig.file import MeterTable
from harness.rulebook.conditions import Condition, meets, states, told
from harness.rulebook.rule import Rule
from harness.steps.trial import Trial
from harness.steps.words import asset_name, role_of
from harness.trial.plan import Plan
from harness.trial.planned import LoadPoint
from harness.trial.view import log_of, meter_facts

BEGINS_CLOCK_S = 9 * 3600.0
"""When the first load point is set, if nobody says. [s]"""
SETTLE_S = 60.0
"""From setting a load until registers are compared: both settle. [s]"""
READS_S = 60.0
"""A register is read at least this often: so much longer the load stands. [s]"""
WITHOUT_RIG_S = 600.0
METER_ERROR, CLOCK, PERIOD, STORED = (
    "meter error", "clock error", "period length", "days stored",
)  # fmt: skip
PERIOD_S = 1800.0
ENERGY = "energy_import_wh"


@given(parsers.parse("the {meter} is tested against the {reference}"))
def _(plan: Plan, meter: str, reference: str) -> None:
    """Which reference standard a meter's register is compared with."""
    plan.references[role_of(meter)] = role_of(reference)


@when(parsers.parse("the load bank draws {current} at power factor {factor}"))
def _(trial: Trial, current: str, factor: str) -> None:
    """A load point, for as long as the registers under test need to tell."""
    plan, role = trial.plan, "load_bank"
    plan.need(role)
    number, leading = power_factor_of(factor)
    current_a = amperes_of(current)
    begins_s = max((one.until_clock_s for one in plan.load_points), default=None)
    from_s = BEGINS_CLOCK_S if begins_s is None else begins_s
    point = _Point(current_a, number, leading)
    lasts_s = SETTLE_S + _dwell_s(trial, point)
    plan.load_points.append(
        LoadPoint(role, current_a, number, leading, from_s, from_s + lasts_s)
    )


def amperes_of(text: str) -> float:
    try:
        got = parse_quantity(text)
    except ValueError as error:
        raise FeatureError(f"“{text}”", str(error), "a current, such as 5 A") from error
    if got.unit != "A" or got.value <= 0:
        raise FeatureError(f"“{text}”", "is no current", "5 A")
    return got.value


def power_factor_of(text: str) -> tuple[float, bool]:
    """``0.5 inductive`` is (0.5, False), ``0.8 capacitive`` (0.8, True)."""
    number, _, side = text.partition(" ")
    try:
        factor = float(number)
    except ValueError:
        factor = math.nan
    sides = {"": factor == 1, "inductive": factor < 1, "capacitive": factor < 1}
    if not 0 < factor <= 1 or not sides.get(side, False):
        raise FeatureError(
            f"“power factor {text}”", "is none", "1, 0.5 inductive or 0.8 capacitive"
        )
    return factor, side == "capacitive"


def _dwell_s(trial: Trial, point: _Point) -> float:
    """How long the slowest register under test needs, in whole readings. [s]

    Without a rig, when a feature is only read, any time will do.
    """
    if trial.session is None:
        return WITHOUT_RIG_S
    meters = trial.session.assignment.rig.meter
    found = [READS_S]
    for role, reference in trial.plan.references.items():
        if role in meters and reference in meters:
            rating = meters[role].rating
            printed = None if rating is None else rating.model_dump()
            bound = _nearest(_rule_at(trial, role, point, printed))
            needed_s = dwell_needed(
                point.power_w,
                bound,
                meter=_quality_of(meters[role], judged=True),
                reference=_quality_of(meters[reference], judged=False),
            )
            found.append(needed_s)
    return math.ceil(max(found) / READS_S) * READS_S + 2 * READS_S


@dataclass(frozen=True, slots=True)
class _Point:
    """A load point, as rules state where they hold."""

    current_a: float
    power_factor: float
    leading: bool

    @property
    def power_w(self) -> float:
        return NOMINAL_V * self.current_a * self.power_factor

    @property
    def factor_text(self) -> str:
        side = "capacitive" if self.leading else "inductive"
        return "1" if self.power_factor == 1 else f"{self.power_factor:g} {side}"

    def __str__(self) -> str:
        return f"{self.current_a:g} A at power factor {self.factor_text}"


def _rule_at(
    trial: Trial, role: str, point: _Point, rating: Mapping[str, Any] | None
) -> Rule:
    """Return the published limit on a meter's error that holds at a load point.

    Raises
    ------
    FeatureError
        If none of those that the feature file quotes does, or more than one: then
        nothing would be proved by it.
    """
    quoted = [
        trial.named_rule(rule_id)
        for (whose, quantity), rule_id in trial.limits.items()
        if whose == role and quantity.startswith(METER_ERROR)
    ]
    asked = {"power_factor": point.factor_text} | _of_rating(rating, point.current_a)
    holding = [rule for rule in quoted if _holds(rule, asked)]
    if len(holding) == 1:
        return holding[0]
    ids = ", ".join(rule.id for rule in holding or quoted) or "none"
    raise FeatureError(
        f"the limits of the {asset_name(role)}",
        f"{len(holding)} of those quoted hold at {point}: {ids}",
        f"one rule for each load point, and [meter.{role}.rating] in the rig",
    )


def _holds(rule: Rule, asked: Mapping[str, Condition]) -> bool:
    for key in ("power_factor", "current_percent", "current_range"):
        if states(rule, key) and (key not in asked or not meets(rule, key, asked[key])):
            return False
    return True


def _nearest(rule: Rule) -> float:
    """The size of the nearest bound on an error. [%]"""
    return min(abs(one) for one in (rule.at_least, rule.at_most) if one is not None)


def _quality_of(meter: MeterTable, *, judged: bool) -> RegisterQuality:
    card = meter.calibration
    facts = {"calibration": card.model_dump(), "relative_u": card.relative_u}
    return _register_quality(facts, judged=judged)


def _register_quality(facts: Mapping[str, Any], *, judged: bool) -> RegisterQuality:
    """A register as its card tells it; the gain of the judged one is what is judged."""
    card = facts["calibration"]
    even = card["basis"] == "class"
    return RegisterQuality(
        source=str(card["document"]),
        step_wh=float(card["energy_resolution_wh"]),
        refresh_s=float(card["update_interval_s"]),
        relative_u=0.0 if judged else float(facts["relative_u"]),
        relative_shape=Shape.RECTANGULAR if even else Shape.NORMAL,
    )


@then(parsers.parse("the {meter}'s register agrees with the {reference}"))
def _(trial: Trial, meter: str, reference: str) -> None:
    """The error of a meter's energy register at each load point, by a standard's."""
    role, standard = role_of(meter), role_of(reference)
    if trial.plan.references.get(role) != standard:
        raise FeatureError(
            f"“{trial.step_text}”",
            f"nobody said that the {meter} is tested against the {reference}",
            f"Given the {meter} is tested against the {reference}",
        )
    own = _energy_channel(trial, role)
    known = _energy_channel(trial, standard)
    rating = meter_facts(trial.recording)[role].get("rating")
    points = _points_set(trial)
    for point, begun_s, ended_s in points:
        rule = _rule_at(trial, role, point, rating)
        if own is None or known is None:
            measured = Estimate(math.nan, "%", why="a register was never read")
        else:
            measured = _error_at(trial, own, known, (begun_s, ended_s))
        trial.judge(
            role,
            measured,
            rule,
            channels=(f"{standard}.{ENERGY}", f"{role}.{ENERGY}"),
            details=_load_point_details(rule, point, ended_s - begun_s),
        )
    if not points:
        raise FeatureError(
            f"“{trial.step_text}”", "no load was set", "When the load bank draws 5 A …"
        )


def _energy_channel(trial: Trial, role: str) -> Channel | None:
    return trial.recording.channel(role, ENERGY)


def _points_set(trial: Trial) -> list[tuple[_Point, float, float]]:
    """Every load that was set, from when to when it stood. [s]"""
    settings = log_of(trial.recording, "bench", "sets load")
    ends = [entry.time_s for entry in settings[1:]] + [trial.plan.duration_s]
    return [
        (_point_of(entry), entry.time_s, until_s)
        for entry, until_s in zip(settings, ends, strict=True)
        if _point_of(entry).current_a > 0
    ]


def _point_of(entry: LogEntry) -> _Point:
    detail = entry.detail
    current_a, factor = (
        float(str(detail[key])) for key in ("current_a", "power_factor")
    )
    return _Point(current_a, factor, bool(detail["leading"]))


def _error_at(
    trial: Trial, own: Channel, known: Channel, span_s: tuple[float, float]
) -> Estimate:
    facts = meter_facts(trial.recording)
    return register_error(
        own.time_s, own.arrival_s, own.values,
        known.time_s, known.arrival_s, known.values,
        from_s=span_s[0] + SETTLE_S,
        until_s=span_s[1],
        meter=_register_quality(facts[own.role], judged=True),
        reference=_register_quality(facts[known.role], judged=False),
    )  # fmt: skip


def _load_point_details(rule: Rule, point: _Point, stood_s: float) -> dict[str, object]:
    """The load point for the report, and what of the rule's conditions was not seen."""
    details: dict[str, object] = {LOAD_POINT: str(point), "load_stood_s": stood_s}
    if states(rule, "temperature_c"):
        details["not_measured"] = told(rule, "temperature_c")
    return details


def _of_rating(
    rating: Mapping[str, Any] | None, current_a: float
) -> dict[str, Condition]:
    """Where a current lies in a meter's rating; nothing is known without one."""
    if rating is None:
        return {}
    basic_a = float(rating["basic_a"])
    itr_a = float(rating["transitional_a"] or basic_a / 10)
    imin_a = float(rating["minimum_a"] or itr_a / 2)
    found: dict[str, Condition] = {"current_percent": 100 * current_a / basic_a}
    if imin_a <= current_a < itr_a:
        found["current_range"] = "Imin to Itr"
    elif itr_a <= current_a <= float(rating["maximum_a"]):
        found["current_range"] = "Itr to Imax"
    return found
