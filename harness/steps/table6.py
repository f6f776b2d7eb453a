"""What the other use cases of TRANSITION's Table 6 add: room made, lower peaks."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date

import numpy as np
from pytest_bdd import parsers, then, when

from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.loading import busiest_minute
from harness.analysis.quality import difference, scaled, share_of
from harness.core.calendar import PERIOD_S, periods_on_bench
from harness.core.errors import FeatureError
from harness.market.sites import Site
from harness.steps.event import BASELINE_WINDOW_S
from harness.steps.half_hours import halves_kept
from harness.steps.instructions import on_days
from harness.steps.sites import (
    area_named,
    minutes_of,
    named,
    others_of,
    part_of,
    trouble_of,
)
from harness.steps.trial import Trial
from harness.steps.words import HOME, clock_s, power_w, role_of, span_s
from harness.trial.meter_tests import PROFILE
from harness.trial.plan import Plan
from harness.trial.planned import Instruction, Move
from harness.trial.view import MeterView, meter_facts, meter_quality, starts_at


@then(parsers.parse("the {site:w} makes room for the {other:w} from {start} to {end}"))
def _(trial: Trial, site: str, other: str, start: str, end: str) -> None:
    """How much less one feeds in (or more) than before, of what the other added."""
    follower, leader = named(trial.plan, site), named(trial.plan, other)
    rule = trial.rule(site, "room made")
    views = [trial.view(one.role) for one in (follower, leader)]
    own, its = views
    if own is None or its is None:
        blind = follower if own is None else leader
        nothing = Estimate(math.nan, "%", why=f"no meter sees the {blind.name}")
        trial.judge(site, nothing, rule, channels=(f"{blind.role}.power_w",))
        return
    span = tuple(trial.plan.bench_s(clock_s(at)) for at in (start, end))
    blocked = trouble_of(trial, own, "%") or trouble_of(trial, its, "%")
    gave = _change(own, follower, *span)
    took = scaled(_change(its, leader, *span), -1.0, "W")
    measured = blocked or _share(gave, took)
    trial.judge(site, measured, rule, channels=(own.channel, its.channel))


def _share(gave: Estimate, took: Estimate) -> Estimate:
    """Return one change over another, whichever way both went. [%]"""
    if took.value < 0:
        gave, took = scaled(gave, -1.0, "W"), scaled(took, -1.0, "W")
    if not abs(took.value) > took.expanded:
        why = "the other changed by no more than its meter's uncertainty"
        return Estimate(math.nan, "%", why=why)
    return share_of(gave, took)


def _change(view: MeterView, site: Site, from_s: float, until_s: float) -> Estimate:
    """How much more a site draws in a window than before anything happened. [W]"""
    means = [
        mean_power(view.time_s, view.power_w, from_s=a, until_s=b, meter=view.quality)
        for a, b in ((from_s, until_s), (0.0, BASELINE_WINDOW_S))
    ]
    return scaled(difference(*means), float(site.like), "W")


@when(
    parsers.parse(
        "from day {first:d} to day {last:d} the {asset} draws {level} from {start} to "
        "{end}"
    )
)
def _(
    plan: Plan, first: int, last: int, asset: str, level: str, start: str, end: str
) -> None:
    """A habit that changed for good: the same hours of many days, less than before."""
    if not 1 <= first <= last <= 31:
        raise FeatureError(f"“day {first} to {last}”", "is no time", "day 8 to day 14")
    role = role_of(asset)
    plan.need(role)
    window = Instruction(HOME, role, Move.DOWN, power_w(level), *span_s(start, end))
    plan.instructions += on_days(window, range(first - 1, last))


@then(
    parsers.parse(
        "the {asset}'s evening peak is lower from day {first:d} on, by the {meter}"
    )
)
def _(trial: Trial, asset: str, first: int, meter: str) -> None:
    """Mean of the days' highest half-hours from 16:00 to 20:00, after and before."""
    role, by = role_of(asset), role_of(meter)
    rule = trial.rule(role, "evening peak")
    peaks = _evening_peaks(trial, by)
    begins = starts_at(trial.recording).date()
    after = [wh for day, wh in peaks.items() if (day - begins).days >= first - 1]
    before = [wh for day, wh in peaks.items() if (day - begins).days < first - 1]
    if not after or not before:
        measured = Estimate(math.nan, "%", why="there are no days of both kinds")
    else:
        measured = _ratio(trial, by, after, before)
    channels = (f"{by}.{PROFILE[0]}",)
    details = {"days before": len(before), "days after": len(after)}
    trial.judge(role, measured, rule, channels=channels, details=details)


def _evening_peaks(trial: Trial, meter: str) -> dict[date, int]:
    """The highest half-hour of each evening that was read back whole. [Wh]"""
    parts = periods_on_bench(
        starts_at(trial.recording), from_s=0.0, until_s=trial.plan.duration_s
    )
    whole = [part for part in parts if part.whole]
    found: defaultdict[date, list[int]] = defaultdict(list)
    for period, wh in (halves_kept(trial, meter, whole) or {}).items():
        if 33 <= period.number <= 40:
            found[period.day].append(wh)
    return {day: max(wh) for day, wh in found.items() if len(wh) == 8}


def _ratio(trial: Trial, meter: str, after: list[int], before: list[int]) -> Estimate:
    """One mean of another [%]; the meter's gain is in both, days scatter."""
    quality = meter_quality(meter_facts(trial.recording)[meter])
    means = [float(np.mean(days)) for days in (after, before)]
    scatter = [
        float(np.std(days, ddof=1)) / math.sqrt(len(days)) if len(days) > 1 else 0.0
        for days in (after, before)
    ]
    value = 100 * means[0] / means[1]
    relative = math.hypot(scatter[0] / means[0], scatter[1] / means[1])
    step = 100 * quality.absolute_u_w / (means[1] * 3600 / PERIOD_S)
    lines = (
        Contribution("days differ", value * relative, "A", "the days themselves"),
        Contribution("meter's step", step, "B", quality.source),
    )
    return Estimate(value, "%", lines)


@then(parsers.parse('the peak of cable "{name}" is lower than without the {sites}'))
def _(trial: Trial, name: str, sites: str) -> None:
    """The busiest minute with them, of the busiest minute had they rested."""
    area = area_named(trial.plan, name)
    for one in sites.split(" and the "):
        named(trial.plan, one.strip())
    rule = trial.rule(role_of(f"cable {name}"), "peak")
    views = {site.name: trial.view(site.role) for site in area.sites}
    channels = tuple(view.channel for view in views.values() if view)
    if blind := [site for site, view in views.items() if view is None]:
        nothing = Estimate(math.nan, "%", why=f"no meter sees the {blind[0]}")
        trial.judge(name, nothing, rule, channels=channels)
        return
    minutes_s = minutes_of(trial)
    others_w = others_of(trial, area, minutes_s)
    # At rest a site draws what it usually does.
    without_w = others_w + sum(site.usual_w for site in area.sites)
    troubles = [trouble_of(trial, view, "%") for view in views.values() if view]
    measured = next((one for one in troubles if one), None) or busiest_minute(
        [part_of(view, site) for site in area.sites if (view := views[site.name])],
        np.full(minutes_s.size, float(np.max(without_w))), minutes_s,
        others_w=others_w,
    )  # fmt: skip
    trial.judge(name, measured, rule, channels=channels)
