"""Only what had arrived counts, and of that what was sampled last."""

import numpy as np
import pytest

from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.reads import Reads, no_reads, reads_of
from harness.analysis.aggregate.running import RunningAggregate, reads_sums
from harness.analysis.aggregate.sums import joined
from tests.analysis.aggregate.portfolios import EXACT, assert_same, reads_from

METERS = asset_meters(2, random_u=0.0, diffusion_w2_per_s=1.0)
HOLD = {"max_age_s": 60.0}


def shown(*rows, until_s=6, **options):
    """Power of asset 0 at each second, with asset 1 silent."""
    got = reads_sums(
        reads_from(*rows), METERS, from_s=0, until_s=until_s, **HOLD | options
    )
    return got.power_w.tolist()


def test_a_read_counts_at_the_second_it_arrives_and_not_before():
    assert shown((0, 1.0, 3.0, 7.0)) == [0, 0, 0, 7, 7, 7]
    assert shown((0, 1.0, 3.0001, 7.0)) == [0, 0, 0, 0, 7, 7]


def test_a_late_older_read_never_replaces_a_newer_one():
    assert shown((0, 2.0, 2.0, 7.0), (0, 1.0, 4.0, 5.0)) == [0, 0, 7, 7, 7, 7]
    # Its twin, sampled just after, does.
    assert shown((0, 2.0, 2.0, 7.0), (0, 2.001, 4.0, 5.0)) == [0, 0, 7, 7, 5, 5]


def test_a_duplicate_changes_nothing_not_even_its_age():
    once = (0, 1.0, 2.0, 7.0)
    again = (0, 1.0, 4.0, 7.0)
    assert_same(
        reads_sums(reads_from(once, once, again), METERS, from_s=0, until_s=6, **HOLD),
        reads_sums(reads_from(once), METERS, from_s=0, until_s=6, **HOLD),
    )


def test_of_two_values_with_one_stamp_the_first_to_arrive_stands():
    assert shown((0, 1.0, 2.0, 7.0), (0, 1.0, 3.0, 8.0)) == [0, 0, 7, 7, 7, 7]


def test_two_values_with_one_stamp_that_arrive_together_are_refused():
    message = "asset 0 says both 7 W and 8 W for 1 s"
    both = reads_from((0, 1.0, 2.0, 7.0), (0, 1.0, 2.0, 8.0))
    with pytest.raises(ValueError, match=message):
        reads_sums(both, METERS, from_s=0, until_s=6, **HOLD)
    running = RunningAggregate(METERS, from_s=0, **HOLD)
    running.feed(both.only(slice(0, 1)))
    with pytest.raises(ValueError, match="asset 0 says both 8 W and 7 W for 1 s"):
        running.feed(both.only(slice(1, 2)))


def test_of_several_reads_that_arrive_within_a_second_the_newest_is_shown():
    rows = [(0, 1.0, 1.2, 5.0), (0, 1.6, 1.7, 7.0), (0, 1.3, 1.9, 6.0)]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert shown(*(rows[i] for i in order)) == [0, 0, 7, 7, 7, 7]


def test_a_failed_read_is_none():
    assert shown((0, 1.0, 1.0, 7.0), (0, 2.0, 2.0, np.nan)) == [0, 7, 7, 7, 7, 7]


def test_what_was_known_before_the_window_is_known_in_it():
    got = reads_sums(
        reads_from((0, 1.5, 2.0, 7.0), (1, 11.0, 11.0, 1.0)),
        METERS,
        from_s=10,
        until_s=13,
        max_age_s=9.5,
    )
    assert got.power_w.tolist() == [7.0, 8.0, 1.0]
    assert got.held.tolist() == [1, 1, 1]
    assert got.missing.tolist() == [1, 0, 1]
    assert got.staleness_w2.tolist() == [8.5, 9.5, 1.0]


def test_a_clock_ahead_is_corrected_by_what_is_declared():
    # Sampled at 1 s by a clock that is 100 s ahead.
    got = reads_sums(
        reads_from((1, 101.0, 2.0, 7.0)),
        METERS,
        from_s=0,
        until_s=4,
        max_age_s=1.5,
        clock_offset_s=[0.0, 100.0],
    )
    assert got.power_w.tolist() == [0, 0, 7, 0]


def test_a_read_that_arrives_before_it_was_sampled_is_refused():
    row = (0, 2.5, 2.0, 7.0)
    with pytest.raises(
        ValueError, match=r"asset 0 sampled at 2\.5 s what arrived at 2 s"
    ):
        shown(row)
    # Within what a corrected clock may still be ahead it counts as sampled on arrival.
    assert shown(row, early_s=0.5) == [0, 0, 7, 7, 7, 7]
    got = reads_sums(reads_from(row), METERS, from_s=2, until_s=4, **HOLD, early_s=0.5)
    assert got.staleness_w2.tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="declare how far its clock is ahead"):
        shown(row, early_s=0.49)


def test_batches_may_be_empty_and_seconds_come_when_nothing_can_change_them():
    running = RunningAggregate(METERS, from_s=0, **HOLD)
    assert running.feed(no_reads()).seconds == 0
    # At 2 s more may arrive that counts at 2 s.
    assert running.feed(reads_from((0, 1.0, 2.0, 7.0))).power_w.tolist() == [0, 0]
    assert running.feed(reads_from((1, 2.0, 2.0, 1.0))).seconds == 0
    assert running.feed(reads_from((1, 2.1, 2.1, 2.0))).power_w.tolist() == [8]
    assert running.finish(5).power_w.tolist() == [9, 9]
    with pytest.raises(ValueError, match="seconds up to 5 s were given out already"):
        running.finish(4)
    with pytest.raises(ValueError, match="feed reads as they arrive"):
        running.feed(reads_from((0, 3.9, 4.0, 7.0)))
    assert running.feed(reads_from((0, 3.9, 4.5, 7.5))).seconds == 0
    assert running.finish(6).power_w.tolist() == [9.5]


def test_a_batch_that_is_refused_leaves_no_trace():
    running = RunningAggregate(METERS, from_s=0, **HOLD)
    running.feed(reads_from((0, 1.0, 1.0, 7.0)))
    for rows, message in (
        ([(0, 2.0, 2.0, 8.0), (5, 2.0, 2.0, 1.0)], "reads are of assets 0 to 5"),
        ([(0, 2.0, 2.0, 8.0), (0, 2.0, 2.0, 9.0)], "says both 8 W and 9 W"),
        ([(0, 2.0, 2.0, 8.0), (0, 1.9, 1.9, 9.0)], "feed reads as they arrive"),
        ([(0, 2.0, 1.7e9, 8.0)], "arrived at 1700000000 s, while 1 s is the next"),
    ):
        with pytest.raises(ValueError, match=message):
            running.feed(reads_from(*rows))
    assert running.feed(reads_from((1, 1.5, 1.5, 1.0))).power_w.tolist() == [7.0]
    assert running.finish(4).power_w.tolist() == [8.0, 8.0]


def test_an_evening_in_batches_is_the_evening_in_one():
    rng = np.random.default_rng(8)
    assets, seconds = 130, 5000
    power_w = np.where(rng.random((assets, seconds)) < 0.03, 1.0, np.nan)
    power_w *= rng.normal(300, 200, power_w.shape)
    meters = asset_meters(assets, random_u=0.02, diffusion_w2_per_s=rng.random(assets))
    reads = reads_of(power_w, lag_s=rng.uniform(0, 4, assets))
    reads = reads.only(np.argsort(reads.arrival_s, kind="stable"))
    reads = reads.only(reads.arrival_s < seconds)
    whole = reads_sums(reads, meters, from_s=0, until_s=seconds, **HOLD)
    cuts = np.sort(rng.integers(0, reads.count, 12))
    running = RunningAggregate(meters, from_s=0, **HOLD)
    parts = [
        running.feed(reads.only(slice(first, last)))
        for first, last in zip(np.r_[0, cuts], np.r_[cuts, reads.count], strict=True)
    ]
    assert_same(whole, joined([*parts, running.finish(seconds)]))


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            [(2, 1.0, 1.0, 5.0)],
            {},
            "reads are of assets 2 to 2, but there are 2: 0 to 1",
        ),
        ([(-1, 1.0, 1.0, 5.0)], {}, "reads are of assets -1 to -1"),
        ([(0, np.nan, 1.0, 5.0)], {}, "sampled_s and arrival_s must be finite"),
        ([(0, 1.0, np.inf, 5.0)], {}, "sampled_s and arrival_s must be finite"),
        ([(1, 1.0, 1.0, -np.inf)], {}, "asset 1 reads -inf W at 1 s"),
        ([(0, 1.0, 1.0, 5.0)], {"until_s": 0}, "from 0 s until 0 s there is no second"),
        ([(0, 1.0, 1.0, 5.0)], {"early_s": -1}, "early_s must be finite and not neg"),
        ([(0, 1.0, 1.0, 5.0)], {"clock_offset_s": [0.0] * 3}, "one number or 2"),
        (
            [(0, 1.0, 1.0, 5.0)],
            {"clock_offset_s": np.nan},
            "clock_offset_s must be fin",
        ),
        ([(0, 1.0, 1.0, 5.0)], {"max_age_s": -1.0}, "max_age_s must be finite"),
    ],
)
def test_reads_that_cannot_be_are_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        shown(*rows, **options)


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.uint64])
def test_assets_may_be_numbered_in_any_width(kind):
    rng = np.random.default_rng(2)
    reads = reads_of(rng.random((100, 9)))
    narrow = Reads(
        reads.asset.astype(kind), reads.sampled_s, reads.arrival_s, reads.power_w
    )
    meters = asset_meters(100, **EXACT)
    window = {"from_s": 0, "until_s": 9, "max_age_s": 1.0}
    assert_same(
        reads_sums(narrow, meters, **window), reads_sums(reads, meters, **window)
    )


def test_reads_are_columns_of_one_length():
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(ValueError, match="one number a read in each"):
        Reads(np.zeros(2, dtype=int), two, one, two)
    with pytest.raises(ValueError, match="asset numbers the assets, but holds float64"):
        Reads(two, two, two, two)


def test_no_read_at_all_leaves_every_asset_missing():
    meters = asset_meters(3, **EXACT)
    got = reads_sums(no_reads(), meters, from_s=0, until_s=4, **HOLD)
    assert got.missing.tolist() == [3] * 4
