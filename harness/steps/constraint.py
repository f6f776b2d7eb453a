"""DSO constraint management (TRANSITION use case 1): arming, dispatch, refusal, notice.

Thens about actors are judged from the log, Thens about power from the boundary
meter; what a transformer carries is that meter times the homes behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pytest_bdd import given, parsers, then

from harness.analysis.estimate import Estimate
from harness.analysis.loading import peak_loading
from harness.analysis.ramp import overshoot
from harness.analysis.response import response_time
from harness.analysis.series import at_least, at_most
from harness.analysis.waterfall import elapsed
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.constraint import Agreement
from harness.rulebook.rule import Rule
from harness.steps.delivery import event_or_verdict
from harness.steps.event import (
    dwell_s,
    event_marks,
    level_before,
    reasons,
    response,
    response_details,
    ride_through_s,
    unjudgeable,
)
from harness.steps.prices import agreed
from harness.steps.trial import Trial
from harness.steps.words import (
    HOME,
    clock_s,
    duration_s,
    power_w,
    role_of,
    span_s,
    table_rows,
)
from harness.trial.plan import Plan
from harness.trial.planned import Feeder, MarketAct
from harness.trial.view import MeterView, log_of

STACKING = (
    "the home is armed for the DSO", "the home serves the ESO",
)  # fmt: skip
"""Why one buyer is refused what another has, as feature files say it."""
BACK_SHARE = 0.9
"""A released home is back when it draws this share of what it drew before."""


@given("the DSO and the aggregator have agreed")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Capacity, window, arming period, delivery and notice times, price."""
    columns = (
        "capacity", "window", "arming period", "full delivery within",
        "notice within", "price",
    )  # fmt: skip
    rows = table_rows(datatable, columns, "the agreement")
    if len(rows) != 1:
        raise FeatureError("the agreement", f"has {len(rows)} rows", "one row")
    row = rows[0]
    start, _, end = row["window"].partition("-")
    from_s, until_s = span_s(start.strip(), end.strip())
    plan.agreement = Agreement(
        capacity_w=power_w(row["capacity"]),
        window_from_s=from_s,
        window_until_s=until_s,
        arming_period_s=duration_s(row["arming period"]),
        deliver_within_s=duration_s(row["full delivery within"]),
        notice_within_s=duration_s(row["notice within"]),
        price_gbp_per_mwh=_price(row["price"]),
    )


def _price(text: str) -> float:
    return float(agreed(text).gbp_per_mwh)


@given(parsers.parse("the DSO armed the service at {at}"))
def _(plan: Plan, at: str) -> None:
    """The DSO gives notice that it may call the service."""
    plan.acts.append(MarketAct("arm", "DSO", clock_s(at)))


@then("the home delivers the agreed capacity in the agreed time")
def _(trial: Trial) -> None:
    """From the start of delivery until the boundary meter shows the capacity gone."""
    event = event_or_verdict(trial, HOME, "delivery time")
    if event is None:
        return
    trial.judge(
        HOME,
        response(trial, event),
        trial.rule(HOME, "delivery time"),
        channels=(event.view.channel,),
        reason=reasons(trial, event),
        details=response_details(trial, event),
    )
    if not math.isnan(event.before.value):
        trial.draw(
            HOME,
            event.view,
            f"Home: delivery of the agreed capacity at {trial.clock(event.sent_s)}",
            band=event.band,
            band_s=(event.sent_s, event.until_s),
            marks=event_marks(trial, event),
        )


@then(parsers.parse('transformer "{name}" is back inside its rating by {at}'))
def _(trial: Trial, name: str, at: str) -> None:
    """From the trip until the load is inside the rating, and stays until the end."""
    rule = trial.rule(HOME, "asset back inside")
    seen = _outage(trial, name, rule)
    if seen is None:
        return
    view, trip = seen
    trip_s = trip.time_s
    _require_clock(trial, trip_s + (rule.at_most or 0.0), at)
    feeder, homes = _loaded(trial.plan.feeders, name, str(trip.detail["asset"]))
    measured = _back_inside(trial, view, feeder, homes, trip_s)
    details = {"homes": homes, "rating_w": feeder.rating_w, "power_factor": 1.0}
    trial.judge(name, measured, rule, channels=(view.channel,), details=details)
    load = replace(view, power_w=homes * view.power_w)
    trial.draw(
        name,
        load,
        f"Transformer {name}: {homes} homes like this one, against its rating",
        band=at_most(feeder.rating_w),
        band_s=(trip_s, trial.plan.duration_s),
        marks=((f"{trip.detail['asset']} trips", trip_s), *measured.marks),
    )


@then(
    parsers.parse('transformer "{name}" is inside its rating all the outage, to {at}')
)
def _(trial: Trial, name: str, at: str) -> None:
    """Its highest load from when its neighbour was taken out, until a clock time."""
    rule = trial.rule(HOME, "peak loading")
    seen = _outage(trial, name, rule)
    if seen is None:
        return
    view, outage = seen
    feeder, homes = _loaded(trial.plan.feeders, name, str(outage.detail["asset"]))
    why = trial.trouble(view, outage.time_s)
    measured = (
        Estimate(math.nan, "%", why=why)
        if why
        else peak_loading(
            view.time_s, view.power_w, np.zeros_like(view.time_s), homes=homes,
            rating_w=feeder.rating_w, from_s=outage.time_s,
            until_s=trial.plan.bench_s(clock_s(at)), meter=view.quality,
        )
    )  # fmt: skip
    trial.judge(
        name, measured, rule, channels=(view.channel,), details={"homes": homes}
    )


def _outage(trial: Trial, name: str, rule: Rule) -> tuple[MeterView, LogEntry] | None:
    """The boundary meter and the first trip, or judge that there is none."""
    view = trial.view(HOME)
    trips = log_of(trial.recording, Actor.NETWORK, "trips")
    if view is None or not trips:
        why = "no boundary meter" if view is None else "no transformer tripped"
        nothing = Estimate(math.nan, rule.unit, why=why)
        trial.judge(name, nothing, rule, channels=(f"{name}.power_w",))
        return None
    return view, trips[0]


def _loaded(feeders: Sequence[Feeder], name: str, tripped: str) -> tuple[Feeder, int]:
    """Return a transformer and the homes on it once another one has tripped."""
    own = [feeder for feeder in feeders if feeder.name == name and feeder.rating_w]
    if not own:
        known = ", ".join(f.name for f in feeders if f.rating_w) or "none"
        raise FeatureError(f"transformer {name!r}", "has no rating", f"one of {known}")
    relieved = [f for f in feeders if f.name == tripped and f.relieves == name]
    return own[0], own[0].homes + sum(feeder.homes for feeder in relieved)


def _back_inside(
    trial: Trial, view: MeterView, feeder: Feeder, homes: int, trip_s: float
) -> Estimate:
    trouble = trial.trouble(view, trip_s)
    if trouble:
        return Estimate(math.nan, "s", why=trouble)
    load_w = homes * view.power_w
    after = (view.time_s >= trip_s) & (view.time_s <= trip_s + 30)
    peak_w = float(np.nanmax(load_w[after], initial=0.0))
    if peak_w <= feeder.rating_w:
        why = (
            f"the load never left the rating: {peak_w / 1e6:.2f} MVA after the trip, "
            f"rated {feeder.rating_w / 1e6:g} MVA"
        )
        return Estimate(math.nan, "s", why=why)
    quality = replace(view.quality, absolute_u_w=homes * view.quality.absolute_u_w)
    ends = [act.until_clock_s for act in trial.plan.acts if act.kind == "dispatch"]
    return response_time(
        view.time_s,
        load_w,
        sent_at_s=trip_s,
        until_s=trial.plan.bench_s(ends[0]) if ends else trial.plan.duration_s,
        band=at_most(feeder.rating_w),
        dwell_s=dwell_s(trial),
        ride_through_s=ride_through_s(trial),
        meter=quality,
    )


@then(
    parsers.parse("the aggregator refuses it, because the arming period ends at {at}")
)
def _(trial: Trial, at: str) -> None:
    """The refusal names the end of the Arming Period, and no device was asked."""
    refusal = _notice(trial, "refused", Actor.DSO)
    armed = log_of(trial.recording, Actor.DSO, "arms")
    rule = trial.rule(HOME, "arming period")
    if refusal is None or not armed or refusal.detail.get("ready_at_s") is None:
        measured = Estimate(0.0, "s", why="the dispatch was not refused for it")
    else:
        ready_s = float(str(refusal.detail["ready_at_s"]))
        _require_clock(trial, ready_s, at)
        measured = Estimate(ready_s - armed[0].time_s, "s")
    trial.judge(HOME, measured, rule, witness=Witness.LOG)
    judge_nothing_sent(trial)


@then("the aggregator refuses it, because the service was never armed")
def _(trial: Trial) -> None:
    """The refusal gives that reason, and no device was asked."""
    refusal = _notice(trial, "refused", Actor.DSO)
    if refusal is None or refusal.detail.get("reason") != "the service was never armed":
        why = "there was no refusal" if refusal is None else str(refusal.detail)
        raise AssertionError(f"the aggregator did not refuse for this reason: {why}")
    judge_nothing_sent(trial)


@then(parsers.parse("the aggregator refuses the {buyer:w}, because {why}"))
def _(trial: Trial, buyer: str, why: str) -> None:
    """Whether it was refused, and for that reason and no other."""
    refused = log_of(
        trial.recording, Actor.AGGREGATOR, "notice: refused", to=_buyer(buyer)
    )
    wanted, _, until = why.partition(" until ")
    if wanted not in STACKING:
        raise FeatureError(f"“{why}”", "is no reason", "; ".join(STACKING))
    reasons = {str(one.detail["reason"]) for one in refused}
    if until:
        free_s = trial.plan.bench_s(clock_s(until))
        told = [one.detail.get("ready_at_s") for one in refused]
        in_time = [s is not None and abs(float(str(s)) - free_s) < 1 for s in told]
    else:
        in_time = [True]
    wrong = reasons != {wanted} or not all(in_time)
    said = f"reasons given: {', '.join(sorted(reasons)) or 'none'}"
    measured = Estimate(float(wrong), "refusals", why=said if wrong else "")
    rule = _stacking_rule(trial)
    trial.judge(HOME, measured, rule, witness=Witness.LOG, reason=said)


def _stacking_rule(trial: Trial) -> Rule:
    """The rule of use case 2 where a transformer carries others too, else of 1."""
    case = "uc2" if trial.plan.assets else "uc1"
    return trial.named_rule(f"transition/{case}/stacked-otherwise")


def _buyer(name: str) -> str:
    if name not in (Actor.DSO, Actor.ESO):
        raise FeatureError(f"“{name}”", "buys nothing here", "DSO, ESO")
    return name


@then(parsers.parse("the {asset} serves the ESO alone"))
def _(trial: Trial, asset: str) -> None:
    """How many instructions it was sent for anybody else."""
    sent = [
        one
        for one in log_of(trial.recording, Actor.AGGREGATOR, "instructs")
        if one.detail["role"] == role_of(asset)
        and one.detail["on_behalf_of"] != "bench"
    ]
    others = [one for one in sent if one.detail["on_behalf_of"] != Actor.ESO]
    measured = Estimate(float(len(others)), "refusals")
    if not sent:
        why = f"the {asset} was asked for nothing"
        measured = Estimate(math.nan, "refusals", why=why)
    rule = _stacking_rule(trial)
    trial.judge(HOME, measured, rule, witness=Witness.LOG)


def judge_nothing_sent(trial: Trial) -> None:
    """Judge how many instructions devices were sent: none may be."""
    sent = log_of(trial.recording, Actor.AGGREGATOR, "instructs")
    count = Estimate(float(len(sent)), "instructions")
    rule = trial.named_rule("transition/uc1/instructions-when-refused")
    trial.judge(HOME, count, rule, witness=Witness.LOG)


def ahead_of_delivery(trial: Trial) -> Estimate:
    """From the DSO's call to the beginning of delivery. [s]"""
    called = log_of(trial.recording, Actor.DSO, "dispatches")
    if not called:
        return Estimate(math.nan, "s", why="nothing was called")
    from_s = float(str(called[0].detail["from_s"]))
    return elapsed(called[0].time_s, from_s, what="the beginning of delivery")


@then("the home's demand does not change")
def _(trial: Trial) -> None:
    """Largest departure, up or down, from the level before; share of that level."""
    rule, view = trial.rule(HOME, "undisturbed demand"), trial.view(HOME)
    if view is None:
        nothing = Estimate(math.nan, "%", why="no boundary meter")
        trial.judge(HOME, nothing, rule, channels=(f"{HOME}.power_w",))
        return
    dispatch = next(act for act in trial.plan.acts if act.kind == "dispatch")
    from_s = trial.plan.bench_s(dispatch.from_clock_s)
    until_s = trial.plan.bench_s(dispatch.until_clock_s)
    before = level_before(trial, view, from_s)
    if math.isnan(before.value):
        measured = Estimate(math.nan, "%", why=before.why)
    else:
        measured = _furthest(trial, view, before, from_s, until_s)
    trial.judge(HOME, measured, rule, channels=(view.channel,))
    trial.draw(HOME, view, "Home: demand around the refused dispatch")


def _furthest(
    trial: Trial, view: MeterView, before: Estimate, from_s: float, until_s: float
) -> Estimate:
    """The larger of the departures upwards and downwards. [%]"""
    up, down = (
        overshoot(
            view.time_s,
            view.power_w,
            from_s=from_s,
            until_s=until_s,
            level_w=before.value,
            level_u_w=before.u,
            reference_w=before.value,
            upwards=upwards,
            meter=view.quality,
            hold_s=ride_through_s(trial),
        )
        for upwards in (True, False)
    )
    larger = max(up, down, key=lambda estimate: estimate.value)
    could = [one.unseen[1] for one in (up, down) if one.unseen is not None]
    unseen = (larger.value, max(could)) if could else None
    return replace(larger, unseen=unseen)


@then(
    parsers.parse(
        "the aggregator has declared {capacity} unavailable to the DSO by {at}"
    )
)
def _(trial: Trial, capacity: str, at: str) -> None:
    """From the moment an asset was lost until the DSO was told, and of how much."""
    operation = trial.plan.operations[0]
    lost_s = trial.plan.bench_s(operation.at_clock_s)
    rule = trial.rule(HOME, "notice time")
    _require_clock(trial, lost_s + (rule.at_most or 0.0), at)
    notice = _notice(trial, "unavailable", Actor.DSO)
    measured = _notice_delay(notice, lost_s, power_w(capacity))
    trial.judge(HOME, measured, rule, witness=Witness.LOG)


def _notice_delay(
    notice: LogEntry | None, lost_s: float, capacity_w: float
) -> Estimate:
    what = "the notice of unavailability"
    if notice is None:
        return elapsed(lost_s, None, what=what)
    declared_w = float(str(notice.detail["capacity_w"]))
    if abs(declared_w - capacity_w) > 1.0:
        why = f"{declared_w:.0f} W were declared, {capacity_w:.0f} W were lost"
        return Estimate(math.inf, "s", why=why)
    return elapsed(lost_s, notice.time_s, what=what)


@then("the neutral market facilitator holds the same notice")
def _(trial: Trial) -> None:
    """The facilitator was told the same thing; measured from the DSO's notice."""
    first = _notice(trial, "unavailable", Actor.DSO)
    second = _notice(trial, "unavailable", Actor.FACILITATOR)
    rule = trial.rule(HOME, "notice time")
    if first is None or second is None:
        measured = Estimate(math.inf, "s", why="there is no such notice")
    elif _said(first) != _said(second):
        measured = Estimate(math.inf, "s", why="the two notices differ")
    else:
        measured = elapsed(first.time_s, second.time_s, what="the facilitator's notice")
    trial.judge(HOME, measured, rule, witness=Witness.LOG)


def _said(notice: LogEntry) -> dict[str, object]:
    return {key: value for key, value in notice.detail.items() if key != "to"}


@then(parsers.parse("the DSO is told by {at} that the ESO overruled it"))
def _(trial: Trial, at: str) -> None:
    """From the overruling until the DSO was told."""
    overruled_s = _overruled_s(trial)
    rule = trial.rule(HOME, "notice time")
    _require_clock(trial, overruled_s + (rule.at_most or 0.0), at)
    notice = _notice(trial, "overruled", Actor.DSO)
    told_s = None if notice is None else notice.time_s
    measured = elapsed(overruled_s, told_s, what="the notice of overruling")
    trial.judge(HOME, measured, rule, witness=Witness.LOG)


@then(parsers.parse("the home is back at its usual demand by {at}"))
def _(trial: Trial, at: str) -> None:
    """From the overruling, or the stop, until the meter shows nine tenths of before."""
    event = event_or_verdict(trial, HOME, "release time")
    if event is None:
        return
    rule, overruled_s = trial.rule(HOME, "release time"), _overruled_s(trial)
    _require_clock(trial, overruled_s + (rule.at_most or 0.0), at)
    measured = unjudgeable(event, "s") or response_time(
        event.view.time_s,
        event.view.power_w,
        sent_at_s=overruled_s,
        band=at_least(BACK_SHARE * event.before.value),
        dwell_s=dwell_s(trial),
        ride_through_s=ride_through_s(trial),
        meter=event.view.quality,
    )
    trial.judge(HOME, measured, rule, channels=(event.view.channel,))


def _overruled_s(trial: Trial) -> float:
    ends = ("overrule", "stop", "emergency stop")
    for act in trial.plan.acts:
        if act.kind in ends:
            return trial.plan.bench_s(act.at_clock_s)
    hint = "a When that overrules or stops the service"
    raise FeatureError(f"“{trial.step_text}”", "nobody ended the service", hint)


def _notice(trial: Trial, what: str, to: str) -> LogEntry | None:
    found = log_of(trial.recording, Actor.AGGREGATOR, f"notice: {what}", to=str(to))
    return found[0] if found else None


def _require_clock(trial: Trial, bench_s: float, text: str) -> None:
    """Refuse a Then whose clock time is not what the rule beside it makes it."""
    stated_s = trial.plan.bench_s(clock_s(text))
    if abs(stated_s - bench_s) > 0.5:
        raise FeatureError(
            f"“{trial.step_text}”",
            f"by the limits quoted it is {trial.clock(bench_s)}, not {text}",
            "the clock time that the limit gives",
        )
