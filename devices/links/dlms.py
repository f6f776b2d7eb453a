"""A DLMS/COSEM client over TCP: one association, one request at a time.

Source: DLMS UA 1000-2 (Green Book), 8.3 (wrapper on TCP, IEC 62056-47). Read in
excerpts and open implementations, not in the document itself: clause numbers are
unverified.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

from devices.links.byte_wire import ByteWire, Endpoint
from devices.links.dlms_apdu import (
    Absent,
    Attribute,
    association_request,
    get_request,
    parse_association,
    parse_get_response,
)
from devices.links.dlms_blocks import (
    MOST_DATA,
    descriptor,
    is_block,
    next_request,
    parse_block,
    part_request,
)
from devices.links.dlms_data import Value, decode_whole
from devices.links.tcp_address import host_and_port
from harness.core.bench import DeviceContext
from harness.core.errors import LinkError, RefusedError

FORMS = "dlms://HOST:4059"
WRAPPER_VERSION = 1


def parse_address(where: str, text: str) -> Endpoint:
    """Read an address as a rig file gives it; a `RigError` names the right form."""
    return host_and_port(where, text, FORMS)


def frame_length(data: bytes) -> int:
    """Length of the first whole message: wrapper and what it says follows.

    Source: Green Book, 8.3.3: version, source, destination, length, each 16 bits.
    """
    if len(data) < 8:
        return 0
    length = 8 + int.from_bytes(data[6:8], "big")
    return length if len(data) >= length else 0


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
        self._turn = asyncio.Lock()
        self.failures = 0
        """Requests that got no usable reply."""

    def close(self) -> None:
        """Let go of the wire; the meter ends the association with it."""
        self._wire.close()

    async def _associate(self) -> None:
        """Connect and associate, unless that is so already."""
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

        Connects and associates if that is not so already.

        Raises
        ------
        RefusedError
            If the meter refuses: the client, or its password.
        LinkError
            If there is no usable reply in bounded time, or not in DLMS.
        """
        async with self._turn:
            await self._associate()
            if self._several or len(attributes) == 1:
                return await self._get(attributes)
            results = []
            for each in attributes:
                results += await self._get([each])
            return results

    async def get_part(
        self, attribute: Attribute, selection: bytes, *, within_s: float
    ) -> Value | Absent:
        """Get what a selection names of one attribute, in blocks if it comes so.

        Raises
        ------
        RefusedError
            As `get`.
        LinkError
            If it is not there and whole in this time. [s]
        """
        async with self._turn:
            try:
                async with asyncio.timeout(within_s):
                    await self._associate()
                    return await self._get_part(attribute, selection)
            except TimeoutError:
                fact = f"{attribute.name} was not whole within {within_s:g} s"
                raise self._failed(fact) from None

    async def _get_part(self, attribute: Attribute, selection: bytes) -> Value | Absent:
        self._number = number = self._number % 15 + 1
        wanted = descriptor(attribute.interface, attribute.name, attribute.number)
        reply = await self._ask(part_request(wanted, selection, number=number))
        if not is_block(reply):
            return self._parsed(reply, count=1)[0]
        data, block = bytearray(), 0
        try:
            while True:
                block += 1
                piece, last = parse_block(reply, number=number, block=block)
                if isinstance(piece, int):
                    return Absent(piece)
                data += piece
                if last:
                    return decode_whole(bytes(data))
                if len(data) > MOST_DATA:
                    raise ValueError(f"{len(data)} bytes, and no last block")
                reply = await self._ask(next_request(block, number=number))
        except ValueError as error:
            raise self._failed(str(error)) from error

    async def _get(self, attributes: Sequence[Attribute]) -> list[Value | Absent]:
        self._number = self._number % 15 + 1
        reply = await self._ask(get_request(attributes, number=self._number))
        return self._parsed(reply, count=len(attributes))

    def _parsed(self, reply: bytes, *, count: int) -> list[Value | Absent]:
        try:
            return parse_get_response(reply, number=self._number, count=count)
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
