"""A secondary BM unit: registered or not, accepted, followed, settled."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Contribution, Estimate, unless
from harness.checks.judge import Witness
from harness.core.calendar import PERIOD_S
from harness.core.errors import FeatureError, UsageError
from harness.core.quantities import parse_quantity
from harness.market.bm_unit import (
    GROUPS,
    NOT_HH,
    REASONS,
    TOO_SMALL,
    Acceptance,
    BmSite,
    BmUnit,
    Dynamics,
    unregistered,
)
from harness.reporting.record import note_table
from harness.settlement.acceptance import (
    Band,
    BandVolume,
    NonDelivery,
    Profile,
    accepted_volumes,
    non_delivery,
)
from harness.settlement.money import Price, pounds, whole_wh
from harness.steps.half_hours import halves_seen
from harness.steps.prices import price
from harness.steps.trial import Trial
from harness.steps.words import clock_s, duration_s, power_w, role_of, table_rows
from harness.trial.bm_desk import LEAD_PARTY, REFUSES, TAKES
from harness.trial.plan import Plan
from harness.trial.view import MeterView, log_of, starts_at

UNIT = "unit"
MINUTE_S = 60.0
MAY = {"yes": True, "no": False, "–": False}
PARAMETERS = ("NDZ", "MZT", "MNZT", "MEL", "MIL", "run-up", "run-down")


@given(
    parsers.parse(
        'the secondary BM unit "{name}" of {homes:d} homes whose {asset} gives {power}'
    )
)
def _(
    plan: Plan, name: str, homes: int, asset: str, power: str,
    datatable: list[list[str]],
) -> None:  # fmt: skip
    """What kinds of sites are in it: their GSP group, and how they are settled."""
    where, role = f"BM unit {name!r}", role_of(asset)
    plan.need(role)
    columns = ("GSP group", "half-hourly settled", "derogation")
    sites = []
    for row in table_rows(datatable, columns, where):
        half_hourly, derogated = (row[one].strip() for one in columns[1:])
        if {half_hourly, derogated} - MAY.keys():
            raise FeatureError(where, "a site says neither yes nor no", "yes, no")
        group = row["GSP group"].strip()
        sites.append(BmSite(group, MAY[half_hourly], MAY[derogated]))
    try:
        plan.bm_unit = BmUnit(name, homes, role, power_w(power), tuple(sites))
    except ValueError as error:
        raise FeatureError(where, str(error), "300 homes, 4.5 kW, sites") from error


def unit_of(plan: Plan, text: str) -> BmUnit:
    """Return the BM unit of a plan.

    Raises
    ------
    FeatureError
        If there is none.
    """
    if plan.bm_unit is None:
        hint = 'Given the secondary BM unit "…" of … homes whose … gives …'
        raise FeatureError(f"“{text}”", "there is no BM unit", hint)
    return plan.bm_unit


@given("its dynamic parameters are")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """What it can do, as it declared it: export positive."""
    where, unit = "the dynamic parameters", unit_of(plan, "its dynamic parameters")
    rows = table_rows(datatable, PARAMETERS, where)
    if len(rows) != 1:
        raise FeatureError(where, f"{len(rows)} rows", "one row")
    row = rows[0]
    try:
        dynamics = Dynamics(
            duration_s(row["NDZ"]), duration_s(row["MZT"]), duration_s(row["MNZT"]),
            power_w(row["MEL"]), power_w(row["MIL"]), _rate(row["run-up"]),
            _rate(row["run-down"]),
        )  # fmt: skip
    except ValueError as error:
        raise FeatureError(where, str(error), ", ".join(PARAMETERS)) from error
    plan.bm_unit = replace(unit, dynamics=dynamics)


def _rate(text: str) -> float:
    try:
        quantity = parse_quantity(text)
    except ValueError as error:
        raise FeatureError(f"“{text}”", str(error), "600 kW/min") from error
    if quantity.unit != "W/s":
        raise FeatureError(f"“{text}”", "is no rate", "600 kW/min")
    return quantity.value


@given(parsers.parse("it notified {level} and bids at a system price of {system}"))
def _(plan: Plan, level: str, system: str, datatable: list[list[str]]) -> None:
    """Its physical notification, its ladder of bids and offers, the system price."""
    where, unit = "the bid-offer ladder", unit_of(plan, "it notified")
    bands = []
    for row in table_rows(datatable, ("band", "width", "price"), where):
        number = row["band"].strip().replace("−", "-")
        if not number.lstrip("-").isdigit() or int(number) == 0:
            raise FeatureError(where, f"{number!r} is no band", "1, or −1")
        bands.append((int(number), power_w(row["width"]), price(row["price"]).steps))
    plan.bm_unit = replace(
        unit, notified_w=power_w(level), bands=tuple(bands),
        system_price=price(system).steps,
    )  # fmt: skip


@when(parsers.parse("the ESO accepts at {at}"))
def _(plan: Plan, at: str, datatable: list[list[str]]) -> None:
    """A profile of the whole unit, straight between its points; export positive."""
    where, unit = f"the acceptance at {at}", unit_of(plan, "the ESO accepts")
    if unit.dynamics is None:
        raise FeatureError(where, "nobody said what the unit can do",
                           "Given its dynamic parameters are")  # fmt: skip
    rows = table_rows(datatable, ("from", "level"), where)
    points = tuple((clock_s(row["from"]), power_w(row["level"])) for row in rows)
    try:
        given_ = Acceptance(clock_s(at), points)
    except ValueError as error:
        raise FeatureError(where, str(error), "points in order of time") from error
    plan.bm_unit = replace(unit, acceptances=(*unit.acceptances, given_))


@then(parsers.parse("the unit may be registered"))
def _(trial: Trial) -> None:
    """One GSP group, settled half-hourly or derogated, and large enough."""
    _registered(trial, "")


@then(parsers.parse("the unit may not be registered, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether it is refused, and for that reason."""
    known = (GROUPS, NOT_HH, TOO_SMALL)
    if why not in known:
        raise FeatureError(f"“{why}”", "is no reason", "; ".join(known))
    _registered(trial, why)


def _registered(trial: Trial, wanted: str) -> None:
    unit = unit_of(trial.plan, trial.step_text)
    least = trial.named_rule("bm/least-unit").at_least or 0.0
    found = unregistered(unit, least_w=least)
    said = found or "nothing is against it"
    measured = Estimate(float(found != wanted), "units")
    trial.judge(
        UNIT, measured, trial.rule(UNIT, "registered otherwise"), witness=Witness.LOG,
        reason="" if found == wanted else said,
    )  # fmt: skip


@then(parsers.parse("the acceptance at {at} is refused, because {why}"))
def _(trial: Trial, at: str, why: str) -> None:
    """Whether the unit could not follow it, for that reason and for no other."""
    if why not in REASONS:
        raise FeatureError(f"“{why}”", "is no reason", "; ".join(REASONS))
    unit, rule = (
        unit_of(trial.plan, trial.step_text),
        trial.rule(UNIT, "refused otherwise"),
    )
    points = next(
        (one.points for one in unit.acceptances if one.given_clock_s == clock_s(at)),
        None,
    )
    said = [
        [str(reason) for reason in entry.detail["reasons"]]  # type: ignore[attr-defined]
        for entry in log_of(trial.recording, LEAD_PARTY, REFUSES)
        if points is not None and _same(entry.detail["points"], points)
    ]
    right = said == [[why]]
    reason = "" if right else f"refused: {said[0] if said else 'it was not'}"
    measured = Estimate(float(not right), "acceptances", why=reason)
    trial.judge(UNIT, measured, rule, witness=Witness.LOG, reason=reason)


def _same(said: object, points: tuple[tuple[float, float], ...]) -> bool:
    assert isinstance(said, list | tuple)  # noqa: S101 - the desk writes it
    return [tuple(map(float, one)) for one in said] == [tuple(one) for one in points]


def _taken(trial: Trial) -> list[Acceptance]:
    """Return the acceptances that the log says were taken."""
    found = []
    for entry in log_of(trial.recording, LEAD_PARTY, TAKES):
        points = entry.detail["points"]
        assert isinstance(points, list | tuple)  # noqa: S101 - the desk writes it
        found.append(
            Acceptance(
                float(str(entry.detail["given"])),
                tuple((float(at), float(level)) for at, level in points),
            )
        )
    return found


def _seen(trial: Trial) -> tuple[MeterView | None, list[Acceptance], str]:
    unit = unit_of(trial.plan, trial.step_text)
    taken = _taken(trial)
    if not taken:
        return None, taken, "it took no acceptance"
    view, why = trial.seen(unit.role, trial.plan.bench_s(taken[0].points[0][0]))
    return view, taken, why


def _judge(trial: Trial, quantity: str, measured: Estimate, why: str) -> None:
    unit, rule = unit_of(trial.plan, trial.step_text), trial.rule(UNIT, quantity)
    shown = unless(why, measured, rule.unit)
    trial.judge(UNIT, shown, rule, channels=trial.channels(unit.role))


@then("the unit follows its acceptances")
def _(trial: Trial) -> None:
    """The minute in which the meter is farthest from the profile, of its largest."""
    unit = unit_of(trial.plan, trial.step_text)
    view, taken, why = _seen(trial)
    worst = Estimate(0.0, "%")
    if view is not None and not why:
        for one in taken:
            most_w = max(abs(level - unit.notified_w) for _at, level in one.points)
            begin_s, end_s = (trial.plan.bench_s(p[0]) for p in
                              (one.points[0], one.points[-1]))  # fmt: skip
            for at in np.arange(begin_s, end_s - MINUTE_S + 1e-6, MINUTE_S).tolist():
                found = _off(trial, view, unit, one, at)
                if math.isnan(found.value) or found.unseen is not None:
                    why = found.why or "its meter has gaps"
                    continue
                share = 100 / most_w
                u = share * found.u
                line = Contribution("meter", u, "B", view.quality.source)
                if share * abs(found.value) >= worst.value:
                    worst = Estimate(share * abs(found.value), "%", (line,))
        begins, ends = taken[0].points[0][0], taken[-1].points[-1][0]
        span_s = (trial.plan.bench_s(begins) - 60, trial.plan.bench_s(ends) + 120)
        title = f"One home of {unit.name} on its acceptance"
        trial.draw(unit.role, view, title, span_s=span_s)
    _judge(trial, "off its profile", worst, why)


def _off(
    trial: Trial, view: MeterView, unit: BmUnit, one: Acceptance, at_s: float
) -> Estimate:
    """How far the unit's mean is from its profile's over a minute. [W]"""
    seen = mean_power(view.time_s, view.power_w, from_s=at_s, until_s=at_s + MINUTE_S,
                      meter=view.quality)  # fmt: skip
    clock = at_s + trial.plan.start_clock_s
    wanted = float(np.mean([one.level_w(clock + s) for s in np.arange(0.5, 60.0)]))
    lines = tuple(replace(line, u=line.u * unit.homes) for line in seen.budget)
    return replace(seen, value=-seen.value * unit.homes - wanted, budget=lines)


def _settled(
    trial: Trial,
) -> tuple[list[tuple[str, int, tuple[BandVolume, ...], NonDelivery]], str]:
    """Return every half-hour: metered, accepted volumes, what was not delivered."""
    unit = unit_of(trial.plan, trial.step_text)
    view, taken, why = _seen(trial)
    if view is None or why:
        return [], why
    notified = Profile((0.0, trial.plan.duration_s), (unit.notified_w,) * 2)
    profiles = [
        Profile(tuple(trial.plan.bench_s(at) for at, _level in one.points),
                tuple(level for _at, level in one.points))
        for one in taken
    ]  # fmt: skip
    bands = [Band(number, width, Price(steps)) for number, width, steps in unit.bands]
    found, zero = [], starts_at(trial.recording)
    for half in halves_seen(trial, view):
        begins_s = (half.period.start - zero).total_seconds()
        touched = any(p.time_s[0] < begins_s + PERIOD_S and p.time_s[-1] > begins_s
                      for p in profiles)  # fmt: skip
        if not touched:
            continue
        if not half.settled or half.mark:
            return [], half.energy.why or half.mark
        try:
            accepted = accepted_volumes(notified, profiles, bands, from_s=begins_s,
                                        until_s=begins_s + PERIOD_S)  # fmt: skip
        except UsageError as error:
            raise FeatureError(error.where, error.fact, error.hint) from error
        metered = -whole_wh(half.energy.value * unit.homes)
        missed = non_delivery(
            accepted, notified_wh=whole_wh(unit.notified_w * PERIOD_S / 3600),
            metered_wh=metered, system=Price(unit.system_price),
        )  # fmt: skip
        found.append((str(half.period), metered, accepted, missed))
    return found, "" if found else "no whole half-hour was accepted"


@then("the accepted volume is delivered")
def _(trial: Trial) -> None:
    """What was not delivered of all accepted volumes; the cash of each is shown."""
    found, why = _settled(trial)
    accepted = sum(abs(one.energy_wh) for _p, _m, bands, _n in found for one in bands)
    missed = sum(one.energy_wh for *_rest, one in found)
    rows = [["half-hour", "metered", "accepted", "paid", "not delivered", "charged"]]
    for period, metered, bands, lacking in found:
        rows.append([
            period, f"{metered / 1e6:+.4f} MWh",
            f"{sum(one.energy_wh for one in bands) / 1e6:+.4f} MWh",
            pounds(sum(one.cash_p for one in bands)),
            f"{lacking.energy_wh / 1e6:.4f} MWh", pounds(lacking.charge_p),
        ])  # fmt: skip
    note_table(trial.node, "What was accepted, metered and paid", rows)
    why = why or ("" if accepted else "nothing was accepted")
    unit = unit_of(trial.plan, trial.step_text)
    view = trial.view(unit.role)
    measured = Estimate(math.nan, "%")
    if not why and view is not None:
        u = 100 * view.quality.relative_u
        line = Contribution("meter", u, "B", view.quality.source)
        measured = Estimate(100 * missed / accepted, "%", (line,))
    _judge(trial, "not delivered", measured, why)
