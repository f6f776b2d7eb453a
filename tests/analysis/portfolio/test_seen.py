"""What a control room sees of a unit: right at rest, late after a step, either said."""

import dataclasses
import math

import numpy as np
import pytest

from harness.analysis.aggregate.criteria import (
    ACCURACY,
    COMPLETENESS,
    INTERVAL,
    LATENCY,
    RESOLUTION,
)
from harness.analysis.portfolio.distribution import constant
from harness.analysis.portfolio.event import Event
from harness.analysis.portfolio.replay import ReplayHomes
from harness.analysis.portfolio.seen import homes_for_accuracy, seen
from harness.analysis.portfolio.unit import unit_of
from tests.analysis.portfolio.homes import portfolio, steady


def view_of(one, homes):
    return seen(one, unit_of(one, homes))


def test_errors_of_their_own_average_out():
    few, many = view_of(steady(), 30), view_of(steady(), 3000)
    assert abs(many.found[ACCURACY].value) < 0.1
    assert many.expected.value < few.expected.value / 5
    assert abs(few.found[ACCURACY].value) < 2 * few.expected.value
    assert many.found[INTERVAL].value == 60
    assert many.found[LATENCY].value == pytest.approx(3.8, abs=0.2)
    assert many.found[COMPLETENESS].value == 100
    assert many.found[RESOLUTION].value >= 3 or math.isnan(many.found[RESOLUTION].value)


@pytest.mark.parametrize("homes", [100, 1000, 10_000])
def test_a_bias_is_found_at_any_size(homes):
    view = view_of(steady(bias=0.012), homes)
    assert view.found[ACCURACY].value == pytest.approx(1.2, abs=0.35)


def test_what_makes_err_in_common_is_the_floor_and_no_number_of_homes_gets_below():
    view = view_of(steady(common_u=0.006), 300)
    assert view.floor.value == pytest.approx(1.2, rel=0.02)
    needed = homes_for_accuracy(view, homes=300, within_percent=1.0)
    assert math.isinf(needed.value)
    assert "more homes would not help" in needed.why
    enough = homes_for_accuracy(view, homes=300, within_percent=2.0)
    assert 0 < enough.value < 300


def stepping(**changes):
    """Homes that all go from 7 kW to 1 kW at one second, and stay."""
    at_s, seconds = 1213, 3600
    usual = np.full(seconds, 7000.0)
    power = usual.copy()
    power[at_s:3000] = 1000.0
    one = steady(latency_s=constant(2.0), **changes)
    return dataclasses.replace(
        one,
        homes=ReplayHomes(power, usual, 7400.0),
        event=Event(float(at_s), 3000.0, 1000.0),
    )


@pytest.mark.parametrize("interval_s", [10, 60])
def test_a_step_is_seen_a_read_interval_late_whatever_the_number_of_homes(interval_s):
    changes = {"interval_s": interval_s, "hold_s": 3.0 * interval_s + 10}
    few, many = view_of(stepping(**changes), 200), view_of(stepping(**changes), 4000)
    for view in (few, many):
        assert interval_s * 0.85 <= view.lag.value <= interval_s + 4


def test_reads_taken_all_at_once_are_wrong_by_the_whole_step_until_they_come():
    def behind_w(view):
        window = (view.sent.time_s >= 1213) & (view.sent.time_s < 1213 + 47)
        return np.abs(view.sent.power_w - view.true_w)[window].mean()

    apart, at_once = view_of(stepping(), 1000), view_of(stepping(staggered=False), 1000)
    assert behind_w(at_once) == pytest.approx(6e6, rel=0.03)
    assert behind_w(apart) == pytest.approx(6e6 * (1 - 47 / 2 / 60), rel=0.06)


def test_an_unread_unit_is_no_answer():
    silent = view_of(steady(lost=1.0), 50)
    assert math.isnan(silent.found[INTERVAL].value)
    assert silent.found[COMPLETENESS].value == 0
    assert not abs(silent.found[ACCURACY].value) < 50


def test_a_unit_of_which_nothing_was_asked_has_no_lag():
    assert math.isnan(view_of(steady(), 20).lag.value)


def test_what_is_sent_is_rounded_and_that_counts_for_a_small_unit():
    fine, coarse = view_of(steady(decimals=6), 10), view_of(steady(decimals=1), 10)
    assert (coarse.sent.power_w % 1e5 == 0).all()
    assert coarse.expected.value > 5 * fine.expected.value or math.isnan(
        coarse.expected.value
    )
    assert abs(coarse.found[ACCURACY].value) > 50


def test_a_unit_of_cars_is_seen_truly_while_it_rests():
    view = view_of(portfolio(event=None), 2000)
    error = view.found[ACCURACY].value
    assert math.isnan(error) or abs(error) < 2.5
