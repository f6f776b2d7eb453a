"""Clocks that are wrong from the start: meters, a consumer access device, a station.

Behind or ahead, fast or slow, reset to 1970, or telling London's time as UTC. Values
are right all the while, and the time of arrival is the bench's.
"""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.ev_chargepoint import ocpp16, ocpp201
from devices.links.lying_clock import LyingClock
from devices.meter import dlms, iec62056_21, sdm230, smets2_cad
from harness.core.bench import EmulatorContext
from harness.core.calendar import LONDON
from harness.core.circuit import Circuit, FixedLoad
from harness.core.clock import BenchClock
from tests.devices import mqtt_bench, ocpp_bench
from tests.devices.meter_bench import QUIET, bench_of, values
from tests.devices.modbus_bench import on_virtual_time

SUMMER = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
DAY_S = 86_400.0
SLOW = {"update_interval_s": 60.0} | QUIET
"""A meter of which a day is cheap."""


def since_1970_s(starts_at):
    """A clock that began at 1970 when the bench did, against the right time. [s]"""
    return -starts_at.timestamp()


WRONG = [
    ({"clock_offset_s": 25.0}, 0.0, -25.0),
    ({"clock_offset_s": -25.0}, 0.0, 25.0),
    ({"clock_drift_s_per_day": 2.0}, DAY_S, 2.0),
    ({"clock_drift_s_per_day": -1.5}, 2 * DAY_S, -3.0),
    ({"clock_offset_s": 10.0, "clock_drift_s_per_day": 4.0}, DAY_S / 2, -8.0),
    ({"clock_lie": "1970"}, 600.0, since_1970_s(SUMMER)),
    ({"clock_lie": "local as UTC"}, 600.0, 3600.0),
    ({"clock_lie": "local as UTC", "clock_offset_s": 5.0}, 600.0, 3595.0),
]
"""Options, when it is looked at, and how far ahead the clock is then. [s]"""


@pytest.mark.parametrize(("errors", "at_s", "ahead_s"), WRONG)
@pytest.mark.parametrize(("module", "least_s"), [(dlms, 0.011), (iec62056_21, 1.0)])
def test_a_meter_with_a_clock_tells_its_own_time_and_the_right_values(
    module, least_s, errors, at_s, ahead_s
):
    async def run():
        options = {"starts_at": SUMMER} | SLOW | errors
        async with bench_of(module, FixedLoad(1000.0), **options) as (meter, bench, _):
            await bench.clock.until(at_s)
            readings = await meter.poll()
            return values(readings)["power_w"], readings[0].device_time_s, bench.clock

    power_w, device_s, clock = on_virtual_time(run())
    assert power_w == pytest.approx(1000.0)
    # A read-out takes about two seconds, from the meter's look to the last byte.
    took_s = 2.0 if module is iec62056_21 else 0.0
    assert device_s - at_s - ahead_s == pytest.approx(took_s / 2, abs=least_s + took_s)
    assert clock.starts_at == SUMMER


@pytest.mark.parametrize(("errors", "at_s", "ahead_s"), WRONG[:1] + WRONG[-3:])
def test_an_access_device_hands_the_meters_time_on(errors, at_s, ahead_s):
    async def run():
        bench = mqtt_bench.Bench(smets2_cad.DRIVER, starts_at=SUMMER, load_w=1000.0)
        async with mqtt_bench.both(bench, **QUIET, **errors):
            await bench.clock.until(at_s + 60.0)
        return bench.reported("power_w")[-1]

    seen_s, device_s, power_w = mqtt_bench.run(run())
    assert power_w == 1000.0
    assert device_s - seen_s == pytest.approx(ahead_s, abs=1.1)


@asynccontextmanager
async def station(driver, **options):
    """A driver and its emulated station in summer; yields what is told, and when."""
    clock, circuit, told = BenchClock(SUMMER), Circuit(), []
    bench = ocpp_bench.Bench(clock=clock)
    hears = replace(
        bench.context,
        report=lambda readings: told.extend((clock.now_s(), one) for one in readings),
    )
    async with driver.open(hears, driver.options()) as csms:
        context = EmulatorContext(
            where="home.toml [device.ev]", role="ev", clock=clock, circuit=circuit,
            rng=np.random.default_rng(7), dial=csms.address,
        )  # fmt: skip
        async with driver.emulate(context, driver.emulator_options(**options)):
            await csms.ready()
            yield bench, told


@pytest.mark.parametrize("driver", [ocpp16.DRIVER, ocpp201.DRIVER])
@pytest.mark.parametrize(
    ("options", "ahead_s"),
    [
        ({}, 0.0),
        ({"faults": {"clock_lie": "1970"}}, since_1970_s(SUMMER)),
        ({"faults": {"clock_lie": "local as UTC"}}, 3600.0),
        ({"clock_drift_s_per_day": -1440.0}, -1440.0 * 120 / DAY_S),
    ],
)
def test_meter_values_carry_the_lie_and_a_stations_other_messages_do_not(
    driver, options, ahead_s
):
    async def run():
        async with station(driver, **options) as (bench, told):
            await bench.clock.until(125.0)
            return bench, [one for one in told if one[1].quantity == "power_w"]

    bench, told = on_virtual_time(run())
    seen_s, reading = told[-1]
    assert seen_s == pytest.approx(120.0, abs=5.0)
    assert reading.device_time_s - seen_s == pytest.approx(ahead_s, abs=0.1)
    stamps = [text for _, text in bench.wire if '"StatusNotification"' in text]
    first = datetime.fromisoformat(stamps[0].split('"timestamp":"')[1][:23] + "+00:00")
    assert abs(first - SUMMER) < timedelta(seconds=30)


def test_a_meter_without_a_clock_cannot_be_ahead_or_lie():
    for errors in (
        {"clock_offset_s": -1.0},
        {"clock_drift_s_per_day": 1.0},
        {"clock_lie": "1970"},
    ):
        with pytest.raises(ValidationError):
            sdm230.DRIVER.emulator_options(**errors)


def test_a_lie_of_another_name_is_refused():
    with pytest.raises(ValidationError, match="local as UTC"):
        dlms.DRIVER.emulator_options(clock_lie="2038")


instants = st.integers(31_536_000, 4_070_908_800).map(
    lambda posix_s: datetime.fromtimestamp(posix_s, UTC)
)
"""From 1971 to 2099."""


@given(instants)
def test_london_as_utc_is_what_hangs_on_a_wall_in_london(at):
    told = LyingClock("local as UTC", 0.0).told(at)
    assert told.replace(tzinfo=None) == at.astimezone(LONDON).replace(tzinfo=None)


@given(instants)
def test_without_a_lie_not_a_bit_moves(at):
    assert LyingClock("", 123.0).told(at) is at
