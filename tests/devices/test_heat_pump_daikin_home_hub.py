"""Daikin Home Hub: literal frames, limits, and the emulator's registers.

Frames are written by hand from the Modbus standards and from the numbers of Daikin's
guide as others transcribed them (not read by us), less one: 56 is ``0037``, 58 is
``0039``, 40 is ``0027``, 44 ``002B``, 50 ``0031``, 51 ``0032``.
"""

import pytest

from harness.core.capabilities import Demand
from harness.core.errors import LinkError
from tests.devices.heat_pump_bench import Bench, ask_pdus, both, numbered, run

TRANSCRIPTS_OF = ("heat_pump/daikin_home_hub",)


def block(*, leaving="0F4D", outdoor="00C8", room="0802", power="", between="8000"):
    """Input registers 39 to 49, or to 50 with a power."""
    words = [between] * 11
    words[0], words[4], words[10] = leaving, outdoor, room
    words += [power] if power else []
    return f"04 {2 * len(words):02X} {' '.join(words)}"


JUDGED = ("04 0027 000B", block())


async def doing(script, act, **options):
    bench = Bench("daikin_home_hub")
    async with script.playing(), bench.open(script.address, **options) as pump:
        return await act(pump)


@pytest.mark.parametrize(
    ("demand", "options", "mode", "named"),
    [
        (Demand.REDUCE, {}, "0001", "forced off"),
        (Demand.BOOST, {}, "0002", "recommended on"),
        (Demand.BOOST, {"boost": "forced"}, "0003", "forced on"),
    ],
)
def test_a_demand_is_one_write_and_a_read_back(demand, options, mode, named):
    script = numbered(
        JUDGED,
        ("03 0037 0001", "03 02 0000"),
        (f"06 0037 {mode}", f"06 0037 {mode}"),
        ("03 0037 0001", f"03 02 {mode}"),
    )
    answer = run(doing(script, lambda pump: pump.shift_demand(demand), **options))
    assert (answer.accepted, named in answer.detail) == (True, True)


def test_a_limit_is_rounded_down_and_lifting_it_puts_back_what_was_there():
    script = numbered(
        JUDGED,
        ("03 0039 0001", "03 02 0384"),  # 9 kW, as the installer left it
        ("03 0039 0001", "03 02 0384"),
        ("06 0039 007B", "06 0039 007B"),  # 1,239 W becomes 1,230 W
        ("03 0039 0001", "03 02 007B"),
        ("03 0039 0001", "03 02 007B"),
        ("03 0039 0001", "03 02 007B"),
        ("06 0039 0384", "06 0039 0384"),
        ("03 0039 0001", "03 02 0384"),
    )

    async def act(pump):
        return [await pump.limit_power_w(1239.0), await pump.limit_power_w(None)]

    limited, lifted = run(doing(script, act))
    assert (limited.accepted, limited.detail) == (
        True,
        "57 = 123 (1230 W), read back",
    )
    assert (lifted.accepted, lifted.detail) == (True, "57 = 900 (9000 W), read back")


@pytest.mark.parametrize("limit_w", [-1.0, 20_001.0, float("inf"), float("nan")])
def test_a_limit_out_of_range_is_refused_without_a_frame(limit_w):
    answer = run(doing(numbered(), lambda pump: pump.limit_power_w(limit_w)))
    assert not answer.accepted
    assert "0 to 20000 W" in answer.detail


def test_what_cannot_stand_in_a_limit_is_another_map():
    script = numbered(JUDGED, ("03 0039 0001", "03 02 07D1"))
    with pytest.raises(LinkError, match=r"register 57 gives 20010 W.*does not fit"):
        run(doing(script, lambda pump: pump.limit_power_w(1000.0)))


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        ({"outdoor": "1389"}, "outdoor temperature of 50.01"),
        ({"leaving": "8000"}, "nan °C for supply_c"),
        ({"room": "00C5"}, "1.97 °C for indoor_c"),  # a power in the room's place
    ],
)
def test_another_map_is_refused_before_anything_is_written(words, fact):
    script = numbered((JUDGED[0], block(**words)))
    with pytest.raises(LinkError, match=f"{fact}.*does not fit"):
        run(doing(script, lambda pump: pump.shift_demand(Demand.REDUCE)))


def test_a_house_without_a_room_sensor_is_not_another_map():
    async def trial():
        async with both(Bench("daikin_home_hub"), has_room_sensor=False) as (_, pump):
            await pump.ready()
            return {each.quantity: each.value for each in await pump.poll()}

    readings = run(trial())
    assert readings["indoor_c"] != readings["indoor_c"]  # nan: missing is missing
    assert readings["power_w"] > 1900.0


def test_poll_is_two_requests():
    script = numbered(
        ("03 0037 0001", "03 02 0002"),
        ("04 0027 000C", block(power="00EA")),
    )
    readings = run(doing(script, lambda pump: pump.poll()))
    assert {each.quantity: each.value for each in readings} == {
        "power_w": pytest.approx(2340.0),
        "indoor_c": 20.5,
        "outdoor_c": 2.0,
        "supply_c": 39.17,
        "hot_water_c": pytest.approx(float("nan"), nan_ok=True),
        "smart_grid_mode": 2.0,
    }


def test_the_emulator_answers_literal_requests():
    async def trial():
        bench = Bench("daikin_home_hub")
        async with bench.emulate(outdoor_c=-5.0) as emulator:
            return await ask_pdus(
                emulator.address,
                "04 002B 0001",
                "03 0037 0003",
                "06 0037 0004",
                "06 0039 07D1",
                "10 0037 0003 06 0001 07D0 0064",
                "03 0037 0003",
            )

    assert run(trial()) == [
        "0402fe0c",
        "0306000007d007d0",
        "8603",
        "8603",
        "1000370003",
        "0306000107d00064",
    ]


def test_power_stays_below_the_limit_and_the_limit_can_be_lifted():
    async def trial():
        bench, seen = Bench("daikin_home_hub"), []
        async with both(bench) as (_, pump):
            await pump.ready()
            for limit_w in (1200.0, 300.0, None):
                assert (await pump.limit_power_w(limit_w)).accepted
                await bench.wait(900.0)
                seen.append(bench.power_w())
        return seen

    below, off, free = run(trial())
    assert 1100.0 < below <= 1210.0
    assert off == 20.0  # below its least power it can only rest
    assert free > 1900.0


def test_a_boost_keeps_below_the_limit_for_boosts():
    async def trial():
        bench = Bench("daikin_home_hub")
        async with both(bench) as (emulator, pump):
            await ask_pdus(emulator.address, "06 0038 00D2")  # 2.1 kW
            await pump.shift_demand(Demand.BOOST)
            await bench.wait(600.0)
            return bench.power_w()

    assert 2050.0 < run(trial()) < 2115.0


def test_make_safe_frees_the_machine_and_restores_the_limit_and_can_be_repeated():
    async def trial():
        bench = Bench("daikin_home_hub")
        async with both(bench, start_limit_w=9000.0) as (emulator, pump):
            await pump.shift_demand(Demand.REDUCE)
            await pump.limit_power_w(1000.0)
            await pump.make_safe()
            frames = len(bench.wire)
            await pump.make_safe()
            left = await ask_pdus(emulator.address, "03 0037 0003")
            return left, bench.written(since=frames)

    assert run(trial()) == (["0306000007d00384"], [])
