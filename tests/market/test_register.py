"""The facilitator's register: nothing is sold twice, what has ended moves nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.parties import ACTORS, Party
from harness.market.actors import FUNCTIONS, DsoFunction
from harness.market.facilitator import Register
from harness.market.rules import ForbiddenError, Rule
from harness.market.sites import Area, Direction, Site, mpan_fault
from harness.market.trades import Stage, Trade, TradeKind

MPANS = ("2000000000015", "2000000000024", "2000000000033")
NAMES = ("bakery", "depot", "mill")


def site(name, mpan, mic_w=60_000.0):
    return Site(name, Party.NON_DOMESTIC, mpan, name, 10, 0.0, mic_w, 20_000.0)


def register():
    sites = tuple(site(*one) for one in zip(NAMES, MPANS, strict=True))
    return Register([Area("C4", 1e5, sites)])


def trade(power_w=20_000.0, seller="bakery", buyer="depot", name="T", span=(100, 200)):
    return Trade(name, TradeKind.IMPORT, seller, buyer, power_w, *map(float, span))


def test_an_approved_trade_moves_capacity_while_it_stands():
    book = register()
    book.agree(trade(), at_s=0)
    assert book.may_w("depot", Direction.IMPORT, 150) == 60_000  # conditional
    book.approve("T", at_s=50)
    for at_s, sold_w in ((99, 0), (100, 20_000), (199, 20_000), (200, 0)):
        assert book.may_w("depot", Direction.IMPORT, at_s) == 60_000 + sold_w
        assert book.may_w("bakery", Direction.IMPORT, at_s) == 60_000 - sold_w
    assert book.may_w("depot", Direction.EXPORT, 150) == 20_000


@pytest.mark.parametrize(
    ("act", "rule"),
    [
        (lambda b: b.approve("T", at_s=100), Rule.IN_TIME),
        (lambda b: b.approve("T", at_s=50, power_w=20_001), Rule.NOT_MORE),
        (lambda b: b.unwind("T", at_s=50), Rule.CONDITIONAL),
        (lambda b: b.agree(trade(name="T2", power_w=41_000), at_s=0), Rule.HOLDS),
        (lambda b: b.agree(trade(name="T2", buyer="palace"), at_s=0), Rule.KNOWN_MPAN),
        (lambda b: b.agree(trade(name="T2"), at_s=100), Rule.IN_TIME),
        (lambda b: b.approve("T9", at_s=0), Rule.ENDED),
    ],
)
def test_what_may_not_be_names_its_rule(act, rule):
    book = register()
    book.agree(trade(), at_s=0)
    with pytest.raises(ForbiddenError) as caught:
        act(book)
    assert caught.value.rule is rule
    assert rule.value.source in str(caught.value)


def test_the_last_watt_can_be_sold_and_no_more():
    book = register()
    book.agree(trade(), at_s=0)
    book.agree(trade(name="T2", power_w=40_000), at_s=0)
    with pytest.raises(ForbiddenError, match="cannot sell"):
        book.agree(trade(name="T3", power_w=1), at_s=0)
    book.agree(trade(name="T4", power_w=60_000, span=(200, 300)), at_s=0)  # later


@pytest.mark.parametrize("end", ["refuse", "unwind"])
def test_what_has_ended_moves_nothing_and_cannot_go_on(end):
    book = register()
    book.agree(trade(), at_s=0)
    if end == "unwind":
        book.approve("T", at_s=10)
    getattr(book, end)("T", at_s=150 if end == "unwind" else 20)
    assert book.may_w("depot", Direction.IMPORT, 160) == 60_000
    for act in (book.approve, book.refuse, book.unwind):
        with pytest.raises(ForbiddenError):
            act("T", at_s=160)


def test_sites_of_two_areas_do_not_trade_and_offsets_need_an_outline():
    book = Register(
        [Area("A", 1e5, (site("bakery", MPANS[0]),)),
         Area("B", 1e5, (site("depot", MPANS[1]),))]
    )  # fmt: skip
    with pytest.raises(ForbiddenError) as caught:
        book.agree(trade(), at_s=0)
    assert caught.value.rule is Rule.SAME_AREA
    book = register()
    offset = Trade("O", TradeKind.OFFSET, "bakery", "depot", 5e3, 100.0, 200.0)
    with pytest.raises(ForbiddenError) as caught:
        book.agree(offset, at_s=0)
    assert caught.value.rule is Rule.OUTLINE
    book.approve_outline("depot", "bakery")
    book.agree(offset, at_s=0)
    book.approve("O", at_s=1)
    assert book.may_w("depot", Direction.EXPORT, 150) == 25_000
    assert book.may_w("bakery", Direction.IMPORT, 150) == 60_000


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["agree", "approve", "refuse", "unwind"]),
        st.permutations(NAMES),
        st.integers(1, 70),
        st.integers(0, 3),
        st.integers(0, 40),
    ),
    max_size=25,
)


@given(ACTS)
@settings(max_examples=150, deadline=None)
def test_capacity_is_conserved_whatever_anybody_tries(acts):
    book, now_s = register(), 0.0
    for number, (what, names, kw, place, later) in enumerate(acts):
        now_s += later
        try:
            if what == "agree":
                begins_s = now_s + later
                book.agree(
                    trade(kw * 1e3, names[0], names[1], f"T{number}",
                          (begins_s, begins_s + 30)),
                    at_s=now_s,
                )  # fmt: skip
            else:
                getattr(book, what)(f"T{place}", at_s=now_s)
        except ForbiddenError:
            continue
    for at_s in (*book.changes_s(), now_s):
        may_w = [book.may_w(name, Direction.IMPORT, at_s) for name in NAMES]
        assert sum(may_w) == pytest.approx(180_000)
        assert min(may_w) >= 0
    for one in book.transactions:
        if one.at(1e9).stage in (Stage.REFUSED, Stage.LAPSED):
            assert all(one.stands_w(at) == 0 for at in book.changes_s())


@pytest.mark.parametrize(
    ("mpan", "fault"),
    [("2000000000015", ""), ("20 0000 0000 015", ""), ("2000000000016", "should be 5"),
     ("200000000001", "13 digits"), ("200000000001X", "13 digits")],
)  # fmt: skip
def test_an_mpan_s_check_digit_is_checked(mpan, fault):
    assert fault in mpan_fault(mpan)
    assert bool(fault) == bool(mpan_fault(mpan))


def test_every_actor_supports_some_function_and_table_3_counts_them():
    assert set(FUNCTIONS) == set(ACTORS)
    counts = [len(FUNCTIONS[party]) for party in ACTORS]
    assert counts == [6, 6, 8, 3, 7, 3, 8, 8, 8, 8, 2, 8, 1, 6]
    assert FUNCTIONS[Party.TRADER] == {DsoFunction.FACILITATION}
