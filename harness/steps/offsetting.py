"""Offsetting: generation that may rise because demand rose first, and its fail-safe."""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Estimate
from harness.analysis.offsetting import Loss, lost_at, says_new, uncovered_for
from harness.analysis.quality import difference, relative_difference, scaled
from harness.analysis.response import response_time
from harness.analysis.series import Band, at_least, at_most
from harness.core.errors import FeatureError
from harness.market.offsetting import LOST_SHARE, SILENT_S, Scheme
from harness.market.sites import Site
from harness.market.trades import Trade, TradeKind
from harness.settlement.sites import SitesSettlement
from harness.steps.capacity import OFFSET, settlement_of
from harness.steps.event import dwell_s, ride_through_s
from harness.steps.sites import add_trade, latest_trade, named, trouble_of
from harness.steps.trial import Trial
from harness.steps.words import clock_s, duration_s, power_w, span_s
from harness.trial.offset import ENDS_EARLY_S, add_test
from harness.trial.plan import Plan
from harness.trial.planned import TradeAct
from harness.trial.view import MeterView, left_of_boundary, said_by

STEPS_APART_S = 5.0
"""For so long what the boundary meter leaves may be wrong after a step, because meters
are read one after another. [s]"""
SETTLES_S = 120.0
"""What happens so soon after a step is not part of a mean. [s]"""


@given(
    parsers.parse(
        "the fail-safe of the {demand:w} and the {generator:w} trips within {time}, "
        "was verified {ago:d} days ago and is to be every {every:d} days"
    )
)
def _(plan: Plan, demand: str, generator: str, time: str, ago: int, every: int) -> None:
    """How two sites that offset each other fail safe, and how that is looked after."""
    named(plan, demand), named(plan, generator)
    scheme = Scheme(demand, generator, False, duration_s(time), ago, every)
    plan.schemes.append(scheme)


@given("the DNO approved the scheme in outline")
def _(plan: Plan) -> None:
    """Without it, no single transaction of the two sites is registered."""
    if not plan.schemes:
        hint = "a Given with the fail-safe of two sites"
        raise FeatureError("the scheme", "there is none", hint)
    plan.schemes[-1] = replace(plan.schemes[-1], outline=True)


@given(
    parsers.parse(
        "the {demand:w} agreed at {at} to draw {power} more from {start} to {end}, "
        "for the {generator:w} to feed in"
    )
)
def _(
    plan: Plan, demand: str, at: str, power: str, start: str, end: str, generator: str
) -> None:
    """One site draws more, so that another may feed in as much more."""
    _agreed(plan, TradeKind.OFFSET, demand, generator, power, at, start, end)


@given(
    parsers.parse(
        "the {generator:w} agreed at {at} to feed in {power} more from {start} to "
        "{end}, for the {demand:w} to draw"
    )
)
def _(
    plan: Plan, generator: str, at: str, power: str, start: str, end: str, demand: str
) -> None:
    """One site feeds in more, so that another may draw as much more."""
    _agreed(plan, TradeKind.COVER, generator, demand, power, at, start, end)


def _agreed(
    plan: Plan, kind: TradeKind, leader: str, follower: str, power: str, at: str,
    start: str, end: str,
) -> None:  # fmt: skip
    named(plan, leader), named(plan, follower)
    add_trade(plan, kind, leader, follower, power, at, span_s(start, end))


@when(parsers.parse("the DNO has the fail-safe tried with {power} at {at}"))
def _(plan: Plan, power: str, at: str) -> None:
    """A transaction of its own, approved to verify the fail-safe: see `add_test`."""
    trade = latest_trade(plan, f"at {at}")
    scheme = plan.scheme_of(trade.seller, trade.buyer)
    if scheme is None:
        fact = f"the {trade.seller} and the {trade.buyer} have no scheme"
        raise FeatureError(f"“at {at}”", fact, "a Given with their fail-safe")
    add_test(plan, scheme, power_w(power), clock_s(at))


@when(parsers.parse("the DNO has the fail-safe verified at {at}"))
def _(plan: Plan, at: str) -> None:
    """The demand is taken away on purpose; the fail-safe must see it by itself."""
    trade = latest_trade(plan, f"at {at}")
    plan.trade_acts.append(TradeAct("verify", trade.name, clock_s(at)))


def _span(trial: Trial, trade: Trade) -> tuple[float, float]:
    return trial.plan.bench_s(trade.from_s), trial.plan.bench_s(trade.until_s)


def _seen(
    trial: Trial, quantity: str
) -> tuple[Site, MeterView, Site, MeterView] | None:
    """Return both sites with their meters, or judge that one is not seen."""
    trade = latest_trade(trial.plan, trial.step_text)
    demand, generator = (named(trial.plan, one) for one in (trade.seller, trade.buyer))
    up, down = trial.view(demand.role), trial.view(generator.role)
    if up is None or down is None:
        rule = trial.rule(generator.name, quantity)
        blind = demand if up is None else generator
        nothing = Estimate(math.nan, rule.unit, why=f"no meter sees the {blind.name}")
        trial.judge(generator.name, nothing, rule, channels=(f"{blind.role}.power_w",))
        return None
    return demand, up, generator, down


def _passes(
    trial: Trial, site: Site, view: MeterView, *, sign: int, from_s: float,
    until_s: float, level_w: float, rising: bool,
) -> Estimate:  # fmt: skip
    """From a moment until a site's meter, times a sign, passes a level to stay. [s]"""
    edge = at_least if rising else at_most
    return response_time(
        view.time_s,
        sign * view.power_w * site.like,
        sent_at_s=from_s,
        until_s=until_s,
        band=edge(level_w),
        dwell_s=dwell_s(trial),
        ride_through_s=ride_through_s(trial),
        meter=replace(view.quality, absolute_u_w=site.like * view.quality.absolute_u_w),
    )


@then(parsers.parse("the {demand:w} rises before the {generator:w} does"))
def _(trial: Trial, demand: str, generator: str) -> None:
    """From the moment demand is half-way up until generation is."""
    _judge_order(trial, demand, generator, rising=True)


@then(parsers.parse("the {generator:w} falls before the {demand:w} does"))
def _(trial: Trial, generator: str, demand: str) -> None:
    """From the moment generation is half-way down until demand is."""
    _judge_order(trial, demand, generator, rising=False)


def _judge_order(trial: Trial, demand: str, generator: str, *, rising: bool) -> None:
    quantity = "demand first" if rising else "generation falls first"
    trade = latest_trade(trial.plan, trial.step_text)
    if trade.kind is TradeKind.COVER:
        quantity = "generation first" if rising else "demand falls first"
    seen = _seen(trial, quantity)
    if (demand, generator) != (trade.seller, trade.buyer):
        hint = f"the {trade.seller} leads, the {trade.buyer} follows"
        raise FeatureError(f"“{trial.step_text}”", "has the sites the other way", hint)
    if seen is None:
        return
    one, up, other, down = seen
    rule, (begins_s, ends_s) = trial.rule(generator, quantity), _span(trial, trade)
    from_s = begins_s if rising else (begins_s + ends_s) / 2
    half_w = trade.power_w / 2
    passed = [
        _passes(
            trial, site, view, sign=sign, from_s=from_s,
            until_s=ends_s if rising else trial.plan.duration_s,
            level_w=sign * site.usual_w + half_w, rising=rising,
        )
        for site, view, sign in ((one, up, -_sign(trade)), (other, down, _sign(trade)))
    ]  # fmt: skip
    first, second = passed if rising else reversed(passed)
    why = next((e.why for e in passed if not math.isfinite(e.value)), "")
    measured = trouble_of(trial, up, "s") or trouble_of(trial, down, "s")
    if measured is None:
        measured = (
            Estimate(math.nan, "s", why=why or "one of them never did")
            if not all(math.isfinite(e.value) for e in passed)
            else _in_order(difference(second, first))
        )
    channels = (up.channel, down.channel)
    trial.judge(generator, measured, rule, channels=channels)
    if rising:
        _draw(trial, other, down, trade)


def _sign(trade: Trade) -> int:
    """Which way the follower rises: 1 draws more, −1 feeds in more."""
    return trade.kind.direction.sign


def _in_order(apart: Estimate) -> Estimate:
    """Refuse to say which was first where the meters cannot tell."""
    if abs(apart.value) > apart.expanded:
        return apart
    why = (
        f"{apart.value:.1f} ± {apart.expanded:.1f} s apart: these meters cannot tell "
        "which was first"
    )
    return Estimate(math.nan, "s", why=why)


def _draw(trial: Trial, site: Site, view: MeterView, trade: Trade) -> None:
    """Draw the generator against its own capacity."""
    trial.draw(
        site.role,
        view,
        f"{site.name.capitalize()}: one of its {site.like}, against its own capacity",
        band=_own_band(site, trade),
        band_s=_span(trial, trade),
    )


def _own_band(site: Site, trade: Trade) -> Band:
    """What a follower may do without its leader, of one of its devices."""
    own_w = site.of_one_w(site.holds_w(trade.kind.direction))
    return at_most(own_w) if _sign(trade) > 0 else at_least(-own_w)


@then("both are up by the same")
def _(trial: Trial) -> None:
    """How much more generation rose than demand, while both were up."""
    seen, trade = _seen(trial, "equal levels"), latest_trade(trial.plan, "")
    if seen is None:
        return
    demand, up, generator, down = seen
    begins_s, ends_s = _span(trial, trade)
    window = {"from_s": begins_s + SETTLES_S, "until_s": ends_s - ENDS_EARLY_S}
    rises = [
        difference(
            scaled(
                mean_power(view.time_s, view.power_w, meter=view.quality, **window),
                sign * float(site.like), "W",
            ),
            Estimate(sign * site.usual_w, "W"),
        )
        for site, view, sign in (
            (demand, up, -_sign(trade)),
            (generator, down, _sign(trade)),
        )
    ]  # fmt: skip
    rule = trial.rule(generator.name, "equal levels")
    blocked = trouble_of(trial, up, "%") or trouble_of(trial, down, "%")
    measured = blocked or relative_difference(rises[1], rises[0])
    trial.judge(generator.name, measured, rule, channels=(up.channel, down.channel))


@then(parsers.parse("the fail-safe brings the {generator:w} back inside its own"))
def _(trial: Trial, generator: str) -> None:
    """From when demand fell, or nothing new was heard, until generation was back."""
    seen, trade = _seen(trial, "fail-safe time"), latest_trade(trial.plan, "")
    if seen is None:
        return
    demand, up, other, down = seen
    rule = trial.rule(generator, "fail-safe time")
    loss = _loss(trial, demand, up, trade)
    blocked = trouble_of(trial, down, "s")
    if loss is None:
        measured = trouble_of(trial, up, "s") or Estimate(
            math.nan, "s", why="the demand was never lost"
        )
    else:
        measured = blocked or _passes(
            trial, other, down, sign=_sign(trade), from_s=loss.at_s,
            until_s=trial.plan.duration_s,
            level_w=other.holds_w(trade.kind.direction), rising=False,
        )  # fmt: skip
    trial.judge(generator, measured, rule, channels=(up.channel, down.channel))
    _draw(trial, other, down, trade)


def _loss(trial: Trial, demand: Site, view: MeterView, trade: Trade) -> Loss | None:
    """When the demand was lost, or not heard of any more; no log is asked.

    By its own meter, of which a reading that repeats the last is none; and by what the
    boundary meter leaves for it, which tells when its own meter lies.
    """
    begins_s, ends_s = _span(trial, trade)
    # What the leader rose by counts upwards, whichever way it went.
    way = -_sign(trade)
    level_w = way * demand.of_one_w(demand.usual_w + way * LOST_SHARE * trade.power_w)
    window = {"from_s": begins_s, "until_s": ends_s - ENDS_EARLY_S}
    new = says_new(view.time_s, *said_by(trial.recording, view))
    by_own = lost_at(
        view.time_s[new], way * view.power_w[new], level_w=level_w, silent_s=SILENT_S,
        **window,
    )  # fmt: skip
    rest = left_of_boundary(trial.recording, demand.role)
    by_rest = rest and lost_at(
        rest[0], way * rest[1], level_w=level_w, silent_s=math.inf,
        stands_s=STEPS_APART_S, **window,
    )  # fmt: skip
    found = [one for one in (by_own, by_rest) if one]
    return min(found, key=lambda one: one.at_s, default=None)


@then(parsers.parse("the {generator:w} is never beyond its own without the {demand:w}"))
def _(trial: Trial, generator: str, demand: str) -> None:
    """Longest time for which it was, by more than both levels may differ."""
    seen, trade = _seen(trial, "time not covered"), latest_trade(trial.plan, "")
    named(trial.plan, demand), named(trial.plan, generator)
    if seen is None:
        return
    one, up, other, down = seen
    levels = trial.rule(generator, "equal levels")
    margin_w = (levels.at_most or 0.0) / 100 * trade.power_w
    blocked = trouble_of(trial, up, "s") or trouble_of(trial, down, "s")
    sign, own_w = _sign(trade), other.holds_w(trade.kind.direction)
    measured = blocked or uncovered_for(
        up.time_s, -sign * (up.power_w * one.like - one.usual_w),
        down.time_s, sign * down.power_w * other.like - own_w,
        margin_w=margin_w, from_s=0.0, until_s=trial.plan.duration_s,
    )  # fmt: skip
    trial.judge(
        generator, measured, trial.rule(generator, "time not covered"),
        channels=(up.channel, down.channel),
    )  # fmt: skip


@then(
    parsers.parse(
        "the {generator:w} pays the {demand:w} for the energy that both raised"
    )
)
def _(trial: Trial, generator: str, demand: str) -> None:
    """What is paid, against what the agreed energy would cost."""
    trade, found = latest_trade(trial.plan, trial.step_text), settlement_of(trial)
    named(trial.plan, demand)
    rule = trial.rule(generator, "offset paid for")
    terms = trial.plan.trade_terms
    hours = (trade.until_s - trade.from_s) / 3600
    full_p = (
        trade.power_w
        / 1e6
        * hours
        * (float(terms.price.gbp_per_mwh) * 100 if terms else 0.0)
    )
    paid_p = found.paid_p(generator, demand, OFFSET)
    measured = (
        Estimate(100 * paid_p / full_p, "%")
        if full_p
        else Estimate(math.nan, "%", why="it costs nothing")
    )
    view = trial.view(named(trial.plan, generator).role)
    if view and (blocked := trouble_of(trial, view, "%")):
        measured = blocked
    channel = f"{named(trial.plan, generator).role}.power_w"
    trial.judge(
        generator, measured, rule, channels=(view.channel if view else channel,),
        reason=_marks(found), details={"paid_p": paid_p},
    )  # fmt: skip


def _marks(found: SitesSettlement) -> str:
    return "; ".join((*found.breaches, *found.marks))
