"""Sums become power with an uncertainty in parts; missing assets as declared."""

import math

import numpy as np
import pytest

from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.power import (
    Missing,
    aggregate_power,
    effective_number,
)
from harness.analysis.aggregate.sums import combine, joined, no_sums
from harness.analysis.aggregate.wide import wide_sums
from tests.analysis.aggregate.portfolios import EXACT

NAN = np.nan


def sums_of(power_w, *, max_age_s=0.0, **meters):
    power_w = np.array(power_w, dtype=float)
    if power_w.ndim == 1:
        power_w = power_w[:, np.newaxis]
    declared = asset_meters(len(power_w), **EXACT | meters)
    return wide_sums(power_w, declared, max_age_s=max_age_s)


def test_errors_of_their_own_average_out_and_common_ones_do_not():
    got = aggregate_power(sums_of([1000.0] * 100, random_u=0.025, systematic_u=0.012))
    assert got.power_w[0] == 100_000
    assert got.random_w[0] == pytest.approx(0.025 / 10 * 100_000)
    assert got.systematic_w[0] == pytest.approx(0.012 * 100_000)
    assert got.u_w[0] == pytest.approx(math.hypot(250, 1200))
    assert got.effective_number[0] == pytest.approx(100)


def test_causes_add_in_quadrature_and_within_one_with_sign():
    two = {"systematic_u": [0.01, 0.01], "cause": [0, 1]}
    assert aggregate_power(sums_of([300.0, 400.0], **two)).systematic_w[
        0
    ] == pytest.approx(5.0)
    against = {"systematic_u": [0.01, -0.01]}
    assert aggregate_power(sums_of([300.0, 400.0], **against)).systematic_w[
        0
    ] == pytest.approx(1.0)
    # Export runs the other way: the same gain error of both cancels too.
    alike = {"systematic_u": 0.01}
    assert aggregate_power(sums_of([300.0, -400.0], **alike)).systematic_w[
        0
    ] == pytest.approx(1.0)


def test_the_budget_of_a_second_names_every_part():
    got = aggregate_power(
        sums_of(
            [[300.0, NAN], [400.0, 400.0]],
            max_age_s=1.0,
            random_u=0.01,
            systematic_u=0.02,
            absolute_u_w=3.0,
            diffusion_w2_per_s=16.0,
        )
    )
    at = got.at(1)
    assert (at.value, at.unit) == (700.0, "W")
    assert {line.name: pytest.approx(line.u) for line in at.budget} == {
        "meter errors of their own": 5.0,
        "meter errors in common": 14.0,
        "meter offset and resolution": math.sqrt(18),
        "staleness": 4.0,
    }
    assert at.u == pytest.approx(got.u_w[1])
    with pytest.raises(ValueError, match="there is no aggregate power at 2 s"):
        got.at(2)


def test_a_second_with_a_missing_asset_is_a_gap_unless_declared_otherwise():
    sums = sums_of([[600.0, NAN], [1000.0, 1000.0]])
    gap = aggregate_power(sums)
    assert gap.power_w[0] == 1600
    assert np.isnan([gap.power_w[1], gap.u_w[1], gap.effective_number[1]]).all()
    assert gap.at(1).why == "1 of 2 assets were missing at 1 s"
    last = aggregate_power(sums, missing=Missing.LAST)
    assert last.power_w.tolist() == [1600, 1600]
    assert last.missing_w[1] == pytest.approx(600 / math.sqrt(3))
    assert last.effective_number[1] == pytest.approx(1600**2 / (600**2 + 1000**2))
    assert last.missing.tolist() == [0, 1]


def test_a_missing_exporter_is_as_unsure_as_an_importer():
    lost = [
        aggregate_power(sums_of([[p, NAN], [5.0, 5.0]]), missing=Missing.LAST)
        for p in (600.0, -600.0)
    ]
    assert lost[0].missing_w[1] == lost[1].missing_w[1]
    assert lost[1].power_w[1] == -595


def test_a_missing_asset_that_was_off_is_not_known_to_be_off_for_ever():
    sums = sums_of([[0.0, NAN, NAN]], diffusion_w2_per_s=100.0)
    got = aggregate_power(sums, missing=Missing.LAST)
    assert got.missing_w.tolist() == pytest.approx([0.0, 10.0, math.sqrt(200)])


def test_one_never_heard_of_makes_a_gap_unless_its_rating_is_declared():
    table = [[NAN], [1000.0]]
    got = aggregate_power(sums_of(table), missing=Missing.LAST)
    assert np.isnan(got.power_w[0])
    got = aggregate_power(sums_of(table, rating_w=7000.0), missing=Missing.LAST)
    assert got.power_w[0] == 1000
    assert got.missing_w[0] == pytest.approx(7000 / math.sqrt(3))


@pytest.mark.parametrize(
    ("power_w", "number"),
    [
        ([1000.0] * 7, 7.0),
        ([5.0], 1.0),
        ([1000.0, 0.0, 0.0], 1.0),
        ([3.0, 1.0], 1.6),
        ([3.0, -1.0], 0.4),
        ([0.0, 0.0], NAN),
    ],
)
def test_the_effective_number_counts_equal_assets(power_w, number):
    assert effective_number(np.array(power_w)) == pytest.approx(number, nan_ok=True)
    of_sums = aggregate_power(sums_of(power_w)).effective_number[0]
    assert of_sums == pytest.approx(number, nan_ok=True)


@pytest.mark.parametrize("power_w", [[], [1.0, NAN], [np.inf]])
def test_an_effective_number_of_nothing_is_refused(power_w):
    with pytest.raises(ValueError, match="give a finite power for each asset"):
        effective_number(np.array(power_w))


def test_sums_add_only_over_the_same_seconds_and_causes():
    one = no_sums(from_s=0, seconds=3, causes=1, assets=2)
    assert combine([one, one]).assets == 4
    with pytest.raises(ValueError, match="there are no sums to combine"):
        combine([])
    with pytest.raises(ValueError, match="sums of 3 s from 5 s do not add to 3 s from"):
        combine([one, no_sums(from_s=5, seconds=3, causes=1)])
    with pytest.raises(ValueError, match="declare `causes` for all"):
        combine([one, no_sums(from_s=0, seconds=3, causes=2)])


def test_combining_leaves_the_parts_as_they_were():
    sums = sums_of([[1.0, 2.0]])
    combine([sums, sums])
    assert sums.power_w.tolist() == [1.0, 2.0]


def test_stretches_join_only_if_they_follow_each_other():
    one = no_sums(from_s=0, seconds=3, causes=1, assets=2)
    assert joined([one, no_sums(from_s=3, seconds=2, causes=1, assets=2)]).seconds == 5
    with pytest.raises(ValueError, match="there are no sums to join"):
        joined([])
    with pytest.raises(ValueError, match="sums up to 3 s are followed by sums from 4"):
        joined([one, no_sums(from_s=4, seconds=2, causes=1, assets=2)])
    with pytest.raises(ValueError, match="2 assets, then 1"):
        joined([one, no_sums(from_s=3, seconds=2, causes=1, assets=1)])
