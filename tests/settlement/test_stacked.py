"""Several buyers of one asset, and sites: money and energy are conserved."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.estimate import Contribution, Estimate
from harness.core.calendar import periods_on_bench
from harness.core.parties import Party
from harness.settlement.money import price_of
from harness.settlement.payments import PROPORTIONAL
from harness.settlement.sites import SiteUse, TradeTerms, settle_sites
from harness.settlement.stacked import StackedCall, StackTerms, settle_stack
from harness.settlement.volumes import HalfHour

BEGINS = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
PARTS = periods_on_bench(BEGINS, from_s=0.0, until_s=7200.0)
TERMS = StackTerms("in proportion", 50, 80, price_of("270"), price_of("90"))


def halves(*energies_wh, u_wh=0.0):
    budget = (Contribution("meter gain", u_wh, "B", "a meter"),) if u_wh else ()
    return tuple(
        HalfHour(part.period, Estimate(float(wh), "Wh", budget))
        for part, wh in zip(PARTS, energies_wh, strict=False)
    )


def call(service, buyer, capacity_w=4_000, price="200", until_s=3600.0, **more):
    return StackedCall(
        service, buyer, capacity_w, price_of(price), price_of("100"), 0.0, until_s,
        more.pop("stood", until_s), **more,
    )  # fmt: skip


def settle(energies, calls, usual_w=0.0, gives=True):
    return settle_stack(
        halves(*energies, u_wh=2.0), PARTS[: len(energies)], calls, usual_w=usual_w,
        owner=Party.DOMESTIC, terms=TERMS, curve=PROPORTIONAL, gives=gives,
    )  # fmt: skip


def test_the_worked_example_comes_to_the_penny():
    """`docs/settlement.md`, 11."""
    calls = [call("Peak", Party.DSO, price="300"), call("STOR", Party.ESO, 3_000)]
    found = settle([-2_500, -2_500], calls)
    assert found.got_wh == {"Peak": 4_000, "STOR": 1_000}
    assert found.called_wh == {"Peak": 4_000, "STOR": 3_000}
    paid = {
        (str(one.payer), str(one.payee), one.what): 0 for one in found.transfers
    }  # fmt: skip
    for one in found.transfers:
        paid[str(one.payer), str(one.payee), one.what] += one.pence
    assert paid["DSO", "Aggregator", "utilisation"] == 120
    assert paid["Electricity System Operator", "Aggregator", "utilisation"] == 20
    penalty = "penalty for the shortfall"
    assert paid["Aggregator", "Electricity System Operator", penalty] == 20
    assert paid["Aggregator", "Consumer (Domestic)", "the owner's share"] == 96
    # 5 kWh given, 1 kWh of it to the ESO and taken out of the balance: long by 4 kWh
    assert found.exposed_wh == ((Party.BALANCE_RESPONSIBLE, 2_000),) * 2
    assert sum(one.net_p for one in found.positions) == 0


def test_what_was_overruled_is_compensated_and_no_longer_called():
    overruled = call(
        "STOR", Party.ESO, stood=1800.0, overruled_by=Party.DSO, capacity_w=4_000
    )
    found = settle([-2_000, 0], [overruled])
    assert found.called_wh == {"STOR": 2_000}
    assert found.paid_p(Party.DSO, Party.AGGREGATOR, "lost opportunity") == 20
    stopped = settle([-2_000, 0], [call("STOR", Party.ESO, stood=1800.0)])
    assert stopped.paid_p(Party.DSO, Party.AGGREGATOR, "lost opportunity") == 0


def test_a_half_hour_that_was_not_seen_is_marked_and_the_rest_adds_up():
    found = settle([-2_000, float("nan")], [call("STOR", Party.ESO)])
    assert found.called_wh == {"STOR": 2_000}
    assert len(found.marks) == 1
    assert sum(one.net_p for one in found.positions) == 0


@given(
    st.lists(st.integers(-9_000, 9_000), min_size=1, max_size=4),
    st.lists(
        st.tuples(
            st.sampled_from([Party.DSO, Party.ESO]), st.integers(1, 5_000),
            st.integers(1, 7_200), st.integers(0, 7_200),
        ),
        min_size=1, max_size=3,
    ),
    st.floats(-3e3, 3e3),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_money_and_energy_are_conserved(energies, asked, usual_w, gives):
    calls = [
        call(str(n), buyer, watts, until_s=float(until), stood=float(min(stood, until)))
        for n, (buyer, watts, until, stood) in enumerate(asked)
    ]
    found = settle(energies, calls, usual_w, gives=gives)
    assert sum(one.net_p for one in found.positions) == 0
    sign = 1 if gives else -1
    bought = round(abs(usual_w) / 2) * (1 if usual_w > 0 else -1)
    given = sum(max(sign * (bought - wh), 0) for wh in energies)
    assert sum(found.got_wh.values()) <= given + len(energies)
    assert all(found.got_wh[n] <= found.called_wh[n] for n in found.got_wh)


SITE_TERMS = TradeTerms(*map(price_of, ("50", "400", "270", "90")))


@given(
    st.lists(st.integers(-40_000, 40_000), min_size=1, max_size=4), st.integers(0, 4)
)
@settings(max_examples=50, deadline=None)
def test_sites_sum_to_zero_and_who_knew_in_time_is_not_exposed(energies, known):
    seen = halves(*energies, u_wh=5.0)
    periods = frozenset(half.period for half in seen[:known])
    uses = [SiteUse("bakery", seen, 15_000, periods), SiteUse("depot", seen, 0)]
    found = settle_sites([], uses, terms=SITE_TERMS)
    assert sum(one.net_p for one in found.positions) == 0
    assert len(found.exposed_wh) == len(seen) - len(seen[:known]) + len(seen)
    assert found.turnover_p >= 0


def test_a_bill_s_uncertainty_is_its_meter_s():
    use = SiteUse("bakery", halves(20_000, u_wh=100.0), 15_000)
    found = settle_sites([], [use], terms=SITE_TERMS)
    assert found.nets["bakery"].u == pytest.approx(2.7)
    assert found.nets[Party.SUPPLIER].u == pytest.approx(2.7)
    assert found.paid_p("bakery", Party.SUPPLIER, "more energy bought") == 135
