"""Wire evidence of a trial: what to capture on a rig, and what came of it."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path

from harness.capture.beside import start
from harness.capture.interfaces import LOOPBACK, link_type, route_to
from harness.capture.network import is_private
from harness.capture.wanted import Peer, Tap, in_words
from harness.core.clock import BenchClock
from harness.core.errors import FeatureError, RigError
from harness.rig.assemble import Part, parts_of
from harness.rig.file import Rig
from harness.rig.wire_address import endpoint_of

FILE = "wire.pcapng"
FACT = "capture"
AUTO = "auto"
TIE_TRIES = 5


def taps_of(rig: Rig, interface: str) -> tuple[Tap, ...]:
    """Return where to capture: nowhere if `interface` is empty, or where it says.

    ``auto`` means on loopback, and wherever a real part's address leads.

    On loopback all is kept if any part is emulated, since its port is not known yet;
    elsewhere only what goes to or comes from the rig's own addresses.

    Raises
    ------
    UsageError
        If the rig runs on virtual time, nothing of it is on a network, or an
        interface is none.
    """
    if not interface:
        return ()
    if rig.rig.clock == "virtual":
        raise RigError(
            f"{rig.file_name} [rig] clock",
            "it runs on virtual time, and stamps on the wire are of real time: a "
            "minute of the bench passes in milliseconds",
            'a rig with clock = "wall", such as rigs/wall_emulated.toml',
        )
    by_name: dict[str, list[Peer]] = {}
    emulated = False
    for part in parts_of(rig):
        emulated |= part.emulated is not None
        for peer in _peers(part):
            name = _way_to(peer, part.where) if interface == AUTO else interface
            by_name.setdefault(name, []).append(peer)
    if emulated:
        by_name[LOOPBACK if interface == AUTO else interface] = []
    if not by_name:
        raise RigError(
            rig.file_name,
            "nothing of it is on a network that could be captured",
            "a device on TCP, or the run without --capture",
        )
    for name in by_name:
        link_type(name)
    return tuple(Tap(name, tuple(peers)) for name, peers in sorted(by_name.items()))


def _way_to(peer: Peer, where: str) -> str:
    if peer.host:
        return route_to(peer.host)
    raise RigError(
        f"{where} address",
        "it listens on every interface, so that nobody can tell on which its device is",
        "naming that one with --capture-interface",
    )


def _peers(part: Part) -> Iterator[Peer]:
    """The ends of a real part's wire, by every address that its name has."""
    if part.emulated is not None:
        return
    address = part.address.replace("wss:", "ws:").replace("https:", "http:")
    try:
        host, port = endpoint_of(part.where, address.replace("mqtts:", "mqtt:"))
    except FeatureError:
        return  # a serial line: no frames
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RigError(
            part.where, f"{host} has no address ({error.strerror})", "its IP address"
        ) from error
    for ip in sorted({str(info[4][0]) for info in found}):
        # A driver that listens is dialled on its port, by whichever address.
        yield Peer("" if ip in ("0.0.0.0", "::") else ip, port)  # noqa: S104 - no bind


@asynccontextmanager
async def captured(
    taps: tuple[Tap, ...],
    folder: Path,
    clock: BenchClock,
    facts: MutableMapping[str, object],
) -> AsyncIterator[None]:
    """Capture while the block runs; put what came of it into ``facts["capture"]``.

    The file goes into the bundle before that is finished: it is under its seal.

    Raises
    ------
    BenchError
        If the capture cannot begin. One that ends badly is a fact, no error.
    """
    if not taps:
        yield
        return
    capture = start(folder / FILE, taps, comment=f"{folder.parent.name}/{folder.name}")
    ties: list[dict[str, object]] = []
    first = asyncio.create_task(_first_tie(clock, ties))
    try:
        yield
    finally:
        if ties:
            ties.append(tie(clock))
        first.cancel()
        await asyncio.wait({first})
        facts[FACT] = {
            "file": FILE,
            "interfaces": [tap.interface for tap in taps],
            "kept": {tap.interface: in_words(tap.peers) for tap in taps},
            "private_network": is_private(),
            "clock": ties,
        } | capture.stop()


async def _first_tie(clock: BenchClock, ties: list[dict[str, object]]) -> None:
    await clock.until(-math.inf)  # a held clock says nothing until it runs
    ties.append(tie(clock))


def tie(clock: BenchClock) -> dict[str, object]:
    """Read the bench clock and the clock of the frames' stamps at one moment.

    The bench clock is read between two readings of the other; the closest pair of
    several is taken, and how far apart it was is kept.
    """

    def realtime_ns() -> int:
        return time.clock_gettime_ns(time.CLOCK_REALTIME)

    best: tuple[int, int, float] | None = None
    for _ in range(TIE_TRIES):
        before_ns, bench_s, after_ns = realtime_ns(), clock.now_s(), realtime_ns()
        if best is None or after_ns - before_ns < best[0]:
            best = (after_ns - before_ns, (before_ns + after_ns) // 2, bench_s)
    assert best is not None  # noqa: S101 - tried at least once
    width_ns, middle_ns, bench_s = best
    return {"bench_s": bench_s, "realtime_ns": middle_ns, "width_ns": width_ns}


def in_report(facts: Mapping[str, object]) -> dict[str, str]:
    """Say what came of a capture; empty where there was none."""
    capture = facts.get(FACT)
    if not isinstance(capture, Mapping):
        return {}
    status = str(capture["status"])
    said = [status if status == "complete" else f"NOT WHOLE: {status}"]
    if "packets" in capture:
        where = " and ".join(capture["interfaces"])
        own = " of a network of its own" if capture["private_network"] else ""
        said.append(
            f"{capture['packets']} frames, {capture['bytes']} bytes on {where}{own}, "
            f"{capture['drops']} lost"
        )
    return {str(capture["file"]): "; ".join(said)}
