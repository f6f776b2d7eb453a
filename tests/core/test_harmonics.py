"""Harmonic groups of a window: by hand, and for any mix of harmonics."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.circuit import Circuit, Feeder, FixedLoad
from harness.core.harmonics import (
    PER_WINDOW,
    distortion_percent,
    groups,
    sampled,
)


def test_a_sine_is_one_group_and_not_distorted():
    wave = sampled({1: 230.0})
    assert wave.size == PER_WINDOW
    assert wave.max() == pytest.approx(230 * math.sqrt(2), rel=1e-4)
    found = groups(wave)
    assert found[0] == pytest.approx(230)
    assert found[1:].max() < 1e-9
    assert distortion_percent(wave) == pytest.approx(0, abs=1e-9)


def test_a_rectifier_by_hand():
    """√(40² + 25² + 10²) = 48.22 % of the fundamental, whatever the angles."""
    wave = sampled({1: 10.0, 3: -4.0, 5: 2.5j, 7: 1.0})
    assert distortion_percent(wave) == pytest.approx(math.sqrt(40**2 + 25**2 + 10**2))


def test_what_lies_between_harmonics_belongs_to_the_nearer_or_half_to_each():
    """Lines are 5 Hz apart: 165 Hz is the third's, 175 Hz half each of both."""
    angle = 2 * np.pi * np.arange(PER_WINDOW) / PER_WINDOW

    def line(hertz, rms):
        return math.sqrt(2) * rms * np.cos(hertz / 5 * angle)

    found = groups(line(50, 100.0) + line(165, 3.0))
    assert found[2] == pytest.approx(3.0)
    found = groups(line(50, 100.0) + line(175, 4.0))
    assert found[2] == pytest.approx(4 / math.sqrt(2))
    assert found[3] == pytest.approx(4 / math.sqrt(2))


def test_of_nothing_there_is_no_distortion():
    assert distortion_percent(np.zeros(PER_WINDOW)) == 0.0


orders = st.dictionaries(st.integers(2, 40), st.floats(0, 50), max_size=12)


@given(harmonics=orders, angle=st.floats(-3.0, 3.0), size=st.floats(0.1, 400))
def test_any_mix_is_the_root_of_its_squares(harmonics, angle, size):
    turned = complex(math.cos(angle), math.sin(angle))
    parts = {h: size * percent / 100 * turned for h, percent in harmonics.items()}
    wave = sampled({1: size, **parts})
    wanted = math.sqrt(sum(percent**2 for percent in harmonics.values()))
    assert distortion_percent(wave) == pytest.approx(wanted, abs=1e-6)


class Rectifier:
    def power_w(self, at_s):
        return 2_300.0

    def harmonics_a(self, at_s):
        return {3: 4.0 + 0j}


def test_a_harmonic_current_distorts_the_voltage_of_everybody_at_the_feeders_end():
    """4 A in ten homes through 0.1 + j·3·0.05 Ω: 40 × 0.18 V = 7.21 V."""
    circuit = Circuit(feeder=Feeder(230.0, 0.1, 0.05, 10))
    circuit.attach("rectifier", Rectifier())
    circuit.attach("kettle", FixedLoad(1_000.0))
    voltage, current = circuit.spectra(("*",), 0.0)
    assert abs(voltage[3]) == pytest.approx(40 * math.hypot(0.1, 0.15))
    assert current[3] == 4.0
    voltage, current = circuit.spectra(("kettle",), 0.0)
    assert abs(voltage[3]) == pytest.approx(40 * math.hypot(0.1, 0.15))
    assert 3 not in current


def test_without_a_feeder_the_voltage_stays_a_sine():
    circuit = Circuit()
    circuit.attach("rectifier", Rectifier())
    voltage, current = circuit.spectra(("*",), 0.0)
    assert set(voltage) == {1}
    assert current[3] == 4.0
