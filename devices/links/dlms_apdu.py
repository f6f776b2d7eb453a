"""The messages of a DLMS/COSEM client: associate, and get attributes by logical name.

The only module that imports dlms-cosem. That library makes the requests and reads the
association's response. What a GET gives is read in `devices.links.dlms_data`, strictly:
the library takes a number that was cut short for a smaller one. Its own connection
class is not used: it draws random numbers, and prints.

Source: DLMS UA 1000-2 (Green Book), 9.4 and 9.5 (ACSE and xDLMS services). Read in
excerpts and open implementations, not in the document itself: clause numbers are
unverified.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass

import dlms_cosem.cosem as cosem  # type: ignore[import-untyped]
import dlms_cosem.enumerations as enums  # type: ignore[import-untyped]
from dlms_cosem.protocol import acse, xdlms  # type: ignore[import-untyped]
from dlms_cosem.protocol.acse.user_information import (  # type: ignore[import-untyped]
    UserInformation,
)

from devices.links.dlms_data import Value, decode, take_byte

MULTIPLE_REFERENCES = "multiple_references"
PROPOSED = (
    "get",
    MULTIPLE_REFERENCES,
    "block_transfer_with_get_or_read",
    "selective_access",
)
"""What is asked for; what a meter grants of it decides."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""What the library raises for replies that are none."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of one object: class, logical name, number."""

    interface: int
    name: str
    """``1.0.1.8.0.255``."""
    number: int = 2


@dataclass(frozen=True, slots=True)
class Absent:
    """What a meter gives instead of a value: why it has none."""

    code: int

    def __str__(self) -> str:
        try:
            return str(enums.DataAccessResult(self.code).name).lower().replace("_", " ")
        except ValueError:
            return f"data access result {self.code}"


def association_request(
    *, password: str = "", conformance: Sequence[str] = PROPOSED
) -> bytes:
    """Make an AARQ: no ciphering; a password for low level security, or none."""
    initiate = xdlms.InitiateRequest(
        proposed_conformance=xdlms.Conformance(**dict.fromkeys(conformance, True))
    )
    mechanism = enums.AuthenticationMechanism
    request = acse.ApplicationAssociationRequest(
        user_information=UserInformation(content=initiate),
        authentication=mechanism.LLS if password else mechanism.NONE,
        authentication_value=password.encode() if password else None,
    )
    return bytes(request.to_bytes())


def parse_association(reply: bytes) -> tuple[str, bool]:
    """Read an AARE: why it was refused (empty if it was not), several-at-once or not.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        # The library prints the bytes of a conformance block that it does not like.
        with contextlib.redirect_stdout(io.StringIO()):
            response = acse.ApplicationAssociationResponse.from_bytes(reply)
    except UNREADABLE as error:
        raise ValueError(f"{reply.hex()} is no association response") from error
    if response.result is not enums.AssociationResult.ACCEPTED:
        why = response.result_source_diagnostics.name.lower().replace("_", " ")
        return f"{response.result.name.lower().replace('_', ' ')}, {why}", False
    content = response.user_information and response.user_information.content
    granted = getattr(content, "negotiated_conformance", None)
    return "", bool(getattr(granted, MULTIPLE_REFERENCES, False))


@functools.cache
def _obis(name: str) -> cosem.Obis:
    """Read a name once: a meter is asked for the same few all month."""
    return cosem.Obis.from_string(name)


def get_request(attributes: Sequence[Attribute], *, number: int) -> bytes:
    """Make a GET: the normal one for one attribute, with list for several."""
    invoke = xdlms.InvokeIdAndPriority(invoke_id=number)
    wanted = [
        cosem.CosemAttribute(
            enums.CosemInterface(each.interface),
            _obis(each.name),
            each.number,
        )
        for each in attributes
    ]
    if len(wanted) == 1:
        return bytes(xdlms.GetRequestNormal(wanted[0], invoke).to_bytes())
    listed = [cosem.CosemAttributeWithSelection(each, None) for each in wanted]
    return bytes(xdlms.GetRequestWithList(listed, invoke).to_bytes())


def parse_get_response(
    reply: bytes, *, number: int, count: int
) -> list[Value | Absent]:
    """Read the response to a GET of so many attributes.

    Raises
    ------
    ValueError
        If it is none, answers another request, or is cut short.
    """
    if len(reply) < 4 or reply[0] != 0xC4:
        raise ValueError(f"{reply.hex()} is no get response")
    if reply[2] & 0x0F != number:
        raise ValueError(f"{reply.hex()} answers request {reply[2] & 15}, not {number}")
    kind, at, several = reply[1], 3, 1
    if kind == 3:
        several, at = reply[3], 4
    if kind not in (1, 3) or several != count:
        raise ValueError(f"{reply.hex()} does not answer {count} attributes")
    results: list[Value | Absent] = []
    for _ in range(count):
        choice, at = take_byte(reply, at)
        if choice == 1:
            code, at = take_byte(reply, at)
            results.append(Absent(code))
        elif choice == 0:
            value, at = decode(reply, at)
            results.append(value)
        else:
            raise ValueError(f"{reply.hex()} has a result that is neither")
    if at != len(reply):
        raise ValueError(f"{reply.hex()} is longer than its data")
    return results
