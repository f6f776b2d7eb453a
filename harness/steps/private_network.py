"""Difference metering: who is behind the boundary, and what enters Settlement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from pytest_bdd import given, parsers, then, when

from harness.analysis.agreement import register_energy
from harness.analysis.estimate import Estimate
from harness.analysis.quality import difference, total
from harness.checks.judge import Witness
from harness.core.calendar import PeriodOnBench, periods_on_bench
from harness.core.errors import FeatureError
from harness.core.quantities import parse_quantity
from harness.market.private_network import PPM, Customer, PrivateNetwork
from harness.reporting.record import note_table
from harness.settlement.difference import scaled_up
from harness.settlement.money import whole_wh
from harness.steps.trial import Trial
from harness.steps.words import clock_s, power_w, role_of, table_rows
from harness.trial.collector import COLLECTOR, ENTERS, MARKED, WAITS_S
from harness.trial.plan import Plan
from harness.trial.planned import Preparation, Watch
from harness.trial.view import MeterView, log_of, starts_at

COLUMNS = ("customer", "supplier", "MPAN", "on the bench", "draws")
STEP_WH = 1.0
"""One step of the registers that are compared. [Wh]"""
OWNER = "network owner"
MISSING, NEGATIVE = "a reading is missing", "the network owner's share is negative"
MARKS = (MISSING, NEGATIVE)
"""What the data collector marks, as its marks begin."""


@given(parsers.parse('the private network "{name}" behind the boundary meter'))
def _(plan: Plan, name: str, datatable: list[list[str]]) -> None:
    """Who is on it, who supplies them, and what each draws (negative: feeds in)."""
    where, customers = f"private network {name!r}", []
    if (
        plan.private_network is not None
    ):  # a scenario's own in place of the background's
        before = {one.role for one in plan.private_network.customers}
        plan.preparations = [one for one in plan.preparations if one.role not in before]
    for row in table_rows(datatable, COLUMNS, where):
        role = role_of(row["on the bench"])
        plan.need(role)
        plan.preparations.append(Preparation(role, power_w(row["draws"])))
        customers.append(_customer(row, role, where))
    plan.private_network = _checked(where, name, customers)


def _customer(row: dict[str, str], role: str, where: str) -> Customer:
    try:
        return Customer(
            row["customer"].strip(), row["supplier"].strip(), row["MPAN"].strip(), role
        )
    except ValueError as error:
        raise FeatureError(
            where, str(error), "the 13 digits of an MPAN core"
        ) from error


def _checked(where: str, name: str, customers: Sequence[Customer]) -> PrivateNetwork:
    try:
        return PrivateNetwork(name, tuple(customers))
    except ValueError as error:
        hint = "customers with names, MPANs and devices of their own"
        raise FeatureError(where, str(error), hint) from error


def network_of(plan: Plan, text: str) -> PrivateNetwork:
    """Return the private network of a plan.

    Raises
    ------
    FeatureError
        If there is none.
    """
    if plan.private_network is None:
        hint = "a Given with the private network"
        raise FeatureError(f"“{text}”", "there is no private network", hint)
    return plan.private_network


def customer_of(plan: Plan, name: str) -> Customer:
    """Return a customer of the private network.

    Raises
    ------
    FeatureError
        Naming those that there are.
    """
    network = network_of(plan, name)
    found = network.customer(name)
    if found is None:
        known = ", ".join(one.name for one in network.customers)
        raise FeatureError(f"customer {name!r}", "is not there", f"one of: {known}")
    return found


@given(parsers.parse("third parties' readings are scaled up by {percent} for losses"))
def _(plan: Plan, percent: str) -> None:
    """Losses on the private network are borne by those whose readings are scaled."""
    network = network_of(plan, percent)
    try:
        plan.private_network = replace(network, scaled_ppm=ppm_of(percent))
    except ValueError as error:
        raise FeatureError(f"“{percent}”", str(error), "2 %") from error


@given("the losses stay with the network owner")
def _(plan: Plan) -> None:
    """Third parties' readings are not adjusted: the owner's supplier bears all."""
    network = network_of(plan, "the losses stay")
    plan.private_network = replace(network, scaled_ppm=None)


def ppm_of(percent: str) -> int:
    """Read ``2 %`` as 20,000 millionths, exactly."""
    try:
        quantity = parse_quantity(percent)
    except ValueError as error:
        raise FeatureError(f"“{percent}”", str(error), "2 %") from error
    exact = Fraction(str(quantity.value)) * PPM / 100
    if quantity.unit != "%" or exact.denominator != 1:
        raise FeatureError(f"“{percent}”", "is no share with four decimals", "2 %")
    return int(exact)


@given(parsers.parse("the data collector's site information leaves out the {name:w}"))
def _(plan: Plan, name: str) -> None:
    """A third party whom nobody told the data collector to deduct."""
    if not customer_of(plan, name).is_third_party:
        hint = "a customer with a supplier of their own"
        raise FeatureError(f"customer {name!r}", "is not deducted anyway", hint)
    plan.left_out.append(name)


@when(parsers.parse("the half-hours from {start} to {end} are settled"))
def _(plan: Plan, start: str, end: str) -> None:
    """The bench is watched for them, and until the data collector has settled them."""
    from_s, until_s = clock_s(start), clock_s(end)
    if from_s % 1800 or until_s % 1800 or until_s <= from_s:
        fact = "half-hours begin and end at :00 and :30"
        raise FeatureError(f"“from {start} to {end}”", fact, "from 16:00 to 17:00")
    plan.watches.append(Watch(from_s, until_s + 2 * WAITS_S))


@then("what enters Settlement adds up to the boundary reading")
def _(trial: Trial) -> None:
    """The worst half-hour: all advances less what the boundary's registers counted."""
    boundary, channel = trial.view("home"), "boundary.energy_import_wh"
    off = {}
    for part in _parts(trial):
        advances = _advances(trial, part)
        counted = _counted_wh(trial, boundary, part)
        if advances and counted is not None:
            off[part] = abs(sum(advances.values()) - counted)
    measured = _worst(off, "Wh")
    if why := _trouble(trial):
        measured = Estimate(math.nan, "Wh", why=why)
    if boundary is not None:
        channel = f"{boundary.meter}.energy_import_wh"
    trial.judge("network", measured, trial.rule("network", "unaccounted energy"),
                channels=(channel,), reason=_worst_when(off))  # fmt: skip
    _show(trial)


@then(parsers.parse("the {name:w} enters Settlement with its meter's reading"))
def _(trial: Trial, name: str) -> None:
    """As its meter counted, whoever bears the losses."""
    _judge_advance(trial, customer_of(trial.plan, name), None)


@then(
    parsers.parse(
        "the {name:w} enters Settlement with its meter's reading scaled up by {percent}"
    )
)
def _(trial: Trial, name: str, percent: str) -> None:
    """As its meter counted, scaled up to the boundary."""
    _judge_advance(trial, customer_of(trial.plan, name), ppm_of(percent))


def _judge_advance(trial: Trial, one: Customer, ppm: int | None) -> None:
    view, off = trial.view(one.role), {}
    for part in _parts(trial):
        entered = _advances(trial, part).get(one.msid)
        counted = _counted_wh(trial, view, part)
        if entered is not None and counted is not None:
            off[part] = abs(entered - scaled_up(counted, ppm))
    measured = _worst(off, "Wh")
    if why := _trouble(trial):
        measured = Estimate(math.nan, "Wh", why=why)
    meter = one.role if view is None else view.meter
    trial.judge(
        one.name, measured, trial.rule(one.name, "advance"),
        channels=(f"{meter}.energy_import_wh",), reason=_worst_when(off),
    )  # fmt: skip


@then(parsers.parse("the network's wires lose what was declared, {percent}"))
def _(trial: Trial, percent: str) -> None:
    """The boundary less all meters behind it, as a share of them, less what is said."""
    declared, network = ppm_of(percent) / PPM * 100, _network(trial)
    views = [trial.view("home"), *(trial.view(one.role) for one in network.customers)]
    energies = [_energy(trial, view, _whole_span(trial)) for view in views]
    known = [one for one in energies if math.isfinite(one.value)]
    if len(known) < len(energies):
        why = next(one.why for one in energies if not math.isfinite(one.value))
        measured = Estimate(math.nan, "%", why=why)
    else:
        measured = _losses(energies[0], energies[1:], declared)
    if why := _trouble(trial):
        measured = Estimate(math.nan, "%", why=why)
    channels = tuple(f"{view.meter}.energy_import_wh" for view in views if view)
    trial.judge("network", measured, trial.rule("network", "losses beyond declared"),
                channels=channels)  # fmt: skip


def _losses(
    boundary: Estimate, behind: Sequence[Estimate], declared: float
) -> Estimate:
    """Losses as a share of what the meters behind the boundary let through. [%]

    Whatever its direction: what one feeds in and another draws passes wires as well,
    but never the boundary; the sizes of all of it are what the losses are a share of.
    """
    passed_wh = sum(abs(one.value) for one in behind)
    if passed_wh < 1:
        return Estimate(math.nan, "%", why="nothing flowed behind the boundary")
    lost = difference(boundary, total(behind, shared=False))
    share = 100 / passed_wh
    budget = tuple(replace(line, u=line.u * share) for line in lost.budget)
    return Estimate(lost.value * share - declared, "%", budget)


@then(parsers.parse("the half-hour from {start} is marked, because {why}"))
def _(trial: Trial, start: str, why: str) -> None:
    """Whether just that was marked; with a reading missing, nothing may be settled."""
    if why not in MARKS:
        raise FeatureError(f"“{why}”", "is no mark", "; ".join(MARKS))
    at_s = trial.plan.bench_s(clock_s(start))
    part = next((p for p in _parts(trial) if abs(p.from_s - at_s) < 1), None)
    if part is None:
        hint = "a half-hour that the trial watches"
        raise FeatureError(f"“{start}”", "no whole half-hour begins then", hint)
    marks = log_of(trial.recording, COLLECTOR, MARKED, period=str(part.period))
    said = [str(one.detail["why"]) for one in marks]
    right = bool(said) and all(one.startswith(why) for one in said)
    right = right and bool(_advances(trial, part)) is (why == NEGATIVE)
    reason = "" if right else f"marked: {'; '.join(said) or 'nothing'}"
    measured = Estimate(float(not right), "half-hours", why=reason)
    trial.judge("network", measured, trial.named_rule("d380/settled-otherwise"),
                witness=Witness.LOG, reason=reason)  # fmt: skip


@then("every other half-hour is settled")
def _(trial: Trial) -> None:
    """How many whole half-hours neither entered Settlement nor were marked."""
    lost = [
        str(part.period)
        for part in _parts(trial)
        if not _advances(trial, part)
        and not log_of(trial.recording, COLLECTOR, MARKED, period=str(part.period))
    ]
    settled = [part for part in _parts(trial) if _advances(trial, part)]
    why = f"neither settled nor marked: {', '.join(lost)}" if lost else ""
    measured = Estimate(float(len(lost)), "half-hours", why=why)
    if not settled:
        measured = Estimate(math.nan, "half-hours", why="none was settled at all")
    trial.judge("network", measured, trial.named_rule("d380/settled-otherwise"),
                witness=Witness.LOG, reason=why)  # fmt: skip


def _network(trial: Trial) -> PrivateNetwork:
    return network_of(trial.plan, trial.step_text)


def _parts(trial: Trial) -> list[PeriodOnBench]:
    """Return the whole settlement periods that the plan asks for, in order."""
    zero: datetime = starts_at(trial.recording)
    watched = [
        (trial.plan.bench_s(one.from_clock_s), trial.plan.bench_s(one.until_clock_s))
        for one in trial.plan.watches
    ]
    parts = periods_on_bench(zero, from_s=0.0, until_s=trial.plan.duration_s)
    return [
        part
        for part in parts
        if part.whole
        and any(a <= part.from_s and part.until_s <= b for a, b in watched)
    ]


def _whole_span(trial: Trial) -> tuple[float, float]:
    parts = _parts(trial)
    return (parts[0].from_s, parts[-1].until_s) if parts else (0.0, 0.0)


def _advances(trial: Trial, part: PeriodOnBench) -> dict[str, int]:
    """Return what entered Settlement for a period, by MSID. [Wh]"""
    entries = log_of(trial.recording, COLLECTOR, ENTERS, period=str(part.period))
    return {str(e.detail["msid"]): int(str(e.detail["wh"])) for e in entries}


def _energy(
    trial: Trial, view: MeterView | None, span_s: tuple[float, float]
) -> Estimate:
    """What a meter's registers counted, import less export. [Wh]"""
    if view is None:
        return Estimate(math.nan, "Wh", why="no independent meter saw it")
    ways = []
    for quantity in ("energy_import_wh", "energy_export_wh"):
        channel = trial.recording.channel(view.meter, quantity)
        if channel is None:
            why = f"{view.meter} has no register {quantity}"
            return Estimate(math.nan, "Wh", why=why)
        ways.append(
            register_energy(
                channel.time_s, channel.values, from_s=span_s[0], until_s=span_s[1],
                resolution_wh=STEP_WH, source=view.quality.source,
                relative_u=view.quality.relative_u, max_age_s=2 * WAITS_S,
            )
        )  # fmt: skip
    return difference(*ways)


def _counted_wh(
    trial: Trial, view: MeterView | None, part: PeriodOnBench
) -> int | None:
    energy = _energy(trial, view, (part.from_s, part.until_s))
    return whole_wh(energy.value) if math.isfinite(energy.value) else None


def _worst(off: dict[PeriodOnBench, int], unit: str) -> Estimate:
    if not off:
        return Estimate(math.nan, unit, why="no half-hour was settled")
    return Estimate(float(max(off.values())), unit)


def _worst_when(off: dict[PeriodOnBench, int]) -> str:
    if not off or not max(off.values()):
        return ""
    return f"in {max(off, key=lambda part: off[part]).period}"


def _trouble(trial: Trial) -> str:
    """Why a meter of the network may not settle, or ""."""
    views = [trial.view("home")]
    views += [trial.view(one.role) for one in _network(trial).customers]
    if None in views:
        return "a customer, or the boundary, has no meter of its own"
    said = [trial.trouble(view, _whole_span(trial)[0]) for view in views if view]
    return "; ".join(filter(None, said))


def _show(trial: Trial) -> None:
    """Put the treatment of losses into the report, as an auditor asks for it."""
    network = _network(trial)
    how = (
        "not adjusted: all losses stay with the network owner"
        if network.scaled_ppm is None
        else f"scaled up by {network.scaled_ppm / 1e4:g} %"
    )
    rows = [("half-hour", "boundary Z", *(f"{one.name} Y, enters" for one in
             network.third_parties), OWNER, "sum less Z")]  # fmt: skip
    for part in _parts(trial):
        advances = _advances(trial, part)
        counted = _counted_wh(trial, trial.view("home"), part)
        cells = [str(part.period), _kwh(counted)]
        for one in network.third_parties:
            read = _counted_wh(trial, trial.view(one.role), part)
            cells.append(f"{_kwh(read)}, {_kwh(advances.get(one.msid))}")
        cells.append(_kwh(advances.get(network.name)))
        known = advances and counted is not None
        cells.append(_kwh(sum(advances.values()) - (counted or 0)) if known else "–")
        rows.append(tuple(cells))
    title = f"Treatment of losses: third parties' readings {how}"
    note_table(trial.node, title, rows)
    marks = log_of(trial.recording, COLLECTOR, MARKED)
    if marks:
        table = [("half-hour", "marked")]
        table += [(str(e.detail["period"]), str(e.detail["why"])) for e in marks]
        note_table(trial.node, "Marked by the data collector", table)


def _kwh(wh: int | None) -> str:
    return "missing" if wh is None else f"{wh / 1e3:.3f} kWh"
