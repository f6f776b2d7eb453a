"""A virtual power plant: how large it is, what it sells, and who has what of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Contribution, Estimate, unless
from harness.analysis.quality import difference, scaled, share_of
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.market.plant import Plant, Sale
from harness.reporting.record import note_table
from harness.settlement.money import Price, amount_p, pounds, whole_wh
from harness.settlement.revenue import ShareTerms, optimiser_percent, shared
from harness.steps.event import BASELINE_WINDOW_S
from harness.steps.occupants import reduction
from harness.steps.prices import agreed
from harness.steps.trial import Trial
from harness.steps.words import HOME, percent, power_w, role_of, span_s, table_rows
from harness.trial.plan import Plan
from harness.trial.plant_desk import OPERATOR, REFUSES, SELLS
from harness.trial.view import MeterView, log_of

PLANT = "plant"
DAYS = 366
SETTLES_S = 30.0
"""How much of a sale's beginning is the device's time to move. [s]"""
OPTIMISER_SMALL, OPTIMISER_LARGE, AGGREGATOR = (
    "optimiser, at 1 MW", "optimiser, at 10 MW", "aggregator",
)  # fmt: skip


@given(
    parsers.parse(
        "a virtual power plant of {homes:d} homes whose {asset} gives {power}, "
        "in a portfolio of {size}"
    )
)
def _(
    plan: Plan, homes: int, asset: str, power: str, size: str,
    datatable: list[list[str]],
) -> None:  # fmt: skip
    """How many homes it has, what each gives, and the least that each buyer takes."""
    where = "the virtual power plant"
    role = role_of(asset)
    plan.need(role)
    rows = table_rows(datatable, ("buyer", "limit", "rule"), where)
    entry = {row["buyer"].strip(): power_w(row["limit"]) for row in rows}
    try:
        plan.plant = Plant(homes, role, power_w(power), power_w(size) / 1e6, entry)
    except ValueError as error:
        raise FeatureError(where, str(error), "200 homes, 5 kW, 10 MW") from error


def plant_of(plan: Plan, text: str) -> Plant:
    """Return the virtual power plant of a plan.

    Raises
    ------
    FeatureError
        If there is none.
    """
    if plan.plant is None:
        hint = "Given a virtual power plant of … homes whose … gives …"
        raise FeatureError(f"“{text}”", "there is no plant", hint)
    return plan.plant


@when(
    parsers.parse(
        "the plant offers the {buyer:w} {power} from {start} to {end} at {price}"
    )
)
def _(plan: Plan, buyer: str, power: str, start: str, end: str, price: str) -> None:
    """It is sold if the market takes it and the plant has not sold it already."""
    plant = plant_of(plan, f"the plant offers the {buyer}")
    offered_w = power_w(power)
    if not offered_w > 0:
        raise FeatureError(f"“{power}”", "is nothing to offer", "450 kW")
    sale = Sale(buyer, offered_w, agreed(price).steps, *span_s(start, end))
    plan.plant = replace(plant, sales=(*plant.sales, sale))


@dataclass(frozen=True, slots=True)
class _Delivered:
    """One sale as the meter saw it."""

    sale: Sale
    given: Estimate
    """Of one home, less import than before. [W]"""

    def paid_p(self, plant: Plant) -> int:
        """What the buyer owes: what was given, at most what was sold. [p]"""
        hours = (self.sale.until_clock_s - self.sale.from_clock_s) / 3600
        of_all_w = min(max(self.given.value, 0.0) * plant.homes, self.sale.power_w)
        return amount_p(whole_wh(of_all_w * hours), Price(self.sale.price))


def _delivered(trial: Trial) -> tuple[list[_Delivered], str]:
    """Return every sale with what the device's own meter saw of it, or why not."""
    plant = plant_of(trial.plan, trial.step_text)
    sold = _sold(trial)
    if not sold:
        return [], "it sold nothing"
    first_s = trial.plan.bench_s(min(one.from_clock_s for one in sold))
    last_s = trial.plan.bench_s(max(one.until_clock_s for one in sold))
    began_s = max(first_s - BASELINE_WINDOW_S, 0.0)
    view, why = trial.watched(plant.role, began_s, last_s)
    if view is None or why:
        return [], why
    before = mean_power(
        view.time_s, view.power_w, from_s=began_s, until_s=first_s, meter=view.quality
    )
    return [_Delivered(one, _given(trial, view, before, one, sold)) for one in sold], ""


def _given(
    trial: Trial, view: MeterView, before: Estimate, sale: Sale, sold: Sequence[Sale]
) -> Estimate:
    """What one home gave for one sale: all of what it gave, by what is sold at once."""
    from_s, until_s = (
        trial.plan.bench_s(at) for at in (sale.from_clock_s, sale.until_clock_s)
    )
    during = mean_power(
        view.time_s, view.power_w, from_s=from_s + SETTLES_S, until_s=until_s,
        meter=view.quality,
    )  # fmt: skip
    at_once_w = sum(one.power_w for one in sold if one.overlaps(sale))
    return scaled(difference(before, during), sale.power_w / at_once_w, "W")


def _sold(trial: Trial) -> list[Sale]:
    return [_sale(entry.detail) for entry in log_of(trial.recording, OPERATOR, SELLS)]


def _sale(said: object) -> Sale:
    assert isinstance(said, dict)  # noqa: S101 - the desk writes it
    return Sale(
        str(said["buyer"]), float(said["power_w"]), int(said["price"]),
        float(said["from_clock_s"]), float(said["until_clock_s"]),
    )  # fmt: skip


def _judge(trial: Trial, quantity: str, measured: Estimate, why: str = "") -> None:
    plant, rule = plant_of(trial.plan, trial.step_text), trial.rule(PLANT, quantity)
    shown = unless(why, measured, rule.unit)
    trial.judge(PLANT, shown, rule, channels=trial.channels(plant.role))


@then(parsers.parse("it is large enough for the market of the {buyer:w}"))
def _(trial: Trial, buyer: str) -> None:
    """What all homes give together, by the most that the meter saw one give."""
    found, why = _delivered(trial)
    plant = plant_of(trial.plan, trial.step_text)
    most = max(
        (one.given for one in found), key=lambda one: one.value,
        default=Estimate(math.nan, "W", why=why),
    )  # fmt: skip
    _judge(trial, f"entry to the {buyer}", scaled(most, plant.homes, "W"), why)


@then(
    parsers.parse(
        "{homes:d} homes that are asked so are large enough for the market of the "
        "{buyer:w}"
    )
)
def _(trial: Trial, homes: int, buyer: str) -> None:
    """What people gave who were asked by message, by the boundary meter, many times."""
    moved = reduction(trial)
    rule = trial.rule(PLANT, f"entry to the {buyer}")
    why = "nobody was asked, or no boundary meter saw it"
    measured = Estimate(math.nan, "W", why=why) if moved is None else moved
    trial.judge(
        PLANT, scaled(measured, homes, "W"), rule, channels=trial.channels(HOME),
        details={"homes": homes},
    )  # fmt: skip


@then("a home gives as much as such a home should")
def _(trial: Trial) -> None:
    """The most that the meter saw one home give."""
    found, why = _delivered(trial)
    most = max(
        (one.given for one in found), key=lambda one: one.value,
        default=Estimate(math.nan, "W", why=why),
    )  # fmt: skip
    _judge(trial, "flexibility of a home", most, why)


@then("it delivers what it sold")
def _(trial: Trial) -> None:
    """The sale of which the least was given, as a share of what was sold."""
    found, why = _delivered(trial)
    plant = plant_of(trial.plan, trial.step_text)
    shares = [
        share_of(one.given, Estimate(plant.of_one_w(one.sale), "W")) for one in found
    ]
    least = min(shares, key=lambda one: one.value, default=Estimate(math.nan, "%"))
    _judge(trial, "delivered share", least, why)


@then("nothing of it is sold twice")
def _(trial: Trial) -> None:
    """How much more than all homes can give was sold at one time, at the worst."""
    plant, rule = plant_of(trial.plan, trial.step_text), trial.rule(PLANT, "sold twice")
    sold = _sold(trial)
    at_once = [
        sum(o.power_w for o in sold if o.from_clock_s <= at.from_clock_s
            < o.until_clock_s)
        for at in sold
    ]  # fmt: skip
    over_w = max(at_once, default=math.nan) - plant.capacity_w
    why = "" if sold else "it sold nothing"
    measured = Estimate(max(over_w, 0.0), "W", why=why) if sold else Estimate(
        math.nan, "W", why=why)  # fmt: skip
    trial.judge(PLANT, measured, rule, witness=Witness.LOG)


@then(parsers.parse("the offer to the {buyer:w} is refused, because {why}"))
def _(trial: Trial, buyer: str, why: str) -> None:
    """Whether it was refused for that reason, and for no other."""
    rule = trial.rule(PLANT, "refused otherwise")
    entries = log_of(trial.recording, OPERATOR, REFUSES, buyer=buyer)
    said = [str(one.detail["reason"]) for one in entries]
    right = any(why in one for one in said)
    reason = "" if right else f"refused: {'; '.join(said) or 'nothing of theirs'}"
    measured = Estimate(float(not right), "offers", why=reason)
    trial.judge(PLANT, measured, rule, witness=Witness.LOG, reason=reason)


@then(
    parsers.parse(
        "its owners have their part of the revenue, and {times:d} such days a year "
        "earn what they should"
    )
)
def _(trial: Trial, times: int, datatable: list[list[str]]) -> None:
    """What is left to owners after the shares in the table, and a kilowatt's year."""
    if not 1 <= times <= DAYS:
        raise FeatureError(f"“{times} such days”", "is no part of a year", "250")
    found, why = _delivered(trial)
    plant, terms = plant_of(trial.plan, trial.step_text), _terms(datatable)
    revenue_p = sum(one.paid_p(plant) for one in found)
    why = why or ("" if revenue_p > 0 else "it earned nothing")
    part, earns = Estimate(math.nan, "%"), Estimate(math.nan, "£/kW")
    if not why:
        shares = shared(revenue_p, terms, plant_mw=plant.portfolio_mw)
        part = Estimate(100 * shares.owners_p / revenue_p, "%")
        best = max((one.given for one in found), key=lambda one: one.value)
        gbp = revenue_p / 100 * times / (best.value * plant.homes / 1000)
        line = Contribution("meter", gbp * best.u / best.value, "B", "its card")
        earns = Estimate(gbp, "£/kW", (line,))
        takes = optimiser_percent(terms, plant.portfolio_mw)
        note_table(trial.node, "Who has what of the plant's revenue", [
            ["who", "share", "amount"],
            ["optimiser", f"{takes:.1f} %", pounds(shares.optimiser_p)],
            ["aggregator", f"{terms.aggregator_percent:g} %",
             pounds(shares.aggregator_p)],
            ["owners", f"{part.value:.1f} %", pounds(shares.owners_p)],
            ["each home, a year of such days", "",
             pounds(shares.owners_p * times / plant.homes)],
        ])  # fmt: skip
    _judge(trial, "owners' part", part, why)
    _judge(trial, "earnings", earns, why)


def _terms(datatable: list[list[str]]) -> ShareTerms:
    """Read what optimiser and aggregator take; each row quotes its rule."""
    where = "the shares of revenue"
    rows = {
        row["who"].strip(): row["limit"]
        for row in table_rows(datatable, ("who", "limit", "rule"), where)
    }
    missing = {OPTIMISER_SMALL, OPTIMISER_LARGE, AGGREGATOR} - set(rows)
    if missing:
        raise FeatureError(where, f"nothing of {', '.join(sorted(missing))}", "a row")
    takers = (OPTIMISER_SMALL, OPTIMISER_LARGE, AGGREGATOR)
    try:
        return ShareTerms(*(percent(rows[who], "33 %") for who in takers))
    except ValueError as error:
        raise FeatureError(where, str(error), "33 %, 10 % and 10 %") from error
