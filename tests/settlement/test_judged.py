"""What a verdict on money is about: nothing passes on what was not seen."""

import math
from datetime import date

import pytest

from harness.analysis.estimate import Contribution, Estimate
from harness.core.calendar import SettlementPeriod
from harness.core.parties import Party
from harness.settlement.judged import baseline_miss, settled_share, unaccounted
from harness.settlement.money import price_of
from harness.settlement.payments import PROPORTIONAL
from harness.settlement.statement import Contract, Instructed, statement

FIRST, SECOND = (SettlementPeriod(date(2026, 1, 15), number) for number in (36, 37))
CONTRACT = Contract(
    "a", "1", Party.DSO, Party.AGGREGATOR, price_of("300"), PROPORTIONAL, FIRST, SECOND,
    penalty=price_of("100"),
)  # fmt: skip
CALLS = [Instructed("a", FIRST, 3_500), Instructed("a", SECOND, 3_500)]


def share(first, second, calls=CALLS, contract=CONTRACT):
    volumes = {"1": {FIRST: first, SECOND: second}}
    stated = statement([contract], calls, volumes, known={"1"})
    return settled_share(stated, calls)


def wh(value, unseen=None):
    return Estimate(float(value), "Wh", unseen=unseen, why="lost")


def test_what_is_paid_over_what_the_call_would_cost_penalties_apart():
    assert share(wh(3_500), wh(3_500)).value == pytest.approx(100)
    assert share(wh(3_500), wh(1_750)).value == pytest.approx(75)
    assert share(wh(9_999), wh(-500)).value == pytest.approx(50)


def test_a_half_hour_that_was_not_settled_is_left_open_and_never_passes():
    found = share(wh(3_500), wh(math.nan))
    assert found.value == pytest.approx(50)
    assert found.unseen == pytest.approx((50, 100))
    assert math.isnan(share(wh(math.nan), wh(math.nan)).value)
    assert "lost" in share(wh(math.nan), wh(math.nan)).why


def test_what_a_gap_hid_is_left_open_up_to_the_cap():
    found = share(wh(3_500), wh(1_750, unseen=(1_750.0, 9_000.0)))
    assert found.unseen == pytest.approx((75, 100))


def test_nothing_called_for_and_nothing_to_pay_say_so():
    assert share(wh(1), wh(1), calls=[]).why == "nothing was called for"
    free = Contract(
        "a", "1", Party.DSO, Party.AGGREGATOR, price_of("0"), PROPORTIONAL, FIRST,
        SECOND,
    )  # fmt: skip
    assert share(wh(1), wh(1), contract=free).why == "what was called for costs nothing"


def test_a_nomination_is_above_the_meter_by_so_much():
    before = Estimate(10_000.0, "W", (Contribution("meter gain", 50.0, "B"),))
    found = baseline_miss(10_500, before)
    assert found.value == pytest.approx(5.0)
    assert found.u == pytest.approx(0.525)
    assert baseline_miss(9_000, before).value == pytest.approx(-10.0)
    assert math.isnan(baseline_miss(9_000, Estimate(0.0, "W")).value)


def test_what_the_assets_do_not_account_for_is_a_share_of_the_home():
    home, half = Estimate(7_000.0, "Wh"), Estimate(3_325.0, "Wh")
    assert unaccounted(home, [half, half]).value == pytest.approx(5.0)
    assert unaccounted(home, []).value == pytest.approx(100.0)
    assert unaccounted(Estimate(0.0, "Wh"), [half]).why == "the home delivered nothing"
    gap = Estimate(3_325.0, "Wh", unseen=(3_325.0, 3_500.0))
    assert unaccounted(home, [half, gap]).unseen == pytest.approx((2.5, 5.0))
    lost = Estimate(math.nan, "Wh", why="no meter")
    assert unaccounted(home, [half, lost]).why == "no meter"
