"""Matching in a local market: by hand, and never against anybody's limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.local_market import LocalMarket, LocalTrade, Member, matched

FARM = Member("farm", ("solar_farm",), sells_from=8)
ANN = Member("Ann", ("ann", "ann_roof"), sells_from=8, buys_up_to=12)
BOB = Member("Bob", ("bob",), buys_up_to=12, wants="Ann")
SCHOOL = Member("school", ("school",), buys_up_to=14)


def test_who_is_wanted_by_name_comes_before_who_is_cheap_or_pays_more():
    expects = {"farm": -2_000, "Ann": -500, "Bob": 800, "school": 1_500}
    found = matched([FARM, ANN, BOB, SCHOOL], expects)
    assert found.trades == (
        LocalTrade("Ann", "Bob", 500, 10),
        LocalTrade("farm", "school", 1_500, 11),
        LocalTrade("farm", "Bob", 300, 10),
    )
    assert found.unsold_wh == {"farm": 200, "Ann": 0}
    assert found.unmet_wh == {"Bob": 0, "school": 0}


def test_a_member_sells_in_one_half_hour_and_buys_in_another():
    assert matched([FARM, ANN], {"farm": -100, "Ann": 60}).trades == (
        LocalTrade("farm", "Ann", 60, 10),
    )
    assert matched([FARM, ANN], {"farm": -100, "Ann": -60}).trades == ()


def test_limits_that_do_not_meet_trade_nothing():
    dear = Member("farm", ("solar_farm",), sells_from=13)
    found = matched([dear, BOB], {"farm": -100, "Bob": 100})
    assert found.trades == ()
    assert found.unsold_wh == {"farm": 100}


members = st.lists(
    st.tuples(st.integers(-2_000, 2_000), st.integers(0, 30), st.integers(0, 30)),
    min_size=2, max_size=7,
)  # fmt: skip


@given(made=members, wanted=st.integers(0, 6))
def test_nobody_trades_more_than_expected_or_outside_a_limit(made, wanted):
    asked = [
        Member(f"m{n}", (f"d{n}",), sells, buys,
               f"m{wanted}" if wanted < len(made) and wanted != n else "")
        for n, (_wh, sells, buys) in enumerate(made)
    ]  # fmt: skip
    expects = {f"m{n}": wh for n, (wh, *_rest) in enumerate(made)}
    found = matched(asked, expects)
    by_name = {one.name: one for one in asked}
    left = dict(expects)
    for trade in found.trades:
        assert trade.wh > 0
        assert by_name[trade.seller].sells_from <= trade.price
        assert trade.price <= by_name[trade.buyer].buys_up_to
        left[trade.seller] += trade.wh
        left[trade.buyer] -= trade.wh
    for name, wh in expects.items():
        assert 0 <= left[name] <= wh or wh <= left[name] <= 0
    # Nothing that two would both have liked is left.
    for seller, unsold in found.unsold_wh.items():
        for buyer, unmet in found.unmet_wh.items():
            meets = by_name[seller].sells_from <= by_name[buyer].buys_up_to
            assert not (meets and unsold and unmet)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Member("x", ()), "no meter"),
        (lambda: Member("x", ("x",)), "neither sell nor buy"),
        (lambda: Member("x", ("x",), 1, 2, "x"), "its own energy"),
        (lambda: LocalMarket("M", (FARM,), 27, 8), "two members"),
        (lambda: LocalMarket("M", (FARM, FARM), 27, 8), "each once"),
        (lambda: LocalMarket("M", (FARM, BOB), 27, 8), "who is that"),
        (lambda: LocalMarket("M", (FARM, ANN), 7, 8), "nobody would trade"),
        (lambda: LocalMarket("M", (FARM, Member("x", ("solar_farm",), 1)), 27, 8),
         "one meter"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
