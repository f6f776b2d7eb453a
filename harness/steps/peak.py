"""Peak management (TRANSITION use case 2): a forecast overload and a planned call."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.ageing import ageing_saved
from harness.analysis.loading import peak_loading
from harness.analysis.quality import MeterQuality
from harness.analysis.series import at_most, framed
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.quantities import parse_quantity
from harness.core.recording import Series
from harness.market.network import CriticalAsset, LoadPointOfDay
from harness.reporting.record import note_table
from harness.steps.constraint import ahead_of_delivery
from harness.steps.delivery import event_or_verdict
from harness.steps.event import unjudgeable
from harness.steps.trial import Trial
from harness.steps.words import HOME, clock_s, span_s, table_rows
from harness.trial.plan import Plan
from harness.trial.planned import MarketAct
from harness.trial.view import MeterView

WITHIN, WITHOUT, AHEAD, AGEING = (
    "peak loading", "peak loading without the service", "called ahead", "ageing saved",
)  # fmt: skip
MVA = 1e6


@given(
    parsers.parse(
        'transformer "{name}", rated {rating}, carries {homes:d} homes like it and'
    )
)
def _(
    plan: Plan, name: str, rating: str, homes: int, datatable: list[list[str]]
) -> None:
    """A transformer, and what everybody else on it draws over the day."""
    where = f"transformer {name!r}"
    rows = table_rows(datatable, ("at", "MVA"), where)
    points = tuple(
        LoadPointOfDay(clock_s(row["at"]), _mva(row["MVA"], where)) for row in rows
    )
    rating_w = _mva(rating.removesuffix("MVA").strip(), where)
    try:
        asset = CriticalAsset(name, rating_w, homes, points)
    except ValueError as error:
        raise FeatureError(where, str(error), "a rating, homes, times") from error
    plan.assets.append(asset)


def _mva(text: str, where: str) -> float:
    try:
        return float(text) * MVA
    except ValueError as error:
        raise FeatureError(where, f"{text!r} is no number of MVA", "1.3") from error


@when(
    parsers.parse(
        "the DSO calls the agreed capacity at {at} for {start} to {end}, as planned"
    )
)
def _(plan: Plan, at: str, start: str, end: str) -> None:
    """The DSO calls what it armed, hours ahead of the peak that it forecasts."""
    from_s, until_s = span_s(start, end)
    if clock_s(at) >= from_s:
        raise FeatureError(f"“at {at}”", f"is not before {start}", "an earlier time")
    plan.acts.append(MarketAct("dispatch", "DSO", clock_s(at), from_s, until_s))


@then("the DSO called it as far ahead as planned")
def _(trial: Trial) -> None:
    """From the call to the beginning of delivery."""
    measured = ahead_of_delivery(trial)
    trial.judge(HOME, measured, trial.rule(HOME, AHEAD), witness=Witness.LOG)


@then(parsers.parse('transformer "{name}" stays inside its rating through the peak'))
def _(trial: Trial, name: str) -> None:
    """Its highest load from the agreed time of delivery until the release."""
    asset, event = _asset(trial, name), event_or_verdict(trial, HOME, WITHIN)
    if event is None:
        return
    within = trial.plan.agreement
    begins_s = event.sent_s + (0.0 if within is None else within.deliver_within_s)
    others_w = asset.others_w(_clock(trial, event.view.time_s))
    measured = unjudgeable(event, "%") or peak_loading(
        event.view.time_s,
        event.view.power_w,
        others_w,
        homes=asset.homes,
        rating_w=asset.rating_w,
        from_s=begins_s,
        until_s=event.until_s,
        meter=event.view.quality,
    )
    rule = trial.rule(HOME, WITHIN)
    trial.judge(name, measured, rule, channels=(event.view.channel,))
    _draw(trial, event.view, asset, others_w, (begins_s, event.until_s))


@then(parsers.parse('without the service transformer "{name}" would have left it'))
def _(trial: Trial, name: str) -> None:
    """Its highest load had the home gone on as before: the service was needed."""
    asset, event = _asset(trial, name), event_or_verdict(trial, HOME, WITHOUT)
    if event is None:
        return
    at_s = np.arange(event.sent_s, event.until_s, 60.0)
    quality = MeterQuality(
        event.view.quality.source,
        relative_u=event.view.quality.relative_u,
        absolute_u_w=event.before.u,
    )
    measured = unjudgeable(event, "%") or peak_loading(
        at_s,
        np.full(at_s.size, event.before.value),
        asset.others_w(_clock(trial, at_s)),
        homes=asset.homes,
        rating_w=asset.rating_w,
        from_s=event.sent_s,
        until_s=event.until_s,
        meter=quality,
    )
    rule = trial.rule(HOME, WITHOUT)
    trial.judge(name, measured, rule, channels=(event.view.channel,))
    if math.isfinite(measured.value):
        cut_w = asset.homes * (event.before.value - event.level_w)
        over_w = (measured.value / 100 - 1) * asset.rating_w
        rows = [
            ["transformer", "rating", "peak without", "to be met", "asked of homes"],
            [name, _text(asset.rating_w), _text(measured.value / 100 * asset.rating_w),
             _text(over_w), _text(cut_w)],
        ]  # fmt: skip
        note_table(trial.node, "Reinforcement that the service defers", rows)


@then(
    parsers.parse(
        'transformer "{name}" ages less than without the service, at {ambient} outside'
    )
)
def _(trial: Trial, name: str, ambient: str) -> None:
    """Life that its insulation uses from call to release, with and without it."""
    asset, event = _asset(trial, name), event_or_verdict(trial, HOME, AGEING)
    ambient_c = _celsius(ambient)
    if event is None:
        return
    view = event.view
    t, home_w = framed(view.time_s, view.power_w, event.sent_s, event.until_s)
    others_w = asset.others_w(_clock(trial, t))
    measured = unjudgeable(event, "%") or ageing_saved(
        t,
        (asset.homes * home_w + others_w) / asset.rating_w,
        (asset.homes * event.before.value + others_w) / asset.rating_w,
        ambient_c=ambient_c, load_u=view.quality.relative_u, source=view.quality.source,
    )  # fmt: skip
    trial.judge(name, measured, trial.rule(HOME, AGEING), channels=(view.channel,))


def _celsius(text: str) -> float:
    try:
        quantity = parse_quantity(text)
    except ValueError as error:
        raise FeatureError(f"“{text}”", str(error), "10 °C") from error
    if quantity.unit != "°C" or not -40 <= quantity.value <= 60:
        raise FeatureError(f"“{text}”", "is no weather", "10 °C")
    return quantity.value


def _text(power_w: float) -> str:
    return f"{power_w / MVA:.2f} MVA"


def _asset(trial: Trial, name: str) -> CriticalAsset:
    for asset in trial.plan.assets:
        if asset.name == name:
            return asset
    known = ", ".join(asset.name for asset in trial.plan.assets) or "none"
    raise FeatureError(f"transformer {name!r}", "is not there", f"one of {known}")


def _clock(trial: Trial, bench_s: Series) -> Series:
    found: Series = bench_s + trial.plan.start_clock_s
    return found


def _draw(
    trial: Trial,
    view: MeterView,
    asset: CriticalAsset,
    others_w: Series,
    band_s: tuple[float, float],
) -> None:
    load = replace(view, power_w=asset.homes * view.power_w + others_w)
    trial.draw(
        asset.name,
        load,
        f"Transformer {asset.name}: {asset.homes} homes like this one and all others, "
        "against its rating",
        band=at_most(asset.rating_w),
        band_s=band_s,
    )
