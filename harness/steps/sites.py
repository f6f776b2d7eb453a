"""Sites behind one cable: what they agreed, what they draw, and whether they may."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Estimate
from harness.analysis.loading import MINUTE_S, Part, busiest_minute
from harness.analysis.response import response_time
from harness.analysis.series import at_least, at_most
from harness.analysis.waterfall import elapsed
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.parties import Party
from harness.core.recording import LogEntry, Series
from harness.market.actors import Actor
from harness.market.facilitator import Register
from harness.market.network import LoadPointOfDay
from harness.market.rules import Rule
from harness.market.sites import Area, Direction, Site, site_named
from harness.market.trades import Stage, Trade, TradeKind
from harness.rulebook.rule import Rule as RulebookRule
from harness.steps.event import dwell_s, ride_through_s
from harness.steps.trial import Trial
from harness.steps.words import clock_s, power_w, role_of, span_s, table_rows
from harness.trial.desk import BREACH, OVERLOADED
from harness.trial.plan import Plan
from harness.trial.planned import Draw, PlannedTrade, Preparation, TradeAct
from harness.trial.register import may_over_time, register_of
from harness.trial.view import MeterView, log_of

COLUMNS = ("site", "is a", "MPAN", "on the bench", "like it", "usually", "MIC", "MEC")
FIGURE_S = 5.0
"""Spacing of a figure's points. [s]"""
REASONS = {
    "it was not approved in time": Rule.IN_TIME,
    "more is sold than is held": Rule.HOLDS,
    "they share no constrained area": Rule.SAME_AREA,
    "a site of it is unknown": Rule.KNOWN_MPAN,
    "no outline approval stands": Rule.OUTLINE,
    "its fail-safe was not verified in time": Rule.FAIL_SAFE,
}
"""Why a trade is refused, as feature files say it."""


@given(parsers.parse('the sites on cable "{name}", rated {rating}'))
def _(plan: Plan, name: str, rating: str, datatable: list[list[str]]) -> None:
    """Sites in one constrained area, and the device on the bench that each is like."""
    where = f"cable {name!r}"
    sites = []
    for row in table_rows(datatable, COLUMNS, where):
        site = _site(row, where)
        plan.need(site.role)
        level_w = site.of_one_w(site.usual_w)
        plan.preparations.append(Preparation(site.role, level_w))
        sites.append(site)
    try:
        plan.areas.append(Area(name, power_w(rating), tuple(sites)))
    except ValueError as error:
        hint = "a rating, and sites with names, MPANs and devices of their own"
        raise FeatureError(where, str(error), hint) from error


def _site(row: dict[str, str], where: str) -> Site:
    known = {str(party).lower(): party for party in Party}
    party = known.get(row["is a"].strip().lower())
    if party is None:
        names = ", ".join(str(one) for one in Party if one is not Party.CLEARING)
        raise FeatureError(f"“{row['is a']}”", "is no market actor", names)
    if not row["like it"].strip().isdigit():
        fact = f"{row['like it']!r} is no number of devices"
        raise FeatureError(f"{where}, {row['site']}", fact, "10")
    try:
        return Site(
            row["site"].strip(), party, row["MPAN"].strip(),
            role_of(row["on the bench"]), int(row["like it"]),
            power_w(row["usually"]), power_w(row["MIC"]), power_w(row["MEC"]),
        )  # fmt: skip
    except ValueError as error:
        hint = "13 digits of an MPAN core, and capacities of 0 kW or more"
        raise FeatureError(f"{where}, {row['site']}", str(error), hint) from error


@given(parsers.parse('everybody else on cable "{name}" draws'))
def _(plan: Plan, name: str, datatable: list[list[str]]) -> None:
    """Load of everybody else over the day; straight lines in between."""
    for number, area in enumerate(plan.areas):
        if area.name == name:
            rows = table_rows(datatable, ("at", "load"), f"cable {name!r}")
            points = tuple(
                LoadPointOfDay(clock_s(row["at"]), power_w(row["load"])) for row in rows
            )
            plan.areas[number] = replace(area, others=points)
            return
    raise FeatureError(f"cable {name!r}", "has no sites", "a Given with its sites")


@given(parsers.parse("the {site:w} never {verb} more than {power} before"))
def _(plan: Plan, site: str, verb: str, power: str) -> None:
    """The most that a site drew, or fed in, in the 60 days before."""
    named(plan, site)
    if verb not in ("drew", "fed in"):
        raise FeatureError(f"“{verb}”", "is no use of capacity", "drew, fed in")
    plan.histories[site] = power_w(power)


@given(
    parsers.parse(
        "the {seller:w} agreed at {at} to lend the {buyer:w} {power} of {kind:w} "
        "from {start} to {end}"
    )
)
def _(
    plan: Plan, seller: str, at: str, buyer: str, power: str, kind: str, start: str,
    end: str,
) -> None:  # fmt: skip
    """Two sites agree that one uses the other's import, or export, capacity."""
    if kind not in (TradeKind.IMPORT, TradeKind.EXPORT):
        raise FeatureError(f"“{kind}”", "is no capacity", "import, export")
    add_trade(plan, TradeKind(kind), seller, buyer, power, at, span_s(start, end))


def add_trade(
    plan: Plan, kind: TradeKind, seller: str, buyer: str, power: str, at: str,
    span: tuple[float, float],
) -> None:  # fmt: skip
    """Put a trade into the plan; nothing of it is judged before the register does.

    Raises
    ------
    FeatureError
        If it is of nothing, or of a site with itself.
    """
    name = f"T{len(plan.trades) + 1}"
    try:
        trade = Trade(name, kind, seller, buyer, power_w(power), *span)
    except ValueError as error:
        hint = "two sites, and more than nothing"
        raise FeatureError(f"trade {name}", str(error), hint) from error
    plan.trades.append(PlannedTrade(trade, clock_s(at)))


def latest_trade(plan: Plan, text: str) -> Trade:
    """Return the trade that was agreed last: the one that a step calls *it*."""
    if not plan.trades:
        hint = "a Given with what was agreed"
        raise FeatureError(f"“{text}”", "nothing was agreed before", hint)
    return plan.trades[-1].trade


@when(parsers.parse("the DNO approves it at {at}"))
def _(plan: Plan, at: str) -> None:
    """The DNO approves the trade that was agreed last, as agreed."""
    _act(plan, "approve", at)


@when(parsers.parse("the DNO approves {power} of it at {at}"))
def _(plan: Plan, power: str, at: str) -> None:
    """The DNO approves the trade on condition that less is moved."""
    _act(plan, "approve", at, power_w(power))


@when(parsers.parse("the DNO refuses it at {at}"))
def _(plan: Plan, at: str) -> None:
    """The DNO refuses the trade."""
    _act(plan, "refuse", at)


@when(parsers.parse("the DNO unwinds it at {at}"))
def _(plan: Plan, at: str) -> None:
    """The DNO ends the trade early, because its network changed."""
    _act(plan, "unwind", at)


def _act(plan: Plan, kind: str, at: str, approved_w: float | None = None) -> None:
    trade = latest_trade(plan, f"at {at}")
    plan.trade_acts.append(TradeAct(kind, trade.name, clock_s(at), approved_w))


@when(parsers.parse("the {site:w} draws {power} from {start} to {end}"))
def _(plan: Plan, site: str, power: str, start: str, end: str) -> None:
    """A site draws what it wants, whether it may or not."""
    _draw(plan, site, power_w(power), (start, end), obeys=False)


@when(parsers.parse("the {site:w} feeds in {power} from {start} to {end}"))
def _(plan: Plan, site: str, power: str, start: str, end: str) -> None:
    """A site feeds in what it wants, whether it may or not."""
    _draw(plan, site, -power_w(power), (start, end), obeys=False)


@when(
    parsers.parse(
        "the {site:w} keeps to what it may draw, up to {power}, from {start} to {end}"
    )
)
def _(plan: Plan, site: str, power: str, start: str, end: str) -> None:
    """A site draws no more than the register lets it."""
    _draw(plan, site, power_w(power), (start, end), obeys=True)


@when(
    parsers.parse(
        "the {site:w} keeps to what it may feed in, up to {power}, "
        "from {start} to {end}"
    )
)
def _(plan: Plan, site: str, power: str, start: str, end: str) -> None:
    """A site feeds in no more than the register lets it."""
    _draw(plan, site, -power_w(power), (start, end), obeys=True)


def _draw(
    plan: Plan, site: str, level_w: float, span: tuple[str, str], *, obeys: bool
) -> None:
    named(plan, site)
    from_s, until_s = span_s(*span)
    plan.draws.append(Draw(site, level_w, from_s, until_s, obeys))


def named(plan: Plan, name: str) -> Site:
    """Return a site by its name.

    Raises
    ------
    FeatureError
        Naming the sites that there are.
    """
    site = site_named(plan.areas, name)
    if site is None:
        known = ", ".join(s.name for area in plan.areas for s in area.sites) or "none"
        raise FeatureError(f"site {name!r}", "is not there", f"one of: {known}")
    return site


def direction_of(word: str) -> Direction:
    """``import`` or ``export``."""
    if word not in tuple(Direction):
        raise FeatureError(f"“{word}”", "is no direction", "import, export")
    return Direction(word)


def site_view(trial: Trial, site: Site, rule_quantity: str) -> MeterView | None:
    """Return the meter of a site's device, or judge that none saw it."""
    view = trial.view(site.role)
    if view is None:
        rule = trial.rule(site.name, rule_quantity)
        nothing = Estimate(math.nan, rule.unit, why="no independent meter saw it")
        trial.judge(site.name, nothing, rule, channels=(f"{site.role}.power_w",))
    return view


@then(parsers.parse("the {site:w} stays inside what it may {word:w}"))
def _(trial: Trial, site: str, word: str) -> None:
    """Its busiest minute, as a share of what the register let it draw or feed in."""
    direction, one = direction_of(word), named(trial.plan, site)
    quantity = f"use of {direction} capacity"
    view = site_view(trial, one, quantity)
    if view is None:
        return
    minutes_s = minutes_of(trial)
    register = register_of(trial.recording, trial.plan.areas)
    may_w = _minute_means(
        minutes_s, lambda at_s: may_over_time(register, site, direction, at_s)
    )
    measured = trouble_of(trial, view, "%") or busiest_minute(
        [part_of(view, one)], direction.sign * may_w, minutes_s,
        others_w=np.zeros_like(minutes_s),
    )  # fmt: skip
    rule = trial.rule(site, quantity)
    trial.judge(
        site, measured, rule, channels=(view.channel,), reason=_when(trial, measured)
    )
    _draw_site(trial, one, view, direction, register)


def _when(trial: Trial, measured: Estimate) -> str:
    return "; ".join(f"{name} {trial.clock(at)}" for name, at in measured.marks)


def minutes_of(trial: Trial) -> Series:
    """The whole minutes of the plan, as the clock on the wall counts them. [s]"""
    first_s = -trial.plan.start_clock_s % MINUTE_S
    return np.arange(first_s, trial.plan.duration_s - MINUTE_S + 1e-6, MINUTE_S)


def others_of(trial: Trial, area: Area, minutes_s: Series) -> Series:
    """What everybody else on a cable draws in the middle of each minute. [W]"""
    middles_s = minutes_s + MINUTE_S / 2 + trial.plan.start_clock_s
    return np.array([area.others_w(at) for at in middles_s])


def _minute_means(minutes_s: Series, of: Callable[[Series], Series]) -> Series:
    """The mean of something known for every moment, over each minute."""
    within = np.arange(0.0, MINUTE_S, 1.0) + 0.5
    grid = minutes_s[:, None] + within[None, :]
    found: Series = of(grid.ravel()).reshape(grid.shape).mean(axis=1)
    return found


def part_of(view: MeterView, site: Site) -> Part:
    return Part(view.time_s, view.power_w, site.like, view.quality)


def trouble_of(trial: Trial, view: MeterView, unit: str) -> Estimate | None:
    """Return the estimate that says why a site's meter may not judge, or None."""
    begins = [draw.from_clock_s for draw in trial.plan.draws]
    begins += [one.trade.from_s for one in trial.plan.trades]
    begins += [one.from_clock_s for one in trial.plan.orders]
    moments = [trial.plan.bench_s(at) for at in begins]
    for at_s in moments or [0.0]:
        if why := trial.trouble(view, at_s):
            return Estimate(math.nan, unit, why=why)
    return None


def _draw_site(
    trial: Trial, site: Site, view: MeterView, direction: Direction, register: Register
) -> None:
    """Draw a site's device against what it may while the latest trade stands."""
    whole = (0.0, trial.plan.duration_s)
    spans = [(one.trade.from_s, one.trade.until_s) for one in register.transactions]
    span_s = spans[-1] if spans else whole
    may_w = register.may_w(site.name, direction, span_s[0])
    edge = at_most if direction is Direction.IMPORT else at_least
    trial.draw(
        site.role,
        view,
        f"{site.name.capitalize()}: one of its {site.like}, against what it may "
        f"{direction} while the trade stands",
        band=edge(direction.sign * site.of_one_w(may_w)),
        band_s=span_s,
    )


@then(parsers.parse('cable "{name}" stays inside its rating'))
def _(trial: Trial, name: str) -> None:
    """Its busiest minute: all sites and everybody else, as a share of its rating."""
    area = area_named(trial.plan, name)
    rule = trial.rule(role_of(f"cable {name}"), "loading")
    views = {site.name: trial.view(site.role) for site in area.sites}
    blind = [site for site, view in views.items() if view is None]
    if blind:
        nothing = Estimate(math.nan, "%", why=f"no meter sees the {blind[0]}")
        trial.judge(name, nothing, rule, channels=(f"{blind[0]}.power_w",))
        return
    seen = [(site, view) for site in area.sites if (view := views[site.name])]
    minutes_s = minutes_of(trial)
    others_w = others_of(trial, area, minutes_s)
    parts = [part_of(view, site) for site, view in seen]
    troubles = [trouble_of(trial, view, "%") for _, view in seen]
    ways = [
        busiest_minute(
            parts, np.full(minutes_s.size, sign * area.rating_w), minutes_s,
            others_w=others_w,
        )
        for sign in (1, -1)
    ]  # fmt: skip
    measured = next((one for one in troubles if one), None) or max(
        ways, key=lambda one: one.value
    )
    trial.judge(
        name, measured, rule, channels=tuple(view.channel for _, view in seen),
        reason=_when(trial, measured),
    )  # fmt: skip
    _draw_area(trial, area, seen)


def _draw_area(trial: Trial, area: Area, seen: list[tuple[Site, MeterView]]) -> None:
    """Draw what the cable carries over time, against its rating."""
    time_s = np.arange(0.0, trial.plan.duration_s, FIGURE_S)
    load_w = np.array(
        [area.others_w(at + trial.plan.start_clock_s) for at in time_s]
    )  # fmt: skip
    for site, view in seen:
        known = np.isfinite(view.power_w)
        if not known.any():
            return
        load_w += site.like * np.interp(time_s, view.time_s[known], view.power_w[known])
    inwards = load_w[int(np.argmax(np.abs(load_w)))] >= 0
    band = at_most(area.rating_w) if inwards else at_least(-area.rating_w)
    whole = replace(seen[0][1], time_s=time_s, power_w=load_w)
    trial.draw(
        area.name,
        whole,
        f"Cable {area.name}: all sites and everybody else, against its rating",
        band=band,
        band_s=(0.0, trial.plan.duration_s),
    )


def area_named(plan: Plan, name: str) -> Area:
    """Return a constrained area by its cable's name."""
    for area in plan.areas:
        if area.name == name:
            return area
    known = ", ".join(area.name for area in plan.areas) or "none"
    raise FeatureError(f"cable {name!r}", "has no sites", f"one of: {known}")


USE_CASES = {
    TradeKind.IMPORT: "uc4", TradeKind.EXPORT: "uc5", TradeKind.OFFSET: "uc6",
    TradeKind.COVER: "uc6",
}  # fmt: skip


def traded_rule(trial: Trial, name: str) -> RulebookRule:
    """Return a rule of the use case to which a trial's trades belong."""
    case = USE_CASES[latest_trade(trial.plan, trial.step_text).kind]
    return trial.named_rule(f"transition/{case}/{name}")


@then(parsers.parse("the {site:w} is caught above what it may {word:w} from {at}"))
def _(trial: Trial, site: str, word: str, at: str) -> None:
    """From the moment until the DNO's monitoring told the DNO of it."""
    named(trial.plan, site)
    found = _told(trial, BREACH, site=site, direction=str(direction_of(word)))
    _judge_told(trial, site, at, found)


@then(parsers.parse('cable "{name}" is reported above its rating from {at}'))
def _(trial: Trial, name: str, at: str) -> None:
    """From the moment until the DNO's monitoring told the DNO of it."""
    area_named(trial.plan, name)
    found = _told(trial, OVERLOADED, area=name)
    _judge_told(trial, role_of(f"cable {name}"), at, found)


def _judge_told(trial: Trial, subject: str, at: str, found: list[LogEntry]) -> None:
    begun_s = trial.plan.bench_s(clock_s(at))
    to_dno = [one.time_s for one in found if one.detail["to"] == Actor.DNO]
    first = min((one for one in to_dno if one >= begun_s), default=None)
    early = [one for one in to_dno if one < begun_s]
    measured = (
        Estimate(math.inf, "s", why="it was told of before that, of something else")
        if early
        else elapsed(begun_s, first, what="the monitoring's notice")
    )
    rule = trial.rule(subject, "seen within")
    trial.judge(subject, measured, rule, witness=Witness.LOG)


def _told(trial: Trial, what: str, **detail: object) -> list[LogEntry]:
    return log_of(trial.recording, Actor.NETWORK, f"notice: {what}", **detail)


@then(parsers.parse("{names} are told that the {site:w} is above what it may"))
def _(trial: Trial, names: str, site: str) -> None:
    """How many of them did not hear of it."""
    wanted = [
        re.sub(r"^the\s+", "", one.strip())
        for one in re.split(r",\s*(?:and\s+)?|\s+and\s+", names)
    ]
    heard = {str(one.detail["to"]) for one in _told(trial, BREACH, site=site)}
    missed = [one for one in wanted if one not in heard]
    why = f"not told: {', '.join(missed)}" if missed else ""
    measured = Estimate(float(len(missed)), "actors", why=why)
    rule = traded_rule(trial, "not-told")
    trial.judge(site, measured, rule, witness=Witness.LOG, reason=why)


@then(parsers.parse("no site is reported above what it may"))
def _(trial: Trial) -> None:
    """How many times the monitoring told the DNO of a site, or of the cable."""
    found = [
        one
        for what in (BREACH, OVERLOADED)
        for one in _told(trial, what, to=str(Actor.DNO))
    ]
    why = "; ".join(
        f"{one.detail.get('site') or one.detail.get('area')} at "
        f"{trial.clock(one.time_s)}"
        for one in found
    )
    measured = Estimate(float(len(found)), "notices", why=why)
    rule = traded_rule(trial, "breaches-reported")
    trial.judge("sites", measured, rule, witness=Witness.LOG, reason=why)


@then(parsers.parse("the facilitator refuses it, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether it was refused, and for that reason and no other."""
    if why not in REASONS:
        known = "; ".join(REASONS)
        raise FeatureError(f"“{why}”", "is no reason for a refusal", known)
    trade = latest_trade(trial.plan, trial.step_text)
    given_reasons = {
        str(one.detail["rule"])
        for one in log_of(trial.recording, Actor.FACILITATOR, "notice: refused")
        if one.detail["trade"] == trade.name
    }
    wrong = given_reasons != {REASONS[why].name}
    said = f"reasons given: {', '.join(sorted(given_reasons)) or 'none'}"
    measured = Estimate(float(wrong), "refusals", why=said if wrong else "")
    rule = traded_rule(trial, "refused-otherwise")
    trial.judge(
        trade.name, measured, rule, witness=Witness.LOG, reason=said if wrong else ""
    )


@then(
    parsers.parse(
        "the DNO was warned before it approved that the {site:w} never used {power} "
        "of it"
    )
)
def _(trial: Trial, site: str, power: str) -> None:
    """From the facilitator's warning until the DNO's approval."""
    rule = traded_rule(trial, "warned-before")
    trade = latest_trade(trial.plan, trial.step_text)
    warned = log_of(
        trial.recording, Actor.FACILITATOR, "notice: never used", trade=trade.name
    )
    approved = log_of(trial.recording, Actor.DNO, "approve", trade=trade.name)
    if not warned or not approved:
        measured = Estimate(-math.inf, "s", why="there was no warning, or no approval")
    elif abs(float(str(warned[0].detail["unused_w"])) - power_w(power)) > 1:
        told = float(str(warned[0].detail["unused_w"])) / 1e3
        measured = Estimate(-math.inf, "s", why=f"warned of {told:g} kW")
    else:
        measured = Estimate(approved[0].time_s - warned[0].time_s, "s")
    named(trial.plan, site)
    trial.judge(site, measured, rule, witness=Witness.LOG)


@then(parsers.parse("the {site:w} is back inside what it may {word:w} by {at}"))
def _(trial: Trial, site: str, word: str, at: str) -> None:
    """From the end of what it had bought until its meter shows its own again."""
    direction, one = direction_of(word), named(trial.plan, site)
    view = site_view(trial, one, "back inside")
    if view is None:
        return
    rule = trial.rule(site, "back inside")
    ended_s = _bought_until(trial, site)
    if abs(trial.plan.bench_s(clock_s(at)) - ended_s - (rule.at_most or 0.0)) > 0.5:
        by = trial.clock(ended_s + (rule.at_most or 0.0))
        fact = f"by the limit quoted it is {by}, not {at}"
        raise FeatureError(
            f"“{trial.step_text}”", fact, "the time that the limit gives"
        )
    own_w = direction.sign * one.of_one_w(one.holds_w(direction))
    edge = at_most if direction is Direction.IMPORT else at_least
    measured = trouble_of(trial, view, "s") or response_time(
        view.time_s,
        view.power_w,
        sent_at_s=ended_s,
        band=edge(own_w),
        dwell_s=dwell_s(trial),
        ride_through_s=ride_through_s(trial),
        meter=view.quality,
    )
    trial.judge(site, measured, rule, channels=(view.channel,))


def _bought_until(trial: Trial, site: str) -> float:
    register = register_of(trial.recording, trial.plan.areas)
    ends = [
        one.trade.until_s if one.ended_s is None else one.ended_s
        for one in register.transactions
        if one.trade.buyer == site and one.stage in (Stage.APPROVED, Stage.UNWOUND)
    ]
    if not ends:
        raise FeatureError(
            f"“{trial.step_text}”", f"the {site} bought nothing", "an approved trade"
        )
    return max(ends)
