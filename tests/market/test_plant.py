"""What a virtual power plant may sell, and what it may not sell twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.plant import Plant, Sale, refusal, sold_and_refused

ENTRY = {"DSO": 10_000.0, "ESO": 1_000_000.0}


def plant(*sales, homes=250):
    return Plant(homes, "battery", 5_000.0, 10.0, ENTRY, tuple(sales))


def sale(buyer="DSO", kw=500.0, from_s=0.0, until_s=1_800.0):
    return Sale(buyer, kw * 1000, 1, from_s, until_s)


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        (sale(kw=10.0), ""),
        (sale(kw=9.9), "no less than 10 kW"),
        (sale("ESO", 999.0), "no less than 1000 kW"),
        (sale("ESO", 1_000.0), ""),
        (sale("trader", 1_000.0), "registered in no market"),
        (sale(kw=1_250.0), ""),
        (sale(kw=1_251.0), "1250 kW are left then"),
    ],
)
def test_a_market_takes_no_less_and_a_plant_gives_no_more(offer, says):
    found = refusal(plant(), [], offer)
    assert (says in found) if says else found == ""


def test_what_is_sold_is_not_there_for_another_until_it_is_over():
    first = sale(kw=1_000.0, from_s=0.0, until_s=1_800.0)
    assert "250 kW are left" in refusal(plant(), [first], sale(kw=300.0, from_s=900.0))
    assert refusal(plant(), [first], sale(kw=250.0, from_s=900.0)) == ""
    later = sale(kw=1_250.0, from_s=1_800.0, until_s=3_600.0)
    assert refusal(plant(), [first], later) == ""


def test_two_that_do_not_meet_each_other_are_not_added_up():
    sold = [sale(kw=1_000.0, until_s=600.0), sale(kw=1_000.0, from_s=1_200.0)]
    across = sale(kw=250.0)
    assert refusal(plant(), sold, across) == ""


windows = st.tuples(
    st.sampled_from(["DSO", "ESO", "trader"]), st.floats(1, 3_000),
    st.integers(0, 20), st.integers(1, 10),
)  # fmt: skip


@given(st.lists(windows, max_size=12))
def test_nothing_is_ever_sold_twice(offers):
    asked = [
        sale(who, kw, from_s * 60.0, (from_s + long) * 60.0)
        for who, kw, from_s, long in offers
    ]
    one = plant(*asked)
    sold, refused = sold_and_refused(one)
    assert len(sold) + len(refused) == len(asked)
    for minute in range(32):
        at_s = minute * 60.0
        now = [s for s in sold if s.from_clock_s <= at_s < s.until_clock_s]
        assert sum(s.power_w for s in now) <= one.capacity_w + 1e-3
    assert all(why for _sale, why in refused)


def test_a_plant_of_nothing_is_refused():
    with pytest.raises(ValueError, match="give something"):
        plant(homes=0)
