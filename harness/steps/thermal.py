"""Thermal Constraint Management: located assets, called a day ahead, half-hourly."""

from __future__ import annotations

import math

from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import delivered_share
from harness.analysis.estimate import Estimate
from harness.analysis.quality import scaled
from harness.checks.judge import Witness
from harness.core.calendar import PERIOD_S
from harness.core.errors import FeatureError
from harness.market.actors import Actor
from harness.market.thermal import Kind, Placed, Refusal, ThermalConstraint
from harness.reporting.record import note_table
from harness.settlement.money import Price, amount_p, pounds, whole_wh
from harness.settlement.volumes import HalfHour, delivered
from harness.steps.event import level_before
from harness.steps.half_hours import half_hours_s, halves_seen, periods_called
from harness.steps.prices import agreed
from harness.steps.trial import Trial
from harness.steps.words import power_w, role_of, table_rows
from harness.trial.dfs_week import NOT_CALLED
from harness.trial.plan import Plan
from harness.trial.planned import DayAhead, Move
from harness.trial.view import log_of

PERIODS_PER_HOUR = 3600 / PERIOD_S
COLUMNS = ("asset", "MPAN", "postcode", "usually", "participant")
OURS = "ours"


@given(parsers.parse('the {kind:w} constraint "{name}", with behind it'))
def _(plan: Plan, kind: str, name: str, datatable: list[list[str]]) -> None:
    """Its grid supply points, and the room that each has in the way that helps."""
    if kind not in tuple(Kind):
        raise FeatureError(f"“{kind}”", "is no kind of constraint", ", ".join(Kind))
    where = f"constraint {name!r}"
    rows = table_rows(datatable, ("grid supply point", "room"), where)
    room_w = {row["grid supply point"].strip(): power_w(row["room"]) for row in rows}
    try:
        plan.constraint = ThermalConstraint(name, Kind(kind), room_w)
    except ValueError as error:
        hint = "grid supply points with the room that each has"
        raise FeatureError(where, str(error), hint) from error


@given("postcodes belong to grid supply points")
def _(plan: Plan, datatable: list[list[str]]) -> None:
    """The map by which an asset is placed."""
    columns = ("postcode", "grid supply point")
    for row in table_rows(datatable, columns, "the map of postcodes"):
        plan.gsp_of[row["postcode"].strip()] = row["grid supply point"].strip()


@given(parsers.parse("{homes:d} homes at each grid supply point with assets like"))
def _(plan: Plan, homes: int, datatable: list[list[str]]) -> None:
    """MPAN, postcode and usual power of each asset, and whose participant it is."""
    if homes < 1:
        raise FeatureError(f"“{homes} homes”", "are none", "300 homes")
    plan.placed_homes = homes
    for row in table_rows(datatable, COLUMNS, "the located assets"):
        role = role_of(row["asset"])
        plan.need(role)
        gsp = plan.gsp_of.get(row["postcode"].strip(), "")
        taken = row["participant"].strip() != OURS
        try:
            one = Placed(role, row["MPAN"].strip(), power_w(row["usually"]), gsp, taken)
        except ValueError as error:
            hint = "the 13 digits of an MPAN core"
            raise FeatureError("the located assets", str(error), hint) from error
        plan.placed = [known for known in plan.placed if known.role != role] + [one]


@given(parsers.parse("the ESO pays {price} for what half-hours deliver"))
def _(plan: Plan, price: str) -> None:
    """The price of a megawatt-hour moved in the way that helps."""
    plan.day_ahead_price = agreed(price)


@when(
    parsers.parse(
        "the ESO asks the {asset} a day ahead to turn {way:w} to {level} from {start} "
        "to {end}"
    )
)
def _(plan: Plan, asset: str, way: str, level: str, start: str, end: str) -> None:
    """Called by place; the aggregator refuses what would not help there."""
    role = role_of(asset)
    if plan.constraint is None or role not in {one.role for one in plan.placed}:
        hint = "Givens with the constraint, and with where the asset is"
        raise FeatureError(f"“the {asset}”", "is not placed behind anything", hint)
    moves = {"up": Move.UP, "down": Move.DOWN}
    if way not in moves:
        raise FeatureError(f"“turn {way}”", "is no way to move", "up, down")
    from_s, until_s = half_hours_s(start, end, example="from 02:00 to 02:30")
    plan.day_ahead.append(
        DayAhead("ESO", role, moves[way], power_w(level), from_s, until_s)
    )


@then(parsers.parse("the {asset}'s half-hours deliver what was asked"))
def _(trial: Trial, asset: str) -> None:
    """The least delivered share of the half-hours called, by its own meter."""
    role = role_of(asset)
    rule, view = trial.rule(role, "delivered share"), trial.view(role)
    asks = _asks(trial, role)
    if view is None or not asks:
        why = "no meter of its own saw it" if view is None else "it was not asked"
        nothing = Estimate(math.nan, "%", why=why)
        trial.judge(role, nothing, rule, channels=(f"{role}.power_w",))
        return
    shares = [
        delivered_share(
            scaled(volume, PERIODS_PER_HOUR, "W"), abs(_asked_w(trial, ask))
        )
        for ask in asks
        for _, volume in _volumes(trial, ask)
    ]
    measured = min(shares, key=lambda one: one.value, default=None) or Estimate(
        math.nan, "%", why="no whole half-hour was called"
    )
    if why := _why_not(trial, asks[0]):
        measured = Estimate(math.nan, "%", why=why)
    trial.judge(role, measured, rule, channels=(view.channel,))
    _show(trial, asks)


def _why_not(trial: Trial, ask: DayAhead) -> str:
    """Why nothing can be settled: the meter, or a baseline that was never so.

    Whoever says that a device usually draws what it never does earns by doing nothing.
    """
    view = trial.view(ask.role)
    if view is None:
        return "no meter of its own saw it"
    before = level_before(trial, view, trial.plan.bench_s(ask.from_clock_s))
    if math.isnan(before.value):
        return before.why
    usual_w = _usual_w(trial, ask)
    miss_percent = 100 * (usual_w - before.value) / max(before.value, 1.0)
    rule = trial.named_rule("agreement/baseline-miss")
    if (rule.at_least or 0.0) <= miss_percent <= (rule.at_most or 0.0):
        return ""
    return (
        f"it drew {before.value:.0f} W before it was called, and not the "
        f"{usual_w:.0f} W that it is said to draw usually"
    )


def _asks(trial: Trial, role: str) -> list[DayAhead]:
    return [one for one in trial.plan.day_ahead if one.role == role]


def _usual_w(trial: Trial, ask: DayAhead) -> float:
    return next(one.usual_w for one in trial.plan.placed if one.role == ask.role)


def _asked_w(trial: Trial, ask: DayAhead) -> float:
    return ask.level_w - _usual_w(trial, ask)


def _asked_wh(trial: Trial, ask: DayAhead) -> int:
    """What one home was asked to move in a half-hour, either way. [Wh]"""
    return whole_wh(abs(_asked_w(trial, ask)) / PERIODS_PER_HOUR)


def _paid_p(trial: Trial, volume: Estimate, asked_wh: int, price: Price) -> int:
    """What a half-hour's volume earns all homes, capped at what was asked. [p]"""
    if not math.isfinite(volume.value):
        return 0
    wh = min(max(whole_wh(volume.value), 0), asked_wh)
    return amount_p(wh * trial.plan.placed_homes, price)


def _volumes(trial: Trial, ask: DayAhead) -> list[tuple[HalfHour, Estimate]]:
    """Return each half-hour that was called, and what it delivered. [Wh]"""
    view = trial.view(ask.role)
    if view is None:
        return []
    halves = halves_seen(trial, view)
    periods = {part.period for part in periods_called(trial, ask)}
    usual = Estimate(_usual_w(trial, ask) / PERIODS_PER_HOUR, "Wh")
    upwards = ask.move is Move.UP
    return [
        (half, delivered(half, usual, upwards=upwards))
        for half in halves
        if half.period in periods
    ]


@then(parsers.parse("the ESO pays for what the {asset}'s half-hours delivered"))
def _(trial: Trial, asset: str) -> None:
    """What is paid, capped at what was asked, against the price of all of that."""
    role, price = role_of(asset), trial.plan.day_ahead_price
    if price is None:
        hint = "a Given with what the ESO pays"
        raise FeatureError(f"“{trial.step_text}”", "there is no price", hint)
    rule, view = trial.rule(role, "half-hours paid for"), trial.view(role)
    asks, due_p, paid_p = _asks(trial, role), 0, 0
    for ask in asks:
        asked_wh = _asked_wh(trial, ask)
        for _half, volume in _volumes(trial, ask):
            due_p += amount_p(asked_wh * trial.plan.placed_homes, price)
            paid_p += _paid_p(trial, volume, asked_wh, price)
    measured = (
        Estimate(100 * paid_p / due_p, "%")
        if due_p
        else Estimate(math.nan, "%", why="nothing was called")
    )
    if asks and (why := _why_not(trial, asks[0])):
        measured = Estimate(math.nan, "%", why=why)
    channel = f"{role}.power_w" if view is None else view.channel
    trial.judge(
        role, measured, rule, channels=(channel,),
        details={"paid_p": paid_p, "due_p": due_p},
    )  # fmt: skip


@then(parsers.parse("the aggregator does not call the {asset}, because {why}"))
def _(trial: Trial, asset: str, why: str) -> None:
    """Whether it was refused for that reason and no other, and asked for nothing."""
    role = role_of(asset)
    if why not in tuple(Refusal):
        raise FeatureError(f"“{why}”", "is no reason not to call", "; ".join(Refusal))
    refused = log_of(trial.recording, Actor.AGGREGATOR, NOT_CALLED, role=role)
    sent = log_of(trial.recording, Actor.AGGREGATOR, "instructs", role=role)
    sent = [one for one in sent if one.detail["on_behalf_of"] != "bench"]
    reasons = {str(one.detail["reason"]) for one in refused}
    wrong = reasons != {why} or bool(sent)
    said = f"reasons given: {'; '.join(sorted(reasons)) or 'none'}"
    said += f"; {len(sent)} instructions were sent" if sent else ""
    measured = Estimate(float(wrong), "refusals", why=said if wrong else "")
    trial.judge(
        role, measured, trial.named_rule("crowdflex/thermal/refused-otherwise"),
        witness=Witness.LOG, reason=said if wrong else "",
    )  # fmt: skip


def _show(trial: Trial, asks: list[DayAhead]) -> None:
    rows = [("half-hour", "metered", "delivered", "asked for", "paid, all homes")]
    price = trial.plan.day_ahead_price
    for ask in asks:
        asked_wh = _asked_wh(trial, ask)
        for half, volume in _volumes(trial, ask):
            paid = (
                "–"
                if price is None
                else pounds(_paid_p(trial, volume, asked_wh, price))
            )
            rows.append(
                (str(half.period), _kwh(half.energy), _kwh(volume),
                 f"{asked_wh / 1e3:.3f} kWh", paid)
            )  # fmt: skip
    note_table(trial.node, "Half-hours of one home, settled", rows)


def _kwh(energy: Estimate) -> str:
    if not math.isfinite(energy.value):
        return f"not settled: {energy.why}"
    return f"{energy.value / 1e3:.3f} ± {energy.expanded / 1e3:.3f} kWh"
