"""A SunSpec battery: literal frames, the driver's manners, and both sides together.

Frames are worked out by hand from MODBUS Application Protocol V1.1b3 (6.3 read holding
registers ``03``, 6.12 write multiple registers ``10``) behind the header of Messaging
on TCP/IP V1.0b, and from the SunSpec model definitions: "SunS" at 40000 (``9C40``),
model 701 is ``02BD`` with 153 registers (``99``), 702 is ``02BE`` (``32``), 704 is
``02C0`` (``41``), 713 is ``02C9`` (``7``). In model 704, offsets from its number:
WSetEna 22, WSetMod 23, WSet 24 (signed, 32 bits, fed in is positive), WSetEnaRvrt 30,
WSetRvrtTms 31, WSet_SF 55.
"""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

from devices.battery import sunspec, v2g_sunspec
from devices.links.modbus_server import serve_tcp
from devices.meter import sdm630
from harness.core.bench import EmulatorContext
from harness.core.capabilities import Device, Polled, SetsPower, SetsReactivePower
from harness.core.circuit import FixedLoad, ReactiveLoad
from harness.core.errors import BenchError, LinkError, RefusedError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.modbus_bench import Script, scripted
from tests.devices.sunspec_bench import WHERE, Bench, HandMade, run, values

TRANSCRIPTS_OF = ("battery/sunspec", "battery/v2g_sunspec")

DRIVER, V2G = sunspec.DRIVER, v2g_sunspec.DRIVER

# --- transcripts


def registers(count, **placed):
    """Registers of nothing but FFFF, with hex placed at offsets: ``at10="F448"``."""
    words = ["FFFF"] * count
    for name, text in placed.items():
        at = int(name.removeprefix("at"))
        for offset in range(0, len(text), 4):
            words[at + offset // 4] = text[offset : offset + 4]
    return "".join(words)


def text(what, size):
    return what.encode().hex().ljust(4 * size, "0")


COMMON = text("Maker", 16) + text("Storer 5", 16) + text("", 8)
COMMON += text("1.2", 8) + text("S-1", 16)
RATINGS = registers(
    47,
    at0="1388",  # WMaxRtg 5000
    at6="0BB8",  # VarMaxInjRtg 3000
    at7="0BB8",  # VarMaxAbsRtg 3000
    at8="0FA0",  # WChaRteMaxRtg 4000
    at9="1388",  # WDisChaRteMaxRtg 5000
    at43="0000",  # W_SF
    at46="0000",  # Var_SF
)
MEASURED = registers(
    117,
    at0="0003",  # InvSt RUNNING
    at1="0001",  # ConnSt CONNECTED
    at6="FF6A",  # W -150: charging
    at8="0064",  # Var 100: injected
    at12="08FE",  # LNV 2302
    at13="00001387",  # Hz 4999
    at15="0000000000010000",  # TotWhInj 65536
    at19="00000000000003E8",  # TotWhAbs 1000
    at110="FFFF",  # V_SF -1
    at111="FFFE",  # Hz_SF -2
    at112="0001",  # W_SF 1
    at115="0000",  # Var_SF
    at116="0000",  # TotWh_SF
)
SOC = "01F7 FFFF 0000 0000 FFFF"  # 503 at a scale of -1, offsets 4 to 8 of model 713

IDENTIFY = ("9C44 0040", COMMON)
RATE = ("9D23 002F", RATINGS)
MEASURE = ("9C8A 0075", MEASURED)
WALK = [
    ("9C40 0002", "53756E53"),
    ("9C42 0002", "00010042"),
    ("9C86 0002", "02BD0099"),
    ("9D21 0002", "02BE0032"),
    ("9D55 0002", "02C00041"),
    ("9D98 0002", "02C90007"),
    ("9DA1 0002", "FFFF0000"),
]
READY = [*WALK, IDENTIFY, RATE, MEASURE]


class Dialogue:
    """Reads (place and count, registers) and writes (place, count, bytes) in order."""

    def __init__(self, *steps):
        exchanges = []
        for number, (asked, answer) in enumerate(steps, 1):
            asked, answer = asked.replace(" ", ""), answer.replace(" ", "")
            if answer == "written":
                sent, body = f"0110{asked}", f"0110{asked[:8]}"
            elif answer.startswith("refused"):
                sent, body = f"0110{asked}", f"0190{answer[-2:]}"
            else:
                size = f"{len(answer) // 2:02X}"
                sent, body = f"0103{asked}", f"0103{size}{answer}"
            exchanges.append((framed(number, sent), framed(number, body)))
        self.script = Script(*exchanges)


def framed(number, body):
    return f"{number:04X}0000{len(body) // 2:04X}{body}"


def played(dialogue, act, **options):
    async def trial():
        async with scripted(dialogue.script) as port:
            bench = Bench()
            address = f"modbus://127.0.0.1:{port}/1"
            async with bench.open(DRIVER, address, **options) as battery:
                await battery.ready()
                return await act(battery)

    result = run(trial())
    assert dialogue.script.heard == dialogue.script.expected
    return result


def test_ready_walks_the_map_and_poll_reads_these_values():
    dialogue = Dialogue(*READY, MEASURE, ("9D9C 0005", SOC), MEASURE)

    async def act(battery):
        return await values(battery), await values(battery), battery.quantities

    first, second, quantities = played(dialogue, act)
    assert first == pytest.approx(
        {
            "power_w": 1500.0,  # W is -150 at a scale of 1, fed in; so it is taken
            "reactive_var": -100.0,
            "voltage_v": 230.2,
            "frequency_hz": 49.99,
            "energy_import_wh": 1000.0,
            "energy_export_wh": 65_536.0,
            "soc_percent": 50.3,
        }
    )
    assert set(quantities) == set(first)
    assert set(second) == set(first) - {"soc_percent"}


def test_identity_comes_from_model_1():
    identity = played(Dialogue(*READY, IDENTIFY), lambda battery: battery.identify())
    assert (identity.maker, identity.model) == ("Maker", "Storer 5")
    assert (identity.serial, identity.firmware) == ("S-1", "1.2")


def setting(wset):
    """The write of a setpoint after the check of the device, and its read-back."""
    held = registers(
        34, at0="0001", at1="0001", at2=wset, at8="0000", at9="0000003C", at33="0000"
    )
    return [
        IDENTIFY,
        RATE,
        ("9D73 0003 06 0000 0000003C", "written"),  # not enabled after 60 s
        ("9D8C 0001", "0000"),  # WSet_SF
        (f"9D6C 0003 06 0001 {wset}", "written"),  # watts, this many
        ("9D6B 0001 02 0001", "written"),  # enabled
        ("9D6B 0022", held),
    ]


@pytest.mark.parametrize(
    ("power_w", "wset"), [(-3000.0, "00000BB8"), (3000.0, "FFFFF448")]
)
def test_a_setpoint_is_these_bytes_and_fed_in_is_positive_on_the_wire(power_w, wset):
    answer = played(
        Dialogue(*READY, *setting(wset)), lambda battery: battery.set_power_w(power_w)
    )
    assert answer.accepted
    assert f"WSet = {-power_w:g}, WSetEna = 1" in answer.detail


def test_letting_go_is_these_bytes():
    dialogue = Dialogue(
        *READY,
        IDENTIFY,
        RATE,
        ("9D6B 0001", "0001"),
        ("9D6B 0001 02 0000", "written"),
        ("9D6B 0001", "0000"),
    )
    answer = played(dialogue, lambda battery: battery.set_power_w(None))
    assert answer.accepted
    assert answer.detail == "WSetEna = 0, read back"


def test_a_setpoint_that_did_not_stick_is_no_acceptance_and_is_taken_back():
    steps = setting("00000BB8")
    steps[-1] = (steps[-1][0], steps[-1][1].replace("00000BB8", "00000BB7"))
    dialogue = Dialogue(*READY, *steps, ("9D6B 0001 02 0000", "written"))
    answer = played(dialogue, lambda battery: battery.set_power_w(-3000.0))
    assert not answer.accepted
    assert "WSet = 2999" in answer.detail


def test_another_device_at_the_address_is_never_written_to():
    other = COMMON.replace(b"S-1".hex(), b"S-2".hex())
    dialogue = Dialogue(*READY, ("9C44 0040", other), RATE)

    async def act(battery):
        with pytest.raises(LinkError, match=r"was .* S-1 .* and is now .* S-2"):
            await battery.set_power_w(-3000.0)

    played(dialogue, act)


def test_a_device_that_refuses_says_no_in_one_sentence():
    steps = [*setting("00000BB8")[:2], ("9D73 0003 06 0000 0000003C", "refused 03")]

    async def act(battery):
        with pytest.raises(RefusedError, match=r"register 40307 refused: exception 3"):
            await battery.set_power_w(-3000.0)

    played(Dialogue(*READY, *steps), act)


def test_a_frequency_that_is_none_is_an_error_and_not_a_number():
    swapped = MEASURED.replace("00001387", "13870000")

    async def act(battery):
        with pytest.raises(LinkError, match="cannot be trusted"):
            await battery.poll()

    played(Dialogue(*READY, ("9C8A 0075", swapped)), act)


@pytest.mark.parametrize(
    ("at", "what"),
    [(6, "power_w"), (8, "reactive_var"), (15, "energy_export_wh")],
)
def test_what_is_not_implemented_is_left_out_or_an_error_never_a_number(at, what):
    size = 4 if what.startswith("energy") else 1
    nothing = {1: "8000", 4: "FFFF" * 4}[size]
    start = 4 * at
    lacking = MEASURED[:start] + nothing + MEASURED[start + len(nothing) :]

    async def act(battery):
        if what == "power_w":
            with pytest.raises(LinkError, match="does not implement W"):
                await battery.poll()
        else:
            assert what not in await values(battery)

    end = [] if what == "power_w" else [("9D9C 0005", SOC)]
    played(Dialogue(*READY, ("9C8A 0075", lacking), *end), act)


@pytest.mark.parametrize(
    ("registers_", "fact"),
    [
        (HandMade(), "no SunSpec map"),
        (HandMade().put(40000, "5375 6E53 FFFF 0000"), "has no SunSpec model 701"),
    ],
)
def test_what_is_no_battery_is_refused_before_the_trial(registers_, fact):
    async def trial():
        bench = Bench()
        async with (
            serve_tcp(registers_, unit=1) as address,
            bench.open(DRIVER, address) as battery,
        ):
            with pytest.raises(LinkError, match=fact):
                await battery.ready()

    run(trial())


# --- both sides


def test_the_driver_says_what_it_can():
    for driver in (DRIVER, V2G):
        assert driver.capabilities == (Device, Polled, SetsPower, SetsReactivePower)
    assert DRIVER.operations == ()
    assert V2G.operations == ("unplug", "plug in")


def test_it_is_what_it_claims_to_be():
    async def trial():
        bench = Bench()
        async with bench.both(DRIVER) as (emulator, battery):
            assert all(isinstance(battery, each) for each in DRIVER.capabilities)
            assert isinstance(emulator, Breakable)
            assert emulator.breaks == DRIVER.faults
            assert isinstance(emulator.battery, ReactiveLoad)
            assert set(await values(battery)) == set(battery.quantities)

    run(trial())


def test_a_setpoint_is_reached_at_the_configured_ramp_and_seen_at_the_boundary():
    async def trial():
        bench = Bench()
        bench.circuit.attach("base", FixedLoad(400.0))
        rng_context = EmulatorContext(
            WHERE, "meter", bench.clock, np.random.default_rng(7),
            bench.circuit, ("*",),
        )  # fmt: skip
        meter_options = sdm630.DRIVER.emulator_options()
        async with (
            bench.both(DRIVER, options={"ramp_percent_per_s": 10}) as (_, battery),
            sdm630.DRIVER.emulate(rng_context, meter_options) as metered,
            bench.open(sdm630.DRIVER, metered.address) as meter,
        ):
            assert (await battery.set_power_w(-3000.0)).accepted
            await asyncio.sleep(3.5)
            # 10 % of 5 kW in each second: on its way, not there.
            assert -2000 < bench.power_w() < -1000
            await asyncio.sleep(6.5)
            assert bench.power_w() == pytest.approx(-3000, abs=15)
            assert (await values(meter))["power_w"] == pytest.approx(-2600, abs=20)
            assert (await values(battery))["power_w"] == pytest.approx(-3000, abs=15)
            await battery.make_safe()
            await asyncio.sleep(10.0)
            assert bench.power_w() == 12.0

    run(trial())


def test_ramp_and_reserve_are_put_back_as_they_were_found():
    async def trial():
        bench = Bench()
        options = {"ramp_percent_per_s": 7, "reserve_soc_percent": 40.0}
        async with bench.both(DRIVER, options=options) as (_, battery):
            link = battery._inverter.link
            await battery.set_power_w(1000.0)
            during = [
                await link.number(704, "WRmp"),
                await link.number(802, "SoCRsvMin"),
            ]
            await battery.make_safe()
            await battery.make_safe()
            after = [
                await link.number(704, "WRmp"),
                await link.number(802, "SoCRsvMin"),
            ]
        return during, after

    assert run(trial()) == ([7, 40.0], [20, 5.0])


def test_a_setpoint_holds_for_an_hour_and_lapses_when_the_harness_is_gone():
    async def trial():
        bench = Bench()
        async with bench.emulate(DRIVER) as emulator:
            async with bench.open(DRIVER, emulator.address) as battery:
                await battery.set_power_w(-1000.0)
                await asyncio.sleep(3600.0)
                assert bench.power_w() == pytest.approx(-1000, abs=15)
                assert bench.told() == []
            # Closed without a word: as if it had died.
            await asyncio.sleep(39.0)
            assert bench.power_w() == pytest.approx(-1000, abs=15)
            await asyncio.sleep(30.0)
            assert bench.power_w() == 12.0

    run(trial())


def test_a_setpoint_ends_where_the_charge_ends():
    async def trial():
        bench = Bench()
        async with bench.both(DRIVER, start_soc_percent=8) as (_, battery):
            await battery.set_power_w(-5000.0)
            await asyncio.sleep(1800.0)
            # 3 % of 10 kWh are gone in minutes; only its own needs are left.
            assert bench.power_w() > -100.0
            battery._polls = 0
            read = await values(battery)
            assert read["soc_percent"] == pytest.approx(5.0, abs=0.5)
            assert await battery._inverter.link.number(701, "InvSt") == 4  # THROTTLED

    run(trial())


def test_reactive_power_is_taken_and_given_within_the_apparent_rating():
    async def trial():
        bench = Bench()
        async with bench.both(DRIVER) as (_, battery):
            assert (await battery.set_reactive_var(2000.0)).accepted
            await asyncio.sleep(20.0)
            assert bench.reactive_var() == pytest.approx(2000.0)
            assert (await values(battery))["reactive_var"] == 2000.0
            await battery.set_reactive_var(-1000.0)
            await asyncio.sleep(20.0)
            assert bench.reactive_var() == pytest.approx(-1000.0)
            await battery.set_reactive_var(None)
            await asyncio.sleep(20.0)
            assert bench.reactive_var() == 0.0

    run(trial())


@pytest.mark.parametrize("power_w", [5001.0, -5001.0, math.nan, math.inf])
def test_a_power_beyond_the_rating_is_refused_before_it_is_written(power_w):
    async def trial():
        bench = Bench()
        async with bench.both(DRIVER) as (_, battery):
            with pytest.raises(BenchError, match=r"its rating is 5000 W\. Try:"):
                await battery.set_power_w(power_w)
            with pytest.raises(BenchError, match="its rating is 3000 var"):
                await battery.set_reactive_var(3001.0)
        return [frame for sent, frame in bench.wire if sent and frame[14:16] == "10"]

    assert run(trial()) == []


def test_a_home_that_looks_after_itself_imports_nothing():
    async def trial():
        bench = Bench()
        bench.circuit.attach("base", FixedLoad(900.0))
        async with bench.both(DRIVER, own_control="self_consumption") as (_, battery):
            await asyncio.sleep(60.0)
            assert bench.circuit.power_w("*", bench.clock.now_s()) == pytest.approx(
                0.0, abs=15
            )
            await battery.set_power_w(0.0)
            await asyncio.sleep(60.0)
            assert bench.power_w() == 12.0
            await battery.set_power_w(None)
            await asyncio.sleep(60.0)
            assert bench.power_w() == pytest.approx(-900.0, abs=15)

    run(trial())


# --- a vehicle


def test_a_vehicle_gives_down_to_its_reserve():
    async def trial():
        bench = Bench()
        async with bench.both(V2G, start_soc_percent=32) as (_, vehicle):
            await vehicle.set_power_w(-7400.0)
            await asyncio.sleep(30.0)
            # Above the reserve of 30 % it gives, less and less as it comes near.
            assert -7400 < bench.power_w() < -3000
            await asyncio.sleep(7200.0)
            assert bench.power_w() > -100.0

    run(trial())


def test_a_vehicle_that_drives_off_is_told_and_cannot_be_instructed():
    async def trial():
        bench = Bench()
        async with bench.both(V2G) as (emulator, vehicle):
            await vehicle.set_power_w(7000.0)
            await asyncio.sleep(20.0)
            emulator.operate("unplug")
            await asyncio.sleep(1.0)
            assert bench.power_w() == 12.0
            vehicle._polls = 0
            assert "soc_percent" not in await values(vehicle)
            refused = await vehicle.set_power_w(7000.0)
            assert not refused.accepted
            assert "DISCONNECTED" in refused.detail
            emulator.operate("plug in")
            assert (await vehicle.set_power_w(7000.0)).accepted
            await asyncio.sleep(20.0)
            assert bench.power_w() == pytest.approx(7000, abs=15)
            with pytest.raises(ValueError, match="can: unplug, plug in"):
                emulator.operate("open the door")

    run(trial())


def test_nobody_unplugs_a_battery_on_a_wall():
    async def trial():
        async with Bench().emulate(DRIVER) as emulator:
            with pytest.raises(ValueError, match="nobody can 'unplug'"):
                emulator.operate("unplug")

    run(trial())


# --- faults: each shows, and lifted it is gone


def faulty(act, **options):
    """A battery told to give 3 kW, and settled."""

    async def trial():
        bench = Bench()
        async with bench.both(DRIVER, **options) as (emulator, battery):
            assert (await battery.set_power_w(-3000.0)).accepted
            await asyncio.sleep(10.0)
            await act(bench, emulator, battery)

    run(trial())


def test_a_fault_that_it_cannot_have_is_refused():
    async def act(bench, emulator, battery):
        with pytest.raises(ValueError, match=r"cannot have .*'is frozen'.*'trips'"):
            emulator.impose(Fault(FaultKind.FROZEN))
        emulator.lift(FaultKind.TRIPS)
        assert bench.power_w() == pytest.approx(-3000, abs=15)

    faulty(act)


@pytest.mark.parametrize(("amount", "code"), [(math.nan, 4), (6.0, 6)])
def test_exception(amount, code):
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.EXCEPTION, amount))
        with pytest.raises(RefusedError, match=f"exception {code}"):
            await battery.poll()
        emulator.lift(FaultKind.EXCEPTION)
        assert "power_w" in await values(battery)

    faulty(act)


def test_stale_values():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.STALE))
        before = await values(battery)
        assert not (await battery.set_power_w(1000.0)).accepted
        await asyncio.sleep(600.0)
        after = await values(battery)
        assert after == {key: before[key] for key in after}
        emulator.lift(FaultKind.STALE)
        assert (await values(battery))["energy_export_wh"] != before["energy_export_wh"]

    faulty(act)


def test_swapped_words():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.WORD_SWAP))
        with pytest.raises(LinkError, match="cannot be trusted"):
            await battery.poll()
        assert not (await battery.set_power_w(-1000.0)).accepted
        emulator.lift(FaultKind.WORD_SWAP)
        assert (await values(battery))["frequency_hz"] == pytest.approx(50, abs=0.1)

    faulty(act)


def test_silence():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.GAP))
        began_s = bench.clock.now_s()
        with pytest.raises(LinkError, match="no reply"):
            await battery.poll()
        assert bench.clock.now_s() - began_s <= 2.01
        emulator.lift(FaultKind.GAP)
        assert "power_w" in await values(battery)

    faulty(act)


def test_a_silent_revert_shows_in_power_and_is_told():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.SILENT_REVERT, 5.0))
        assert (await battery.set_power_w(-2000.0)).accepted
        await asyncio.sleep(20.0)
        assert bench.power_w() == 12.0
        await asyncio.sleep(20.0)
        assert [told for told in bench.told() if "undone unasked" in told] != []
        emulator.lift(FaultKind.SILENT_REVERT)
        assert (await battery.set_power_w(-2000.0)).accepted
        await asyncio.sleep(60.0)
        assert bench.power_w() == pytest.approx(-2000, abs=15)

    faulty(act)


def test_a_lost_watchdog_lets_go_in_spite_of_refreshes_and_is_told():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.LOST_WATCHDOG))
        await asyncio.sleep(70.0)
        assert bench.power_w() == 12.0
        told = " ".join(bench.told())
        assert "its watchdog does not see the refresh" in told
        emulator.lift(FaultKind.LOST_WATCHDOG)
        await battery.set_power_w(-3000.0)
        await asyncio.sleep(200.0)
        assert bench.power_w() == pytest.approx(-3000, abs=15)

    faulty(act)


def test_it_accepts_and_ignores():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.IGNORES))
        assert (await battery.set_power_w(1000.0)).accepted
        await asyncio.sleep(60.0)
        assert bench.power_w() == pytest.approx(-3000, abs=15)
        emulator.lift(FaultKind.IGNORES)
        await asyncio.sleep(20.0)
        assert bench.power_w() == pytest.approx(1000, abs=15)

    faulty(act)


def test_it_ramps_at_a_wrong_pace():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.RAMPS_WRONG, 0.1))
        await battery.set_power_w(-1000.0)
        await asyncio.sleep(10.0)
        assert bench.power_w() < -1500.0  # 100 W in each second, not 1,000
        emulator.lift(FaultKind.RAMPS_WRONG)
        await asyncio.sleep(3.0)
        assert bench.power_w() == pytest.approx(-1000, abs=15)

    faulty(act)


def test_it_trips_until_the_fault_is_lifted():
    async def act(bench, emulator, battery):
        await values(battery)
        emulator.impose(Fault(FaultKind.TRIPS))
        assert bench.power_w() == 0.0
        assert (await values(battery))["power_w"] == 0.0
        assert "InvSt = FAULT" in bench.told()
        assert "ConnSt = DISCONNECTED" in bench.told()
        await asyncio.sleep(60.0)
        assert bench.power_w() == 0.0
        emulator.lift(FaultKind.TRIPS)
        await asyncio.sleep(20.0)
        assert bench.power_w() == pytest.approx(-3000, abs=15)

    faulty(act)


def test_it_reboots_and_remembers_nothing():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.REBOOTS, 45.0))
        await asyncio.sleep(1.0)
        assert bench.power_w() == 0.0
        with pytest.raises(LinkError, match="nobody listens"):
            await battery.poll()
        await asyncio.sleep(60.0)
        assert bench.power_w() == 12.0
        assert "power_w" in await values(battery)
        assert (await battery.set_power_w(-3000.0)).accepted

    faulty(act)


def test_a_reboot_that_is_lifted_is_over():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.REBOOTS, 4500.0))
        await asyncio.sleep(1.0)
        emulator.lift(FaultKind.REBOOTS)
        await asyncio.sleep(1.0)
        assert "power_w" in await values(battery)

    faulty(act)


def test_a_bench_that_is_left_during_a_reboot_is_left_at_once():
    async def act(bench, emulator, battery):
        emulator.impose(Fault(FaultKind.REBOOTS, 45.0))

    faulty(act)


def test_every_fault_has_a_test_of_its_own():
    assert len(DRIVER.faults) == 10


# --- the registers themselves


REFUSED = [
    ("a measurement", 40070 + 10, [1], 2),
    ("half of a setpoint", 40296 + 24, [0], 2),
    ("what is not implemented", 40296 + 14, [1], 2),
    ("an enable that is neither", 40296 + 22, [2], 3),
    ("more than the rating", 40296 + 24, [0, 5001], 3),
    ("no ramp", 40296 + 49, [0], 3),
    ("beyond the map", 50_000, [0], 2),
]


@pytest.mark.parametrize(("what", "address", "words", "code"), REFUSED)
def test_a_write_that_cannot_be_is_refused_and_changes_nothing(
    what, address, words, code
):
    async def trial():
        bench = Bench()
        async with bench.both(DRIVER) as (_, battery):
            modbus = battery._inverter.link.modbus
            before = await modbus.read_holding(40296, 67)
            with pytest.raises(RefusedError, match=f"exception {code}"):
                await modbus.write_registers(address, words)
            assert await modbus.read_holding(40296, 67) == before

    run(trial())


def test_the_map_is_served_where_the_rig_file_says():
    async def trial(base):
        bench = Bench()
        async with bench.both(DRIVER, base_address=base) as (_, battery):
            return battery._inverter.link.models

    for base in (40000, 0, 50000):
        assert run(trial(base)) == (1, 701, 702, 703, 704, 713, 802)


def test_a_share_of_the_rating_is_a_setpoint_too():
    async def trial():
        bench = Bench()
        async with bench.both(DRIVER) as (_, battery):
            link = battery._inverter.link
            await link.write(704, {"WSetMod": 0, "WSetPct": -40.0, "WSetEna": 1})
            await asyncio.sleep(20.0)
            return bench.power_w()

    assert run(trial()) == pytest.approx(2000, abs=15)


def test_two_runs_with_one_seed_are_the_same_to_the_byte():
    async def trial():
        bench = Bench(seed=5)
        async with bench.both(DRIVER) as (_, battery):
            await battery.set_power_w(-3000.0)
            for _ in range(30):
                await asyncio.sleep(1.0)
                await battery.poll()
        return bench.wire

    assert run(trial()) == run(trial())
