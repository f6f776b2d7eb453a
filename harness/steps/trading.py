"""Wholesale portfolio optimisation: a trader's orders, limits, and what they bring."""

from __future__ import annotations

import math

from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Estimate
from harness.analysis.quality import difference, scaled, total
from harness.analysis.waterfall import elapsed
from harness.checks.judge import Witness
from harness.core.calendar import periods_on_bench
from harness.core.errors import FeatureError
from harness.core.parties import Party
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.trading import (
    BEYOND_PRICES,
    GATE_CLOSED,
    NO_REASON,
    NOT_WORTH_IT,
    TOO_MUCH,
    TOO_RISKY,
    Market,
    Motive,
    Risk,
)
from harness.reporting.record import note_table
from harness.settlement.money import Price, price_of
from harness.settlement.positions import positions_table, transfers_table
from harness.settlement.sites import SitesSettlement
from harness.settlement.wholesale import Ordered, settle_orders
from harness.steps.capacity import halves_of
from harness.steps.prices import agreed, price
from harness.steps.settled import Settled
from harness.steps.sites import named, site_view, trouble_of
from harness.steps.trial import Trial
from harness.steps.words import clock_s, power_w, span_s, table_rows
from harness.trial.plan import Plan, PlannedOrder, TradingTerms
from harness.trial.trading_desk import BEYOND
from harness.trial.view import log_of, starts_at

SETTLES_S = 60.0
"""What happens so soon after an order begins is not part of a mean. [s]"""
COMPANY = (Party.TRADER, Party.SUPPLIER, Party.BALANCE_RESPONSIBLE)
"""A vertically integrated company: what one of them loses another may gain."""
REASONS = (
    BEYOND, BEYOND_PRICES, GATE_CLOSED, NO_REASON, NOT_WORTH_IT, TOO_MUCH, TOO_RISKY,
)  # fmt: skip


@given("the trader knows, and may")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Prices, what is exposed to them, what owners are paid; and the risk limits."""
    columns = (
        "price", "usual price", "imbalance price", "exposed", "owners are paid",
        "tariff", "move at most", "use prices from", "up to", "lose at most",
    )  # fmt: skip
    rows = table_rows(datatable, columns, "what the trader knows")
    if len(rows) != 1:
        raise FeatureError("the trader", f"has {len(rows)} rows", "one row")
    row = rows[0]
    market = Market(
        _pounds(row["price"]), _pounds(row["usual price"]),
        _pounds(row["imbalance price"]), power_w(row["exposed"].removesuffix("h")),
    )  # fmt: skip
    lose = row["lose at most"].strip().removeprefix("£")
    if not lose.replace(".", "", 1).isdigit():
        raise FeatureError(f"“{row['lose at most']}”", "is no amount", "£20")
    risk = Risk(
        power_w(row["move at most"]), _pounds(row["use prices from"]),
        _pounds(row["up to"]), 100 * float(lose),
    )  # fmt: skip
    plan.trading = TradingTerms(
        market, risk, agreed(row["owners are paid"]), agreed(row["tariff"])
    )


def _pounds(text: str) -> float:
    return float(price(text).gbp_per_mwh)


@when(
    parsers.parse(
        "the trader at {at} has the {site:w} draw {power} {way:w} from {start} to "
        '{end}, for "{motive}"'
    )
)
def _(
    plan: Plan, at: str, site: str, power: str, way: str, start: str, end: str,
    motive: str,
) -> None:  # fmt: skip
    """An order, when it is decided, and the price pre-condition that it is for."""
    named(plan, site)
    if plan.trading is None:
        hint = "a Given with what the trader knows, and may"
        raise FeatureError(f"“at {at}”", "the trader knows no prices", hint)
    if way not in ("less", "more"):
        raise FeatureError(f"“{way}”", "is no way to draw", "less, more")
    if motive not in tuple(Motive):
        raise FeatureError(f"“{motive}”", "is no reason to trade", ", ".join(Motive))
    from_s, until_s = span_s(start, end)
    for other in plan.orders:
        same = other.site == site
        if same and other.from_clock_s < until_s and from_s < other.until_clock_s:
            fact = f"the {site} is ordered twice between {start} and {end}"
            raise FeatureError(f"“at {at}”", fact, "another time, or another site")
    level_w = power_w(power) if way == "less" else -power_w(power)
    plan.orders.append(
        PlannedOrder(site, level_w, clock_s(at), from_s, until_s, Motive(motive))
    )


def _orders(trial: Trial, what: str = "orders") -> list[LogEntry]:
    return log_of(trial.recording, Actor.TRADER, what)


@then(parsers.parse("the {site:w} moves as ordered"))
def _(trial: Trial, site: str) -> None:
    """The mean change on its meter while the order ran, over what was asked."""
    one = named(trial.plan, site)
    view = site_view(trial, one, "delivered share")
    if view is None:
        return
    rule = trial.rule(site, "delivered share")
    entries = [e for e in _orders(trial) if e.detail["site"] == site]
    if not entries:
        measured = Estimate(math.nan, "%", why="nothing was ordered")
    else:
        detail = entries[0].detail
        from_s, until_s, asked_w = (
            float(str(detail[k])) for k in ("from_s", "until_s", "power_w")
        )
        mean = mean_power(
            view.time_s, view.power_w, from_s=from_s + SETTLES_S, until_s=until_s,
            meter=view.quality,
        )  # fmt: skip
        changed = difference(
            Estimate(one.usual_w, "W"), scaled(mean, float(one.like), "W")
        )
        blocked = trouble_of(trial, view, "%")
        measured = blocked or scaled(changed, 100 / asked_w, "%")
    trial.judge(site, measured, rule, channels=(view.channel,))
    trial.draw(
        one.role, view, f"{site.capitalize()}: one of its {one.like}, as ordered"
    )


@then(parsers.parse("the trader declines it, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether it was declined, and for that reason and no other."""
    if why not in REASONS:
        raise FeatureError(f"“{why}”", "is no reason to decline", "; ".join(REASONS))
    reasons = {str(one.detail["reason"]) for one in _orders(trial, "declines")}
    wrong = reasons != {why} or bool(_orders(trial))
    said = f"reasons given: {', '.join(sorted(reasons)) or 'none'}"
    measured = Estimate(float(wrong), "orders", why=said if wrong else "")
    rule = trial.named_rule("transition/uc7/declined-otherwise")
    trial.judge("trader", measured, rule, witness=Witness.LOG, reason=said)


@then("it brings more than doing nothing")
def _(trial: Trial) -> None:
    """What the trader gains with the rest of its company: supplier and balancing."""
    rule, found = trial.named_rule("transition/uc7/brings"), _settlement(trial)
    if found is None:
        measured = Estimate(math.nan, "p", why="no independent meter saw it")
    elif not found.transfers or found.marks:
        why = "; ".join(found.marks) or "nothing was ordered"
        measured = Estimate(math.nan, "p", why=why)
    else:
        net = {one.party: one.net_p for one in found.positions}
        gained = sum(net[party] for party in COMPANY)
        doubts = [found.nets[party] for party in COMPANY]
        measured = Estimate(float(gained), "p", total(doubts).budget)
        if why := _trouble(trial):
            measured = Estimate(math.nan, "p", why=why)
    trial.judge("trader", measured, rule, channels=_channels(trial))
    if found:
        _show(trial, found)


def _channels(trial: Trial) -> tuple[str, ...]:
    roles = {named(trial.plan, one.site).role for one in trial.plan.orders}
    views = [trial.view(role) for role in sorted(roles)]
    return tuple(view.channel for view in views if view) or ("home.power_w",)


@then("the facilitator hears of it afterwards, in the agreed time")
def _(trial: Trial) -> None:
    """From the end of the last order until the facilitator was told of its use."""
    rule = trial.named_rule("transition/uc7/told-afterwards")
    told, given_orders = _orders(trial, "notice: used"), _orders(trial)
    if not given_orders:
        measured = Estimate(math.nan, "s", why="nothing was ordered")
    elif len(told) < len(given_orders):
        measured = Estimate(math.inf, "s", why="it was not told of every order")
    else:
        ended_s = max(float(str(one.detail["until_s"])) for one in given_orders)
        measured = elapsed(ended_s, told[-1].time_s, what="the facilitator's notice")
    trial.judge("trader", measured, rule, witness=Witness.LOG)


@then("neither the DNO nor the DSO is part of it")
def _(trial: Trial) -> None:
    """How many times either acted, or was told anything."""
    theirs = (str(Actor.DNO), str(Actor.DSO), str(Actor.NETWORK))
    found = [
        one
        for one in trial.recording.log
        if one.actor in theirs or str(one.detail.get("to", "")) in theirs
    ]
    rule = trial.named_rule("transition/uc7/network-not-part")
    measured = Estimate(float(len(found)), "messages")
    trial.judge("trader", measured, rule, witness=Witness.LOG)


def _settlement(trial: Trial) -> SitesSettlement | None:
    """Settle every accepted order; None if a site's meter is missing."""
    terms = trial.plan.trading
    if terms is None:
        hint = "a Given with what the trader knows, and may"
        raise FeatureError(f"“{trial.step_text}”", "nothing is known of prices", hint)
    parts = periods_on_bench(
        starts_at(trial.recording), from_s=0.0, until_s=trial.plan.duration_s
    )
    orders = []
    for entry in _orders(trial):
        site = named(trial.plan, str(entry.detail["site"]))
        halves = halves_of(trial, site)
        if halves is None:
            return None
        ordered, from_s, until_s = (
            float(str(entry.detail[k])) for k in ("power_w", "from_s", "until_s")
        )
        orders.append(
            Ordered(
                site.name, halves, site.usual_w, ordered, from_s, until_s,
                bool(entry.detail["traded"]),
            )
        )  # fmt: skip
    return settle_orders(
        orders, parts, price=_exact(terms.market.price), cost=terms.cost,
        tariff=terms.tariff, imbalance=_exact(terms.market.imbalance_price),
    )  # fmt: skip


def _exact(gbp_per_mwh: float) -> Price:
    return price_of(repr(gbp_per_mwh), where="the trader's prices")


def _trouble(trial: Trial) -> str:
    """Why a site's meter may not settle, or ""."""
    for order in trial.plan.orders:
        view = trial.view(named(trial.plan, order.site).role)
        at_s = trial.plan.bench_s(order.from_clock_s)
        if view and (why := trial.trouble(view, at_s)):
            return why
    return ""


def settled_orders(trial: Trial) -> Settled | None:
    """Return where the trader's orders leave everybody; None without a meter."""
    found = _settlement(trial)
    if found is None:
        return None
    return Settled(
        {str(one.party): one.net_p for one in found.positions},
        {str(party): one for party, one in found.nets.items()},
        found.turnover_p,
        _channels(trial),
        trouble=_trouble(trial),
        show=lambda: _show(trial, found),
    )


def _show(trial: Trial, found: SitesSettlement) -> None:
    """Put who pays whom, and everyone's position, into the report."""
    if not found.transfers:
        return
    rows = transfers_table(found.transfers)
    note_table(trial.node, "Who pays whom, for these sites", rows)
    expanded = {str(party): one.expanded for party, one in found.nets.items()}
    rows = positions_table(found.positions, expanded)
    note_table(trial.node, "Position of every market actor and site", rows)
