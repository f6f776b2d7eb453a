"""Would more homes help? They do for what is random, never for what is common."""

import math

import numpy as np
import pytest

from harness.analysis.aggregate.growth import (
    assets_needed,
    error_floor,
    expected_error,
)
from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import aggregate_power
from harness.analysis.aggregate.wide import wide_sums


def portfolio(assets, **meters):
    declared = asset_meters(assets, diffusion_w2_per_s=0.0, **meters)
    table = np.full((assets, 3), 1500.0)
    return aggregate_power(wide_sums(table, declared, max_age_s=0.0))


def test_the_floor_is_the_common_part_alone():
    got = portfolio(100, random_u=0.025, systematic_u=0.006)
    assert error_floor(got).value == pytest.approx(1.2)
    assert error_floor(got, coverage=1.96).value == pytest.approx(1.176)
    assert expected_error(got).value == pytest.approx(200 * math.hypot(0.0025, 0.006))


def test_two_makes_have_a_lower_floor_than_one():
    mixed = portfolio(100, random_u=0.0, systematic_u=0.006, cause=np.arange(100) % 2)
    assert error_floor(mixed).value == pytest.approx(1.2 / math.sqrt(2))


def test_the_assets_needed_are_just_enough():
    small = portfolio(10, random_u=0.025, systematic_u=0.003)
    need = assets_needed(small, assets=10, within_percent=1.0)
    assert need.unit == "assets"
    enough = portfolio(int(need.value), random_u=0.025, systematic_u=0.003)
    short = portfolio(int(need.value) - 1, random_u=0.025, systematic_u=0.003)
    assert expected_error(enough).value <= 1.0 < expected_error(short).value


def test_where_the_floor_is_above_the_limit_more_homes_would_not_help():
    for assets in (10, 1000):
        got = assets_needed(
            portfolio(assets, random_u=0.025, systematic_u=0.006),
            assets=assets,
            within_percent=1.2,
        )
        assert got.value == math.inf
        assert got.why.startswith("more homes would not help: the errors in common")
    just = assets_needed(
        portfolio(10, random_u=0.025, systematic_u=0.006),
        assets=10,
        within_percent=1.21,
    )
    assert math.isfinite(just.value)


def test_nothing_to_compare_with_is_nan():
    table = np.array([[0.0, np.nan]])
    meters = asset_meters(1, random_u=0.01, diffusion_w2_per_s=0.0)
    got = aggregate_power(wide_sums(table, meters, max_age_s=0.0))
    for estimate in (
        error_floor(got),
        expected_error(got),
        assets_needed(got, assets=1, within_percent=1.0),
    ):
        assert math.isnan(estimate.value)
        assert estimate.why == "there is no power to compare with"


def test_a_growth_that_makes_no_sense_is_refused():
    got = portfolio(2, random_u=0.01)
    with pytest.raises(ValueError, match="the coverage factor must be above 0"):
        error_floor(got, coverage=0.0)
    for options in ({"assets": 0}, {"within_percent": 0.0}):
        with pytest.raises(ValueError, match="must be above 0"):
            assets_needed(got, **{"assets": 2, "within_percent": 1.0} | options)
