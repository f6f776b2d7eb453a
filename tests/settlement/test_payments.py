"""Payments: capped, scaled, never negative, to the penny; and what a meter adds."""

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN
from harness.core.errors import UsageError
from harness.rulebook.loader import load_rulebook
from harness.settlement.money import Price, amount_p, price_of
from harness.settlement.payments import (
    PROPORTIONAL,
    Paid,
    availability_p,
    curve_named,
    flexible_power,
    payment_estimate,
    penalty_p,
    require_below_ceiling,
    transition,
    utilisation_p,
    utilisations_p,
)

BOOK, ON = load_rulebook(), date(2026, 1, 15)
FLEXIBLE, TRANSITION = flexible_power(BOOK, ON), transition(BOOK, ON)
PRICE = price_of("300")
CURVES = st.sampled_from([PROPORTIONAL, FLEXIBLE, TRANSITION])
WH = st.integers(-10_000, 10_000)
ASKED = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("curve", "delivered_wh", "pence"),
    [
        # 10 kWh were instructed at £300/MWh: £3.00 in full
        (PROPORTIONAL, 10_000, 300),
        (PROPORTIONAL, 7_000, 210),
        (PROPORTIONAL, 12_000, 300),
        (PROPORTIONAL, -500, 0),
        (FLEXIBLE, 9_500, 300),
        (FLEXIBLE, 9_499, 300),  # 99.97 % of £3.00
        (FLEXIBLE, 9_400, 291),
        (FLEXIBLE, 6_167, 0),
        (FLEXIBLE, 6_200, 3),
        (FLEXIBLE, 5_000, 0),
        (TRANSITION, 5_000, 150),
        (TRANSITION, 4_999, 0),
        (TRANSITION, 9_000, 270),
        (TRANSITION, 11_000, 300),
    ],
)
def test_a_delivered_share_earns_what_its_curve_says(curve, delivered_wh, pence):
    assert utilisation_p(delivered_wh, 10_000, PRICE, curve) == pence


@given(CURVES, WH, ASKED, st.integers(0, 10**9))
def test_a_payment_is_never_negative_and_never_more_than_the_full_one(
    curve, delivered_wh, asked_wh, steps
):
    paid = utilisation_p(delivered_wh, asked_wh, Price(steps), curve)
    assert 0 <= paid <= amount_p(asked_wh, Price(steps))


@given(CURVES, st.lists(st.tuples(WH, ASKED), min_size=1), st.integers(0, 10**8))
def test_in_arrays_a_payment_is_the_same_to_the_penny(curve, lines, steps):
    delivered_wh, asked_wh = (
        np.array(c, dtype=np.int64) for c in zip(*lines, strict=True)
    )
    alone = [utilisation_p(d, a, Price(steps), curve) for d, a in lines]
    assert utilisations_p(delivered_wh, asked_wh, Price(steps), curve).tolist() == alone


@given(CURVES, ASKED, WH, WH)
def test_who_delivers_more_is_never_paid_less_nor_penalised_more(
    curve, asked, one, two
):
    less, more = sorted((one, two))
    assert utilisation_p(less, asked, PRICE, curve) <= utilisation_p(
        more, asked, PRICE, curve
    )
    assert penalty_p(less, asked, PRICE, curve) >= penalty_p(more, asked, PRICE, curve)


def test_a_penalty_begins_beyond_the_grace_and_counts_what_went_the_wrong_way():
    assert penalty_p(9_500, 10_000, PRICE, FLEXIBLE) == 0
    assert penalty_p(9_400, 10_000, PRICE, FLEXIBLE) == 3
    assert penalty_p(0, 10_000, PRICE, PROPORTIONAL) == 300
    assert penalty_p(-1_000, 10_000, PRICE, PROPORTIONAL) == 330


def test_availability_is_by_the_half_hour_scaled_by_last_months_delivery():
    # 7 kW for 4 hours at £10/MW/h is 28 p
    fee = {"price": price_of("10"), "available": 8}
    assert availability_p(7_000, **fee) == 28
    assert availability_p(7_000, delivered_last_month=Fraction(3, 4), **fee) == 21
    assert availability_p(7_000, available=0, price=price_of("10")) == 0
    with pytest.raises(ValueError, match="no share"):
        availability_p(7_000, delivered_last_month=Fraction(5, 4), **fee)


def test_where_nothing_was_instructed_nothing_is_paid():
    none = np.zeros(2, dtype=np.int64)
    assert utilisations_p(none + 500, none, PRICE, FLEXIBLE).tolist() == [0, 0]
    with pytest.raises(ValueError, match="nothing to pay for"):
        utilisation_p(500, 0, PRICE, FLEXIBLE)


def test_a_curve_is_found_by_its_name_and_a_price_is_held_under_the_ceiling():
    assert curve_named("flexible power", BOOK, ON) == FLEXIBLE
    with pytest.raises(UsageError, match="in proportion, Flexible Power, TRANSITION"):
        curve_named("generous", BOOK, ON)
    require_below_ceiling(price_of("500"), BOOK, ON, where="the agreement")
    with pytest.raises(UsageError, match="above the ceiling of 500"):
        require_below_ceiling(price_of("500.01"), BOOK, ON, where="the agreement")


def metered(wh, gain_u):
    return Estimate(float(wh), "Wh", (Contribution(GAIN, gain_u, "B"),))


def test_one_meters_gain_adds_up_over_periods_and_vanishes_above_the_cap():
    inside = [Paid(metered(2_000, 20.0), 3_000, PRICE, PROPORTIONAL)] * 2
    both = payment_estimate(inside)
    assert both.value == pytest.approx(120.0)
    assert both.u == pytest.approx(1.2, rel=0.02)  # 2 × 20 Wh at 0.03 p/Wh
    capped = payment_estimate([Paid(metered(4_000, 20.0), 3_000, PRICE, PROPORTIONAL)])
    assert capped.value == pytest.approx(90.0)
    assert capped.expanded == pytest.approx(0.0, abs=1e-9)


def test_near_the_cap_the_payment_can_only_be_less():
    at = payment_estimate([Paid(metered(3_000, 30.0), 3_000, PRICE, PROPORTIONAL)])
    below, above = at.reach
    assert below == pytest.approx(1.8, rel=0.1)
    assert above == pytest.approx(0.0, abs=0.01)


def test_a_penalty_doubles_what_a_shortfall_costs():
    line = Paid(metered(2_000, 20.0), 3_000, PRICE, PROPORTIONAL, penalty=PRICE)
    found = payment_estimate([line])
    assert found.value == pytest.approx(60.0 - 30.0)
    assert found.u == pytest.approx(1.2, rel=0.02)
    exact = Paid(Estimate(2_000.0, "Wh"), 3_000, PRICE, PROPORTIONAL)
    assert payment_estimate([exact]).u == 0.0
