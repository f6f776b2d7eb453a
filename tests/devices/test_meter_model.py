import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.meter.model import MeterErrors, MeterModel

QUIET = {"noise_percent": 0.0, "noise_w": 0.0}


def metered(power_w, *, until_s=10, seed=1, every_s=1.0, **errors):
    """A model that has looked at a power (a number, or a function of time)."""
    model = MeterModel(MeterErrors(**errors), np.random.default_rng(seed))
    flows = power_w if callable(power_w) else lambda _at_s: power_w
    for step in range(round(until_s / every_s) + 1):
        at_s = step * every_s
        model.update(at_s, power_w=flows(at_s), voltage_v=230.0)
    return model


def shown_w(model, at_s=10.0):
    return model.shown(at_s).power_w


@pytest.mark.parametrize("power_w", [7200.0, -3000.0, 0.0])
def test_a_gain_of_2_percent_shows_as_2_percent(power_w):
    model = metered(power_w, gain_percent=2.0, **QUIET)
    assert shown_w(model) == pytest.approx(power_w * 1.02, abs=1e-9)


def test_without_errors_the_truth_is_shown():
    assert shown_w(metered(1234.567, **QUIET)) == 1234.567


@pytest.mark.parametrize(
    ("power_w", "shown"), [(1004.9, 1000), (1005.1, 1010), (-1005.1, -1010), (4.9, 0)]
)
def test_resolution_rounds_to_the_nearest_step(power_w, shown):
    assert shown_w(metered(power_w, resolution_w=10.0, **QUIET)) == shown


def test_noise_has_the_size_it_is_given():
    errors = MeterErrors(noise_percent=0.5, noise_w=3.0)
    model = MeterModel(errors, np.random.default_rng(7))
    seen = []
    for step in range(20_000):
        model.update(float(step), power_w=1000.0, voltage_v=230.0)
        seen.append(model.shown(float(step)).power_w)
    assert np.mean(seen) == pytest.approx(1000.0, abs=0.2)
    assert np.std(seen) == pytest.approx(math.hypot(5.0, 3.0), rel=0.03)


def test_the_registers_hold_between_updates():
    model = metered(lambda at_s: 100 * at_s, every_s=1.0, until_s=4, **QUIET)
    assert shown_w(model, 4.0) == 400.0
    assert shown_w(model, 4.999) == 400.0
    model.update(5.0, power_w=500.0, voltage_v=230.0)
    assert shown_w(model, 5.0) == 500.0


@pytest.mark.parametrize(
    "errors",
    [
        {"clock_offset_s": 90.0},
        {"latency_s": 90.0},
        {"clock_offset_s": 60.0, "latency_s": 30.0},
    ],
)
def test_90_seconds_behind_shows_what_flowed_90_seconds_ago(errors):
    model = MeterModel(MeterErrors(**QUIET, **errors), np.random.default_rng(1))
    for at_s in range(301):
        model.update(float(at_s), power_w=7000.0 if at_s >= 100 else 0.0, voltage_v=230)
        expected = 7000.0 if at_s >= 190 else 0.0
        assert shown_w(model, float(at_s)) == expected, f"at {at_s} s"


def test_before_the_delay_is_over_the_first_look_is_shown():
    model = metered(lambda at_s: 500.0 + at_s, latency_s=30.0, until_s=10, **QUIET)
    assert shown_w(model) == 500.0


def test_a_frozen_meter_never_changes_again():
    model = metered(lambda at_s: at_s, frozen_after_s=5.5, until_s=20, **QUIET)
    assert shown_w(model, 5.0) == 5.0
    assert shown_w(model, 20.0) == 5.0
    assert model.shown(20.0) == model.shown(21.0)


def test_the_voltage_of_a_live_meter_never_stands_still():
    model = metered(1000.0, until_s=0)
    seen = set()
    for at_s in range(1, 100):
        model.update(float(at_s), power_w=1000.0, voltage_v=230.0)
        seen.add(model.shown(float(at_s)).voltage_v)
    assert len(seen) == 99


def test_energy_is_the_integral_of_metered_power():
    model = metered(3600.0, until_s=3600, gain_percent=1.0, **QUIET)
    assert model.shown(3600.0).energy_import_wh == 3636.0
    assert model.shown(3600.0).energy_export_wh == 0.0


def test_export_counts_on_its_own_register():
    model = metered(
        lambda at_s: 3600.0 if at_s < 1800 else -3600.0, until_s=3600, **QUIET
    )
    shown = model.shown(3600.0)
    assert shown.energy_import_wh == pytest.approx(1800, abs=2)
    assert shown.energy_export_wh == pytest.approx(1800, abs=2)


def test_a_delayed_meter_shows_the_energy_of_then():
    model = metered(3600.0, until_s=100, clock_offset_s=90.0, **QUIET)
    assert model.shown(100.0).energy_import_wh == 10.0


def test_current_is_never_negative():
    shown = metered(-2300.0, **QUIET).shown(10.0)
    assert shown.current_a == pytest.approx(10.0, abs=0.01)
    assert shown.power_w == -2300.0


def test_time_does_not_go_back():
    model = metered(1.0, until_s=5)
    with pytest.raises(ValueError, match="update at 4"):
        model.update(4.0, power_w=1.0, voltage_v=230.0)


LOAD_POINTS = [(1.0, 1), (0.5, 1), (0.8, -1)]
"""Power factors, and on which side the current is: behind the voltage, or ahead."""


def load(factor, side, *, current_a=10.0, voltage_v=230.0):
    apparent_va = current_a * voltage_v
    return apparent_va * factor, side * apparent_va * math.sqrt(1 - factor**2)


def error_percent(factor, side, *, current_a=10.0, hours=1, **errors):
    """Error of the energy register against what truly flowed. [%]"""
    power_w, reactive_var = load(factor, side, current_a=current_a)
    how = {"energy_resolution_wh": 0.0, **QUIET, **errors}
    model = MeterModel(MeterErrors(**how), np.random.default_rng(1))
    for at_s in range(0, 3600 * hours + 1, 60):
        model.update(
            float(at_s), power_w=power_w, reactive_var=reactive_var, voltage_v=230.0
        )
    counted_wh = model.shown(3600.0 * hours).energy_import_wh
    return 100 * (counted_wh / (power_w * hours) - 1)


@pytest.mark.parametrize(("factor", "side"), LOAD_POINTS)
@pytest.mark.parametrize("minutes", [10.0, -30.0, 120.0])
def test_a_phase_error_grows_with_the_tangent_of_the_load(factor, side, minutes):
    angle = math.radians(minutes / 60)
    tangent = side * math.sqrt(1 - factor**2) / factor
    closed = 100 * (math.cos(angle) - 1 + tangent * math.sin(angle))
    found = error_percent(factor, side, phase_error_minutes=minutes)
    assert found == pytest.approx(closed, abs=1e-9)


def test_a_current_taken_for_earlier_flatters_a_coil_and_robs_a_capacitor():
    """10 minutes of arc are 0.5 % at 0.5 lagging, and -0.2 % at 0.8 leading."""
    found = [error_percent(*at, phase_error_minutes=10.0) for at in LOAD_POINTS]
    assert found == pytest.approx([0.0, 0.504, -0.218], abs=0.001)


@pytest.mark.parametrize(("factor", "side"), LOAD_POINTS)
@pytest.mark.parametrize("current_a", [0.25, 5.0, 60.0])
def test_an_offset_is_the_same_power_at_any_load(factor, side, current_a):
    power_w, _ = load(factor, side, current_a=current_a)
    found = error_percent(factor, side, current_a=current_a, offset_w=0.5)
    assert found == pytest.approx(100 * 0.5 / power_w, rel=1e-9)


@given(
    gain=st.floats(-2.0, 2.0),
    offset_w=st.floats(-5.0, 5.0),
    minutes=st.floats(-60.0, 60.0),
    factor=st.floats(0.3, 1.0),
    side=st.sampled_from([1, -1]),
)
def test_the_errors_add_up_as_the_formula_says(gain, offset_w, minutes, factor, side):
    errors = {
        "gain_percent": gain,
        "offset_w": offset_w,
        "phase_error_minutes": minutes,
    }
    power_w, reactive_var = load(factor, side)
    angle = math.radians(minutes / 60)
    turned_w = power_w * math.cos(angle) + reactive_var * math.sin(angle)
    wanted_w = turned_w * (1 + gain / 100) + offset_w
    model = MeterModel(MeterErrors(**QUIET, **errors), np.random.default_rng(0))
    model.update(0.0, power_w=power_w, reactive_var=reactive_var, voltage_v=230.0)
    assert shown_w(model, 0.0) == pytest.approx(wanted_w, rel=1e-12)
    # What is turned, and not stretched, keeps its size.
    size_va = math.hypot(power_w, reactive_var) * (1 + gain / 100)
    shown = model.shown(0.0)
    found_va = math.hypot(shown.power_w - offset_w, shown.reactive_var)
    assert found_va == pytest.approx(size_va, rel=1e-9)


@pytest.mark.parametrize(
    ("current_a", "counts"), [(0.0, False), (0.0199, False), (0.0201, True)]
)
@pytest.mark.parametrize(("factor", "side"), LOAD_POINTS)
def test_below_its_starting_current_a_meter_counts_nothing(
    factor, side, current_a, counts
):
    errors = {"starting_current_a": 0.02, "noise_w": 0.5, "offset_w": 0.1}
    model = MeterModel(
        MeterErrors(energy_resolution_wh=0.0, **errors), np.random.default_rng(3)
    )
    power_w, reactive_var = load(factor, side, current_a=current_a)
    for at_s in range(3601):
        model.update(
            float(at_s), power_w=power_w, reactive_var=reactive_var, voltage_v=230.0
        )
    shown = model.shown(3600.0)
    assert (shown.energy_import_wh + shown.energy_export_wh > 0) == counts
    if not counts:
        assert (shown.power_w, shown.current_a) == (0.0, 0.0)


def test_without_errors_of_the_load_point_every_bit_is_as_it_always_was():
    """Numbers of the model as it was before it had any: recordings stay the same."""
    model = MeterModel(MeterErrors(gain_percent=0.3), np.random.default_rng(5))
    for at_s in range(301):
        model.update(
            float(at_s), power_w=1234.5 + at_s, reactive_var=100.0, voltage_v=230.0
        )
    shown = model.shown(150.0)
    assert shown.power_w == 1389.063040027973
    assert shown.current_a == 6.055033694754724
    assert model._looks[300].energy_import_wh == 115.72264854196203


@pytest.mark.parametrize(
    "errors",
    [
        {"update_interval_s": 0.0},
        {"clock_offset_s": -1.0},
        {"noise_w": -1.0},
        {"gain_percent": 60.0},
        {"gian_percent": 1.0},
        {"starting_current_a": -0.1},
        {"phase_error_minutes": 6000.0},
    ],
)
def test_impossible_errors_are_refused(errors):
    with pytest.raises(ValidationError):
        MeterErrors(**errors)


@given(
    steps=st.lists(st.floats(0.02, 20.0), min_size=1, max_size=60),
    delay_s=st.floats(0.0, 60.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_shown_is_always_the_last_update_that_is_old_enough(
    steps, delay_s, seed
):
    errors = MeterErrors(latency_s=delay_s, **QUIET)
    model = MeterModel(errors, np.random.default_rng(seed))
    at_s, looks = 0.0, []
    for number, step_s in enumerate(steps):
        at_s += step_s
        model.update(at_s, power_w=float(number), voltage_v=230.0)
        looks.append((at_s, float(number)))
        old_enough = [look for look in looks if look[0] <= at_s - delay_s + 1e-9]
        assert shown_w(model, at_s) == (old_enough or looks[:1])[-1][1]


@given(
    powers=st.lists(st.floats(-20e3, 20e3), min_size=2, max_size=50),
    step_s=st.floats(0.02, 60.0),
)
def test_energy_registers_never_run_back_and_balance(powers, step_s):
    errors = MeterErrors(energy_resolution_wh=0.0, **QUIET)
    model = MeterModel(errors, np.random.default_rng(0))
    before = (0.0, 0.0)
    for number, power_w in enumerate(powers):
        at_s = number * step_s
        model.update(at_s, power_w=power_w, voltage_v=230.0)
        shown = model.shown(at_s)
        after = (shown.energy_import_wh, shown.energy_export_wh)
        assert after[0] >= before[0]
        assert after[1] >= before[1]
        before = after
    net_wh = float(np.trapezoid(powers, dx=step_s)) / 3600
    assert before[0] - before[1] == pytest.approx(net_wh, abs=1e-6)


@given(st.floats(0.001, 100.0), st.floats(-10e3, 10e3))
def test_resolution_never_moves_a_value_by_more_than_half_a_step(step_w, power_w):
    shown = shown_w(metered(power_w, until_s=0, resolution_w=step_w, **QUIET))
    assert abs(shown - power_w) <= step_w / 2 * (1 + 1e-9)
