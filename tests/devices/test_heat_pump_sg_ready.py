"""SG Ready by two relays: literal frames, both editions, and the emulated card.

Serial frames are Waveshare's own (Modbus RTU Relay, development protocol V2, "Control
Single Relay" and "Read the state of relays"); the coil functions' are the examples of
MODBUS Application Protocol V1.1b3, 6.1 (read coils) and 6.11 (write multiple coils).
"""

import asyncio
import itertools

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from devices.heat_pump.sg_ready_rules import STATES, State
from devices.links.modbus import ModbusLink
from devices.links.modbus_server import serve_tcp
from harness.core.capabilities import Demand
from harness.core.errors import LinkError
from tests.devices import modbus_bench
from tests.devices.fuzzing import FRAMES
from tests.devices.heat_pump_bench import DRIVERS, Bench, ask_pdus, both, numbered, run

TRANSCRIPTS_OF = ("heat_pump/sg_ready",)

JUDGED = (
    ("03 4000 0001", "03 02 0001"),  # its own address
    ("01 0000 0002", "01 01 00"),
)


async def told(script, demand, **options):
    bench = Bench("sg_ready")
    async with script.playing(), bench.open(script.address, **options) as pump:
        return await pump.shift_demand(demand)


@pytest.mark.parametrize(
    ("demand", "edition", "boost", "bits", "state"),
    [
        (Demand.REDUCE, "four-state", "encouraged", "01", "1:0 (state 1, blocked)"),
        (Demand.BOOST, "four-state", "encouraged", "02", "0:1 (state 3, encouraged)"),
        (Demand.BOOST, "four-state", "ordered", "03", "1:1 (state 4, ordered)"),
        (Demand.REDUCE, "1.1", "encouraged", "01", "1:0 (state 5, limited)"),
        (Demand.BOOST, "1.1", "encouraged", "02", "0:1 (state 3, encouraged)"),
    ],
)
def test_both_relays_are_switched_in_one_request(demand, edition, boost, bits, state):
    script = numbered(
        *JUDGED,
        ("01 0000 0002", "01 01 00"),
        (f"0F 0000 0002 01 {bits}", "0F 0000 0002"),
        ("01 0000 0002", f"01 01 {bits}"),
    )
    answer = run(told(script, demand, edition=edition, boost=boost))
    assert answer.accepted
    assert answer.detail == f"contacts {state}, read back"


def test_an_order_in_edition_1_1_would_limit_so_it_is_refused():
    script = numbered(*JUDGED)
    answer = run(told(script, Demand.BOOST, edition="1.1", boost="ordered"))
    assert not answer.accepted
    assert "limit the power" in answer.detail


def test_a_relay_that_did_not_move_is_no_acceptance():
    script = numbered(
        *JUDGED,
        ("01 0000 0002", "01 01 00"),
        ("0F 0000 0002 01 01", "0F 0000 0002"),
        ("01 0000 0002", "01 01 00"),
    )
    assert not run(told(script, Demand.REDUCE, edition="four-state")).accepted


def test_other_relays_of_the_card_are_left_alone():
    script = numbered(
        ("01 0004 0002", "01 01 00"),
        ("01 0004 0002", "01 01 00"),
        ("0F 0004 0002 01 01", "0F 0004 0002"),
        ("01 0004 0002", "01 01 01"),
    )
    options = {"edition": "four-state", "first_coil": 4, "card": "other"}
    assert run(told(script, Demand.REDUCE, **options)).accepted


def test_a_card_of_another_address_is_refused_before_a_relay_is_switched():
    script = numbered(("03 4000 0001", "03 02 0007"))
    with pytest.raises(LinkError, match="gives 7 for the card's own address"):
        run(told(script, Demand.REDUCE, edition="four-state"))


def test_without_an_edition_it_is_not_opened():
    with pytest.raises(ValueError, match="edition"):
        DRIVERS["sg_ready"].options()


@pytest.mark.parametrize("edition", STATES)
def test_every_pair_of_contacts_means_something(edition):
    assert set(STATES[edition]) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_the_editions_disagree_about_contact_1():
    assert STATES["four-state"][1, 0] is State.BLOCKED
    assert STATES["1.1"][1, 0] is STATES["1.1"][1, 1] is State.LIMITED


# --- the machine behind the contacts


def powers(edition, **options):
    """Power a quarter of an hour into each demand. [W]"""

    async def trial():
        bench, seen = Bench("sg_ready"), {}
        driver = {"edition": edition}
        async with both(bench, driver=driver, edition=edition, **options) as (_, pump):
            await pump.ready()
            for demand in Demand:
                assert (await pump.shift_demand(demand)).accepted
                await bench.wait(900.0)
                seen[demand] = bench.power_w()
        return seen

    return run(trial())


def test_four_states_block_release_and_boost():
    seen = powers("four-state")
    assert seen[Demand.REDUCE] == 20.0
    assert seen[Demand.NORMAL] > 1500.0
    assert seen[Demand.BOOST] > 2400.0


def test_edition_1_1_limits_to_4_2_kilowatts_and_does_not_switch_off():
    seen = powers("1.1", max_power_w=6000.0, outdoor_c=-6.0, heat_loss_scale=1.2)
    assert 4100.0 < seen[Demand.REDUCE] < 4215.0
    assert seen[Demand.NORMAL] > 4500.0
    assert seen[Demand.BOOST] > 5900.0


def test_a_small_heat_pump_is_not_touched_by_the_limit_of_edition_1_1():
    assert powers("1.1")[Demand.REDUCE] > 1900.0


def test_a_block_ends_by_itself_after_two_hours():
    async def trial():
        bench, seen = Bench("sg_ready"), []
        async with both(bench, comfort_floor_c=5.0) as (_, pump):
            await pump.shift_demand(Demand.REDUCE)
            for wait_s in (7100.0, 700.0):
                await bench.wait(wait_s)
                seen.append(bench.power_w())
        return seen

    blocked_w, after_w = run(trial())
    assert blocked_w == 20.0
    assert after_w > 2000.0


@pytest.mark.parametrize(
    ("boost", "least_w", "most_w"),
    [("encouraged", 2000.0, 2300.0), ("ordered", 2400.0, 2530.0)],
)
def test_an_order_runs_the_machine_flat_out(boost, least_w, most_w):
    async def trial():
        bench = Bench("sg_ready")
        driver = {"edition": "four-state", "boost": boost}
        async with both(bench, driver=driver, outdoor_c=10.0) as (_, pump):
            await pump.shift_demand(Demand.BOOST)
            await bench.wait(600.0)
            return bench.power_w()

    assert least_w < run(trial()) < most_w


def test_make_safe_opens_both_relays_and_can_be_repeated():
    async def trial():
        bench = Bench("sg_ready")
        async with both(bench) as (emulator, pump):
            await pump.shift_demand(Demand.REDUCE)
            await pump.make_safe()
            frames = len(bench.wire)
            await pump.make_safe()
            left = await ask_pdus(emulator.address, "01 0000 0008")
            return left, bench.written(since=frames)

    assert run(trial()) == (["010100"], [])


# --- the emulated card


def test_the_card_answers_the_makers_own_serial_frames():
    exchanges = {
        "010500 00FF00 8C3A": "0105 0000 FF00 8C3A",  # relay 0 on
        "0105 0001 FF00 DDFA": "0105 0001 FF00 DDFA",  # relay 1 on
        "0105 0000 0000 CDCA": "0105 0000 0000 CDCA",  # relay 0 off
        "0105 0001 0000 9C0A": "0105 0001 0000 9C0A",  # relay 1 off
        "0101 0000 0008 3DCC": "0101 01 00 5188",  # all off
    }

    async def trial():
        heard = []
        async with (
            Bench("sg_ready").emulate() as emulator,
            serve_tcp(emulator.bank, unit=1, framing="rtu") as address,
        ):
            for frame in exchanges:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", int(address.split(":")[2].split("/")[0])
                )
                writer.write(bytes.fromhex(frame.replace(" ", "")))
                writer.write_eof()
                heard.append((await reader.read()).hex())
                writer.close()
                await writer.wait_closed()
        return heard

    expected = [reply.replace(" ", "").lower() for reply in exchanges.values()]
    assert run(trial()) == expected


@pytest.mark.parametrize(
    ("asked", "reply"),
    [
        ("01 0000 0009", "8102"),  # eight relays, no ninth
        ("0F 0007 0002 01 03", "8f02"),
        ("05 0000 5500", "8503"),  # the maker's "flip" is not the standard's
        ("02 0000 0001", "8201"),
        ("03 4001 0001", "8302"),
        ("04 0000 0001", "8401"),
    ],
)
def test_the_card_refuses_as_the_protocol_says(asked, reply):
    async def trial():
        async with Bench("sg_ready").emulate() as emulator:
            return await ask_pdus(emulator.address, asked)

    assert run(trial()) == [reply]


# --- coils over the link


async def linked(script, act):
    async with modbus_bench.scripted(script) as port:
        bench = modbus_bench.Bench(f"modbus://127.0.0.1:{port}/1")
        link = ModbusLink(bench.context)
        try:
            return await act(link)
        finally:
            link.close()


def test_coils_are_read_as_in_the_standards_example():
    # 6.1: coils 20 to 38, "CD 6B 05".
    script = modbus_bench.Script(
        ("0001 0000 0006 01 01 0013 0013", "0001 0000 0006 01 01 03 CD 6B 05")
    )
    coils = run(linked(script, lambda link: link.read_coils(0x13, 0x13)))
    low_first = "10110011" + "11010110" + "101"
    assert coils == [bit == "1" for bit in low_first]
    assert script.heard == script.expected


def test_coils_are_written_as_in_the_standards_example():
    # 6.11: ten coils from 20 on, "CD 01".
    script = modbus_bench.Script(
        ("0001 0000 0009 01 0F 0013 000A 02 CD 01", "0001 0000 0006 01 0F 0013 000A")
    )
    bits = [bit == "1" for bit in "1011001110"]
    run(linked(script, lambda link: link.write_coils(0x13, bits)))
    assert script.heard == script.expected


@pytest.mark.parametrize(
    "reply",
    [
        "0001 0000 0003 01 01 00",  # no bits at all
        "0001 0000 0005 01 01 02 00 00",  # more than were asked for
        "0001 0000 0004 01 01 02 00",  # a count that lies
        "0001 0000 0004 01 02 01 00",  # another function
    ],
)
def test_a_reply_that_does_not_fit_two_coils_is_one_error(reply):
    script = modbus_bench.Script(("0001 0000 0006 01 01 0000 0002", reply))
    with pytest.raises(LinkError):
        run(linked(script, lambda link: link.read_coils(0, 2)))


def test_too_many_coils_are_refused_before_they_are_sent():
    async def trial():
        link = ModbusLink(modbus_bench.Bench("modbus://127.0.0.1:1/1").context)
        await link.write_coils(0, [True] * 1969)

    with pytest.raises(ValueError, match="1 to 1968 coils"):
        run(trial())


@seed(20260115)
@settings(max_examples=FRAMES // 200, deadline=None)
@given(noise=st.binary(min_size=1500, max_size=1500))
def test_malformed_coil_replies_are_errors_or_bits_and_never_anything_else(noise):
    # Lengths of 0 to 9 bytes; half of them begin as a reply to function 01 does.
    source = iter(noise)
    replies = []
    for number in range(200):
        body = bytes(itertools.islice(source, next(source, 0) % 8))
        replies.append((b"\1\1" if number % 2 else b"") + body)

    async def act(link):
        for _ in replies:
            try:
                assert len(await link.read_coils(0, 2)) == 2
            except LinkError:
                continue

    async def trial():
        left, gone = list(replies), []

        async def serve(reader, writer):
            over = asyncio.Event()
            gone.append(over)
            while head := await reader.read(12):
                body = left.pop(0) if left else b""
                length = (len(body) + 1).to_bytes(2, "big")
                writer.write(head[:2] + b"\0\0" + length + b"\1" + body)
            writer.close()
            over.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            bench = modbus_bench.Bench(f"modbus://127.0.0.1:{port}/1")
            link = ModbusLink(bench.context, timeout_s=0.5)
            await act(link)
            link.close()
            for over in gone:
                await over.wait()

    run(trial())
