"""docs/settlement.md, worked again by the code: the same, to the penny."""

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN
from harness.core.calendar import PeriodOnBench, SettlementPeriod
from harness.core.parties import Party
from harness.rulebook.loader import load_rulebook
from harness.settlement.acceptance import (
    Band,
    Profile,
    accepted_volumes,
    non_delivery,
)
from harness.settlement.baselines import adjusted, bl01, in_day_offsets
from harness.settlement.daytypes import Country, working_days
from harness.settlement.event import Called, MoneyTerms, settle_event
from harness.settlement.imbalance import Imbalance, bill_change
from harness.settlement.money import pounds, price_of
from harness.settlement.payments import (
    PROPORTIONAL,
    Paid,
    availability_p,
    flexible_power,
    payment_estimate,
    penalty_p,
    transition,
    utilisation_p,
)
from harness.settlement.periods import (
    Grid,
    Stamp,
    grid,
    period_at_local,
    period_stamped,
)
from harness.settlement.trades import (
    CapacityTrade,
    Offset,
    settle_offset,
    settle_trade,
)
from harness.settlement.volumes import HalfHour

PAGE = (Path(__file__).parents[2] / "docs/settlement.md").read_text(encoding="utf-8")
BOOK, ON = load_rulebook(), date(2026, 9, 30)
FLEXIBLE, TRANSITION = flexible_power(BOOK, ON), transition(BOOK, ON)
PRICE = price_of("300")


def on_the_page(*says):
    """What the code found is what the page says, word for word."""
    for text in says:
        assert text in PAGE, text


def test_1_stamps_of_a_clock_change():
    stamp = datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert period_stamped(stamp, Stamp.END).number == 2
    assert period_stamped(stamp, Stamp.START).number == 3
    assert str(period_stamped(stamp, Stamp.START).start_local)[11:16] == "02:00"
    one = datetime(2027, 10, 31, 1)  # noqa: DTZ001 - a local clock
    assert [period_at_local(one, later=x).number for x in (False, True)] == [3, 5]
    on_the_page("is SP 2;", "is SP 3, which local", "is SP 3 and SP 5")


def test_2_a_baseline_with_its_in_day_adjustment():
    days = grid(date(2026, 8, 1), ON)
    working = working_days(days.days, Country.ENGLAND_AND_WALES)
    metered = np.where(days.has, 2_000.0, np.nan)[None].copy()
    last_ten = [n for n in range(len(days.days) - 1) if working[n]][-10:]
    metered[0, last_ten[:2], 34] = 2_500.0
    metered[0, -1, 26:32] += 60.0
    metered[0, -1, 34] = 760.0
    one = slice(len(days.days) - 1, None)
    base = bl01(
        metered, days, working=working,
        event_days=np.zeros(metered.shape[:2], dtype=bool), settled=one,
    ).energy_wh  # fmt: skip
    assert base[0, 0, 34] == 2_100
    own = metered[:, one]
    offsets = in_day_offsets(own, base, Grid(days.days[one]), np.array([[35]]))
    settled = adjusted(base, offsets)[0, 0, 34]
    assert settled - own[0, 0, 34] == 1_400
    on_the_page("= 2,100 Wh", "= 2,160 Wh", "2,160 − 760 = **1,400 Wh**")


@pytest.mark.parametrize(
    ("delivered_wh", "proportional", "scaled", "flexible"),
    [(3_600, 105, 105, 105), (3_325, 100, 100, 105), (3_150, 95, 95, 89),
     (1_700, 51, 0, 0)],
)  # fmt: skip
def test_3_utilisation_by_each_curve(delivered_wh, proportional, scaled, flexible):
    found = [
        utilisation_p(delivered_wh, 3_500, PRICE, curve)
        for curve in (PROPORTIONAL, TRANSITION, FLEXIBLE)
    ]
    assert found == [proportional, scaled, flexible]
    (row,) = [line for line in PAGE.splitlines() if f"| {delivered_wh:,} Wh" in line]
    for pence, cell in zip(found, row.split("|")[3:6], strict=True):
        assert f"{pence} p" in cell


def test_3_penalties():
    hundred = price_of("100")
    assert penalty_p(3_150, 3_500, hundred, PROPORTIONAL) == 4
    assert penalty_p(3_150, 3_500, hundred, FLEXIBLE) == 2
    on_the_page("3.5 p: **4 p**", "1.75 p: **2 p**")


def test_4_availability():
    fee = {"price": price_of("10"), "available": 8}
    assert availability_p(7_000, **fee) == 28
    assert availability_p(7_000, delivered_last_month=Fraction(3, 4), **fee) == 21
    on_the_page("= **28 p**", "75 %: **21 p**")


def test_5_uncertainty_in_pounds():
    def line(wh):
        energy = Estimate(wh, "Wh", (Contribution(GAIN, 20.0, "B"),))
        return Paid(energy, 3_000, PRICE, PROPORTIONAL)

    two = payment_estimate([line(2_000.0)] * 2)
    capped = payment_estimate([line(4_000.0)])
    assert f"**{pounds(two.value)} ± {pounds(two.expanded)}**" == "**£1.20 ± £0.02**"
    assert (pounds(capped.value), pounds(capped.expanded)) == ("£0.90", "£0.00")
    on_the_page("**£1.20 ± £0.02**", "£0.90 each", "± £0.00")


def test_6_imbalance_and_the_bill():
    one = Imbalance(Party.BALANCE_RESPONSIBLE, 4_900, 1_400)
    assert [t.pence for t in one.cash(price_of("90"))] == [32]
    assert one.cash(price_of("-90"))[0].payer is Party.BALANCE_RESPONSIBLE
    assert [t.pence for t in bill_change(4_900, 1_400, price_of("270"))] == [95]
    on_the_page("31.5 p, so clearing pays it **32 p**", "94.5 p: **95 p**")


def event(stood_until_s):
    periods = [SettlementPeriod(date(2026, 1, 15), n) for n in (36, 37)]
    halves = [HalfHour(period, Estimate(1_500.0, "Wh")) for period in periods]
    parts = [
        PeriodOnBench(period, 1800.0 * n, 1800.0 * (n + 1))
        for n, period in enumerate(periods)
    ]
    terms = MoneyTerms(
        10_000, "in proportion", price_of("0"), 50, 80, price_of("270"), price_of("90")
    )
    called = Called(7_000, 0.0, 3600.0, stood_until_s)
    return settle_event(
        halves, parts, called, terms=terms, price=PRICE, curve=PROPORTIONAL
    )


def test_7_an_event_between_all_its_parties():
    net = {one.party: one.net_p for one in event(3600.0).positions}
    named = {party: pounds(p) for party, p in net.items() if p}
    assert named == {
        Party.DSO: "−£2.10", Party.AGGREGATOR: "£0.42", Party.DOMESTIC: "£3.58",
        Party.SUPPLIER: "−£1.90", Party.BALANCE_RESPONSIBLE: "£0.64",
        Party.CLEARING: "−£0.64",
    }  # fmt: skip
    assert sum(net.values()) == 0
    on_the_page("DSO −£2.10, Aggregator +£0.42, Consumer +£3.58, Supplier −£1.90")
    overruled = event(1800.0)
    assert overruled.paid_p(Party.DSO, Party.AGGREGATOR, "utilisation") == 105
    assert overruled.paid_p(Party.ESO, Party.AGGREGATOR, "lost opportunity") == 53
    on_the_page("utilisation £1.05, and from the ESO 52.5 p: **£0.53**")


def test_8_acceptance_and_non_delivery():
    notified = Profile((0.0, 1800.0), (2e6, 2e6))
    acceptance = Profile((0.0, 600.0, 1800.0), (2e6, 6e6, 6e6))
    bands = [Band(1, 3e6, price_of("100")), Band(2, 3e6, price_of("150"))]
    first, second = accepted_volumes(
        notified, [acceptance], bands, from_s=0.0, until_s=1800.0
    )
    assert (first.energy_wh, second.energy_wh) == (1_312_500, 354_167)
    assert pounds(first.cash_p + second.cash_p) == "£184.38"
    missing = non_delivery(
        [first, second], notified_wh=1_000_000, metered_wh=2_166_667,
        system=price_of("80"),
    )  # fmt: skip
    assert missing.energy_wh == 500_000
    assert pounds(missing.charge_p) == "£27.71"
    on_the_page("= £184.38", "**£27.71**", "band +2 = (1 MW")


def at(number, watts):
    return {SettlementPeriod(date(2026, 1, 15), number): Estimate(float(watts), "W")}


def test_9_a_capacity_trade():
    trade = CapacityTrade(
        "bakery", "depot", 20_000, 60_000, 40_000, price_of("5"), price_of("400")
    )
    drew = at(45, 40_000) | at(46, 55_000)
    may = dict.fromkeys(drew, Estimate(60_000.0, "W"))
    found = settle_trade(trade, list(drew), drew, may, approved=True)
    assert [(one.payer, one.pence) for one in found.transfers] == [
        ("depot", 5), ("bakery", 300),
    ]  # fmt: skip
    on_the_page("£5 = **5 p**", "7.5 kWh × 40 p = **£3.00**")


def test_10_an_offset():
    offset = Offset("wind farm", "cold store", price_of("20"), price_of("400"))
    found = settle_offset(offset, at(45, 500_000), at(45, 400_000))
    assert [(one.payee, pounds(one.pence)) for one in found.transfers] == [
        ("cold store", "£4.00"), ("DNO", "£20.00"),
    ]  # fmt: skip
    on_the_page("pays the store **£4.00**", "**£20.00** to the DNO")
