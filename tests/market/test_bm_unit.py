"""Who may be a BM unit, and which acceptances it takes: each bound from both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.bm_unit import (
    BEYOND_MEL,
    BEYOND_MIL,
    GROUPS,
    MNZT,
    MZT,
    NDZ,
    NOT_HH,
    OFF_PN,
    RUN_DOWN,
    RUN_UP,
    TOO_SMALL,
    Acceptance,
    BmSite,
    BmUnit,
    Dynamics,
    away_from_zero,
    taken_and_refused,
    unregistered,
    untakeable,
)

CAN = Dynamics(120, 600, 600, 1.3e6, -1.3e6, 10_000, 20_000)
C, D = BmSite("_C", True, False), BmSite("_D", True, False)


def boa(*points, given_s=0.0):
    return Acceptance(given_s, tuple((float(at), level * 1e6) for at, level in points))


def why(*points, given_s=0.0, before=(), notified_w=0.0):
    return untakeable(
        boa(*points, given_s=given_s), CAN, notified_w=notified_w,
        left_zero_clock_s=before,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("points", "reasons"),
    [
        ([(200, 0), (330, 1.3), (900, 1.3), (1000, 0)], []),
        ([(200, 0), (400, 1.31), (900, 1.3), (1000, 0)], [BEYOND_MEL]),
        ([(200, 0), (330, -1.3), (900, -1.3), (1100, 0)], []),
        ([(200, 0), (330, -1.31), (900, -1.3), (1100, 0)], [BEYOND_MIL]),
        ([(200, 0), (300, 1), (900, 1), (950, 0)], []),
        ([(200, 0), (299, 1), (900, 1), (950, 0)], [RUN_UP]),
        ([(200, 0), (300, 1), (900, 1), (949, 0)], [RUN_DOWN]),
        ([(200, 0), (300, 1), (900, 1), (950, 0.1)], [OFF_PN]),
        ([(200, 0), (300, 1), (750, 1), (800, 0)], []),
        ([(200, 0), (300, 1), (749, 1), (799, 0)], [MNZT]),
    ],
)
def test_each_bound_just_in_and_just_out(points, reasons):
    assert why(*points) == reasons


def test_the_notice_of_a_deviation_from_zero():
    points = [(1_120, 0), (1_300, 1), (2_000, 1), (2_100, 0)]
    assert why(*points, given_s=1_000) == []
    assert why(*points, given_s=1_001) == [NDZ]


def test_the_least_time_at_zero_between_two_acceptances():
    points = [(1_600, 0), (1_700, 1), (2_300, 1), (2_400, 0)]
    assert why(*points, before=[(100, 1_000)]) == []
    assert why(*points, before=[(100, 1_001)]) == [MZT]


def test_a_unit_that_is_not_at_zero_needs_no_notice_of_leaving_it():
    points = [(10, 0.5), (60, 1), (100, 1), (150, 0.5)]
    assert why(*points, notified_w=0.5e6) == []


def test_what_was_refused_does_not_stand_in_the_way_of_what_comes_later():
    unit = BmUnit(
        "U", 300, "battery", 4_500.0, (C,), CAN,
        acceptances=(
            boa((200, 0), (210, 1), (900, 1), (1_000, 0)),  # runs up too fast
            boa((1_100, 0), (1_300, 1), (1_800, 1), (1_900, 0)),
        ),
    )  # fmt: skip
    taken, refused = taken_and_refused(unit)
    assert taken == [unit.acceptances[1]]
    assert [reasons for _one, reasons in refused] == [[RUN_UP]]


@given(
    times=st.lists(st.integers(0, 5_000), min_size=2, max_size=8, unique=True),
    levels=st.lists(st.integers(-13, 13), min_size=8, max_size=8),
)
def test_a_profile_is_between_its_points_and_inside_what_was_checked(times, levels):
    pairs = zip(sorted(times), levels, strict=False)
    one = Acceptance(0.0, tuple((float(at), level * 1e5) for at, level in pairs))
    for at in range(0, 5_000, 250):
        low, high = min(p for _t, p in one.points), max(p for _t, p in one.points)
        assert low - 1e-6 <= one.level_w(float(at)) <= high + 1e-6
    for at, level in one.points:
        assert one.level_w(at) == pytest.approx(level)
    away = away_from_zero(one)
    assert (away is None) is all(level == 0 for _at, level in one.points)


@pytest.mark.parametrize(
    ("homes", "sites", "reason"),
    [
        (223, (C,), ""),
        (222, (C,), TOO_SMALL),
        (300, (C, D), GROUPS),
        (300, (C, BmSite("_C", False, False)), NOT_HH),
        (300, (C, BmSite("_C", False, True)), ""),
    ],
)
def test_who_may_be_a_unit(homes, sites, reason):
    unit = BmUnit("U", homes, "battery", 4_500.0, sites)
    assert unregistered(unit, least_w=1e6) == reason


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Dynamics(-1, 0, 0, 1, 0, 1, 1), "below nothing"),
        (lambda: Dynamics(0, 0, 0, -1, 0, 1, 1), "MEL is 0"),
        (lambda: Dynamics(0, 0, 0, 0, 0, 1, 1), "not both 0"),
        (lambda: Dynamics(0, 0, 0, 1, 0, 0, 1), "run-up"),
        (lambda: boa((0, 0)), "two points"),
        (lambda: boa((0, 0), (0, 1)), "order of time"),
        (lambda: boa((0, 0), (10, 1), given_s=1), "before it begins"),
        (lambda: BmUnit("U", 0, "battery", 1.0, (C,)), "at sites"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
