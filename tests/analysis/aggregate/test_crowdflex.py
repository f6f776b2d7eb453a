"""Can ordinary meters make operational metering? CrowdFlex's claim, held and broken.

The claim (CrowdFlex technical specification, 4.2.2): with a standard deviation of 2.5 %
for each meter, groups of the order of 100 are better than 1 %, unless the errors have a
common cause; and reads every minute, staggered, add up to one a second.
"""

import math

import numpy as np
import pytest

from harness.analysis.aggregate.accuracy import steady_state_error, transition_lag
from harness.analysis.aggregate.growth import (
    assets_needed,
    error_floor,
    expected_error,
)
from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import aggregate_power
from harness.analysis.aggregate.reading import staggering
from harness.analysis.aggregate.reads import reads_of
from harness.analysis.aggregate.wide import wide_sums
from harness.analysis.quality import MeterQuality

SIGMA = 0.025
K95 = 1.96
PERFECT = MeterQuality("the loads themselves")


def portfolios(assets, draws, *, unequal, bias=0.0, seed=0):
    """Aggregate power of as many portfolios as there are seconds, and the truth."""
    rng = np.random.default_rng(seed)
    loads = (
        rng.lognormal(7, 1, (assets, draws))
        if unequal
        else np.full((assets, draws), 1e3)
    )
    read = loads * (1 + bias + rng.normal(0, SIGMA, loads.shape))
    meters = asset_meters(assets, random_u=SIGMA, diffusion_w2_per_s=0.0)
    got = aggregate_power(wide_sums(read, meters, max_age_s=0.0))
    return got, loads.sum(axis=0)


@pytest.mark.parametrize(
    ("assets", "equal_percent", "unequal_percent"),
    # 95 % error of a portfolio, equal loads and lognormal ones with σ = 1.
    [(10, 1.52, 2.2), (24, 1.00, 1.5), (100, 0.49, 0.79), (1000, 0.15, 0.26)],
)
def test_independent_errors_average_out_as_was_figured(
    assets, equal_percent, unequal_percent
):
    draws = 12_000 if assets < 1000 else 2500
    for unequal, percent in ((False, equal_percent), (True, unequal_percent)):
        got, truth = portfolios(assets, draws, unequal=unequal)
        errors = 100 * (got.power_w / truth - 1)
        assert np.quantile(np.abs(errors), 0.95) == pytest.approx(percent, rel=0.06)
        # What is stated of each portfolio covers its error as often as it says.
        covered = np.abs(got.power_w - truth) <= K95 * got.u_w
        assert covered.mean() == pytest.approx(0.95, abs=0.012)
        stated = expected_error(got, coverage=K95).value
        number = np.median(got.effective_number)
        assert stated == pytest.approx(100 * K95 * SIGMA / math.sqrt(number), rel=0.01)


def test_the_effective_number_of_unequal_loads_is_what_counts():
    got, _ = portfolios(1000, 400, unequal=True)
    # (Σp)²/Σp² of lognormal loads tends to N/e^(σ²).
    assert np.median(got.effective_number) == pytest.approx(1000 / math.e, rel=0.12)


STEADY = {"settle_s": 0.0, "steady_percent": 0.0, "reference": PERFECT}


@pytest.mark.parametrize(("assets", "draws"), [(100, 3000), (1000, 600), (10_000, 200)])
def test_the_claim_holds_without_a_common_bias_and_breaks_with_one(assets, draws):
    got, truth = portfolios(assets, draws, unequal=False)
    assert abs(steady_state_error(got, truth, **STEADY).value) < 1.0
    for bias in (0.012, -0.012):
        got, truth = portfolios(assets, draws, unequal=False, bias=bias)
        error = steady_state_error(got, truth, **STEADY)
        assert abs(error.value) > 1.0
        assert math.copysign(1, error.value) == math.copysign(1, bias)


def test_at_a_hundred_meters_half_a_percent_in_common_is_the_most():
    for bias, within in ((0.0045, True), (0.0060, False)):
        got, truth = portfolios(100, 6000, unequal=False, bias=bias)
        error = steady_state_error(got, truth, **STEADY)
        assert (abs(error.value) < 1.0) is within


def test_with_an_error_in_common_more_homes_would_not_help():
    for assets in (100, 10_000):
        meters = asset_meters(
            assets, random_u=SIGMA, systematic_u=0.012 / K95, diffusion_w2_per_s=0.0
        )
        sums = wide_sums(np.full((assets, 2), 1e3), meters, max_age_s=0.0)
        got = aggregate_power(sums)
        assert error_floor(got, coverage=K95).value == pytest.approx(1.2)
        assert expected_error(got, coverage=K95).value > 1.2
        need = assets_needed(got, assets=assets, within_percent=1.0, coverage=K95)
        assert need.value == math.inf
        assert "more homes would not help" in need.why


def test_without_one_two_dozen_equal_homes_are_enough_as_was_figured():
    got, _ = portfolios(100, 200, unequal=False)
    need = assets_needed(got, assets=100, within_percent=1.0, coverage=K95)
    assert need.value in (24.0, 25.0)  # (1.96 · 2.5 %)² = 24.01


def read_every(true_w, interval_s, *, staggered):
    """Each load read every so often: one after the other, or all at once."""
    assets, seconds = true_w.shape
    begins = np.arange(assets) % interval_s if staggered else np.zeros(assets)
    at = np.arange(seconds) % interval_s == begins[:, np.newaxis]
    return np.where(at, true_w, np.nan)


def as_sent(table, *, diffusion_w2_per_s=1.0):
    meters = asset_meters(
        len(table), random_u=0.0, diffusion_w2_per_s=diffusion_w2_per_s
    )
    return aggregate_power(wide_sums(table, meters, max_age_s=60.0))


STEP_S = 121  # just after the synchronised reads of 120 s: the worst moment for them
SECONDS = 300


def stepping(assets):
    """Every load halves at one moment."""
    power = np.where(np.arange(SECONDS) < STEP_S, 2000.0, 1000.0)
    return np.tile(power, (assets, 1))


def lag(sent, truth):
    return transition_lag(
        sent,
        truth,
        step_at_s=STEP_S,
        until_s=SECONDS,
        within_percent=1.0,
        reference=PERFECT,
    ).value


@pytest.mark.parametrize("assets", [60, 600, 6000])
@pytest.mark.parametrize(("interval_s", "lag_s"), [(60, 59.0), (10, 9.0)])
def test_staggered_reads_make_a_ramp_of_a_step_whatever_the_number(
    assets, interval_s, lag_s
):
    true_w = stepping(assets)
    sent = as_sent(read_every(true_w, interval_s, staggered=True))
    truth = true_w.sum(axis=0)
    assert lag(sent, truth) == lag_s
    # A straight ramp: each second one more share of the loads is seen to have moved.
    after = np.arange(interval_s)
    shown = (sent.power_w - truth)[STEP_S + after] / (1000.0 * assets)
    assert shown == pytest.approx(1 - (after + 1) / interval_s)
    # How old values are on average: 29.5 s and 4.5 s.
    age_s = sent.staleness_w[STEP_S:] ** 2 / assets
    assert age_s == pytest.approx((interval_s - 1) / 2)


@pytest.mark.parametrize("assets", [60, 6000])
def test_synchronised_reads_are_wholly_wrong_for_as_long(assets):
    true_w, truth = stepping(assets), stepping(assets).sum(axis=0)
    together = as_sent(read_every(true_w, 60, staggered=False))
    spread = as_sent(read_every(true_w, 60, staggered=True))
    assert lag(together, truth) == lag(spread, truth) == 59
    wrong = [
        np.abs(sent.power_w - truth)[STEP_S : STEP_S + 59].mean() / (1000.0 * assets)
        for sent in (together, spread)
    ]
    assert wrong == pytest.approx([1.0, 0.5])


def test_a_step_just_before_the_reads_is_what_flatters_synchronised_ones():
    true_w = np.tile(np.where(np.arange(SECONDS) < 120, 2000.0, 1000.0), (60, 1))
    together = as_sent(read_every(true_w, 60, staggered=False))
    np.testing.assert_array_equal(together.power_w[60:], true_w.sum(axis=0)[60:])


def test_while_loads_rest_both_are_right():
    true_w = np.tile(1500.0, (600, 400))
    for staggered in (True, False):
        sent = as_sent(read_every(true_w, 60, staggered=staggered))
        error = steady_state_error(
            sent,
            true_w.sum(axis=0),
            settle_s=60.0,
            steady_percent=0.1,
            reference=PERFECT,
        )
        assert error.value == 0


def worst_and_mean(sent, truth):
    """Root mean square error by second of the minute: the worst, and over all. [W]"""
    square = ((sent.power_w - truth)[60:] ** 2).reshape(-1, 60).mean(axis=0)
    return math.sqrt(square.max()), math.sqrt(square.mean())


def test_wandering_loads_are_followed_alike_but_not_at_the_worst_second():
    # Loads that wander each on its own: synchronised values are all 59 s old at once.
    rng = np.random.default_rng(6)
    true_w = 5000 + np.cumsum(rng.normal(0, 10, (240, 12_060)), axis=1)
    truth = true_w.sum(axis=0)
    got = {
        staggered: worst_and_mean(
            as_sent(read_every(true_w, 60, staggered=staggered)), truth
        )
        for staggered in (True, False)
    }
    assert got[True][1] == pytest.approx(got[False][1], rel=0.1)
    assert got[False][0] == pytest.approx(math.sqrt(2) * got[True][0], rel=0.2)


def test_loads_that_drift_together_are_followed_late_and_synchronised_ones_in_stairs():
    # 1 W each second, in every home: an evening's cooling.
    true_w = np.tile(2000.0 + np.arange(600.0), (120, 1))
    for staggered, late_s in ((True, (29.5, 29.5)), (False, (0.0, 59.0))):
        sent = as_sent(read_every(true_w, 60, staggered=staggered))
        behind_s = ((true_w.sum(axis=0) - sent.power_w) / 120)[60:]
        assert (behind_s.min(), behind_s.max()) == late_s


def test_how_reads_are_spread_can_be_told_from_them():
    true_w = np.ones((120, 180))
    for staggered, percent in ((True, 100 * 59 / 60), (False, 0.0)):
        reads = reads_of(read_every(true_w, 60, staggered=staggered))
        got = staggering(reads, interval_s=60.0).value
        assert got == pytest.approx(percent, abs=0.3)
