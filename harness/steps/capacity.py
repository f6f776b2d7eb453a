"""Money between sites: trades of capacity, and the energy that comes with them.

Everything is settled from the sites' own meters' half-hours by `harness.settlement`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from pytest_bdd import given, parsers, then

from harness.analysis.estimate import Estimate
from harness.analysis.quality import difference, scaled
from harness.checks.judge import Witness
from harness.core.calendar import PeriodOnBench, SettlementPeriod, periods_on_bench
from harness.core.errors import FeatureError
from harness.market.actors import Actor
from harness.market.sites import Site
from harness.market.trades import Stage, Trade, Transaction
from harness.reporting.record import note_table
from harness.settlement.money import whole_wh
from harness.settlement.positions import positions_table, transfers_table
from harness.settlement.sites import (
    SitesSettlement,
    SiteUse,
    TradeTerms,
    settle_sites,
)
from harness.settlement.trades import (
    PERIODS_PER_HOUR,
    CapacityTrade,
    Offset,
    TradeSettlement,
    settle_offset,
    settle_trade,
)
from harness.settlement.volumes import HalfHour
from harness.steps.half_hours import halves_seen
from harness.steps.prices import agreed, price
from harness.steps.settled import Settled
from harness.steps.sites import latest_trade, named, traded_rule
from harness.steps.trial import Trial
from harness.steps.words import table_rows
from harness.trial.plan import Plan
from harness.trial.register import register_of
from harness.trial.view import log_of, starts_at

LENT, USED = "capacity", "drawn of what was sold"
BEYOND = "drawn beyond what was bought"
OFFSET = "offset"


@given("trades between sites are settled by")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Price of capacity, penalty for using what was sold, tariff, imbalance price."""
    columns = ("price", "penalty", "tariff", "imbalance price")
    rows = table_rows(datatable, columns, "the trades' money")
    if len(rows) != 1:
        raise FeatureError("the trades' money", f"has {len(rows)} rows", "one row")
    row = rows[0]
    plan.trade_terms = TradeTerms(
        agreed(row["price"]),
        agreed(row["penalty"]),
        agreed(row["tariff"]),
        price(row["imbalance price"]),
    )


def terms_of(trial: Trial) -> TradeTerms:
    """Return what trades cost.

    Raises
    ------
    FeatureError
        If the feature file does not say.
    """
    if trial.plan.trade_terms is None:
        fact, hint = "nothing was agreed about money", "a Given with the trades' money"
        raise FeatureError(f"“{trial.step_text}”", fact, hint)
    return trial.plan.trade_terms


def halves_of(trial: Trial, site: Site) -> tuple[HalfHour, ...] | None:
    """Return a site's half-hours, as its device's meter times its number saw them."""
    view = trial.view(site.role)
    if view is None:
        return None
    like = float(site.like)
    return tuple(
        replace(half, energy=scaled(half.energy, like, "Wh"))
        for half in halves_seen(trial, view)
    )


def traded_parts(trial: Trial) -> list[PeriodOnBench]:
    """Return the settlement periods for which anything was traded, in order."""
    span = {"from_s": 0.0, "until_s": trial.plan.duration_s}
    parts = periods_on_bench(starts_at(trial.recording), **span)
    spans = [
        (trial.plan.bench_s(one.trade.from_s), trial.plan.bench_s(one.trade.until_s))
        for one in trial.plan.trades
    ]
    return [
        part
        for part in parts
        if any(part.until_s > a + 1e-6 and part.from_s < b - 1e-6 for a, b in spans)
    ]


def _known(trial: Trial, parts: Iterable[PeriodOnBench]) -> frozenset[SettlementPeriod]:
    """Half-hours whose trade the balance responsible person knew of in time."""
    told = log_of(
        trial.recording, Actor.FACILITATOR, "notice: approved",
        to=str(Actor.BALANCE_RESPONSIBLE),
    )  # fmt: skip
    gate_s = trial.named_rule("bsc/gate-closure").at_least or 0.0
    return frozenset(
        part.period
        for part in parts
        if any(one.time_s <= part.from_s - gate_s for one in told)
    )


def settlement_of(trial: Trial) -> SitesSettlement:
    """Settle every trade of a trial, and the energy of its sites."""
    terms, parts = terms_of(trial), traded_parts(trial)
    periods = {part.period for part in parts}
    known = _known(trial, parts)
    uses = [
        SiteUse(
            site.name,
            tuple(half for half in halves if half.period in periods),
            whole_wh(site.usual_w / PERIODS_PER_HOUR),
            known,
        )
        for area in trial.plan.areas
        for site in area.sites
        if (halves := halves_of(trial, site)) is not None
    ]
    by_name = {use.site: use for use in uses}
    register = register_of(trial.recording, trial.plan.areas)
    traded = [
        _traded(trial, one, parts, by_name, terms)
        for one in register.transactions
        if not one.trade.kind.is_offset
    ]
    traded += [
        _offset(trial, one, parts, by_name, terms)
        for one in register.transactions
        if one.trade.kind.is_offset and one.approved_w
    ]
    return settle_sites(traded, uses, terms=terms)


def _offset(
    trial: Trial, one: Transaction, parts: list[PeriodOnBench],
    uses: dict[str, SiteUse], terms: TradeTerms,
) -> TradeSettlement:  # fmt: skip
    """Settle what both sites of an offset rose by, in the half-hours it stood for."""
    trade, stood = one.trade, set(_stood(one, parts, approved=True))
    rises = []
    sign_of_buyer = trade.kind.direction.sign
    for name, sign in ((trade.buyer, sign_of_buyer), (trade.seller, -sign_of_buyer)):
        usual = Estimate(sign * named(trial.plan, name).usual_w, "W")
        powers = uses[name].powers(sign) if name in uses else {}
        rises.append(
            {
                period: difference(power, usual)
                for period, power in powers.items()
                if period in stood
            }
        )
    agreed_on = Offset(trade.buyer, trade.seller, terms.price, terms.penalty)
    return settle_offset(agreed_on, *rises)


def _traded(
    trial: Trial, one: Transaction, parts: list[PeriodOnBench],
    uses: dict[str, SiteUse], terms: TradeTerms,
) -> TradeSettlement:  # fmt: skip
    trade, direction = one.trade, one.trade.kind.direction
    approved = one.at(trial.plan.duration_s).stage in (
        Stage.APPROVED, Stage.EXPIRED, Stage.UNWOUND,
    )  # fmt: skip
    seller, buyer = (named(trial.plan, name) for name in (trade.seller, trade.buyer))
    sold_w = one.approved_w if approved else trade.power_w
    return settle_trade(
        CapacityTrade(
            trade.seller, trade.buyer, whole_wh(sold_w),
            whole_wh(seller.holds_w(direction)), whole_wh(buyer.holds_w(direction)),
            terms.price, terms.penalty,
        ),
        _stood(one, parts, approved=approved),
        uses[trade.seller].powers(direction.sign) if trade.seller in uses else {},
        uses[trade.buyer].powers(direction.sign) if trade.buyer in uses else {},
        approved=approved,
    )  # fmt: skip


def _stood(
    one: Transaction, parts: list[PeriodOnBench], *, approved: bool
) -> list[SettlementPeriod]:
    """Return the half-hours that a trade stood for whole."""
    trade = one.trade
    until_s = trade.until_s
    if approved and one.stage is Stage.UNWOUND and one.ended_s is not None:
        until_s = min(until_s, one.ended_s)
    return [
        part.period
        for part in parts
        if part.from_s >= trade.from_s - 1e-6 and part.until_s <= until_s + 1e-6
    ]


def settled_sites(trial: Trial) -> Settled | None:
    """Return where the sites' settlement leaves everybody; None without a meter."""
    sites = [site for area in trial.plan.areas for site in area.sites]
    views = [view for site in sites if (view := trial.view(site.role))]
    if len(views) < len(sites):
        return None
    found = settlement_of(trial)
    return Settled(
        {str(one.party): one.net_p for one in found.positions},
        {str(party): one for party, one in found.nets.items()},
        found.turnover_p,
        tuple(view.channel for view in views),
        trouble=_trouble(trial),
        show=lambda: _show(trial, found),
    )


def _trouble(trial: Trial) -> str:
    """Why a site's meter may not settle, or ""."""
    for draw in trial.plan.draws:
        view = trial.view(named(trial.plan, draw.site).role)
        if view and (why := trial.trouble(view, trial.plan.bench_s(draw.from_clock_s))):
            return why
    return ""


@then(parsers.parse("the {buyer:w} pays the {seller:w} for the capacity that it lent"))
def _(trial: Trial, buyer: str, seller: str) -> None:
    """What is paid for capacity, against what all of it would cost."""
    trade = latest_trade(trial.plan, trial.step_text)
    named(trial.plan, buyer), named(trial.plan, seller)
    found, rule = settlement_of(trial), trial.rule(seller, "capacity paid for")
    full_p = _full_p(trial, trade)
    paid_p = found.paid_p(buyer, seller, LENT)
    measured = (
        Estimate(100 * paid_p / full_p - 100, "%")
        if full_p
        else Estimate(math.nan, "%", why="the capacity costs nothing")
    )
    if why := _trouble(trial):
        measured = Estimate(math.nan, "%", why=why)
    reason = "; ".join((*found.breaches, *found.marks))
    channel = f"{named(trial.plan, seller).role}.power_w"
    view = trial.view(named(trial.plan, seller).role)
    trial.judge(
        seller, measured, rule, reason=reason, details={"paid_p": paid_p},
        channels=(view.channel if view else channel,),
    )  # fmt: skip
    _show(trial, found)


def _full_p(trial: Trial, trade: Trade) -> float:
    """What the trade would cost if it stood whole, half-hour by half-hour. [p]"""
    halves = round((trade.until_s - trade.from_s) / 3600 * PERIODS_PER_HOUR)
    mwh = trade.power_w / PERIODS_PER_HOUR / 1e6
    return halves * mwh * float(terms_of(trial).price.gbp_per_mwh) * 100


@then(
    parsers.parse("the {seller:w} pays the {buyer:w} for what it drew of what it sold")
)
def _(trial: Trial, seller: str, buyer: str) -> None:
    """The penalty for the energy, against what its meter's half-hours make it."""
    named(trial.plan, buyer), named(trial.plan, seller)
    found, rule = settlement_of(trial), trial.rule(seller, "penalty for use")
    paid_p = found.paid_p(seller, buyer, USED)
    due_p = _used_p(trial, seller)
    measured = (
        Estimate(100 * paid_p / due_p - 100, "%")
        if due_p
        else Estimate(math.nan, "%", why="nothing was drawn of what was sold")
    )
    if why := _trouble(trial):
        measured = Estimate(math.nan, "%", why=why)
    trial.judge(
        seller, measured, rule, witness=Witness.LOG,
        reason="; ".join(found.breaches), details={"paid_p": paid_p},
    )  # fmt: skip
    _show(trial, found)


def _used_p(trial: Trial, seller: str) -> float:
    """What the energy that a seller drew of what it sold costs, by its meter. [p]

    From the whole half-hours' energy by itself, beside the settlement's own way.
    """
    site = named(trial.plan, seller)
    periods = {part.period for part in traded_parts(trial)}
    trade = latest_trade(trial.plan, trial.step_text)
    keeps_w = site.holds_w(trade.kind.direction) - trade.power_w
    sign = trade.kind.direction.sign
    over_wh = sum(
        max(sign * half.energy.value - keeps_w / PERIODS_PER_HOUR, 0.0)
        for half in halves_of(trial, site) or ()
        if half.period in periods and half.settled
    )
    return over_wh / 1e6 * float(terms_of(trial).penalty.gbp_per_mwh) * 100


@then("nothing is owed for capacity")
def _(trial: Trial) -> None:
    """All that sites owe each other, or the DNO, for capacity."""
    found, rule = settlement_of(trial), traded_rule(trial, "money-without-approval")
    due_p = sum(
        one.pence for one in found.transfers if one.what in (LENT, USED, BEYOND, OFFSET)
    )
    measured = Estimate(float(due_p), "p")
    if why := _trouble(trial):
        measured = Estimate(math.nan, "p", why=why)
    trial.judge("sites", measured, rule, witness=Witness.LOG)
    _show(trial, found)


def _show(trial: Trial, found: SitesSettlement) -> None:
    """Put who pays whom, and everyone's position, into the report."""
    if not found.transfers:
        return
    note_table(
        trial.node, "Who pays whom, for these sites", transfers_table(found.transfers)
    )
    expanded = {str(party): one.expanded for party, one in found.nets.items()}
    rows = positions_table(found.positions, expanded)
    note_table(trial.node, "Position of every market actor and site", rows)
    said = (*found.breaches, *found.marks)
    if said:
        marks = [("breach, or not settled",), *((mark,) for mark in said)]
        note_table(trial.node, "Marked by name", marks)
