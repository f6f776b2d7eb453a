"""Use case 1: who may be told what, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.constraint import (
    Agreement,
    Offer,
    Position,
    allocate,
    decide_dispatch,
    decide_other,
    lose_asset,
)

AGREEMENT = Agreement(
    capacity_w=7000,
    window_from_s=16 * 3600,
    window_until_s=20 * 3600,
    arming_period_s=1800,
    deliver_within_s=120,
    notice_within_s=60,
)
EV, HP = Offer("ev", 7400, 1400), Offer("heat_pump", 2000, 600)


def at(clock):
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def dispatch(position, start="17:31", end="18:30"):
    return decide_dispatch(AGREEMENT, position, from_s=at(start), until_s=at(end))


def test_a_service_armed_in_time_is_accepted():
    assert dispatch(Position(armed_at_s=at("16:30"))).accepted


def test_the_end_of_the_arming_period_itself_is_accepted_and_a_second_less_is_not():
    armed = at("17:31") - 1800
    assert dispatch(Position(armed_at_s=armed)).accepted
    late = dispatch(Position(armed_at_s=armed + 1))
    assert not late.accepted
    assert late.ready_at_s == at("17:31") + 1
    assert late.reason == "the arming period has not ended"


def test_a_service_that_was_never_armed_is_refused():
    assert dispatch(Position()).reason == "the service was never armed"


def test_an_overruled_service_is_refused():
    position = Position(armed_at_s=0, overruled_at_s=at("17:00"))
    assert dispatch(position).reason == "the ESO has overruled the service"


@pytest.mark.parametrize(
    ("start", "end", "accepted"),
    [
        ("16:00", "20:00", True),
        ("15:59", "18:00", False),
        ("19:00", "20:01", False),
    ],
)
def test_a_dispatch_stays_inside_the_window(start, end, accepted):
    assert dispatch(Position(armed_at_s=0), start, end).accepted is accepted


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), max_size=8),
    st.floats(1, 3e4),
)
def test_allocation_covers_the_capacity_with_no_asset_to_spare(levels, capacity_w):
    offers = [Offer(f"a{n}", max(p), min(p)) for n, p in enumerate(levels)]
    chosen = allocate(offers, capacity_w, frozenset())
    offered = sum(offer.reduction_w for offer in offers)
    got = sum(offer.reduction_w for offer in chosen)
    if offered >= capacity_w:
        assert got >= capacity_w
        assert got - chosen[-1].reduction_w < capacity_w
    else:
        assert got == pytest.approx(offered)


def test_an_unavailable_asset_is_not_called():
    assert allocate([EV, HP], 7000, frozenset({"ev"})) == (HP,)


def test_a_lost_asset_is_declared_once_with_what_it_offered():
    offers = {"ev": EV}
    position, lost_w = lose_asset(Position(armed_at_s=0), offers, "ev")
    assert lost_w == 6000
    assert lose_asset(position, offers, "ev") == (position, None)
    assert lose_asset(position, offers, "fridge") == (position, None)


def other(position, start, end):
    return decide_other(AGREEMENT, position, from_s=at(start), until_s=at(end))


ARMED = Position(armed_at_s=at("16:30"))


@pytest.mark.parametrize(
    ("position", "start", "end", "accepted"),
    [
        (ARMED, "15:00", "16:00", True),
        (ARMED, "15:00", "16:01", False),
        (ARMED, "20:00", "21:00", True),
        (ARMED, "19:59", "21:00", False),
        (Position(), "17:30", "18:00", True),
        (Position(armed_at_s=0, overruled_at_s=1), "17:30", "18:00", True),
        (Position(armed_at_s=0, stopped_at_s=1), "17:30", "18:00", True),
    ],
)
def test_another_buyer_may_have_it_outside_the_window_or_if_nobody_armed_it(
    position, start, end, accepted
):
    assert other(position, start, end).accepted is accepted


def test_while_another_buyer_has_it_the_dso_waits_until_it_is_free():
    serves = Position(armed_at_s=0, serves="ESO", serves_until_s=at("18:00"))
    refused = dispatch(serves, "17:59")
    assert (refused.reason, refused.ready_at_s) == (
        "the home serves the ESO", at("18:00"),
    )  # fmt: skip
    assert dispatch(serves, "18:00").accepted


def test_after_an_emergency_stop_nothing_is_dispatched():
    stopped = Position(armed_at_s=0, stopped_at_s=at("17:00"))
    assert dispatch(stopped).reason == "the DSO has stopped the service in an emergency"
