"""From a measured value with its uncertainty to one of six outcomes.

Decision rules of ILAC-G8:09/2019, agreed before measuring (ISO/IEC 17025:2017,
7.1.3). TL is the rule's bound, exact as published; U the expanded uncertainty; the
guard band is w = r·U, with r = 1 unless the rule's name says otherwise:

``simple``
    4.2.1: inside TL is a pass, outside a fail; U is reported, not used.
``guard-band``, ``guard-band:0.83``
    4.2.2: a pass only if inside by at least w, otherwise a fail. Where w leaves no
    room between two bounds no value could pass, whatever the device did: then the
    four-way words are used, because it is the bench that fell short.
``non-binary``, ``non-binary:0.83``
    4.2.3: inside by w pass; inside conditional pass; outside by at most w conditional
    fail; further outside fail.

A value on the bound is inside. ``docs/definitions.md``, "decision rules".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN
from harness.checks.verdict import Outcome
from harness.core.errors import RuleError, UsageError
from harness.rulebook.rule import Rule

SIMPLE, GUARD_BAND, NON_BINARY = "simple", "guard-band", "non-binary"
DECISION_RULES = (SIMPLE, GUARD_BAND, NON_BINARY)
"""Names; the last two may carry their r, as in ``guard-band:0.83``."""
FORMS = f"{', '.join(DECISION_RULES)}, or with its r: {GUARD_BAND}:0.83"
_RULE = re.compile(rf"({'|'.join(DECISION_RULES)})(?::(\d+(?:\.\d+)?))?")

CLASSES = ((0.2, "0.2 S"), (0.5, "C (0.5)"), (1.0, "B (1)"), (2.0, "A (2)"))
"""Class indices of meters, as a remedy names them. [%]"""

_GOOD = (Outcome.PASS, Outcome.CONDITIONAL_PASS)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision rule made of a value, and why it is not a plain pass."""

    outcome: Outcome
    probability: float
    """Probability that the true value conforms (JCGM 106:2012); ``nan`` unknown."""
    margin: float
    """Distance to the nearest bound, positive inside, in the rule's unit."""
    reason: str = ""
    remedy: str = ""


def decide(
    measured: Estimate, rule: Rule, *, decision_rule: str, complete: bool = True
) -> Decision:
    """Return the outcome of a measured value under a decision rule.

    Parameters
    ----------
    measured : Estimate
        The value with its budget, in the rule's unit.
    rule : Rule
        The bound, one- or two-sided, taken as exact.
    decision_rule : str
        As `decision_rule_of` reads it.
    complete : bool
        False if the recording was cut short: then nothing is decided.

    Raises
    ------
    RuleError
        If value and rule are in different units.
    UsageError
        If there is no such decision rule.
    """
    by = decision_rule_of(decision_rule)
    if measured.unit != rule.unit:
        raise RuleError(
            rule.id,
            f"the rule is in {rule.unit} but the value is in {measured.unit}",
            "a rule about this quantity",
        )
    if math.isnan(measured.value):
        reason = measured.why or "the recording does not say"
        return Decision(
            Outcome.INCONCLUSIVE, math.nan, math.nan, reason, _SEE_IT_HAPPEN
        )
    decided = _decided(measured, measured.value, rule, by)
    if decided.outcome not in _GOOD and (coarse := _too_coarse(measured, rule)):
        decided = _open(decided, coarse, "a meter that is read more often")
    if (unsure := _gaps_could_change(measured, rule, by)) is not None:
        decided = _open(decided, unsure, "a recording without these gaps")
    if not complete:
        reason = f"the recording was cut short; so far it is a {decided.outcome}"
        decided = _open(decided, reason, "running the trial to its end")
    return decided


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How uncertainty enters a verdict."""

    name: str
    """One of `DECISION_RULES`."""
    ratio: float = 1.0
    """r: the guard band is w = r·U."""

    @property
    def worst_false_accept(self) -> float:
        """Largest risk that what it accepts at one bound does not conform.

        For a normal spread (ILAC-G8:09/2019, table 1): 50 % without a guard band,
        2.3 % with w = U.
        """
        ratio = 0.0 if self.name == SIMPLE else self.ratio
        return 0.5 * math.erfc(math.sqrt(2) * ratio)

    def __str__(self) -> str:
        if self.name == SIMPLE:
            return "simple acceptance (ILAC-G8:09/2019, 4.2.1)"
        band = "w = U" if self.ratio == 1 else f"w = {self.ratio:g} U"
        clause = "4.2.2" if self.name == GUARD_BAND else "4.2.3"
        return f"{self.name}, {band} (ILAC-G8:09/2019, {clause})"


def decision_rule_of(text: str) -> DecisionRule:
    """Read a decision rule as people write it: ``guard-band``, ``guard-band:0.83``.

    Raises
    ------
    UsageError
        Naming the ones that there are.
    """
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise UsageError("decision rule", f"there is no {text!r}", FORMS)
    name, ratio = found[1], float(found[2] or 1)
    if (name == SIMPLE and found[2]) or not 0 < ratio <= 3:
        fact = f"{text!r} has no such guard band"
        raise UsageError("decision rule", fact, "an r above 0 and at most 3")
    return DecisionRule(name, ratio)


def conformity_probability(measured: Estimate, rule: Rule) -> float:
    """Return the probability that the true value is inside the bound (JCGM 106:2012).

    ``nan`` if it was not seen, 0 if it never happened.
    """
    if math.isinf(measured.value):
        return 0.0
    return measured.probability(rule.at_least, rule.at_most)


def margin_inside(value: float, rule: Rule) -> float:
    """Return the distance to the nearest bound, positive inside."""
    distances = []
    if rule.at_least is not None:
        distances.append(value - rule.at_least)
    if rule.at_most is not None:
        distances.append(rule.at_most - value)
    return min(distances)


@dataclass(frozen=True, slots=True)
class _Margins:
    """Distances to both bounds, each with its guard band; positive is inside."""

    sides: tuple[tuple[float, float, float], ...]
    """For each bound: the distance, and w towards it and away from it."""
    room: bool
    """Whether the guard bands of two bounds leave any value between them."""

    @classmethod
    def of(
        cls, value: float, reach: tuple[float, float], rule: Rule, ratio: float
    ) -> _Margins:
        below, above = (ratio * side for side in reach)
        sides = []
        if rule.at_least is not None:
            sides.append((value - rule.at_least, below, above))
        if rule.at_most is not None:
            sides.append((rule.at_most - value, above, below))
        return cls(tuple(sides), len(sides) < 2 or below + above < _width(rule))

    @property
    def inside(self) -> bool:
        return all(margin >= 0 for margin, _, _ in self.sides)

    @property
    def surely_inside(self) -> bool:
        return all(margin >= towards for margin, towards, _ in self.sides)

    @property
    def surely_outside(self) -> bool:
        return any(margin < -away for margin, _, away in self.sides)


def _decided(
    measured: Estimate, value: float, rule: Rule, by: DecisionRule
) -> Decision:
    if math.isinf(value):
        reason = measured.why or "it never happened"
        return Decision(Outcome.FAIL, 0.0, -math.inf, reason, _MAKE_IT_HAPPEN)
    margins = _Margins.of(value, measured.reach, rule, by.ratio)
    outcome = _outcome(margins, by)
    return Decision(
        outcome,
        conformity_probability(measured, rule),
        margin_inside(value, rule),
        *_explained(outcome, margins, measured, rule, by),
    )


def _outcome(margins: _Margins, by: DecisionRule) -> Outcome:
    if by.name == SIMPLE:
        return Outcome.PASS if margins.inside else Outcome.FAIL
    if margins.surely_inside:
        return Outcome.PASS
    if by.name == GUARD_BAND and margins.room:
        return Outcome.FAIL
    if margins.inside:
        return Outcome.CONDITIONAL_PASS
    return Outcome.FAIL if margins.surely_outside else Outcome.CONDITIONAL_FAIL


def _explained(
    outcome: Outcome,
    margins: _Margins,
    measured: Estimate,
    rule: Rule,
    by: DecisionRule,
) -> tuple[str, str]:
    """Return why it is not a plain pass, and what would make it one."""
    if outcome is Outcome.PASS:
        return "", ""
    unit, band = measured.unit, "U" if by.ratio == 1 else f"{by.ratio:g} U"
    margin, w, _ = min(margins.sides)
    if margin < 0:
        reason = f"{-margin:.3g} {unit} outside the bound"
        if outcome is Outcome.CONDITIONAL_FAIL:
            away = next(away for one, _, away in margins.sides if one == margin)
            reason += f", within {band} = {away:.2g} {unit}"
        if measured.why:
            reason += f": {measured.why}"
        return reason, _device_remedy(margin, measured, rule)
    # The bound that keeps it from passing, which need not be the nearest.
    margin, w, _ = min(margins.sides, key=lambda side: side[0] - side[1])
    reason = (
        f"inside the bound by {margin:.3g} {unit}, less than {band} = {w:.2g} {unit}"
    )
    if math.isinf(w):
        reason = "inside the bound, but the meter cannot tell that it is"
    if not margins.room:
        half = _width(rule) / 2
        reason += f"; no value can pass while {band} is above {half:.3g} {unit}"
    return reason, _meter_remedy(margin, measured, by)


def _device_remedy(margin: float, measured: Estimate, rule: Rule) -> str:
    lower = rule.at_most is not None and measured.value > rule.at_most
    verb = "lower" if lower else "raise"
    return f"{verb} it by at least {-margin:.3g} {measured.unit}"


def _meter_remedy(margin: float, measured: Estimate, by: DecisionRule) -> str:
    unit, allowed = measured.unit, margin / by.ratio
    if margin == 0:
        return "a value further inside; on the bound no uncertainty is small enough"
    remedy = f"a measurement with U of at most {allowed:.2g} {unit}"
    if not measured.budget:
        return remedy
    largest = max(measured.budget, key=lambda line: line.u)
    rest = math.sqrt(sum(one.u**2 for one in measured.budget if one is not largest))
    if measured.coverage * rest >= allowed:
        return f"{remedy}; the largest part is the {largest.name}"
    remedy += f"; a smaller {largest.name} alone would do"
    return remedy + _meter_that_would_do(largest, allowed, rest, measured)


def _meter_that_would_do(
    largest: Contribution, allowed: float, rest: float, measured: Estimate
) -> str:
    """Say which meter would do, where a meter's gain is what is in the way."""
    if not largest.name.endswith(GAIN) or measured.unit != "%":
        return ""
    most = math.sqrt((allowed / measured.coverage) ** 2 - rest**2)
    text = f": a meter certified to {2 * most:.2g} % (k = 2) or better"
    fitting = [name for index, name in CLASSES if index / math.sqrt(3) <= most]
    return f"{text}, or of class {fitting[-1]}" if fitting else text


def _width(rule: Rule) -> float:
    if rule.at_least is None or rule.at_most is None:
        return math.inf
    return rule.at_most - rule.at_least


def _too_coarse(measured: Estimate, rule: Rule) -> str:
    """Say so if a bound that looks missed is narrower than what readings can tell.

    An instant is the latest that the readings allow. Where they are farther apart than
    the whole bound, that is no ground to convict: the truth may be on either side.
    """
    if measured.spread is None or math.isinf(measured.value):
        return ""
    low, high = measured.spread.interval
    if rule.at_most is not None and measured.value > rule.at_most:
        bound, open_ = rule.at_most, low <= rule.at_most
    elif rule.at_least is not None and measured.value < rule.at_least:
        bound, open_ = rule.at_least, high >= rule.at_least
    else:
        return ""
    if not open_ or not 0 < bound <= high - low:
        return ""
    most = "any more" if math.isinf(high) else f"{high:.4g}"
    return (
        f"the readings leave it anywhere from {low:.4g} to {most} {measured.unit}, "
        f"which is wider than the bound of {bound:.4g} {measured.unit}"
    )


def _gaps_could_change(measured: Estimate, rule: Rule, by: DecisionRule) -> str | None:
    """Tell whether the missing samples could turn good into bad or back."""
    if measured.unseen is None:
        return None
    ends = [*measured.unseen]
    if math.isfinite(measured.value):
        ends.append(measured.value)
    good = [
        _outcome(_Margins.of(end, measured.reach, rule, by.ratio), by) in _GOOD
        for end in ends
    ]
    if all(good) or not any(good):
        return None
    low, high = measured.unseen
    return (
        f"missing samples leave it anywhere from {low:.4g} to {high:.4g} "
        f"{measured.unit}, on both sides of the bound"
    )


def _open(decided: Decision, reason: str, remedy: str) -> Decision:
    return Decision(Outcome.INCONCLUSIVE, math.nan, decided.margin, reason, remedy)


_SEE_IT_HAPPEN = "a recording that shows it"
_MAKE_IT_HAPPEN = "a device that does it at all"
