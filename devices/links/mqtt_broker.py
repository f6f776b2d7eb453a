"""A small MQTT 3.1.1 broker on the event loop: MQTT devices in virtual time.

QoS 0 and 1, retained messages, wildcards, will, clean and kept sessions, and takeover
of a client id. For emulated rigs only: no access rules but one user name and password,
nothing is kept on disk.

Source: MQTT Version 3.1.1, OASIS Standard, 29 October 2014.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from devices.links.mqtt_packets import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    Connack,
    Connect,
    Decoder,
    Packet,
    PacketError,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    encode,
    matches,
)

MOST_QUEUED: Final = 1000
"""Messages kept for a client that is away; older ones go first. Ours."""
MOST_BUFFERED: Final = 4 << 20
"""Bytes that a client may leave unread before it is dropped. Ours."""
BAD_LOGIN: Final = 4
REJECTED_ID: Final = 2
"""Source: table 3.1."""


class End(Protocol):
    """A client as the broker sees it: over a socket, or in this process."""

    session: _Session | None
    name: str

    def admit(self, wish: Connect, *, session_present: bool) -> None:
        """Be told that it is welcome."""
        ...

    def refuse(self, code: int) -> None:
        """Be told that it is not."""
        ...

    def send(self, packet: Packet) -> None:
        """Be sent a packet."""
        ...

    def cut(self) -> None:
        """Be gone without a word; its will is sent."""
        ...


@dataclass(slots=True)
class _Session:
    """What the broker keeps of a client, connected or not. Source: 3.1.2.4."""

    wishes: dict[str, int] = field(default_factory=dict)
    end: End | None = None
    unacknowledged: dict[int, Publish] = field(default_factory=dict)
    waiting: deque[Publish] = field(default_factory=lambda: deque(maxlen=MOST_QUEUED))
    numbers: itertools.cycle[int] = field(
        default_factory=lambda: itertools.cycle(range(1, 0x10000))
    )

    def granted(self, topic: str) -> int | None:
        """Highest QoS at which it hears a topic, or None."""
        heard = [qos for wanted, qos in self.wishes.items() if matches(wanted, topic)]
        return max(heard) if heard else None


class Broker:
    """Routes messages between clients.

    Parameters
    ----------
    username, password : str
        What every client must present; an empty user name lets everybody in.
    """

    def __init__(self, *, username: str = "", password: str = "") -> None:
        self._login = (username, password.encode()) if username else None
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, Publish] = {}
        self._ends: set[End] = set()
        self._anonymous = itertools.count(1)
        self.port = 0

    @asynccontextmanager
    async def listening(
        self, port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[int]:
        """Serve on loopback; yields the port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _End(self), "127.0.0.1", port, ssl=tls
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self.port
        finally:
            server.close()
            for end in list(self._ends):
                end.cut()
            await server.wait_closed()

    def publish(self, message: Publish) -> None:
        """Hand a message to everybody who wants it, and keep it if it is retained."""
        if message.retain:
            if message.payload:
                self._retained[message.topic] = message
            else:
                self._retained.pop(message.topic, None)
        for session in self._sessions.values():
            qos = session.granted(message.topic)
            if qos is not None:
                self._deliver(session, message, min(qos, message.qos), retain=False)

    def welcome(self, end: End, wish: Connect) -> None:
        """Let a client in, taking over from an older connection of the same id."""
        if self._login and (wish.username, wish.password) != self._login:
            end.refuse(BAD_LOGIN)
            return
        if not wish.client_id and not wish.clean:
            end.refuse(REJECTED_ID)
            return
        name = wish.client_id or f"anonymous-{next(self._anonymous)}"
        session = self._sessions.get(name)
        if session is not None and session.end is not None:
            session.end.cut()
        known = session is not None and name in self._sessions and not wish.clean
        if session is None or not known:
            session = self._sessions[name] = _Session()
        session.end, end.session, end.name = end, session, name
        end.admit(wish, session_present=known)
        self._catch_up(session)

    def subscribe(self, session: _Session, wish: Subscribe) -> None:
        """Note what a client wants to hear, and give it what was retained."""
        codes = tuple(min(qos, 1) for _, qos in wish.wishes)
        session.wishes.update(
            {wanted: code for (wanted, _), code in zip(wish.wishes, codes, strict=True)}
        )
        if session.end is not None:
            session.end.send(Suback(wish.number, codes))
        for message in list(self._retained.values()):
            heard = [c for (w, _), c in zip(wish.wishes, codes, strict=True)
                     if matches(w, message.topic)]  # fmt: skip
            if heard:
                qos = min(max(heard), message.qos)
                self._deliver(session, message, qos, retain=True)

    def gone(self, end: End, *, kept: bool) -> None:
        """A client's connection is over; forget it unless its session is kept."""
        self._ends.discard(end)
        session = end.session
        if session is not None and session.end is end:
            session.end = None
            if not kept:
                self._sessions.pop(end.name, None)

    def came(self, end: End) -> None:
        """A connection was opened."""
        self._ends.add(end)

    def _deliver(
        self, session: _Session, message: Publish, qos: int, *, retain: bool
    ) -> None:
        number = next(session.numbers) if qos else 0
        copy = Publish(message.topic, message.payload, qos, retain, number)
        if session.end is None:
            if qos:
                session.waiting.append(copy)
            return
        if qos:
            session.unacknowledged[number] = copy
        session.end.send(copy)

    def _catch_up(self, session: _Session) -> None:
        """Send again what was not acknowledged, then what came while it was away."""
        end = session.end
        if end is None:
            return
        for message in session.unacknowledged.values():
            end.send(replace(message, again=True))
        while session.waiting:
            message = session.waiting.popleft()
            session.unacknowledged[message.number] = message
            end.send(message)


class _End(asyncio.Protocol):
    """The broker's end of a client's connection."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._decoder = broker, Decoder()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_s = self._patience_s = 0.0
        self._will: Publish | None = None
        self._kept = self._over = False
        self.session: _Session | None = None
        self.name = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._broker.came(self)

    def data_received(self, data: bytes) -> None:
        self._heard_s = self._loop.time()
        try:
            for packet in self._decoder.feed(data):
                self._received(packet)
        except PacketError:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def admit(self, wish: Connect, *, session_present: bool) -> None:
        """Say that the client is welcome, and watch that it stays alive."""
        self._will, self._kept = wish.will, not wish.clean
        self.send(Connack(0, session_present))
        if wish.keepalive_s:
            # One and a half times the keep-alive (3.1.2.10).
            self._patience_s = 1.5 * wish.keepalive_s
            self._timer = self._loop.call_later(self._patience_s, self._check)

    def refuse(self, code: int) -> None:
        """Say no, and close."""
        self.send(Connack(code))
        self.cut()

    def send(self, packet: Packet) -> None:
        """Send a packet, if there is still somebody there who reads."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MOST_BUFFERED:
            transport.abort()
            return
        transport.write(encode(packet))

    def cut(self) -> None:
        """Close without a word; the client's will is sent."""
        if self._transport is not None:
            self._transport.close()
        self._finish()

    def _received(self, packet: Packet) -> None:
        session = self.session
        if self._over:
            return
        if session is None:
            if not isinstance(packet, Connect):
                raise PacketError("something before CONNECT")
            self._broker.welcome(self, packet)
            return
        match packet:
            case Publish():
                self._take(packet)
            case Puback(number):
                session.unacknowledged.pop(number, None)
            case Subscribe():
                self._broker.subscribe(session, packet)
            case Unsubscribe(number, filters):
                for each in filters:
                    session.wishes.pop(each, None)
                self.send(Unsuback(number))
            case _ if packet == PINGREQ:
                self.send(PINGRESP)
            case _ if packet == DISCONNECT:
                self._will = None
                self.cut()
            case _:
                raise PacketError("a packet that no client sends")

    def _take(self, message: Publish) -> None:
        if message.qos > 1:
            raise PacketError("QoS 2, which is not spoken here")
        self._broker.publish(message)
        if message.qos:
            self.send(Puback(message.number))

    def _check(self) -> None:
        left_s = self._heard_s + self._patience_s - self._loop.time()
        if left_s <= 1e-6:
            self.cut()
        else:
            self._timer = self._loop.call_later(left_s, self._check)

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._broker.gone(self, kept=self._kept)
        will, self._will = self._will, None
        if will is not None:
            self._broker.publish(will)


class Local:
    """A client in the broker's own process: no socket, the same rules.

    What it hears comes in a later round of the event loop, as over a wire.

    Parameters
    ----------
    broker : Broker
        Whose client it is.
    wish : Connect
        Its id and its will.
    heard : callable
        Takes every message that comes.
    """

    def __init__(
        self, broker: Broker, wish: Connect, heard: Callable[[Publish], None]
    ) -> None:
        self._broker, self._wish, self._heard = broker, wish, heard
        self._loop = asyncio.get_running_loop()
        self.session: _Session | None = None
        self.name = ""

    @property
    def is_connected(self) -> bool:
        """Whether the broker has it as a client."""
        return self.session is not None

    def enter(self, *filters: str) -> None:
        """Connect and subscribe."""
        self._broker.came(self)
        self._broker.welcome(self, self._wish)
        if self.session is not None:
            wishes = tuple((each, 0) for each in filters)
            self._broker.subscribe(self.session, Subscribe(1, wishes))

    def tell(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish at QoS 0; without a connection it is dropped."""
        if self.session is not None:
            self._broker.publish(Publish(topic, payload.encode(), retain=retain))

    def admit(self, wish: Connect, *, session_present: bool) -> None:
        """Be told that it is welcome: nothing to do."""

    def refuse(self, code: int) -> None:
        """Be told that it is not."""
        raise ValueError(f"the broker refuses {self._wish.client_id!r}: {code}")

    def send(self, packet: Packet) -> None:
        """Be sent a packet: of interest are messages."""
        if isinstance(packet, Publish):
            self._loop.call_soon(self._hear, packet)

    def cut(self) -> None:
        """Be gone without a word; its will is sent."""
        if self.session is not None:
            self._broker.gone(self, kept=False)
            self.session = None
            if self._wish.will is not None:
                self._broker.publish(self._wish.will)

    def _hear(self, message: Publish) -> None:
        if self.session is not None:
            self._heard(message)
