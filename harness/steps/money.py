"""Money: what was agreed about it, who pays whom, and what the meter saw of it.

Everything is settled from the boundary meter's half-hours by `harness.settlement`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_bdd import given, then

from harness.analysis.delivery import delivered_energy
from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
from harness.core.calendar import periods_on_bench
from harness.core.errors import FeatureError
from harness.core.parties import Party
from harness.market.actors import Actor
from harness.reporting.record import note_table
from harness.settlement.event import (
    LOST_OPPORTUNITY,
    NOTHING,
    Called,
    EventSettlement,
    MoneyTerms,
    settle_event,
)
from harness.settlement.judged import baseline_miss, settled_share, unaccounted
from harness.settlement.money import Price, price_of, whole_wh
from harness.settlement.payments import (
    CURVES,
    curve_named,
    require_below_ceiling,
)
from harness.settlement.positions import positions_table, transfers_table
from harness.steps.delivery import event_or_verdict
from harness.steps.event import Event, level_before, unjudgeable
from harness.steps.half_hours import halves_seen
from harness.steps.prices import agreed, price, whole_percent
from harness.steps.settled import Settled
from harness.steps.trial import Trial
from harness.steps.words import HOME, asset_name, power_w, table_rows
from harness.trial.plan import Plan
from harness.trial.view import MeterView, dispatched, log_of, starts_at


@given("the money is settled by")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Nominated demand, payment curve, penalty, shares, tariff, imbalance price."""
    columns = (
        "nominated", "curve", "penalty", "lost opportunity", "home's share",
        "home's tariff", "imbalance price",
    )  # fmt: skip
    rows = table_rows(datatable, columns, "the money")
    if len(rows) != 1:
        raise FeatureError("the money", f"has {len(rows)} rows", "one row")
    row = rows[0]
    if row["curve"] not in CURVES:
        known = ", ".join(CURVES)
        raise FeatureError(f"“{row['curve']}”", "is no payment curve", known)
    plan.money = MoneyTerms(
        nominated_w=whole_wh(power_w(row["nominated"])),
        curve=row["curve"],
        penalty=agreed(row["penalty"]),
        lost_opportunity_percent=whole_percent(row["lost opportunity"]),
        home_percent=whole_percent(row["home's share"]),
        tariff=agreed(row["home's tariff"]),
        imbalance=price(row["imbalance price"]),
    )


@then("the aggregator nominated what the home usually draws")
def _(trial: Trial) -> None:
    """The nominated demand against what the boundary meter saw before the event."""
    event = event_or_verdict(trial, HOME, "nominated baseline")
    if event is None:
        return
    nominated_w = _nominated_w(trial, event.sent_s)
    measured = unjudgeable(event, "%") or baseline_miss(nominated_w, event.before)
    rule = trial.rule(HOME, "nominated baseline")
    trial.judge(HOME, measured, rule, channels=(event.view.channel,))


@then("the DSO pays the aggregator for the energy that the meter saw")
def _(trial: Trial) -> None:
    """What the DSO pays, as a share of what all the energy called for would cost."""
    rule, view = trial.rule(HOME, "settled energy"), trial.view(HOME)
    if view is None:
        nothing = Estimate(math.nan, "%", why="no boundary meter")
        trial.judge(HOME, nothing, rule, channels=(f"{HOME}.power_w",))
        return
    found = _settlement(trial, view)
    blocked = _blocked(trial, view)
    measured = blocked or settled_share(found.statement, found.calls)
    details: dict[str, object] = {
        "paid_p": found.paid_p(Party.DSO, Party.AGGREGATOR, "utilisation"),
        "delivered_wh": sum(line.delivered.value for line in found.statement.lines),
        "instructed_wh": sum(call.energy_wh for call in found.calls),
    }
    trial.judge(
        HOME,
        measured,
        rule,
        channels=(view.channel,),
        reason="; ".join(found.marks),
        details=details,
    )
    if blocked is None:
        _show(trial, found)


@then("the assets' own meters account for that energy")
def _(trial: Trial) -> None:
    """The home's delivered energy, less what each asset's meter saw of it."""
    event = event_or_verdict(trial, HOME, "unaccounted energy")
    if event is None:
        return
    rule = trial.rule(HOME, "unaccounted energy")
    nominated = Estimate(float(_nominated_w(trial, event.sent_s)), "W")
    home = _moved(event, event.view, nominated)
    roles = dict.fromkeys(one.role for one in dispatched(trial.recording))
    views = {role: trial.view(role) for role in roles}
    seen = [view for view in views.values() if view is not None]
    assets = [
        _moved(event, view, level_before(trial, view, event.sent_s)) for view in seen
    ]
    measured = unjudgeable(event, "%") or unaccounted(home, assets)
    if blind := [asset_name(role) for role, view in views.items() if view is None]:
        why = f"no meter sees the {', '.join(blind)} alone"
        measured = Estimate(math.nan, "%", why=why)
    trial.judge(
        HOME,
        measured,
        rule,
        channels=(event.view.channel, *(view.channel for view in seen)),
        details={
            "home_wh": home.value,
            "assets_wh": [one.value for one in assets],
        },
    )


def _moved(event: Event, view: MeterView, baseline: Estimate) -> Estimate:
    """Return the energy by which a meter saw less than a level over the event. [Wh]"""
    return delivered_energy(
        view.time_s,
        view.power_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        baseline=baseline,
        upwards=False,
        meter=view.quality,
    )


@then("the ESO compensates the aggregator for what was unwound")
def _(trial: Trial) -> None:
    """What the ESO pays, as a share of what the unwound energy would have earned."""
    rule, view = trial.rule(HOME, "lost opportunity"), trial.view(HOME)
    found = NOTHING if view is None else _settlement(trial, view)
    paid_p = found.paid_p(Party.ESO, Party.AGGREGATOR, LOST_OPPORTUNITY)
    if found.unwound_full_p:
        measured = Estimate(100 * paid_p / found.unwound_full_p, "%")
    else:
        measured = Estimate(math.nan, "%", why="nothing was unwound")
    trial.judge(
        HOME,
        measured,
        rule,
        witness=Witness.LOG,
        details={"paid_p": paid_p, "unwound_wh": found.unwound_wh},
    )


def settled_event(trial: Trial) -> Settled | None:
    """Return where the event's settlement leaves everybody; None without a meter."""
    view = trial.view(HOME)
    if view is None:
        return None
    found = _settlement(trial, view)
    return Settled(
        {str(one.party): one.net_p for one in found.positions},
        {str(party): one for party, one in found.nets.items()},
        found.turnover_p,
        (view.channel,),
        trouble=_trouble(trial, view),
        refused=found.statement.refused,
        show=lambda: _show(trial, found),
    )


def _terms(trial: Trial) -> MoneyTerms:
    if trial.plan.money is None:
        raise FeatureError(
            f"“{trial.step_text}”",
            "nothing was agreed about money",
            "a Given with the money's table",
        )
    return trial.plan.money


def _service_price(trial: Trial) -> Price:
    agreement, on = trial.plan.agreement, trial.session.assignment.on
    if agreement is None:
        raise FeatureError(
            f"“{trial.step_text}”",
            "the DSO and the aggregator agreed nothing",
            "a Given with the agreement's table",
        )
    # A price was read from text; its shortest form is that text again.
    price = price_of(repr(agreement.price_gbp_per_mwh), where="the agreement")
    book = trial.session.rulebook
    require_below_ceiling(price, book, on, where="the agreement")
    return price


def _blocked(trial: Trial, view: MeterView) -> Estimate | None:
    """Return the estimate that says why this meter may not settle, or None."""
    trouble = _trouble(trial, view)
    return Estimate(math.nan, "%", why=trouble) if trouble else None


def _trouble(trial: Trial, view: MeterView) -> str:
    """Why the meter may not settle what was called for, or ""."""
    called = _called(trial)
    return "" if called is None else trial.trouble(view, called.from_s)


def _called(trial: Trial) -> Called | None:
    """What the DSO called for and the aggregator accepted, from the log alone."""
    agreement = trial.plan.agreement
    calls = log_of(trial.recording, Actor.DSO, "dispatches")
    accepted = log_of(
        trial.recording, Actor.AGGREGATOR, "notice: accepted", to=str(Actor.DSO)
    )
    if agreement is None or not calls or not accepted:
        return None
    from_s, until_s = (float(str(calls[0].detail[k])) for k in ("from_s", "until_s"))
    overruled = log_of(trial.recording, Actor.ESO, "overrules")
    stood_s = min([until_s, *(max(one.time_s, from_s) for one in overruled)])
    lost_w = sum(_declared_unavailable(trial, from_s).values())
    capacity_w = max(whole_wh(agreement.capacity_w - lost_w), 0)
    return Called(capacity_w, from_s, until_s, stood_s)


def _declared_unavailable(trial: Trial, by_s: float) -> dict[str, float]:
    """What the DSO had been told by a moment that it cannot have, by asset. [W]"""
    notices = log_of(
        trial.recording, Actor.AGGREGATOR, "notice: unavailable", to=str(Actor.DSO)
    )
    return {
        str(one.detail["role"]): float(str(one.detail["capacity_w"]))
        for one in notices
        if one.time_s <= by_s
    }


def _nominated_w(trial: Trial, by_s: float) -> int:
    """The nominated demand, less that of assets declared unavailable by then. [W]"""
    gone = _declared_unavailable(trial, by_s)
    usual_w = sum(one.usual_w for one in trial.plan.offers if one.role in gone)
    return max(_terms(trial).nominated_w - whole_wh(usual_w), 0)


def _settlement(trial: Trial, view: MeterView) -> EventSettlement:
    """Settle what the boundary meter saw."""
    terms, on = _terms(trial), trial.session.assignment.on
    span = {"from_s": 0.0, "until_s": trial.plan.duration_s}
    begins_at = starts_at(trial.recording)
    called = _called(trial)
    if called is not None:
        terms = replace(terms, nominated_w=_nominated_w(trial, called.from_s))
    return settle_event(
        halves_seen(trial, view),
        periods_on_bench(begins_at, **span),
        called,
        terms=terms,
        price=_service_price(trial),
        curve=curve_named(terms.curve, trial.session.rulebook, on),
    )


def _show(trial: Trial, found: EventSettlement) -> None:
    """Put who pays whom, and everyone's position, into the report."""
    if not found.transfers:
        return
    note_table(trial.node, "Half-hours settled", found.statement.table())
    rows = transfers_table(found.transfers)
    note_table(trial.node, "Who pays whom, for this home", rows)
    expanded = {str(party): one.expanded for party, one in found.nets.items()}
    rows = positions_table(found.positions, expanded)
    note_table(trial.node, "Position of every market actor", rows)
    if found.marks:
        marks = [("not settled, or seen in part",), *((mark,) for mark in found.marks)]
        note_table(trial.node, "Marked by name", marks)
