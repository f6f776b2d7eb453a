"""Who pays whom: whatever is owed, everyone's positions sum to zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.parties import ACTORS, Party
from harness.settlement.imbalance import Imbalance, bill_change
from harness.settlement.money import Price, amount_p, price_of
from harness.settlement.positions import (
    Transfer,
    owed,
    positions,
    positions_table,
    split,
    transfers_table,
)

PARTIES = st.sampled_from(list(Party))
AMOUNTS = st.integers(-(10**6), 10**6)
DEBTS = st.lists(
    st.tuples(PARTIES, PARTIES, AMOUNTS).filter(lambda debt: debt[0] != debt[1])
)
WH = st.integers(-(10**6), 10**6)


def transfers_of(debts):
    return [one for payer, payee, p in debts for one in owed(payer, payee, p, "x")]


@given(DEBTS)
def test_positions_sum_to_zero_whoever_owes_whom(debts):
    found = positions(transfers_of(debts))
    assert len(found) == len(Party)
    assert sum(one.net_p for one in found) == 0
    assert sum(one.paid_p for one in found) == sum(abs(p) for *_, p in debts)
    assert positions_table(found)[-1][3] == "£0.00"


def test_all_fourteen_actors_have_a_position_those_that_nothing_happened_to_too():
    assert len(ACTORS) == 14
    found = positions(
        [Transfer(Party.DSO, Party.AGGREGATOR, 105, "utilisation", 3_500)]
    )
    by = {one.party: one.net_p for one in found}
    assert (by[Party.DSO], by[Party.AGGREGATOR], by[Party.TRADER]) == (-105, 105, 0)
    rows = positions_table(found, {Party.DSO: 2.4})
    assert len(rows) == 1 + 15 + 1
    assert ("DSO", "£1.05", "£0.00", "−£1.05", "£0.02", "") in rows


@given(WH, WH, st.integers(-(10**8), 10**8))
def test_long_and_short_mirror_each_other_at_one_price(bought, metered, steps):
    long = positions(Imbalance(Party.SUPPLIER, bought, metered).cash(Price(steps)))
    short = positions(Imbalance(Party.SUPPLIER, metered, bought).cash(Price(steps)))
    assert [one.net_p for one in long] == [-one.net_p for one in short]
    assert sum(one.net_p for one in long) == 0


def test_who_used_less_than_it_bought_is_paid_the_imbalance_price():
    one = Imbalance(Party.BALANCE_RESPONSIBLE, 4_900, 1_400)
    (cash,) = one.cash(price_of("90"))
    assert (cash.payer, cash.payee) == (Party.CLEARING, Party.BALANCE_RESPONSIBLE)
    assert cash.pence == 32  # 3.5 kWh at 9 p is 31.5 p
    (turned,) = one.cash(price_of("-90"))
    assert (turned.payer, turned.pence) == (Party.BALANCE_RESPONSIBLE, 32)


def test_a_notified_volume_leaves_nothing_out_of_balance():
    one = Imbalance(Party.SUPPLIER, 4_900, 1_400, adjusted_wh=3_500)
    assert one.long_wh == 0
    assert one.cash(price_of("90")) == ()


@given(WH, WH, st.integers(0, 10**8))
def test_a_bill_changes_by_what_was_not_used(bought, metered, steps):
    found = positions(bill_change(bought, metered, Price(steps)))
    by = {one.party: one.net_p for one in found}
    assert by[Party.DOMESTIC] == amount_p(bought - metered, Price(steps))
    assert by[Party.SUPPLIER] == -by[Party.DOMESTIC]


@given(st.integers(0, 10**6), st.integers(0, 100))
def test_what_is_passed_on_and_what_is_kept_make_the_whole(received, percent):
    passed = sum(
        one.pence
        for one in split(Party.AGGREGATOR, Party.DOMESTIC, received, percent, "share")
    )
    assert 0 <= passed <= received
    assert abs(passed - received * percent / 100) <= 0.5


def test_a_share_of_more_than_all_is_refused_and_so_is_a_negative_debt():
    with pytest.raises(UsageError, match="0 to 100 %"):
        split(Party.AGGREGATOR, Party.DOMESTIC, 100, 101, "the home's share")
    with pytest.raises(ValueError, match="no debt"):
        Transfer(Party.DSO, Party.AGGREGATOR, -1, "utilisation")
    with pytest.raises(ValueError, match="no debt"):
        Transfer(Party.DSO, Party.DSO, 1, "utilisation")


def test_the_table_of_who_pays_whom_adds_up_periods():
    lines = [
        Transfer(Party.DSO, Party.AGGREGATOR, 100, "utilisation", 3_400, "SP 36"),
        Transfer(Party.DSO, Party.AGGREGATOR, 105, "utilisation", 3_500, "SP 37"),
    ]
    assert transfers_table(lines)[1:] == [
        ("DSO", "Aggregator", "utilisation", "6.900 kWh", "£2.05")
    ]
