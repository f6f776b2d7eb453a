"""What must hold for any reads, exactly where it can and to rounding elsewhere.

To the bit: the order of reads, how they are batched, the blocks and threads, whole
seconds of shift, a power of two as scale. To rounding: the order of the assets, any
other scale.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import Missing, aggregate_power
from harness.analysis.aggregate.reads import Reads, reads_of
from harness.analysis.aggregate.running import RunningAggregate, reads_sums
from harness.analysis.aggregate.sums import combine, joined
from harness.analysis.aggregate.wide import wide_sums
from tests.analysis.aggregate.portfolios import (
    assert_as_slowly,
    assert_close,
    assert_same,
    mixed_meters,
    slowly,
    small_blocks,
)

ASSETS, SECONDS = 8, 24
METERS = mixed_meters(ASSETS, np.random.default_rng(1))
WINDOW = {"from_s": 4, "until_s": SECONDS, "max_age_s": 5.5}
EIGHTHS = st.integers(0, 8 * SECONDS).map(lambda count: count / 8)
POWER = st.sampled_from([np.nan, 0.0, -2000.0, 0.1, 450.3, 7200.0, 1e-9, 123456.789])


@st.composite
def any_reads(draw):
    """Late, twice, out of order; one value for each stamp of an asset."""
    stamps = draw(
        st.lists(
            st.tuples(st.integers(0, ASSETS - 1), EIGHTHS), unique=True, max_size=60
        )
    )
    rows = [(asset, at_s, draw(POWER)) for asset, at_s in stamps]
    again = draw(st.lists(st.sampled_from(rows), max_size=5)) if rows else []
    late = [draw(st.sampled_from([0.0, 0.125, 1.0, 2.5, 9.0])) for _ in rows + again]
    asset, sampled_s, power_w = _columns(rows + again)
    return Reads(asset, sampled_s, sampled_s + np.array(late, dtype=float), power_w)


def _columns(rows):
    return (
        np.array([row[0] for row in rows], dtype=int),
        np.array([row[1] for row in rows], dtype=float),
        np.array([row[2] for row in rows], dtype=float),
    )


def summed(reads, meters=METERS, **window):
    with small_blocks():
        return reads_sums(reads, meters, **WINDOW | window)


def in_order(reads):
    return reads.only(np.argsort(reads.arrival_s, kind="stable"))


@settings(max_examples=60, deadline=None)
@given(any_reads())
def test_any_reads_give_the_numbers_of_a_slow_count(reads):
    assert_as_slowly(summed(reads), slowly(reads, METERS, **WINDOW))


@settings(max_examples=60, deadline=None)
@given(any_reads(), st.randoms(use_true_random=False))
def test_the_order_of_reads_changes_no_bit(reads, random):
    order = list(range(reads.count))
    random.shuffle(order)
    assert_same(summed(reads), summed(reads.only(np.array(order, dtype=int))))


@settings(max_examples=60, deadline=None)
@given(any_reads(), st.lists(st.integers(0, 60), max_size=6))
def test_batches_change_no_bit(reads, cuts):
    reads = in_order(reads)
    until_s = int(np.ceil(reads.arrival_s.max(initial=SECONDS))) + 1
    edges = [0, *sorted(min(cut, reads.count) for cut in cuts), reads.count]
    with small_blocks():
        running = RunningAggregate(METERS, from_s=4, max_age_s=5.5)
        parts = [
            running.feed(reads.only(slice(first, last)))
            for first, last in pairwise(edges)
        ]
        parts.append(running.finish(until_s))
    assert_same(joined(parts), summed(reads, until_s=until_s))


@settings(max_examples=40, deadline=None)
@given(any_reads(), st.integers(1, 9), st.integers(1, 9), st.integers(2, 9))
def test_patches_and_threads_change_no_bit(reads, width, span, threads):
    with small_blocks(width=width, span=span):
        got = reads_sums(reads, METERS, threads=threads, **WINDOW)
    assert_same(got, summed(reads))


@settings(max_examples=40, deadline=None)
@given(any_reads())
def test_blocks_of_a_portfolio_add_to_the_whole(reads):
    # A block of its own, cut where blocks are cut: the same bits. Elsewhere: rounding.
    def part(first, last):
        mine = (reads.asset >= first) & (reads.asset < last)
        some = reads.only(mine)
        own = Reads(some.asset - first, some.sampled_s, some.arrival_s, some.power_w)
        return summed(own, METERS.part(first, last))

    whole = summed(reads)
    assert_same(whole, combine([part(0, 6), part(6, ASSETS)]))
    assert_close(whole, combine([part(0, 4), part(4, ASSETS)]))


@settings(max_examples=40, deadline=None)
@given(any_reads(), st.integers(-100_000, 2_000_000))
def test_when_it_was_does_not_matter(reads, shift_s):
    there = Reads(
        reads.asset, reads.sampled_s + shift_s, reads.arrival_s + shift_s, reads.power_w
    )
    got = summed(there, from_s=4 + shift_s, until_s=SECONDS + shift_s)
    assert got.from_s == 4 + shift_s
    for name in ("power_w", "square_w2", "staleness_w2", "held", "missing"):
        np.testing.assert_array_equal(getattr(got, name), getattr(summed(reads), name))


def scaled_meters(scale):
    return asset_meters(
        ASSETS,
        random_u=METERS.random_u,
        systematic_u=METERS.systematic_u,
        cause=METERS.cause,
        absolute_u_w=METERS.absolute_u_w * scale,
        diffusion_w2_per_s=METERS.diffusion_w2_per_s * scale**2,
        rating_w=METERS.rating_w * scale,
        causes=3,
    )


@settings(max_examples=40, deadline=None)
@given(any_reads(), st.sampled_from([0.5, 1024.0, -2.0, 3.7, 1e-3]))
def test_power_and_its_uncertainty_scale_with_the_loads(reads, scale):
    times = Reads(reads.asset, reads.sampled_s, reads.arrival_s, reads.power_w * scale)
    small, large = (
        aggregate_power(sums, missing=Missing.LAST)
        for sums in (summed(reads), summed(times, scaled_meters(abs(scale))))
    )
    exact = np.log2(abs(scale)) % 1 == 0
    for name in ("power_w", "u_w", "effective_number"):
        factor = {"power_w": scale, "u_w": abs(scale), "effective_number": 1}[name]
        want, got = factor * getattr(small, name), getattr(large, name)
        if exact:
            np.testing.assert_array_equal(got, want, name)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * abs(scale))


@settings(max_examples=40, deadline=None)
@given(any_reads(), st.permutations(range(ASSETS)))
def test_the_numbering_of_assets_matters_to_rounding_only(reads, order):
    order = np.array(order)
    number = np.argsort(order)
    renamed = Reads(
        number[reads.asset], reads.sampled_s, reads.arrival_s, reads.power_w
    )
    meters = asset_meters(
        ASSETS,
        random_u=METERS.random_u[order],
        systematic_u=METERS.systematic_u[order],
        cause=METERS.cause[order],
        absolute_u_w=METERS.absolute_u_w[order],
        diffusion_w2_per_s=METERS.diffusion_w2_per_s[order],
        rating_w=METERS.rating_w[order],
        causes=3,
    )
    assert_close(summed(renamed, meters), summed(reads))


@settings(max_examples=60, deadline=None)
@given(any_reads(), st.data())
def test_a_lost_read_never_makes_a_portfolio_more_present(reads, data):
    kept = data.draw(
        st.lists(st.booleans(), min_size=reads.count, max_size=reads.count)
    )
    whole, less = summed(reads), summed(reads.only(np.array(kept, dtype=bool)))
    assert (less.missing >= whole.missing).all()
    gaps = np.isnan(aggregate_power(whole).power_w)
    assert np.isnan(aggregate_power(less).power_w[gaps]).all()


@settings(max_examples=40, deadline=None)
@given(any_reads(), st.integers(4, SECONDS))
def test_what_arrives_later_never_changes_what_was_sent(reads, second):
    past = reads.only(reads.arrival_s <= second - 1)
    whole, then = summed(reads), summed(past)
    upto = slice(0, second - 4)
    np.testing.assert_array_equal(whole.power_w[upto], then.power_w[upto])
    np.testing.assert_array_equal(whole.missing[upto], then.missing[upto])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(POWER, min_size=5 * 30, max_size=5 * 30),
    st.sampled_from([1.0, 1.0, 0.1, 0.02]),
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.2]), min_size=5, max_size=5),
    st.integers(0, 5),
)
def test_a_table_and_its_reads_are_the_same_portfolio(values, share, lag_s, max_age_s):
    power_w = np.array(values).reshape(5, 30)
    power_w[np.random.default_rng(7).random(power_w.shape) >= share] = np.nan
    meters, hold = METERS.part(0, 5), {"max_age_s": float(max_age_s)}
    with small_blocks():
        table = wide_sums(power_w, meters, lag_s=lag_s, **hold)
        reads = reads_sums(
            reads_of(power_w, lag_s=lag_s), meters, from_s=0, until_s=30, **hold
        )
    assert_close(table, reads)


def test_more_assets_of_a_kind_scale_as_the_square_root():
    for assets in (4, 16, 64, 256, 1024):
        meters = asset_meters(assets, random_u=0.02, diffusion_w2_per_s=0.0)
        got = aggregate_power(
            wide_sums(np.full((assets, 2), 500.0), meters, max_age_s=0.0)
        )
        share = got.random_w[0] / got.power_w[0]
        assert share == pytest.approx(0.02 / np.sqrt(assets), rel=1e-12)
