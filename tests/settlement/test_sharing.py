"""An asset's energy shared out by hand; no watt-hour is lost or made in any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.settlement.money import Price, price_of
from harness.settlement.sharing import PPM, dividend_p, shared_out


def test_by_hand():
    """Ten per cent of 2,500 Wh are 250, of which Ann used 150; 100 are sold for all."""
    found = shared_out(
        2_500, {"Ann": 100_000, "Bob": 250_000, "school": 650_000},
        {"Ann": 150, "Bob": 750, "school": 1_700},
    )  # fmt: skip
    assert found.credited_wh == {"Ann": 150, "Bob": 625, "school": 1_625}
    assert found.sold_wh == 100


def test_what_does_not_divide_goes_to_those_who_were_cut_most():
    third = {"a": 333_333, "b": 333_333, "c": 333_334}
    found = shared_out(10, third, dict.fromkeys("abc", 100))
    assert sum(found.credited_wh.values()) == 10
    assert sorted(found.credited_wh.values()) == [3, 3, 4]


@given(
    made=st.integers(0, 10**7),
    parts=st.lists(st.integers(0, 1_000), min_size=1, max_size=8),
    drawn=st.lists(st.integers(-(10**6), 10**6), min_size=8, max_size=8),
)
def test_every_watt_hour_is_credited_or_sold_once(made, parts, drawn):
    whole = sum(parts) or 1
    ppm = {f"m{n}": part * PPM // whole for n, part in enumerate(parts)}
    ppm["m0"] += PPM - sum(ppm.values())
    draws = {name: drawn[n] for n, name in enumerate(ppm)}
    found = shared_out(made, ppm, draws)
    assert sum(found.credited_wh.values()) + found.sold_wh == made
    assert found.sold_wh >= 0
    for name, wh in found.credited_wh.items():
        assert 0 <= wh <= max(draws[name], 0)
        assert wh <= made * ppm[name] / PPM + 1


@pytest.mark.parametrize("shares", [{"a": PPM - 1}, {}])
def test_shares_that_are_not_the_whole_are_refused(shares):
    with pytest.raises(ValueError, match="100 %"):
        shared_out(1, shares, {})


def test_a_dividend_by_hand():
    """1.5 MWh at £80/MWh is £120.00; less £40.00 of costs; 5 % of £80.00 is £4.00."""
    assert dividend_p(1_500_000, price_of(80), 4_000, 5.0) == 400
    assert dividend_p(400_000, price_of(80), 4_000, 5.0) == 0


@given(
    wh=st.integers(0, 10**9), more=st.integers(0, 10**9), costs=st.integers(0, 10**6)
)
def test_a_dividend_never_falls_with_what_is_made(wh, more, costs):
    price = Price(8_000_000)
    assert dividend_p(wh, price, costs, 5.0) <= dividend_p(wh + more, price, costs, 5.0)
