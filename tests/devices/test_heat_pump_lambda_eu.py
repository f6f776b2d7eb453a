"""Lambda EU-L: literal frames, the watchdog, and both firmwares.

Frames are written by hand from the Modbus standards and from the register numbers that
openHAB, Home Assistant and evcc took from Lambda's document (not read by us): 102 is
``0066``, 101 ``0065``, 1003 ``03EB``, 1012 ``03F4``, 1020 ``03FC``, 5004 ``138C``. That
a single value is written with function 10 hex is from evcc PR 19664.
"""

import pytest

from devices.heat_pump import lambda_eu_map as reg
from harness.core.capabilities import Demand
from harness.core.errors import LinkError
from harness.core.faults import Fault, FaultKind
from tests.devices.heat_pump_bench import Bench, ask_pdus, both, numbered, run

TRANSCRIPTS_OF = ("heat_pump/lambda_eu",)

JUDGED = (
    ("03 0001 0002", "03 04 0001 0014"),  # automatic, 2.0 °C
    ("03 03EB 0002", "03 04 0002 0F4D"),  # heating, flow 39.17 °C
)


async def doing(script, act, **options):
    bench = Bench("lambda_eu")
    async with script.playing(), bench.open(script.address, **options) as pump:
        return await act(pump)


def test_a_boost_offers_a_surplus_with_function_16_and_reads_it_back():
    script = numbered(
        *JUDGED,
        ("10 0066 0001 02 0BB8", "10 0066 0001"),
        ("03 0066 0001", "03 02 0BB8"),
        ("03 0065 0001", "03 02 0001"),
    )
    answer = run(doing(script, lambda pump: pump.shift_demand(Demand.BOOST)))
    assert answer.accepted
    assert answer.detail == "102 = 3000 W, E-Manager state 1, read back"


def test_an_e_manager_that_is_off_is_no_acceptance():
    script = numbered(
        *JUDGED,
        ("10 0066 0001 02 0BB8", "10 0066 0001"),
        ("03 0066 0001", "03 02 0BB8"),
        ("03 0065 0001", "03 02 0000"),
    )
    assert not run(doing(script, lambda pump: pump.shift_demand(Demand.BOOST))).accepted


def test_it_cannot_be_asked_for_less_and_nothing_is_sent():
    answer = run(doing(numbered(), lambda pump: pump.shift_demand(Demand.REDUCE)))
    assert not answer.accepted
    assert "cannot reduce" in answer.detail


@pytest.mark.parametrize(
    ("state", "outdoor", "operating", "flow", "fact"),
    [
        ("0014", "0014", "0002", "0F4D", "20 for ambient_state"),
        ("0001", "F448", "0002", "0F4D", "outdoor temperature of -300"),
        ("0001", "0014", "0F4D", "0D48", "3917 for operating_state"),
        ("0001", "0014", "0000", "0002", "0.02 °C for supply_c"),
    ],
)
def test_another_map_is_refused_before_anything_is_written(
    state, outdoor, operating, flow, fact
):
    script = numbered(
        ("03 0001 0002", f"03 04 {state} {outdoor}"),
        ("03 03EB 0002", f"03 04 {operating} {flow}"),
    )
    with pytest.raises(LinkError, match=f"{fact}.*does not fit"):
        run(doing(script, lambda pump: pump.shift_demand(Demand.BOOST)))


HEAT_PUMP = ["0000"] * 18
HEAT_PUMP[0], HEAT_PUMP[8] = "0F4D", "07D0"
ENERGY = {">=1.1.3": ("E240", "0001"), "<1.1.3": ("0001", "E240")}
"""123,456 Wh is 0001E240 hex: low word first from 1.1.3 on (evcc PR 24935)."""


def heat_pump_block(firmware):
    words = HEAT_PUMP[:16] + list(ENERGY[firmware])
    return f"03 24 {' '.join(words)}"


def test_poll_on_newer_firmware_reads_1012_and_the_low_word_first():
    script = numbered(
        ("03 0002 0001", "03 02 0014"),
        ("03 0065 0001", "03 02 0004"),
        ("03 03EC 0012", heat_pump_block(">=1.1.3")),
        ("03 138C 0001", "03 02 00CD"),
    )
    readings = run(doing(script, lambda pump: pump.poll()))
    assert {each.quantity: each.value for each in readings} == {
        "power_w": 2000.0,
        "indoor_c": 20.5,
        "outdoor_c": 2.0,
        "supply_c": 39.17,
        "energy_import_wh": 123_456.0,
        "manager_state": 4.0,
    }


def test_poll_on_older_firmware_reads_103_and_the_high_word_first():
    script = numbered(
        ("03 0002 0001", "03 02 0014"),
        ("03 0065 0003", "03 06 0001 0BB8 07D0"),
        ("03 03EC 0012", heat_pump_block("<1.1.3")),
        ("03 138C 0001", "03 02 00CD"),
    )
    readings = run(doing(script, lambda pump: pump.poll(), firmware="<1.1.3"))
    values = {each.quantity: each.value for each in readings}
    assert values["power_w"] == 2000.0
    assert values["energy_import_wh"] == 123_456.0


def test_the_wrong_firmware_shows_as_an_energy_that_cannot_be():
    async def trial():
        bench = Bench("lambda_eu")
        async with both(bench, driver={"firmware": "<1.1.3"}) as (_, pump):
            await bench.wait(3600.0)
            return {each.quantity: each.value for each in await pump.poll()}

    values = run(trial())
    assert values["energy_import_wh"] > 1e8
    assert values["power_w"] == 0.0  # 103, with an E-Manager that is offline


def test_the_emulator_answers_literal_requests_and_knows_no_function_06():
    async def trial():
        bench = Bench("lambda_eu")
        async with bench.emulate(outdoor_c=-5.0) as emulator:
            return await ask_pdus(
                emulator.address,
                "03 0000 0003",
                "03 0065 0002",
                "06 0066 0BB8",
                "10 0066 0001 02 0BB8",
                "03 0065 0002",
                "04 0002 0001",
                "10 0002 0001 02 0000",
            )

    assert run(trial()) == [
        "030600000001ffce",
        "030400040000",
        "8601",
        "1000660001",
        "030400010bb8",
        "8401",
        "9002",
    ]


# --- the watchdog


def refreshes(bench):
    return [frame for frame in bench.written() if frame[16:20] == "0066"]


def test_a_boost_is_refreshed_within_the_watchdog_for_as_long_as_it_lasts():
    async def trial():
        bench = Bench("lambda_eu")
        async with both(bench) as (_, pump):
            await pump.ready()
            await pump.shift_demand(Demand.BOOST)
            await bench.wait(1800.0)
            return len(refreshes(bench)), bench.power_w()

    count, power_w = run(trial())
    assert count == 1 + 1800 // 30
    assert power_w > 2400.0


def test_make_safe_ends_the_boost_and_the_refresh():
    async def trial():
        bench = Bench("lambda_eu")
        async with both(bench) as (emulator, pump):
            await pump.shift_demand(Demand.BOOST)
            await bench.wait(600.0)
            await pump.make_safe()
            sent = len(bench.wire)
            await bench.wait(600.0)
            state = await ask_pdus(emulator.address, "03 0065 0002")
            return len(bench.wire) - sent, state, bench.power_w()

    later, state, power_w = run(trial())
    assert later == 0
    assert state == ["030400040000"]  # offline: nobody refreshes
    assert power_w < 2100.0


def test_closing_the_driver_ends_the_refresh():
    async def trial():
        bench = Bench("lambda_eu")
        async with bench.emulate() as emulator:
            async with bench.open(emulator.address) as pump:
                await pump.shift_demand(Demand.BOOST)
            await bench.wait(30.0)
            still_w = bench.power_w()
            await bench.wait(600.0)
            return still_w, bench.power_w()

    boosted_w, later_w = run(trial())
    assert boosted_w > 2400.0
    assert later_w < 2100.0


def test_a_lost_watchdog_ends_the_boost_although_it_is_refreshed():
    async def trial():
        bench, seen = Bench("lambda_eu"), []
        async with both(bench) as (emulator, pump):
            await pump.shift_demand(Demand.BOOST)
            await bench.wait(600.0)
            emulator.impose(Fault(FaultKind.LOST_WATCHDOG))
            await bench.wait(25.0)
            seen.append(bench.power_w())
            await bench.wait(240.0)
            seen.append(bench.power_w())
            [state] = await ask_pdus(emulator.address, "03 0065 0002")
            emulator.lift(FaultKind.LOST_WATCHDOG)
            await bench.wait(240.0)
            seen.append(bench.power_w())
            return seen, state

    (at_first_w, lost_w, lifted_w), state = run(trial())
    assert at_first_w > 2400.0
    assert lost_w < 2100.0
    assert state == "030400040bb8"  # offline, with the surplus still written
    assert lifted_w > 2400.0


def test_a_refresh_that_fails_is_said_and_tried_again():
    async def trial():
        bench = Bench("lambda_eu")
        async with both(bench) as (emulator, pump):
            await pump.shift_demand(Demand.BOOST)
            emulator.impose(Fault(FaultKind.GAP))
            await bench.wait(100.0)
            emulator.lift(FaultKind.GAP)
            await bench.wait(600.0)
            return [each for each in bench.events if each.kind == "status"], (
                bench.power_w()
            )

    said, power_w = run(trial())
    assert len(said) == 3
    assert all("refresh:" in each.detail for each in said)
    assert power_w > 2400.0


def test_a_surplus_below_what_it_starts_for_changes_nothing():
    async def trial():
        bench = Bench("lambda_eu")
        async with bench.emulate() as emulator:
            before_w = bench.power_w()
            least = round(reg.LEAST_SURPLUS_W) - 1
            await ask_pdus(emulator.address, f"10 0066 0001 02 {least:04X}")
            await bench.wait(50.0)
            return before_w, bench.power_w()

    before_w, after_w = run(trial())
    assert after_w == pytest.approx(before_w, abs=30.0)


def test_a_surplus_is_used_as_far_as_it_goes():
    async def trial():
        bench = Bench("lambda_eu")
        async with both(bench, driver={"boost_w": 2200.0}) as (_, pump):
            await pump.shift_demand(Demand.BOOST)
            await bench.wait(300.0)
            return bench.power_w()

    assert run(trial()) == pytest.approx(2200.0, abs=20.0)
