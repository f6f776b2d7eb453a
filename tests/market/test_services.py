"""One asset, several buyers: shares, order, and what may not be promised."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.constraint import Agreement
from harness.market.primacy import Running, regime_named, regimes, share_out
from harness.market.rules import ForbiddenError, Rule
from harness.market.services import Book, Promise, State

RUNNING = st.lists(
    st.builds(
        Running,
        st.uuids().map(str),
        st.sampled_from(["DSO", "ESO", "BBC"]),
        st.floats(0, 1e4),
        st.floats(0, 1e4),
    ),
    max_size=6,
)


@given(st.floats(0, 2e4), RUNNING, st.sampled_from(regimes()))
def test_shares_never_exceed_the_asset_and_go_in_order(capacity_w, running, primacy):
    shares = share_out(capacity_w, running, primacy)
    assert sum(shares.values()) <= capacity_w + 1e-6
    wanted = {one.service: one.wanted_w for one in running}
    assert all(0 <= shares[name] <= wanted[name] for name in shares)
    names = list(shares)
    for first, second in itertools.pairwise(names):
        if shares[first] < wanted[first] - 1e-6:  # who is short leaves nothing behind
            assert shares[second] <= 1e-6
    ranks = [next(primacy.rank(r.buyer) for r in running if r.service == n)
             for n in names]  # fmt: skip
    assert ranks == sorted(ranks)


def promise(service, buyer, capacity_w=3e3, window=(0.0, 7200.0)):
    return Promise(
        service, buyer, "battery", Agreement(capacity_w, *window, 1200.0, 120.0, 0.0)
    )


def book(primacy="network first"):
    return Book(regime_named(primacy) if primacy else None, {"battery": 5e3})


def test_the_order_of_primacy_says_who_is_short():
    for primacy, short in (("network first", "STOR"), ("system first", "Peak"),
                           ("first come", "Peak")):  # fmt: skip
        one = book(primacy)
        for service, buyer, at_s in (("STOR", "ESO", 0.0), ("Peak", "DSO", 1.0)):
            one.promise(promise(service, buyer))
            one.arm(service, at_s=at_s)
            assert one.call(service, from_s=1800, until_s=3600, at_s=at_s).accepted
        shares = one.shares_w("battery", 2000)
        assert shares[short] == 2e3
        assert sum(shares.values()) == 5e3
        assert one.shares_w("battery", 3600) == {}
        one.overrule("STOR", at_s=2500)
        assert one.shares_w("battery", 2600) == {"Peak": 3e3}
        assert one.of("STOR").state is State.OVERRULED


def test_what_may_not_be_promised_or_called_says_why():
    alone = book(None)
    alone.promise(promise("STOR", "ESO"))
    alone.promise(promise("Later", "DSO", window=(7200.0, 9000.0)))
    with pytest.raises(ForbiddenError) as caught:
        alone.promise(promise("Peak", "DSO", window=(7199.0, 9000.0)))
    assert caught.value.rule is Rule.NO_PRIMACY
    with pytest.raises(ForbiddenError) as caught:
        alone.promise(promise("Big", "DSO", capacity_w=5001.0))
    assert caught.value.rule is Rule.HOLDS
    assert not alone.call("STOR", from_s=0, until_s=10, at_s=0).accepted  # never armed
    alone.arm("STOR", at_s=0.0)
    for from_s, until_s in ((1199, 3600), (1200, 7201)):
        assert not alone.call("STOR", from_s=from_s, until_s=until_s, at_s=1).accepted
    assert alone.call("STOR", from_s=1200, until_s=7200, at_s=1).accepted
    assert not alone.call("STOR", from_s=1200, until_s=7200, at_s=2).accepted  # twice
    for act in (alone.arm, alone.stop):
        with pytest.raises(ForbiddenError):
            act("Later" if act == alone.stop else "STOR", at_s=3)
