"""A local energy market: who trades with whom, and how it is settled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import total
from harness.checks.judge import Witness
from harness.core.calendar import SettlementPeriod
from harness.core.errors import FeatureError
from harness.market.local_market import LocalMarket, Member
from harness.reporting.record import note_table
from harness.settlement.local_market import HalfHourSettled, Traded, settled
from harness.settlement.money import Price, agreed_price, pounds, whole_wh
from harness.steps.half_hours import half_hours_s, halves_seen
from harness.steps.trial import Trial
from harness.steps.words import HOME, UNSAID, role_of, table_rows
from harness.trial.local_desk import CLOSES, OPERATOR, TRADES
from harness.trial.plan import Plan
from harness.trial.view import log_of, starts_at

MARKET = "market"
COLUMNS = ("member", "on the bench", "sells from", "buys up to", "wants")
PENCE = "p/kWh"
PER_KWH = 10
"""Pounds a megawatt-hour in a penny a kilowatt-hour."""


@given(
    parsers.parse(
        'the local market "{name}", whose supplier asks {tariff} and pays {export}'
    )
)
def _(
    plan: Plan, name: str, tariff: str, export: str, datatable: list[list[str]]
) -> None:
    """Its members, what they trade at, and whose energy they want first."""
    where = f"local market {name!r}"
    members = []
    for row in table_rows(datatable, COLUMNS, where):
        roles = tuple(role_of(one) for one in row["on the bench"].split(","))
        for role in roles:
            plan.need(role)
        wants = row["wants"].strip()
        try:
            members.append(
                Member(
                    row["member"].strip(), roles, _limit(row["sells from"]),
                    _limit(row["buys up to"]), "" if wants == UNSAID else wants,
                )
            )  # fmt: skip
        except ValueError as error:
            hint = "a limit, a meter, another member"
            raise FeatureError(where, str(error), hint) from error
    try:
        plan.local_market = LocalMarket(
            name, tuple(members), pence(tariff).steps, pence(export).steps
        )
    except ValueError as error:
        raise FeatureError(where, str(error), "members and prices that fit") from error


def pence(text: str) -> Price:
    """Read ``8 p/kWh`` as a price."""
    number = text.strip().removesuffix(PENCE).strip()
    where = f"“{text}”"
    if not text.strip().endswith(PENCE):
        raise FeatureError(where, "is no price", f"8 {PENCE}")
    try:
        amount = Decimal(number) * PER_KWH
    except InvalidOperation as error:
        raise FeatureError(where, "is no price", f"8 {PENCE}") from error
    return agreed_price(amount, where=where)


def _limit(text: str) -> int | None:
    return None if text.strip() == UNSAID else pence(text).steps


def market_of(plan: Plan, text: str) -> LocalMarket:
    """Return the local market of a plan.

    Raises
    ------
    FeatureError
        If there is none.
    """
    if plan.local_market is None:
        hint = 'Given the local market "…", whose supplier asks … and pays …'
        raise FeatureError(f"“{text}”", "there is no local market", hint)
    return plan.local_market


@when(parsers.parse("the local market trades from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """Before each half-hour it is matched; what flows in it is settled after it."""
    from_s, until_s = half_hours_s(start, end, example="from 12:00 to 13:00")
    market = market_of(plan, "the local market trades")
    plan.local_market = replace(market, from_clock_s=from_s, until_clock_s=until_s)


@dataclass(frozen=True, slots=True)
class _Halves:
    """Every half-hour of a market: what meters counted, what was traded."""

    metered: Mapping[SettlementPeriod, Mapping[str, Estimate]]
    traded: Mapping[SettlementPeriod, tuple[Traded, ...]]
    why: str
    """Why it cannot be settled, or ""."""

    def settle(
        self, market: LocalMarket, more_wh: Mapping[str, float] | None = None
    ) -> dict[SettlementPeriod, HalfHourSettled]:
        """Settle all, or as it would be had meters counted so much more."""
        return {
            period: settled(
                {
                    name: whole_wh(one.value + (more_wh or {}).get(name, 0.0))
                    for name, one in counted.items()
                },
                self.traded[period],
                tariff=Price(market.tariff),
                export=Price(market.export),
            )
            for period, counted in self.metered.items()
        }


def _halves(trial: Trial) -> _Halves:
    market = market_of(trial.plan, trial.step_text)
    periods = _periods(trial, market)
    counted: dict[SettlementPeriod, dict[str, Estimate]] = {p: {} for p in periods}
    why = "" if periods else "it traded in no whole half-hour"
    for member in market.members:
        for period, energy in _counted(trial, member, periods).items():
            counted[period][member.name] = energy
            why = why or (energy.why if math.isnan(energy.value) else "")
    for role in (HOME, *(role for one in market.members for role in one.roles)):
        view = trial.view(role)
        if view is None:
            why = why or f"no meter of its own saw the {role}"
        elif not why:
            why = trial.trouble(view, trial.plan.bench_s(market.from_clock_s or 0.0))
    trades = {period: tuple(_traded(trial, period)) for period in periods}
    return _Halves(counted, trades, why)


def _periods(trial: Trial, market: LocalMarket) -> list[SettlementPeriod]:
    parts = trial.plan.half_hours(
        starts_at(trial.recording), market.from_clock_s, market.until_clock_s
    )
    return [part.period for part in parts]


def _counted(
    trial: Trial, member: Member, periods: list[SettlementPeriod]
) -> dict[SettlementPeriod, Estimate]:
    """What all meters of a member counted in each half-hour, together. [Wh]"""
    found: dict[SettlementPeriod, list[Estimate]] = {period: [] for period in periods}
    for role in member.roles:
        view = trial.view(role)
        halves = {} if view is None else {h.period: h for h in halves_seen(trial, view)}
        for period in periods:
            half = halves.get(period)
            why = f"{member.name}: " + (half.mark if half else "no meter of its own")
            known = half is not None and half.settled and not half.mark
            energy = (
                half.energy if half and known else Estimate(math.nan, "Wh", why=why)
            )
            found[period].append(energy)
    return {
        period: next((e for e in parts if math.isnan(e.value)), None)
        or total(parts, shared=False)
        for period, parts in found.items()
    }


def _traded(trial: Trial, period: SettlementPeriod) -> list[Traded]:
    entries = log_of(trial.recording, OPERATOR, TRADES, period=str(period))
    return [
        Traded(
            str(one.detail["seller"]), str(one.detail["buyer"]),
            int(str(one.detail["wh"])), Price(int(str(one.detail["price"]))),
        )
        for one in entries
    ]  # fmt: skip


def _judge(
    trial: Trial, quantity: str, unit: str,
    measure: Callable[[LocalMarket, _Halves], Estimate],
) -> None:  # fmt: skip
    """Judge what a settlement says, or that there is none."""
    market, halves = market_of(trial.plan, trial.step_text), _halves(trial)
    measured = Estimate(math.nan, unit, why=halves.why)
    if not halves.why:
        measured = measure(market, halves)
    views = [trial.view(role) for one in market.members for role in one.roles]
    channels = tuple(view.channel for view in views if view) or (f"{HOME}.power_w",)
    trial.judge(
        MARKET, measured, trial.rule(MARKET, quantity), channels=channels,
        reason=measured.why if math.isfinite(measured.value) else "",
    )  # fmt: skip


@then("every trade keeps to what both sides asked for")
def _(trial: Trial) -> None:
    """How many trades were outside a limit, or of energy that nobody expected."""
    market, rule = market_of(trial.plan, trial.step_text), trial.rule(MARKET, "trades")
    halves = log_of(trial.recording, OPERATOR, CLOSES)
    wrong, made = [], 0
    for closed in halves:
        expects = closed.detail["expects"]
        assert isinstance(expects, Mapping)  # noqa: S101 - the desk writes it
        left = {str(name): int(str(wh)) for name, wh in expects.items()}
        period = str(closed.detail["period"])
        for entry in log_of(trial.recording, OPERATOR, TRADES, period=period):
            made += 1
            if not _as_asked(market, entry.detail, left):
                wrong.append(f"{entry.detail['seller']} to {entry.detail['buyer']}")
    why = f"otherwise: {', '.join(wrong)}" if wrong else ""
    measured = Estimate(float(len(wrong)), "trades", why=why)
    if not made:
        measured = Estimate(math.nan, "trades", why="nobody traded anything")
    trial.judge(MARKET, measured, rule, witness=Witness.LOG, reason=why)


def _as_asked(
    market: LocalMarket, said: Mapping[str, object], left_wh: dict[str, int]
) -> bool:
    """Whether a trade is inside both limits, and of energy that is still there."""
    seller, buyer = (market.member(str(said[side])) for side in ("seller", "buyer"))
    wh, price = int(str(said["wh"])), int(str(said["price"]))
    if seller is None or buyer is None or seller.sells_from is None:
        return False
    if buyer.buys_up_to is None or wh <= 0:
        return False
    there = wh <= -left_wh.get(seller.name, 0) and wh <= left_wh.get(buyer.name, 0)
    left_wh[seller.name] = left_wh.get(seller.name, 0) + wh
    left_wh[buyer.name] = left_wh.get(buyer.name, 0) - wh
    return there and seller.sells_from <= price <= buyer.buys_up_to


@then("what the members' meters counted adds up to the boundary")
def _(trial: Trial) -> None:
    """The supplier's half-hours against the boundary's meter, losses included."""

    def off(market: LocalMarket, halves: _Halves) -> Estimate:
        view = trial.view(HOME)
        seen = {} if view is None else {h.period: h for h in halves_seen(trial, view)}
        worst = Estimate(0.0, "%")
        for period, one in halves.settle(market).items():
            half = seen.get(period)
            if half is None or not half.settled or half.mark:
                return Estimate(math.nan, "%", why="the boundary's meter has a gap")
            passed = sum(abs(account.metered_wh) for account in one.accounts.values())
            if not passed:
                return Estimate(math.nan, "%", why="no energy flowed at all")
            share = 100 * abs(half.energy.value - one.supplier_wh) / passed
            u = math.hypot(
                half.energy.u, *(e.u for e in halves.metered[period].values())
            )
            if share >= worst.value:
                line = Contribution("meters", 100 * u / passed, "B", "their cards")
                worst = Estimate(share, "%", (line,))
        return worst

    _judge(trial, "unaccounted energy", "%", off)
    halves = _halves(trial)
    if not halves.why:
        _show(trial, market_of(trial.plan, trial.step_text), halves)


@then("most of what they draw is bought of each other")
def _(trial: Trial) -> None:
    """What sellers' meters show was there, of what all members drew."""

    def local(market: LocalMarket, halves: _Halves) -> Estimate:
        found = halves.settle(market).values()
        drawn = sum(
            max(account.metered_wh, 0)
            for one in found
            for account in one.accounts.values()
        )
        if not drawn:
            return Estimate(math.nan, "%", why="nobody drew anything")
        share = 100 * sum(one.local_wh for one in found) / drawn
        every = [e for each in halves.metered.values() for e in each.values()]
        u = math.hypot(*(one.u for one in every))
        line = Contribution("meters", 2 * 100 * u / drawn, "B", "their cards")
        return Estimate(share, "%", (line,))

    _judge(trial, "bought locally", "%", local)


@then(parsers.parse("the {name} earns a premium for what it sells"))
def _(trial: Trial, name: str) -> None:
    """What it had more than its supplier alone would have paid, for each unit sold."""
    if market_of(trial.plan, name).member(name) is None:
        known = ", ".join(one.name for one in market_of(trial.plan, name).members)
        raise FeatureError(f"“the {name}”", "is no member", known)

    def premium(market: LocalMarket, halves: _Halves) -> Estimate:
        value, why = _premium(halves.settle(market), name)
        if why:
            return Estimate(math.nan, PENCE, why=why)
        us = [one[name].u for one in halves.metered.values()]
        shifted = {name: math.hypot(*us) / max(len(us), 1) ** 0.5}
        other, _ = _premium(halves.settle(market, shifted), name)
        lines = (Contribution("meter", abs(other - value), "B", "its card"),)
        return Estimate(value, PENCE, lines)

    _judge(trial, "premium", PENCE, premium)


def _premium(
    found: Mapping[SettlementPeriod, HalfHourSettled], name: str
) -> tuple[float, str]:
    sold_wh = -sum(min(one.accounts[name].bought_wh, 0) for one in found.values())
    if not sold_wh:
        return math.nan, "it sold nothing"
    more_p = sum(
        one.accounts[name].alone_p - one.accounts[name].paid_p for one in found.values()
    )
    return more_p / (sold_wh / 1000), ""


@then("nobody pays more than with the supplier alone")
def _(trial: Trial) -> None:
    """The member who is worst off: what it paid less what it would have."""

    def worst(market: LocalMarket, halves: _Halves) -> Estimate:
        found = halves.settle(market).values()
        more = {
            name: sum(one.accounts[name].paid_p - one.accounts[name].alone_p
                      for one in found)
            for name in (member.name for member in market.members)
        }  # fmt: skip
        name = max(more, key=lambda one: more[one])
        why = f"{name} is worse off" if more[name] > 0 else ""
        return Estimate(float(more[name]), "p", why=why)

    _judge(trial, "worse off", "p", worst)


def _show(trial: Trial, market: LocalMarket, halves: _Halves) -> None:
    """Put trades and accounts into the report."""
    rows = [["half-hour", "seller", "buyer", "energy", "price"]]
    for period, trades in halves.traded.items():
        for one in trades:
            price = f"{one.price.gbp_per_mwh / PER_KWH:f} {PENCE}"
            energy = f"{one.wh / 1000:.3f} kWh"
            rows.append([str(period), one.seller, one.buyer, energy, price])
    note_table(trial.node, f"Trades of {market.name}", rows)
    accounts = [[
        "half-hour", "member", "metered", "of neighbours", "of the supplier",
        "pays neighbours", "pays the supplier", "alone it would pay",
    ]]  # fmt: skip
    for period, found in halves.settle(market).items():
        for name, account in found.accounts.items():
            energies = (account.metered_wh, account.bought_wh, account.rest_wh)
            money = (account.local_p, account.supplier_p, account.alone_p)
            accounts.append([
                str(period), name, *(f"{wh / 1000:+.3f} kWh" for wh in energies),
                *(pounds(pence) for pence in money),
            ])  # fmt: skip
    note_table(trial.node, "Settled against the meters", accounts)
