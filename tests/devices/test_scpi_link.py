"""SCPI over TCP: lines in bounded time, the error queue, and parsers under fire."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.links.loopback import serve_port
from devices.links.scpi import (
    LONGEST_LINE,
    ScpiLink,
    frame_length,
    parse_address,
    parse_error,
    parse_number,
    whole_line,
)
from devices.links.scpi_server import (
    ILLEGAL_VALUE,
    Instrument,
    ScpiError,
    ScpiSession,
    header_pattern,
    serve_scpi,
)
from harness.core.errors import LinkError, RefusedError, RigError
from tests.devices.fuzzing import FRAMES
from tests.devices.meter_bench import mangled
from tests.devices.modbus_bench import Bench, Script, on_virtual_time, scripted


def sent(text):
    return text.encode().hex()


def answered(text):
    return (text + "\n").encode().hex()


async def with_link(exchanges, what, timeout_s=2.0):
    """Let a link meet a scripted instrument: what it asks, and what it is told."""
    script = Script(*exchanges)
    async with scripted(script) as port:
        bench = Bench(f"scpi://127.0.0.1:{port}")
        link = ScpiLink(bench.context, timeout_s=timeout_s)
        try:
            result = await what(link, bench)
        finally:
            link.close()
    assert script.heard == script.expected[: len(script.heard)]
    return result


def test_a_setting_is_followed_by_a_look_at_the_error_queue():
    async def what(link, bench):
        await link.set("CURR 5.000")
        return [bytes.fromhex(frame).decode() for _, frame in bench.frames]

    exchanges = [(sent("CURR 5.000\nSYST:ERR?\n"), answered('0,"No error"'))]
    told = on_virtual_time(with_link(exchanges, what))
    assert told == ["CURR 5.000\nSYST:ERR?\n", '0,"No error"\n']


def test_a_refused_setting_says_what_the_instrument_says_and_empties_the_queue():
    async def what(link, _bench):
        with pytest.raises(RefusedError, match=r"CURR 99 was refused: -222 Data out"):
            await link.set("CURR 99")
        await link.set("CURR 5")

    exchanges = [
        (sent("CURR 99\nSYST:ERR?\n"), answered('-222,"Data out of range"')),
        (sent("SYST:ERR?\n"), answered('-350,"Queue overflow"')),
        (sent("SYST:ERR?\n"), answered('+0,"No error"')),
        (sent("CURR 5\nSYST:ERR?\n"), answered("0")),
    ]
    on_virtual_time(with_link(exchanges, what))


class Complainer:
    """Something that has always one error more."""

    def receive(self, data, _now_s):
        return [b'-113,"Undefined header"\n'] * data.count(b"\n"), True


def test_an_error_queue_without_an_end_is_given_up():
    async def run():
        async with serve_port(Complainer) as port:
            bench = Bench(f"scpi://127.0.0.1:{port}")
            link = ScpiLink(bench.context, timeout_s=1.0)
            with pytest.raises(LinkError, match="its error queue does not end: -113"):
                await link.forget_errors()

    on_virtual_time(run())


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (None, "silence, no reply within 2 s"),
        ("hang up", "connection lost"),
        (sent("1.2"), "truncated reply"),
        ("ff0a", "is no line of text"),
        ("00310a", "is no line of text"),
        (sent("1\n2\n"), "more than one line for one question"),
        (sent("x" * (LONGEST_LINE + 1)), "without the end of a line"),
        (answered("twelve"), r"MEAS:POW\? was answered by 'twelve', which is no"),
        (answered(""), "no number"),
        (answered("9.91E37"), "no number"),
        (answered("1_0"), "no number"),
        (answered("nan"), "no number"),
    ],
)
def test_a_bad_answer_is_one_clear_error_in_bounded_time(reply, told):
    async def what(link, bench):
        with pytest.raises(LinkError, match=told):
            await link.number("MEAS:POW?")
        assert bench.clock.now_s() <= 2.0
        assert link.failures == 1
        assert not link.is_open

    on_virtual_time(with_link([(sent("MEAS:POW?\n"), reply)], what))


def test_a_line_may_come_in_pieces():
    async def what(link, _bench):
        return await link.number("MEAS:POW?")

    pieces = [sent("92"), 0.3, sent("0.5\r"), 0.3, sent("\n")]
    exchanges = [(sent("MEAS:POW?\n"), pieces)]
    assert on_virtual_time(with_link(exchanges, what)) == 920.5


def test_two_who_ask_at_once_take_turns():
    async def what(link, _bench):
        return await asyncio.gather(link.query("A?"), link.query("B?"), link.set("C 1"))

    exchanges = [
        (sent("A?\n"), [0.5, answered("a")]),
        (sent("B?\n"), [0.5, answered("b")]),
        (sent("C 1\nSYST:ERR?\n"), answered("0")),
    ]
    assert on_virtual_time(with_link(exchanges, what)) == ["a", "b", None]


@pytest.mark.parametrize(
    "address", ["scpi://10.0.0.7", "scpi://10.0.0.7:30000/x", "tcp://10.0.0.7:5025", ""]
)
def test_an_address_of_another_form_is_refused_with_the_right_one(address):
    with pytest.raises(RigError, match="scpi://HOST:PORT"):
        parse_address("test.toml [device.load]", address)


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ('0,"No error"', (0, "No error")),
        ('+0,"No error"', (0, "No error")),
        ("0", (0, "")),
        ('-222,"Data out of range;CURR 30"', (-222, "Data out of range;CURR 30")),
        ("(-102) Syntax error", (-102, "Syntax error")),  # as one manual lists them
    ],
)
def test_an_error_is_read_as_instruments_write_it(line, entry):
    assert parse_error(line) == entry


@pytest.mark.parametrize("line", ["", "No error", "ok,0", "0x1"])
def test_what_is_no_error_entry_is_refused(line):
    with pytest.raises(ValueError, match="no entry of an error queue"):
        parse_error(line)


# The emulated instrument's side.


@pytest.mark.parametrize(
    ("header", "sent_as", "same"),
    [
        ("[SOURce:]CURRent[:LEVel][:AMPLitude]?", "CURR?", True),
        ("[SOURce:]CURRent[:LEVel][:AMPLitude]?", "sour:current:lev?", True),
        ("[SOURce:]CURRent[:LEVel][:AMPLitude]?", ":CURR:AMPL?", True),
        ("[SOURce:]CURRent[:LEVel][:AMPLitude]?", "CURR", False),
        ("[SOURce:]CURRent[:LEVel][:AMPLitude]?", "CURRE?", False),
        ("*IDN?", "*idn?", True),
    ],
)
def test_headers_are_long_or_short_and_nothing_between(header, sent_as, same):
    assert (header_pattern(header).fullmatch(sent_as) is not None) == same


def instrument():
    """A thing with one level, that forgets nothing."""
    held = {"value": "1"}

    def put(parameter):
        if parameter not in ("1", "2"):
            raise ScpiError(*ILLEGAL_VALUE)
        held["value"] = parameter

    commands = {
        "[SOURce:]LEVel": put,
        "[SOURce:]LEVel?": lambda _: held["value"],
        "MEASure:POWer?": lambda _: "5",
        "MEASure:POWer:PFACtor?": lambda _: "0.5",
    }
    return Instrument(commands)


@pytest.mark.parametrize(
    ("line", "answer", "errors"),
    [
        ("LEV 2;LEV?", "2", []),
        ("MEAS:POW?;POW:PFAC?", "5;0.5", []),  # the second goes on from MEAS
        (":MEAS:POW?;:LEV?", "5;1", []),
        ("LEV 3", None, ['-224,"Illegal parameter value"']),
        ("LEV 3;LEV?", None, ['-224,"Illegal parameter value"']),
        ("VOLT?", None, ['-113,"Undefined header"']),
        ("NOISE;*CLS", None, ['-113,"Undefined header"']),
        ("", None, []),
    ],
)
def test_a_line_is_carried_out_as_scpi_has_it(line, answer, errors):
    thing = instrument()
    assert thing.carry_out(line) == answer
    told = []
    while (entry := thing.carry_out("SYST:ERR?")) != '0,"No error"':
        told.append(entry)
    assert told == errors


def test_the_queue_of_errors_ends_with_how_many_were_too_many():
    thing = instrument()
    for _ in range(30):
        thing.carry_out("NOISE")
    told = [thing.carry_out("SYST:ERR?") for _ in range(21)]
    assert told[19] == '-350,"Queue overflow"'
    assert told[20] == '0,"No error"'


@pytest.mark.parametrize(
    ("heard", "entry"),
    [
        (b"LEV\xff 2\n", '-101,"Invalid character"'),
        (b"\x00\n", '-101,"Invalid character"'),
        (b"L" * 3000 + b"\n", '-223,"Too much data"'),
        (b"LEV 2 \r\n", '0,"No error"'),
    ],
)
def test_noise_is_queued_and_the_next_line_is_served(heard, entry):
    session = ScpiSession(instrument(), lambda: False)
    for at in range(0, len(heard), 500):
        assert session.receive(heard[at : at + 500], 0.0) == ([], True)
    replies, _ = session.receive(b"SYST:ERR?\nMEAS:POW?\n", 0.0)
    assert replies == [entry.encode() + b"\n", b"5\n"]


def test_our_link_and_our_instrument_agree():
    async def run():
        async with serve_scpi(instrument(), lambda: False) as address:
            link = ScpiLink(Bench(address).context, timeout_s=1.0)
            await link.set("LEV 2")
            with pytest.raises(RefusedError, match="-224 Illegal parameter value"):
                await link.set("LEV 7")
            assert await link.number("LEV?") == 2
            link.close()

    on_virtual_time(run())


PER_SEED = 20
many = settings(max_examples=FRAMES // PER_SEED, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
GOOD = [b'0,"No error"\n', b"-1.25E+3\n", b"ITECH Ltd.,IT8615,8000,1.02\n"]


@many
@given(seeds)
def test_a_mangled_answer_is_a_value_error_or_an_answer(seed):
    for data in mangled(seed, GOOD):
        try:
            length = whole_line(data)
        except ValueError:
            continue
        assert length in (0, len(data))
        if not length:
            continue
        for parse in (parse_error, parse_number):
            try:
                parse(data[:length].decode("ascii").strip())
            except ValueError:
                continue


@many
@given(seeds)
def test_nothing_that_is_said_to_the_instrument_breaks_it(seed):
    thing = instrument()
    session = ScpiSession(thing, lambda: False)
    good = [b"LEV 2\n", b"MEAS:POW?\n", b"*CLS;SYST:ERR?\n"]
    for piece in mangled(seed, good):
        replies, in_step = session.receive(piece, 0.0)
        assert in_step
        assert all(frame_length(reply) == len(reply) for reply in replies)
    replies, _ = ScpiSession(thing, lambda: False).receive(b"MEAS:POW?\n", 0.0)
    assert replies == [b"5\n"]
