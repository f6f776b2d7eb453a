"""Who takes what of a plant's revenue: by hand, and to the penny for any revenue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.settlement.revenue import ShareTerms, optimiser_percent, shared

SOURCE = ShareTerms(33.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("plant_mw", "percent"), [(0.05, 33), (1, 33), (10, 10), (400, 10)]
)
def test_an_optimiser_takes_what_the_source_says_at_both_ends(plant_mw, percent):
    assert optimiser_percent(SOURCE, plant_mw) == percent


def test_in_between_its_share_falls_with_the_size():
    shares = [optimiser_percent(SOURCE, mw) for mw in (1, 2, 3.162277660168, 5, 10)]
    assert shares == sorted(shares, reverse=True)
    assert shares[2] == pytest.approx(21.5)


def test_shares_by_hand():
    """Of £1,234.56: 33 % are £407.40, 10 % are £123.46, the rest is £703.70."""
    found = shared(123_456, SOURCE, plant_mw=1.0)
    assert (found.optimiser_p, found.aggregator_p, found.owners_p) == (
        40_740, 12_346, 70_370,
    )  # fmt: skip


percents = st.floats(0, 50)


@given(
    revenue_p=st.integers(0, 10**12), small=percents, large=percents,
    aggregator=percents, mw=st.floats(0.001, 10_000),
)  # fmt: skip
def test_no_penny_is_lost_or_made(revenue_p, small, large, aggregator, mw):
    found = shared(revenue_p, ShareTerms(small, large, aggregator), plant_mw=mw)
    parts = (found.optimiser_p, found.aggregator_p, found.owners_p)
    assert sum(parts) == revenue_p
    assert min(parts) >= 0


@pytest.mark.parametrize("terms", [(95, 10, 10), (33, 95, 10), (-1, 10, 10)])
def test_terms_that_cannot_be_are_refused(terms):
    with pytest.raises(ValueError, match=r"more than there is|below nothing"):
        ShareTerms(*terms)


def test_a_debt_and_a_plant_of_nothing_are_refused():
    with pytest.raises(ValueError, match="debt"):
        shared(-1, SOURCE, plant_mw=1.0)
    with pytest.raises(ValueError, match="0 MW"):
        shared(1, SOURCE, plant_mw=0.0)
