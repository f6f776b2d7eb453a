"""Money is exact: whole pence, rounded once, in arrays as alone."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.settlement.money import (
    Price,
    agreed_price,
    amount_p,
    amounts_p,
    pounds,
    price_of,
    rounded,
    whole_wh,
)

ENERGIES = st.integers(-(10**7), 10**7)
STEPS = st.integers(-(10**9), 10**9)


@pytest.mark.parametrize(
    ("energy_wh", "price", "pence"),
    [
        (3_500, "300", 105),  # 3.5 kWh at 30 p
        (1, "5000", 1),  # half a penny is a penny
        (-1, "5000", -1),
        (1, "4999.99999", 0),
        (1_000_000, "0.01", 1),
        (1_000_000, "0.00499", 0),
        (1_000_000, "-72.15", -7215),
    ],
)
def test_an_amount_is_rounded_to_the_nearest_penny(energy_wh, price, pence):
    assert amount_p(energy_wh, price_of(price)) == pence


@given(ENERGIES, STEPS)
def test_an_amount_is_within_half_a_penny_and_odd_in_the_energy(energy_wh, steps):
    exact = Fraction(energy_wh * steps, 10**9)
    found = amount_p(energy_wh, Price(steps))
    assert abs(found - exact) <= Fraction(1, 2)
    assert amount_p(-energy_wh, Price(steps)) == -found


@given(st.lists(st.tuples(ENERGIES, STEPS, st.integers(0, 100)), min_size=1))
def test_many_amounts_at_once_are_the_same_to_the_penny(lines):
    energy_wh, steps, percent = (
        np.array(c, dtype=np.int64) for c in zip(*lines, strict=True)
    )
    alone = [amount_p(e, Price(s), Fraction(p, 100)) for e, s, p in lines]
    assert amounts_p(energy_wh, steps, percent).tolist() == alone


def test_an_amount_that_leaves_64_bits_is_an_error():
    with pytest.raises(OverflowError):
        amounts_p(np.array([10**12]), np.array([10**9]))


@pytest.mark.parametrize("energy_wh", [float("nan"), float("inf")])
def test_what_was_not_seen_is_not_settled(energy_wh):
    with pytest.raises(ValueError, match="cannot be settled"):
        whole_wh(energy_wh)


@given(st.floats(-1e9, 1e9))
def test_energy_is_settled_to_the_nearest_watt_hour(energy_wh):
    assert abs(whole_wh(energy_wh) - energy_wh) <= 0.5 + 1e-6
    assert whole_wh(-energy_wh) == -whole_wh(energy_wh)


def test_a_price_is_kept_as_it_was_written():
    assert price_of("72.15345").gbp_per_mwh == Decimal("72.15345")
    assert str(price_of("300.0")) == "300 £/MWh"
    assert agreed_price("0", where="the agreement").steps == 0


@pytest.mark.parametrize("text", ["cheap", "nan", "1e9", "0.000001"])
def test_what_is_no_price_is_refused(text):
    with pytest.raises(UsageError, match="a price"):
        price_of(text)


def test_a_negative_price_may_be_an_imbalance_price_and_never_an_agreed_one():
    assert price_of("-20").steps < 0
    with pytest.raises(UsageError, match="the agreed price is negative"):
        agreed_price("-0.01", where="the agreement")


def test_rounding_and_reading():
    assert [rounded(Fraction(n, 2)) for n in (-3, -1, 0, 1, 3)] == [-2, -1, 0, 1, 2]
    assert [pounds(p) for p in (105, -30, 0, 123456)] == [
        "£1.05", "−£0.30", "£0.00", "£1,234.56",
    ]  # fmt: skip
