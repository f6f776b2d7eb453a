"""Units: the same bits however they are worked out, and read as declared."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from harness.analysis.portfolio.distribution import constant
from harness.analysis.portfolio.metering import draw_meters, read_homes
from harness.analysis.portfolio.unit import CHUNK, together, unit_of
from harness.portfolio.workers import threads
from tests.analysis.portfolio.homes import (
    EV,
    HEAT_PUMP,
    METERING,
    portfolio,
    steady,
)

MORE_THAN_A_BATCH = 1024 + CHUNK + 5


def read_all(true_w, metering):
    homes = true_w.shape[0]
    meters = draw_meters(metering, np.random.default_rng(1), homes)
    return read_homes(true_w, metering, meters, np.zeros(homes))


def bits(unit):
    arrays = [
        getattr(part, each.name)
        for part in (unit, unit.sums)
        for each in dataclasses.fields(part)
        if isinstance(getattr(part, each.name), np.ndarray)
    ]
    return [array.tobytes() for array in arrays], unit.homes, unit.reads_arrived


@pytest.mark.parametrize("homes", [EV, HEAT_PUMP])
def test_threads_give_the_same_bits(homes):
    one = portfolio(homes, lost=0.01)
    alone = bits(unit_of(one, MORE_THAN_A_BATCH))
    assert bits(unit_of(one, MORE_THAN_A_BATCH, each=threads(2))) == alone
    with ThreadPoolExecutor(3) as pool:
        assert bits(unit_of(one, MORE_THAN_A_BATCH, each=pool.map)) == alone
    assert bits(unit_of(dataclasses.replace(one, seed=5), 70)) != bits(unit_of(one, 70))


def test_the_first_homes_of_a_larger_unit_are_those_of_a_smaller_one():
    one = dataclasses.replace(portfolio(lost=0.01), diffusion_w2_per_s=10.0)
    small, large = unit_of(one, CHUNK + 7), unit_of(one, 3 * CHUNK)
    for name in ("delivered_w", "lag_s", "usual_s"):
        assert (getattr(small, name) == getattr(large, name)[: small.homes]).all()


def test_power_of_homes_together_is_the_sum_of_theirs_and_what_they_leave_out_shows():
    one = portfolio()
    unit = unit_of(one, 200)
    whole = together([unit_of(one, 200)])
    assert bits(whole) == bits(unit)
    hour = slice(3700, 7100)
    missing_w = (unit.usual_w - unit.true_w)[hour].mean()
    assert unit.delivered_w.sum(axis=0).mean() == pytest.approx(missing_w, rel=0.05)
    with pytest.raises(ValueError, match="no homes"):
        together([])
    with pytest.raises(ValueError, match="0 homes"):
        unit_of(one, 0)


def test_homes_are_read_as_declared():
    true_w = np.full((50, 3600), 2000.0)
    read = read_all(true_w, METERING)
    seen = ~np.isnan(read.table_w)
    assert (seen.sum(axis=1) == 60).all()
    assert (read.usual_s == 60).all()
    assert np.unique(seen.argmax(axis=1)).size > 20
    values = read.table_w[seen]
    assert (values == np.rint(values)).all()
    assert np.abs(values / 2000 - 1).max() <= 0.0203
    assert np.ptp(read.table_w[0][seen[0]]) == 0
    together_ = dataclasses.replace(METERING, staggered=False)
    seen = ~np.isnan(read_all(true_w, together_).table_w)
    assert (seen.argmax(axis=1) == 0).all()


def test_reads_that_are_lost_and_outages_are_missing():
    true_w = np.full((60, 7200), 2000.0)
    poor = dataclasses.replace(METERING, lost=0.1)
    read = read_all(true_w, poor)
    share = read.arrived.sum() / read.expected.sum()
    assert share == pytest.approx(0.9, abs=0.02)
    assert (read.usual_s == 60).all()
    dark = dataclasses.replace(
        METERING, outages_per_day=24.0, outage_s=constant(1800.0)
    )
    read = read_all(true_w, dark)
    longest = max(np.diff(np.flatnonzero(~np.isnan(row))).max() for row in read.table_w)
    assert longest >= 1800
    half = dataclasses.replace(METERING, lost=0.6)
    read = read_all(true_w, half)
    assert np.median(read.usual_s) >= 120


def test_a_home_that_does_not_answer_delivers_nothing():
    deaf = dataclasses.replace(portfolio().answering, no_answer=1.0)
    unit = unit_of(portfolio(answering=deaf), 100)
    assert not unit.delivered_w.any()
    assert not unit.could_w.any()
    assert unit.true_w.max() > 0


def test_a_unit_at_rest_has_no_staleness_and_one_that_wanders_has():
    rest = unit_of(steady(), 100)
    assert not rest.sums.staleness_w2[200:].any()
    ripple = 1 + 0.02 * np.random.default_rng(1).standard_normal(900)
    moving = unit_of(dataclasses.replace(steady(), wander=ripple), 100)
    assert (moving.sums.staleness_w2[200:] > 0).all()
    error_w = moving.sums.power_w[200:] - moving.true_w[200:]
    assert (
        np.abs(error_w).max() < 6 * np.sqrt(moving.sums.staleness_w2[200:] + 5e4).max()
    )
