"""The battery's physics: what must hold whatever it is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.battery.model import Battery, BatteryOptions, Controls

QUIET = {"ripple_w": 0.0, "response_delay_s": 0.0}


def battery(**options):
    chosen = BatteryOptions(**{**QUIET, **options})
    return Battery(chosen, started_at_s=0.0, rng=np.random.default_rng(1))


def told(
    power_w, *, at_s=0.0, settle_s=60.0, var=0.0, first=False, reserve=0, **options
):
    """A battery some time after it was told a power."""
    model = battery(**options)
    ramp = options.get("ramp_percent_per_s", 20)
    controls = Controls(power_w, var, first, ramp, reserve)
    model.instruct(controls, at_s=at_s)
    model.power_w(at_s + settle_s)
    return model


def test_it_rests_at_its_standby_power():
    model = battery(standby_w=12.0)
    assert model.power_w(0.0) == model.power_w(3600.0) == 12.0
    assert model.energy_import_wh == pytest.approx(12.0)
    assert model.soc_percent == 50.0


@pytest.mark.parametrize("power_w", [3000.0, -3000.0])
def test_it_holds_what_it_is_told_at_its_terminals(power_w):
    model = told(power_w)
    assert model.power_w(61.0) == power_w
    assert model.power_w(600.0) == power_w


def test_it_ramps_as_it_is_set():
    model = told(5000.0, settle_s=0.0, ramp_percent_per_s=10)
    start_s = 0.25  # the write is acted on at the next tick
    at = {after_s: model.power_w(start_s + after_s) for after_s in (1.0, 2.0, 5.0)}
    assert at == {1.0: 500.0, 2.0: 1000.0, 5.0: 2500.0}
    assert model.power_w(start_s + 10.0) == 5000.0


def test_a_response_delay_is_kept_within_a_fifth():
    model = battery(response_delay_s=10.0)
    model.instruct(Controls(5000.0, ramp_percent_per_s=1000), at_s=0.0)
    assert model.power_w(7.9) == 12.0
    assert model.power_w(13.0) == 5000.0


def test_it_follows_its_own_choice_only_while_nobody_asks():
    model = battery()
    model.follow(-800.0, at_s=0.0)
    assert model.power_w(30.0) == -800.0
    model.instruct(Controls(1000.0), at_s=30.0)
    assert model.power_w(60.0) == 1000.0
    model.instruct(Controls(None), at_s=60.0)
    assert model.power_w(90.0) == -800.0


def test_it_stops_giving_at_its_floor_and_at_the_reserve():
    empty = told(-5000.0, settle_s=7200.0, start_soc_percent=15)
    assert empty.soc_percent == pytest.approx(5.0, abs=0.5)
    assert abs(empty.power_w(7201.0)) < 100.0
    kept = told(-5000.0, settle_s=7200.0, start_soc_percent=50, reserve=30.0)
    assert kept.soc_percent == pytest.approx(30.0, abs=0.5)
    assert kept.is_held_back


def test_charging_tapers_and_ends_at_full():
    model = told(5000.0, settle_s=0.0, start_soc_percent=89)
    powers = [model.power_w(at_s) for at_s in (60.0, 600.0, 1200.0, 2400.0)]
    assert powers[0] == 5000.0
    assert powers == sorted(powers, reverse=True)
    model.power_w(14_000.0)
    assert model.soc_percent == pytest.approx(100.0, abs=0.1)
    assert model.power_w(14_001.0) <= 12.0


def test_reactive_power_takes_the_room_that_active_power_leaves():
    assert told(4000.0, var=3000.0).reactive_var(60.0) == pytest.approx(3000.0)
    active = told(5000.0, var=3000.0)
    assert active.power_w(61.0) == 5000.0
    assert active.reactive_var(61.0) == pytest.approx(0.0, abs=1.0)
    reactive = told(5000.0, var=3000.0, first=True)
    assert reactive.reactive_var(61.0) == 3000.0
    assert reactive.power_w(61.0) == pytest.approx(4000.0)


def test_tripped_it_draws_nothing_and_starts_again_from_rest():
    model = told(-3000.0)
    model.trip(True, at_s=60.0)
    assert model.power_w(60.0) == model.power_w(90.0) == 0.0
    soc = model.soc_percent
    model.trip(False, at_s=90.0)
    assert model.soc_percent == soc
    assert model.power_w(91.0) > -1001.0
    assert model.power_w(120.0) == -3000.0


def test_a_vehicle_that_is_away_takes_nothing_and_comes_back_emptier():
    model = told(3000.0, start_soc_percent=50)
    before_wh = model.stored_wh
    model.plug(False, at_s=60.0)
    assert model.power_w(120.0) == 12.0
    model.plug(True, at_s=3600.0, used_wh=1000.0)
    assert model.stored_wh == pytest.approx(before_wh - 1000.0, abs=1.0)
    model.plug(True, at_s=3600.0, used_wh=1000.0)
    assert model.stored_wh == pytest.approx(before_wh - 1000.0, abs=1.0)
    assert model.power_w(3660.0) == 3000.0


@pytest.mark.parametrize(
    "options",
    [
        {"max_apparent_va": 4000.0},
        {"max_reactive_var": 6000.0},
        {"start_soc_percent": 2.0},
        {"capacity_wh": 0.0},
        {"discharge_efficiency": 1.1},
    ],
)
def test_ratings_that_contradict_each_other_are_refused(options):
    with pytest.raises(ValidationError):
        BatteryOptions(**options)


powers = st.one_of(st.none(), st.floats(-9000, 9000))
steps = st.lists(
    st.tuples(
        powers, st.floats(-4000, 4000), st.booleans(), st.floats(0, 90),
        st.floats(1.0, 900.0),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=40, deadline=None, derandomize=True)
@given(steps, st.floats(5, 100))
def test_energy_and_limits_hold_whatever_is_asked(steps, soc):
    model = battery(start_soc_percent=soc, response_delay_s=0.4, standby_w=0.0)
    before_wh, at_s = model.stored_wh, 0.0
    for power_w, var, first, reserve, lasts_s in steps:
        model.instruct(Controls(power_w, var, first, 20, reserve), at_s=at_s)
        for share in (0.01, 0.1, 0.5, 1.0):
            active = model.power_w(at_s + share * lasts_s)
            reactive = model.reactive_var(at_s + share * lasts_s)
            assert abs(active) <= 5000.0 + 1e-6
            assert abs(reactive) <= 3000.0 + 1e-6
            assert 0.0 <= model.stored_wh <= 10_000.0
        at_s += lasts_s
    gained_wh = model.energy_import_wh * 0.96 - model.energy_export_wh / 0.96
    # Nothing is stored that was not taken, and nothing given that was not stored.
    assert model.stored_wh - before_wh == pytest.approx(gained_wh, abs=0.5)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.floats(0.0, 300.0), min_size=1, max_size=20))
def test_how_often_anybody_looks_changes_nothing(looks):
    one, other = battery(ripple_w=2.0), battery(ripple_w=2.0)
    for model in (one, other):
        model.instruct(Controls(-2500.0, 700.0), at_s=0.0)
    for at_s in sorted(looks):
        one.power_w(at_s)
        one.reactive_var(at_s)
    assert one.power_w(301.0) == other.power_w(301.0)
    assert one.stored_wh == other.stored_wh
