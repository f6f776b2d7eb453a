"""How a Modbus address is written in a rig file, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from harness.core.errors import RigError

FORMS = (
    "modbus://HOST:PORT/UNIT, rtu+tcp://HOST:PORT/UNIT or "
    "serial:/dev/ttyUSB0?baud=9600&parity=N&stop=1&unit=1"
)
"""Every form that is understood, as rig files show it."""

HIGHEST_UNIT = {"tcp": 255, "rtu": 247, "serial": 247}
"""Highest unit id. Serial line: 1 to 247 (MODBUS over serial line V1.02, 2.2);
TCP: one byte, 255 for "this very device" (Messaging on TCP/IP V1.0b, 4.4.2.1)."""

_TCP = re.compile(
    r"(?P<scheme>modbus|rtu\+tcp)://(?P<host>\[[0-9a-fA-F:]+\]|[^/:\s]+)"
    r":(?P<port>\d{1,5})/(?P<unit>\d{1,3})"
)
_SERIAL_KEYS = {"baud": "9600", "parity": "N", "stop": "1", "unit": "1"}


@dataclass(frozen=True, slots=True)
class ModbusAddress:
    """Where a Modbus unit is found."""

    wire: Literal["tcp", "rtu", "serial"]
    """Modbus TCP, RTU frames over TCP, or RTU on a serial port."""
    unit: int
    host: str = ""
    port: int = 0
    path: str = ""
    """Serial device, such as ``/dev/ttyUSB0``."""
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    @property
    def endpoint(self) -> str:
        """The port or socket without the unit: units on one bus share it."""
        if self.wire == "serial":
            return self.path
        return f"{self.host}:{self.port}"


def parse_modbus_address(where: str, text: str) -> ModbusAddress:
    """Read an address as a rig file gives it.

    Raises
    ------
    RigError
        Naming what is wrong and the right forms.
    """
    if text.startswith("serial:"):
        return _serial(where, text)
    match = _TCP.fullmatch(text)
    if match is None:
        raise _wrong(where, f"{text!r} is not a Modbus address")
    port = int(match["port"])
    if not 1 <= port <= 65535:
        raise _wrong(where, f"port {port} in {text!r} is not between 1 and 65535")
    wire: Literal["tcp", "rtu"] = "tcp" if match["scheme"] == "modbus" else "rtu"
    unit = _unit(where, text, int(match["unit"]), wire)
    return ModbusAddress(wire, unit, host=match["host"].strip("[]"), port=port)


def _serial(where: str, text: str) -> ModbusAddress:
    path, _, query = text.removeprefix("serial:").partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(given) - set(_SERIAL_KEYS))
    if not path or unknown:
        what = f"unknown setting {unknown[0]!r}" if unknown else "no device"
        raise _wrong(where, f"{what} in {text!r}")
    settings = _SERIAL_KEYS | given
    for key in ("baud", "stop", "unit"):
        if not settings[key].isdecimal():
            raise _wrong(where, f"{key}={settings[key]} in {text!r} is not a number")
    if settings["parity"] not in {"N", "E", "O"} or settings["stop"] not in {"1", "2"}:
        raise _wrong(where, f"parity is N, E or O and stop is 1 or 2, not as {text!r}")
    if not 300 <= int(settings["baud"]) <= 1_000_000:
        raise _wrong(where, f"baud={settings['baud']} in {text!r} is no line speed")
    return ModbusAddress(
        "serial",
        _unit(where, text, int(settings["unit"]), "serial"),
        path=path,
        baud=int(settings["baud"]),
        parity=settings["parity"],
        stop_bits=int(settings["stop"]),
    )


def _unit(where: str, text: str, unit: int, wire: str) -> int:
    highest = HIGHEST_UNIT[wire]
    if not 1 <= unit <= highest:
        raise _wrong(where, f"unit {unit} in {text!r} is not between 1 and {highest}")
    return unit


def _wrong(where: str, fact: str) -> RigError:
    return RigError(f"{where} address", fact, FORMS)
