"""Demand Flexibility Service: a unit of homes, what it offers, its week."""

from __future__ import annotations

import re
from dataclasses import replace

from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
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
from harness.settlement.dfs import (
    Others,
    Usual,
)
from harness.steps.half_hours import half_hours_s
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
from harness.trial.plan import Plan
from harness.trial.planned import DayAhead, DfsPlan, Move
from harness.trial.view import log_of

REGISTERED = (
    "MPAN", "read", "metered at", "participants", "BM Unit", "other service",
    "responds for",
)  # fmt: skip
_KINDS = {"working": True, "other": False}


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
    known_plan = plan.dfs or DfsPlan(Offered(terms, unit, None, {}))
    offered = replace(known_plan.offered, terms=terms, unit=unit)
    plan.dfs = replace(known_plan, offered=offered)


def dfs_of(plan: Plan) -> DfsPlan:
    if plan.dfs is None:
        hint = "a Given: a unit of 250 homes like it, each giving 5.9 kW, as of 2022/23"
        raise FeatureError("the Demand Flexibility Service", "has no unit", hint)
    return plan.dfs


@given("each home of the unit is registered with")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """MPAN, how it is read and where, whose participant it is, what else it serves."""
    known = dfs_of(plan)
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
    known = dfs_of(plan)
    unit = replace(known.offered.unit, zone=zone)
    offered = replace(known.offered, unit=unit, zones_w={zone: power_w(power)})
    plan.dfs = replace(known, offered=offered)


@given("its boundary meter counted on the days before")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """What the home draws usually on working and on other days."""
    known = dfs_of(plan)
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
    known = dfs_of(plan)
    called = dict.fromkeys(_days_ago(days), power_w(power))
    plan.dfs = replace(known, history=replace(known.history, called=called))


@given(parsers.parse("half-hours are missing {days} days before"))
def _(plan: Plan, days: str) -> None:
    """Days of which the data collector lacks a half-hour: ``1, 2 and 5``."""
    known = dfs_of(plan)
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
    known = dfs_of(plan)
    others = (*known.others, Others(homes, power_w(power)))
    plan.dfs = replace(known, others=others)


@given("the unit is settled by positive volumes only")
def _(plan: Plan) -> None:
    """Homes that move the wrong way count as nothing; an edition has to allow it."""
    known = dfs_of(plan)
    if known.offered.terms.ways < 2:
        edition = known.offered.terms.edition
        fact = f"the edition of {edition} settles net volumes"
        raise FeatureError("“positive volumes only”", fact, "an edition that has both")
    plan.dfs = replace(known, positive_only=True)


@given(parsers.parse("the unit bids {price}"))
def _(plan: Plan, price: str) -> None:
    """The unit's own price, which it is paid."""
    plan.dfs = replace(dfs_of(plan), price=agreed(price))


@given("the call is a test, at the guaranteed price")
def _(plan: Plan) -> None:
    """The edition's Guaranteed Acceptance Price is paid instead of a bid."""
    plan.dfs = replace(dfs_of(plan), test=True)


@given("the week before goes so")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Figure 1: who says what, how many days before and when, and how much."""
    known = dfs_of(plan)
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
    dfs_of(plan)
    span = half_hours_s(start, end, example="from 17:00 to 18:00")
    plan.day_ahead.append(DayAhead(str(Actor.ESO), role, move, level_w, *span))


@then("the week goes as Figure 1 has it")
def _(trial: Trial) -> None:
    """Messages that are missing or out of turn, delivery included, by the log."""
    heard = {str(one.detail.get("stage")) for one in trial.recording.log}
    missing = [f"missing: {stage}" for stage in Stage if str(stage) not in heard]
    turns = log_of(trial.recording, Actor.AGGREGATOR, OUT_OF_TURN)
    wrong = [*missing, *(str(one.detail["fault"]) for one in turns)]
    wrong += [] if was_sent(trial) else ["nothing was delivered on the day"]
    reason = "; ".join(wrong)
    measured = Estimate(float(len(wrong)), "messages", why=reason)
    trial.judge(
        HOME, measured, trial.named_rule("crowdflex/dfs/out-of-turn"),
        witness=Witness.LOG, reason=reason,
    )  # fmt: skip


def was_sent(trial: Trial) -> bool:
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
    sent = was_sent(trial)
    said = f"reasons given: {'; '.join(sorted(reasons)) or 'none'}"
    said += "; its homes were instructed" if sent else ""
    wrong = reasons != {why} or sent
    measured = Estimate(float(wrong), "units", why=said if wrong else "")
    trial.judge(
        HOME, measured, trial.named_rule("crowdflex/dfs/refused-otherwise"),
        witness=Witness.LOG, reason=said if wrong else "",
        details={"edition": dfs_of(trial.plan).offered.terms.edition},
    )  # fmt: skip
