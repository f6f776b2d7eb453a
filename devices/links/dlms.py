"""A DLMS/COSEM client over TCP: associate, and get attributes by logical name.

The only module that imports dlms-cosem. That library makes the requests and reads the
association's response. What a GET gives is read in `devices.links.dlms_data`, strictly:
the library takes a number that was cut short for a smaller one. Its own connection
class is not used: it draws random numbers, and prints.

Source: DLMS UA 1000-2 (Green Book), 8.3 (wrapper on TCP, IEC 62056-47), 9.4 and 9.5
(ACSE and xDLMS services). Read in excerpts and open implementations, not in the
document itself: clause numbers are unverified.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import dlms_cosem.cosem as cosem  # type: ignore[import-untyped]
import dlms_cosem.enumerations as enums  # type: ignore[import-untyped]
from dlms_cosem.protocol import acse, xdlms  # type: ignore[import-untyped]
from dlms_cosem.protocol.acse.user_information import (  # type: ignore[import-untyped]
    UserInformation,
)

from devices.links.byte_wire import ByteWire, Endpoint
from devices.links.dlms_data import Value, decode, take_byte
from harness.core.bench import DeviceContext
from harness.core.errors import LinkError, RefusedError, RigError

FORMS = "dlms://HOST:4059"
WRAPPER_VERSION = 1
MULTIPLE_REFERENCES = "multiple_references"
OBJECT_UNDEFINED, OBJECT_UNAVAILABLE = 4, 11
"""data-access-result of an object that the meter does not have. Green Book, 9.5."""

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


def parse_address(where: str, text: str) -> Endpoint:
    """Read an address as a rig file gives it.

    Raises
    ------
    RigError
        Naming the right form.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "dlms" or not parts.hostname or not port or parts.path:
        raise RigError(f"{where} address", f"{text!r} is not a DLMS address", FORMS)
    return Endpoint(parts.hostname, port)


def frame_length(data: bytes) -> int:
    """Length of the first whole message: wrapper and what it says follows.

    Source: Green Book, 8.3.3: version, source, destination, length, each 16 bits.
    """
    if len(data) < 8:
        return 0
    length = 8 + int.from_bytes(data[6:8], "big")
    return length if len(data) >= length else 0


def association_request(
    *, password: str = "", conformance: Sequence[str] = ("get", MULTIPLE_REFERENCES)
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


def get_request(attributes: Sequence[Attribute], *, number: int) -> bytes:
    """Make a GET: the normal one for one attribute, with list for several."""
    invoke = xdlms.InvokeIdAndPriority(invoke_id=number)
    wanted = [
        cosem.CosemAttribute(
            enums.CosemInterface(each.interface),
            cosem.Obis.from_string(each.name),
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


class DlmsLink:
    """One logical device of a meter, over TCP with the wrapper.

    Parameters
    ----------
    context : DeviceContext
        Gives the address, and takes every frame verbatim in hex.
    client, server : int
        Wrapper ports: 16 is the public client, 1 the management logical device.
    password : str
        For low level security; empty for none.
    timeout_s : float
        Longest wait for a connection and for each reply. [s]
    """

    def __init__(
        self,
        context: DeviceContext,
        *,
        client: int,
        server: int,
        password: str,
        timeout_s: float,
    ) -> None:
        endpoint = parse_address(context.where, context.address)
        self._wire = ByteWire(context, endpoint, timeout_s=timeout_s)
        self._client, self._server = client, server
        self._password, self._timeout_s = password, timeout_s
        self._is_associated = self._several = False
        self._number = 0
        self.failures = 0
        """Requests that got no usable reply."""

    def close(self) -> None:
        """Let go of the wire; the meter ends the association with it."""
        self._wire.close()

    async def associate(self) -> None:
        """Connect and associate, unless that is so already.

        Raises
        ------
        RefusedError
            If the meter refuses: the client, or its password.
        LinkError
            If it does not answer in bounded time, or not as DLMS.
        """
        if self._is_associated and self._wire.is_open:
            return
        self._is_associated = False
        reply = await self._ask(association_request(password=self._password))
        try:
            refusal, self._several = parse_association(reply)
        except ValueError as error:
            raise self._failed(str(error)) from error
        if refusal:
            self._wire.close()
            fact = f"the meter refused the association ({refusal})"
            raise RefusedError(self._wire.where, fact, "client and password")
        self._is_associated = True

    async def get(self, attributes: Sequence[Attribute]) -> list[Value | Absent]:
        """Get attributes: at once if the meter can, else one by one.

        Raises
        ------
        LinkError
            If there is no usable reply in bounded time.
        """
        await self.associate()
        if self._several or len(attributes) == 1:
            return await self._get(attributes)
        results = []
        for each in attributes:
            results += await self._get([each])
        return results

    async def _get(self, attributes: Sequence[Attribute]) -> list[Value | Absent]:
        self._number = self._number % 15 + 1
        reply = await self._ask(get_request(attributes, number=self._number))
        try:
            return parse_get_response(reply, number=self._number, count=len(attributes))
        except ValueError as error:
            raise self._failed(str(error)) from error

    async def _ask(self, apdu: bytes) -> bytes:
        """Send an APDU in its wrapper; return the APDU of the reply."""
        header = struct.pack(
            ">4H", WRAPPER_VERSION, self._client, self._server, len(apdu)
        )
        try:
            reply = await self._wire.exchange(
                header + apdu, self._whole, timeout_s=self._timeout_s
            )
        except LinkError:
            self.failures += 1
            self._is_associated = False
            raise
        return reply[8:]

    def _whole(self, data: bytes) -> int:
        """Length of a whole reply; refuse what no meter would send us."""
        wanted = struct.pack(">3H", WRAPPER_VERSION, self._server, self._client)
        if data[:6] != wanted[: len(data)]:
            raise ValueError(
                f"{data[:8].hex()} is no wrapper from server {self._server}"
            )
        return frame_length(data)

    def _failed(self, fact: str) -> LinkError:
        self.failures += 1
        self._is_associated = False
        self._wire.close()
        return LinkError(self._wire.where, fact, "the meter, and what stands before it")
