"""How fast values grow old is learnt from how an asset moved when left alone."""

import numpy as np
import pytest

from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import aggregate_power
from harness.analysis.aggregate.reads import reads_of
from harness.analysis.aggregate.staleness import learnt_diffusion
from harness.analysis.aggregate.wide import wide_sums
from tests.analysis.aggregate.portfolios import reads_from


def walking(assets, seconds, step_w, seed=0):
    """Loads that walk at random by `step_w` a second. [W]"""
    steps = np.random.default_rng(seed).normal(0, 1, (assets, seconds))
    return 5000 + np.cumsum(steps * np.reshape(step_w, (-1, 1)), axis=1)


def read_every(power_w, interval_s, offset_s):
    at = np.arange(power_w.shape[1]) % interval_s == np.reshape(offset_s, (-1, 1))
    return np.where(at, power_w, np.nan)


def test_the_diffusion_of_a_random_walk_is_found_whatever_the_interval():
    true_w = walking(2, 40_000, [3.0, 20.0])
    for interval_s in (1, 10, 60):
        reads = reads_of(read_every(true_w, interval_s, [0, 0]))
        got = learnt_diffusion(reads, 2, undisturbed=[(0, 40_000)])
        assert got == pytest.approx([9.0, 400.0], rel=0.2)


def test_a_dispatch_is_left_out_and_so_are_pairs_across_it():
    true_w = walking(1, 4000, [3.0])
    true_w[:, 2000:3000] -= 3000
    reads = reads_of(true_w)
    quiet = learnt_diffusion(reads, 1, undisturbed=[(0, 2000), (3000, 4000)])
    assert quiet == pytest.approx([9.0], rel=0.15)
    assert learnt_diffusion(reads, 1, undisturbed=[(0, 4000)])[0] > 1000


def test_too_few_reads_teach_nothing():
    for pairs, known in ((9, False), (10, True)):
        reads = reads_of(walking(1, pairs + 1, [3.0]))
        got = learnt_diffusion(reads, 2, undisturbed=[(0, 100)])
        assert np.isfinite(got).tolist() == [known, False]
    with pytest.raises(ValueError, match="diffusion_w2_per_s of asset 1 is nan"):
        asset_meters(2, random_u=0.01, diffusion_w2_per_s=got)


def test_twice_the_same_read_and_failed_ones_teach_nothing_new():
    true_w = walking(1, 50, [3.0])
    once = reads_of(true_w)
    order = np.r_[np.arange(50), np.arange(20)][::-1]
    options = {"undisturbed": [(0, 50)]}
    got = learnt_diffusion(once.only(order), 1, **options)
    assert got == pytest.approx(learnt_diffusion(once, 1, **options), rel=1e-12)
    few = once.only(np.r_[np.arange(10), np.arange(10)])
    assert np.isnan(learnt_diffusion(few, 1, **options)).all()
    failed = reads_from(
        (0, 3.5, 4.0, np.nan),
        *zip(once.asset, once.sampled_s, once.arrival_s, once.power_w, strict=True),
    )
    assert learnt_diffusion(failed, 1, **options) == pytest.approx(got)


@pytest.mark.parametrize("stretches", [[], [(5, 5)], [(0, 9), (9, 8)], [(0, np.nan)]])
def test_no_stretch_left_alone_is_refused(stretches):
    with pytest.raises(ValueError, match="name the stretches in which the assets"):
        learnt_diffusion(reads_of(np.ones((1, 5))), 1, undisturbed=stretches)


def test_the_stated_staleness_covers_what_loads_moved_meanwhile():
    # 200 loads read every 60 s, evenly staggered; meters are perfect. What a held
    # value does not know is then all of the error, and its size is stated.
    assets, seconds = 200, 6000
    true_w = walking(assets, seconds, np.linspace(2, 30, assets), seed=4)
    table = read_every(true_w, 60, np.arange(assets) % 60)
    learnt = learnt_diffusion(reads_of(table), assets, undisturbed=[(0, seconds)])
    meters = asset_meters(assets, random_u=0.0, diffusion_w2_per_s=learnt)
    got = aggregate_power(wide_sums(table, meters, max_age_s=60.0))
    error = (got.power_w - true_w.sum(axis=0))[60:]
    assert got.u_w[60:] == pytest.approx(got.staleness_w[60:])
    covered = np.abs(error) <= 2 * got.u_w[60:]
    assert 0.9 < covered.mean() < 0.995
    assert np.std(error) == pytest.approx(float(got.u_w[60:].mean()), rel=0.15)
