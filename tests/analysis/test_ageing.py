"""How fast insulation ages: by hand where the model has a plain answer, and beyond."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.ageing import (
    ThermalModel,
    ageing_saved,
    hot_spot_c,
    life_used_s,
)

MODEL = ThermalModel()
T = np.arange(0.0, 7_201.0, 30.0)


def load(share):
    return np.full(T.shape, float(share))


@pytest.mark.parametrize(("ambient_c", "pace"), [(20, 1), (26, 2), (14, 0.5)])
def test_at_its_rating_it_ages_as_designed_and_twice_as_fast_six_kelvins_warmer(
    ambient_c, pace
):
    """20 °C outside, 55 K of oil and 23 K of hot spot above it: 98 °C."""
    used_s = life_used_s(T, load(1), ambient_c=ambient_c, model=MODEL)
    assert used_s == pytest.approx(pace * 7_200)


def test_without_a_load_the_oil_is_warmed_by_what_is_lost_all_the_same():
    hot = hot_spot_c(T, load(0), ambient_c=20, model=MODEL)
    assert hot == pytest.approx(20 + 55 * (1 / 6) ** 0.8)


def test_the_oil_is_two_thirds_of_the_way_after_its_time_constant():
    slow = ThermalModel(winding_s=1e-3)
    time_s = np.arange(0.0, 180 * 60 + 1.0, 10.0)
    steps = np.where(time_s < 1.0, 0.0, 1.0)
    hot = hot_spot_c(time_s, steps, ambient_c=0, model=slow)
    cold = 55 * (1 / 6) ** 0.8
    wanted = cold + (55 - cold) * (1 - math.exp(-1)) + 23
    assert hot[-1] == pytest.approx(wanted, abs=0.2)


@given(
    share=st.floats(0.1, 1.5), cut=st.floats(0.0, 0.9), ambient=st.floats(-10, 35),
    u=st.floats(0, 0.02),
)  # fmt: skip
def test_a_lower_load_spares_some_life_and_never_more_than_all(share, cut, ambient, u):
    found = ageing_saved(
        T, load(share * (1 - cut)), load(share), ambient_c=ambient, load_u=u,
        source="a meter",
    )  # fmt: skip
    assert 0 <= found.value < 100
    assert found.u >= 0
    worse = ageing_saved(
        T, load(share), load(share * (1 - cut)), ambient_c=ambient, load_u=u,
        source="a meter",
    )  # fmt: skip
    assert worse.value <= 1e-9


def test_its_uncertainty_holds_what_a_meter_that_reads_too_high_does():
    def saved(factor):
        return ageing_saved(
            T, load(0.6 * factor), load(1.05 * factor), ambient_c=10, load_u=0.01,
            source="a meter",
        )  # fmt: skip

    assert abs(saved(1.01).value - saved(1.0).value) <= saved(1.0).expanded


def test_a_load_that_was_not_seen_says_nothing():
    holed = load(0.8)
    holed[10] = np.nan
    found = ageing_saved(T, holed, load(1), ambient_c=10, load_u=0, source="a meter")
    assert math.isnan(found.value)
    short = ageing_saved(T[:1], load(1)[:1], load(1)[:1], ambient_c=10, load_u=0,
                         source="a meter")  # fmt: skip
    assert math.isnan(short.value)
