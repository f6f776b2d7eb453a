"""Givens: the home, what it offers, the limits that are published for it."""

from __future__ import annotations

import re

from pytest_bdd import given, parsers

from harness.core.errors import FeatureError
from harness.market.constraint import Offer
from harness.steps.trial import Trial
from harness.steps.words import duration_s, power_w, role_of, table_rows
from harness.trial.plan import Plan
from harness.trial.planned import Feeder, Preparation


@given("a home whose car is charging and whose heat pump is heating")
def _(plan: Plan) -> None:
    """The bench holds an EV that charges and a heat pump that heats."""
    plan.need("ev")
    plan.need("heat_pump")


@given(parsers.parse("a home with {assets}"))
@given(parsers.parse("a bench with {assets}"))
def _(plan: Plan, assets: str) -> None:
    """The bench holds these: ``a battery``, ``a heat pump and an EV``."""
    for asset in re.split(r",\s*(?:and\s+)?|\s+and\s+", assets):
        plan.need(role_of(re.sub(r"^(?:an?|its|the)\s+", "", asset.strip())))


@given("the published limits")
@given("the bench's own expectations")
def _(trial: Trial, datatable: list[list[str]]) -> None:
    """Limits by asset and quantity, each with the id of its rule."""
    columns = ("asset", "quantity", "limit", "rule")
    for row in table_rows(datatable, columns, "the published limits"):
        trial.publish(role_of(row["asset"]), row["quantity"], row["rule"])


@given("the home offers")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """How far each asset can be turned down, in the order it is called."""
    columns = ("asset", "usually", "down to")
    for row in table_rows(datatable, columns, "what the home offers"):
        role = role_of(row["asset"])
        plan.need(role)
        usual, low = power_w(row["usually"]), power_w(row["down to"])
        if low >= usual:
            raise FeatureError(
                f"the offer of the {row['asset']}",
                f"{row['down to']} is not below {row['usually']}",
                "a level that gives something up",
            )
        plan.offers.append(Offer(role, usual, low))


@given(parsers.parse("the {asset} is held at {level}"))
def _(plan: Plan, asset: str, level: str) -> None:
    """An asset is limited before the event, so that it can be turned up."""
    role = role_of(asset)
    plan.need(role)
    plan.preparations.append(Preparation(role, power_w(level)))


@given(parsers.parse("the {asset} is judged by the {meter}"))
def _(plan: Plan, asset: str, meter: str) -> None:
    """Which of several meters that see an asset speaks for it."""
    plan.judges[role_of(asset)] = role_of(meter)


@given(parsers.parse("the bench is watched for {before} before and {after} after"))
def _(plan: Plan, before: str, after: str) -> None:
    """How long the bench is observed around the event; default 10 and 15 minutes."""
    plan.baseline_s, plan.aftermath_s = duration_s(before), duration_s(after)


@given(
    parsers.parse('{homes:d} homes like it behind transformer "{name}", rated {rating}')
)
def _(plan: Plan, homes: int, name: str, rating: str) -> None:
    """A transformer that carries homes like this one, at unity power factor."""
    mva = rating.removesuffix("MVA").strip()
    try:
        rating_w = float(mva) * 1e6
    except ValueError as error:
        raise FeatureError(f"“{rating}”", "is no rating", "4.0 MVA") from error
    plan.feeders.append(Feeder(name, rating_w, homes))


@given(
    parsers.parse(
        '{homes:d} homes like it behind transformer "{name}", which "{other}" relieves'
    )
)
def _(plan: Plan, homes: int, name: str, other: str) -> None:
    """A transformer whose homes its neighbour carries if it trips."""
    plan.feeders.append(Feeder(name, 0.0, homes, relieves=other))
