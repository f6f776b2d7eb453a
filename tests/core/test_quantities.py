import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.quantities import (
    Quantity,
    parse_clock,
    parse_duration_s,
    parse_energy_wh,
    parse_percent,
    parse_power_w,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        ("7.2 kW", 7200),
        ("1400 W", 1400),
        ("1,400 W", 1400),
        ("4 MW", 4e6),
        ("−3 kW", -3000),
        ("1.4kW", 1400),
    ],
)
def test_power_is_watts(text, watts):
    assert parse_power_w(text) == pytest.approx(watts)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90 s", 90),
        ("2 minutes", 120),
        ("1 minute", 60),
        ("4 h", 14400),
        ("4 hours", 14400),
        ("1 h 30 min", 5400),
        ("1 hour and 30 minutes", 5400),
        ("0.5 h", 1800),
    ],
)
def test_duration_is_seconds(text, seconds):
    assert parse_duration_s(text) == seconds


def test_days_are_counted_and_are_no_duration():
    assert parse_quantity("90 days") == Quantity(90, "days")
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration_s("90 days")


def test_percent_and_energy():
    assert parse_percent("−3.5 %") == -3.5
    assert parse_percent("5 percent") == 5
    assert parse_energy_wh("12 kWh") == 12000


@pytest.mark.parametrize(
    ("text", "at_s"),
    [("17:30", 63000), ("00:00", 0), ("24:00", 86400), ("7:05:09", 25509)],
)
def test_clock_is_seconds_of_the_day(text, at_s):
    assert parse_clock(text) == at_s


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (parse_power_w, "7.2", "has no unit"),
        (parse_power_w, "seven kW", "is not a number with a unit"),
        (parse_power_w, "7.2 kWh", "is in Wh; here it must be like '7.2 kW'"),
        (parse_power_w, "7 bananas", "unknown unit 'bananas'"),
        (parse_power_w, "5 mW", "means milli"),
        (parse_percent, "5 W", "is in W"),
        (parse_duration_s, "2", "is not a duration"),
        (parse_duration_s, "-2 minutes", "is not a duration"),
        (parse_duration_s, "2 kW", "is not a duration"),
        (parse_duration_s, "2 minutes or so", "is not a duration"),
        (parse_clock, "25:00", "is not a clock time"),
        (parse_clock, "17:60", "is not a clock time"),
        (parse_clock, "5 pm", "is not a clock time"),
        (parse_clock, "24:01", "is not a clock time"),
        (parse_quantity, "", "is not a number with a unit"),
    ],
)
def test_what_cannot_be_read_says_what_would_do(parse, text, says):
    with pytest.raises(ValueError, match=says.replace("'", "['\"]")):
        parse(text)


@settings(deadline=None)
@given(st.integers(0, 86400))
def test_clock_round_trip(at_s):
    hour, rest = divmod(at_s, 3600)
    assert parse_clock(f"{hour}:{rest // 60:02}:{rest % 60:02}") == at_s


@settings(deadline=None)
@given(st.decimals(-1e6, 1e6, places=3))
def test_kilowatts_are_a_thousand_watts(number):
    kilowatts = parse_quantity(f"{number:f} kW")
    assert kilowatts == Quantity(pytest.approx(float(number) * 1000), "W")
