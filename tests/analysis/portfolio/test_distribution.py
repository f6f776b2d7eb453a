"""Numbers that differ from home to home: where declared, as declared."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.portfolio import distribution as d

MANY = 20_000


def drawn(one, count=MANY, seed=1):
    return one.draw(np.random.default_rng(seed), count)


def test_each_shape_has_the_mean_and_spread_that_it_was_declared_with():
    assert set(drawn(d.constant(3.5))) == {3.5}
    got = drawn(d.normal(10.0, 2.0))
    assert got.mean() == pytest.approx(10, abs=0.06)
    assert got.std() == pytest.approx(2, rel=0.03)
    got = drawn(d.lognormal(180.0, 0.35))
    assert np.median(got) == pytest.approx(180, rel=0.02)
    assert np.log(got).std() == pytest.approx(0.35, rel=0.03)
    got = drawn(d.uniform(2.0, 6.0))
    assert (got.min() >= 2) & (got.max() <= 6)
    assert got.mean() == pytest.approx(4, abs=0.05)
    got = drawn(d.choice([7.4, 3.6], [0.85, 0.15]))
    assert (got == 7.4).mean() == pytest.approx(0.85, abs=0.01)


@given(
    mean=st.floats(-50, 50),
    sd=st.floats(0.1, 20),
    below=st.floats(0, 3),
    above=st.floats(0.1, 3),
    seed=st.integers(0, 99),
)
def test_nothing_is_drawn_beyond_an_end_nor_heaped_up_at_it(
    mean, sd, below, above, seed
):
    least, most = mean - below * sd, mean + above * sd
    got = drawn(d.normal(mean, sd, least=least, most=most), 400, seed)
    assert ((got >= least) & (got <= most)).all()
    assert np.unique(got).size > 390
    assert (got == drawn(d.normal(mean, sd, least=least, most=most), 400, seed)).all()


def test_measured_values_are_drawn_whole_with_their_uncertainty():
    got = drawn(d.measured([4.0, 6.0], [0.0, 0.5], least=0.0))
    assert (got == 4.0).mean() == pytest.approx(0.5, abs=0.02)
    about = got[got != 4.0]
    assert about.mean() == pytest.approx(6, abs=0.03)
    assert about.std() == pytest.approx(0.5, rel=0.05)
    assert (drawn(d.measured([0.1], [1.0], least=0.0)) >= 0).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: d.constant(math.inf),
        lambda: d.normal(1.0, 0.0),
        lambda: d.normal(0.0, 1.0, least=9.0),
        lambda: d.lognormal(0.0, 1.0),
        lambda: d.uniform(2.0, 2.0),
        lambda: d.choice([1.0], [0.9]),
        lambda: d.choice([1.0, 2.0], [1.2, -0.2]),
        lambda: d.measured([], []),
        lambda: d.measured([math.nan], [0.0]),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"\w"):
        make()
