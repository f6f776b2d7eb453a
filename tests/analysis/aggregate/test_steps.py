"""Few reads are summed by what each changes: many times faster, the same numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.aggregate import wide
from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import aggregate_power
from harness.analysis.aggregate.reads import reads_of
from harness.analysis.aggregate.wide import wide_sums
from tests.analysis.aggregate.portfolios import (
    EXACT,
    assert_as_slowly,
    assert_close,
    mixed_meters,
    slowly,
    small_blocks,
)

ASSETS, SECONDS = 5, 26
POWER = st.sampled_from([0.0, -2000.0, 0.1, 450.3, 7200.0, 123456.789])
METERS = mixed_meters(ASSETS, np.random.default_rng(3))


@pytest.fixture
def by_steps(monkeypatch):
    """Every table is summed by what its reads change."""
    monkeypatch.setattr(wide, "FEW", -1.0)
    monkeypatch.setattr(wide, "START", 1)
    monkeypatch.setattr(wide, "SPAN", 19)


@st.composite
def few_reads(draw):
    cells = st.tuples(st.integers(0, ASSETS - 1), st.integers(0, SECONDS - 1))
    table = np.full((ASSETS, SECONDS), np.nan)
    for cell in draw(st.lists(cells, unique=True, max_size=40)):
        table[cell] = draw(POWER)
    return table


@settings(max_examples=120, deadline=None)
@given(
    few_reads(),
    st.sampled_from([0.0, 1.0, 3.5, 8.0, 60.0]),
    st.sampled_from([0.0, 2.5, [0.0, 1.0, 4.0, 0.2, 9.0]]),
)
def test_steps_give_the_numbers_of_a_slow_count(table, max_age_s, lag_s):
    with small_blocks(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide, "FEW", -1.0)
        got = wide_sums(table, METERS, max_age_s=max_age_s, lag_s=lag_s, from_s=10)
    reads = reads_of(table, from_s=10, lag_s=lag_s)
    window = {"from_s": 10, "until_s": 10 + SECONDS, "max_age_s": max_age_s}
    assert_as_slowly(got, slowly(reads, METERS, **window))


def test_a_real_day_by_steps_is_the_day_by_filling(monkeypatch):
    # Two hours of 300 assets read every 60 s, some of them silent for a while.
    rng = np.random.default_rng(4)
    table = np.full((300, 7200), np.nan)
    for asset, row in enumerate(table):
        row[asset % 60 :: 60] = rng.normal(500, 900, row[asset % 60 :: 60].size)
        row[rng.integers(7200) :][:600] = np.nan
    meters, hold = mixed_meters(300, rng), {"max_age_s": 90.0}
    steps = wide_sums(table, meters, **hold)
    monkeypatch.setattr(wide, "FEW", 1.0)
    filled = wide_sums(table, meters, **hold)
    assert_close(steps, filled, rel=1e-10)
    assert filled.missing.any()


@pytest.mark.usefixtures("by_steps")
@pytest.mark.parametrize("left_w", [0.0, 0.1, 1e-6])
def test_when_nearly_all_power_goes_what_is_left_is_exact(left_w):
    # 0.2 + 7123.4 − 7123.4 is not 0.2 in floating point; the power that is left is.
    table = np.full((3, 40), np.nan)
    table[:, 0], table[:, 30] = [0.1, 0.2, 7123.4], [0.0, left_w, 0.0]
    table[0, 20] = 0.7
    got = aggregate_power(wide_sums(table, asset_meters(3, **EXACT), max_age_s=60.0))
    assert got.power_w[29] == pytest.approx(7124.3)
    assert (got.power_w[30:] == left_w).all()
    number = 1.0 if left_w else np.nan
    np.testing.assert_allclose(got.effective_number[30:], number)


@pytest.mark.usefixtures("by_steps")
def test_a_value_just_read_has_no_age_and_ages_by_the_second():
    table = np.array([[5.0, np.nan, np.nan, 6.0], [np.nan, 1.0, np.nan, np.nan]])
    meters = asset_meters(2, random_u=0.0, diffusion_w2_per_s=[10.0, 1.0])
    got = wide_sums(table, meters, max_age_s=1.0, from_s=1000)
    assert got.staleness_w2.tolist() == [0.0, 10.0, 1.0, 0.0]
    assert got.missing.tolist() == [1, 0, 1, 1]
    assert got.held.tolist() == [0, 1, 1, 0]
    assert got.power_w.tolist() == [5.0, 6.0, 1.0, 6.0]


@pytest.mark.usefixtures("by_steps")
@pytest.mark.parametrize(
    ("worst", "message"),
    [
        (np.inf, "asset 1 reads inf W at 12 s"),
        (-np.inf, "asset 1 reads -inf W at 12 s"),
        (1e200, "powers beyond 1e150 W are no powers"),
    ],
)
def test_an_impossible_power_is_named(worst, message):
    table = np.full((2, 6), np.nan)
    table[1, 2] = worst
    with pytest.raises(ValueError, match=message):
        wide_sums(table, asset_meters(2, **EXACT), max_age_s=60.0, from_s=10)
