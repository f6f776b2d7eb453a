"""Demand Flexibility Service: a unit's baseline, what it delivers, and its pay."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

from pytest_bdd import then

from harness.analysis.estimate import Estimate
from harness.analysis.quality import relative_difference, scaled
from harness.core.calendar import PERIOD_S, PeriodOnBench
from harness.core.errors import FeatureError
from harness.market.dfs import Stage
from harness.reporting.record import note_table
from harness.settlement.baselines import bl01_terms
from harness.settlement.daytypes import Country, is_working
from harness.settlement.dfs import (
    Account,
    Baseline,
    Line,
    baseline_of,
    counted,
    paid_share,
    unit_lines,
)
from harness.settlement.money import Price, pounds, price_of, whole_wh
from harness.settlement.volumes import HalfHour
from harness.steps.dfs import dfs_of, was_sent
from harness.steps.event import level_before
from harness.steps.half_hours import halves_seen, periods_called
from harness.steps.trial import Trial
from harness.steps.words import HOME
from harness.trial.planned import DfsPlan
from harness.trial.view import MeterView

COUNTRY = Country.ENGLAND_AND_WALES
_GUARANTEED = "dfs/guaranteed-price"


@dataclass(frozen=True, slots=True)
class _Settled:
    """A call as it is settled, or why it cannot be."""

    view: MeterView | None
    baseline: Baseline | None
    account: Account | None
    lines: tuple[Line, ...]
    why: str = ""

    @property
    def channels(self) -> tuple[str, ...]:
        return (f"{HOME}.power_w",) if self.view is None else (self.view.channel,)


def _settled(trial: Trial, *, in_day: bool | None = None) -> _Settled:
    """Settle the call by its edition, or with an in-day adjustment or without."""
    known, view = dfs_of(trial.plan), trial.view(HOME)
    if view is None:
        return _Settled(None, None, None, (), "no boundary meter saw it")
    called = _called(trial)
    if not called or not was_sent(trial):
        return _Settled(view, None, None, (), "nothing was called")
    if why := trial.trouble(view, called[0].from_s):
        return _Settled(view, None, None, (), why)
    halves = halves_seen(trial, view)
    base = _baseline(trial, view, halves, called, in_day)
    if base.why:
        return _Settled(view, base, None, (), base.why)
    account = _account(trial, known)
    lines = unit_lines(halves, base, account)
    why = next((str(x.half.mark) for x in lines if not x.half.settled), "")
    why = why or _never_so(trial, view, base, upwards=account.upwards)
    return _Settled(view, base, account, tuple(lines), why)


def _miss(trial: Trial, view: MeterView, base: Baseline) -> Estimate:
    """How far the first half-hour's baseline is above what was drawn before. [%]"""
    first = _called(trial)[0]
    before = level_before(trial, view, first.from_s)
    return relative_difference(
        scaled(base.energy[first.period], 3600 / PERIOD_S, "W"), before
    )


def _never_so(trial: Trial, view: MeterView, base: Baseline, *, upwards: bool) -> str:
    """Why a baseline would pay for what no home did, or "".

    A history of more than a home draws earns by doing nothing; less only costs it.
    """
    miss = _miss(trial, view, base)
    if math.isnan(miss.value):
        return miss.why
    rule = trial.named_rule("agreement/baseline-miss")
    gained = -miss.value if upwards else miss.value
    if gained <= (rule.at_most or 0.0):
        return ""
    side = "below" if upwards else "above"
    return (
        f"its baseline is {abs(miss.value):.0f} % {side} what it drew before the call: "
        "it would be paid for doing nothing"
    )


def _called(trial: Trial) -> list[PeriodOnBench]:
    calls = trial.plan.day_ahead
    return periods_called(trial, calls[0]) if calls else []


def _baseline(
    trial: Trial,
    view: MeterView,
    halves: tuple[HalfHour, ...],
    called: list[PeriodOnBench],
    in_day: bool | None,
) -> Baseline:
    known = dfs_of(trial.plan)
    on: date = called[0].period.day
    terms = bl01_terms(trial.session.rulebook, trial.session.assignment.on)
    days, counted_wh, event_days = counted(
        known.history, on, COUNTRY, look_back=terms.look_back_days,
        seed=trial.session.assignment.rig.rig.seed,
    )  # fmt: skip
    adjusts = known.offered.terms.in_day_s > 0 if in_day is None else in_day
    return baseline_of(
        days, counted_wh, halves, [part.period for part in called], country=COUNTRY,
        event_days=event_days, in_day=adjusts, terms=terms,
        relative_u=view.quality.relative_u,
    )  # fmt: skip


def _kind_of_day(trial: Trial) -> str:
    """Which days the day of the call is like: of others there are fewer to average."""
    on = trial.session.assignment.on
    return "working days" if is_working(on, COUNTRY) else "other days"


def _account(trial: Trial, known: DfsPlan) -> Account:
    accepted_w = next(
        (one.power_w for one in known.offered.said if one.stage is Stage.ACCEPTED), 0.0
    )
    return Account(
        known.offered.unit.homes,
        whole_wh(accepted_w),
        _price(trial, known),
        upwards=known.offered.unit.gives_w < 0,
        positive_only=known.positive_only,
        others=known.others,
    )


def _price(trial: Trial, known: DfsPlan) -> Price:
    if not known.test:
        if known.price is None:
            hint = "a Given with what the unit bids, or that the call is a test"
            raise FeatureError(f"“{trial.step_text}”", "there is no price", hint)
        return known.price
    edition = known.offered.terms.edition
    on = trial.session.assignment.on
    rule = trial.session.rulebook.rule(_GUARANTEED, on=on, edition=edition)
    if not rule.at_least:
        fact = f"the edition of {edition} guarantees no price"
        raise FeatureError(f"“{trial.step_text}”", fact, "an edition with tests")
    return price_of(repr(rule.at_least), where="the guaranteed price")


@then("its baseline has as many days as it needs")
def _(trial: Trial) -> None:
    """Of how many days like it the baseline is the mean; days of events are none."""
    found, rule = _settled(trial), trial.rule(HOME, f"{_kind_of_day(trial)} averaged")
    if found.baseline is None:
        measured = Estimate(math.nan, "days", why=found.why)
    else:
        measured = Estimate(float(found.baseline.days), "days")
    reason = found.baseline.why if found.baseline is not None else ""
    trial.judge(HOME, measured, rule, channels=found.channels, reason=reason)


@then("its baseline is what it drew before the call")
def _(trial: Trial) -> None:
    """The first half-hour's baseline against the power seen just before it."""
    found, rule = _settled(trial), trial.rule(HOME, "baseline miss")
    if found.view is None or found.baseline is None or not found.baseline.energy:
        measured = Estimate(math.nan, "%", why=found.why)
    else:
        measured = _miss(trial, found.view, found.baseline)
    trial.judge(HOME, measured, rule, channels=found.channels)


@then("the unit delivers what it accepted")
def _(trial: Trial) -> None:
    """The least delivered share of the half-hours called, of the whole unit."""
    found, rule = _settled(trial), trial.rule(HOME, "delivered share")
    account = found.account
    if found.why or account is None:
        measured = Estimate(math.nan, "%", why=found.why)
    else:
        shares = [
            scaled(line.unit, 100 / account.accepted_wh, "%") for line in found.lines
        ]
        measured = min(shares, key=lambda one: one.value)
    trial.judge(HOME, measured, rule, channels=found.channels)
    _show(trial, found)
    if found.view is not None and (called := _called(trial)):
        marks = (("called", called[0].from_s), ("over", called[-1].until_s))
        trial.draw(HOME, found.view, "Home: one of the unit", marks=marks)


@then("the ESO pays for what the unit delivered")
def _(trial: Trial) -> None:
    """What is paid, capped at what was accepted, against the price of all of that."""
    found, rule = _settled(trial), trial.rule(HOME, "payment")
    account = found.account
    details: dict[str, object] = {}
    if found.why or account is None:
        measured = Estimate(math.nan, "%", why=found.why)
    elif not account.price.steps:
        measured = Estimate(math.nan, "%", why="the unit bids nothing")
    else:
        measured = paid_share(found.lines, account)
        paid_p = sum(line.payment_p for line in found.lines)
        edition = dfs_of(trial.plan).offered.terms.edition
        details = {"paid_p": paid_p, "edition": edition, "price": str(account.price)}
    trial.judge(HOME, measured, rule, channels=found.channels, details=details)
    _show_editions(trial)


def _show(trial: Trial, found: _Settled) -> None:
    """Put the half-hours, of one home and of the unit, into the report."""
    if found.baseline is None or not found.lines:
        return
    rows = [
        ("half-hour", "baseline", "metered ± U", "a home delivered ± U",
         "the unit delivered", "paid"),
        *(
            (
                str(line.half.period), _kwh(line.baseline), _kwh(line.half.energy, 1),
                _kwh(line.home, 1), _kwh(line.unit), pounds(line.payment_p),
            )
            for line in found.lines
        ),
    ]  # fmt: skip
    note_table(trial.node, "Half-hours of the unit, settled", rows)
    offset_wh = found.baseline.offset_wh
    said = f"mean of {found.baseline.days} days like it"
    said += f", moved by {offset_wh / 1e3:+.3f} kWh a half-hour" if offset_wh else ""
    note_table(trial.node, "The home's baseline", [("how it was found",), (said,)])


def _kwh(energy: Estimate, with_u: int = 0) -> str:
    if not math.isfinite(energy.value):
        return f"not settled: {energy.why}"
    spread = f" ± {energy.expanded / 1e3:.3f}" if with_u else ""
    return f"{energy.value / 1e3:,.3f}{spread} kWh"


def _show_editions(trial: Trial) -> None:
    """Put the same call by every rule of settlement into the report; no verdict."""
    rows = [("in-day adjustment", "wrong ways", "the unit delivered", "paid")]
    for in_day in (True, False):
        found = _settled(trial, in_day=in_day)
        if found.account is None or found.baseline is None:
            continue
        for positive in (False, True):
            account = replace(found.account, positive_only=positive)
            lines = unit_lines([x.half for x in found.lines], found.baseline, account)
            whole_kwh = sum(x.unit.value for x in lines) / 1e3
            rows.append(
                ("with" if in_day else "without",
                 "count as nothing" if positive else "count against the rest",
                 f"{whole_kwh:,.1f} kWh", pounds(sum(x.payment_p for x in lines)))
            )  # fmt: skip
    if len(rows) > 1:
        note_table(trial.node, "The same call, settled otherwise", rows)
