"""Nonsense in, a clear error or an open question out: for every judged function alike.

Empty, constant, all gaps, a single sample, unsorted, twice the same time, infinite,
shapes that differ: never another exception, and never a finite number of nothing.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

from harness.analysis.agreement import lag_behind, power_agreement, register_energy
from harness.analysis.cycling import shortest_rest, shortest_run, starts_in_an_hour
from harness.analysis.delivery import (
    delivered_energy,
    delivered_power,
    level,
    mean_power,
    rebound_energy,
)
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.health import completeness, frozen_for, largest_gap, lowest
from harness.analysis.hold import held_for, longest_excursion, share_in_band
from harness.analysis.quality import MeterQuality
from harness.analysis.ramp import overshoot, ramp_rate, steepest_ramp
from harness.analysis.response import first_movement, response_time, settling_time
from harness.analysis.series import band_around

METER = MeterQuality("m", 0.005, 2.0, 1.0)
BAND = band_around(1000.0, 100.0)
BEFORE = Estimate(3000.0, "W", (Contribution("meter gain", 10.0),))
SPAN = {"from_s": 10.0, "until_s": 50.0}
EVENT = {"sent_at_s": 10.0, "until_s": 50.0}
CHANGE = {"before_w": 3000.0, "target_w": 1000.0, "meter": METER}
ON_OFF = {"on_above_w": 150.0, "off_below_w": 80.0}
Judged = Callable[[np.ndarray, np.ndarray], Estimate]

FUNCTIONS: dict[str, Judged] = {
    "response time": lambda t, p: response_time(
        t, p, **EVENT, band=BAND, dwell_s=4, meter=METER, draws=200
    ),
    "settling time": lambda t, p: settling_time(t, p, **EVENT, band=BAND, meter=METER),
    "first movement": lambda t, p: first_movement(t, p, **EVENT, **CHANGE),
    "ramp rate": lambda t, p: ramp_rate(t, p, **EVENT, **CHANGE),
    "steepest ramp": lambda t, p: steepest_ramp(t, p, **SPAN, meter=METER),
    "overshoot": lambda t, p: overshoot(
        t, p, **SPAN, level_w=1000.0, reference_w=2000.0, upwards=True, meter=METER
    ),
    "held for": lambda t, p: held_for(t, p, **SPAN, band=BAND, meter=METER),
    "share in band": lambda t, p: share_in_band(t, p, **SPAN, band=BAND, meter=METER),
    "longest excursion": lambda t, p: longest_excursion(
        t, p, **SPAN, band=BAND, meter=METER
    ),
    "mean power": lambda t, p: mean_power(t, p, **SPAN, meter=METER),
    "level": lambda t, p: level(t, p, **SPAN, meter=METER),
    "delivered power": lambda t, p: delivered_power(
        t, p, **SPAN, baseline=BEFORE, upwards=False, meter=METER
    ),
    "delivered energy": lambda t, p: delivered_energy(
        t, p, **SPAN, baseline=BEFORE, upwards=False, meter=METER
    ),
    "rebound": lambda t, p: rebound_energy(
        t, p, released_at_s=10.0, until_s=50.0, baseline=BEFORE, upwards=True,
        meter=METER,
    ),
    "agreement": lambda t, p: power_agreement(
        np.arange(60.0), np.full(60, 1000.0), t, p, **SPAN, own_meter=METER,
        reference_meter=METER, max_age_s=5.0,
    ),
    "lag": lambda t, p: lag_behind(
        t, p, np.arange(60.0), np.where(np.arange(60) < 20, 3e3, 1e3), **SPAN,
        meter=METER, other_meter=METER, max_lag_s=20.0,
    ),
    "register": lambda t, p: register_energy(
        t, p, **SPAN, resolution_wh=1.0, source="r"
    ),
    "starts": lambda t, p: starts_in_an_hour(t, p, **SPAN, **ON_OFF),
    "shortest run": lambda t, p: shortest_run(t, p, **SPAN, **ON_OFF, meter=METER),
    "shortest rest": lambda t, p: shortest_rest(t, p, **SPAN, **ON_OFF, meter=METER),
    "frozen": lambda t, p: frozen_for(t, p, **SPAN),
    "largest gap": lambda t, p: largest_gap(t, p, **SPAN),
    "completeness": lambda t, p: completeness(t, p, **SPAN, interval_s=1.0),
    "lowest": lambda t, p: lowest(t, p, **SPAN, unit="W", u=1.0, max_gap_s=5.0),
}  # fmt: skip
OF_NOTHING = {"largest gap", "completeness", "share in band", "longest excursion",
              "held for"}  # fmt: skip
"""Nothing seen is itself what these are about: all of it is gap, none of it is held."""
COUNTED = {"starts"}
T = np.arange(60.0)
P = np.where(T < 20, 3000.0, 1000.0)


def outcome(judged, t, p):
    """An estimate, or the words of the refusal."""
    try:
        return judged(t, p)
    except ValueError as error:
        return str(error) or "nothing said"


@pytest.fixture(params=FUNCTIONS.values(), ids=list(FUNCTIONS))
def judged(request):
    return request.param


@pytest.fixture
def name(request):
    return request.node.callspec.id


@pytest.mark.parametrize("kind", ["empty", "all gaps"])
def test_nothing_seen_is_no_number(kind, judged, request):
    t, p = (np.empty(0), np.empty(0)) if kind == "empty" else (T, np.full(60, np.nan))
    got = outcome(judged, t, p)
    if isinstance(got, str):
        return
    name = request.node.callspec.id.partition("-")[0]
    if any(one in request.node.callspec.id for one in OF_NOTHING):
        assert got.value in (0.0, 40.0) or math.isnan(got.value) or got.unseen
        return
    assert math.isnan(got.value) or math.isinf(got.value) or got.unseen, name
    assert got.why or got.unseen


def test_a_single_sample_is_no_course_of_power(judged):
    got = outcome(judged, np.array([20.0]), np.array([1000.0]))
    if not isinstance(got, str):
        assert isinstance(got, Estimate)
        assert (
            not got.value > 60 or math.isinf(got.value) or got.unit in ("W", "%", "W/s")
        )


def test_constant_power_is_judged_without_a_fault(judged):
    got = outcome(judged, T, np.full(60, 1000.0))
    assert isinstance(got, str | Estimate)


def test_times_out_of_order_are_refused(judged, request):
    if (
        "frozen" in request.node.callspec.id
        or "completeness" in request.node.callspec.id
    ):
        return  # counts of samples: their order does not matter
    got = outcome(judged, T[::-1].copy(), P)
    assert isinstance(got, str), got
    assert "decrease" in got or "increase" in got


def test_shapes_that_differ_are_refused(judged):
    with pytest.raises(ValueError, match=r"60|59|shape|values|long as"):
        judged(T, P[1:])


def test_an_infinite_value_is_refused_or_decides_nothing(judged, request):
    presence = ("completeness", "frozen", "largest gap")
    if any(one in request.node.callspec.id for one in presence):
        return  # what is infinite is no value: about presence, not about size
    p = P.copy()
    p[30] = math.inf
    got = outcome(judged, T, p)
    assert isinstance(got, str), got
    assert "infinite" in got


def test_a_sample_given_twice_changes_nothing(judged):
    t, p = np.insert(T, 30, T[30]), np.insert(P, 30, P[30])
    once, twice = outcome(judged, T, P), outcome(judged, t, p)
    if isinstance(once, str) or isinstance(twice, str):
        assert type(once) is type(twice)
        return
    assert twice.value == pytest.approx(once.value, nan_ok=True)
