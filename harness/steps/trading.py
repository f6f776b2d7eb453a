"""Wholesale portfolio optimisation: a trader's orders, limits, and what they bring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

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
from harness.market.sites import Site
from harness.market.trading import (
    BEYOND_PRICES,
    GATE_CLOSED,
    NO_REASON,
    NOT_WORTH_IT,
    TOO_MUCH,
    TOO_OPEN,
    TOO_RISKY,
    UNEXPOSED,
    Market,
    Motive,
    Risk,
)
from harness.reporting.record import note_table
from harness.rulebook.rule import Rule
from harness.settlement.money import Price, price_of
from harness.settlement.positions import positions_table, transfers_table
from harness.settlement.sites import SitesSettlement
from harness.settlement.wholesale import Ordered, settle_orders
from harness.steps.capacity import halves_of
from harness.steps.prices import agreed, price
from harness.steps.settled import Settled
from harness.steps.sites import named, site_view, trouble_of
from harness.steps.trial import Trial
from harness.steps.words import clock_s, duration_s, power_w, span_s, table_rows
from harness.trial.plan import Plan
from harness.trial.planned import PlannedOrder, TradingTerms
from harness.trial.trading_desk import BEYOND
from harness.trial.view import MeterView, log_of, starts_at

SIDES = ("before gate closure", "after gate closure")
FITS = ("is cut", "is declined")
LONGEST_S = 12 * 3600.0
"""An order that lasts longer ends before it begins. [s]"""
SETTLES_S = 60.0
"""What happens so soon after an order begins is not part of a mean. [s]"""
COMPANY = (Party.TRADER, Party.SUPPLIER, Party.BALANCE_RESPONSIBLE)
"""A vertically integrated company: what one of them loses another may gain."""
REASONS = (
    BEYOND, BEYOND_PRICES, GATE_CLOSED, NO_REASON, NOT_WORTH_IT, TOO_MUCH, TOO_OPEN,
    TOO_RISKY, UNEXPOSED,
)  # fmt: skip


@given("the trader knows")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Prices, what is exposed to them, what owners are paid; before what it may."""
    columns = (
        "price", "usual price", "imbalance price", "exposed", "owners are paid",
        "tariff",
    )  # fmt: skip
    rows = table_rows(datatable, columns, "what the trader knows")
    if len(rows) != 1:
        raise FeatureError("the trader", f"has {len(rows)} rows", "one row")
    row = rows[0]
    tariff = agreed(row["tariff"])
    market = Market(
        _pounds(row["price"]), _pounds(row["usual price"]),
        _pounds(row["imbalance price"]), float(tariff.gbp_per_mwh),
        power_w(row["exposed"].removesuffix("h")),
    )  # fmt: skip
    cost = agreed(row["owners are paid"])
    known = plan.trading or TradingTerms(market, cost, tariff)
    plan.trading = replace(known, market=market, cost=cost, tariff=tariff)


@given("the market's times")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Gate closure: how long before its settlement period a trade is final."""
    for row in table_rows(datatable, ("time", "limit", "rule"), "the market's times"):
        if row["time"] != "gate closure":
            raise FeatureError("the market's times", repr(row["time"]), "gate closure")
        plan.gate_closure_s = duration_s(row["limit"])


@given("the trader may")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Its risk limits on either side of gate closure."""
    columns = (
        "when", "move at most", "hold open at most", "lose at most", "use prices from",
        "up to", "what does not fit",
    )  # fmt: skip
    rows = table_rows(datatable, columns, "what the trader may")
    by_side = {row["when"].strip(): row for row in rows}
    if tuple(by_side) != SIDES or len(rows) != len(SIDES):
        raise FeatureError("what the trader may", "is not said of both", str(SIDES))
    if plan.trading is None:
        hint = "first, a Given with what the trader knows"
        raise FeatureError("what the trader may", "it knows no prices", hint)
    before, after = (_risk(by_side[side]) for side in SIDES)
    plan.trading = replace(plan.trading, before=before, after=after)


def _risk(row: dict[str, str]) -> Risk:
    where = f"what the trader may {row['when']}"
    lose = row["lose at most"].strip().removeprefix("£")
    if not lose.replace(".", "", 1).isdigit():
        raise FeatureError(f"“{row['lose at most']}”", "is no amount", "£20")
    if row["what does not fit"] not in FITS:
        fact = f"{row['what does not fit']!r} is no answer to what does not fit"
        raise FeatureError(where, fact, ", ".join(FITS))
    try:
        return Risk(
            power_w(row["move at most"]),
            power_w(row["hold open at most"].removesuffix("h")),
            _pounds(row["use prices from"]), _pounds(row["up to"]), 100 * float(lose),
            cuts=row["what does not fit"] == "is cut",
        )  # fmt: skip
    except ValueError as error:
        raise FeatureError(where, str(error), "limits that allow something") from error


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
        hint = "a Given with what the trader knows"
        raise FeatureError(f"“at {at}”", "the trader knows no prices", hint)
    if plan.trading.before is None or plan.gate_closure_s is None:
        hint = "Givens with what the trader may, and with the market's times"
        raise FeatureError(f"“at {at}”", "the trader has no limits", hint)
    if way not in ("less", "more"):
        raise FeatureError(f"“{way}”", "is no way to draw", "less, more")
    if motive not in tuple(Motive):
        raise FeatureError(f"“{motive}”", "is no reason to trade", ", ".join(Motive))
    from_s, until_s = span_s(start, end)
    _require_possible(f"“at {at}”", clock_s(at), power_w(power), from_s, until_s)
    for other in plan.orders:
        same = other.site == site
        if same and other.from_clock_s < until_s and from_s < other.until_clock_s:
            fact = f"the {site} is ordered twice between {start} and {end}"
            raise FeatureError(f"“at {at}”", fact, "another time, or another site")
    level_w = power_w(power) if way == "less" else -power_w(power)
    plan.orders.append(
        PlannedOrder(site, level_w, clock_s(at), from_s, until_s, Motive(motive))
    )


def _require_possible(
    where: str, at_s: float, asked_w: float, from_s: float, until_s: float
) -> None:
    """Refuse an order that nobody could carry out."""
    if not asked_w > 0:
        hint = "more than nothing; “less” or “more” says which way"
        raise FeatureError(where, f"{asked_w / 1e3:g} kW is ordered", hint)
    if at_s >= from_s:
        hint = "a decision before the order begins"
        raise FeatureError(where, "it is decided after it has begun", hint)
    if until_s - from_s > LONGEST_S:
        fact = f"it lasts {(until_s - from_s) / 3600:g} hours, past midnight"
        raise FeatureError(where, fact, "an end after its beginning")


def _rule(trial: Trial, name: str) -> Rule:
    """Return a rule of use case 7, or of 8 where a trader has sites draw more."""
    case = "uc8" if any(one.power_w < 0 for one in trial.plan.orders) else "uc7"
    return trial.named_rule(f"transition/{case}/{name}")


def _orders(trial: Trial, what: str = "orders") -> list[LogEntry]:
    return log_of(trial.recording, Actor.TRADER, what)


@then(parsers.parse("the {site:w} moves as ordered"))
def _(trial: Trial, site: str) -> None:
    """The mean change on its meter while each order ran, over what was asked."""
    one = named(trial.plan, site)
    view = site_view(trial, one, "delivered share")
    if view is None:
        return
    rule = trial.rule(site, "delivered share")
    entries = [e for e in _orders(trial) if e.detail["site"] == site]
    shares = [_delivered(one, view, entry) for entry in entries]
    blocked = trouble_of(trial, view, "%")
    measured = blocked or _least(shares)
    said = "; ".join(
        f"from {trial.clock(_number(entry, 'from_s'))}: {share.value:.0f} %"
        for entry, share in zip(entries, shares, strict=True)
    )
    trial.judge(site, measured, rule, channels=(view.channel,), reason=said)
    trial.draw(
        one.role, view, f"{site.capitalize()}: one of its {one.like}, as ordered"
    )


def _delivered(site: Site, view: MeterView, entry: LogEntry) -> Estimate:
    """How much of one order a site's meter shows. [%]"""
    from_s, until_s, asked_w = (
        _number(entry, key) for key in ("from_s", "until_s", "power_w")
    )
    mean = mean_power(
        view.time_s, view.power_w, from_s=from_s + SETTLES_S, until_s=until_s,
        meter=view.quality,
    )  # fmt: skip
    usual = Estimate(site.usual_w, "W")
    changed = difference(usual, scaled(mean, float(site.like), "W"))
    return scaled(changed, 100 / asked_w, "%")


def _number(entry: LogEntry, key: str) -> float:
    return float(str(entry.detail[key]))


def _least(shares: Sequence[Estimate]) -> Estimate:
    """Return the least of some shares; one that nobody knows is the least. [%]"""
    if not shares:
        return Estimate(math.nan, "%", why="nothing was ordered")
    unknown = [one for one in shares if math.isnan(one.value)]
    return unknown[0] if unknown else min(shares, key=lambda one: one.value)


@then(parsers.parse("the trader cuts it to {power}, because {why}"))
def _(trial: Trial, power: str, why: str) -> None:
    """How many of its orders were cut otherwise, or for another reason; or not."""
    if why not in REASONS:
        raise FeatureError(f"“{why}”", "is no reason to cut", "; ".join(REASONS))
    wanted_w, entries = power_w(power), _orders(trial)
    last = entries[-1:] if entries else []
    wrong = [
        one for one in last
        if one.detail["cut_for"] != why
        or abs(abs(_number(one, "power_w")) - wanted_w) > 1.0
    ]  # fmt: skip
    said = "; ".join(
        f"given: {abs(_number(one, 'power_w')) / 1e3:g} kW, "
        f"{one.detail['cut_for'] or 'not cut'}"
        for one in last
    )
    measured = Estimate(float(bool(wrong) or not last), "orders")
    rule = _rule(trial, "declined-otherwise")
    trial.judge(
        "trader", measured, rule, witness=Witness.LOG,
        reason=said or "nothing was ordered",
    )  # fmt: skip


@then(parsers.parse("the trader declines it, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether it was declined, and for that reason and no other."""
    if why not in REASONS:
        raise FeatureError(f"“{why}”", "is no reason to decline", "; ".join(REASONS))
    reasons = {str(one.detail["reason"]) for one in _orders(trial, "declines")}
    wrong = reasons != {why} or bool(_orders(trial))
    said = f"reasons given: {', '.join(sorted(reasons)) or 'none'}"
    measured = Estimate(float(wrong), "orders", why=said if wrong else "")
    rule = _rule(trial, "declined-otherwise")
    trial.judge("trader", measured, rule, witness=Witness.LOG, reason=said)


@then("it brings more than doing nothing")
def _(trial: Trial) -> None:
    """What the trader gains with the rest of its company: supplier and balancing."""
    rule, found = _rule(trial, "brings"), _settlement(trial)
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
    """From the end of each order until the facilitator was told of it: the longest."""
    rule = _rule(trial, "told-afterwards")
    found = [_told_of(trial, one) for one in _orders(trial)]
    if not found:
        measured = Estimate(math.nan, "s", why="nothing was ordered")
    else:
        measured = max(found, key=lambda one: one.value)
    trial.judge("trader", measured, rule, witness=Witness.LOG)


def _told_of(trial: Trial, order: LogEntry) -> Estimate:
    """From the end of one order until the facilitator was told of that very one. [s]"""
    same = ("site", "power_w", "from_s", "until_s")
    ended_s = _number(order, "until_s")
    told = [
        one.time_s
        for one in _orders(trial, "notice: used")
        if all(one.detail[key] == order.detail[key] for key in same)
        and one.time_s >= ended_s
    ]
    what = f"the facilitator's notice of the order of {trial.clock(ended_s)}"
    return elapsed(ended_s, min(told, default=None), what=what)


@then("neither the DNO nor the DSO is part of it")
def _(trial: Trial) -> None:
    """How many times either acted, or was told anything."""
    theirs = (str(Actor.DNO), str(Actor.DSO), str(Actor.NETWORK))
    found = [
        one
        for one in trial.recording.log
        if one.actor in theirs or str(one.detail.get("to", "")) in theirs
    ]
    rule = _rule(trial, "network-not-part")
    measured = Estimate(float(len(found)), "messages")
    if not _orders(trial):
        measured = Estimate(math.nan, "messages", why="nothing was ordered")
    said = "; ".join(f"{one.actor}: {one.what}" for one in found[:3])
    trial.judge("trader", measured, rule, witness=Witness.LOG, reason=said)


def _settlement(trial: Trial) -> SitesSettlement | None:
    """Settle every accepted order; None if a site's meter is missing."""
    terms = trial.plan.trading
    if terms is None:
        hint = "a Given with what the trader knows"
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
