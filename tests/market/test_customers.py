"""Customers: every contract of every category, and what reaches whom."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.customers import (
    MAY_HOLD,
    Category,
    Contract,
    Customer,
    Refusal,
    RefusedError,
)

HOLDS = {
    Category.A: "service agreement, power purchase agreement, aggregator contract, "
    "time-of-use tariff",
    Category.B: "power purchase agreement, aggregator contract, time-of-use tariff",
    Category.C: "time-of-use tariff",
    Category.D: "standard tariff",
}
"""As the source's table has it; A also what B may."""


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("contract", Contract)
def test_every_cell(category, contract):
    customer = Customer(category)
    if contract in HOLDS[category].split(", "):
        assert customer.signs(contract).contracts == {contract}
        return
    with pytest.raises(RefusedError) as refused:
        customer.signs(contract)
    assert refused.value.reason is Refusal.NOT_OF_CATEGORY


@pytest.mark.parametrize(
    ("contract", "actors"),
    [(Contract.SERVICES, "ESO DSO"), (Contract.AGGREGATOR, "aggregator"),
     (Contract.TIME_OF_USE, ""), (Contract.STANDARD, ""),
     (Contract.POWER_PURCHASE, "")],
)  # fmt: skip
@pytest.mark.parametrize("actor", ["ESO", "DSO", "aggregator", "supplier"])
def test_whose_call_reaches_it(contract, actors, actor):
    customer = Customer(Category.A, frozenset({contract}))
    if actor in actors.split():
        customer.require_reached(actor, 0.0)
        return
    with pytest.raises(RefusedError) as refused:
        customer.require_reached(actor, 0.0)
    assert refused.value.reason is Refusal.NOT_HELD


@pytest.mark.parametrize(("level_w", "passes"), [(1_200.0, True), (1_199.0, False)])
@pytest.mark.parametrize("category", [Category.A, Category.B])
def test_protection_follows_the_person(level_w, passes, category):
    held = frozenset({Contract.AGGREGATOR})
    customer = Customer(Category.A, held, 1_200.0).moves_to(category)
    if passes:
        customer.require_reached("aggregator", level_w)
        return
    with pytest.raises(RefusedError) as refused:
        customer.require_reached("aggregator", level_w)
    assert refused.value.reason is Refusal.PROTECTED


@given(
    st.sampled_from(Category),
    st.lists(
        st.one_of(
            st.tuples(st.just("signs"), st.sampled_from(Contract)),
            st.tuples(st.just("ends"), st.sampled_from(Contract)),
            st.tuples(st.just("moves_to"), st.sampled_from(Category)),
        ),
        max_size=12,
    ),
)
def test_no_journey_leads_to_a_contract_that_the_category_cannot_hold(first, acts):
    customer = Customer(first, protected_w=500.0)
    for act, what in acts:
        before = customer
        try:
            customer = getattr(customer, act)(what)
        except RefusedError:
            assert customer is before
        assert customer.contracts <= MAY_HOLD[customer.category]
        assert customer.protected_w == 500.0


def test_what_is_still_held_keeps_it_where_it_is():
    customer = Customer(Category.B, frozenset({Contract.AGGREGATOR}))
    with pytest.raises(RefusedError) as refused:
        customer.moves_to(Category.D)
    assert refused.value.reason is Refusal.STILL_HELD
    free = customer.ends(Contract.AGGREGATOR).moves_to(Category.D)
    assert free == replace(customer, category=Category.D, contracts=frozenset())
