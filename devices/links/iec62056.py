"""IEC 62056-21 mode C, read-out: sign on, agree on a speed, take the data block.

Source: IEC 62056-21:2002 (once IEC 1107), 6.3 (messages), 6.4.3 (mode C), 5.8 and 6.5.2
(data block and data set), and for the block check character ISO 1155. Written from the
standard as makers' manuals and open implementations quote it; the document itself was
not read, so clause numbers are unverified.

The conversation, at 300 baud, 7 bits with even parity, until the speed changes:

1. ``/?`` + device address + ``!`` CR LF
2. ``/`` + three letters of the maker + speed character + identification CR LF
3. ACK ``0`` + speed character + ``0`` CR LF, then the agreed speed
4. STX + data sets ``code(value*unit)`` CR LF … ``!`` CR LF ETX + block check character
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from devices.links.byte_wire import SPEEDS, ByteWire, Endpoint
from harness.core.bench import DeviceContext
from harness.core.errors import LinkError, RigError

FORMS = "iec62056+tcp://HOST:PORT, or serial:/dev/ttyUSB0 with an optical head"
MODE_C_SPEEDS = dict(zip("0123456", SPEEDS, strict=True))
"""Speed character of mode C: speed. Source: IEC 62056-21, 6.3.14, item 13c. [bit/s]"""
STX, ETX, ACK = 0x02, 0x03, 0x06

_TCP = re.compile(
    r"iec62056\+tcp://(?P<host>\[[0-9a-fA-F:]+\]|[^/:\s]+):(?P<port>\d{1,5})"
)
_IDENTIFICATION = re.compile(rb"/([A-Za-z]{3})(.)([^\r\n]*)\r\n")
_DATA_SET = re.compile(r"([^()/!\r\n]{0,32})((?:\([^()]*\))+)")
_VALUE = re.compile(r"\(([^()]*)\)")
_CODE = re.compile(r"(?:\d+-\d+:)?([0-9A-Z]+\.[0-9A-Z]+(?:\.[0-9A-Z]+)?)(?:[*&]\d+)?")


@dataclass(frozen=True, slots=True)
class Readout:
    """What one read-out gave."""

    maker: str
    """Three letters of the FLAG association's list."""
    identification: str
    values: Mapping[str, tuple[str, ...]]
    """By reduced OBIS code (``1.8.0``): the values, as they stood in parentheses."""


def parse_address(where: str, text: str) -> Endpoint:
    """Read an address as a rig file gives it.

    Raises
    ------
    RigError
        Naming the right forms.
    """
    match = _TCP.fullmatch(text)
    if match is not None and 1 <= int(match["port"]) <= 65535:
        return Endpoint(match["host"].strip("[]"), int(match["port"]))
    path = text.removeprefix("serial:")
    if path != text and path.startswith("/") and "?" not in path:
        return Endpoint(path=path)
    fact = f"{text!r} is not the address of an optical port"
    raise RigError(f"{where} address", fact, FORMS)


def without_parity(data: bytes) -> bytes:
    """Take even parity off, where a gateway passed it on in the eighth bit.

    Raises
    ------
    ValueError
        If a byte has its eighth bit set and its parity is odd: it was garbled.
    """
    if data.isascii():
        return data
    for byte in data:
        if byte & 0x80 and byte.bit_count() % 2:
            raise ValueError(f"byte {byte:#04x} has the wrong parity")
    return bytes(byte & 0x7F for byte in data)


def parse_identification(message: bytes) -> tuple[str, str, str]:
    """Split an identification into maker, speed character and the rest.

    Raises
    ------
    ValueError
        If it is none.
    """
    match = _IDENTIFICATION.fullmatch(message)
    if match is None:
        raise ValueError(f"{message.hex()} is no identification message")
    maker, speed, rest = (part.decode("ascii", "replace") for part in match.groups())
    return maker, speed, rest


def block_check(data: bytes) -> int:
    """Return the block check character of what lies between STX and it, ETX included.

    ISO 1155: in each of seven bits the sum without carry.
    """
    check = 0
    for byte in data:
        check ^= byte
    return check & 0x7F


def parse_block(block: bytes) -> dict[str, tuple[str, ...]]:
    """Take the data sets out of a block, from STX to the block check character.

    Raises
    ------
    ValueError
        If the check is wrong or something is no data set.
    """
    if len(block) < 3 or block[0] != STX or block[-2] != ETX:
        raise ValueError("the data block does not go from STX to ETX")
    check = block_check(block[1:-1])
    if check != block[-1]:
        raise ValueError(f"block check character {block[-1]:#04x}, not {check:#04x}")
    text, end, _ = block[1:-2].decode("ascii").partition("!")
    if not end:
        raise ValueError("the data block has no end ('!')")
    values: dict[str, tuple[str, ...]] = {}
    for line in text.split("\r\n"):
        values |= _data_sets(line)
    return values


def _data_sets(line: str) -> dict[str, tuple[str, ...]]:
    """A line has one data set or more, one behind the other."""
    values, at = {}, 0
    for match in _DATA_SET.finditer(line):
        if match.start() != at:
            break
        at = match.end()
        code = _CODE.fullmatch(match[1])
        values[code[1] if code else match[1]] = tuple(_VALUE.findall(match[2]))
    if at != len(line):
        raise ValueError(f"{line!r} is no data set")
    return values


def number_and_unit(value: str) -> tuple[float, str]:
    """Split ``001234.567*kWh`` into its number and its unit.

    Raises
    ------
    ValueError
        If there is no number.
    """
    number, _, unit = value.partition("*")
    if not re.fullmatch(r"[+-]?\d{1,16}(?:\.\d{0,16})?", number):
        raise ValueError(f"{value!r} is no number")
    return float(number), unit


def _identification_end(data: bytes) -> int:
    """Length of the identification; what is before its ``/`` cannot be."""
    plain = without_parity(data)
    if plain[:1] != b"/":
        raise ValueError(f"{data[:16].hex()} is no identification message")
    end = plain.find(b"\n") + 1
    if not end and len(plain) > 64:
        raise ValueError("an identification without an end")
    return end


def frame_length(data: bytes) -> int:
    """Length of the first whole message, either way: a line, or a block and its check.

    Echoes, broken bytes and all: for wire faults. 0 if it is not whole yet.
    """
    plain = bytes(byte & 0x7F for byte in data)
    if plain[:1] == bytes((STX,)):
        end = plain.find(ETX)
        return end + 2 if 0 <= end < len(plain) - 1 else 0
    return plain.find(b"\n") + 1


def _block_end(data: bytes) -> int:
    plain = without_parity(data)
    if plain[0] != STX:
        raise ValueError(f"{data[:16].hex()} is no data block")
    return frame_length(plain)


class OpticalPort:
    """The optical port of one meter.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and takes every frame verbatim in hex.
    device_address : str
        Which of several meters on one line; empty for the only one.
    timeout_s : float
        Longest wait for a connection, for the identification and for the block. [s]
    """

    def __init__(
        self, context: DeviceContext, *, device_address: str = "", timeout_s: float
    ) -> None:
        endpoint = parse_address(context.where, context.address)
        self._wire = ByteWire(context, endpoint, timeout_s=timeout_s)
        self._sign_on = f"/?{device_address}!\r\n".encode("ascii")
        self._timeout_s = timeout_s
        self.failures = 0
        """Read-outs that gave nothing usable."""

    async def connect(self) -> None:
        """Open the socket or line."""
        await self._wire.open()

    def close(self) -> None:
        """Let go of the wire."""
        self._wire.close()

    async def read_out(self) -> Readout:
        """Sign on and take the data block.

        Raises
        ------
        LinkError
            If the meter does not answer in bounded time, or not as mode C.
        """
        try:
            return await self._read_out()
        except LinkError:
            self.failures += 1
            raise

    async def _read_out(self) -> Readout:
        wire = self._wire
        await wire.open()
        wire.set_speed(300)
        answer = await wire.exchange(
            self._sign_on, _identification_end, timeout_s=self._timeout_s
        )
        try:
            maker, letter, rest = parse_identification(without_parity(answer))
            speed = MODE_C_SPEEDS[letter]
        except KeyError:
            raise self._refused(f"speed character {letter!r} is not mode C") from None
        except ValueError as error:
            raise self._refused(str(error)) from error
        acknowledge = bytes((ACK,)) + f"0{letter}0\r\n".encode("ascii")
        block = await wire.exchange(
            acknowledge, _block_end, timeout_s=self._timeout_s, then_baud=speed
        )
        try:
            return Readout(maker, rest, parse_block(without_parity(block)))
        except ValueError as error:
            raise self._refused(str(error)) from error

    def _refused(self, fact: str) -> LinkError:
        self._wire.close()
        hint = "the optical head's place, and whether the meter speaks mode C"
        return LinkError(self._wire.where, fact, hint)
