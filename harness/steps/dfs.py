"""Demand Flexibility Service: a unit of homes, its week, its baseline, its pay."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import date

from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Estimate
from harness.analysis.quality import relative_difference, scaled
from harness.checks.judge import Witness
from harness.core.calendar import PERIOD_S, PeriodOnBench
from harness.core.errors import FeatureError
from harness.core.quantities import parse_quantity
from harness.market.actors import Actor
from harness.market.dfs import (
    SPEAKERS,
    TERMS,
    Home,
    Offered,
    Reason,
    Said,
    Stage,
    Terms,
    Unit,
)
from harness.reporting.record import note_table
from harness.settlement.baselines import bl01_terms
from harness.settlement.daytypes import Country
from harness.settlement.dfs import (
    Account,
    Baseline,
    Line,
    Others,
    Usual,
    baseline_of,
    counted,
    paid_share,
    unit_lines,
)
from harness.settlement.money import Price, pounds, price_of, whole_wh
from harness.settlement.volumes import HalfHour
from harness.steps.event import level_before
from harness.steps.half_hours import half_hours_s, halves_seen, periods_called
from harness.steps.occupants import OCCUPANTS
from harness.steps.prices import agreed
from harness.steps.trial import Trial
from harness.steps.words import (
    EDITIONS,
    HOME,
    clock_s,
    duration_s,
    move_of,
    power_w,
    role_of,
    table_rows,
)
from harness.trial.dfs_week import NOT_CALLED, OUT_OF_TURN
from harness.trial.plan import DayAhead, DfsPlan, Move, Plan
from harness.trial.view import MeterView, log_of

REGISTERED = (
    "MPAN", "read", "metered at", "participants", "BM Unit", "other service",
    "responds for",
)  # fmt: skip
COUNTRY = Country.ENGLAND_AND_WALES
_KINDS = {"working": True, "other": False}
_GUARANTEED = "dfs/guaranteed-price"


@given("the Demand Flexibility Service asks")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """What each edition asks: one column of numbers for each, and the rule."""
    header, *_rows = datatable
    rows = table_rows(datatable, (EDITIONS, "rule"), "the service")
    editions = [name for name in header if name not in (EDITIONS, "rule")]
    said = [row[EDITIONS].strip() for row in rows]
    if sorted(said) != sorted(TERMS) or not editions:
        hint = f"a row each for {', '.join(TERMS)}"
        raise FeatureError("the service", f"says {', '.join(said)}", hint)
    plan.dfs_terms = {
        edition: Terms(
            edition,
            **{TERMS[row[EDITIONS].strip()]: _number(row[edition]) for row in rows},
        )
        for edition in editions
    }


def _number(text: str) -> float:
    try:
        return parse_quantity(text).value
    except ValueError as error:
        raise FeatureError(f"“{text}”", str(error), "a number with its unit") from error


@given(
    parsers.re(
        r"a unit of (?P<homes>\d+) homes like it, each (?P<way>giving|taking) "
        r"(?P<power>.+?), as of (?P<edition>[\d/]+)"
    )
)
def _(plan: Plan, homes: str, way: str, power: str, edition: str) -> None:
    """How many homes, what each gives (or takes more), and the edition in force."""
    terms = plan.dfs_terms.get(edition)
    if terms is None:
        known = ", ".join(plan.dfs_terms) or "first, what the service asks"
        raise FeatureError(f"“as of {edition}”", "is no edition in the table", known)
    if int(homes) < 1 or power_w(power) <= 0:
        raise FeatureError(f"“{homes} homes”", "is no unit", "250 homes like it")
    gives_w = power_w(power) if way == "giving" else -power_w(power)
    unit = Unit(int(homes), gives_w)
    known_plan = plan.dfs or DfsPlan(Offered(terms, unit, Home("2000000000015"), {}))
    offered = replace(known_plan.offered, terms=terms, unit=unit)
    plan.dfs = replace(known_plan, offered=offered)


def _dfs(plan: Plan) -> DfsPlan:
    if plan.dfs is None:
        hint = "a Given: a unit of 250 homes like it, each giving 5.9 kW, as of 2022/23"
        raise FeatureError("the Demand Flexibility Service", "has no unit", hint)
    return plan.dfs


@given("each home of the unit is registered with")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """MPAN, how it is read and where, whose participant it is, what else it serves."""
    known = _dfs(plan)
    rows = table_rows(datatable, REGISTERED, "the registered home")
    if len(rows) != 1:
        raise FeatureError("the registered home", f"has {len(rows)} rows", "one row")
    row = {key: value.strip() for key, value in rows[0].items()}
    try:
        home = Home(
            row["MPAN"],
            half_hourly=row["read"] == "half-hourly",
            at_boundary=row["metered at"] == "boundary",
            participants=int(row["participants"]),
            bm_unit=row["BM Unit"],
            other_service=row["other service"],
            responds_for_s=duration_s(row["responds for"]),
        )
    except ValueError as error:
        hint = "the 13 digits of an MPAN core, and a number of participants"
        raise FeatureError("the registered home", str(error), hint) from error
    plan.dfs = replace(known, offered=replace(known.offered, home=home))


@given(parsers.parse('the unit lies in zone "{zone}", where up to {power} is bought'))
def _(plan: Plan, zone: str, power: str) -> None:
    """What is procured in its zone; 0 MW where nothing is."""
    known = _dfs(plan)
    unit = replace(known.offered.unit, zone=zone)
    offered = replace(known.offered, unit=unit, zones_w={zone: power_w(power)})
    plan.dfs = replace(known, offered=offered)


@given("its boundary meter counted on the days before")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """What the home draws usually on working and on other days."""
    known = _dfs(plan)
    found = []
    columns = ("days", "from", "until", "usually", "varies by")
    for row in table_rows(datatable, columns, "the days before"):
        if row["days"].strip() not in _KINDS:
            hint = ", ".join(_KINDS)
            raise FeatureError(f"“{row['days']}” days", "are no kind of day", hint)
        from_s, until_s = clock_s(row["from"]), clock_s(row["until"])
        if not from_s < until_s:
            where = f"“{row['from']} to {row['until']}”"
            raise FeatureError(where, "ends before it begins", "00:00 to 24:00")
        found.append(
            Usual(
                _KINDS[row["days"].strip()], from_s, until_s, power_w(row["usually"]),
                _number(row["varies by"]),
            )
        )  # fmt: skip
    plan.dfs = replace(known, history=replace(known.history, usual=tuple(found)))


@given(parsers.parse("it was called {days} days before, and drew {power} on those"))
def _(plan: Plan, days: str, power: str) -> None:
    """Days of events, which no baseline may average: ``1, 2 and 5`` days before."""
    known = _dfs(plan)
    called = dict.fromkeys(_days_ago(days), power_w(power))
    plan.dfs = replace(known, history=replace(known.history, called=called))


@given(parsers.parse("half-hours are missing {days} days before"))
def _(plan: Plan, days: str) -> None:
    """Days of which the data collector lacks a half-hour: ``1, 2 and 5``."""
    known = _dfs(plan)
    history = replace(known.history, missing=_days_ago(days))
    plan.dfs = replace(known, history=history)


def _days_ago(text: str) -> tuple[int, ...]:
    if (span := re.fullmatch(r"(\d+) to (\d+)", text.strip())) is not None:
        return tuple(range(int(span[1]), int(span[2]) + 1))
    found = re.findall(r"\d+", text)
    if not found or re.sub(r"\d+|,|and|\s", "", text):
        raise FeatureError(f"“{text} days before”", "are no days", "1, 2 and 5")
    return tuple(int(one) for one in found)


@given(parsers.parse("{homes:d} more homes of the unit draw {power} more than usual"))
def _(plan: Plan, homes: int, power: str) -> None:
    """Homes of the unit that move the wrong way while it is called."""
    known = _dfs(plan)
    others = (*known.others, Others(homes, power_w(power)))
    plan.dfs = replace(known, others=others)


@given("the unit is settled by positive volumes only")
def _(plan: Plan) -> None:
    """Homes that move the wrong way count as nothing; an edition has to allow it."""
    known = _dfs(plan)
    if known.offered.terms.ways < 2:
        edition = known.offered.terms.edition
        fact = f"the edition of {edition} settles net volumes"
        raise FeatureError("“positive volumes only”", fact, "an edition that has both")
    plan.dfs = replace(known, positive_only=True)


@given(parsers.parse("the unit bids {price}"))
def _(plan: Plan, price: str) -> None:
    """The unit's own price, which it is paid."""
    plan.dfs = replace(_dfs(plan), price=agreed(price))


@given("the call is a test, at the guaranteed price")
def _(plan: Plan) -> None:
    """The edition's Guaranteed Acceptance Price is paid instead of a bid."""
    plan.dfs = replace(_dfs(plan), test=True)


@given("the week before goes so")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Figure 1: who says what, how many days before and when, and how much."""
    known = _dfs(plan)
    said = []
    columns = ("days before", "at", "who", "says", "power")
    for row in table_rows(datatable, columns, "the week"):
        text = row["says"].strip()
        if text not in tuple(Stage):
            hint = "; ".join(Stage)
            raise FeatureError(f"“{text}”", "is no step of Figure 1", hint)
        stage = Stage(text)
        if row["who"].strip() != SPEAKERS[stage]:
            fact = f"is not for the {row['who'].strip()} to say"
            raise FeatureError(f"“{text}”", fact, f"the {SPEAKERS[stage]}")
        if not row["days before"].strip().isdigit():
            raise FeatureError(f"“{row['days before']}” days", "is no number", "1")
        power = row["power"].strip()
        said.append(
            Said(
                stage, int(row["days before"]), clock_s(row["at"]),
                power_w(power) if power else 0.0,
            )
        )  # fmt: skip
    plan.dfs = replace(known, offered=replace(known.offered, said=tuple(said)))


@when(
    parsers.parse(
        "the ESO's call is from {start} to {end}, for which each home turns its "
        "{asset} {way:w} to {level}"
    )
)
def _(plan: Plan, start: str, end: str, asset: str, way: str, level: str) -> None:
    """What each home does if the unit is called, seen at its boundary meter."""
    role = role_of(asset)
    plan.need(role)
    _call(plan, role, move_of(way), power_w(level), start, end)


@when(
    parsers.parse(
        "the ESO's call is from {start} to {end}, for which people are asked by message"
    )
)
def _(plan: Plan, start: str, end: str) -> None:
    """People use less if the unit is called, seen at the home's boundary meter."""
    plan.need(OCCUPANTS)
    _call(plan, OCCUPANTS, Move.DOWN, 0.0, start, end)


def _call(
    plan: Plan, role: str, move: Move, level_w: float, start: str, end: str
) -> None:
    _dfs(plan)
    span = half_hours_s(start, end, example="from 17:00 to 18:00")
    plan.day_ahead.append(DayAhead(str(Actor.ESO), role, move, level_w, *span))


@then("the week goes as Figure 1 has it")
def _(trial: Trial) -> None:
    """Messages that are missing or out of turn, delivery included, by the log."""
    heard = {str(one.detail.get("stage")) for one in trial.recording.log}
    missing = [f"missing: {stage}" for stage in Stage if str(stage) not in heard]
    turns = log_of(trial.recording, Actor.AGGREGATOR, OUT_OF_TURN)
    wrong = [*missing, *(str(one.detail["fault"]) for one in turns)]
    wrong += [] if _sent(trial) else ["nothing was delivered on the day"]
    reason = "; ".join(wrong)
    measured = Estimate(float(len(wrong)), "messages", why=reason)
    trial.judge(
        HOME, measured, trial.named_rule("crowdflex/dfs/out-of-turn"),
        witness=Witness.LOG, reason=reason,
    )  # fmt: skip


def _sent(trial: Trial) -> bool:
    """Whether a device was instructed for the service."""
    sent = log_of(trial.recording, Actor.AGGREGATOR, "instructs")
    return any(one.detail["on_behalf_of"] != "bench" for one in sent)


@then(parsers.parse("the unit does not take part, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether it was refused for that reason and no other, and nothing was sent."""
    if why not in tuple(Reason):
        raise FeatureError(f"“{why}”", "is no reason", "; ".join(Reason))
    refused = log_of(trial.recording, Actor.AGGREGATOR, NOT_CALLED)
    reasons = {str(one.detail["reason"]) for one in refused}
    sent = _sent(trial)
    said = f"reasons given: {'; '.join(sorted(reasons)) or 'none'}"
    said += "; its homes were instructed" if sent else ""
    wrong = reasons != {why} or sent
    measured = Estimate(float(wrong), "units", why=said if wrong else "")
    trial.judge(
        HOME, measured, trial.named_rule("crowdflex/dfs/refused-otherwise"),
        witness=Witness.LOG, reason=said if wrong else "",
        details={"edition": _dfs(trial.plan).offered.terms.edition},
    )  # fmt: skip


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
    known, view = _dfs(trial.plan), trial.view(HOME)
    if view is None:
        return _Settled(None, None, None, (), "no boundary meter saw it")
    called = _called(trial)
    if not called or not _sent(trial):
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
    known = _dfs(trial.plan)
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
    found, rule = _settled(trial), trial.rule(HOME, "days averaged")
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
        edition = _dfs(trial.plan).offered.terms.edition
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
