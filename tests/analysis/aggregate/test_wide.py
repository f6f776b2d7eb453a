"""A table of reads becomes the sums that a slow count gives, by any way through."""

import numpy as np
import pytest

from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.reads import reads_of
from harness.analysis.aggregate.running import reads_sums
from harness.analysis.aggregate.sums import combine
from harness.analysis.aggregate.wide import wide_sums
from tests.analysis.aggregate.portfolios import (
    EXACT,
    assert_as_slowly,
    assert_close,
    assert_same,
    mixed_meters,
    slowly,
    small_blocks,
)

NAN = np.nan


def test_a_complete_table_is_summed_second_by_second():
    power_w = np.array([[1000.0, 2000.0], [-500.0, 0.0]])
    meters = asset_meters(
        2,
        random_u=0.01,
        systematic_u=[0.02, 0.03],
        cause=[0, 1],
        absolute_u_w=2.0,
        diffusion_w2_per_s=5.0,
    )
    got = wide_sums(power_w, meters, max_age_s=0.0, from_s=100)
    assert got.power_w.tolist() == [500.0, 2000.0]
    assert got.square_w2.tolist() == [1.25e6, 4e6]
    assert got.random_w2 == pytest.approx([125.0, 400.0])
    assert got.systematic_w.tolist() == [[20.0, 40.0], [-15.0, 0.0]]
    assert got.absolute_w2.tolist() == [8.0, 8.0]
    assert not got.staleness_w2.any()
    assert not got.held.any()
    assert got.present.tolist() == [2, 2]
    assert (got.from_s, got.assets, got.seconds) == (100, 2, 2)


def test_a_gap_is_held_up_to_its_age_and_missing_one_second_later():
    power_w = np.array([[800.0, NAN, NAN, NAN, 900.0]])
    meters = asset_meters(1, random_u=0.0, diffusion_w2_per_s=10.0, rating_w=2000.0)
    got = wide_sums(power_w, meters, max_age_s=2.0)
    assert got.power_w.tolist() == [800.0, 800.0, 800.0, 0.0, 900.0]
    assert got.missing.tolist() == [0, 0, 0, 1, 0]
    assert got.held.tolist() == [0, 1, 1, 0, 0]
    assert got.staleness_w2.tolist() == [0.0, 10.0, 20.0, 0.0, 0.0]
    assert got.lost_w.tolist() == [0.0, 0.0, 0.0, 800.0, 0.0]
    assert got.lost_variance_w2[3] == pytest.approx(800**2 / 3 + 30)


def test_an_asset_never_heard_of_is_as_unsure_as_its_rating():
    power_w = np.array([[NAN, 50.0]])
    for rating_w, variance_w2 in ((3000.0, 3e6), (np.inf, np.inf)):
        meters = asset_meters(1, **EXACT, rating_w=rating_w)
        got = wide_sums(power_w, meters, max_age_s=9.0)
        assert got.lost_variance_w2.tolist() == [variance_w2, 0.0]
        assert got.missing.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("lag_s", "shown"),
    [
        (0.0, [1.0, 2.0, 3.0]),
        (1.0, [0.0, 1.0, 2.0]),
        (1.1, [0.0, 0.0, 1.0]),
        (9.0, [0.0, 0.0, 0.0]),
    ],
)
def test_a_read_counts_from_the_second_by_which_it_has_arrived(lag_s, shown):
    meters = asset_meters(1, random_u=0.0, diffusion_w2_per_s=1.0)
    got = wide_sums(np.array([[1.0, 2.0, 3.0]]), meters, max_age_s=60.0, lag_s=lag_s)
    assert got.power_w.tolist() == shown
    # Age counts from when it was sampled, not from when it came.
    assert got.staleness_w2.tolist() == [np.ceil(lag_s) * (p > 0) for p in shown]


def test_a_read_too_old_when_it_arrives_is_never_shown():
    meters = asset_meters(1, **EXACT)
    for max_age_s, missing in ((2.0, [1, 1, 0, 0]), (1.9, [1, 1, 1, 1])):
        got = wide_sums(np.ones((1, 4)), meters, max_age_s=max_age_s, lag_s=2.0)
        assert got.missing.tolist() == missing


@pytest.mark.parametrize("share", [1.0, 0.95, 0.6, 0.1, 0.02])
@pytest.mark.parametrize("lag_s", [0.0, 2.5, "each its own"])
def test_every_way_through_gives_the_numbers_of_a_slow_count(share, lag_s):
    rng = np.random.default_rng(int(100 * share))
    power_w = np.round(rng.normal(500, 900, (8, 50)), 1)
    power_w[rng.random(power_w.shape) >= share] = NAN
    if lag_s == "each its own":
        lag_s = rng.uniform(0, 5, 8)
    meters, hold = mixed_meters(8, rng), {"max_age_s": 6.0}
    reads = reads_of(power_w, from_s=40, lag_s=lag_s)
    with small_blocks():
        got = wide_sums(power_w, meters, from_s=40, lag_s=lag_s, **hold)
        as_reads = reads_sums(reads, meters, from_s=40, until_s=90, **hold)
    assert_as_slowly(got, slowly(reads, meters, from_s=40, until_s=90, **hold))
    assert_close(got, as_reads)
    if share > 0.6 and isinstance(lag_s, float) and not lag_s:
        assert_same(got, as_reads)


@pytest.mark.parametrize("share", [1.0, 0.99, 0.5, 0.02])
def test_neither_threads_nor_the_way_in_change_a_bit(share):
    # Real sizes: two blocks, three patches, rows of more than one kind.
    rng = np.random.default_rng(5)
    power_w = rng.normal(500, 900, (300, 4500))
    power_w[rng.random(power_w.shape) >= share] = NAN
    meters, hold = mixed_meters(300, rng), {"max_age_s": 70.0}
    one = wide_sums(power_w, meters, threads=1, **hold)
    assert_same(one, wide_sums(power_w, meters, threads=3, **hold))
    assert_same(one, wide_sums(np.asfortranarray(power_w), meters, **hold))
    as_reads = reads_sums(reads_of(power_w), meters, from_s=0, until_s=4500, **hold)
    if share > 0.5:
        assert_same(one, as_reads)
    else:  # where half of a table is empty only the changes are added up
        assert_close(one, as_reads, rel=1e-10)


def test_an_error_in_one_block_stops_them_all():
    power_w = np.ones((20_000, 3))
    power_w[300, 1] = np.inf
    meters = asset_meters(20_000, **EXACT)
    for threads in (1, 2, 4):
        with pytest.raises(ValueError, match="asset 300 reads inf W at 1 s"):
            wide_sums(power_w, meters, max_age_s=1.0, threads=threads)


def test_the_table_is_left_as_it_was():
    rng = np.random.default_rng(3)
    power_w = np.where(rng.random((70, 500)) < 0.9, rng.random((70, 500)), NAN)
    before = power_w.copy()
    power_w.flags.writeable = False
    wide_sums(power_w, asset_meters(70, **EXACT), max_age_s=5.0)
    np.testing.assert_array_equal(power_w, before)


def test_blocks_summed_elsewhere_add_to_the_same_bits():
    rng = np.random.default_rng(9)
    power_w, meters = rng.normal(500, 900, (600, 40)), mixed_meters(600, rng)
    whole = wide_sums(power_w, meters, max_age_s=1.0)
    parts = [
        wide_sums(
            power_w[first : first + 256],
            meters.part(first, first + 256),
            max_age_s=1.0,
        )
        for first in (0, 256, 512)
    ]
    assert_same(whole, combine(parts))
    # In another order they add to the same but for rounding.
    assert_close(whole, combine(parts[::-1]))


def test_single_precision_is_summed_in_double():
    rng = np.random.default_rng(2)
    power_w = rng.normal(500, 900, (100, 60)).astype(np.float32)
    meters = asset_meters(100, **EXACT)
    got = wide_sums(power_w, meters, max_age_s=1.0)
    assert_same(got, wide_sums(power_w.astype(np.float64), meters, max_age_s=1.0))


def test_one_second_alone_gives_the_bits_it_has_among_others():
    power_w = np.random.default_rng(4).normal(500, 900, (90, 5))
    meters = asset_meters(90, random_u=0.01, diffusion_w2_per_s=1.0)
    many = wide_sums(power_w, meters, max_age_s=1.0)
    for second in range(5):
        alone = wide_sums(power_w[:, second : second + 1], meters, max_age_s=1.0)
        assert alone.power_w[0] == many.power_w[second]
        assert alone.square_w2[0] == many.square_w2[second]


@pytest.mark.parametrize(
    ("power_w", "options", "message"),
    [
        (np.ones((3, 5)), {}, r"power_w is \(3, 5\) but there are 2 assets"),
        (np.ones(5), {}, r"power_w is \(5,\) but there are 2 assets"),
        (np.ones((2, 0)), {}, "power_w holds no second"),
        (np.ones((2, 5), dtype=int), {}, "power_w holds int64, not floats"),
        (np.array([[1.0, 2], [3, np.inf]]), {}, "asset 1 reads inf W at 1 s"),
        (np.array([[NAN, 2], [3, -np.inf]]), {}, "asset 1 reads -inf W at 1 s"),
        (np.array([[1.0, np.inf], [3, -np.inf]]), {}, "asset 0 reads inf W at 1 s"),
        (np.full((2, 5), 1e200), {}, "powers beyond 1e150 W are no powers"),
        (np.ones((2, 5)), {"max_age_s": -1.0}, "max_age_s must be finite and not neg"),
        (np.ones((2, 5)), {"max_age_s": NAN}, "max_age_s must be finite and not neg"),
        (np.ones((2, 5)), {"max_age_s": np.inf}, "max_age_s must be finite"),
        (np.ones((2, 5)), {"lag_s": -0.1}, "lag_s must be finite and not negative"),
        (np.ones((2, 5)), {"lag_s": [1.0, NAN]}, "lag_s must be finite"),
        (np.ones((2, 5)), {"lag_s": [1.0] * 3}, r"lag_s is \(3,\) but there are 2"),
        (np.ones((2, 5)), {"threads": 0}, "0 threads cannot sum anything"),
    ],
)
def test_a_table_that_cannot_be_summed_is_refused(power_w, options, message):
    hold = {"max_age_s": 60.0} | options
    with pytest.raises(ValueError, match=message):
        wide_sums(power_w, asset_meters(2, **EXACT), **hold)


def test_a_portfolio_that_never_spoke_has_no_power_and_says_so():
    got = wide_sums(np.full((4, 6), NAN), asset_meters(4, **EXACT), max_age_s=9.0)
    assert got.missing.tolist() == [4] * 6
    assert not got.power_w.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"assets": 0}, "a portfolio of 0 assets has no power"),
        ({"random_u": [0.1, 0.2]}, r"random_u is \(2,\) but there are 3 assets"),
        ({"random_u": -0.1}, "random_u of asset 0 is -0.1"),
        ({"diffusion_w2_per_s": [1, 2, NAN]}, "diffusion_w2_per_s of asset 2 is nan"),
        ({"absolute_u_w": np.inf}, "absolute_u_w of asset 0 is inf"),
        ({"systematic_u": [0.1, NAN, 0]}, "systematic_u of asset 1 is nan"),
        ({"rating_w": -1}, "rating_w of asset 0 is -1"),
        ({"cause": [0, 1]}, r"cause is \(2,\) but there are 3 assets"),
        ({"cause": [0, 1, -1]}, "cause runs from -1 to 1, but the portfolio has 2"),
        ({"cause": [0, 1, 2], "causes": 2}, "cause runs from 0 to 2"),
        ({"cause": 0.5}, "cause numbers the causes: whole numbers, not float64"),
    ],
)
def test_what_cannot_be_true_of_a_meter_is_refused(options, message):
    given = {"assets": 3, **EXACT} | options
    with pytest.raises(ValueError, match=message):
        asset_meters(given.pop("assets"), **given)
