"""How the emulated station follows its profiles: phases, floors, random delays."""

import pytest

from tests.devices.test_ev_breaking import STEADY
from tests.devices.test_ev_chargepoint import home
from tests.devices.test_ev_chargepoint import play as play_home
from tests.devices.test_ev_station import installs, play, station

PHASE_V = 230.0


async def drawn_w(hand, at_s):
    await hand.clock.until(at_s)
    return hand.circuit.power_w(["ev"], at_s)


def schedule(*pairs, unit="A", phases=None, start="2013-02-01T20:53:00Z"):
    known = {} if phases is None else {"numberPhases": phases}
    return {
        "startSchedule": start,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": at, "limit": limit, **known} for at, limit in pairs
        ],
    }


# The boundary table


@pytest.mark.parametrize(
    ("phases", "unit", "limit", "amperes"),
    [
        (1, "A", 0.0, 0.0),
        (1, "A", 5.9, 0.0),
        (1, "A", 6.0, 6.0),
        (1, "A", 6.1, 6.1),
        (1, "A", 16.0, 16.0),
        (1, "A", 32.0, 32.0),
        (1, "A", 40.0, 32.0),
        (1, "W", 0.0, 0.0),
        (1, "W", 1379.9, 0.0),
        (1, "W", 1380.0, 6.0),
        (1, "W", 7360.0, 32.0),
        (3, "A", 0.0, 0.0),
        (3, "A", 5.9, 0.0),
        (3, "A", 6.0, 6.0),
        (3, "A", 32.0, 32.0),
        (3, "W", 4139.9, 0.0),
        (3, "W", 4140.0, 6.0),
        (3, "W", 11040.0, 16.0),
        (3, "W", 22080.0, 32.0),
    ],
)
def test_a_limit_at_each_boundary_gives_its_current(phases, unit, limit, amperes):
    """Below 6 A nothing can be offered (IEC 61851-1, table A.8)."""

    @play
    async def test():
        async with station(phases=phases, **STEADY) as hand:
            await hand.clock.until(30)
            plan = schedule((0, limit), unit=unit, phases=phases)
            assert await installs(hand, 0, chargingSchedule=plan) == "Accepted"
            power_w = await drawn_w(hand, 50)
            volts = hand.circuit.voltage_v(50)
            assert power_w / volts / phases == pytest.approx(amperes, abs=1e-6)

    test()


# Phases


@play
async def test_a_station_that_can_switch_charges_on_one_phase_after_a_pause():
    options = {**STEADY, "phases": 3, "switches_phases": True}
    async with station(**options) as hand:
        await hand.sets(MeterValuesSampledData="Current.Import")
        await hand.clock.until(30)
        plan = schedule((0, 16.0), phases=1)
        await installs(hand, 0, chargingSchedule=plan)
        assert await drawn_w(hand, 37) == 0.0  # 2 s reaction, 10 s to switch
        power_w = await drawn_w(hand, 50)
        assert power_w / hand.circuit.voltage_v(50) == pytest.approx(16.0)
        await hand.clock.until(61)
        ((_at_s, asked),) = hand.said("MeterValues")
        values = asked["meterValue"][0]["sampledValue"]
        assert [(item["phase"], item["value"]) for item in values] == [
            ("L1", "16.0"),
            ("L2", "0.0"),
            ("L3", "0.0"),
        ]
        request = {"connectorId": 1, "duration": 60, "chargingRateUnit": "W"}
        answer = await hand.gets("GetCompositeSchedule", request)
        assert answer["chargingSchedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 3680.0, "numberPhases": 1}
        ]
        await hand.gets("ClearChargingProfile", {"id": 5})
        power_w = await drawn_w(hand, 100)
        assert power_w / hand.circuit.voltage_v(100) == pytest.approx(96.0)


@play
async def test_a_pause_switches_no_phases():
    options = {**STEADY, "phases": 3, "switches_phases": True}
    async with station(**options) as hand:
        await hand.clock.until(30)
        plan = schedule((0, 0.0), phases=1)
        await installs(hand, 0, chargingSchedule=plan)
        assert await drawn_w(hand, 40) == 0.0
        await hand.gets("ClearChargingProfile", {"id": 5})
        assert await drawn_w(hand, 46) > 20_000  # no 10 s pause


@play
async def test_a_station_that_cannot_switch_says_so_and_keeps_its_phases():
    async with station(phases=3, **STEADY) as hand:
        answer = await hand.gets(
            "GetConfiguration", {"key": ["ConnectorSwitch3to1PhaseSupported"]}
        )
        assert answer["configurationKey"][0]["value"] == "false"
        await hand.clock.until(30)
        await installs(hand, 0, chargingSchedule=schedule((0, 16.0), phases=1))
        power_w = await drawn_w(hand, 50)
        assert power_w / hand.circuit.voltage_v(50) == pytest.approx(48.0)


# The random delay of the Smart Charge Points Regulations


async def arrival(hand, amperes, *, until_s):
    """When the current is first as told, looked at each second."""
    while hand.clock.now_s() < until_s:
        now_s = hand.clock.now_s()
        if round(hand.circuit.power_w(["ev"], now_s) / 230.0) in amperes:
            return now_s
        await hand.clock.until(now_s + 1)
    return None


@play
async def test_a_change_by_schedule_is_late_by_a_random_delay():
    async with station(random_delay="schedule", **STEADY) as hand:
        await hand.clock.until(10)
        plan = schedule((0, 32.0), (100, 6.0))
        await installs(hand, 0, chargingSchedule=plan)
        late_s = await arrival(hand, {6}, until_s=800) - 100
        assert 10 < late_s <= 605


@play
async def test_an_instruction_is_not_delayed_and_ends_a_delay_that_runs():
    async with station(random_delay="schedule", random_delay_s=1800, **STEADY) as hand:
        await hand.clock.until(10)
        await installs(hand, 10)
        assert await arrival(hand, {10}, until_s=30) <= 20
        plan = schedule((0, 10.0), (30, 6.0))
        await installs(hand, 0, chargingSchedule=plan)
        await hand.clock.until(35)
        await installs(hand, 16)
        assert await arrival(hand, {16}, until_s=60) <= 45
        await hand.clock.until(1900)
        assert round(hand.circuit.power_w(["ev"], 1900.0) / 230.0) == 16


@play_home
async def test_a_station_that_delays_every_instruction_is_too_late_for_one():
    """The wrong station: a demand response instruction must not wait (reg. 11)."""
    async with home(random_delay="always", **STEADY) as here:
        assert await here.amperes(60) == 32.0  # plugging in is no instruction
        assert (await here.driver.limit_power_w(1400)).accepted
        assert await here.amperes(75) == 32.0
        assert await here.amperes(670) == 6.0


@play
async def test_each_delay_is_a_new_one_of_whole_seconds():
    async with station(random_delay="schedule", **STEADY) as hand:
        await hand.clock.until(10)
        steps = [(700 * n, 6.0 + 4 * (n % 2)) for n in range(6)]
        await installs(hand, 0, chargingSchedule=schedule(*steps))
        moved = []
        for n in range(1, 6):
            await hand.clock.until(700 * n)
            moved.append(
                await arrival(hand, {6 + 4 * (n % 2)}, until_s=700 * n + 690) - 700 * n
            )
        assert len(set(moved)) == 5
        assert all(late_s == int(late_s) for late_s in moved)


@play
async def test_default_hours_hold_until_a_profile_says_otherwise():
    """Friday 1 February 2013, 20:53: a peak hour until 22:00."""
    async with station(default_hours=True, **STEADY) as hand:
        assert await drawn_w(hand, 60) == 0.0
        assert hand.statuses()[-1][1] == "SuspendedEVSE"
        await installs(hand, 16)
        assert await drawn_w(hand, 80) == pytest.approx(16 * 230, rel=0.02)
        await hand.gets("ClearChargingProfile", {"id": 5})
        assert await drawn_w(hand, 100) == 0.0
        assert await drawn_w(hand, 67 * 60 + 10) > 7000
