"""One event between all its parties: what each is left with, whatever happened."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.quality import of_class
from harness.core.calendar import periods_on_bench
from harness.core.parties import Party
from harness.settlement.event import Called, MoneyTerms, settle_event
from harness.settlement.money import Price, price_of
from harness.settlement.payments import PROPORTIONAL, Curve
from harness.settlement.volumes import metered

FIVE = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)
TIME_S = np.arange(0.0, 7201.0)
PRICE = price_of("300")
TERMS = MoneyTerms(
    nominated_w=10_000,
    curve="in proportion",
    penalty=price_of("100"),
    lost_opportunity_percent=50,
    home_percent=80,
    tariff=price_of("270"),
    imbalance=price_of("90"),
)
CLASS_B = of_class(1.0, source="class B")


def settled(power_w, called, terms=TERMS, curve=PROPORTIONAL):
    span = {"starts_at": FIVE, "from_s": 0.0, "until_s": 7200.0}
    halves = metered(TIME_S, power_w, meter=CLASS_B, **span)
    parts = periods_on_bench(FIVE, from_s=0.0, until_s=7200.0)
    return settle_event(halves, parts, called, terms=terms, price=PRICE, curve=curve)


def dropped(from_s, until_s, by_w=7_000.0, before_w=10_000.0):
    down = (from_s <= TIME_S) & (until_s >= TIME_S) & (from_s < until_s)
    return np.where(down, before_w - by_w, before_w)


def net(found):
    return {one.party: one.net_p for one in found.positions}


HOUR = Called(7_000, 1800.0, 5400.0, 5400.0)


def test_an_hour_of_7_kw_between_all_its_parties():
    found = settled(dropped(1800, 5400), HOUR)
    # 2 × 3.5 kWh at 30 p; 80 % to the home; 7 kWh at 27 p less sold, at 9 p long
    assert found.paid_p(Party.DSO, Party.AGGREGATOR, "utilisation") == 210
    assert net(found)[Party.DSO] == -210
    assert net(found)[Party.AGGREGATOR] == 42
    assert net(found)[Party.DOMESTIC] == 168 + 2 * 95  # 94.5 p, rounded each half-hour
    assert net(found)[Party.SUPPLIER] == -2 * 95
    assert (
        net(found)[Party.BALANCE_RESPONSIBLE] == 2 * 32 == -net(found)[Party.CLEARING]
    )
    assert dict(found.exposed_wh[:2]) == {Party.BALANCE_RESPONSIBLE: 3_500}
    untouched = set(Party) - {
        Party.DSO, Party.AGGREGATOR, Party.DOMESTIC, Party.SUPPLIER,
        Party.BALANCE_RESPONSIBLE, Party.CLEARING,
    }  # fmt: skip
    assert {net(found)[party] for party in untouched} == {0}


def test_the_uncertainty_of_a_net_is_that_of_the_meter():
    found = settled(dropped(1800, 5400, by_w=6_000.0), HOUR)
    # 3 kW less 1 % class: 4 kW × 1 h × 0.577 % = 23 Wh, at 30 p and 9 p a kWh
    dso, brp = found.nets[Party.DSO], found.nets[Party.BALANCE_RESPONSIBLE]
    u_wh = 4_000 * 0.01 / np.sqrt(3)
    # the curve pays 30 p and the penalty saves 10 p for each kWh more
    assert dso.u == pytest.approx(u_wh * 0.04, rel=0.03)
    # a kilowatt-hour less of the hour and of the half-hour after, which it also saw
    assert brp.u == pytest.approx((u_wh + 5_000 * 0.01 / np.sqrt(3)) * 0.009, rel=0.03)
    for party, estimate in found.nets.items():
        assert estimate.value == pytest.approx(net(found)[party], abs=4.0)


def test_a_home_that_does_nothing_costs_the_aggregator_and_itself_a_penalty():
    found = settled(dropped(0, 0), HOUR)
    assert found.paid_p(Party.DSO, Party.AGGREGATOR, "utilisation") == 0
    assert net(found)[Party.DSO] == 70  # 7 kWh short at 10 p
    assert net(found)[Party.DOMESTIC] == -56
    assert net(found)[Party.AGGREGATOR] == -14
    assert net(found)[Party.SUPPLIER] == 0


def test_what_the_eso_unwound_is_compensated_and_not_paid_as_delivered():
    overruled = Called(7_000, 1800.0, 5400.0, 3600.0)
    found = settled(dropped(1800, 3600), overruled)
    assert found.paid_p(Party.DSO, Party.AGGREGATOR, "utilisation") == 105
    assert found.paid_p(Party.ESO, Party.AGGREGATOR, "lost opportunity") == 53
    assert (found.unwound_wh, found.unwound_full_p) == (3_500, 105)
    assert net(found)[Party.ESO] == -53


def test_no_call_no_money():
    found = settled(dropped(1800, 5400), None)
    assert found.turnover_p == 0
    assert found.transfers == ()


def test_a_period_that_was_not_seen_is_marked_and_the_other_is_paid():
    power_w = dropped(1800, 5400)
    power_w[1800:3000] = np.nan
    found = settled(power_w, HOUR)
    assert found.paid_p(Party.DSO, Party.AGGREGATOR, "utilisation") == 105
    assert any("SP 36: not settled" in mark for mark in found.marks)
    assert sum(net(found).values()) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-5e3, 15e3), min_size=2, max_size=30),
    st.floats(0, 5400),
    st.floats(60, 7200),
    st.floats(0, 1),
    st.integers(0, 100),
    st.integers(0, 100),
    st.integers(-(10**8), 10**8),
    st.sampled_from([PROPORTIONAL, Curve("x", 5, 3), Curve("y", least_percent=50)]),
    st.integers(0, 3),
)
def test_money_and_energy_are_conserved_whatever_happens(
    powers, from_s, lasts_s, stood, lost, home, imbalance, curve, gaps
):
    power_w = np.interp(TIME_S, np.linspace(0, 7200, len(powers)), powers)
    for gap in range(gaps):
        power_w[2000 * gap : 2000 * gap + 700] = np.nan
    called = Called(7_000, from_s, from_s + lasts_s, from_s + stood * lasts_s)
    terms = MoneyTerms(
        10_000, "", price_of("100"), lost, home, price_of("270"), Price(imbalance)
    )
    found = settled(power_w, called, terms, curve)
    assert sum(one.net_p for one in found.positions) == 0
    parts = periods_on_bench(FIVE, from_s=0.0, until_s=7200.0)
    asked = sum(called.instructed_wh(p) + called.unwound_wh(p) for p in parts)
    inside_s = min(from_s + lasts_s, 7200) - from_s
    assert asked == pytest.approx(7_000 * inside_s / 3600, abs=len(parts))
    span = {"starts_at": FIVE, "from_s": 0.0, "until_s": 7200.0}
    halves = metered(TIME_S, power_w, meter=CLASS_B, **span)
    used_wh = [
        half.energy.value
        for half, part in zip(halves, parts, strict=True)
        if half.settled and part.until_s > from_s
    ]
    long_wh = sum(one.energy_wh for one in found.positions)
    bought_wh = 5_000 * len(used_wh)
    assert long_wh + sum(used_wh) == pytest.approx(bought_wh, abs=len(parts))
