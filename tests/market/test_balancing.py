"""How a controller shares out what is left over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.balancing import Balancing, Kind, Mover, shared_out

CAR, BATTERY = Mover("ev", 1_400.0, 7_000.0), Mover("battery", -4_000.0, 4_000.0)


@pytest.mark.parametrize(
    ("total_w", "car_w", "battery_w"),
    [
        (9_000.0, 7_000.0, 2_000.0), (20_000.0, 7_000.0, 4_000.0),
        (1_399.0, 0.0, 1_399.0), (1_400.0, 1_400.0, 0.0), (0.0, 0.0, 0.0),
        (-3_000.0, 0.0, -3_000.0), (-9_000.0, 0.0, -4_000.0),
    ],
)  # fmt: skip
def test_each_in_its_order_takes_what_it_can(total_w, car_w, battery_w):
    assert shared_out([CAR, BATTERY], total_w) == {"ev": car_w, "battery": battery_w}


@given(total_w=st.floats(-2e4, 2e4))
def test_nobody_is_told_what_it_cannot_and_nothing_is_made_up(total_w):
    told = shared_out([CAR, BATTERY], total_w)
    assert told["ev"] == 0.0 or CAR.least_w <= told["ev"] <= CAR.most_w
    assert BATTERY.least_w <= told["battery"] <= BATTERY.most_w
    left_w = total_w - sum(told.values())
    assert abs(left_w) <= abs(total_w) + 1e-9
    if -4_000 <= total_w <= 11_000:
        assert left_w == pytest.approx(0, abs=1e-6)


def test_a_mover_that_moves_nowhere_and_a_connection_of_nothing_are_refused():
    with pytest.raises(ValueError, match="would move"):
        Mover("ev", 7_000.0, 7_000.0)
    with pytest.raises(ValueError, match="is none"):
        Balancing("Village", 0.0, {"ev": Kind.LOAD})
