"""A trader's decisions: three pre-conditions, both ways, and every limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.trading import (
    BEYOND_PRICES,
    GATE_CLOSED,
    GATE_CLOSURE_S,
    NO_REASON,
    NOT_WORTH_IT,
    TOO_MUCH,
    TOO_RISKY,
    Market,
    Motive,
    Order,
    Risk,
    judge_order,
)

RISK = Risk(25e3, -200.0, 900.0, 2_000.0)
DEAR = Market(450.0, 80.0, 600.0, 20e3)
CHEAP = Market(20.0, 80.0, -50.0, 20e3)
FROM_S = 7200.0


def order(power_w=15e3, hours=0.5, cost=40.0):
    return Order(power_w, FROM_S, FROM_S + 3600 * hours, cost)


def judged(one, motive=Motive.POSITION, market=DEAR, risk=RISK, at_s=0.0):
    return judge_order(one, motive, market, risk, at_s=at_s)


@pytest.mark.parametrize("motive", Motive)
def test_each_pre_condition_uses_flexibility_its_own_way(motive):
    less, more = judged(order(), motive), judged(order(-15e3), motive, CHEAP)
    assert less.accepted
    assert more.accepted
    assert less.traded is more.traded is (motive is not Motive.IMBALANCE)
    assert judged(order(-15e3), motive).reason == NO_REASON
    assert judged(order(), motive, CHEAP).reason == NO_REASON


def test_the_last_moment_is_an_hour_before():
    last_s = FROM_S - GATE_CLOSURE_S
    assert judged(order(), at_s=last_s).accepted
    assert judged(order(), at_s=last_s + 1).reason == GATE_CLOSED
    assert judged(order(), Motive.IMBALANCE, at_s=FROM_S - 1).accepted


@pytest.mark.parametrize(
    ("one", "market", "risk", "why"),
    [
        (order(25_001), DEAR, RISK, TOO_MUCH),
        (order(), DEAR, Risk(25e3, -200, 449, 2e3), BEYOND_PRICES),
        (order(), DEAR, Risk(25e3, 451, 900, 2e3), BEYOND_PRICES),
        (order(), DEAR, Risk(25e3, -200, 900, 487), TOO_RISKY),
        (order(cost=370.0), DEAR, RISK, NOT_WORTH_IT),
        (order(), Market(80, 80, 600, 20e3), RISK, NO_REASON),
    ],
)
def test_beyond_a_limit_it_is_declined_and_says_which(one, market, risk, why):
    assert judged(one, market=market, risk=risk).reason == why


def test_just_inside_every_limit_it_is_given():
    # 7.5 kWh that cost up to (450 + 200) £/MWh: 487.5 p
    assert judged(order(), risk=Risk(15e3, -200, 900, 487.5)).accepted
    assert judged(order(cost=369.9)).accepted
    unexposed = Market(450, 80, 600, 0)
    assert judged(order(), Motive.EXPOSURE, unexposed).reason == NO_REASON


@given(
    st.floats(-30e3, 30e3), st.sampled_from(Motive), st.floats(-500, 1000),
    st.floats(0, 500), st.floats(0, 7200),
)  # fmt: skip
def test_what_is_given_is_always_within_the_limits(power_w, motive, price, cost, at_s):
    market = Market(price, 80.0, price, 1.0)
    found = judge_order(order(power_w, cost=cost), motive, market, RISK, at_s=at_s)
    if found.accepted:
        assert abs(power_w) <= RISK.most_w
        assert RISK.floor <= price <= RISK.ceiling
        assert (price - 80 if power_w > 0 else 80 - price) > cost
        assert motive is Motive.IMBALANCE or at_s <= FROM_S - GATE_CLOSURE_S
