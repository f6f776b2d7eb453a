# SPDX-License-Identifier: MIT OR GPL-2.0-or-later
# The one file that imports scapy (GPL-2.0-only): it is loaded in a process of its own,
# by `python -m harness.capture decode`, and by nothing else.
"""A capture as JSON lines, one a message; Modbus is dissected by scapy.

``{"time_ns": …, "from": "HOST:PORT", "to": …, "protocol": …, "summary": …,
"payload": …}``

Its protocol is ``modbus_tcp``, ``modbus_rtu``, ``websocket``, ``http``, ``mqtt``,
``tls`` (of which the inside stays closed), ``tcp`` (bytes that nobody understood) or
``gap`` (bytes that were not captured).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from scapy.contrib.modbus import ModbusADURequest, ModbusADUResponse

from harness.capture import pcapng
from harness.capture.headers import segments
from harness.capture.talks import messages
from harness.core.errors import EvidenceError


def decode(path: Path) -> None:
    """Print a capture's messages.

    Raises
    ------
    EvidenceError
        If the file cannot be read, or is no capture.
    """
    hint = "a .pcapng file that `flexrig run --capture` wrote"
    try:
        with path.open("rb") as file:
            for told in messages(segments(pcapng.read(file)), describe):
                said = {
                    "time_ns": told.time_ns, "from": told.source, "to": told.target,
                    "protocol": told.said.protocol, "summary": told.said.summary,
                    "payload": told.said.payload,
                }  # fmt: skip
                sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    except OSError as error:
        fact = f"cannot be read ({error.strerror})"
        raise EvidenceError(str(path), fact, hint) from error
    except ValueError as error:
        raise EvidenceError(str(path), str(error), hint) from error


def describe(frame: bytes, asks: bool) -> str:
    """Say what a Modbus TCP frame asks or answers, field by field."""
    adu = (ModbusADURequest if asks else ModbusADUResponse)(frame)
    pdu = adu.payload
    fields = " ".join(f"{name}={value}" for name, value in pdu.fields.items())
    kind = type(pdu).__name__.removeprefix("ModbusPDU")
    return f"unit {adu.unitId} {kind} {fields}".strip()
