import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uncertainties import ufloat

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import (
    MeterQuality,
    calibrated,
    difference,
    of_class,
    one_sided_u,
    rectangular_u,
    relative_difference,
    scaled,
    share_of,
)


def test_a_class_is_an_even_spread_and_a_certificate_is_what_it_says():
    # JCGM 100:2008, 4.3.7: half-width a gives a/√3.
    by_class = of_class(1.0, source="EN 50470-3 class B", resolution_w=1.0)
    assert by_class.relative_u == pytest.approx(0.01 / math.sqrt(3))
    assert by_class.absolute_u_w == pytest.approx(0.5 / math.sqrt(3))
    by_certificate = calibrated(0.4, source="certificate 17, 2026-01", latency_s=0.3)
    assert by_certificate.relative_u == pytest.approx(0.002)
    assert by_certificate.latency_s == 0.3


def test_the_uncertainty_of_a_reading_adds_gain_and_offset():
    assert MeterQuality("m", 0.003, 4.0).power_u_w(-1000) == pytest.approx(5.0)


def test_a_value_at_the_end_of_its_interval_carries_the_shift():
    # Even spread over 1 s: variance 1/12, and the shift to the end 1/2.
    assert one_sided_u(1.0) ** 2 == pytest.approx(1 / 12 + 1 / 4)
    assert rectangular_u(0.5) ** 2 == pytest.approx(1 / 12)


positive = st.floats(0.1, 100)
powers = st.floats(-1e4, 1e4).filter(lambda watts: abs(watts) > 1e-3)


@settings(deadline=None)
@given(powers, powers, positive, positive, st.floats(0.0001, 0.05))
def test_difference_agrees_with_an_independent_library(a, b, u_a, u_b, relative):
    def reading(value, u):
        gain = Contribution("meter gain", relative * abs(value))
        return Estimate(value, "W", (gain, Contribution("meter offset", u)))

    got = difference(reading(a, u_a), reading(b, u_b))
    gain = ufloat(1.0, relative)
    expected = gain * (a + ufloat(0, u_a)) - gain * (b + ufloat(0, u_b))
    # Second-order terms of gain × offset are none in a linear propagation.
    assert got.value == pytest.approx(expected.nominal_value, abs=1e-9)
    assert got.u == pytest.approx(expected.std_dev, rel=1e-9)


@settings(deadline=None)
@given(powers, positive, st.floats(-50, 50))
def test_scaling_scales_value_and_budget(value, u, factor):
    ends = (value - 1, value + 1)
    got = scaled(
        Estimate(value, "W", (Contribution("x", u),), unseen=ends), factor, "Wh"
    )
    expected = ufloat(value, u) * factor
    assert got.value == pytest.approx(expected.nominal_value)
    assert got.u == pytest.approx(expected.std_dev)
    assert got.unseen[0] <= got.unseen[1]


def test_units_do_not_mix():
    with pytest.raises(ValueError, match="W less s has no meaning"):
        difference(Estimate(1.0, "W"), Estimate(1.0, "s"))


def test_a_share_carries_what_the_gaps_leave_open():
    part = Estimate(50.0, "Wh", unseen=(50.0, 80.0))
    whole = Estimate(100.0, "Wh", unseen=(100.0, 200.0))
    got = share_of(part, whole)
    assert (got.value, got.unseen) == (50.0, (25.0, 80.0))
    assert relative_difference(part, whole).unseen == (-75.0, -20.0)
    nothing = share_of(part, Estimate(0.0, "Wh"))
    assert math.isnan(nothing.value)
    assert nothing.why == "there is nothing to compare with"
