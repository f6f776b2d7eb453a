"""How many homes: the number just suffices, and a few less do not."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.analysis.portfolio.needed import (
    homes_for,
    homes_needed,
    share_delivered,
)

Z95 = 1.6448536269514722


@given(
    mean=st.floats(100, 5000),
    sd=st.floats(0, 4000),
    seen=st.integers(200, 100_000),
    target=st.floats(1e4, 1e7),
)
@example(mean=100.0, sd=1e-06, seen=200, target=10000.0)  # 100 homes just fall short
def test_the_number_is_the_smallest_that_delivers(mean, sd, seen, target):
    def sure(homes):
        u2 = homes * sd**2 + (homes * sd) ** 2 / seen
        return homes * mean - Z95 * math.sqrt(u2)

    found = homes_for(mean, sd, seen, target_w=target, confidence=0.95)
    if math.isinf(found):
        assert mean <= Z95 * sd / math.sqrt(seen) * (1 + 1e-9)
        return
    assert sure(found) >= target * (1 - 1e-9)
    assert found == 1 or sure(found - 1) < target * (1 + 1e-9)


def test_drawn_units_deliver_as_surely_as_asked_and_fewer_homes_do_not():
    rng = np.random.default_rng(3)
    delivered = np.where(rng.random((20_000, 2)) < 0.2, 7000.0, 0.0)
    needed = homes_needed(delivered, target_w=1e6, confidence=0.95)
    homes = int(needed.homes)
    often = share_delivered(delivered, homes=homes, target_w=1e6, seed=1)
    assert 0.95 <= often < 0.999
    fewer = share_delivered(delivered, homes=int(0.93 * homes), target_w=1e6, seed=1)
    assert fewer < 0.9
    assert share_delivered(delivered, homes=homes // 2, target_w=1e6, seed=1) == 0


def test_the_weakest_period_decides():
    delivered = np.column_stack((np.full(500, 2000.0), np.full(500, 500.0)))
    needed = homes_needed(delivered, target_w=1e6, confidence=0.9)
    assert (needed.homes, needed.period) == (2000, 1)


def test_homes_that_deliver_nothing_make_no_megawatt():
    needed = homes_needed(np.zeros((500, 2)), target_w=1e6, confidence=0.95)
    assert math.isinf(needed.homes)
    assert "nothing" in needed.why
    rng = np.random.default_rng(3)
    vague = homes_needed(rng.normal(1, 500, (200, 1)), target_w=1e6, confidence=0.95)
    assert math.isinf(vague.homes)


@pytest.mark.parametrize(
    ("target", "confidence", "shape"),
    [(0, 0.95, (9, 1)), (1e6, 0.4, (9, 1)), (1e6, 1.0, (9, 1)), (1e6, 0.9, (1, 1)),
     (1e6, 0.9, (9, 0))],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(target, confidence, shape):
    with pytest.raises(ValueError, match=r"is none|homes × periods"):
        homes_needed(np.ones(shape), target_w=target, confidence=confidence)
