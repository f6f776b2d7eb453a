"""A month of Sustain or Secure: scheduled or called, submitted by zone, paid."""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_bdd import given, parsers, then, when

from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
from harness.core.calendar import (
    PERIOD_S,
    PeriodOnBench,
    SettlementPeriod,
    periods_on_bench,
)
from harness.core.errors import FeatureError
from harness.reporting.record import note_table
from harness.settlement.money import pounds
from harness.settlement.monthly import (
    Performance,
    Place,
    completeness,
    performance,
    submitted,
)
from harness.settlement.payments import CURVES, curve_named
from harness.steps.half_hours import half_hours_s, halves_kept, period_kept_s
from harness.steps.instructions import on_days
from harness.steps.prices import agreed
from harness.steps.trial import Trial
from harness.steps.words import (
    DAY_S,
    HOME,
    UNSAID,
    asset_name,
    power_w,
    role_of,
    table_rows,
)
from harness.trial.meter_tests import PROFILE
from harness.trial.plan import Plan
from harness.trial.planned import Instruction, MonthPlan, Move, ReadBack
from harness.trial.view import meter_facts, meter_quality, starts_at

REGISTERED_S = 120.0
"""How long after a month's end its meters are read: clocks differ. [s]"""


def _month(plan: Plan) -> MonthPlan:
    return plan.month or MonthPlan()


@given("homes like it are located at")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """Constraint Management Zone, HV substation (“–”: unknown), how many homes."""
    places = []
    columns = ("zone", "HV substation", "homes")
    for row in table_rows(datatable, columns, "the homes' places"):
        number = row["homes"].strip().replace(",", "")
        if not number.isdigit() or int(number) < 1:
            raise FeatureError(f"“{row['homes']}” homes", "are none", "120")
        substation = row["HV substation"].strip()
        known = "" if substation == UNSAID else substation
        places.append(Place(int(number), row["zone"].strip(), known))
    plan.month = replace(_month(plan), places=tuple(places))


@given(parsers.parse("the deemed baseline of the {asset} is {power}"))
def _(plan: Plan, asset: str, power: str) -> None:
    """What it is agreed to draw when nothing is asked of it."""
    known = _month(plan)
    deemed = {**known.deemed_w, role_of(asset): power_w(power)}
    plan.month = replace(known, deemed_w=deemed)


@given(parsers.parse("the DSO pays {price} for a month, by the {curve} curve"))
def _(plan: Plan, price: str, curve: str) -> None:
    """The price of what is delivered, and the curve that reconciles what is not."""
    if curve not in CURVES:
        raise FeatureError(f"“{curve}”", "is no payment curve", ", ".join(CURVES))
    plan.month = replace(_month(plan), price=agreed(price), curve=curve)


@when(
    parsers.parse(
        "the DSO has the {asset} draw {level} from {start} to {end} on each of "
        "{days:d} days"
    )
)
def _(plan: Plan, asset: str, level: str, start: str, end: str, days: int) -> None:
    """The same window day after day, scheduled or called a day ahead."""
    if not 1 <= days <= 31:
        raise FeatureError(f"“{days} days”", "are no month", "1 to 31 days")
    role = role_of(asset)
    plan.need(role)
    span = half_hours_s(start, end, example="from 17:00 to 19:00")
    window = Instruction("DSO", role, Move.DOWN, power_w(level), *span)
    plan.instructions += on_days(window, range(days))


@when(parsers.parse("the {meter} is asked for its half-hours at the month's end"))
def _(plan: Plan, meter: str) -> None:
    """Its load profile, read when the last day is over."""
    if not plan.instructions:
        hint = "a When with what the DSO has the device draw, above"
        raise FeatureError("the month's end", "there is no month yet", hint)
    first = min(one.from_clock_s for one in plan.instructions) // DAY_S
    last = max(one.until_clock_s for one in plan.instructions)
    ends = math.ceil(last / DAY_S)
    days = float(ends - first + 1)
    at_s = ends * DAY_S + REGISTERED_S
    plan.readbacks.append(ReadBack(role_of(meter), at_s, days))


def _parts(trial: Trial) -> list[PeriodOnBench]:
    """The settlement periods of the month: from the first day's window on."""
    plan = trial.plan
    if not plan.instructions or not plan.readbacks:
        return []
    first = plan.bench_s(min(one.from_clock_s for one in plan.instructions))
    last = plan.bench_s(plan.readbacks[0].at_clock_s - REGISTERED_S)
    parts = periods_on_bench(starts_at(trial.recording), from_s=first, until_s=last)
    return [part for part in parts if part.whole]


def _found(trial: Trial, meter: str) -> dict[SettlementPeriod, int] | None:
    """The month's half-hours as a meter kept them, or None if it was not read."""
    return halves_kept(trial, role_of(meter), _parts(trial))


def _channels(meter: str) -> tuple[str, ...]:
    return (f"{role_of(meter)}.{PROFILE[0]}",)


@then(parsers.parse("the {meter}'s month is complete"))
def _(trial: Trial, meter: str) -> None:
    """Share of the month's half-hours that the meter gave back."""
    found = _found(trial, meter)
    rule = trial.named_rule("crowdflex/monthly/completeness")
    measured = (
        Estimate(math.nan, "%", why="its half-hours were not read")
        if found is None
        else Estimate(completeness(found, _parts(trial)), "%")
    )
    trial.judge(role_of(meter), measured, rule, channels=_channels(meter))


@then(parsers.parse("the {meter}'s month is half-hourly or finer"))
def _(trial: Trial, meter: str) -> None:
    """How long the meter says its periods are."""
    role = role_of(meter)
    period_s = period_kept_s(trial, role)
    why = "its half-hours were not read" if math.isnan(period_s) else ""
    rule = trial.named_rule("crowdflex/monthly/resolution")
    measured = Estimate(period_s, "s", why=why)
    trial.judge(role, measured, rule, channels=_channels(meter))


@then("every home is located down to its HV substation")
def _(trial: Trial) -> None:
    """Homes of whom nobody declared which substation feeds them."""
    places = _month(trial.plan).places
    lost = [one for one in places if not one.substation]
    rule = trial.named_rule("crowdflex/monthly/not-located")
    count = Estimate(float(sum(one.homes for one in lost)), "homes")
    measured = count if places else Estimate(math.nan, "homes", why="no homes")
    said = ", ".join(f"{one.homes} in {one.zone}" for one in lost)
    trial.judge(HOME, measured, rule, witness=Witness.LOG, reason=said)


@then(parsers.parse("the {meter}'s month is submitted zone by zone"))
def _(trial: Trial, meter: str) -> None:
    """Energy of all homes less what the zones' sums hold; each home in one zone."""
    found, places = _found(trial, meter), _month(trial.plan).places
    rule = trial.named_rule("crowdflex/monthly/zones-otherwise")
    if not found or not places:
        why = "its half-hours were not read" if places else "no home is located"
        measured = Estimate(math.nan, "Wh", why=why)
        trial.judge(role_of(meter), measured, rule, channels=_channels(meter))
        return
    rows, left_out = submitted(found, places)
    homes = sum(one.homes for one in places)
    rest_wh = homes * sum(found.values()) - sum(row.energy_wh for row in rows)
    said = ", ".join(f"{one.homes} homes in {one.zone}" for one in left_out)
    trial.judge(
        role_of(meter), Estimate(float(rest_wh), "Wh"), rule,
        channels=_channels(meter), reason=f"under no zone: {said}" if said else "",
    )  # fmt: skip
    table = [("zone", "homes", "half-hours", "energy")]
    table += [
        (row.zone, f"{row.homes:,}", f"{row.half_hours:,}",
         f"{row.energy_wh / 1e6:,.3f} MWh")
        for row in rows
    ]  # fmt: skip
    note_table(trial.node, "What is submitted for the month", table)


def _performance(
    trial: Trial, asset: str, meter: str
) -> tuple[Performance | None, str]:
    """A home's month by one meter, or why there is none."""
    month, role = _month(trial.plan), role_of(asset)
    found, parts = _found(trial, meter), _parts(trial)
    deemed_w = month.deemed_w.get(role)
    if deemed_w is None or month.price is None:
        hint = "Givens with the deemed baseline, and with what the DSO pays"
        raise FeatureError(f"“{trial.step_text}”", "it cannot be settled", hint)
    if found is None or not parts:
        return None, "its half-hours were not read"
    if why := _never_drew(trial, role, deemed_w, found, parts):
        return None, why
    facts = meter_facts(trial.recording)[role_of(meter)]
    windows = [part.period for part in parts if _asked(trial, part)]
    found_here = performance(
        found,
        windows,
        deemed_w=deemed_w,
        level_w=_level_w(trial, role, deemed_w),
        price=month.price,
        curve=curve_named(
            month.curve, trial.session.rulebook, trial.session.assignment.on
        ),
        relative_u=meter_quality(facts).relative_u,
    )
    return found_here, ""


def _asked(trial: Trial, part: PeriodOnBench) -> bool:
    return any(
        trial.plan.bench_s(one.from_clock_s) <= part.from_s + 1e-6
        and part.until_s <= trial.plan.bench_s(one.until_clock_s) + 1e-6
        for one in trial.plan.instructions
    )


def _level_w(trial: Trial, role: str, deemed_w: float) -> float:
    """What the home, or the device, was to draw at most. [W]"""
    one = trial.plan.instructions[0]
    if role != HOME:
        return one.level_w
    for held in trial.plan.preparations:
        if held.role == one.role:
            return deemed_w - (held.level_w - one.level_w)
    hint = f"a Given: the {asset_name(one.role)} is held at 2.0 kW"
    fact = "nobody knows what the home's device draws usually"
    raise FeatureError(f"“{trial.step_text}”", fact, hint)


def _never_drew(
    trial: Trial,
    role: str,
    deemed_w: float,
    found: dict[SettlementPeriod, int],
    parts: list[PeriodOnBench],
) -> str:
    """Why a deemed baseline would pay for nothing: the device never drew as much.

    Looked at is the half-hour before each window, in which nothing was asked.
    """
    begins = {
        round(trial.plan.bench_s(one.from_clock_s)) for one in trial.plan.instructions
    }
    before = [
        found[part.period]
        for part in parts
        if round(part.until_s) in begins and part.period in found
    ]
    if not before:
        return "" if len(begins) < 2 else "no half-hour before a window was read"
    mean_w = sum(before) / len(before) * 3600 / PERIOD_S
    rule = trial.named_rule("agreement/baseline-miss")
    miss = 100 * (deemed_w - mean_w) / max(mean_w, 1.0)
    if miss <= (rule.at_most or 0.0):
        return ""
    return (
        f"it drew {mean_w:.0f} W on average before the windows, and is deemed to draw "
        f"{deemed_w:.0f} W: it would be paid for doing nothing"
    )


@then(parsers.parse("the {asset} delivers its month, by the {meter}"))
def _(trial: Trial, asset: str, meter: str) -> None:
    """What it gave up of its deemed baseline, of what was asked, all windows."""
    role = role_of(asset)
    found, why = _performance(trial, asset, meter)
    rule = trial.rule(role, "delivered share")
    measured = Estimate(math.nan, "%", why=why) if found is None else found.delivered
    missing = 0 if found is None else found.missing
    reason = f"{missing} half-hours of windows are missing" if missing else ""
    trial.judge(role, measured, rule, channels=_channels(meter), reason=reason)


@then(parsers.parse("the DSO pays the {asset} for its month, by the {meter}"))
def _(trial: Trial, asset: str, meter: str) -> None:
    """What is paid by the curve, half-hour by half-hour, of what all would earn."""
    role = role_of(asset)
    found, why = _performance(trial, asset, meter)
    rule = trial.rule(role, "payment")
    if found is None:
        measured = Estimate(math.nan, "%", why=why)
        trial.judge(role, measured, rule, channels=_channels(meter))
        return
    measured = (
        Estimate(100 * found.payment_p / found.full_p, "%")
        if found.full_p
        else Estimate(math.nan, "%", why="it is paid nothing for all of it")
    )
    homes = sum(one.homes for one in _month(trial.plan).places if one.substation)
    trial.judge(
        role, measured, rule, channels=_channels(meter),
        details={"paid_p": found.payment_p, "full_p": found.full_p, "homes": homes},
    )  # fmt: skip
    rows = [
        ("", "one home", f"{homes:,} homes"),
        ("asked for", _kwh(found.asked_wh), _kwh(homes * found.asked_wh)),
        ("delivered", _kwh(found.delivered_wh), _kwh(homes * found.delivered_wh)),
        ("paid", pounds(found.payment_p), pounds(homes * found.payment_p)),
        ("at most", pounds(found.full_p), pounds(homes * found.full_p)),
    ]
    note_table(trial.node, f"The month, by the {meter}", rows)


def _kwh(energy_wh: int) -> str:
    return f"{energy_wh / 1e3:,.1f} kWh"
