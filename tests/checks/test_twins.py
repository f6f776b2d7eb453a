"""Every check with a twin that just passes and one that just fails.

Recordings are written down sample by sample and judged against the rules that
ship, by simple acceptance.
"""

from datetime import date

import numpy as np
import pytest

from harness.analysis.agreement import lag_behind, power_agreement
from harness.analysis.cycling import shortest_rest, shortest_run, starts_in_an_hour
from harness.analysis.delivery import delivered_power, delivered_share, level
from harness.analysis.health import completeness, frozen_for, largest_gap, lowest
from harness.analysis.hold import held_for
from harness.analysis.quality import MeterQuality
from harness.analysis.ramp import overshoot, ramp_rate
from harness.analysis.response import response_time, settling_time
from harness.analysis.series import at_most, band_around
from harness.analysis.waterfall import elapsed
from harness.checks.decide import decide
from harness.checks.verdict import Outcome
from harness.rulebook.loader import load_rulebook

ON = date(2026, 1, 15)
PERFECT = MeterQuality("a perfect meter")
CHANGE_W, BEFORE_W, TARGET_W = 5800.0, 7200.0, 1400.0
BAND = band_around(TARGET_W, 0.05 * CHANGE_W)
T = np.arange(-600.0, 15300.0)
END_S = 14400.0


@pytest.fixture(scope="module")
def book():
    return load_rulebook()


def event(*, arrives_s=5.0, leaves_s=END_S, after_w=BEFORE_W):
    inside = (arrives_s <= T) & (leaves_s > T)
    return np.where(inside, TARGET_W, np.where(T >= END_S, after_w, BEFORE_W))


def respond(p):
    return response_time(
        T, p, sent_at_s=0, until_s=END_S, band=BAND, dwell_s=30, meter=PERFECT
    )


def settle(p):
    window = {"sent_at_s": 0, "until_s": END_S, "band": BAND}
    return settling_time(T, p, meter=PERFECT, **window)


def hold(p):
    window = {"from_s": 0, "until_s": END_S, "arrived_by_s": 10, "ride_through_s": 10}
    return held_for(T, p, band=BAND, meter=PERFECT, **window)


def ramp(rate):
    t = np.arange(0.0, 1.2 * CHANGE_W / rate, 0.25)
    p = np.clip(BEFORE_W - rate * (t - 5), TARGET_W, BEFORE_W)
    asked = {"before_w": BEFORE_W, "target_w": TARGET_W, "meter": PERFECT}
    return ramp_rate(t, p, sent_at_s=0, **asked)


def rebound(after_w):
    return overshoot(
        T,
        event(after_w=after_w),
        from_s=END_S,
        until_s=END_S + 800,
        level_w=BEFORE_W,
        reference_w=BEFORE_W,
        upwards=True,
        hold_s=10,
        meter=PERFECT,
    )


def share(part):
    p = np.where(T >= 0, BEFORE_W - part * CHANGE_W, BEFORE_W)
    base = level(T, p, from_s=-500, until_s=-1, meter=PERFECT)
    window = {"from_s": 10, "until_s": 3600, "upwards": False}
    got = delivered_power(T, p, baseline=base, meter=PERFECT, **window)
    return delivered_share(got, CHANGE_W)


def own_meter(percent):
    own = event() * (1 + percent / 100)
    window = {"from_s": 0, "until_s": END_S, "max_age_s": 5}
    meters = {"own_meter": PERFECT, "reference_meter": PERFECT}
    return power_agreement(T, own, T, event(), **window, **meters)


def cycles(on_s, off_s, measure, **options):
    p = np.where(T % (on_s + off_s) < on_s, 1500.0, 5.0)
    window = {"from_s": 0, "until_s": END_S, "on_above_w": 300, "off_below_w": 100}
    return measure(T, p, **window, **options)


def indoor(floor_c):
    window = {"from_s": 0, "until_s": END_S, "unit": "°C", "u": 0.1, "max_gap_s": 60}
    return lowest(T, floor_c + 0.5 + 0.5 * np.cos(T / 500), **window)


def frozen(seconds):
    volts = 230 + np.sin(T / 7) + 0.1 * np.sin(T)
    volts[1000 : 1001 + seconds] = volts[1000]
    return frozen_for(T, event(), volts, from_s=-600, until_s=15300)


def lag(late_s):
    window = {"from_s": -200, "until_s": 1000, "meter": PERFECT, "other_meter": PERFECT}
    return lag_behind(T + late_s, event(), T, event(), **window)


def back_inside(at_s):
    t = np.arange(0.0, 900.0)
    p = np.where(t < at_s, 9000.0, 6000.0)
    limit = at_most(8000)
    return response_time(t, p, sent_at_s=0, band=limit, dwell_s=30, meter=PERFECT)


def gaps(length):
    v = np.ones(T.size)
    v[1000 : 1000 + length] = np.nan
    return v


TWINS = [
    (
        "crowdflex/table4/ev-turn-down-response",
        respond(event(arrives_s=10)),
        respond(event(arrives_s=11)),
    ),
    (
        "crowdflex/table4/ev-turn-up-response",
        respond(event(arrives_s=30)),
        respond(event(arrives_s=31)),
    ),
    (
        "crowdflex/table4/heat-response",
        respond(event(arrives_s=120)),
        respond(event(arrives_s=121)),
    ),
    (
        "agreement/ev-settling",
        settle(event(arrives_s=30)),
        settle(event(arrives_s=31)),
    ),
    (
        "crowdflex/table4/ev-turn-down-event-period",
        hold(event()),
        hold(event(leaves_s=END_S - 12)),
    ),
    ("agreement/ev-ramp", ramp(103.0), ramp(99.9)),
    ("agreement/heat-ramp", ramp(8.01), ramp(7.99)),
    (
        "agreement/overshoot-on-return",
        rebound(BEFORE_W * 1.0999),
        rebound(BEFORE_W * 1.1001),
    ),
    ("agreement/delivered-share", share(0.9501), share(0.9499)),
    ("cop11/type5/accuracy", own_meter(2.49), own_meter(2.51)),
    ("cop11/type5/accuracy", own_meter(-3.49), own_meter(-3.51)),
    (
        "heat_pump/starts-per-hour",
        cycles(300, 300, starts_in_an_hour),
        cycles(300, 299, starts_in_an_hour),
    ),
    (
        "heat_pump/min-run-time",
        cycles(300, 600, shortest_run, meter=PERFECT),
        cycles(299, 600, shortest_run, meter=PERFECT),
    ),
    (
        "heat_pump/min-off-time",
        cycles(600, 180, shortest_rest, meter=PERFECT),
        cycles(600, 179, shortest_rest, meter=PERFECT),
    ),
    ("heat_pump/comfort-floor", indoor(18.01), indoor(17.99)),
    ("bench/frozen", frozen(30), frozen(31)),
    ("bench/lag", lag(5), lag(6)),
    ("bench/lag", lag(-5), lag(-6)),
    ("bench/lag", lag(0), lag(90)),
    (
        "bench/largest-gap",
        largest_gap(T, gaps(9), from_s=-600, until_s=15299),
        largest_gap(T, gaps(10), from_s=-600, until_s=15299),
    ),
    (
        "agreement/data-completeness",
        completeness(T, gaps(144), from_s=0, until_s=END_S, interval_s=1),
        completeness(T, gaps(145), from_s=0, until_s=END_S, interval_s=1),
    ),
    ("transition/uc1/asset-back-inside", back_inside(240), back_inside(241)),
    (
        "transition/uc1/notice-of-unavailability",
        elapsed(100, 160, what="the notice"),
        elapsed(100, 160.1, what="the notice"),
    ),
    (
        "transition/uc1/notice-of-unavailability",
        elapsed(100, 101, what="the notice"),
        elapsed(100, None, what="the notice"),
    ),
]


@pytest.mark.parametrize(("rule_id", "passes", "fails"), TWINS)
def test_twins(book, rule_id, passes, fails):
    rule = book.rule(rule_id, on=ON)
    good = decide(passes, rule, decision_rule="simple")
    bad = decide(fails, rule, decision_rule="simple")
    assert (good.outcome, bad.outcome) == (Outcome.PASS, Outcome.FAIL), (good, bad)
    assert bad.reason
    assert bad.remedy
