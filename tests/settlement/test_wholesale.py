"""A trader's orders: who gains, who pays, and that it always adds up."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.estimate import Estimate
from harness.core.calendar import periods_on_bench
from harness.core.parties import Party
from harness.settlement.money import price_of
from harness.settlement.volumes import HalfHour
from harness.settlement.wholesale import MARKET, Ordered, settle_orders

BEGINS = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
PARTS = periods_on_bench(BEGINS, from_s=0.0, until_s=3600.0)


def settle(used_wh, power_w=15e3, traded=True, price="450", imbalance="600"):
    halves = tuple(
        HalfHour(part.period, Estimate(float(wh), "Wh"))
        for part, wh in zip(PARTS, used_wh, strict=True)
    )
    one = Ordered("bakery", halves, 30e3, power_w, 0.0, 1800.0, traded)
    return settle_orders(
        [one], PARTS, price=price_of(price), cost=price_of("40"),
        tariff=price_of("270"), imbalance=price_of(imbalance),
    )  # fmt: skip


def nets(found):
    return {str(one.party): one.net_p for one in found.positions}


def test_a_delivered_sale_leaves_nothing_out_of_balance():
    """`docs/settlement.md`, 12."""
    found = settle([7_500, 15_000])
    assert nets(found)["Energy Trader"] == 338 - 30  # 7.5 kWh at 45 p, less 4 p
    assert nets(found)["bakery"] == 30 + 203
    assert nets(found)["Electricity Supplier"] == -203
    assert nets(found)[MARKET] == -338
    assert found.exposed_wh == ((Party.BALANCE_RESPONSIBLE, 0),)


def test_a_sale_that_was_not_delivered_falls_on_the_company():
    found = settle([15_000, 15_000])
    assert nets(found).get("bakery", 0) == 0
    assert found.exposed_wh == ((Party.BALANCE_RESPONSIBLE, -7_500),)
    assert nets(found)["Balance Responsible Person"] == -450


def test_more_demand_is_bought_and_what_is_not_traded_is_imbalance():
    bought = settle([22_500, 15_000], -15e3, price="20")
    assert nets(bought)["Energy Trader"] == -15 - 30
    assert bought.exposed_wh == ((Party.BALANCE_RESPONSIBLE, 0),)
    kept = settle([22_500, 15_000], -15e3, traded=False, imbalance="-50")
    assert nets(kept)["Balance Responsible Person"] == 38
    assert nets(kept)["Energy Trader"] == -30


@given(
    st.lists(st.integers(-50_000, 50_000), min_size=2, max_size=2),
    st.integers(-40_000, 40_000).filter(bool), st.booleans(),
    st.integers(-500, 900).map(str), st.integers(-500, 900).map(str),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_money_is_conserved_and_nobody_is_paid_for_more_than_was_ordered(
    used_wh, power_w, traded, price, imbalance
):
    found = settle(used_wh, float(power_w), traded, price, imbalance)
    assert sum(one.net_p for one in found.positions) == 0
    paid_p = found.paid_p(Party.TRADER, "bakery", "flexibility")
    assert 0 <= paid_p <= abs(power_w) / 2 / 1e6 * 4_000 + 1
