"""Money for services stacked on one asset: who pays whom for what it got."""

from __future__ import annotations

import math

from pytest_bdd import given, parsers, then

from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
from harness.core.calendar import periods_on_bench
from harness.core.errors import FeatureError
from harness.core.parties import Party
from harness.market.primacy import Primacy, regime_named
from harness.reporting.record import note_table
from harness.settlement.money import price_of, whole_wh
from harness.settlement.payments import CURVES, curve_named
from harness.settlement.positions import positions_table, transfers_table
from harness.settlement.stacked import (
    LOST,
    PENALTY,
    UTILISATION,
    StackedCall,
    StackSettlement,
    StackTerms,
    settle_stack,
)
from harness.steps.capacity import halves_of
from harness.steps.prices import agreed, price, whole_percent
from harness.steps.services import (
    notices,
    promise_of,
    sign_of,
    site_of_asset,
    stretches,
)
from harness.steps.settled import Settled
from harness.steps.sites import named
from harness.steps.trial import Trial
from harness.steps.words import table_rows
from harness.trial.plan import Plan
from harness.trial.planned import PlannedPromise
from harness.trial.view import log_of, starts_at

PARTIES = {"DSO": Party.DSO, "ESO": Party.ESO, "trader": Party.TRADER}


@given("its services are settled by")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Payment curve, lost opportunity, the owner's share, tariff, imbalance price."""
    columns = (
        "curve", "lost opportunity", "owner's share", "tariff", "imbalance price",
    )  # fmt: skip
    rows = table_rows(datatable, columns, "the services' money")
    if len(rows) != 1:
        raise FeatureError("the services' money", f"has {len(rows)} rows", "one row")
    row = rows[0]
    if row["curve"] not in CURVES:
        known = ", ".join(CURVES)
        raise FeatureError(f"“{row['curve']}”", "is no payment curve", known)
    plan.stack_terms = StackTerms(
        row["curve"],
        whole_percent(row["lost opportunity"]),
        whole_percent(row["owner's share"]),
        agreed(row["tariff"]),
        price(row["imbalance price"]),
    )


def _terms(trial: Trial) -> StackTerms:
    if trial.plan.stack_terms is None:
        fact, hint = "nothing was agreed about money", "a Given with its money"
        raise FeatureError(f"“{trial.step_text}”", fact, hint)
    return trial.plan.stack_terms


def _calls(trial: Trial, role: str) -> list[StackedCall]:
    """Every accepted call of an asset, in order of primacy, for the whole site."""
    primacy = (
        regime_named(trial.plan.primacy)
        if trial.plan.primacy
        else Primacy("none", (), "", "", "")
    )
    like = named(trial.plan, site_of_asset(trial.plan, role)).like
    found = []
    for promise in trial.plan.promises:
        entries = log_of(
            trial.recording, promise.buyer, "dispatches", service=promise.service
        )
        if promise.role != role or not entries:
            continue
        if not notices(trial, "accepted", promise.service, promise.buyer):
            continue
        span = tuple(float(str(entries[0].detail[k])) for k in ("from_s", "until_s"))
        rank = (primacy.rank(promise.buyer), entries[0].time_s)
        found.append((rank, _call(trial, promise, (span[0], span[1]), like)))
    return [call for _, call in sorted(found, key=lambda one: one[0])]


def _call(
    trial: Trial, promise: PlannedPromise, span: tuple[float, float], like: int
) -> StackedCall:
    ends = [
        (one.time_s, one.actor if one.what == "overrules" else "")
        for one in trial.recording.log
        if one.what in ("stops", "overrules")
        and one.detail.get("service") == promise.service
    ]
    stood_s, by = min([(span[1], ""), *ends])
    return StackedCall(
        promise.service, PARTIES[promise.buyer],
        whole_wh(promise.agreement.capacity_w * like),
        price_of(repr(promise.agreement.price_gbp_per_mwh), where=promise.service),
        price_of(repr(promise.penalty_gbp_per_mwh), where=promise.service),
        span[0], span[1], max(stood_s, span[0]), PARTIES.get(by),
    )  # fmt: skip


def stack_settlement(trial: Trial, role: str) -> StackSettlement | None:
    """Settle all calls of an asset; None if no independent meter saw it."""
    site, terms = named(trial.plan, site_of_asset(trial.plan, role)), _terms(trial)
    halves = halves_of(trial, site)
    if halves is None:
        return None
    parts = periods_on_bench(
        starts_at(trial.recording), from_s=0.0, until_s=trial.plan.duration_s
    )
    book, on = trial.session.rulebook, trial.session.assignment.on
    return settle_stack(
        halves, parts, _calls(trial, role), usual_w=site.usual_w, owner=site.party,
        terms=terms, curve=curve_named(terms.curve, book, on),
        gives=sign_of(trial.plan, role) > 0,
    )  # fmt: skip


def settled_stack(trial: Trial) -> Settled | None:
    """Return where the services' settlement leaves everybody; None without a meter."""
    role = trial.plan.promises[0].role
    view, found = trial.view(role), stack_settlement(trial, role)
    if view is None or found is None:
        return None
    return Settled(
        {str(one.party): one.net_p for one in found.positions},
        dict(found.nets),
        found.turnover_p,
        (view.channel,),
        trouble=_trouble(trial, role),
        show=lambda: _show(trial, found),
    )


def _trouble(trial: Trial, role: str) -> str:
    """Why the asset's meter may not settle, or ""."""
    view, calls = trial.view(role), _calls(trial, role)
    if view is None or not calls:
        return ""
    return trial.trouble(view, min(call.from_s for call in calls))


@then(parsers.parse('the {buyer:w} pays the aggregator for what "{service}" gave it'))
def _(trial: Trial, buyer: str, service: str) -> None:
    """What it pays, as a share of what all that it called for would cost."""
    promise, found = _found(trial, service)
    rule, view = trial.rule(promise.role, "paid for"), trial.view(promise.role)
    channel = view.channel if view else f"{promise.role}.power_w"
    called_wh = found.called_wh.get(service, 0) if found else 0
    paid_p = found.paid_p(_party(buyer), Party.AGGREGATOR, UTILISATION) if found else 0
    full_p = called_wh / 1e6 * promise.agreement.price_gbp_per_mwh * 100
    measured = _share(trial, promise, paid_p, full_p, "nothing was called for")
    details: dict[str, object] = {"paid_p": paid_p, "called_wh": called_wh}
    trial.judge(
        service, measured, rule, channels=(channel,), details=details,
        reason="; ".join(found.marks) if found else "",
    )  # fmt: skip
    if found:
        _show(trial, found)


@then(
    parsers.parse(
        'the aggregator pays the {buyer:w} a penalty for what "{service}" lacked'
    )
)
def _(trial: Trial, buyer: str, service: str) -> None:
    """What it pays, against the penalty for what primacy left it without."""
    promise, found = _found(trial, service)
    rule, view = trial.rule(promise.role, "penalty paid"), trial.view(promise.role)
    channel = view.channel if view else f"{promise.role}.power_w"
    paid_p = found.paid_p(Party.AGGREGATOR, _party(buyer), PENALTY) if found else 0
    due_p = _lacked_wh(trial, promise) / 1e6 * promise.penalty_gbp_per_mwh * 100
    share = _share(trial, promise, paid_p, due_p, "it lacked nothing")
    measured = Estimate(share.value - 100, "%", why=share.why)
    trial.judge(
        service, measured, rule, channels=(channel,), details={"paid_p": paid_p}
    )
    if found:
        _show(trial, found)


def _lacked_wh(trial: Trial, promise: PlannedPromise) -> float:
    """What a service lacked by primacy alone, for the whole site. [Wh]"""
    like = named(trial.plan, site_of_asset(trial.plan, promise.role)).like
    return like * sum(
        (promise.agreement.capacity_w - one.shares_w[promise.service])
        * (one.until_s - one.from_s)
        / 3600
        for one in stretches(trial, promise.role)
        if promise.service in one.shares_w
    )


@then(parsers.parse('the {actor:w} compensates the aggregator for "{service}" unwound'))
def _(trial: Trial, actor: str, service: str) -> None:
    """What it pays, as a share of what the unwound energy would have earned."""
    promise, found = _found(trial, service)
    rule = trial.rule(promise.role, "lost opportunity")
    unwound_wh = sum(
        call.unwound_wh(part)
        for call in _calls(trial, promise.role)
        if call.service == service
        for part in periods_on_bench(
            starts_at(trial.recording), from_s=0.0, until_s=trial.plan.duration_s
        )
    )
    paid_p = found.paid_p(_party(actor), Party.AGGREGATOR, LOST) if found else 0
    full_p = unwound_wh / 1e6 * promise.agreement.price_gbp_per_mwh * 100
    measured = _share(trial, promise, paid_p, full_p, "nothing was unwound")
    trial.judge(service, measured, rule, witness=Witness.LOG)


def _share(
    trial: Trial, promise: PlannedPromise, paid_p: int, full_p: float, otherwise: str
) -> Estimate:
    if why := _trouble(trial, promise.role):
        return Estimate(math.nan, "%", why=why)
    if not full_p > 0:
        return Estimate(math.nan, "%", why=otherwise)
    return Estimate(100 * paid_p / full_p, "%")


def _found(trial: Trial, service: str) -> tuple[PlannedPromise, StackSettlement | None]:
    promise = promise_of(trial.plan, service)
    return promise, stack_settlement(trial, promise.role)


def _party(name: str) -> Party:
    if name not in PARTIES:
        raise FeatureError(f"“{name}”", "buys no service", ", ".join(PARTIES))
    return PARTIES[name]


def _show(trial: Trial, found: StackSettlement) -> None:
    """Put who got what, who pays whom, and everyone's position, into the report."""
    if not found.transfers:
        return
    got = [
        ("service", "called for", "got"),
        *(
            (name, f"{called / 1e3:.1f} kWh", f"{found.got_wh[name] / 1e3:.1f} kWh")
            for name, called in found.called_wh.items()
        ),
    ]
    note_table(trial.node, "What each service got of the asset", got)
    rows = transfers_table(found.transfers)
    note_table(trial.node, "Who pays whom, for all of the site", rows)
    expanded = {str(party): one.expanded for party, one in found.nets.items()}
    rows = positions_table(found.positions, expanded)
    note_table(trial.node, "Position of every market actor", rows)
    if found.marks:
        marks = [("not settled, or seen in part",), *((m,) for m in found.marks)]
        note_table(trial.node, "Marked by name", marks)
