"""Stiebel ISG: literal frames, the driver's manners, and the emulator's registers.

Frames are written by hand from the Modbus standards and from Stiebel's own register
numbers, less one: 507 is ``01FA``, 3680 is ``0E5F``, 4001 to 4003 are ``0FA0`` to
``0FA2``, 5001 is ``1388``, 5002 is ``1389``, 1501 is ``05DC``. The request for 5001 is
also in evcc issue 27539, recorded on an ISG: ``01 04 13 88 00 01``. The document itself
(321798-47824-0146) was not read: its numbers are taken from transcriptions of it.
"""

import pytest

from devices.heat_pump import stiebel_isg_map as reg
from devices.heat_pump.register_map import decode
from harness.core.capabilities import Demand
from harness.core.errors import LinkError
from tests.devices.heat_pump_bench import Bench, ask_pdus, both, numbered, run

TRANSCRIPTS_OF = ("heat_pump/stiebel_isg",)

JUDGED = (
    ("04 01FA 0001", "04 02 0014"),  # 2.0 °C outdoors
    ("04 1388 0002", "04 04 0002 01C1"),  # state 2, controller 449
)
"""What is read before the first write: neighbours with one request."""
READY = (("03 05DC 0001", "03 02 0002"), ("03 0FA0 0001", "03 02 0001"))
"""Program mode, SG Ready on."""


async def told(script, demand, **options):
    bench = Bench("stiebel_isg")
    async with script.playing(), bench.open(script.address, **options) as pump:
        return await pump.shift_demand(demand)


def test_reduce_sets_input_2_and_leaves_input_1_open():
    script = numbered(
        *JUDGED,
        *READY,
        ("03 0FA1 0001", "03 02 0000"),
        ("03 0FA2 0001", "03 02 0000"),
        ("06 0FA2 0001", "06 0FA2 0001"),
        ("03 0FA2 0001", "03 02 0001"),
    )
    answer = run(told(script, Demand.REDUCE))
    assert answer.accepted
    assert answer.detail == "4001, 4002 = 0, 1 (state 1), read back"


def test_a_boost_after_a_reduction_opens_one_input_before_it_closes_the_other():
    script = numbered(
        *JUDGED,
        *READY,
        ("03 0FA2 0001", "03 02 0001"),
        ("06 0FA2 0000", "06 0FA2 0000"),
        ("03 0FA2 0001", "03 02 0000"),
        ("03 0FA1 0001", "03 02 0000"),
        ("06 0FA1 0001", "06 0FA1 0001"),
        ("03 0FA1 0001", "03 02 0001"),
    )
    assert run(told(script, Demand.BOOST)).detail.startswith("4001, 4002 = 1, 0")


def test_an_ordered_boost_closes_both_inputs():
    script = numbered(
        *JUDGED,
        *READY,
        ("03 0FA1 0001", "03 02 0001"),
        ("03 0FA2 0001", "03 02 0000"),
        ("06 0FA2 0001", "06 0FA2 0001"),
        ("03 0FA2 0001", "03 02 0001"),
    )
    answer = run(told(script, Demand.BOOST, boost="ordered"))
    assert (answer.accepted, "state 4" in answer.detail) == (True, True)


def test_in_comfort_mode_nothing_is_written_and_the_reason_is_said():
    script = numbered(*JUDGED, ("03 05DC 0001", "03 02 0003"))
    answer = run(told(script, Demand.REDUCE))
    assert not answer.accepted
    assert "comfort" in answer.detail


def test_sg_ready_that_stays_off_is_no_acceptance_and_the_inputs_are_left_alone():
    script = numbered(
        *JUDGED,
        READY[0],
        ("03 0FA0 0001", "03 02 0000"),
        ("06 0FA0 0001", "06 0FA0 0001"),
        ("03 0FA0 0001", "03 02 0000"),
    )
    answer = run(told(script, Demand.REDUCE))
    assert not answer.accepted
    assert "SG Ready off" in answer.detail


@pytest.mark.parametrize(
    ("outdoor", "state", "controller", "fact"),
    [
        ("0200", "0002", "01C1", "outdoor temperature of 51.2"),
        ("8000", "0002", "01C1", "outdoor temperature of nan"),
        ("0014", "0000", "01C1", "0 for sg_ready_state"),  # as in evcc issue 27539
        ("0014", "0002", "0067", "103 for controller_id"),  # an LWZ: another map
    ],
)
def test_another_map_is_refused_before_anything_is_written(
    outdoor, state, controller, fact
):
    script = numbered(
        ("04 01FA 0001", f"04 02 {outdoor}"),
        ("04 1388 0002", f"04 04 {state} {controller}"),
    )
    with pytest.raises(LinkError, match=f"{fact}.*does not fit"):
        run(told(script, Demand.REDUCE))


def test_poll_reads_three_blocks_and_knows_what_is_not_there():
    words = ["8000"] * 20
    words[0], words[4], words[12], words[19] = "00CD", "FFCE", "0190", "01D6"
    script = numbered(
        ("04 01F6 0014", f"04 28 {' '.join(words)}"),
        ("04 0E5F 0001", "04 02 0017"),
        ("04 1388 0001", "04 02 0003"),
    )

    async def trial():
        bench = Bench("stiebel_isg")
        async with script.playing(), bench.open(script.address) as pump:
            return pump.quantities, await pump.poll()

    quantities, readings = run(trial())
    assert {each.quantity: each.value for each in readings} == {
        "power_w": 2300.0,
        "indoor_c": 20.5,
        "outdoor_c": -5.0,
        "supply_c": 40.0,
        "hot_water_c": 47.0,
        "sg_ready_state": 3.0,
    }
    assert set(quantities) == {each.quantity for each in readings}


def test_a_wpm_3_is_polled_without_the_power_that_it_does_not_have():
    async def trial():
        bench = Bench("stiebel_isg")
        driver = {"power_register": False, "room": "none"}
        async with both(bench, driver=driver, controller=390) as (_, pump):
            await pump.ready()
            return await pump.identify(), [each.quantity for each in await pump.poll()]

    identity, quantities = run(trial())
    assert identity.model == "WPM 3"
    assert not {"power_w", "indoor_c"} & set(quantities)


def test_a_wpm_3_whose_power_is_asked_for_is_named_as_such():
    async def trial():
        async with both(Bench("stiebel_isg"), controller=390) as (_, pump):
            await pump.poll()

    with pytest.raises(LinkError, match="register 3679 refused: exception 2"):
        run(trial())


def test_energy_is_kilowatt_hours_and_megawatt_hours_beside_each_other():
    assert decode(reg.CONSUMPTION, [345, 12]) == 12_345_000.0


def test_the_emulator_answers_literal_requests():
    async def trial():
        bench = Bench("stiebel_isg")
        async with bench.emulate(outdoor_c=-5.0) as emulator:
            return await ask_pdus(
                emulator.address,
                "04 01FA 0001",
                "04 1388 0002",
                "04 01F4 0002",  # no FE7, and a hole beside it
                "03 0FA0 0003",
                "06 0FA1 0002",
                "06 01FA 0000",
                "04 0001 0001",
            )

    assert run(trial()) == [
        "0402ffce",
        "0404000201c1",
        "040480008000",
        "0306000000000000",
        "8603",
        "8602",
        "8402",
    ]


def test_the_state_follows_the_inputs_and_the_machine_follows_the_state():
    async def trial():
        bench, seen = Bench("stiebel_isg"), {}
        async with both(bench) as (_, pump):
            await pump.ready()
            for demand in Demand:
                assert (await pump.shift_demand(demand)).accepted
                await bench.wait(900.0)
                state = next(
                    each.value
                    for each in await pump.poll()
                    if each.quantity == "sg_ready_state"
                )
                seen[demand] = (state, bench.power_w())
            await pump.make_safe()
            on = await ask_pdus(pump._machine._link._context.address, "03 0FA0 0003")
        return seen, on

    seen, left = run(trial())
    assert [seen[each][0] for each in Demand] == [1.0, 2.0, 3.0]
    assert seen[Demand.REDUCE][1] < 600.0
    assert seen[Demand.BOOST][1] > 2400.0
    assert left == ["0306000000000000"]
