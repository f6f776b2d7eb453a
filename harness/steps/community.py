"""A community's plan, fund, purchase and assets, each against what meters saw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Contribution, Estimate, unless
from harness.analysis.quality import share_of
from harness.core.calendar import SettlementPeriod
from harness.core.errors import FeatureError
from harness.market.community import (
    EMPTY,
    UNPROVEN,
    Community,
    CompanyAsset,
    Granted,
    LocalPlan,
    Marketplace,
    PlannedAsset,
    Project,
    Purchase,
    Share,
    SharedAsset,
    granted,
)
from harness.reporting.record import note_table
from harness.settlement.money import Price, pounds, whole_wh
from harness.settlement.sharing import PPM, dividend_p, shared_out
from harness.steps.half_hours import half_hours_s, halves_seen
from harness.steps.prices import agreed
from harness.steps.trial import Trial
from harness.steps.words import power_w, role_of, table_rows
from harness.trial.community_desk import ADMINISTRATOR, COMPANY, CREDITS, PAYS
from harness.trial.plan import Plan
from harness.trial.view import log_of

PROVEN = 0.95
"""Share of a claim that a meter must show for it to be proven."""
LAEP, FUND, PURCHASE, ASSET = "plan", "fund", "purchase", "asset"


def _community(plan: Plan) -> Community:
    return plan.community or Community()


def _whole(text: str, where: str) -> int:
    plain = text.strip().replace(",", "")
    if not plain.isdigit():
        raise FeatureError(where, f"{text!r} is no whole number", "80")
    return int(plain)


def _gbp(text: str, where: str) -> int:
    """Read ``£4,000`` or ``£0.50`` as pence."""
    plain = text.strip().replace(",", "")
    try:
        exact = Decimal(plain.removeprefix("£")) * 100
    except InvalidOperation as error:
        raise FeatureError(where, f"{text!r} is no money", "£4,000") from error
    if not plain.startswith("£") or exact != int(exact) or exact < 0:
        raise FeatureError(where, f"{text!r} is no money", "£4,000")
    return int(exact)


def _percent(text: str, where: str) -> Fraction:
    plain = text.strip().removesuffix("%").strip()
    try:
        return Fraction(plain)
    except ValueError as error:
        raise FeatureError(where, f"{text!r} is no percentage", "30 %") from error


@given(parsers.parse('the local plan of "{name}" lists'))
def _(plan: Plan, name: str, datatable: list[list[str]]) -> None:
    """So many homes with one kind of asset each, one of which is on the bench."""
    where, assets = f"local plan {name!r}", []
    columns = ("asset", "on the bench", "homes", "up to")
    for row in table_rows(datatable, columns, where):
        role = role_of(row["on the bench"])
        plan.need(role)
        homes = _whole(row["homes"], where)
        try:
            assets.append(PlannedAsset(row["asset"].strip(), role, homes,
                                       power_w(row["up to"])))  # fmt: skip
        except ValueError as error:
            raise FeatureError(where, str(error), "80 homes, 7.4 kW") from error
    plan.community = replace(_community(plan), plan=LocalPlan(name, tuple(assets)))


@given(parsers.parse("its substation is rated {rating} and carries {usual} already"))
def _(plan: Plan, rating: str, usual: str) -> None:
    """What is beneath the plan's area."""
    found = _community(plan).plan
    if found is None:
        hint = 'a Given with the local plan of "…" before it'
        raise FeatureError("its substation", "there is no plan", hint)
    rating_w, usual_w = power_w(rating), power_w(usual)
    if not 0 <= usual_w < rating_w:
        fact = "it carries more than it is rated for, or less than nothing"
        raise FeatureError(f"“{rating}”", fact, "rated 400 kW, carries 160 kW")
    found = replace(found, rating_w=rating_w, usual_w=usual_w)
    plan.community = replace(_community(plan), plan=found)


@given(
    parsers.parse('the marketplace "{name}", which holds {pot} and asks a fee of {fee}')
)
def _(plan: Plan, name: str, pot: str, fee: str, datatable: list[list[str]]) -> None:
    """Projects in the order in which they applied, and what each claims of a device."""
    where, projects = f"marketplace {name!r}", []
    columns = ("project", "asks for", "on the bench", "claims")
    try:
        for row in table_rows(datatable, columns, where):
            role = role_of(row["on the bench"])
            plan.need(role)
            projects.append(
                Project(row["project"].strip(), _gbp(row["asks for"], where), role,
                        power_w(row["claims"]))
            )  # fmt: skip
        market = Marketplace(
            name, _gbp(pot, where), float(_percent(fee, where)), tuple(projects)
        )
    except ValueError as error:
        raise FeatureError(where, str(error), "£10,000, 4 %, projects") from error
    plan.community = replace(_community(plan), marketplace=market)


@given(
    parsers.parse(
        "{homes:d} homes buy the {asset} of {power} each, for {paid} instead of {alone}"
    )
)
def _(plan: Plan, homes: int, asset: str, power: str, paid: str, alone: str) -> None:
    """A collective purchase of one standard device; one of them is on the bench."""
    where, role = "the collective purchase", role_of(asset)
    plan.need(role)
    power_w(power)
    try:
        bought = Purchase(homes, role, _gbp(alone, where), _gbp(paid, where))
    except ValueError as error:
        raise FeatureError(where, str(error), "60 homes, £4,100, £5,000") from error
    plan.community = replace(_community(plan), purchase=bought)


@given(parsers.parse("the {asset} belongs to the community, by shares of"))
def _(plan: Plan, asset: str, datatable: list[list[str]]) -> None:
    """Whose it is, and which meter shows what each of them draws."""
    where, role = f"the community's {asset}", role_of(asset)
    plan.need(role)
    shares = []
    for row in table_rows(datatable, ("member", "on the bench", "share"), where):
        member = role_of(row["on the bench"])
        plan.need(member)
        exact = _percent(row["share"], where) * PPM / 100
        if exact.denominator != 1:
            raise FeatureError(where, f"{row['share']!r} is too fine", "30 %")
        shares.append(Share(row["member"].strip(), member, int(exact)))
    try:
        asked = SharedAsset(role, tuple(shares))
    except ValueError as error:
        raise FeatureError(where, str(error), "shares of 100 % together") from error
    plan.community = replace(_community(plan), shared=asked)


@given(
    parsers.parse(
        "a company owns the {asset}, {like:d} times as large, sells its energy at "
        "{price}, bears {costs} each half-hour and pays a dividend of {dividend}"
    )
)
def _(plan: Plan, asset: str, like: int, price: str, costs: str, dividend: str) -> None:
    """A corporate asset whose profit the community has a part of."""
    where, role = f"the company's {asset}", role_of(asset)
    plan.need(role)
    try:
        asked = CompanyAsset(
            role, like, agreed(price).steps, _gbp(costs, where),
            float(_percent(dividend, where)),
        )  # fmt: skip
    except ValueError as error:
        raise FeatureError(where, str(error), "1000 times, £20, 5 %") from error
    plan.community = replace(_community(plan), company=asked)


@when(parsers.parse("its energy is shared out from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """The administrator credits each half-hour by the asset's own reading."""
    from_s, until_s = half_hours_s(start, end, example="from 12:00 to 13:00")
    asked = _community(plan).shared
    if asked is None:
        hint = "a Given: the … belongs to the community, by shares of"
        raise FeatureError("“its energy is shared out”", "nobody shares it", hint)
    asked = replace(asked, from_clock_s=from_s, until_clock_s=until_s)
    plan.community = replace(_community(plan), shared=asked)


@when(parsers.parse("the company states what it made from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """It pays its dividend for each half-hour by the asset's own reading."""
    from_s, until_s = half_hours_s(start, end, example="from 12:00 to 13:00")
    asked = _community(plan).company
    if asked is None:
        hint = "a Given: a company owns the …"
        raise FeatureError("“the company states”", "there is none", hint)
    asked = replace(asked, from_clock_s=from_s, until_clock_s=until_s)
    plan.community = replace(_community(plan), company=asked)


def _largest(trial: Trial, role: str, *, imported: bool = False) -> Estimate:
    """The most that a device's own meter saw of it, in size or of import alone. [W]"""
    view, why = trial.watched(role, 0.0, trial.plan.duration_s)
    if view is None or why:
        return Estimate(math.nan, "W", why=why)
    inside = (view.time_s >= 0) & (view.time_s <= trial.plan.duration_s)
    power = view.power_w[inside & np.isfinite(view.power_w)]
    sizes = np.maximum(power, 0.0) if imported else np.abs(power)
    if not sizes.size:
        return Estimate(math.nan, "W", why=f"nothing was seen of the {role}")
    most = float(sizes.max())
    u = view.quality.power_u_w(most)
    return Estimate(most, "W", (Contribution("meter", u, "B", view.quality.source),))


def _local_plan(trial: Trial) -> LocalPlan:
    found = _community(trial.plan).plan
    if found is None:
        hint = 'Given the local plan of "…" lists'
        raise FeatureError(f"“{trial.step_text}”", "there is no plan", hint)
    return found


@then("every asset that it lists is there and does what it says")
def _(trial: Trial) -> None:
    """The asset whose meter saw least, as a share of what the plan has of it."""
    found, worst, said = _local_plan(trial), Estimate(math.inf, "%"), ""
    rows = [["asset", "homes", "planned", "seen of one"]]
    for one in found.assets:
        seen = _largest(trial, one.role)
        share = share_of(seen, Estimate(one.power_w, "W"))
        rows.append([one.name, f"{one.homes:,}", f"{one.power_w / 1000:g} kW",
                     f"{seen.value / 1000:.2f} kW"])  # fmt: skip
        if math.isnan(share.value) or share.value < worst.value:
            worst, said = share, one.name
        if math.isnan(worst.value):
            break
    note_table(trial.node, f"What {found.name} plans", rows)
    roles = [one.role for one in found.assets]
    trial.judge(
        LAEP, worst, trial.rule(LAEP, "as planned"), reason=f"the {said}",
        channels=trial.channels(*roles),
    )  # fmt: skip


@then("its substation carries all of them at once")
def _(trial: Trial) -> None:
    """What it carries already and what all homes' assets draw, of its rating."""
    found, rule = _local_plan(trial), trial.rule(LAEP, "use of the substation")
    if not found.rating_w:
        hint = "Given its substation is rated … and carries … already"
        raise FeatureError(f"“{trial.step_text}”", "it has no substation", hint)
    total_w, lines, why = found.usual_w, [], ""
    for one in found.assets:
        seen = _largest(trial, one.role, imported=True)
        why = why or seen.why
        total_w += one.homes * seen.value
        u = 100 * one.homes * seen.u / found.rating_w
        lines.append(Contribution(one.name, u, "B", "its meter"))
    measured = Estimate(100 * total_w / found.rating_w, "%", tuple(lines), why=why)
    roles = [one.role for one in found.assets]
    trial.judge(LAEP, measured, rule, channels=trial.channels(*roles))


def _marketplace(trial: Trial) -> Marketplace:
    found = _community(trial.plan).marketplace
    if found is None:
        hint = 'Given the marketplace "…", which holds … and asks a fee of …'
        raise FeatureError(f"“{trial.step_text}”", "there is no marketplace", hint)
    return found


def _decided(trial: Trial) -> tuple[list[Granted], str]:
    """Return what becomes of each project by what meters saw, or why nobody knows."""
    market, proven, why = _marketplace(trial), [], ""
    for one in market.projects:
        seen = _largest(trial, one.role)
        why = why or seen.why
        if seen.value >= PROVEN * one.power_w:
            proven.append(one.name)
    return granted(market, proven), why


def _judge_fund(
    trial: Trial, quantity: str, measured: Estimate, why: str, reason: str
) -> None:
    market, rule = _marketplace(trial), trial.rule(FUND, quantity)
    shown = unless(why, measured, rule.unit)
    roles = [one.role for one in market.projects]
    trial.judge(FUND, shown, rule, channels=trial.channels(*roles), reason=reason)


@then(parsers.parse('the marketplace funds "{name}"'))
def _(trial: Trial, name: str) -> None:
    """Whether its claim is proven by a meter, and there was money left for it."""
    _judge_project(trial, name, "")


@then(parsers.parse('the marketplace does not fund "{name}", because {why}'))
def _(trial: Trial, name: str, why: str) -> None:
    """Whether it was refused, and for that reason."""
    if why not in (UNPROVEN, EMPTY):
        raise FeatureError(f"“{why}”", "is no reason", f"{UNPROVEN}; {EMPTY}")
    _judge_project(trial, name, why)


def _judge_project(trial: Trial, name: str, wanted: str) -> None:
    decided, why = _decided(trial)
    found = next((one for one in decided if one.project.name == name), None)
    if found is None:
        known = ", ".join(one.project.name for one in decided)
        raise FeatureError(f"“{name}”", "is no project", known)
    is_right = found.refused == wanted
    said = found.refused or f"funded with {pounds(found.grant_p)}"
    measured = Estimate(float(not is_right), "projects")
    _judge_fund(trial, "funded otherwise", measured, why,
                "" if is_right else f"{name}: {said}")  # fmt: skip


@then("what it grants and keeps is no more than it holds")
def _(trial: Trial) -> None:
    """Grants with fees, of what the marketplace holds."""
    market = _marketplace(trial)
    decided, why = _decided(trial)
    spent_p = sum(one.grant_p + one.fee_p for one in decided)
    rows = [["project", "asks for", "grant", "fee", "why not"]]
    rows += [
        [one.project.name, pounds(one.project.asks_p), pounds(one.grant_p),
         pounds(one.fee_p), one.refused or "–"]
        for one in decided
    ]  # fmt: skip
    note_table(trial.node, f"What {market.name} decides", rows)
    why = why or ("" if spent_p else "nothing was granted at all")
    measured = Estimate(100 * spent_p / market.holds_p, "%")
    _judge_fund(trial, "spent", measured, why, "")


def _purchase(trial: Trial) -> Purchase:
    found = _community(trial.plan).purchase
    if found is None:
        hint = "Given … homes buy the … of … each, for … instead of …"
        raise FeatureError(f"“{trial.step_text}”", "nobody buys anything", hint)
    return found


@then(parsers.parse("what they bought does what was specified, {power}"))
def _(trial: Trial, power: str) -> None:
    """The most that the meter saw of one, as a share of what was specified."""
    found = _purchase(trial)
    measured = share_of(_largest(trial, found.role), Estimate(power_w(power), "W"))
    trial.judge(PURCHASE, measured, trial.rule(PURCHASE, "as specified"),
                channels=trial.channels(found.role))  # fmt: skip


@then("each saves what such purchases save")
def _(trial: Trial) -> None:
    """The discount; it counts only for a device that a meter saw at work."""
    found = _purchase(trial)
    seen = _largest(trial, found.role)
    why = seen.why or ("" if seen.value > 0 else "nothing of it was seen at work")
    measured = Estimate(math.nan if why else found.discount_percent, "%", why=why)
    trial.judge(PURCHASE, measured, trial.rule(PURCHASE, "discount"),
                channels=trial.channels(found.role))  # fmt: skip


def _made(trial: Trial, role: str) -> dict[SettlementPeriod, Estimate]:
    """What a device's own meter counted in every whole half-hour. [Wh]"""
    view, why = trial.seen(role, 0.0)
    if view is None or why:
        return {}
    return {
        one.period: one.energy
        for one in halves_seen(trial, view)
        if one.settled and not one.mark
    }


def _said(trial: Trial, actor: str, what: str) -> dict[str, Mapping[str, object]]:
    """What somebody said of each half-hour, by its name."""
    return {
        str(one.detail["period"]): one.detail
        for one in log_of(trial.recording, actor, what)
    }


def _worst(off: Mapping[str, float], u: float, why: str) -> tuple[Estimate, str]:
    """The largest share that is otherwise than it should be, and when. [%]"""
    if why or not off:
        return Estimate(math.nan, "%", why=why or "no half-hour was shared out"), ""
    period = max(off, key=lambda one: off[one])
    return Estimate(
        off[period], "%", (Contribution("meters", u, "B", "cards"),)
    ), period


@then("every member is credited with its share of what it made")
def _(trial: Trial) -> None:
    """The member farthest from what the meters give it, of what the asset made."""
    asked = _community(trial.plan).shared
    if asked is None:
        raise FeatureError(f"“{trial.step_text}”", "nobody shares anything", "a Given")
    made, off, u, why = _made(trial, asked.role), {}, 0.0, ""
    drawn = {one.member: _made(trial, one.role) for one in asked.shares}
    ppm = {one.member: one.ppm for one in asked.shares}
    rows = [["half-hour", "made", *(f"{n}: credited, due" for n in ppm), "sold"]]
    for period, said in _said(trial, ADMINISTRATOR, CREDITS).items():
        part = next((one for one in made if str(one) == period), None)
        if part is None or any(part not in drawn[name] for name in ppm):
            why = "a meter has a gap, or may not judge"
            continue
        counted = max(whole_wh(-made[part].value), 0)
        due = shared_out(
            counted, ppm, {name: whole_wh(drawn[name][part].value) for name in ppm}
        )
        credited = said["credited"]
        assert isinstance(credited, Mapping)  # noqa: S101 - the desk writes it
        if not counted:
            why = "it made nothing"
            continue
        apart = [abs(int(str(credited[n])) - due.credited_wh[n]) for n in ppm]
        off[period] = 100 * max(apart) / counted
        u = max(u, 100 * max(made[part].u, *(drawn[n][part].u for n in ppm)) / counted)
        rows.append([period, _kwh(counted), *(
            f"{_kwh(int(str(credited[n])))}, {_kwh(due.credited_wh[n])}" for n in ppm
        ), _kwh(due.sold_wh)])  # fmt: skip
    measured, when_ = _worst(off, u, why)
    note_table(trial.node, "What each member is credited with", rows)
    roles = [asked.role, *(one.role for one in asked.shares)]
    trial.judge(
        ASSET, measured, trial.rule(ASSET, "credited otherwise"),
        channels=trial.channels(*roles), reason=f"in {when_}" if when_ else "",
    )  # fmt: skip


def _kwh(wh: int) -> str:
    return f"{wh / 1000:.3f} kWh"


@then("the community is paid its dividend of what was really made")
def _(trial: Trial) -> None:
    """The half-hour whose dividend is farthest from what the meter gives it."""
    asked = _community(trial.plan).company
    if asked is None:
        raise FeatureError(f"“{trial.step_text}”", "there is no company", "a Given")
    made, off, u, why = _made(trial, asked.role), {}, 0.0, ""
    rows = [["half-hour", "made, by the meter", "stated", "due", "paid"]]
    for period, said in _said(trial, COMPANY, PAYS).items():
        part = next((one for one in made if str(one) == period), None)
        if part is None:
            why = "its meter has a gap, or may not judge"
            continue
        counted = asked.like * max(whole_wh(-made[part].value), 0)
        due, more = (
            dividend_p(wh, Price(asked.price), asked.costs_p, asked.dividend_percent)
            for wh in (counted, counted + round(asked.like * made[part].u))
        )
        paid = int(str(said["pence"]))
        if not due:
            why = "no dividend was due: it made no profit"
            continue
        off[period] = 100 * abs(paid - due) / due
        u = max(u, 100 * (more - due) / due)
        rows.append([period, _kwh(counted), _kwh(int(str(said["made"]))), pounds(due),
                     pounds(paid)])  # fmt: skip
    measured, when_ = _worst(off, u, why)
    note_table(trial.node, "The dividend", rows)
    trial.judge(ASSET, measured, trial.rule(ASSET, "dividend otherwise"),
                channels=trial.channels(asked.role),
                reason=f"in {when_}" if when_ else "")  # fmt: skip
