"""Peers that a driver meets on a bad day, on real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from enum import StrEnum

from harness.core.bench import Driver
from harness.core.capabilities import Polled
from harness.core.clock import BenchClock
from harness.core.errors import FlexrigError
from harness.kit.stand import BOUND_S, Ear, Stand, opened, standing
from harness.rig.findings import Finding, failed, not_applicable, passed

NOISE = bytes(range(256)) * 4
FLOOD = 4096
"""Four megabytes of noise: more than any device has to say. """
_ENDPOINT = re.compile(r"127\.0\.0\.1:\d+")


class Manner(StrEnum):
    """How a peer fails."""

    ABSENT = "nobody there"
    SILENT = "takes the connection and says nothing"
    NOISY = "talks another language"
    CURT = "hangs up at once"
    FLOODING = "never stops talking"
    HALVING = "sends half of each reply"


class _Peer(asyncio.Protocol):
    def __init__(self, manner: Manner) -> None:
        self._manner = manner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self._transport = transport
        if self._manner is Manner.CURT:
            transport.close()
        elif self._manner is Manner.NOISY:
            transport.write(NOISE)
        elif self._manner is Manner.FLOODING:
            transport.write(NOISE * FLOOD)

    def data_received(self, data: bytes) -> None:
        if self._manner is Manner.NOISY:
            self._transport.write(NOISE)


@asynccontextmanager
async def _listening(manner: Manner) -> AsyncIterator[int]:
    """Serve a bad peer; for one that is absent, a port that nobody has."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Peer(manner), "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    if manner is Manner.ABSENT:
        server.close()
        await server.wait_closed()
        yield port
        return
    try:
        yield port
    finally:
        server.close()


async def meets(driver: Driver, manner: Manner, clock: BenchClock) -> Finding:
    """Let a driver get ready with a bad peer: one clear error, in bounded time."""
    check, ear = f"peer: {manner}", Ear()
    if driver.listens:
        return await _is_dialled(driver, manner, clock, ear)
    async with standing(driver, clock, ready=False) as stand:
        good = stand.emulator.address
        if not _ENDPOINT.search(good):
            return not_applicable(check, f"address {good!r} has no port of its own")
        if manner is Manner.HALVING:
            return await _behind_a_relay(driver, good, clock, ear)
    async with _listening(manner) as port:
        return await _at_port(check, driver, good, port, clock, ear)


async def _behind_a_relay(
    driver: Driver, good: str, clock: BenchClock, ear: Ear
) -> Finding:
    """Let a driver meet its own emulator, of which only half of each reply comes."""
    found = _ENDPOINT.search(good)
    assert found is not None  # noqa: S101 - who calls has looked
    loop, there = asyncio.get_running_loop(), int(found[0].rpartition(":")[2])
    server = await loop.create_server(lambda: _Near(there), "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    try:
        check = f"peer: {Manner.HALVING}"
        return await _at_port(check, driver, good, port, clock, ear)
    finally:
        server.close()


async def _at_port(
    check: str, driver: Driver, good: str, port: int, clock: BenchClock, ear: Ear
) -> Finding:
    address = _ENDPOINT.sub(f"127.0.0.1:{port}", good)
    async with opened(driver, address, clock, ear) as device:
        return await _bounded(check, device.ready(), clock)


class _Near(asyncio.Protocol):
    """The end of a relay that the driver dials."""

    def __init__(self, port: int) -> None:
        self._port, self._waiting = port, bytearray()
        self.transport: asyncio.Transport | None = None
        self._far: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self.transport = transport
        loop = asyncio.get_running_loop()
        dialling = loop.create_connection(lambda: _Far(self), "127.0.0.1", self._port)
        self._dialling = loop.create_task(dialling)

    def reached(self, far: asyncio.Transport) -> None:
        """The device answered the call: pass on what was said meanwhile."""
        self._far = far
        far.write(bytes(self._waiting))
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._far is None:
            self._waiting += data
        else:
            self._far.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._dialling.cancel()
        if self._far is not None:
            self._far.abort()


class _Far(asyncio.Protocol):
    """The end of a relay that dials the device, and keeps half of what it says."""

    def __init__(self, near: _Near) -> None:
        self._near = near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self._near.reached(transport)

    def data_received(self, data: bytes) -> None:
        if self._near.transport is not None:
            self._near.transport.write(data[: len(data) // 2])


async def _is_dialled(
    driver: Driver, manner: Manner, clock: BenchClock, ear: Ear
) -> Finding:
    """The same for a driver that the device dials."""
    check = f"peer: {manner}"
    async with opened(driver, "", clock, ear) as device:
        address = str(getattr(device, "address", ""))
        found = re.search(r"://([^/:]+):(\d+)", address)
        if found is None:
            return failed(
                check, f"it listens at {address!r}, no port", "an `address` property"
            )
        if manner is Manner.HALVING:
            return not_applicable(check, "it is dialled: it asks before it is told")
        if manner is Manner.ABSENT:
            return await _bounded(check, device.ready(), clock)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(
            lambda: _Peer(manner), found[1], int(found[2])
        )
        try:
            return await _bounded(check, device.ready(), clock)
        finally:
            transport.close()


async def _bounded(check: str, ready: Awaitable[None], clock: BenchClock) -> Finding:
    began_s = clock.now_s()
    try:
        async with asyncio.timeout(BOUND_S):
            await ready
    except FlexrigError as error:
        return passed(check, f"after {clock.now_s() - began_s:.0f} s: {error}")
    except TimeoutError:
        return failed(
            check, f"still waiting after {BOUND_S:.0f} s", "a time limit in ready()"
        )
    except Exception as error:  # a defect of the driver, and what is looked for
        return failed(
            check,
            f"{type(error).__name__}: {error}",
            "a LinkError that says where, what, and what to try",
        )
    return failed(
        check, "it was ready without a device", "ready() must read something from it"
    )


async def loses_its_device(driver: Driver, clock: BenchClock) -> Finding:
    """Take the device away mid-trial: every call ends, none returns a value."""
    check = "device vanishes"
    if driver.not_dispatchable and Polled not in driver.capabilities:
        return not_applicable(check, "no wire leads to it")
    async with standing(driver, clock) as stand:
        await stand.wait(30.0)
        await stand.power_off()
        began_s = clock.now_s()
        try:
            async with asyncio.timeout(BOUND_S):
                told = await _notices(stand)
        except TimeoutError:
            return failed(
                check, f"not noticed in {BOUND_S:.0f} s", "a time limit in each call"
            )
        except Exception as error:  # a defect of the driver, and what is looked for
            return failed(check, f"{type(error).__name__}: {error}", "a LinkError")
        if not told:
            return failed(
                check,
                "poll() returned values of a device that was gone",
                "a LinkError when the wire is gone",
            )
        return passed(check, f"after {clock.now_s() - began_s:.0f} s: {told}")


async def _notices(stand: Stand) -> str:
    if isinstance(stand.device, Polled):
        try:
            await stand.device.poll()
        except FlexrigError as error:
            return str(error)
        return ""
    while not any(event.kind == "lost" for event in stand.ear.events):
        await stand.ear.news()
    return next(e.detail for e in stand.ear.events if e.kind == "lost") or "lost"
