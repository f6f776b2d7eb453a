"""What a feature file says, in the words that the harness uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import FeatureError
from harness.steps.words import (
    asset_name,
    clock_s,
    duration_s,
    move_of,
    power_w,
    role_of,
    span_s,
    table_rows,
)
from harness.trial.planned import Move

clocks = st.tuples(st.integers(0, 23), st.integers(0, 59))


@pytest.mark.parametrize(
    ("said", "role"),
    [("EV", "ev"), ("car", "ev"), ("heat pump", "heat_pump"), ("Fridge", "fridge")],
)
def test_assets_are_roles(said, role):
    assert role_of(said) == role


def test_a_role_has_the_name_that_people_use():
    assert asset_name("ev") == "EV"
    assert asset_name("heat_pump") == "heat pump"


@given(clocks, clocks)
def test_an_end_at_or_before_its_start_lies_on_the_next_day(start, end):
    from_s, until_s = span_s(
        "{:02d}:{:02d}".format(*start), "{:02d}:{:02d}".format(*end)
    )
    assert from_s == start[0] * 3600 + start[1] * 60
    assert 0 < until_s - from_s <= 86_400
    assert (until_s - end[0] * 3600 - end[1] * 60) % 86_400 == 0


def test_moves():
    assert (move_of("up"), move_of("down")) == (Move.UP, Move.DOWN)


@pytest.mark.parametrize(
    ("reads", "text", "says"),
    [
        (power_w, "7.2 kWh", "a power, such as 7.2 kW"),
        (power_w, "lots", "a power, such as 7.2 kW"),
        (duration_s, "2 kW", "a duration, such as 2 minutes"),
        (clock_s, "25:00", "a time, such as 17:30"),
        (move_of, "sideways", "turn up, or turn down"),
    ],
)
def test_what_cannot_be_read_is_said_with_an_example(reads, text, says):
    with pytest.raises(FeatureError, match=says) as caught:
        reads(text)
    assert text in str(caught.value)


def test_a_table_without_a_column_that_is_needed_names_it():
    with pytest.raises(FeatureError, match="no column 'down to'"):
        table_rows([["asset", "usually"], ["EV", "7 kW"]], ["asset", "down to"], "it")
