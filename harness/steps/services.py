"""One asset promised to several buyers: calls, primacy, shortfalls, effect."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import delivered_power, mean_power
from harness.analysis.estimate import Estimate
from harness.analysis.quality import difference, scaled, share_of, total
from harness.analysis.response import response_time
from harness.analysis.series import at_least, at_most
from harness.analysis.waterfall import elapsed
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.constraint import Agreement
from harness.market.primacy import Primacy, Running, regime_named, regimes, share_out
from harness.market.rules import Rule
from harness.steps.event import dwell_s, level_before, ride_through_s
from harness.steps.prices import agreed
from harness.steps.sites import area_named, named
from harness.steps.trial import Trial
from harness.steps.words import (
    clock_s,
    duration_s,
    power_w,
    role_of,
    span_s,
    table_rows,
)
from harness.trial.plan import Plan
from harness.trial.planned import AnmScheme, PlannedPromise, ServiceAct
from harness.trial.view import MeterView, log_of

COLUMNS = (
    "buyer", "service", "capacity", "window", "arming period", "full delivery within",
    "price", "penalty",
)  # fmt: skip
BUYERS = ("DSO", "ESO", "trader")
SETTLES_S = 120.0
"""What happens so soon after a change of shares is not part of a mean. [s]"""


@given(parsers.parse("the {asset} can give {power}, and was promised to"))
def _(plan: Plan, asset: str, power: str, datatable: list[list[str]]) -> None:
    """One asset, what it can give, and every service that it was promised for."""
    _promise(plan, asset, power, datatable)


@given(parsers.parse("the {asset} can take {power}, and was promised to"))
def _(plan: Plan, asset: str, power: str, datatable: list[list[str]]) -> None:
    """The same of services for which it draws more."""
    _promise(plan, asset, power, datatable)
    plan.takers.append(role_of(asset))


def _promise(plan: Plan, asset: str, power: str, datatable: list[list[str]]) -> None:
    role = role_of(asset)
    plan.need(role)
    plan.capacities_w[role] = power_w(power)
    for row in table_rows(datatable, COLUMNS, f"the promises of the {asset}"):
        if row["buyer"] not in BUYERS:
            raise FeatureError(
                f"“{row['buyer']}”", "buys no service", ", ".join(BUYERS)
            )
        start, _, end = row["window"].partition("-")
        window = span_s(start.strip(), end.strip())
        agreement = Agreement(
            capacity_w=power_w(row["capacity"]),
            window_from_s=window[0],
            window_until_s=window[1],
            arming_period_s=duration_s(row["arming period"]),
            deliver_within_s=duration_s(row["full delivery within"]),
            notice_within_s=0.0,
            price_gbp_per_mwh=float(agreed(row["price"]).gbp_per_mwh),
        )
        penalty = float(agreed(row["penalty"]).gbp_per_mwh)
        plan.promises.append(
            PlannedPromise(row["service"], row["buyer"], role, agreement, penalty)
        )


@given(parsers.parse('primacy is agreed as "{name}"'))
def _(plan: Plan, name: str) -> None:
    """Who is served first when two want the same asset at once."""
    try:
        plan.primacy = regime_named(name).name
    except KeyError:
        known = ", ".join(one.name for one in regimes())
        raise FeatureError(f"“{name}”", "is no primacy", known) from None


@given(parsers.parse('the {buyer:w} armed "{service}" at {at}'))
def _(plan: Plan, buyer: str, service: str, at: str) -> None:
    """A buyer gives notice that it may call its service."""
    _act(plan, "arm", buyer, service, at)


@when(parsers.parse('the {buyer:w} calls "{service}" at {at} for {start} to {end}'))
def _(plan: Plan, buyer: str, service: str, at: str, start: str, end: str) -> None:
    """A buyer calls its service, from one clock time to another."""
    _act(plan, "call", buyer, service, at, span_s(start, end))


@when(parsers.parse('the {buyer:w} stops "{service}" at {at}'))
def _(plan: Plan, buyer: str, service: str, at: str) -> None:
    """A buyer ends its call early."""
    _act(plan, "stop", buyer, service, at)


@when(parsers.parse('the {buyer:w} overrules "{service}" at {at}'))
def _(plan: Plan, buyer: str, service: str, at: str) -> None:
    """An operator ends another's service, because its own system needs it to."""
    _act(plan, "overrule", buyer, service, at)


def _act(
    plan: Plan, kind: str, actor: str, service: str, at: str,
    span: tuple[float, float] = (0.0, 0.0),
) -> None:  # fmt: skip
    promise_of(plan, service)
    plan.service_acts.append(ServiceAct(kind, actor, service, clock_s(at), *span))


def sign_of(plan: Plan, role: str) -> int:
    """Return 1 for an asset that gives, −1 for one that takes."""
    return -1 if role in plan.takers else 1


def promise_of(plan: Plan, service: str) -> PlannedPromise:
    """Return a promise by its service's name.

    Raises
    ------
    FeatureError
        Naming those that there are.
    """
    for one in plan.promises:
        if one.service == service:
            return one
    known = ", ".join(one.service for one in plan.promises) or "none"
    raise FeatureError(f"service {service!r}", "was promised to nobody", known)


@given(
    parsers.parse(
        'an ANM scheme holds the export of cable "{name}" at {power}, by the {site:w}'
    )
)
def _(plan: Plan, name: str, power: str, site: str) -> None:
    """A scheme that releases a generator as far as the cable has room."""
    area = area_named(plan, name)
    if area.site(site) is None:
        known = ", ".join(one.name for one in area.sites)
        raise FeatureError(f"site {site!r}", f"is not on cable {name}", known)
    plan.anm.append(AnmScheme(name, power_w(power), site))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time over which the same calls ran, and how an asset was shared among them."""

    from_s: float
    until_s: float
    shares_w: dict[str, float]


def stretches(trial: Trial, role: str) -> list[Stretch]:
    """Return how an asset was to be shared over time, from what was accepted.

    Worked out from calls and primacy alone, beside what the aggregator did.
    """
    calls = _accepted_calls(trial, role)
    edges = sorted({at for _, a, b in calls for at in (a, b)})
    capacity_w = trial.plan.capacities_w[role]
    primacy = (
        regime_named(trial.plan.primacy)
        if trial.plan.primacy
        else Primacy("none", (), "", "", "")
    )
    found = []
    for from_s, until_s in itertools.pairwise(edges):
        running = [one for one, a, b in calls if a <= from_s and until_s <= b]
        if running:
            shares = share_out(capacity_w, running, primacy)
            found.append(Stretch(from_s, until_s, shares))
    return found


def _accepted_calls(trial: Trial, role: str) -> list[tuple[Running, float, float]]:
    found = []
    for promise in trial.plan.promises:
        if promise.role != role:
            continue
        entry = _accepted_call(trial, promise)
        if entry is None:
            continue
        from_s, until_s = (float(str(entry.detail[k])) for k in ("from_s", "until_s"))
        ended = [
            one.time_s
            for one in trial.recording.log
            if one.what in ("stops", "overrules")
            and one.detail.get("service") == promise.service
        ]
        until_s = min([until_s, *ended])
        running = Running(
            promise.service, promise.buyer, promise.agreement.capacity_w, entry.time_s
        )
        if until_s > from_s:
            found.append((running, from_s, until_s))
    return found


def _accepted_call(trial: Trial, promise: PlannedPromise) -> LogEntry | None:
    """The call of a service, if the aggregator accepted it."""
    calls = log_of(
        trial.recording, promise.buyer, "dispatches", service=promise.service
    )
    accepted = notices(trial, "accepted", promise.service, promise.buyer)
    return calls[0] if calls and accepted else None


def notices(trial: Trial, what: str, service: str, to: str) -> list[LogEntry]:
    """Return what the aggregator told somebody of a service."""
    return log_of(
        trial.recording, Actor.AGGREGATOR, f"notice: {what}", service=service, to=to
    )


def _view(trial: Trial, service: str, quantity: str) -> MeterView | None:
    """Return the asset's meter, or judge that none saw it."""
    promise = promise_of(trial.plan, service)
    view = trial.view(promise.role)
    if view is None:
        rule = trial.rule(promise.role, quantity)
        nothing = Estimate(math.nan, rule.unit, why="no independent meter saw it")
        trial.judge(service, nothing, rule, channels=(f"{promise.role}.power_w",))
    return view


def _before(trial: Trial, view: MeterView, role: str) -> Estimate:
    """Power before anything was called, or why nothing can be judged. [W]"""
    found = stretches(trial, role)
    if not found:
        return Estimate(math.nan, "W", why="nothing was called and accepted")
    return level_before(trial, view, found[0].from_s)


@then(parsers.parse('"{service}" is delivered in the agreed time'))
def _(trial: Trial, service: str) -> None:
    """From its start until the asset's meter shows all that was to be given by then."""
    view = _view(trial, service, "delivery time")
    if view is None:
        return
    promise = promise_of(trial.plan, service)
    rule, before = (
        trial.rule(promise.role, "delivery time"),
        _before(trial, view, promise.role),
    )
    mine = [one for one in stretches(trial, promise.role) if service in one.shares_w]
    if not mine or math.isnan(before.value):
        measured = Estimate(math.nan, "s", why=before.why or "it was not accepted")
    else:
        asked_w = sum(mine[0].shares_w.values())
        share = trial.named_rule("agreement/delivery-tolerance").at_most or 0.0
        sign = sign_of(trial.plan, promise.role)
        measured = response_time(
            view.time_s,
            sign * view.power_w,
            sent_at_s=mine[0].from_s,
            until_s=mine[0].until_s,
            band=at_most(sign * before.value - (1 - share / 100) * asked_w),
            dwell_s=dwell_s(trial),
            ride_through_s=ride_through_s(trial),
            meter=view.quality,
        )
    trial.judge(service, measured, rule, channels=(view.channel,))
    _draw(trial, service, view, before)


def _draw(trial: Trial, service: str, view: MeterView, before: Estimate) -> None:
    role = promise_of(trial.plan, service).role
    found = stretches(trial, role)
    if not found or math.isnan(before.value):
        return
    most_w = max(sum(one.shares_w.values()) for one in found)
    sign = sign_of(trial.plan, role)
    edge = at_most if sign > 0 else at_least
    trial.draw(
        role,
        view,
        f"{service}: what its asset gave, against all that was asked of it",
        band=edge(before.value - sign * most_w),
        band_s=(found[0].from_s, found[-1].until_s),
    )


def delivered_of(trial: Trial, service: str, view: MeterView) -> tuple[Estimate, float]:
    """Return the mean power that a service got of its asset, and what it wanted. [W]

    The asset's meter against the level before, given to the calls in order of primacy.
    What happens within two minutes of a change of shares is left out.
    """
    promise = promise_of(trial.plan, service)
    before = _before(trial, view, promise.role)
    wanted_w = promise.agreement.capacity_w
    if math.isnan(before.value):
        return Estimate(math.nan, "W", why=before.why), wanted_w
    parts, lasted_s = [], 0.0
    for one in stretches(trial, promise.role):
        from_s = one.from_s + SETTLES_S
        if service not in one.shares_w or from_s >= one.until_s:
            continue
        given = delivered_power(
            view.time_s, view.power_w, from_s=from_s, until_s=one.until_s,
            baseline=before, upwards=sign_of(trial.plan, promise.role) < 0,
            meter=view.quality,
        )  # fmt: skip
        mine = _part_of(given, one.shares_w, service)
        parts.append(scaled(mine, one.until_s - from_s, "J"))
        lasted_s += one.until_s - from_s
    if not parts:
        return Estimate(math.nan, "W", why="it did not run"), wanted_w
    return scaled(total(parts), 1 / lasted_s, "W"), wanted_w


def _part_of(given: Estimate, shares_w: dict[str, float], service: str) -> Estimate:
    """Return what is left of a delivered power for one call, others served first.

    At most its share while others wait for theirs; the last has all that is left.
    """
    names = list(shares_w)
    first_w = sum(shares_w[name] for name in names[: names.index(service)])
    left = difference(given, Estimate(first_w, "W"))
    if left.value <= 0:
        return Estimate(0.0, "W", left.budget)
    if service != names[-1] and left.value > shares_w[service]:
        return replace(left, value=shares_w[service])
    return left


@then(parsers.parse('"{service}" is delivered in full'))
def _(trial: Trial, service: str) -> None:
    """What it got of the asset while it ran, as a share of what was promised."""
    view = _view(trial, service, "delivered share")
    if view is None:
        return
    rule = trial.rule(promise_of(trial.plan, service).role, "delivered share")
    got, wanted_w = delivered_of(trial, service, view)
    measured = (
        Estimate(math.nan, "%", why=got.why)
        if math.isnan(got.value)
        else scaled(got, 100 / wanted_w, "%")
    )
    trial.judge(service, measured, rule, channels=(view.channel,))


@then(parsers.parse('"{service}" is {power} short, as its buyer was told'))
def _(trial: Trial, service: str, power: str) -> None:
    """How far the shortfall on the meter is from the one that the buyer was told of."""
    view = _view(trial, service, "shortfall told")
    if view is None:
        return
    promise = promise_of(trial.plan, service)
    rule = trial.rule(promise.role, "shortfall told")
    told = notices(trial, "short", service, promise.buyer)
    got, wanted_w = delivered_of(trial, service, view)
    if math.isnan(got.value):
        measured = Estimate(math.nan, "%", why=got.why)
    elif not told:
        measured = Estimate(math.inf, "%", why="its buyer was told of no shortfall")
    elif abs(float(str(told[0].detail["lacks_w"])) - power_w(power)) > 1:
        lacks = float(str(told[0].detail["lacks_w"])) / 1e3
        measured = Estimate(math.inf, "%", why=f"its buyer was told of {lacks:g} kW")
    else:
        short = difference(Estimate(wanted_w, "W"), got)
        off = difference(short, Estimate(power_w(power), "W"))
        measured = scaled(off, 100 / wanted_w, "%")
    trial.judge(service, measured, rule, channels=(view.channel,))


@then(parsers.parse('the buyer of "{service}" hears of it in the agreed time'))
def _(trial: Trial, service: str) -> None:
    """From the moment when it lacked something until its buyer was told."""
    promise = promise_of(trial.plan, service)
    rule = trial.rule(promise.role, "notice time")
    lacking = [
        one
        for one in stretches(trial, promise.role)
        if one.shares_w.get(service, math.inf) < promise.agreement.capacity_w
    ]
    told = notices(trial, "short", service, promise.buyer)
    same = notices(trial, "short", service, str(Actor.FACILITATOR))
    if not lacking:
        measured = Estimate(math.nan, "s", why="it never lacked anything")
    elif len(told) != len(same):
        measured = Estimate(math.inf, "s", why="the facilitator was told otherwise")
    else:
        first_s = told[0].time_s if told else None
        measured = elapsed(lacking[0].from_s, first_s, what="the notice of shortfall")
    trial.judge(service, measured, rule, witness=Witness.LOG)


@then(
    parsers.parse(
        'the aggregator refuses "{service}", because the arming period ends at {at}'
    )
)
def _(trial: Trial, service: str, at: str) -> None:
    """From arming until the moment that the refusal names."""
    promise = promise_of(trial.plan, service)
    rule = trial.rule(promise.role, "arming period")
    refused = notices(trial, "refused", service, promise.buyer)
    armed = log_of(trial.recording, promise.buyer, "arms", service=service)
    ready = refused[0].detail.get("ready_at_s") if refused else None
    if ready is None or not armed:
        measured = Estimate(0.0, "s", why="the call was not refused for it")
    else:
        ready_s = float(str(ready))
        if abs(ready_s - trial.plan.bench_s(clock_s(at))) > 0.5:
            fact = f"by what was agreed it is {trial.clock(ready_s)}, not {at}"
            raise FeatureError(f"“{trial.step_text}”", fact, "the time that results")
        measured = Estimate(ready_s - armed[0].time_s, "s")
    trial.judge(service, measured, rule, witness=Witness.LOG)


@then(parsers.parse('"{service}" may not be promised, because no primacy was agreed'))
def _(trial: Trial, service: str) -> None:
    """Whether the promise was refused, and for that reason."""
    promise = promise_of(trial.plan, service)
    rules = {
        str(one.detail.get("rule"))
        for one in notices(trial, "refused", service, promise.buyer)
    }
    wrong = Rule.NO_PRIMACY.name not in rules
    said = f"reasons given: {', '.join(sorted(rules)) or 'none'}"
    measured = Estimate(float(wrong), "refusals", why=said if wrong else "")
    rule = trial.named_rule("transition/uc3/refused-otherwise")
    trial.judge(service, measured, rule, witness=Witness.LOG)


@then(parsers.parse("the {asset} was asked for nothing"))
def _(trial: Trial, asset: str) -> None:
    """How many instructions went to it."""
    role = role_of(asset)
    sent = log_of(trial.recording, Actor.AGGREGATOR, "instructs", role=role)
    sent = [one for one in sent if one.detail["on_behalf_of"] != "bench"]
    rule = trial.named_rule("transition/uc1/instructions-when-refused")
    count = Estimate(float(len(sent)), "instructions")
    trial.judge(role, count, rule, witness=Witness.LOG)


@then(parsers.parse("the {buyer:w} is told at once that the {other:w} overruled it"))
def _(trial: Trial, buyer: str, other: str) -> None:
    """From the overruling until the service's buyer was told."""
    entries = log_of(trial.recording, other, "overrules")
    told = log_of(
        trial.recording, Actor.AGGREGATOR, "notice: overruled", to=buyer, by=other
    )
    services = [p for p in trial.plan.promises if p.buyer == buyer]
    if not services:
        raise FeatureError(f"“{buyer}”", "was promised nothing", "a promise to it")
    rule = trial.rule(services[0].role, "notice time")
    if entries:
        first_s = told[0].time_s if told else None
        measured = elapsed(entries[0].time_s, first_s, what="the notice of overruling")
    else:
        measured = Estimate(math.nan, "s", why="nothing was overruled")
    trial.judge(services[0].service, measured, rule, witness=Witness.LOG)


@then(parsers.parse("the {asset} is back at rest by {at}"))
def _(trial: Trial, asset: str, at: str) -> None:
    """From the end of the last call until its meter shows the level before."""
    role = role_of(asset)
    rule, view = trial.rule(role, "release time"), trial.view(role)
    if view is None:
        nothing = Estimate(math.nan, "s", why="no independent meter saw it")
        trial.judge(role, nothing, rule, channels=(f"{role}.power_w",))
        return
    found, before = stretches(trial, role), _before(trial, view, role)
    if math.isnan(before.value):
        measured = Estimate(math.nan, "s", why=before.why)
    else:
        ended_s = found[-1].until_s
        limit_s = ended_s + (rule.at_most or 0.0)
        if abs(trial.plan.bench_s(clock_s(at)) - limit_s) > 0.5:
            fact = f"by the limit quoted it is {trial.clock(limit_s)}, not {at}"
            raise FeatureError(f"“{trial.step_text}”", fact, "that time")
        asked_w, sign = sum(found[-1].shares_w.values()), sign_of(trial.plan, role)
        share = trial.named_rule("agreement/delivery-tolerance").at_most or 0.0
        measured = response_time(
            view.time_s,
            -sign * view.power_w,
            sent_at_s=ended_s,
            band=at_most(-sign * before.value + share / 100 * asked_w),
            dwell_s=dwell_s(trial),
            ride_through_s=ride_through_s(trial),
            meter=view.quality,
        )
    trial.judge(role, measured, rule, channels=(view.channel,))


@then(parsers.parse('all that the {asset} gave got past cable "{name}"'))
def _(trial: Trial, asset: str, name: str) -> None:
    """What left the area more than before, as a share of what the asset gave."""
    _judge_effect(trial, asset, name, "got past the cable")


@then(parsers.parse('the ANM scheme undid what the {asset} did behind cable "{name}"'))
def _(trial: Trial, asset: str, name: str) -> None:
    """The same share: next to nothing of the service reached the grid."""
    _judge_effect(trial, asset, name, "got past the ANM scheme")


def _judge_effect(trial: Trial, asset: str, name: str, quantity: str) -> None:
    role = role_of(asset)
    area, rule = area_named(trial.plan, name), trial.rule(role, quantity)
    views = {site.name: trial.view(site.role) for site in area.sites}
    found = stretches(trial, role)
    missing = [site for site, view in views.items() if view is None]
    if missing or not found:
        why = f"no meter sees the {missing[0]}" if missing else "nothing was called"
        nothing = Estimate(math.nan, "%", why=why)
        trial.judge(role, nothing, rule, channels=(f"{role}.power_w",))
        return
    from_s, until_s = found[0].from_s, found[-1].until_s
    sign = sign_of(trial.plan, role)
    changes = {
        site.name: scaled(_change(view, from_s, until_s), sign * site.like, "W")
        for site in area.sites
        if (view := views[site.name])
    }
    own = next(site.name for site in area.sites if site.role == role)
    measured = share_of(total(changes.values(), shared=False), changes[own])
    channels = tuple(view.channel for view in views.values() if view)
    trial.judge(role, measured, rule, channels=channels)


def _change(view: MeterView, from_s: float, until_s: float) -> Estimate:
    """How much less was drawn while a service ran than before it. [W]"""
    before = mean_power(
        view.time_s, view.power_w, from_s=max(from_s - SETTLES_S, 0.0), until_s=from_s,
        meter=view.quality,
    )  # fmt: skip
    during = mean_power(
        view.time_s, view.power_w, from_s=from_s + SETTLES_S, until_s=until_s,
        meter=view.quality,
    )  # fmt: skip
    return difference(before, during)


def site_of_asset(plan: Plan, role: str) -> str:
    """Return the name of the site that an asset stands for."""
    for area in plan.areas:
        for site in area.sites:
            if site.role == role:
                return named(plan, site.name).name
    raise FeatureError(f"role {role!r}", "stands for no site", "a row of the sites")
