"""A trader's decisions: three pre-conditions, both ways, every limit, and their sum."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.trading import (
    BEYOND_PRICES,
    GATE_CLOSED,
    NO_REASON,
    NOT_WORTH_IT,
    TOO_MUCH,
    TOO_OPEN,
    TOO_RISKY,
    UNEXPOSED,
    Market,
    Motive,
    Order,
    Risk,
    judge_order,
)

RISK = Risk(25e3, 20e3, -200.0, 900.0, 2_000.0)
CUTS = dataclasses.replace(RISK, cuts=True)
DEAR = Market(450.0, 80.0, 600.0, 270.0, 20e3)
CHEAP = Market(20.0, 80.0, -50.0, 270.0, 20e3)
GATE_S = 3600.0
FROM_S = 7200.0


def order(power_w=15e3, hours=0.5, cost=40.0, motive=Motive.POSITION, later_s=0.0):
    from_s = FROM_S + later_s
    return Order(
        power_w, from_s, from_s + 3600 * hours, cost, motive, from_s // 1800 * 1800
    )


def judged(one, market=DEAR, risk=RISK, at_s=0.0, taken=()):
    return judge_order(one, market, risk, at_s=at_s, gate_closure_s=GATE_S, taken=taken)


@pytest.mark.parametrize("motive", Motive)
def test_each_pre_condition_uses_flexibility_its_own_way(motive):
    less, more = order(motive=motive), order(-15e3, motive=motive)
    assert judged(less).accepted
    assert judged(more, CHEAP).accepted
    traded = motive is not Motive.IMBALANCE
    assert judged(less).traded is judged(more, CHEAP).traded is traded
    assert judged(more).reason == NO_REASON
    assert judged(less, CHEAP).reason == NO_REASON


@pytest.mark.parametrize("later_s", [0.0, 60.0, 1799.0])
def test_the_last_moment_is_an_hour_before_the_half_hour_that_it_begins_in(later_s):
    one = order(hours=0.25, later_s=later_s)
    assert judged(one, at_s=FROM_S - GATE_S).accepted
    assert judged(one, at_s=FROM_S - GATE_S + 1).reason == GATE_CLOSED
    placed = order(motive=Motive.IMBALANCE, later_s=later_s)
    assert judged(placed, at_s=FROM_S - 1).accepted


@pytest.mark.parametrize(
    ("one", "market", "risk", "why"),
    [
        (order(25_001), DEAR, RISK, TOO_MUCH),
        (order(), DEAR, Risk(25e3, 7_499, -200, 900, 2e3), TOO_OPEN),
        (order(), DEAR, Risk(25e3, 20e3, -200, 449, 2e3), BEYOND_PRICES),
        (order(), DEAR, Risk(25e3, 20e3, 451, 900, 2e3), BEYOND_PRICES),
        (order(), DEAR, Risk(25e3, 20e3, -200, 900, 487), TOO_RISKY),
        (order(cost=180.0), DEAR, RISK, NOT_WORTH_IT),
        (order(), Market(80, 80, 600, 10, 20e3), RISK, NO_REASON),
        (order(motive=Motive.EXPOSURE), Market(450, 80, 600, 270, 7_499), RISK,
         UNEXPOSED),
        (order(motive=Motive.EXPOSURE), Market(450, 80, 600, 270, 0), RISK, NO_REASON),
    ],
)  # fmt: skip
def test_beyond_a_limit_it_is_declined_and_says_which(one, market, risk, why):
    assert judged(one, market, risk).reason == why


def test_just_inside_every_limit_it_is_given():
    # 7.5 kWh that cost up to (450 + 200) £/MWh: 487.5 p
    assert judged(order(), risk=Risk(15e3, 7.5e3, -200, 900, 487.5)).accepted
    assert judged(order(cost=179.9)).accepted
    exposed = Market(450, 80, 600, 270, 7.5e3)
    assert judged(order(motive=Motive.EXPOSURE), exposed).accepted


@pytest.mark.parametrize(
    ("taken", "risk", "left_w", "why"),
    [
        ([order(20e3, 0.25)], CUTS, 5e3, TOO_MUCH),
        ([order(20e3, 0.25, later_s=900.0)], CUTS, 5e3, TOO_MUCH),
        ([order(16e3)], Risk(99e3, 10e3, -200, 900, 2e3, cuts=True), 4e3, TOO_OPEN),
        ([order(-16e3)], Risk(99e3, 10e3, -200, 900, 2e3, cuts=True), 4e3, TOO_OPEN),
        ([order(10e3)], Risk(99e3, 99e3, -200, 900, 487.5, cuts=True), 5e3, TOO_RISKY),
    ],
)
def test_orders_add_up_and_what_does_not_fit_is_cut(taken, risk, left_w, why):
    found = judged(order(), risk=risk, taken=taken)
    assert found.accepted
    assert found.cut_for == why
    assert found.order.power_w == pytest.approx(left_w)
    declined = dataclasses.replace(risk, cuts=False)
    assert judged(order(), risk=declined, taken=taken).reason == why


def test_another_half_hour_is_another_position_and_what_is_over_is_no_risk():
    other = order(25e3, later_s=1800.0)
    assert judged(order(25e3), taken=[other]).accepted
    tight = Risk(25e3, 20e3, -200, 900, 488)
    over = order(later_s=-7200.0)
    late = order(motive=Motive.IMBALANCE)
    assert judged(order(), risk=tight, taken=[over]).reason == TOO_RISKY
    tighter = dataclasses.replace(tight, worst_loss_p=600.0)
    at_s = FROM_S - 1
    assert judged(late, risk=tighter, taken=[over], at_s=at_s).accepted


def test_exposure_is_used_up_once():
    taken = [order(motive=Motive.EXPOSURE)]
    market = Market(450, 80, 600, 270, 10e3)
    found = judged(order(motive=Motive.EXPOSURE), market, CUTS, taken=taken)
    assert found.order.power_w == pytest.approx(5e3)
    assert judged(order(), market, CUTS, taken=taken).order.power_w == 10e3


@pytest.mark.parametrize(
    "limits",
    [(25e3, 1e4, 901.0, 900.0, 1.0), (0.0, 1e4, 0.0, 1.0, 1.0),
     (1.0, 0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 0.0, 1.0, 0.0), (-1.0, 1.0, 0.0, 1.0, 1.0)],
)  # fmt: skip
def test_limits_that_allow_nothing_are_refused(limits):
    with pytest.raises(ValueError, match=r"above|nothing"):
        Risk(*limits)


ORDERS = st.lists(
    st.builds(
        order, st.floats(-30e3, 30e3).filter(lambda w: abs(w) > 1),
        st.sampled_from([0.25, 0.5, 1.5]), st.floats(0, 300),
        st.sampled_from(Motive), st.integers(0, 10).map(lambda n: 600.0 * n),
    ),
    max_size=8,
)  # fmt: skip


@given(ORDERS, st.booleans(), st.floats(-500, 1000), st.floats(0, 7200))
def test_all_that_is_given_is_together_within_the_limits(wanted, cuts, price, at_s):
    market = Market(price, 80.0, price, 100.0, 5e3)
    risk, taken = dataclasses.replace(RISK, cuts=cuts), []
    for one in wanted:
        found = judged(one, market, risk, at_s, taken)
        if found.accepted:
            taken.append(found.order)
            assert abs(found.order.power_w) <= abs(one.power_w)
            gain = price - 100 if one.power_w > 0 else 100 - price
            assert gain > one.cost
            assert not one.motive.trades or at_s <= one.period_s - GATE_S
    for moment_s in {one.from_s for one in taken}:
        now = [o for o in taken if o.from_s <= moment_s < o.until_s]
        assert sum(abs(o.power_w) for o in now) <= RISK.most_w * (1 + 1e-6)
    for period_s in {p for one in taken for p in one.periods_s}:
        moved = {
            motive: sum(
                abs(o.power_w) * o.hours_in(period_s) for o in taken
                if o.motive is motive
            )
            for motive in Motive
        }  # fmt: skip
        assert sum(moved.values()) <= RISK.most_open_wh * (1 + 1e-6)
        assert moved[Motive.EXPOSURE] <= 5e3 * (1 + 1e-6)
    swing_p = 1e-4 * max(900 - price, price + 200)
    assert sum(abs(o.energy_wh) for o in taken) * swing_p <= 2_000 * (1 + 1e-6)
