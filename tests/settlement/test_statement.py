"""Statements: what is wrong is refused by name, and the rest still adds up."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.estimate import Estimate
from harness.core.calendar import SettlementPeriod
from harness.core.errors import UsageError
from harness.core.parties import Party
from harness.rulebook.loader import load_rulebook
from harness.settlement.baselines import Bl01Terms, bl01, in_day_offsets
from harness.settlement.daytypes import Country, working_days
from harness.settlement.money import price_of, whole_wh
from harness.settlement.payments import (
    PROPORTIONAL,
    flexible_power,
    transition,
    utilisation_p,
)
from harness.settlement.periods import Grid, grid
from harness.settlement.portfolio import Calls, settle
from harness.settlement.positions import positions
from harness.settlement.statement import (
    Contract,
    Instructed,
    overlaps,
    statement,
)

DAY = date(2026, 1, 15)
PRICE = price_of("300")
BOOK = load_rulebook()


def sp(number):
    return SettlementPeriod(DAY, number)


def contract(name, mpan, first=1, last=48, **terms):
    terms = {"price": PRICE, "curve": PROPORTIONAL} | terms
    return Contract(
        name, mpan, Party.DSO, Party.AGGREGATOR, first=sp(first), last=sp(last), **terms
    )


def wh(value, why=""):
    return Estimate(float(value), "Wh", why=why)


GOOD = contract("good", "1000", penalty=price_of("100"))


def one_of_each():
    """A good agreement beside one of every kind of bad one."""
    contracts = [
        GOOD,
        contract("stranger", "9999"),
        contract("first", "2000", 30, 40),
        contract("second", "2000", 36, 44),
        contract("short", "3000", 30, 34),
    ]
    calls = [
        Instructed("good", sp(36), 3_500),
        Instructed("good", sp(37), 3_500),
        Instructed("good", sp(38), 3_500),
        Instructed("good", sp(39), 3_500),
        Instructed("good", sp(36), 3_500),
        Instructed("stranger", sp(36), 3_500),
        Instructed("first", sp(35), 1_000),
        Instructed("first", sp(36), 1_000),
        Instructed("second", sp(37), 1_000),
        Instructed("short", sp(36), 1_000),
        Instructed("short", sp(34), 0),
        Instructed("nobody", sp(36), 1_000),
    ]
    delivered = {
        "1000": {sp(36): wh(3_500), sp(37): wh(3_000),
                 sp(38): wh(math.nan, "missing: 900 s at its end")},
        "2000": {sp(n): wh(1_000) for n in (35, 36, 37)},
        "3000": {sp(34): wh(1_000)},
        "7777": {sp(36): wh(1.0)},
    }  # fmt: skip
    known = {"1000", "2000", "3000", "7777"}
    return statement(contracts, calls, delivered, known=known)


def test_every_bad_thing_is_refused_for_its_own_reason():
    assert one_of_each().refused == (
        "MPAN 7777: metered, and under no agreement",
        "MPAN 1000, 2026-01-15 SP 38: not settled: missing: 900 s at its end",
        "MPAN 1000, 2026-01-15 SP 39: not settled: there is no reading",
        "agreement good, 2026-01-15 SP 36: it was instructed twice",
        "agreement stranger, 2026-01-15 SP 36: MPAN 9999 is unknown",
        "agreement first, 2026-01-15 SP 36: agreement second overlaps it on MPAN 2000",
        "agreement second, 2026-01-15 SP 37: agreement first overlaps it on MPAN 2000",
        "agreement short, 2026-01-15 SP 36: it lies outside the agreement",
        "agreement short, 2026-01-15 SP 34: 0 Wh were instructed",
        "agreement nobody, 2026-01-15 SP 36: there is no such agreement",
    )


def test_and_the_rest_still_adds_up():
    found = one_of_each()
    paid = [
        (line.contract.name, line.payment_p, line.penalty_p) for line in found.lines
    ]
    # 3.5 and 3.0 kWh at 30 p; 0.5 kWh short at 10 p; 1 kWh where nothing overlaps
    assert paid == [("good", 105, 0), ("good", 90, 5), ("first", 30, 0)]
    net = {one.party: one.net_p for one in positions(found.transfers())}
    assert net[Party.AGGREGATOR] == 105 + 90 - 5 + 30
    assert sum(net.values()) == 0


def test_agreements_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="agreement x: its price is negative"):
        contract("x", "1", price=price_of("-1"))
    with pytest.raises(UsageError, match="agreement x: its price is negative"):
        contract("x", "1", penalty=price_of("-1"))
    with pytest.raises(UsageError, match="before 2026-01-15 SP 20"):
        contract("x", "1", 20, 19)
    with pytest.raises(UsageError, match="two share a name"):
        statement([GOOD, GOOD], [], {}, known={"1000"})


def test_overlaps_are_named_and_neighbours_are_none():
    pairs = [contract("a", "1", 1, 10), contract("b", "1", 10, 20)]
    assert overlaps(pairs) == ["agreements a and b overlap on MPAN 1"]
    assert overlaps([contract("a", "1", 1, 10), contract("b", "1", 11, 20)]) == []
    assert overlaps([contract("a", "1"), contract("b", "2")]) == []


@given(
    st.lists(
        st.tuples(st.sampled_from("123"), st.integers(1, 48), st.integers(-50, 5_000)),
        max_size=30,
    ),
    st.data(),
)
def test_every_call_is_a_line_or_a_reason_and_money_is_conserved(calls, data):
    contracts = [contract(n, n, 5, 44, penalty=PRICE) for n in "12"]
    seen = st.one_of(st.none(), st.floats(-6e3, 6e3), st.just(math.nan))
    delivered = {"1": {}, "2": {}}
    for _, number, _ in calls:
        value = data.draw(seen)
        if value is not None:
            delivered["1"][sp(number)] = wh(value, "lost")
    found = statement(
        contracts, [Instructed(n, sp(p), e) for n, p, e in calls], delivered,
        known={"1", "2"},
    )  # fmt: skip
    assert len(found.lines) + len(found.refused) == len(calls)
    assert sum(one.net_p for one in positions(found.transfers())) == 0
    for line in found.lines:
        assert (
            0
            <= line.payment_p
            <= utilisation_p(
                line.instructed_wh, line.instructed_wh, PRICE, PROPORTIONAL
            )
        )


DAYS = grid(date(2026, 8, 1), date(2026, 11, 10))
SETTLED = slice(61, None)
CURVES = [PROPORTIONAL, flexible_power(BOOK, DAY), transition(BOOK, DAY)]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(CURVES), st.booleans())
def test_in_arrays_every_meter_is_paid_what_it_is_paid_alone(seed, curve, upwards):
    rng = np.random.default_rng(seed)
    own = Grid(DAYS.days[SETTLED])
    shape = (4, len(own.days))
    metered = rng.integers(0, 3000, (4, len(DAYS.days), 50)).astype(float)
    metered[rng.random(metered.shape) < 0.002] = np.nan
    metered = np.where(DAYS.has, metered, np.nan)
    first = np.where(rng.random(shape) < 0.3, rng.integers(1, 50, shape), 0)
    calls = Calls(
        first, first + rng.integers(0, 6, shape),
        rng.integers(1, 2_000, shape), upwards,
    )  # fmt: skip
    barred = np.zeros(metered.shape[:2], dtype=bool)
    barred[:, SETTLED] = first > 0
    known = {
        "working": working_days(DAYS.days, Country.ENGLAND_AND_WALES),
        "event_days": barred,
        "settled": SETTLED,
    }
    found = settle(metered, DAYS, calls=calls, price=PRICE, curve=curve, **known)
    base = bl01(metered, DAYS, **known)
    offsets = in_day_offsets(metered[:, SETTLED], base.energy_wh, own, first)
    for mpan, day in np.argwhere(first):
        payment = settled = unsettled = 0
        last = min(calls.last[mpan, day], own.counts[day])
        for number in range(first[mpan, day], last + 1):
            cell = (mpan, day, number - 1)
            change = base.energy_wh[cell] + offsets[mpan, day]
            change -= metered[:, SETTLED][cell]
            change = -change if upwards else change
            if math.isnan(change):
                unsettled += 1
                continue
            energy = int(calls.energy_wh[mpan, day])
            payment += utilisation_p(whole_wh(change), energy, PRICE, curve)
            settled += whole_wh(change)
        assert found.payment_p[mpan, day] == payment
        assert found.delivered_wh[mpan, day] == settled
        assert found.unsettled[mpan, day] == unsettled
    assert found.total_p == found.payment_p.sum()
    assert (found.payment_p[first == 0] == 0).all()


def test_a_portfolio_says_what_it_could_not_settle_and_carries_the_meters_gain():
    days = grid(date(2026, 8, 1), date(2026, 10, 16))
    metered = np.where(days.has, 2_000.0, np.nan)[None].repeat(3, axis=0)
    one = slice(len(days.days) - 1, None)
    metered[:2, -1, 34:38] = 500.0
    metered[1, 20:-1] = np.nan
    metered[2, -1, 35] = np.nan
    first = np.full((3, 1), 35)
    found = settle(
        metered, days,
        working=working_days(days.days, Country.SCOTLAND),
        event_days=np.zeros(metered.shape[:2], dtype=bool),
        settled=one,
        calls=Calls(first, first + 3, np.full((3, 1), 2_000)),
        price=PRICE, curve=PROPORTIONAL, relative_u=0.01, terms=Bl01Terms(),
    )  # fmt: skip
    # 1.5 kWh in each of four periods at 30 p, each uncertain by 1 % of it
    assert found.payment_p[:, 0].tolist() == [180, 0, 0]
    assert found.u_p[0, 0] == pytest.approx(1.8)
    assert found.total_u_p == pytest.approx(1.8)
    says = list(found.refusals(["a", "b", "c"], days.days[one]))
    assert says == [
        "MPAN b, 2026-10-16: 4 periods unsettled: too few days for a baseline, 4 of 5",
        "MPAN c, 2026-10-16: 1 period unsettled: "
        "no reading there or in its in-day window",
    ]
