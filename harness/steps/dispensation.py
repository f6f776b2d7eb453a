"""May difference metering be used here: D/380's conditions, and 20 working days."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.quantities import parse_quantity
from harness.market.private_network import (
    MUST_AGREE,
    Application,
    Condition,
    MeterCard,
    PrivateNetwork,
)
from harness.settlement.daytypes import Country, working_days_after
from harness.steps.private_network import customer_of, network_of
from harness.steps.trial import Trial
from harness.steps.words import clock_s, table_rows
from harness.trial.collector import DECIDES, ELEXON
from harness.trial.plan import Plan
from harness.trial.planned import PlannedApplication
from harness.trial.view import log_of

BOUNDARY = "boundary"
CARD = ("meter", "code", "read", "meter operator", "data collector", "timeswitch class")
COUNTRIES = {
    "England and Wales": Country.ENGLAND_AND_WALES, "Scotland": Country.SCOTLAND,
}  # fmt: skip
SIDES = {
    "the losses": "losses_accounted",
    "compliance": "declared",
    "that only the meters' place departs from the code": "only_place",
}
"""What a declaration can leave out, and what it is inside."""


@given("the settlement meters' papers say")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Code of Practice, reading, agents and timeswitch class of each meter."""
    network = network_of(plan, "papers")
    for row in table_rows(datatable, CARD, "the meters' papers"):
        card = MeterCard(
            row["code"].strip(), _half_hourly(row["read"]),
            row["meter operator"].strip(), row["data collector"].strip(),
            row["timeswitch class"].strip(),
        )  # fmt: skip
        network = _with_card(plan, network, row["meter"].strip(), card)
    plan.private_network = network


def _half_hourly(text: str) -> bool:
    if text.strip() not in ("half-hourly", "monthly"):
        raise FeatureError(f"“{text}”", "is no way to read", "half-hourly, monthly")
    return text.strip() == "half-hourly"


def _with_card(
    plan: Plan, network: PrivateNetwork, meter: str, card: MeterCard
) -> PrivateNetwork:
    if meter == BOUNDARY:
        return replace(network, boundary_card=card)
    customer_of(plan, meter)
    changed = [
        replace(one, card=card) if one.name == meter else one
        for one in network.customers
    ]
    return replace(network, customers=tuple(changed))


@given(parsers.parse("the papers of the {meter:w} meter say {value} as its {what}"))
def _(plan: Plan, meter: str, what: str, value: str) -> None:
    """One entry of a meter's papers is another."""
    network = network_of(plan, meter)
    fields = {
        "code": "code", "reading": "half_hourly", "meter operator": "meter_operator",
        "data collector": "data_collector", "timeswitch class": "timeswitch_class",
    }  # fmt: skip
    if what not in fields:
        raise FeatureError(f"“{what}”", "is not in a meter's papers", ", ".join(fields))
    known = (
        network.boundary_card if meter == BOUNDARY else customer_of(plan, meter).card
    )
    new: str | bool = _half_hourly(value) if what == "reading" else value
    card = replace(known, **{fields[what]: new})  # type: ignore[arg-type]
    plan.private_network = _with_card(plan, network, meter, card)


@given("the limits of the dispensation")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """The largest circuit that it covers."""
    where = "the limits of the dispensation"
    for row in table_rows(datatable, ("quantity", "limit", "rule"), where):
        if row["quantity"].strip() != "circuit capacity":
            raise FeatureError(where, repr(row["quantity"]), "circuit capacity")
        plan.largest_circuit_va = _volt_amperes(row["limit"])


def _volt_amperes(text: str) -> float:
    try:
        got = parse_quantity(text)
    except ValueError as error:
        raise FeatureError(f"“{text}”", str(error), "0.5 MVA") from error
    if got.unit != "VA" or got.value <= 0:
        raise FeatureError(f"“{text}”", "is no capacity of a circuit", "0.5 MVA")
    return got.value


@when(parsers.parse("D/380 is declared at {at:S} for a circuit of {capacity}"))
def _(plan: Plan, at: str, capacity: str) -> None:
    """All agreed, all sent, all declared."""
    _declare(plan, at, capacity)


@when(
    parsers.parse(
        "D/380 is declared at {at:S}, without the {party}'s agreement, "
        "for a circuit of {capacity}"
    )
)
def _(plan: Plan, at: str, capacity: str, party: str) -> None:
    """One of those concerned did not agree."""
    if party not in MUST_AGREE:
        hint = ", ".join(MUST_AGREE)
        raise FeatureError(f"“{party}”", "need not agree in all cases", hint)
    agreed = tuple(one for one in MUST_AGREE if one != party)
    _declare(plan, at, capacity, agreed=agreed)


@when(
    parsers.parse(
        "D/380 is declared at {at:S}, without the {name:w}'s MSID, for a circuit of "
        "{capacity}"
    )
)
def _(plan: Plan, at: str, capacity: str, name: str) -> None:
    """One third party's MSID was not sent to Elexon."""
    customer_of(plan, name)
    third = network_of(plan, at).third_parties
    listed = tuple(one.msid for one in third if one.name != name)
    _declare(plan, at, capacity, listed=listed)


@when(
    parsers.parse(
        "D/380 is declared at {at:S}, without a word of {what}, for a circuit of "
        "{capacity}"
    )
)
def _(plan: Plan, at: str, capacity: str, what: str) -> None:
    """The declaration leaves something out."""
    if what not in SIDES:
        raise FeatureError(f"“{what}”", "is no part of it", "; ".join(SIDES))
    _declare(plan, at, capacity, **{SIDES[what]: False})


def _declare(plan: Plan, at: str, capacity: str, **lacks: object) -> None:
    """Put a declaration into the plan, all in order but for what it lacks."""
    network = network_of(plan, at)
    if plan.largest_circuit_va is None:
        hint = "a Given with the limits of the dispensation"
        raise FeatureError(
            f"“at {at}”", "nothing says how large a circuit may be", hint
        )
    listed = tuple(one.msid for one in network.third_parties)
    whole = Application(network, listed=listed, circuit_va=_volt_amperes(capacity))
    declared = replace(whole, **lacks)  # type: ignore[arg-type]
    plan.applications.append(PlannedApplication(declared, clock_s(at)))


@then("D/380 may be used")
def _(trial: Trial) -> None:
    """Whether every declaration was accepted, and there was one."""
    decided = log_of(trial.recording, ELEXON, DECIDES)
    refused = [one for one in decided if not one.detail["accepted"]]
    said = "; ".join(
        Condition[str(name)] for one in refused for name in _names(one.detail["broken"])
    )
    _judge_decision(trial, len(decided), len(refused), said)


@then(parsers.parse("D/380 may not be used, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether it was refused for that reason and no other."""
    if why not in tuple(Condition):
        raise FeatureError(f"“{why}”", "is no condition of D/380", "; ".join(Condition))
    decided = log_of(trial.recording, ELEXON, DECIDES)
    wrong, said = 0, []
    for one in decided:
        broken = _names(one.detail["broken"])
        wrong += broken != [Condition(why).name]
        said += [Condition[name].value for name in broken] or ["accepted"]
    _judge_decision(trial, len(decided), wrong, "; ".join(said))


def _names(broken: object) -> list[str]:
    return [str(one) for one in broken] if isinstance(broken, list | tuple) else []


def _judge_decision(trial: Trial, decided: int, wrong: int, said: str) -> None:
    measured = Estimate(float(wrong), "declarations", why=said if wrong else "")
    if not decided:
        measured = Estimate(math.nan, "declarations", why="nothing was declared")
    trial.judge(
        "network", measured, trial.named_rule("d380/decided-otherwise"),
        witness=Witness.LOG, reason=said if wrong else "",
    )  # fmt: skip


@then(
    parsers.parse(
        "the network owner, asked on {asked}, answered in time on {answered}, by the "
        "working days of {country}"
    )
)
def _(trial: Trial, asked: str, answered: str, country: str) -> None:
    """Working days from the expression of interest, its own day not counted."""
    if country not in COUNTRIES:
        raise FeatureError(f"“{country}”", "is not known", ", ".join(COUNTRIES))
    first, last = _day(asked), _day(answered)
    if last < first:
        raise FeatureError(f"“{answered}”", "lies before the question", "a later day")
    took = working_days_after(first, last, COUNTRIES[country])
    rule = trial.rule("network", "answer")
    trial.judge("network", Estimate(float(took), "working days"), rule,
                witness=Witness.LOG)  # fmt: skip


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise FeatureError(f"“{text}”", "is no date", "2026-12-01") from error
