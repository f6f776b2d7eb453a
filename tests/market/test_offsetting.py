"""The offset scheme: demand first, back in reverse, lost demand, and verification."""

import math

import pytest

from harness.market.offsetting import SILENT_S, STANDS_S, Offset, Scheme, Step
from harness.market.rules import ForbiddenError, Rule


def steps(*seen):
    """Walk an offset of 100 kW from 10 s to 100 s through (time, demand, heard)."""
    offset = Offset(1e5, 10.0, 100.0, ends_early_s=20.0)
    return [
        offset.advance(at, leader_w=kw * 1e3, heard_s=heard, follower_w=up * 1e3)
        for at, kw, heard, up in seen
    ]


def test_demand_first_generation_after_and_back_in_reverse():
    assert steps(
        (9, 0, 9, 0), (10, 0, 10, 0), (11, 89, 11, 0), (12, 90, 12, 0),
        (16.9, 90, 16.9, 0), (17, 90, 17, 0), (79, 100, 79, 100),
        (80, 100, 80, 100), (99, 100, 99, 0), (100, 100, 100, 0),
    ) == [
        Step.WAITING, Step.LEADER_RISES, Step.LEADER_RISES, Step.LEADER_RISES,
        Step.LEADER_RISES, Step.BOTH_UP, Step.BOTH_UP, Step.FOLLOWER_FALLS,
        Step.FOLLOWER_FALLS, Step.ENDED,
    ]  # fmt: skip


RISEN = ((12, 100, 12, 0), (12 + STANDS_S, 100, 12 + STANDS_S, 0))


def test_demand_that_wavers_has_not_risen():
    walked = steps(
        (10, 0, 10, 0), (12, 100, 12, 0), (15, 50, 15, 0), (17, 100, 17, 0),
        (21.9, 100, 21.9, 0), (22, 100, 22, 0),
    )  # fmt: skip
    assert walked[-2:] == [Step.LEADER_RISES, Step.BOTH_UP]


def test_a_demand_of_no_number_is_lost():
    walked = steps((10, 0, 10, 0), *RISEN, (50, math.nan, 50, 100))
    assert walked[-1] is Step.TRIPPED


@pytest.mark.parametrize(
    ("demand_kw", "heard", "then"),
    [(80, 50, Step.BOTH_UP), (79.9, 50, Step.TRIPPED),
     (100, 50 - SILENT_S, Step.BOTH_UP), (100, 49.9 - SILENT_S, Step.TRIPPED)],
)  # fmt: skip
def test_lost_or_silent_demand_trips_it(demand_kw, heard, then):
    walked = steps((10, 0, 10, 0), *RISEN, (50, demand_kw, heard, 100))
    assert walked[-1] is then


def test_demand_that_never_rises_lets_nothing_happen():
    assert steps((10, 0, 10, 0), (80, 50, 80, 0)) == [Step.LEADER_RISES, Step.ENDED]


SCHEME = Scheme("mill", "wind", True, 15.0, 10.0, 30.0)
DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("at_s", "verified_s", "stands"),
    [
        (20 * DAY_S, None, True), (20 * DAY_S + 1, None, False),
        (21 * DAY_S, 0.0, True), (30 * DAY_S, 0.0, True), (30 * DAY_S + 1, 0.0, False),
    ],
)  # fmt: skip
def test_a_verification_holds_for_so_many_days_and_a_new_one_renews_it(
    at_s, verified_s, stands
):
    if stands:
        SCHEME.require_safe(at_s=at_s, verified_s=verified_s)
        return
    with pytest.raises(ForbiddenError, match="is to be every 30 days") as caught:
        SCHEME.require_safe(at_s=at_s, verified_s=verified_s)
    assert caught.value.rule is Rule.FAIL_SAFE
