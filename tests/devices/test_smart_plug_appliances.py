"""Freezer, dehumidifier and washing machine: cycles, energy, and what a cut does."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.smart_plug.dehumidifier import DehumidifierOptions, dehumidifier
from devices.smart_plug.freezer import FreezerOptions, freezer
from devices.smart_plug.washing_machine import (
    WashingMachine,
    WashingMachineOptions,
    programme,
)


def a_freezer(luck=0.25, **options):
    return freezer(FreezerOptions(**options), started_at_s=0.0, luck=luck)


def a_dehumidifier(luck=0.25, **options):
    return dehumidifier(DehumidifierOptions(**options), started_at_s=0.0, luck=luck)


def a_washer(seed=1, **options):
    return WashingMachine(
        WashingMachineOptions(**options),
        started_at_s=0.0,
        rng=np.random.default_rng(seed),
    )


@pytest.mark.parametrize(
    ("unit", "low", "high", "on_s", "off_s"),
    [
        (
            a_freezer(),
            -20.0,
            -19.0,
            132_000 * math.log(51 / 50),
            132_000 * math.log(38 / 37),
        ),
        (
            a_dehumidifier(),
            55.0,
            60.0,
            8000 * math.log(20 / 15),
            8000 * math.log(25 / 20),
        ),
    ],
    ids=["freezer", "dehumidifier"],
)
def test_a_cycle_follows_from_its_figures_and_stays_within_its_band(
    unit, low, high, on_s, off_s
):
    times = []
    while unit.next_change_s <= 86_400.0:
        times.append((unit.next_change_s, unit.running))
        assert low - 1e-6 <= unit.value(unit.next_change_s) <= high + 1e-6
    lengths = {}
    for (began_s, _), (ended_s, ran) in itertools.pairwise(times):
        lengths.setdefault(ran, set()).add(round(ended_s - began_s, 3))
    assert lengths == {True: {round(on_s, 3)}, False: {round(off_s, 3)}}


def test_a_freezer_cut_off_stays_cold_for_hours():
    unit = a_freezer(start_c=-20.0)
    unit.feed(False, at_s=0.0)
    assert unit.value(5 * 3600.0) == pytest.approx(-15.2, abs=0.1)
    assert unit.power_w(5 * 3600.0) == 0.0


@pytest.mark.parametrize("make", [a_freezer, a_dehumidifier])
@settings(max_examples=50)
@given(st.floats(0, 1), st.floats(1, 299))
def test_a_compressor_never_starts_within_its_rest(make, luck, cut_s):
    unit = make(luck, restart_delay_s=300.0)
    ran = unit.power_w(50.0) > 10.0
    unit.feed(False, at_s=50.0)
    unit.feed(True, at_s=50.0 + cut_s)
    if ran:
        assert unit.next_change_s >= 50.0 + 300.0 - 1e-6
        assert unit.power_w(50.0 + cut_s) < 10.0


@settings(max_examples=50)
@given(st.lists(st.floats(0, 20_000), min_size=1, max_size=20))
def test_what_is_asked_when_changes_nothing(times):
    asked, left_alone = a_dehumidifier(), a_dehumidifier()
    for at_s in sorted(times):
        asked.power_w(at_s)
    assert asked.power_w(20_000.0) == left_alone.power_w(20_000.0)
    assert asked.energy_wh(20_000.0) == pytest.approx(left_alone.energy_wh(20_000.0))


def test_seeds_begin_in_different_places_of_the_cycle():
    units = [a_freezer(luck) for luck in (0.1, 0.3, 0.6, 0.9)]
    assert len({round(each.next_change_s, 3) for each in units}) == 4
    assert a_freezer(0.1).running
    assert not a_freezer(0.9).running


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (FreezerOptions, {"warm_c": -25.0}),
        (DehumidifierOptions, {"lower_percent": 70.0}),
    ],
)
def test_thresholds_that_could_not_work_are_refused(options, wrong):
    with pytest.raises(ValidationError, match="<"):
        options(**wrong)


# --- washing machine


def test_it_waits_for_a_person():
    washer = a_washer()
    assert washer.power_w(3600.0) == 1.0
    assert washer.next_change_s == math.inf
    washer.start_programme(at_s=3600.0)
    assert washer.power_w(3600.0) == 40.0
    assert washer.power_w(3700.0) == 2000.0


def test_a_wash_takes_its_time_and_its_energy_and_ends_in_standby():
    washer = a_washer(heating_spread_percent=0.0)
    stages = programme(WashingMachineOptions(heating_spread_percent=0.0), 0.0)
    lasts_s = sum(stage.lasts_s for stage in stages)
    energy_wh = sum(stage.lasts_s * stage.power_w for stage in stages) / 3600
    washer.start_programme(at_s=0.0)
    assert washer.energy_wh(lasts_s) == pytest.approx(energy_wh)
    assert 600 < energy_wh < 800
    assert 80 * 60 < lasts_s < 110 * 60
    assert (washer.stage, washer.power_w(lasts_s + 1.0)) == ("standby", 1.0)


def test_supply_that_returns_finds_it_in_standby_until_a_person_starts_it():
    washer = a_washer()
    washer.start_programme(at_s=0.0)
    assert washer.power_w(600.0) == 2000.0
    washer.feed(False, at_s=600.0)
    assert washer.power_w(700.0) == 0.0
    washer.start_programme(at_s=750.0)
    assert washer.stage == "standby"
    washer.feed(True, at_s=900.0)
    assert washer.power_w(20_000.0) == 1.0
    washer.start_programme(at_s=20_000.0)
    assert washer.stage == "fill"


def test_its_delay_timer_starts_it_once_and_a_cut_clears_it():
    washer = a_washer(starts_at_s=1000.0)
    assert washer.power_w(999.0) == 1.0
    assert washer.power_w(1000.0) == 40.0
    assert washer.power_w(90_000.0) == 1.0
    assert washer.next_change_s == math.inf
    cut = a_washer(starts_at_s=1000.0)
    cut.feed(False, at_s=500.0)
    cut.feed(True, at_s=501.0)
    assert cut.power_w(90_000.0) == 1.0


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_no_two_seeds_heat_equally_long_but_each_does_so_twice(seed):
    first, again, other = a_washer(seed), a_washer(seed), a_washer(seed + 1)
    for washer in (first, again, other):
        washer.start_programme(at_s=0.0)
    ends_s = [_end_of_heating(each) for each in (first, again, other)]
    assert ends_s[0] == ends_s[1] != ends_s[2]
    assert 90 + 810 <= ends_s[0] <= 90 + 990


def _end_of_heating(washer):
    washer.power_w(100.0)
    assert washer.stage == "heat"
    return washer.next_change_s


def test_pressing_start_twice_does_not_begin_anew():
    washer = a_washer()
    washer.start_programme(at_s=0.0)
    due_s = washer.next_change_s
    washer.start_programme(at_s=10.0)
    assert washer.next_change_s == due_s
