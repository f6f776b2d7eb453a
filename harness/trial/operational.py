"""What operational metering would have had of one asset, and how good it was.

``docs/definitions.md``, "operational metering of one asset". The asset's own readings
go the way of a portfolio's, as a portfolio of one: causal, held, second by second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.analysis.aggregate.accuracy import steady_state_error
from harness.analysis.aggregate.criteria import (
    ACCURACY,
    COMPLETENESS,
    CRITERIA,
    INTERVAL,
    LATENCY,
    RESOLUTION,
)
from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import AggregatePower, aggregate_power
from harness.analysis.aggregate.reading import read_intervals, read_latency
from harness.analysis.aggregate.reads import Reads
from harness.analysis.aggregate.running import reads_sums
from harness.analysis.agreement import held_at
from harness.analysis.clocks import NO_STAMP
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.health import completeness
from harness.analysis.quality import SAMPLING, rectangular_u
from harness.analysis.timing import decimal_places, value_step
from harness.core.recording import Channel, Recording, Series
from harness.trial.clocks import RoleClock, role_clock
from harness.trial.view import MeterView

HELD_FOR = 3.0
"""A value is held for so many usual read intervals; then the asset is missing."""
STEADY_PERCENT = 2.0
"""Truth is steady if it moves by no more than this part of itself."""
LATENCY_PERCENT = 95.0
"""Latency is what so many of the reads keep to. [%]"""
WAY_U_S = 0.3
"""Standard uncertainty of a pushing device's clock, which nobody can see apart from the
way of its values: half a second either way, our choice. [s]"""
MW = 1e6


@dataclass(frozen=True, slots=True)
class Operational:
    """One asset as the control room would have seen it."""

    channel: str
    found: Mapping[str, Estimate]
    """By criterion, in the units of the rules."""
    sent: AggregatePower | None = None
    true_w: Series | None = None
    """Power by the reference meter at the same seconds. [W]"""


def operational(
    recording: Recording,
    own: Channel | None,
    reference: MeterView | None,
    *,
    from_s: float,
    until_s: float,
) -> Operational:
    """Return how an asset's own readings serve as operational metering.

    Parameters
    ----------
    recording : Recording
        Everything observed.
    own : Channel, optional
        The asset's own power.
    reference : MeterView, optional
        The independent meter that says what truly flowed.
    from_s, until_s : float
        The window, on the bench clock. [s]

    Returns
    -------
    Operational
        Every criterion; ``nan`` with the reason where the recording does not say.
    """
    clock = None if own is None else role_clock(recording, own.role)
    why = _no_reads(own, clock)
    if own is None or why:
        return Operational("", {name: _nothing(name, why) for name in CRITERIA})
    reads = _reads_of(own, clock)
    offset_s, clock_u_s = _clock_of(clock)
    window = {"from_s": from_s, "until_s": until_s}
    times = {"clock_offset_s": offset_s, "early_s": 1.0 + 2 * clock_u_s}
    intervals = read_intervals(reads, 1, **window, **times)
    usual_s = float(intervals.median_s[0])
    if math.isnan(usual_s):
        why = "it was read fewer than twice"
        return Operational(own.name, {name: _nothing(name, why) for name in CRITERIA})
    latency = _latency(reads, clock, times, clock_u_s)
    found = {
        INTERVAL: Estimate(usual_s, "s", _interval_budget(clock)),
        LATENCY: latency,
        RESOLUTION: _resolution(own),
        COMPLETENESS: completeness(
            reads.sampled_s, reads.power_w, interval_s=usual_s, **window
        ),
    }
    longest_s = float(intervals.longest_s[0])
    late_s = latency.value if math.isfinite(latency.value) else 0.0
    sent = _sent(reads, times, window, max_age_s=HELD_FOR * usual_s + late_s)
    if reference is None:
        found[ACCURACY] = _nothing(ACCURACY, "there is no independent meter")
        return Operational(own.name, found, sent)
    true_w = _truth(reference, sent.time_s)
    found[ACCURACY] = steady_state_error(
        sent,
        true_w,
        settle_s=longest_s + late_s,
        steady_percent=STEADY_PERCENT,
        reference=reference.quality,
    )
    return Operational(own.name, found, sent, true_w)


def _no_reads(own: Channel | None, clock: RoleClock | None) -> str:
    if own is None or not np.isfinite(own.values).any():
        return "it gave no power of its own"
    if clock is not None and clock.lie is not None:
        return f"its stamps cannot be used: {clock.lie}"
    return ""


def _nothing(name: str, why: str) -> Estimate:
    units = {ACCURACY: "%", RESOLUTION: "d.p.", COMPLETENESS: "%"}
    return Estimate(math.nan, units.get(name, "s"), why=why)


def _reads_of(own: Channel, clock: RoleClock | None) -> Reads:
    """The asset's own values; sampled when its stamp says, or when it was asked."""
    stamped = np.isfinite(own.device_s) if clock is not None else np.zeros(0)
    sampled_s = own.time_s
    if clock is not None:
        sampled_s = np.where(stamped, own.device_s, own.time_s)
    asset = np.zeros(own.values.size, dtype=np.int64)
    return Reads(asset, sampled_s, own.arrival_s, own.values)


def _clock_of(clock: RoleClock | None) -> tuple[float, float]:
    """How far the clock is ahead, and its standard uncertainty. [s]

    Of a device that pushes, clock and way cannot be told apart: its clock is taken to
    be right, so that a long way is not taken for a slow clock.
    """
    if clock is None:
        return 0.0, 0.0
    if clock.stamps.pushed:
        return 0.0, WAY_U_S
    return clock.error.value, clock.error.u


def _latency(
    reads: Reads, clock: RoleClock | None, times: Mapping[str, float], clock_u_s: float
) -> Estimate:
    if clock is None:
        return Estimate(math.nan, "s", why=NO_STAMP)
    return read_latency(reads, 1, percent=LATENCY_PERCENT, clock_u_s=clock_u_s, **times)


def _interval_budget(clock: RoleClock | None) -> tuple[Contribution, ...]:
    if clock is None:
        return ()
    u_s = math.sqrt(2) * rectangular_u(0.5 * 0.01)
    return (Contribution(SAMPLING, u_s, "B", "step of its stamps"),)


def _resolution(own: Channel) -> Estimate:
    """Decimal places of a megawatt that its values can tell. [d.p.]"""
    step_w = value_step(own.values)
    if math.isnan(step_w):
        return _nothing(RESOLUTION, "fewer than two different values")
    return Estimate(decimal_places(step_w / MW), "d.p.")


def _sent(
    reads: Reads,
    times: Mapping[str, float],
    window: Mapping[str, float],
    *,
    max_age_s: float,
) -> AggregatePower:
    meters = asset_meters(1, random_u=0.0, diffusion_w2_per_s=0.0)
    sums = reads_sums(
        reads,
        meters,
        from_s=math.ceil(window["from_s"]),
        until_s=math.floor(window["until_s"]),
        max_age_s=max_age_s,
        threads=1,
        **times,
    )
    return aggregate_power(sums)


def _truth(reference: MeterView, at_s: Series) -> Series:
    spacing_s = np.diff(reference.time_s)
    usual_s = float(np.median(spacing_s)) if spacing_s.size else 1.0
    late_s = reference.quality.latency_s
    return held_at(
        reference.time_s - late_s, reference.power_w, at_s, max_age_s=3 * usual_s
    )
