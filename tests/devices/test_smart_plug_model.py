"""The fridge: its cycle, its protection, and what a cut does to it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.smart_plug.fridge import Fridge, FridgeOptions


def fridge(**options):
    return Fridge(FridgeOptions(**options), started_at_s=0.0)


def switchings(unit, until_s):
    times = []
    while unit.next_change_s <= until_s:
        times.append(unit.next_change_s)
        unit.power_w(unit.next_change_s)
    return times


def test_a_day_is_a_steady_cycle_of_on_and_off():
    changes = np.diff(switchings(fridge(), 86_400.0))
    off_s, on_s = changes[::2], changes[1::2]
    assert off_s == pytest.approx(14_400 * math.log(17 / 15), rel=1e-9)
    assert on_s == pytest.approx(14_400 * math.log(25 / 23), rel=1e-9)


def test_the_cabinet_stays_between_its_thresholds():
    unit = fridge()
    seen = [unit.cabinet_c(float(t)) for t in range(0, 86_400, 60)]
    assert min(seen) >= 3.0 - 1e-9
    assert max(seen) <= 5.0 + 1e-9


def test_energy_is_the_integral_of_power():
    unit = fridge()
    drawn = np.mean([unit.power_w(t + 0.5) for t in range(36_000)]) * 10.0
    assert unit.energy_wh(36_000.0) == pytest.approx(drawn, rel=1e-3)


def test_without_supply_it_draws_nothing_and_warms_up():
    unit = fridge()
    unit.feed(False, at_s=100.0)
    assert unit.power_w(100.0) == 0.0
    assert unit.next_change_s == math.inf
    assert unit.cabinet_c(100.0 + 4 * 3600.0) > 10.0
    assert unit.power_w(100.0 + 4 * 3600.0) == 0.0


def test_a_cold_fridge_waits_for_its_thermostat_after_a_cut():
    unit = fridge(start_c=3.5)
    unit.feed(False, at_s=100.0)
    unit.feed(True, at_s=110.0)
    assert unit.next_change_s > 100.0 + 180.0
    assert unit.cabinet_c(unit.next_change_s - 1.0) == pytest.approx(5.0, abs=0.01)


def test_a_warm_fridge_starts_as_soon_as_its_rest_is_over():
    unit = fridge(start_c=9.0)
    unit.feed(False, at_s=100.0)
    unit.feed(True, at_s=130.0)
    assert unit.power_w(279.9) == 1.5
    assert unit.power_w(280.0) == 90.0


def test_a_long_cut_is_followed_by_a_longer_run():
    unit = fridge()
    unit.feed(False, at_s=0.0)
    unit.feed(True, at_s=7200.0)
    assert unit.power_w(7200.0) == 90.0
    usual_s = 14_400 * math.log(25 / 23)
    assert unit.next_change_s - 7200.0 > 2 * usual_s


@given(
    reads=st.lists(st.floats(0.0, 20_000.0), max_size=40),
    cut_s=st.floats(0.0, 9_000.0),
    gap_s=st.floats(1.0, 9_000.0),
)
def test_how_often_somebody_asks_changes_nothing(reads, cut_s, gap_s):
    asked, unasked = fridge(), fridge()
    unasked.feed(False, at_s=cut_s)
    unasked.feed(True, at_s=cut_s + gap_s)
    steps = [(at_s, None) for at_s in reads]
    steps += [(cut_s, False), (cut_s + gap_s, True)]
    for at_s, fed in sorted(steps, key=lambda step: step[0]):
        if fed is None:
            asked.power_w(at_s)
        else:
            asked.feed(fed, at_s=at_s)
    assert asked.power_w(20_000.0) == unasked.power_w(20_000.0)
    assert asked.cabinet_c(20_000.0) == unasked.cabinet_c(20_000.0)
    assert asked.energy_wh(20_000.0) == unasked.energy_wh(20_000.0)


def test_temperatures_out_of_order_are_refused():
    with pytest.raises(ValueError, match="-20 < 6 < 5 < 20"):
        fridge(cold_c=6.0)
