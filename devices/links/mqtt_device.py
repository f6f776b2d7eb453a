"""The device's side of MQTT, for emulators: which broker, and a place on it.

Without an address in the rig file each emulated device brings a broker of its own, to
which the driver connects over a real socket while the device itself is a client in the
same process. Emulators with ``broker = "shared"`` use one broker of the bench. With an
address they dial a broker outside the process: mosquitto, on the wall clock.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from devices.links.mqtt import Login, MqttAddress, MqttClient, parse_mqtt_address
from devices.links.mqtt_broker import Broker, Local
from devices.links.mqtt_packets import Connect, Publish
from harness.core.bench import EmulatorContext, Options
from harness.core.circuit import Circuit

SHARED: Final = "shared"
DIAL_S: Final = 5.0
"""How long an emulator waits for a broker outside, and between attempts. [s]"""


class BrokerOptions(Options):
    """Where an emulated device finds its broker."""

    broker: str = ""
    """Empty: it brings one. ``shared``: one for all of the bench that say so.
    ``mqtt://HOST:PORT``: that one, on the wall clock only."""


@dataclass(frozen=True, slots=True)
class Guest:
    """An emulated device as a client of a broker."""

    client_id: str
    filters: tuple[str, ...]
    """What it listens to."""
    heard: Callable[[Publish], None]
    arrived: Callable[[], None]
    """Called whenever it has connected."""
    will: Publish | None = None


class Place(Protocol):
    """A guest's place on its broker."""

    @property
    def is_connected(self) -> bool:
        """Whether what it tells goes anywhere."""
        ...

    def tell(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish at QoS 0; without a connection it is dropped."""
        ...

    def leave(self) -> None:
        """Be gone without a word, as when the power fails; the will is sent."""
        ...

    def come(self) -> None:
        """Connect again."""
        ...


class _Inside:
    """A place on a broker of this process."""

    def __init__(self, broker: Broker, guest: Guest) -> None:
        self._guest = guest
        wish = Connect(guest.client_id, will=guest.will)
        self._local = Local(broker, wish, guest.heard)
        self.tell = self._local.tell

    @property
    def is_connected(self) -> bool:
        return self._local.is_connected

    def leave(self) -> None:
        self._local.cut()

    def come(self) -> None:
        if not self._local.is_connected:
            self._local.enter(*self._guest.filters)
            self._guest.arrived()


class _Outside:
    """A place on a broker in another process."""

    def __init__(self, where: str, address: MqttAddress, guest: Guest) -> None:
        self._guest = guest
        self.client = MqttClient(
            address,
            where=where,
            login=Login(guest.client_id, will=guest.will),
            timeout_s=DIAL_S,
            heard=guest.heard,
            told=self._told,
            redial_s=DIAL_S,
        )
        self.tell = self.client.tell

    @property
    def is_connected(self) -> bool:
        return self.client.is_connected

    def leave(self) -> None:
        self.client.hang_up()

    def come(self) -> None:
        self.client.dial()

    def _told(self, kind: str, _detail: str) -> None:
        if kind == "connected":
            self._guest.arrived()


@asynccontextmanager
async def on_broker(
    context: EmulatorContext, broker: str, guest: Guest, topic: str
) -> AsyncIterator[tuple[Place, str]]:
    """Give an emulated device its place; yields that and the driver's address.

    Raises
    ------
    RigError, LinkError
        If a broker outside has no proper address, or does not answer.
    """
    if broker in ("", SHARED):
        async with _broker_inside(context, broker) as inside:
            place = _Inside(inside, guest)
            place.come()
            try:
                yield place, str(MqttAddress("127.0.0.1", inside.port, topic))
            finally:
                place.leave()
        return
    where = f"{context.where} emulator broker"
    address = parse_mqtt_address(where, broker, topic_needed=False)
    outside = _Outside(where, address, guest)
    try:
        await outside.client.subscribe(*guest.filters)
        yield outside, str(MqttAddress(address.host, address.port, topic))
    finally:
        await outside.client.close(politely=False)


@dataclass(slots=True)
class _Shared:
    """The broker that several emulators of one bench use, and how many do."""

    broker: Broker
    users: int = 0
    serving: asyncio.Task[None] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    leave: asyncio.Event = field(default_factory=asyncio.Event)


_of_bench: weakref.WeakKeyDictionary[Circuit, _Shared] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def _broker_inside(
    context: EmulatorContext, broker: str
) -> AsyncIterator[Broker]:
    if broker == SHARED:
        async with _joined(context) as shared:
            yield shared
        return
    own = Broker()
    async with own.listening(context.port):
        yield own


@asynccontextmanager
async def _joined(context: EmulatorContext) -> AsyncIterator[Broker]:
    """Use the bench's broker; the last to leave closes it."""
    shared = _of_bench.get(context.circuit)
    if shared is None:
        shared = _of_bench[context.circuit] = _Shared(Broker())
        shared.serving = asyncio.create_task(_serve(shared, context.port))
    shared.users += 1
    try:
        await _serving(shared)
        yield shared.broker
    finally:
        shared.users -= 1
        if not shared.users:
            _of_bench.pop(context.circuit, None)
            shared.leave.set()
            if shared.serving is not None:
                await asyncio.wait({shared.serving})


async def _serve(shared: _Shared, port: int) -> None:
    async with shared.broker.listening(port):
        shared.ready.set()
        await shared.leave.wait()


async def _serving(shared: _Shared) -> None:
    """Return when it listens; raise what keeps it from that."""
    ready = asyncio.create_task(shared.ready.wait())
    serving = shared.serving
    either = {ready} if serving is None else {ready, serving}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if serving is not None and serving.done():
        serving.result()
