"""Demand Flexibility Service: baselines from days before, and what a unit earns."""

from dataclasses import replace
from datetime import date
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN
from harness.core.calendar import SettlementPeriod
from harness.settlement.baselines import Bl01Terms
from harness.settlement.daytypes import Country
from harness.settlement.dfs import (
    Account,
    Baseline,
    History,
    Others,
    Usual,
    baseline_of,
    counted,
    paid_share,
    unit_lines,
)
from harness.settlement.money import price_of
from harness.settlement.volumes import HalfHour

ON = date(2026, 11, 27)
"""A Friday."""
FIVE = SettlementPeriod(ON, 35)
USUAL = tuple(Usual(kind, 0, 86_400, 9_700, 0) for kind in (True, False))
ENGLAND = Country.ENGLAND_AND_WALES
PRICE = price_of("3000")


def half(period, wh, u=0.0):
    return HalfHour(period, Estimate(wh, "Wh", (Contribution(GAIN, u),)))


def baseline(history, metered=(), *, in_day=False):
    days, wh, events = counted(history, ON, ENGLAND, look_back=60, seed=1)
    return baseline_of(
        days, wh, metered, [FIVE], country=ENGLAND, event_days=events, in_day=in_day,
        terms=Bl01Terms(), relative_u=0.005,
    )  # fmt: skip


def test_days_on_which_it_was_called_are_not_averaged():
    """Two days at 3.8 kW among ten would make 8.52 kW of 9.7."""
    called = History(USUAL, {1: 3_800.0, 2: 3_800.0})
    got = baseline(called)
    assert (got.days, got.energy[FIVE].value) == (10, 4_850.0)
    assert got.energy[FIVE].budget[0].u == pytest.approx(24.25)


def test_days_of_the_other_kind_are_not_averaged():
    usual = (Usual(True, 0, 86_400, 9_700, 0), Usual(False, 0, 86_400, 1_000, 0))
    assert baseline(History(usual)).energy[FIVE].value == 4_850.0


def test_too_few_days_are_refused_by_name():
    got = baseline(History(USUAL, missing=tuple(range(1, 59))))
    assert "too few days for a baseline, 2 of 5" in got.why
    assert not got.energy


def test_the_day_itself_moves_the_baseline_by_what_it_drew_before():
    """From 13:00 to 16:00, six half-hours an hour before 17:00, 500 Wh more in each."""
    before = [half(SettlementPeriod(ON, n), 5_350.0) for n in range(27, 33)]
    got = baseline(History(USUAL), before, in_day=True)
    assert (got.offset_wh, got.energy[FIVE].value) == (500.0, 5_350.0)
    assert baseline(History(USUAL), before).energy[FIVE].value == 4_850.0


def test_a_half_hour_that_lacks_in_the_window_leaves_no_baseline():
    before = [half(SettlementPeriod(ON, n), 5_350.0) for n in range(28, 33)]
    got = baseline(History(USUAL), before, in_day=True)
    assert "in-day window" in got.why
    assert isnan(got.offset_wh)


def test_the_scatter_is_that_of_the_seed():
    usual = (replace(USUAL[0], varies_percent=2.0), USUAL[1])
    one, again = (
        counted(History(usual), ON, ENGLAND, look_back=60, seed=3)[1] for _ in "ab"
    )
    np.testing.assert_array_equal(one, again)
    working = one[0, :48]
    assert 50 < np.std(working) < 150


ACCOUNT = Account(250, 1_400_000, PRICE)


def lines(metered_wh, account=ACCOUNT, base_wh=4_850.0, u=0.0):
    base = Baseline({FIVE: Estimate(base_wh, "Wh", (Contribution(GAIN, u),))}, 10, 0.0)
    return unit_lines([half(FIVE, metered_wh, u)], base, account)


def test_a_worked_example():
    """`docs/settlement.md`, 15: capped at what was accepted; 40 homes draw more."""
    (line,) = lines(1_900.0)
    assert line.unit.value == 737_500
    assert line.payment_p == 210_000
    others = replace(ACCOUNT, others=(Others(40, 4_000.0),))
    (net,) = lines(1_900.0, others)
    assert (net.unit.value, net.payment_p) == (657_500, 197_250)
    (positive,) = lines(1_900.0, replace(others, positive_only=True))
    assert (positive.unit.value, positive.payment_p) == (737_500, 210_000)


def test_a_home_that_draws_more_itself():
    (net,) = lines(5_000.0)
    assert (net.unit.value, net.payment_p) == (-37_500, 0)
    (positive,) = lines(5_000.0, replace(ACCOUNT, positive_only=True))
    assert (positive.unit.value, positive.payment_p) == (0, 0)


def test_turning_up_earns_by_drawing_more():
    upwards = replace(ACCOUNT, upwards=True, others=(Others(10, 1_000.0),))
    (line,) = lines(7_650.0, upwards)
    assert line.unit.value == 250 * 2_800 + 10 * 500


def test_half_of_what_was_accepted_is_half_of_the_pay_with_the_meters_error():
    found = lines(3_450.0, u=10.0)
    share = paid_share(found, ACCOUNT)
    assert share.value == pytest.approx(50.0)
    assert share.unit == "%"
    # One gain acts on baseline and metered alike: their lines nearly cancel.
    assert share.u < 250 * 20 / 700_000 * 100


def test_nothing_accepted_has_no_share():
    with pytest.raises(ValueError, match="nothing was accepted"):
        paid_share(lines(1_900.0), replace(ACCOUNT, accepted_w=0))


@given(
    st.floats(-20_000, 20_000), st.integers(1, 1_000), st.integers(0, 5_000_000),
    st.lists(st.tuples(st.integers(0, 100), st.floats(-9_000, 9_000)), max_size=3),
)  # fmt: skip
def test_a_unit_is_never_paid_beyond_its_bid_and_no_less_for_positive_only(
    metered_wh, homes, accepted_w, others
):
    account = Account(
        homes, accepted_w, PRICE, others=tuple(Others(n, w) for n, w in others)
    )
    (net,) = lines(metered_wh, account)
    (positive,) = lines(metered_wh, replace(account, positive_only=True))
    assert 0 <= net.payment_p <= positive.payment_p
    assert positive.payment_p <= account.accepted_wh * 300_000 / 1e6 + 1
