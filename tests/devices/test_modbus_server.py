"""The server against frames sent by hand: what the standard asks, row by row.

Sources of the frames: [S] MODBUS Application Protocol V1.1b3, clause 6; [O] Open
Modbus/TCP Specification 1.0, 4; [E] Eastron SDM630Modbus protocol V1.8; [L] MODBUS
over serial line V1.02.
"""

import asyncio
import os

import pytest
import serial

from devices.links.modbus import ModbusLink, RegisterRefused
from devices.links.modbus_server import (
    ModbusRefusal,
    ModbusSilence,
    serve_serial,
    serve_tcp,
)
from harness.core.errors import LinkError
from tests.devices.modbus_bench import Bench, hexes, on_virtual_time, raw_exchange


class Words:
    """Holding registers 0 to 200 and input registers that hold 0x1000 + address."""

    def __init__(self, **holding):
        self.holding = dict.fromkeys(range(201), 0)
        self.holding |= {int(at[1:], 16): value for at, value in holding.items()}
        self.writes = []

    def read_input(self, address, count):
        if address == 0x0666:
            raise ModbusSilence
        if address + count > 201:
            raise ModbusRefusal(2)
        return [0x1000 + address + offset for offset in range(count)]

    def read_holding(self, address, count):
        try:
            return [self.holding[address + offset] for offset in range(count)]
        except KeyError:
            raise ModbusRefusal(2) from None

    def write_holding(self, address, values):
        self.read_holding(address, len(values))
        self.writes.append((address, list(values)))
        self.holding.update(enumerate(values, address))


class WordsAndBits(Words):
    """Also the coils and inputs of the specification's examples."""

    def __init__(self):
        super().__init__()
        self.coils = {}

    def read_coils(self, address, count):
        return bits("CD 6B 05")[:count]

    def read_discretes(self, address, count):
        return bits("AC DB 35")[:count]

    def write_coils(self, address, values):
        self.coils.update(enumerate(values, address))


def bits(text):
    number = int.from_bytes(hexes(text), "little")
    return [bool(number >> place & 1) for place in range(8 * len(hexes(text)))]


def say(*pieces, words=None, framing="tcp", unit=1, **how):
    """Send hex (and pauses) to a server; return its whole answer, in hex."""

    async def run():
        async with serve_tcp(
            words or Words(), unit=unit, framing=framing, **how
        ) as address:
            return await raw_exchange(address, *pieces)

    return on_virtual_time(run()).hex(" ")


def tcp(body):
    """Put a frame of unit 1 behind a header."""
    data = hexes(body)
    return f"0001 0000 {len(data) + 1:04x} 01 {body}"


def tcp_answer(body):
    return hexes(tcp(body)).hex(" ")


@pytest.mark.parametrize(
    ("request_pdu", "reply_pdu"),
    [
        ("03 006B 0003", "03 06 022B 0000 0064"),  # [S] 6.3
        ("06 0001 0003", "06 0001 0003"),  # [S] 6.6
        ("10 0001 0002 04 000A 0102", "10 0001 0002"),  # [S] 6.12
        ("01 0013 0013", "01 03 CD 6B 05"),  # [S] 6.1
        ("02 00C4 0016", "02 03 AC DB 35"),  # [S] 6.2
        ("05 00AC FF00", "05 00AC FF00"),  # [S] 6.5
        ("0F 0013 000A 02 CD 01", "0F 0013 000A"),  # [S] 6.11
    ],
)
def test_the_specifications_own_examples(request_pdu, reply_pdu):
    words = WordsAndBits()
    words.holding.update({0x6B: 0x022B, 0x6C: 0, 0x6D: 0x64})
    assert say(tcp(request_pdu), words=words) == tcp_answer(reply_pdu)


def test_the_specifications_writes_have_their_effect():
    words = WordsAndBits()
    say(tcp("10 0001 0002 04 000A 0102"), words=words)
    say(tcp("0F 0013 000A 02 CD 01"), words=words)
    say(tcp("05 00AC FF00"), words=words)
    assert words.writes == [(1, [0x000A, 0x0102])]
    assert [words.coils[0x13 + place] for place in range(10)] == bits("CD 01")[:10]
    assert words.coils[0xAC] is True


def test_the_first_modbus_tcp_documents_example():  # [O] 4
    words = Words(x4=5)
    asked = "0000 0000 0006 09 03 0004 0001"
    told = say(asked, words=words, unit=9)
    assert told == hexes("0000 0000 0005 09 03 02 0005").hex(" ")


@pytest.mark.parametrize(
    ("request_frame", "reply_frame"),
    [
        # [E] 3.9.1, 3.9.2 and 3.12
        ("01 03 00 00 00 02 C4 0B", "01 03 04 3F 80 00 00 F7 CF"),
        ("01 10 00 02 00 02 04 42 70 00 00 67 D5", "01 10 00 02 00 02 E0 08"),
        ("01 08 00 00 AA 55 5E 94", "01 08 00 00 AA 55 5E 94"),
    ],
)
def test_eastrons_own_examples_over_rtu(request_frame, reply_frame):
    words = Words(x0=0x3F80)
    told = say(request_frame, words=words, framing="rtu", functions={3, 8, 16})
    assert told == hexes(reply_frame).hex(" ")


def test_eastrons_refusal_of_a_function():  # [E] 3.10
    told = say(
        "01 10 00 02 00 02 04 42 70 00 00 67 D5", framing="rtu", functions={3, 4}
    )
    assert told == "01 90 01 8d c0"


# Conformance: what pymodbus' server gets wrong, and what is right.


def test_rtu_another_unit_is_silent():
    assert say("05 03 00 00 00 01 85 8E", framing="rtu") == ""


def test_rtu_a_broadcast_write_is_done_in_silence():  # [L] 2.1
    words = Words()
    assert say("00 06 00 01 00 03 99 DA", words=words, framing="rtu") == ""
    assert words.writes == [(1, [3])]


def test_rtu_a_broadcast_read_is_silent():
    assert say("00 03 00 00 00 01 85 DB", framing="rtu") == ""


def test_an_unknown_function_is_refused_by_its_own_number():
    assert say(tcp("41")) == tcp_answer("C1 01")
    assert say("01 41 C0 10", framing="rtu") == "01 c1 01 b0 50"


@pytest.mark.parametrize("count", ["0000", "007E", "FFFF"])
def test_a_quantity_out_of_range_is_an_illegal_value(count):
    assert say(tcp(f"03 0000 {count}")) == tcp_answer("83 03")
    assert say(tcp(f"04 0000 {count}")) == tcp_answer("84 03")


def test_the_largest_quantity_just_passes():
    words = [word.hex() for word in [(0x1000 + n).to_bytes(2) for n in range(125)]]
    assert say(tcp("04 0000 007D")) == tcp_answer("04 FA " + "".join(words))


def test_rtu_a_quantity_out_of_range_is_refused_as_well():
    assert say("01 03 00 00 00 7E C5 EA", framing="rtu") == "01 83 03 01 31"


def test_five_requests_in_one_segment_get_five_replies():
    asked = [f"{n:04x} 0000 0006 01 04 {n:04x} 0001" for n in range(5)]
    told = [f"{n:04x} 0000 0005 01 04 02 {0x1000 + n:04x}" for n in range(5)]
    assert say("".join(asked)) == hexes("".join(told)).hex(" ")


def test_a_coil_is_on_or_off_and_nothing_else():
    words = WordsAndBits()
    assert say(tcp("05 0001 1234"), words=words) == tcp_answer("85 03")
    assert words.coils == {}


def test_rtu_a_frame_with_a_long_gap_in_it_is_discarded():  # [L] 2.5.1.1
    assert say("01 03 00 00", 0.1, "00 01 84 0A", framing="rtu") == ""


def test_rtu_a_frame_in_two_quick_pieces_is_answered():
    told = say("01 03 00 00", 0.01, "00 01 84 0A", framing="rtu")
    assert told == "01 03 02 00 00 b8 44"


def test_rtu_noise_spoils_its_own_burst_only():
    good = "01 03 00 00 00 01 84 0A"
    assert say("00 FF " + good, framing="rtu") == ""
    assert say("00 FF", 0.1, good, framing="rtu") == "01 03 02 00 00 b8 44"


def test_another_protocol_id_is_silent_and_the_stream_goes_on():
    other = "0001 0001 0006 01 03 0000 0001"
    good = "0002 0000 0006 01 03 0000 0001"
    told = hexes("0002 0000 0005 01 03 02 0000").hex(" ")
    assert say(other + good) == told


# The rest of the standard.


def test_rtu_a_wrong_check_sum_is_silent():
    assert say("01 03 00 00 00 01 84 0B", framing="rtu") == ""


def test_an_address_that_the_device_lacks_is_illegal():
    assert say(tcp("03 00C8 0002")) == tcp_answer("83 02")
    assert say(tcp("06 00C9 0001")) == tcp_answer("86 02")


@pytest.mark.parametrize(
    "body", ["04 FFFF 0002", "03 FF84 007D", "10 FFFF 0002 04 00000000"]
)
def test_an_address_beyond_65535_is_illegal_whatever_the_device_thinks(body):
    words = Words()
    words.read_input = words.read_holding = lambda _address, count: [0] * count
    words.write_holding = lambda _address, _values: None
    refusal = f"{int(body[:2], 16) | 0x80:02x} 02"
    assert say(tcp(body), words=words) == tcp_answer(refusal)


def test_the_last_register_of_all_just_passes():
    words = Words()
    words.read_input = lambda _address, count: [7] * count
    assert say(tcp("04 FFFF 0001"), words=words) == tcp_answer("04 02 0007")


@pytest.mark.parametrize(
    "body",
    [
        "10 0001 0002 03 000A 01",  # byte count is not twice the quantity
        "10 0001 0002 04 000A",  # fewer bytes than counted
        "10 0001 0000 00",
        "10 0001",
        "03 0000 0001 00",  # a byte too many
        "06 0001",
    ],
)
def test_a_request_that_contradicts_itself_is_refused(body):
    function = int(body[:2], 16)
    words = Words()
    assert say(tcp(body), words=words) == tcp_answer(f"{function | 0x80:02x} 03")
    assert words.writes == []


def test_bits_are_an_illegal_function_for_a_device_without_any():
    for body in ("01 0000 0001", "02 0000 0001", "05 0000 FF00", "0F 0000 0001 01 01"):
        assert say(tcp(body)) == tcp_answer(f"{int(body[:2], 16) | 0x80:02x} 01")


def test_tcp_another_unit_is_answered_as_a_gateway_does():
    told = say("0001 0000 0006 07 03 0000 0001")
    assert told == hexes("0001 0000 0003 07 83 0B").hex(" ")


@pytest.mark.parametrize("unit", ["00", "FF"])
def test_tcp_units_0_and_255_mean_the_device_itself(unit):
    told = say(f"0001 0000 0006 {unit} 03 0000 0001")
    assert told == hexes(f"0001 0000 0005 {unit} 03 02 0000").hex(" ")


def test_a_reply_is_no_request():
    assert say(tcp("83 02")) == ""
    assert say("0001 0000 0003 07 83 02") == ""
    assert say("01 83 02 C0 F1", framing="rtu") == ""


@pytest.mark.parametrize("length", ["0000", "0001", "00FF", "FFFF"])
def test_an_impossible_length_ends_the_connection(length):
    good = "0002 0000 0006 01 03 0000 0001"
    assert say(f"0001 0000 {length} 01 03 0000 0001" + good) == ""


def test_a_silent_device_sends_nothing_and_goes_on():
    good = "0002 0000 0006 01 03 0000 0001"
    told = say("0001 0000 0006 01 04 0666 0001" + good)
    assert told == hexes("0002 0000 0005 01 03 02 0000").hex(" ")


def test_replies_are_delayed_and_stay_in_order():
    delays = iter([0.5, 0.1])

    async def run():
        words = Words()
        async with serve_tcp(words, unit=1, reply_delay_s=lambda: next(delays)) as at:
            port = int(at.split(":")[-1].split("/")[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number in (1, 2):
                writer.write(hexes(f"{number:04x} 0000 0006 01 04 0000 0001"))
            loop = asyncio.get_running_loop()
            first = await reader.readexactly(11)
            first_s = loop.time()
            second = await reader.readexactly(11)
            second_s = loop.time()
            writer.close()
            await writer.wait_closed()
            return first[:2], first_s, second[:2], second_s

    first, first_s, second, second_s = on_virtual_time(run())
    assert (first, second) == (b"\0\1", b"\0\2")
    assert first_s == pytest.approx(0.5)
    assert second_s == pytest.approx(0.6), "one after the other, as on one line"


def test_closing_the_server_ends_its_connections_and_pending_replies():
    async def run():
        async with serve_tcp(Words(), unit=1, reply_delay_s=lambda: 60.0) as address:
            bench = Bench(address)
            link = ModbusLink(bench.context, timeout_s=120)
            await link.connect()
            asking = asyncio.create_task(link.read_input(0, 1))
            await asyncio.sleep(1)
        with pytest.raises(LinkError, match="connection lost"):
            await asking
        assert asyncio.get_running_loop().time() == 1.0
        with pytest.raises(LinkError, match="nobody listens"):
            await link.read_input(0, 1)
        link.close()
        return [event.kind for event in bench.events]

    assert on_virtual_time(run()) == ["connected", "lost"]


def test_two_clients_are_served_at_once():
    async def run():
        async with serve_tcp(Words(), unit=1) as address:
            links = [ModbusLink(Bench(address).context) for _ in range(2)]
            reads = [link.read_input(n, 1) for n, link in enumerate(links)]
            words = await asyncio.gather(*reads)
            for link in links:
                link.close()
            return words

    assert on_virtual_time(run()) == [[0x1000], [0x1001]]


# The pseudo-terminal, on the wall clock.


def test_a_port_answers_the_link_and_takes_the_time_of_its_characters():
    async def run():
        async with serve_serial(Words(), unit=3, baud=9600) as address:
            link = ModbusLink(Bench(address).context)
            loop = asyncio.get_running_loop()
            await link.connect()
            began_s = loop.time()
            words = await link.read_input(0, 10)
            took_s = loop.time() - began_s
            with pytest.raises(RegisterRefused):
                await link.read_input(300, 1)
            link.close()
            return words, took_s

    words, took_s = asyncio.run(run())
    assert words == [0x1000 + n for n in range(10)]
    # 8 bytes out, 3.5 of silence, 25 back: 36.5 characters of 11 bits.
    assert took_s >= 36.5 * 11 / 9600


def test_two_units_on_one_port_take_turns():
    async def run():
        async with serve_serial(Words(), unit=3, baud=38400) as address:
            here = ModbusLink(Bench(address).context)
            away = address.replace("unit=3", "unit=4")
            gone = ModbusLink(Bench(away).context, timeout_s=0.4)
            results = await asyncio.gather(
                here.read_input(0, 1), gone.read_input(0, 1), return_exceptions=True
            )
            again = await here.read_input(1, 1)
            here.close()
            gone.close()
            return results, again

    (words, error), again = asyncio.run(run())
    assert words == [0x1000]
    assert "unit 4 kept silence" in str(error)
    assert again == [0x1001]


def test_line_settings_of_one_port_must_agree():
    async def run():
        async with serve_serial(Words(), unit=3) as address:
            first = ModbusLink(Bench(address).context)
            await first.connect()
            second = ModbusLink(Bench(address.replace("9600", "2400")).context)
            with pytest.raises(Exception, match="other line settings"):
                await second.connect()
            second.close()
            first.close()

    asyncio.run(run())


def test_a_late_reply_on_a_port_does_not_answer_the_next_question():
    master, slave = os.openpty()

    async def run():
        loop = asyncio.get_running_loop()
        asked = 0

        def readable():
            nonlocal asked
            os.read(master, 64)
            asked += 1
            late = hexes("01 04 02 11 11 75 6C")
            good = hexes("01 04 02 22 22 21 89")
            loop.call_later(
                0.5 if asked == 1 else 0.2,
                os.write,
                master,
                late if asked == 1 else good,
            )

        loop.add_reader(master, readable)
        link = ModbusLink(Bench(f"serial:{os.ttyname(slave)}").context, timeout_s=0.4)
        with pytest.raises(LinkError, match="kept silence"):
            await link.read_input(0, 1)
        words = await link.read_input(0, 1)
        link.close()
        loop.remove_reader(master)
        return words

    try:
        assert asyncio.run(run()) == [0x2222]
    finally:
        os.close(slave)
        os.close(master)


def test_a_port_that_is_unplugged_is_told_at_once():
    async def run():
        async with serve_serial(Words(), unit=1) as address:
            bench = Bench(address)
            link = ModbusLink(bench.context, timeout_s=10)
            assert await link.read_input(0, 1) == [0x1000]
            away = asyncio.create_task(link.read_input(0x0666, 1))
            await asyncio.sleep(0.05)
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(LinkError, match="connection lost"):
            await away
        link.close()
        return asyncio.get_running_loop().time() - began_s, bench.events

    took_s, events = asyncio.run(run())
    assert took_s < 1
    assert [event.kind for event in events] == ["connected", "lost"]


def test_pyserial_alone_can_talk_to_the_port():
    async def run():
        async with serve_serial(Words(), unit=1, baud=38400) as address:
            path = address.removeprefix("serial:").split("?")[0]

            def talk():
                with serial.Serial(path, 38400, timeout=2) as port:
                    port.write(hexes("01 04 00 00 00 01 31 CA"))
                    return port.read(7)

            return await asyncio.to_thread(talk)

    assert asyncio.run(run()).hex(" ") == "01 04 02 10 00 b4 f0"
