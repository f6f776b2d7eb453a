"""Trades between sites: who used what it had sold is seen, named and not paid."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.estimate import Contribution, Estimate
from harness.core.calendar import SettlementPeriod
from harness.core.errors import UsageError
from harness.settlement.money import price_of
from harness.settlement.positions import positions
from harness.settlement.trades import (
    CapacityTrade,
    Offset,
    never_used,
    settle_offset,
    settle_trade,
)

DAY = date(2026, 1, 15)
NIGHT = [SettlementPeriod(DAY, number) for number in (45, 46)]
TERMS = {
    "sold_w": 20_000, "seller_holds_w": 60_000, "buyer_holds_w": 40_000,
    "price": price_of("5"), "penalty": price_of("400"),
}  # fmt: skip
TRADE = CapacityTrade("bakery", "depot", **TERMS)
OFFSET = Offset("wind farm", "cold store", price_of("20"), price_of("400"))


def watts(*values, u=0.0):
    lines = (Contribution("meter gain", u, "B"),) if u else ()
    return {
        period: Estimate(float(value), "W", lines)
        for period, value in zip(NIGHT, values, strict=False)
    }


def settled(seller, buyer, approved=True):
    return settle_trade(TRADE, NIGHT, seller, buyer, approved=approved)


def net(found):
    return {one.party: one.net_p for one in positions(found.transfers) if one.net_p}


def test_the_buyer_pays_for_capacity_that_its_seller_kept_off():
    found = settled(watts(40_000, 35_000), watts(60_000, 55_000))
    # 20 kW for half an hour at £5/MW/h is 5 p, twice
    assert net(found) == {"bakery": 10, "depot": -10}
    assert found.breaches == found.marks == ()


def test_a_seller_that_uses_what_it_sold_is_not_paid_and_pays():
    found = settled(watts(40_000, 55_000), watts(60_000, 60_000))
    assert found.breaches == (
        "2026-01-15 SP 46: the bakery is 15 kW above the 40 kW that it may draw",
    )
    # 5 p for the first half-hour, 7.5 kWh at 40 p for the second
    assert net(found) == {"bakery": 5 - 300, "depot": 300 - 5}


@pytest.mark.parametrize(("u", "breached"), [(99.0, True), (101.0, False)])
def test_within_the_metering_uncertainty_nobody_is_blamed(u, breached):
    found = settled(watts(40_200, u=u), watts(60_000))
    assert bool(found.breaches) == breached
    assert (
        any("within the metering's uncertainty" in m for m in found.marks) != breached
    )


def test_a_buyer_beyond_what_it_bought_pays_the_network():
    found = settled(watts(40_000, 40_000), watts(60_000, 62_000))
    assert net(found) == {"bakery": 10, "depot": -10 - 40, "DNO": 40}
    assert "the depot is 2 kW above the 60 kW" in found.breaches[0]


def test_without_approval_nothing_is_owed_and_the_buyer_may_draw_its_own_alone():
    found = settled(watts(40_000, 40_000), watts(60_000, 40_000), approved=False)
    assert found.transfers == ()
    assert found.marks == ("the DNO did not approve the trade: nothing is owed",)
    assert found.breaches == (
        "2026-01-15 SP 45: the depot is 20 kW above the 40 kW that it may draw",
    )


def test_a_half_hour_that_was_not_metered_is_marked_and_the_other_is_paid():
    found = settled(watts(40_000), watts(60_000, 60_000))
    assert net(found) == {"bakery": 5, "depot": -5}
    assert found.marks == ("2026-01-15 SP 46: no reading of the bakery: not settled",)


def test_a_seller_that_never_used_what_it_sold_is_named():
    says = never_used(TRADE, Estimate(35_000.0, "W"), looked_back="the 60 days before")
    assert "the bakery never used 20 kW of the 20 kW that it sold" in says
    part = never_used(TRADE, Estimate(50_000.0, "W"), looked_back="a year")
    assert "never used 10 kW of the 20 kW" in part
    assert never_used(TRADE, Estimate(60_000.0, "W"), looked_back="a year") is None
    unsure = Estimate(59_900.0, "W", (Contribution("meter gain", 60.0, "B"),))
    assert never_used(TRADE, unsure, looked_back="a year") is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sold_w": 60_001}, "60001 W are sold of 60000 W held"),
        ({"sold_w": 0}, "0 W are sold"),
        ({"price": price_of("-1")}, "a price is negative"),
        ({"penalty": price_of("-1")}, "a price is negative"),
    ],
)
def test_a_trade_that_cannot_be_is_refused(change, says):
    with pytest.raises(UsageError, match=says):
        CapacityTrade("bakery", "depot", **(TERMS | change))
    CapacityTrade("bakery", "depot", **(TERMS | {"sold_w": 60_000}))


def test_nobody_trades_with_itself():
    with pytest.raises(UsageError, match="trade with itself"):
        CapacityTrade("bakery", "bakery", **TERMS)
    with pytest.raises(UsageError, match="offset itself"):
        Offset("farm", "farm", price_of("1"), price_of("1"))
    with pytest.raises(UsageError, match="a price is negative"):
        Offset("farm", "store", price_of("-1"), price_of("1"))


def test_an_offset_is_paid_for_what_both_rose_by():
    found = settle_offset(OFFSET, watts(500_000, 450_000), watts(500_000, 500_000))
    # 250 kWh and 225 kWh at 2 p
    assert net(found) == {"wind farm": -950, "cold store": 950}
    assert found.breaches == ()


def test_generation_without_demand_is_a_breach():
    found = settle_offset(OFFSET, watts(500_000, 500_000), watts(400_000, -5_000))
    assert found.breaches == (
        "2026-01-15 SP 45: 50 kWh beyond what was raised for it",
        "2026-01-15 SP 46: 250 kWh beyond what was raised for it",
    )
    assert net(found) == {"wind farm": -400 - 12_000, "cold store": 400, "DNO": 12_000}
    near = settle_offset(OFFSET, watts(500_000, u=600.0), watts(499_000))
    assert near.breaches == ()
    assert "within the metering's uncertainty" in near.marks[0]


def test_an_offset_seen_on_one_side_alone_is_marked():
    lost = watts(math.nan)
    for made, taken in ((watts(1.0), {}), ({}, watts(1.0)), (lost, watts(1.0))):
        found = settle_offset(OFFSET, made, taken)
        assert found.transfers == ()
        assert found.marks == (
            "2026-01-15 SP 45: one of both was not metered: not settled",
        )


POWERS = st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=2)


@given(POWERS, POWERS, st.floats(0, 1e4), st.booleans())
def test_money_is_conserved_in_every_trade(one, other, u, approved):
    for found in (
        settled(watts(*one, u=u), watts(*other, u=u), approved),
        settle_offset(OFFSET, watts(*one, u=u), watts(*other, u=u)),
    ):
        assert sum(each.net_p for each in positions(found.transfers)) == 0
        assert all(each.pence > 0 for each in found.transfers)
