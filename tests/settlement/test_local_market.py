"""A local market's half-hour by hand; energy and money are conserved in any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.settlement.local_market import Traded, settled
from harness.settlement.money import Price, price_of

TARIFF, EXPORT, LOCAL = price_of(270), price_of(80), price_of(100)


def test_by_hand():
    """docs/settlement.md 17: the farm sold 2 kWh and made 1.6, the school drew 1.9."""
    found = settled(
        {"farm": -1_600, "school": 1_900}, [Traded("farm", "school", 2_000, LOCAL)],
        tariff=TARIFF, export=EXPORT,
    )  # fmt: skip
    farm, school = found.accounts["farm"], found.accounts["school"]
    assert (farm.local_p, farm.rest_wh, farm.supplier_p) == (-20, 400, 11)
    assert (school.local_p, school.rest_wh, school.supplier_p) == (20, -100, -1)
    assert (farm.paid_p, farm.alone_p) == (-9, -13)
    assert (school.paid_p, school.alone_p) == (19, 51)
    assert found.supplier_wh == 300
    assert found.local_wh == 1_600


names = st.sampled_from("abcdef")
trades = st.lists(
    st.tuples(names, names, st.integers(0, 10_000), st.integers(-(10**7), 10**8)),
    max_size=12,
)


@given(
    metered=st.lists(st.integers(-20_000, 20_000), min_size=6, max_size=6),
    made=trades, tariff=st.integers(0, 10**8), export=st.integers(0, 10**8),
)  # fmt: skip
def test_every_watt_hour_and_penny_is_somebody_s(metered, made, tariff, export):
    counted = dict(zip("abcdef", metered, strict=True))
    found = settled(
        counted, [Traded(s, b, wh, Price(p)) for s, b, wh, p in made],
        tariff=Price(tariff), export=Price(export),
    )  # fmt: skip
    accounts = found.accounts.values()
    assert found.supplier_wh == sum(metered)
    assert sum(one.local_p for one in accounts) == 0
    assert sum(one.paid_p for one in accounts) == found.supplier_p
    assert sum(one.bought_wh for one in accounts) == 0
    assert found.local_wh <= sum(-min(wh, 0) for wh in metered)


@given(wh=st.integers(0, 20_000), steps=st.integers(8 * 10**6, 27 * 10**6))
def test_a_trade_that_is_kept_leaves_both_better_off(wh, steps):
    """At any price between what the supplier pays and what it asks; to the penny."""
    found = settled(
        {"a": -wh, "b": wh}, [Traded("a", "b", wh, Price(steps))], tariff=TARIFF,
        export=EXPORT,
    )  # fmt: skip
    for one in found.accounts.values():
        assert one.paid_p <= one.alone_p + 1
        assert one.supplier_p == 0


def test_who_has_no_meter_is_not_settled():
    with pytest.raises(ValueError, match="no meter of ghost"):
        settled({"a": 1}, [Traded("ghost", "a", 1, LOCAL)], tariff=TARIFF,
                export=EXPORT)  # fmt: skip
