"""A fund grants what is proven while it has money; what cannot be is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.community import (
    EMPTY,
    UNPROVEN,
    CompanyAsset,
    Marketplace,
    PlannedAsset,
    Project,
    Purchase,
    Share,
    SharedAsset,
    granted,
    percent_of,
)


def fund(*asks, holds_p=10_000, fee=4.0):
    projects = [Project(f"p{n}", one, "ev", 7_000.0) for n, one in enumerate(asks)]
    return Marketplace("Fund", holds_p, fee, tuple(projects))


def test_the_first_who_are_proven_are_funded_while_there_is_money():
    """Of £100.00: £40.00 and a fee of £1.60; £60.00 is too much; £50.00 with £2.00."""
    found = granted(fund(4_000, 1_000, 6_000, 5_000), ["p0", "p2", "p3"])
    assert [one.grant_p for one in found] == [4_000, 0, 0, 5_000]
    assert [one.fee_p for one in found] == [160, 0, 0, 200]
    assert [one.refused for one in found] == ["", UNPROVEN, EMPTY, ""]


@given(
    asks=st.lists(st.integers(1, 20_000), min_size=1, max_size=10),
    proven=st.sets(st.integers(0, 9)), holds_p=st.integers(1, 50_000),
    fee=st.floats(0, 50),
)  # fmt: skip
def test_a_fund_never_spends_more_than_it_holds(asks, proven, holds_p, fee):
    market = fund(*asks, holds_p=holds_p, fee=fee)
    found = granted(market, {f"p{n}" for n in proven})
    assert sum(one.grant_p + one.fee_p for one in found) <= holds_p
    for one in found:
        assert bool(one.grant_p) is not bool(one.refused)
        assert one.fee_p == percent_of(one.grant_p, fee)
        if one.refused == UNPROVEN:
            assert int(one.project.name[1:]) not in proven


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Project("x", 0, "ev", 1.0), "asks for nothing"),
        (lambda: fund(1, holds_p=0), "holds money"),
        (lambda: fund(1, fee=100.0), "below 100"),
        (lambda: Purchase(1, "ev", 1, 1), "two homes"),
        (lambda: PlannedAsset("x", "ev", 0, 1.0), "above nothing"),
        (lambda: SharedAsset("farm", (Share("a", "a", 999_999),)), "100 %"),
        (lambda: SharedAsset("f", (Share("a", "a", -1), Share("b", "b", 1_000_001))),
         "below nothing"),
        (lambda: CompanyAsset("farm", 1, 1, -1, 5.0), "that can be"),
        (lambda: CompanyAsset("farm", 1, 1, 1, 105.0), "that can be"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
