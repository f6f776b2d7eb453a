"""NIBE S-series: literal frames, the driver's manners, and the emulator's registers.

Frames are written by hand from

- MODBUS Messaging on TCP/IP V1.0b, 3.1.3: transaction (2 bytes), protocol 0000,
  length (2), unit (1), then the PDU;
- MODBUS Application Protocol V1.1b3: 6.4 read input registers (``04``), 6.3 read
  holding registers (``03``), 6.6 write single register (``06``), 7 exceptions;
- the addresses of NIBE's lists, less 30001 or 40001: 30002 is ``0001``, 30027 is
  ``001A``, 31912 is ``0777``, 32167 is ``0876``, 43033 is ``0BD8``, 46009 is ``1778``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.heat_pump import nibe_s
from devices.heat_pump import nibe_s_map as reg
from devices.heat_pump.nibe_s import DRIVER
from devices.heat_pump.register_map import decode, encode
from harness.core.capabilities import Demand, Device, Polled, ShiftsDemand
from harness.core.errors import BenchError, LinkError
from tests.devices.heat_pump_bench import WHERE, Bench, Script, ask, both, run

TRANSCRIPTS_OF = ("heat_pump/nibe_s",)

OUTDOOR = ("0001 0000 0006 01 04 0001 0001", "0001 0000 0005 01 04 02 0014")
"""2.0 °C from input register 1."""


# --- transcripts


def test_poll_asks_these_bytes_and_reads_these_values():
    script = Script(
        OUTDOOR,
        # Power: two registers, low word first: 07D0 0000 is 2000 W.
        ("0002 0000 0006 01 04 0876 0002", "0002 0000 0007 01 04 04 07D0 0000"),
        ("0003 0000 0006 01 04 001A 0001", "0003 0000 0005 01 04 02 00CD"),
        ("0004 0000 0006 01 04 0777 0001", "0004 0000 0005 01 04 02 0014"),
        # Below zero: FFCE is -50, so -5.0 °C.
        ("0005 0000 0006 01 04 0001 0001", "0005 0000 0005 01 04 02 FFCE"),
        ("0006 0000 0006 01 04 0005 0001", "0006 0000 0005 01 04 02 0187"),
        # Application Protocol V1.1b3, 6.4, its own example: 04 0008 0001, 04 02 000A.
        ("0007 0000 0006 01 04 0008 0001", "0007 0000 0005 01 04 02 000A"),
        ("0008 0000 0006 01 04 05FA 0001", "0008 0000 0005 01 04 02 0007"),
    )

    async def trial():
        bench = Bench()
        async with script.playing(), bench.open(script.address) as pump:
            await pump.ready()
            return pump.quantities, await pump.poll()

    quantities, readings = run(trial())
    assert {each.quantity: each.value for each in readings} == {
        "power_w": 2000.0,
        "indoor_c": 20.5,
        "sg_ready_mode": 20.0,
        "outdoor_c": -5.0,
        "supply_c": 39.1,
        "hot_water_c": 1.0,
        "time_to_start_min": 7.0,
    }
    assert set(quantities) == {each.quantity for each in readings}


REQUEST = {Demand.REDUCE: "0000", Demand.BOOST: "0003"}


@pytest.mark.parametrize("demand", REQUEST)
def test_a_request_enables_sg_ready_then_writes_and_reads_back(demand):
    asked = shift_transcript(REQUEST[demand])
    answer = run(shifted(asked, demand))
    assert answer.accepted
    number = reg.REQUESTS[demand]
    assert answer.detail == f"6008 = {number} ({demand}), read back"


def shift_transcript(request):
    return Script(
        OUTDOOR,
        ("0002 0000 0006 01 03 0BD8 0001", "0002 0000 0005 01 03 02 0000"),
        ("0003 0000 0006 01 06 0BD8 0001", "0003 0000 0006 01 06 0BD8 0001"),
        ("0004 0000 0006 01 03 0BD8 0001", "0004 0000 0005 01 03 02 0001"),
        ("0005 0000 0006 01 03 1778 0001", "0005 0000 0005 01 03 02 0001"),
        (
            f"0006 0000 0006 01 06 1778 {request}",
            f"0006 0000 0006 01 06 1778 {request}",
        ),
        ("0007 0000 0006 01 03 1778 0001", f"0007 0000 0005 01 03 02 {request}"),
    )


async def shifted(script, demand):
    bench = Bench()
    async with script.playing(), bench.open(script.address) as pump:
        return await pump.shift_demand(demand)


def test_nothing_is_written_that_is_there_already():
    script = Script(
        OUTDOOR,
        ("0002 0000 0006 01 03 0BD8 0001", "0002 0000 0005 01 03 02 0001"),
        ("0003 0000 0006 01 03 1778 0001", "0003 0000 0005 01 03 02 0001"),
    )
    assert run(shifted(script, Demand.NORMAL)).accepted


def test_a_value_that_did_not_stick_is_no_acceptance():
    script = shift_transcript("0000")
    script.left[-1] = (script.left[-1][0], "000700000005010302" + "0001")
    answer = run(shifted(script, Demand.REDUCE))
    assert not answer.accepted
    assert answer.detail == "6008 = 1 (normal), read back"


def test_sg_ready_that_cannot_be_enabled_is_no_acceptance_and_6008_is_left_alone():
    script = Script(
        OUTDOOR,
        ("0002 0000 0006 01 03 0BD8 0001", "0002 0000 0005 01 03 02 0000"),
        ("0003 0000 0006 01 06 0BD8 0001", "0003 0000 0006 01 06 0BD8 0001"),
        ("0004 0000 0006 01 03 0BD8 0001", "0004 0000 0005 01 03 02 0000"),
    )
    answer = run(shifted(script, Demand.REDUCE))
    assert not answer.accepted
    assert "SG Ready via API off" in answer.detail


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("FE6F", "-40.1"), ("01F5", "50.1"), ("8000", "-3276.8"), ("0876", "216.6")],
)
def test_an_impossible_outdoor_temperature_stops_every_write(raw, shown):
    script = Script((OUTDOOR[0], f"0001 0000 0005 01 04 02 {raw}"))
    with pytest.raises(LinkError) as raised:
        run(shifted(script, Demand.REDUCE))
    assert f"outdoor temperature of {shown} °C" in str(raised.value)
    assert "register map does not fit" in str(raised.value)


@pytest.mark.parametrize("raw", ["FE70", "01F4"])
def test_the_coldest_and_hottest_plausible_days_pass(raw):
    async def trial():
        script = Script((OUTDOOR[0], f"0001 0000 0005 01 04 02 {raw}"))
        async with script.playing(), Bench().open(script.address) as pump:
            await pump.ready()

    run(trial())


def test_a_model_without_the_power_register_is_named_as_such():
    refusal = ("0002 0000 0006 01 04 0876 0002", "0002 0000 0003 01 84 02")
    script = Script(OUTDOOR, refusal)

    async def trial():
        async with script.playing(), Bench().open(script.address) as pump:
            await pump.ready()
            await pump.poll()

    with pytest.raises(LinkError, match="register 2166 refused: exception 2"):
        run(trial())


SWAPPED = {
    "enable and request": ("SG_ENABLE", "SG_REQUEST"),
    "request and its neighbour in the list": ("SG_REQUEST", "AUX_FROM_MODBUS"),
    "outdoor and supply": ("OUTDOOR", "SUPPLY"),
}


@pytest.mark.parametrize("pair", SWAPPED.values(), ids=SWAPPED.keys())
def test_two_swapped_registers_turn_a_transcript_red(monkeypatch, pair):
    first, second = (getattr(reg, name) for name in pair)
    monkeypatch.setattr(reg, pair[0], replace(first, address=second.address))
    monkeypatch.setattr(reg, pair[1], replace(second, address=first.address))
    known = replace(reg.KNOWN[0], register=reg.OUTDOOR)
    monkeypatch.setattr(reg, "KNOWN", (known,))
    with pytest.raises((AssertionError, LinkError)):
        run(shifted(shift_transcript("0000"), Demand.REDUCE))


def test_swapped_measurements_turn_a_transcript_red(monkeypatch):
    power = replace(reg.POWER, address=reg.CONSUMPTION.address)
    monkeypatch.setattr(nibe_s, "EVERY_POLL", (power, *nibe_s.EVERY_POLL[1:]))
    with pytest.raises((AssertionError, LinkError)):
        test_poll_asks_these_bytes_and_reads_these_values()


# --- the map


def test_wire_addresses_are_those_of_the_lists_less_their_base():
    assert {each.name: (reg.BASE.document(each), each.address) for each in reg.MAP} == {
        "outdoor_c": (30002, 1),
        "supply_c": (30006, 5),
        "hot_water_c": (30009, 8),
        "indoor_c": (30027, 26),
        "time_to_start_min": (31531, 1530),
        "sg_ready_mode": (31912, 1911),
        "power_w": (32167, 2166),
        "energy_import_kwh": (33824, 3823),
        "aux_power_limit": (42742, 2741),
        "sg_ready_via_api": (43033, 3032),
        "sg_ready_request": (46009, 6008),
    }


def test_two_registers_are_read_low_word_first():
    # nibe issue 314, from a pump: 205 arrives as [205, 0]; high first is 13434880.
    assert decode(reg.POWER, [205, 0]) == 205.0
    assert decode(reg.POWER, [0, 205]) == 13434880.0


@pytest.mark.parametrize("register", reg.MAP, ids=lambda each: each.name)
def test_a_value_survives_encoding(register):
    for raw in (0, 1, 127, 255):
        value = raw / register.divisor
        assert decode(register, encode(register, value)) == value


def test_a_value_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit sg_ready_mode"):
        encode(reg.SG_MODE, 256)


# --- the emulator, by hand-written requests


def emulator_answers(*frames, **options):
    async def trial():
        bench = Bench()
        async with bench.emulate(**options) as emulator:
            return await ask(emulator.address, *frames)

    return run(trial())


def test_the_emulator_answers_literal_requests():
    assert emulator_answers(
        "0001 0000 0006 01 04 0001 0001",
        "0002 0000 0006 01 04 001A 0001",
        "0003 0000 0006 01 04 0777 0001",
        "0004 0000 0006 01 03 0BD8 0001",
        "0005 0000 0006 01 03 1778 0001",
    ) == [
        "000100000005010402" + "0014",
        "000200000005010402" + "00cd",
        "000300000005010402" + "000a",
        "000400000005010302" + "0000",
        "000500000005010302" + "0001",
    ]


def test_the_emulator_gives_power_low_word_first():
    (reply,) = emulator_answers("0001 0000 0006 01 04 0876 0002")
    low, high = int(reply[18:22], 16), int(reply[22:26], 16)
    assert high == 0
    assert 1900 <= low <= 2050


@pytest.mark.parametrize(
    ("request_pdu", "reply_pdu"),
    [
        ("04 0002 0001", "8402"),  # an input register that is not in the map
        ("04 0876 0001", "8402"),  # half of a value
        ("03 0001 0001", "8302"),  # an input register asked for as a holding one
        ("06 1778 0004", "8603"),  # 0 to 3 only
        ("06 0BD8 0002", "8603"),
        ("06 0001 0000", "8602"),
        ("10 1778 0001 02 0000", "1017780001"),  # function 16 works as well
    ],
)
def test_the_emulator_refuses_as_the_protocol_says(request_pdu, reply_pdu):
    pdu = request_pdu.replace(" ", "")
    (reply,) = emulator_answers(f"0001 0000 {1 + len(pdu) // 2:04x} 01 {pdu}")
    assert reply[14:] == reply_pdu


def test_a_request_without_sg_ready_enabled_is_held_but_not_obeyed():
    async def trial():
        bench = Bench()
        async with bench.emulate() as emulator:
            await ask(emulator.address, "0001 0000 0006 01 06 1778 0000")
            await bench.clock.until(300.0)
            unmoved_w = bench.power_w()
            mode, *_ = await ask(
                emulator.address,
                "0002 0000 0006 01 04 0777 0001",
                "0003 0000 0006 01 06 0BD8 0001",
            )
            await bench.clock.until(600.0)
            return unmoved_w, mode[-4:], bench.power_w()

    unmoved_w, mode, reduced_w = run(trial())
    assert unmoved_w > 1900.0
    assert mode == "000a"
    assert reduced_w < 600.0


# --- driver and emulator together


def test_the_driver_reduces_boosts_and_releases_a_heat_pump():
    async def trial():
        bench, seen = Bench(), {}
        async with both(bench) as (_, pump):
            await pump.ready()
            for at_s, demand in ((0.0, Demand.REDUCE), (1800.0, Demand.BOOST)):
                await bench.clock.until(at_s)
                assert (await pump.shift_demand(demand)).accepted
                await bench.clock.until(at_s + 300.0)
                readings = {each.quantity: each.value for each in await pump.poll()}
                seen[demand] = (bench.power_w(), readings)
        return seen

    seen = run(trial())
    for demand, (true_w, readings) in seen.items():
        assert readings["power_w"] == pytest.approx(true_w, abs=1.0)
        assert (
            readings["sg_ready_mode"] == {Demand.REDUCE: 20, Demand.BOOST: 40}[demand]
        )
    assert seen[Demand.REDUCE][0] <= 600.0
    assert seen[Demand.BOOST][0] >= 2400.0


def test_make_safe_releases_and_leaves_sg_ready_as_found_and_can_be_repeated():
    async def trial():
        bench = Bench()
        async with both(bench) as (emulator, pump):
            await pump.shift_demand(Demand.REDUCE)
            await pump.make_safe()
            held = [
                *emulator.bank.read_holding(6008, 1),
                *emulator.bank.read_holding(3032, 1),
            ]
            frames = len(bench.wire)
            await pump.make_safe()
            again = [frame for sent, frame in bench.wire[frames:] if sent]
            await bench.clock.until(600.0)
            return held, again, bench.power_w()

    held, again, power_w = run(trial())
    assert held == [1, 0]
    assert not [frame for frame in again if frame[14:16] == "06"]
    assert power_w > 1900.0


def test_make_safe_works_for_a_driver_that_never_asked_for_anything():
    async def trial():
        bench = Bench()
        async with bench.emulate(start_sg_ready_via_api=True) as emulator:
            emulator.bank.write_holding(6008, [0])
            async with bench.open(emulator.address) as rescuer:
                await rescuer.make_safe()
            return emulator.bank.read_holding(6008, 1), emulator.bank.read_holding(
                3032, 1
            )

    assert run(trial()) == ([1], [1])


@pytest.mark.parametrize(("pause_s", "refused"), [(59.0, True), (60.0, False)])
def test_a_heat_pump_is_not_sent_back_and_forth(pause_s, refused):
    async def trial():
        bench = Bench()
        async with both(bench) as (_, pump):
            await bench.clock.until(0.0)
            await pump.shift_demand(Demand.REDUCE)
            await bench.clock.until(pause_s)
            await pump.shift_demand(Demand.NORMAL)

    if refused:
        with pytest.raises(BenchError, match="left 60 s in each mode"):
            run(trial())
    else:
        run(trial())


def test_asking_again_for_the_same_is_allowed_and_wears_nothing():
    async def trial():
        bench = Bench()
        async with both(bench) as (_, pump):
            await pump.shift_demand(Demand.REDUCE)
            frames = len(bench.wire)
            assert (await pump.shift_demand(Demand.REDUCE)).accepted
            return [frame for sent, frame in bench.wire[frames:] if sent]

    assert not [frame for frame in run(trial()) if frame[14:16] == "06"]


@pytest.mark.parametrize(("gain", "shown"), [(0.0, 1.0), (-5.0, 0.95)])
def test_its_own_reading_can_flatter_it(gain, shown):
    async def trial():
        bench = Bench()
        async with both(bench, register_gain_percent=gain) as (_, pump):
            await pump.ready()
            own_w = next(each.value for each in await pump.poll())
            return own_w / bench.power_w()

    assert run(trial()) == pytest.approx(shown, abs=0.001)


def test_one_that_ignores_is_accepted_and_not_delivered():
    async def trial():
        bench = Bench()
        async with both(bench, ignores_instructions=True) as (_, pump):
            answer = await pump.shift_demand(Demand.REDUCE)
            await bench.clock.until(600.0)
            return answer, bench.power_w()

    answer, power_w = run(trial())
    assert answer.accepted
    assert power_w > 1900.0


def test_an_occupant_can_overrule_and_give_way_again():
    async def trial():
        bench, seen = Bench(), []
        async with both(bench) as (emulator, pump):
            await pump.shift_demand(Demand.REDUCE)
            for action in ("turn the thermostat up", "turn the thermostat down"):
                await bench.clock.until(bench.clock.now_s() + 600.0)
                emulator.operate(action)
                await bench.clock.until(bench.clock.now_s() + 300.0)
                seen.append(bench.power_w())
            with pytest.raises(ValueError, match="can: turn the thermostat up, turn"):
                emulator.operate("unplug")
        return seen

    overruled_w, given_way_w = run(trial())
    assert overruled_w > 2400.0
    assert given_way_w < 600.0


def test_a_wrong_unit_and_a_dead_socket_are_said_in_bounded_time():
    async def trial():
        bench, facts = Bench(), []
        async with bench.emulate(unit=3) as emulator:
            wrong = emulator.address.replace("/3", "/9")
            async with bench.open(wrong) as pump:
                with pytest.raises(LinkError) as raised:
                    await pump.ready()
                facts.append(str(raised.value))
        async with bench.open(emulator.address) as pump:
            with pytest.raises(LinkError) as raised:
                await pump.ready()
            facts.append(str(raised.value))
        return facts, bench.clock.now_s()

    facts, now_s = run(trial())
    assert all(fact.startswith(WHERE) for fact in facts)
    assert "nobody listens" in facts[1]
    assert now_s < 0.0  # ten seconds of lead, not used up


def test_the_same_seed_gives_the_same_frames():
    async def trial():
        bench = Bench(seed=7)
        async with both(bench) as (_, pump):
            await pump.ready()
            await pump.shift_demand(Demand.REDUCE)
            for at_s in range(0, 600, 10):
                await bench.clock.until(float(at_s))
                await pump.poll()
        return bench.wire

    assert run(trial()) == run(trial())


def test_the_driver_offers_what_it_declares():
    async def trial():
        async with Bench().open("modbus://127.0.0.1:1/1") as pump:
            identity = await pump.identify()
            return identity, [isinstance(pump, each) for each in DRIVER.capabilities]

    identity, offered = run(trial())
    assert (identity.maker, identity.serial) == ("NIBE", "not read")
    assert all(offered)
    assert DRIVER.capabilities == (Device, Polled, ShiftsDemand)
    assert DRIVER.name == "heat_pump/nibe_s"
