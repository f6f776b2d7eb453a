"""The client against literal bytes, and against everything that goes wrong on a wire.

Sources of the frames: [E] Eastron SDM630Modbus protocol V1.8, clause 3; [S] MODBUS
Application Protocol V1.1b3, clause 6, behind the header of Messaging on TCP/IP
V1.0b; [R] a real SDM230 on its bus (esphome-solax-x1-mini, issue 20).
"""

import asyncio

import pytest

from devices.links.modbus import ModbusLink, RegisterRefused
from devices.links.modbus_server import serve_tcp
from harness.core.errors import LinkError, RigError
from tests.devices.modbus_bench import Bench, Script, on_virtual_time, scripted


def play(script, act, *, wire="rtu", unit=1, timeout_s=1.0):
    """Act on a link against a script; return the result, the bench and the link."""

    async def run():
        async with scripted(script) as port:
            scheme = {"rtu": "rtu+tcp", "tcp": "modbus"}[wire]
            bench = Bench(f"{scheme}://127.0.0.1:{port}/{unit}")
            link = ModbusLink(bench.context, timeout_s=timeout_s)
            try:
                await link.connect()
                return await act(link), bench, link
            finally:
                link.close()

    result = on_virtual_time(run())
    assert script.heard == script.expected[: len(script.heard)]
    return result


def fails(script, act, **how):
    """Act, expecting a `LinkError`; return it with the bench and the link."""

    async def attempt(link):
        with pytest.raises(LinkError) as caught:
            await act(link)
        return caught.value

    return play(script, attempt, **how)


READ_VOLTS = "01 04 00 00 00 02 71 CB"
VOLTS = "01 04 04 43 66 33 34 1B 38"


def test_eastron_reads_volts_1():  # [E] 3.8.1
    script = Script((READ_VOLTS, VOLTS))
    words, bench, _ = play(script, lambda link: link.read_input(0, 2))
    assert words == [0x4366, 0x3334]
    assert bench.frames == [
        (True, "010400000002" + "71cb"),
        (False, "010404" + "43663334" + "1b38"),
    ]


def test_eastron_reads_demand_time():  # [E] 3.9.1
    script = Script(("01 03 00 00 00 02 C4 0B", "01 03 04 3F 80 00 00 F7 CF"))
    words, *_ = play(script, lambda link: link.read_holding(0, 2))
    assert words == [0x3F80, 0x0000]


def test_eastron_writes_demand_period():  # [E] 3.9.2
    script = Script(
        ("01 10 00 02 00 02 04 42 70 00 00 67 D5", "01 10 00 02 00 02 E0 08")
    )
    play(script, lambda link: link.write_registers(2, [0x4270, 0x0000]))
    assert script.heard == script.expected


def test_eastron_refuses():  # [E] 3.10
    script = Script(("01 10 00 02 00 02 04 42 70 00 00 67 D5", "01 90 01 8D C0"))
    error, _, link = fails(script, lambda link: link.write_registers(2, [0x4270, 0]))
    assert isinstance(error, RegisterRefused)
    assert (error.register, error.code) == (2, 1)
    assert "register 2 refused: exception 1 (illegal function)" in str(error)
    assert link.failures == 0, "a refusal is an answer"


def test_a_real_sdm230_gives_power_and_energy():  # [R]
    script = Script(
        ("01 04 00 0C 00 02 B1 C8", "01 04 04 45 8E 3C 35 5F B4"),
        ("01 04 00 48 00 02 F1 DD", "01 04 04 46 2A 75 21 29 8C"),
    )

    async def both(link):
        return await link.read_input(0x0C, 2), await link.read_input(0x48, 2)

    result, *_ = play(script, both)
    assert result == ([0x458E, 0x3C35], [0x462A, 0x7521])


def test_the_specifications_own_examples_over_tcp():  # [S] 6.3, 6.4, 6.6, 6.12
    script = Script(
        (
            "0001 0000 0006 01 03 006B 0003",
            "0001 0000 0009 01 03 06 022B 0000 0064",
        ),
        ("0002 0000 0006 01 04 0008 0001", "0002 0000 0005 01 04 02 000A"),
        ("0003 0000 0006 01 06 0001 0003", "0003 0000 0006 01 06 0001 0003"),
        (
            "0004 0000 000B 01 10 0001 0002 04 000A 0102",
            "0004 0000 0006 01 10 0001 0002",
        ),
    )

    async def all_four(link):
        holding = await link.read_holding(0x6B, 3)
        inputs = await link.read_input(8, 1)
        await link.write_register(1, 3)
        await link.write_registers(1, [0x000A, 0x0102])
        return holding, inputs

    result, bench, link = play(script, all_four, wire="tcp")
    assert result == ([0x022B, 0, 0x0064], [0x000A])
    assert len(bench.frames) == 8
    assert bench.frames[1] == (False, "000100000009010306022b00000064")
    assert link.failures == 0


def test_frames_are_kept_whole_when_they_arrive_in_pieces():
    pieces = ["0001 0000 00", 0.1, "05 01 04", 0.1, "02 000A"]
    script = Script(("0001 0000 0006 01 04 0008 0001", pieces))
    words, bench, _ = play(script, lambda link: link.read_input(8, 1), wire="tcp")
    assert words == [10]
    assert bench.frames[1:] == [(False, "0001000000050104" + "02000a")]


@pytest.mark.parametrize("wire", ["tcp", "rtu"])
def test_nobody_listens(wire):
    async def run():
        async with serve_tcp(None, unit=1, framing=wire) as address:
            pass
        link = ModbusLink(Bench(address).context)
        with pytest.raises(LinkError, match="nobody listens") as caught:
            await link.connect()
        assert "Connection refused" in str(caught.value)
        assert address in str(caught.value)
        with pytest.raises(LinkError, match="nobody listens"):
            await link.read_input(0, 2)
        assert link.failures == 1
        link.close()

    on_virtual_time(run())


@pytest.mark.parametrize(
    ("wire", "request_frame"),
    [("tcp", "0001 0000 0006 05 04 0000 0002"), ("rtu", "05 04 00 00 00 02 70 4F")],
)
def test_silence_names_the_unit_and_ends_after_the_time_out(wire, request_frame):
    async def timed(link):
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(LinkError) as caught:
            await link.read_input(0, 2)
        return str(caught.value), asyncio.get_running_loop().time() - began_s

    script = Script((request_frame, None))
    result, _, link = play(script, timed, wire=wire, unit=5, timeout_s=0.5)
    sentence, took_s = result
    assert "unit 5 kept silence" in sentence
    assert "another unit id, or the wire" in sentence
    assert took_s == 0.5
    assert link.failures == 1


def test_a_late_reply_over_tcp_does_not_answer_the_next_question():
    script = Script(
        (
            "0001 0000 0006 01 04 0000 0001",
            [1.5, "0001 0000 0005 01 04 02 1111"],
        ),
        ("0002 0000 0006 01 04 0000 0001", "0002 0000 0005 01 04 02 2222"),
    )

    async def twice(link):
        with pytest.raises(LinkError, match="kept silence"):
            await link.read_input(0, 1)
        return await link.read_input(0, 1)

    words, bench, _ = play(script, twice, wire="tcp")
    assert words == [0x2222]
    assert (False, "000100000005010402" + "1111") in bench.frames, "kept all the same"


def test_a_late_reply_over_rtu_does_not_answer_the_next_question():
    # RTU frames carry no number, so the link must not listen to the old socket.
    script = Script((READ_VOLTS, [1.5, VOLTS]), (READ_VOLTS, VOLTS))

    async def twice(link):
        with pytest.raises(LinkError, match="kept silence"):
            await link.read_input(0, 2)
        return await link.read_input(0, 2)

    words, bench, _ = play(script, twice, timeout_s=1.0)
    assert words == [0x4366, 0x3334]
    assert script.connections == 2
    assert [event.kind for event in bench.events] == ["connected"]


def test_a_stray_frame_is_kept_and_answers_nothing():
    script = Script(
        (
            "0001 0000 0006 01 04 0000 0001",
            ["0001 0000 0005 01 04 02 1111", 0.1, "0009 0000 0005 01 04 02 9999"],
        ),
        ("0002 0000 0006 01 04 0000 0001", "0002 0000 0005 01 04 02 2222"),
    )

    async def twice(link):
        first = await link.read_input(0, 1)
        await asyncio.sleep(1)
        return first + await link.read_input(0, 1)

    words, bench, _ = play(script, twice, wire="tcp")
    assert words == [0x1111, 0x2222]
    assert (False, "0009000000050104029999") in bench.frames


@pytest.mark.parametrize(
    ("wire", "reply", "complaint"),
    [
        ("rtu", "01 04 04 43 66 33 34 1B 39", "check sum"),
        ("rtu", "02 04 04 43 66 33 34 1B 38", "from unit 2, not 1"),
        ("rtu", "01 03 04 43 66 33 34 1B 38", "function 0x03 answers 0x04"),
        ("rtu", "01 04 04 43 66", "truncated reply 0104044366"),
        ("rtu", "01 04 02 43 66 08 2A", "does not fit"),
        ("tcp", "0001 0001 0007 01 04 04 4366 3334", "protocol id 0001"),
        ("tcp", "0001 0000 0007 02 04 04 4366 3334", "from unit 2"),
        ("tcp", "0001 0000 0007 01 03 04 4366 3334", "function 0x03"),
        ("tcp", "0001 0000 FFFF 01 04 04 4366 3334", "length of 65535"),
        ("tcp", "0001 0000 0007 01 04 04 4366", "truncated reply"),
        ("tcp", "0001 0000 0005 01 04 02 4366", "does not fit"),
        ("tcp", "0001 0000 0007 01 04 02 4366 3334", "does not fit"),
    ],
)
def test_a_bad_reply_is_an_error_and_the_link_recovers(wire, reply, complaint):
    ask = READ_VOLTS if wire == "rtu" else "0001 0000 0006 01 04 0000 0002"
    again, good = (
        (READ_VOLTS, VOLTS)
        if wire == "rtu"
        else (
            "{} 0000 0006 01 04 0000 0002",
            "{} 0000 0007 01 04 04 4366 3334",
        )
    )
    # A link that lost its place connects anew, and counts its requests anew.
    number = "0002" if "does not fit" in complaint else "0001"
    script = Script((ask, reply), (again.format(number), good.format(number)))

    async def twice(link):
        with pytest.raises(LinkError, match=complaint):
            await link.read_input(0, 2)
        return await link.read_input(0, 2)

    words, bench, link = play(script, twice, wire=wire)
    assert words == [0x4366, 0x3334]
    assert link.failures == 1
    kept = wire == "tcp" and "does not fit" in complaint
    assert script.connections == (1 if kept else 2)
    assert reply.replace(" ", "").lower() in [payload for _, payload in bench.frames]


@pytest.mark.parametrize(
    ("act", "reply"),
    [
        (lambda link: link.write_register(1, 3), "01 06 00 01 00 04 D9 C9"),
        (lambda link: link.write_register(1, 3), "01 06 00 02 00 03 68 0B"),
    ],
)
def test_an_echo_that_differs_is_no_success(act, reply):
    script = Script(("01 06 00 01 00 03 98 0B", reply))
    error, *_ = fails(script, act)
    assert "does not fit" in str(error)


@pytest.mark.parametrize("wire", ["tcp", "rtu"])
def test_a_lost_connection_is_told_at_once_and_made_anew(wire):
    ask, reply = (
        (READ_VOLTS, VOLTS)
        if wire == "rtu"
        else ("0001 0000 0006 01 04 0000 0002", "0001 0000 0007 01 04 04 4366 3334")
    )
    script = Script((ask, "hang up"), (ask, reply))

    async def twice(link):
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(LinkError, match="connection lost"):
            await link.read_input(0, 2)
        assert asyncio.get_running_loop().time() == began_s
        return await link.read_input(0, 2)

    words, bench, link = play(script, twice, wire=wire)
    assert words == [0x4366, 0x3334]
    assert link.failures == 1
    assert [event.kind for event in bench.events] == ["connected", "lost", "connected"]


def test_a_cancelled_request_does_not_answer_the_next_one():
    script = Script((READ_VOLTS, [1.0, "01 04 04 00 00 00 00 FB 84"]))
    script.exchanges.append((READ_VOLTS, VOLTS))

    async def give_up_then_ask(link):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await link.read_input(0, 2)
        return await link.read_input(0, 2)

    words, *_ = play(script, give_up_then_ask, timeout_s=5)
    assert words == [0x4366, 0x3334]


def test_closing_ends_a_request_under_way_at_once():
    async def close_meanwhile(link):
        asking = asyncio.create_task(link.read_input(0, 2))
        await asyncio.sleep(0.25)
        link.close()
        with pytest.raises(LinkError, match="closed while a request"):
            await asking
        return asyncio.get_running_loop().time()

    at_s, *_ = play(Script((READ_VOLTS, None)), close_meanwhile)
    assert at_s == 0.25


def test_requests_of_two_tasks_take_turns():
    script = Script(
        ("0001 0000 0006 01 04 0001 0001", [0.1, "0001 0000 0005 01 04 02 0001"]),
        ("0002 0000 0006 01 04 0002 0001", [0.1, "0002 0000 0005 01 04 02 0002"]),
    )

    async def both(link):
        return await asyncio.gather(link.read_input(1, 1), link.read_input(2, 1))

    words, *_ = play(script, both, wire="tcp")
    assert words == [[1], [2]]


def test_two_units_behind_one_gateway_share_its_socket():
    script = Script(
        ("01 04 00 00 00 02 71 CB", [0.1, VOLTS]),
        ("02 04 00 00 00 02 71 F8", "02 04 04 43 66 33 34 28 38"),
    )

    async def run():
        async with scripted(script) as port:
            benches = [Bench(f"rtu+tcp://127.0.0.1:{port}/{unit}") for unit in (1, 2)]
            links = [ModbusLink(bench.context) for bench in benches]
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(link.read_input(0, 2)) for link in links]
            for link in links:
                link.close()
            return [read.result() for read in reads], benches

    words, benches = on_virtual_time(run())
    assert words == [[0x4366, 0x3334]] * 2
    assert script.connections == 1
    assert script.heard == script.expected
    assert [len(bench.frames) for bench in benches] == [2, 2], "each keeps its own"


def test_values_that_are_no_registers_never_reach_the_wire():
    async def try_them(link):
        for write in (
            lambda: link.write_register(0, -1),
            lambda: link.write_register(0, 0x10000),
            lambda: link.write_registers(0, [0, 70000]),
            lambda: link.write_registers(0, []),
            lambda: link.write_registers(0, [0] * 124),
            lambda: link.read_input(0, 0),
            lambda: link.read_holding(0, 126),
            lambda: link.read_input(-1, 1),
            lambda: link.read_input(0x10000, 1),
        ):
            with pytest.raises(ValueError, match=r"fit|count|address"):
                await write()

    _, bench, _ = play(Script(), try_them)
    assert bench.frames == []


def test_a_serial_port_is_refused_on_virtual_time():
    async def run():
        link = ModbusLink(Bench("serial:/dev/ttyUSB0").context)
        with pytest.raises(RigError, match='clock = "wall"'):
            await link.connect()
        link.close()

    on_virtual_time(run())


def test_a_serial_port_that_is_not_there():
    async def run():
        link = ModbusLink(Bench("serial:/dev/no-such-port").context)
        with pytest.raises(LinkError, match="the port cannot be opened") as caught:
            await link.connect()
        assert "the cable" in str(caught.value)
        link.close()

    asyncio.run(run())


def test_pymodbus_says_nothing_on_stderr(capfd):
    fails(
        Script((READ_VOLTS, "01 04 04 43 66 33 34 1B 39")),
        lambda link: link.read_input(0, 2),
    )
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
