"""An MQTT 3.1.1 client that lives on the event loop alone, virtual or not.

No thread, no raw descriptor, no timer that polls: packets are handled in the round of
the loop in which their bytes arrive. QoS 0 and 1, will, retained messages, keep-alive,
user name and password, TLS. Why not a library: ``docs/decisions``.

Source: MQTT Version 3.1.1, OASIS Standard, 29 October 2014.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import Field

from devices.links.mqtt_packets import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    REFUSALS,
    SUBSCRIBE_FAILED,
    Bare,
    Connack,
    Connect,
    Decoder,
    Packet,
    PacketError,
    Puback,
    Publish,
    Suback,
    Subscribe,
    encode,
)
from harness.core.bench import DeviceContext, DeviceEvent, Options
from harness.core.errors import LinkError, RefusedError, RigError

POWERED: Final = "the broker, its address and its port"
FORM: Final = "mqtt://HOST:PORT/TOPIC"

Heard = Callable[[Publish], None]
Told = Callable[[str, str], None]
Wire = Callable[[bool, str], None]


class MqttOptions(Options):
    """How a driver reaches the broker."""

    timeout_s: float = Field(2.0, gt=0, le=60)
    """Longest wait for a connection, and for an answer. [s]"""
    keepalive_s: int = Field(30, ge=5, le=3600)
    """A broker or a client that is silent for longer is given up. [s]"""
    redial_s: float = Field(5.0, gt=0, le=3600)
    """After a loss the broker is dialled anew this often. [s]"""
    username: str = ""
    password_env: str = ""
    """Name of the environment variable that holds the password: a rig file is
    evidence, and a password must not be in it."""
    ca_file: str = ""
    """Certificates that may have signed the broker's, for ``mqtts://``."""


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """A broker, and the topic that a device speaks under."""

    host: str
    port: int
    topic: str = ""
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "mqtts" if self.tls else "mqtt"
        return f"{scheme}://{host}:{self.port}/{self.topic}"


def parse_mqtt_address(
    where: str, address: str, *, topic_needed: bool = True
) -> MqttAddress:
    """Read ``mqtt://HOST:PORT/TOPIC``, or ``mqtts://`` for TLS.

    Raises
    ------
    RigError
        If the address has another form, or carries a password.
    """
    try:
        parts = urlsplit(address)
        tls = parts.scheme == "mqtts"
        port = parts.port or (8883 if tls else 1883)
    except ValueError:
        parts, port, tls = urlsplit(""), 0, False
    where = f"{where} address"
    if parts.username is not None or parts.password is not None:
        raise RigError(
            where, "it carries a user name", "options username, password_env"
        )
    topic = unquote(parts.path.removeprefix("/")).rstrip("/")
    plain = not (parts.query or parts.fragment or set(topic) & set("#+\0"))
    known = parts.scheme in ("mqtt", "mqtts")
    if not (known and parts.hostname and plain and (topic or not topic_needed)):
        raise RigError(where, f"{address!r} is not the address of a broker", FORM)
    return MqttAddress(parts.hostname, port, topic, tls)


@dataclass(frozen=True, slots=True)
class Login:
    """Who a client says it is."""

    client_id: str
    keepalive_s: int = 30
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    will: Publish | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)


def login_of(where: str, options: MqttOptions, address: MqttAddress, who: str) -> Login:
    """Return what a driver's options say of its login.

    Raises
    ------
    RigError
        If the variable with the password or the file with certificates is missing.
    """
    return Login(
        who,
        options.keepalive_s,
        options.username or None,
        _password(where, options.password_env) if options.password_env else None,
        tls=_trust(where, options.ca_file) if address.tls else None,
    )


def _password(where: str, variable: str) -> bytes:
    try:
        return os.environ[variable].encode()
    except KeyError as error:
        raise RigError(
            f"{where} options password_env",
            f"the environment has no {variable!r}",
            f"export {variable}=… before the trial",
        ) from error


def _trust(where: str, ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(
            cafile=str(Path(ca_file)) if ca_file else None
        )
    except OSError as error:
        raise RigError(
            f"{where} options ca_file",
            f"{ca_file!r} cannot be read as certificates ({error.strerror or error})",
            "a PEM file",
        ) from error


def line_of(packet: Packet, text: str | None = None) -> str:
    """Return a packet as one line for the recording; a password is never in it."""
    match packet:
        case Publish():
            again = " dup" if packet.again else ""
            retain = " retain" if packet.retain else ""
            body = _text(packet.payload) if text is None else text
            return f"PUBLISH qos {packet.qos}{again}{retain} {packet.topic} {body}"
        case Connect():
            return f"CONNECT {packet.client_id} keepalive {packet.keepalive_s}"
        case Connack():
            return f"CONNACK {packet.code}"
        case Subscribe():
            return "SUBSCRIBE " + " ".join(
                f"{each} {qos}" for each, qos in packet.wishes
            )
        case Suback():
            return "SUBACK " + " ".join(map(str, packet.codes))
        case Puback():
            return f"PUBACK {packet.number}"
    return f"{type(packet).__name__} {encode(packet).hex()}"


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return f"hex {payload.hex()}"


class MqttClient:
    """One connection to a broker; opened anew by whoever needs it, or by itself.

    Every wait is bounded by `timeout_s`. Nothing that failed is sent again.

    Parameters
    ----------
    address : MqttAddress
        The broker.
    where : str
        For error messages.
    login : Login
        Who we are.
    heard : callable
        Takes every message that comes.
    wire : callable, optional
        Takes each packet as a line, pings aside.
    body : callable, optional
        Gives the text to record for a message; default is its payload.
    told : callable, optional
        Hears ``connected`` and ``lost``, with why.
    redial_s : float
        How often a lost broker is dialled anew; 0 leaves it to the next call. [s]
    """

    def __init__(
        self,
        address: MqttAddress,
        *,
        where: str,
        login: Login,
        timeout_s: float,
        heard: Heard,
        wire: Wire | None = None,
        body: Callable[[Publish], str] | None = None,
        told: Told | None = None,
        redial_s: float = 0.0,
    ) -> None:
        self.address, self._where, self._login = address, where, login
        self._timeout_s, self._redial_s = timeout_s, redial_s
        self._heard, self._told = heard, told or (lambda _kind, _detail: None)
        self._wire, self._body = wire, body
        self._loop = asyncio.get_running_loop()
        self._wishes: dict[str, int] = {}
        self._numbers = itertools.cycle(range(1, 0x10000))
        self._receipts: dict[int, asyncio.Future[Packet]] = {}
        self._connack: asyncio.Future[Packet] | None = None
        self._opening = asyncio.Lock()
        self._end: _End | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._unanswered = self._closed = False
        self.is_connected = False
        """Whether the broker has accepted us and nothing was lost since."""
        self.failures = 0
        """Calls that failed."""

    async def connect(self) -> None:
        """Connect and subscribe, unless that is done.

        Raises
        ------
        LinkError
            Nobody listens, silence, a refusal, or bytes that are no MQTT.
        """
        async with self._opening:
            if self.is_connected:
                return
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._open()
            except TimeoutError as error:
                self._drop("")
                raise self._failed(self._silence()) from error
            except ssl.SSLError as error:
                raise self._failed(f"TLS: {error.reason}", "ca_file") from error
            except OSError as error:
                raise self._failed("nobody listens") from error
            except LinkError:
                self._drop("")
                self.failures += 1
                raise

    async def subscribe(self, *filters: str, qos: int = 0) -> None:
        """Hear topics, now and after every reconnection."""
        self._wishes.update(dict.fromkeys(filters, qos))
        if self.is_connected:
            await self._acknowledged(self._subscription(dict.fromkeys(filters, qos)))
        else:
            await self.connect()

    async def publish(
        self, topic: str, payload: bytes | str, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Send a message; at QoS 1 return when the broker has it.

        Raises
        ------
        LinkError
            If there is no connection, or no receipt in time.
        """
        if not self.is_connected:
            await self.connect()
        data = payload.encode() if isinstance(payload, str) else payload
        number = next(self._numbers) if qos else 0
        message = Publish(topic, data, qos, retain, number)
        if qos:
            await self._acknowledged(message)
        else:
            self._send(message)

    def tell(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        """Send a message of QoS 0 at once, or drop it without a connection."""
        if self.is_connected:
            data = payload.encode() if isinstance(payload, str) else payload
            self._send(Publish(topic, data, retain=retain))

    async def close(self, *, politely: bool = True) -> None:
        """Take leave; rudely, the broker sends our will. Safe to call twice."""
        self._closed = True
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
            await asyncio.wait({dialling})
        end = self._end
        if end is not None and politely and self.is_connected:
            self._send(DISCONNECT)
        self._drop("")
        if end is not None:
            await end.gone(self._timeout_s)

    def hang_up(self) -> None:
        """Be gone at once and without a word; the broker sends our will."""
        self._closed = True
        if self._dialling is not None:
            self._dialling.cancel()
        self._drop("")

    def dial(self) -> None:
        """Connect in the background, again and again if need be."""
        self._closed = False
        if not self.is_connected:
            self._dial()

    async def _open(self) -> None:
        address, login = self.address, self._login
        end = _End(self)
        await self._loop.create_connection(
            lambda: end, address.host, address.port, ssl=login.tls
        )
        self._end, self._closed = end, False
        self._connack = self._loop.create_future()
        self._send(
            Connect(
                login.client_id, login.keepalive_s, True, login.will, login.username,
                login.password,
            )
        )  # fmt: skip
        answer = await self._connack
        if isinstance(answer, Connack) and answer.code != ACCEPTED:
            why = REFUSALS.get(answer.code, f"return code {answer.code}")
            raise RefusedError(
                self._place, f"the broker refuses: {why}", "username, password_env"
            )
        self.is_connected, self._unanswered = True, False
        self._timer = self._loop.call_later(login.keepalive_s / 2, self._ping)
        if self._wishes:
            await self._acknowledged(self._subscription(self._wishes), bounded=False)
        self._told("connected", "broker accepted")

    def _subscription(self, wishes: dict[str, int]) -> Subscribe:
        return Subscribe(next(self._numbers), tuple(wishes.items()))

    async def _acknowledged(
        self, packet: Publish | Subscribe, *, bounded: bool = True
    ) -> None:
        receipt: asyncio.Future[Packet] = self._loop.create_future()
        self._receipts[packet.number] = receipt
        try:
            self._send(packet)
            async with asyncio.timeout(self._timeout_s if bounded else None):
                answer = await receipt
        except TimeoutError as error:
            raise self._failed(self._silence()) from error
        finally:
            del self._receipts[packet.number]
        if isinstance(answer, Suback) and SUBSCRIBE_FAILED in answer.codes:
            raise RefusedError(
                self._place, "the broker refuses a subscription", "its access rules"
            )

    def _send(self, packet: Packet) -> None:
        end = self._end
        if end is None or end.transport is None or end.transport.is_closing():
            raise self._failed("connection lost")
        self._note(True, packet)
        end.transport.write(encode(packet))

    def _note(self, sent: bool, packet: Packet) -> None:
        if self._wire is None or isinstance(packet, Bare):
            return
        text = None
        if self._body is not None and isinstance(packet, Publish):
            text = self._body(packet)
        self._wire(sent, line_of(packet, text))

    def _received(self, packet: Packet) -> None:
        self._note(False, packet)
        if isinstance(packet, Publish):
            if packet.qos:
                self._send(Puback(packet.number))
            self._heard(packet)
        elif packet == PINGRESP:
            self._unanswered = False
        elif isinstance(packet, Connack):
            _resolve(self._connack, packet)
        elif isinstance(packet, Puback | Suback):
            _resolve(self._receipts.get(packet.number), packet)

    def _ping(self) -> None:
        if self._unanswered:
            self._drop("no answer to a ping")
            return
        self._unanswered = True
        self._send(PINGREQ)
        self._timer = self._loop.call_later(self._login.keepalive_s / 2, self._ping)

    def _drop(self, why: str) -> None:
        """Give the connection up; say why, unless it was wanted."""
        end, self._end = self._end, None
        was_connected, self.is_connected = self.is_connected, False
        if self._timer is not None:
            self._timer.cancel()
        if end is not None and end.transport is not None:
            end.transport.close()
        lost = LinkError(self._place, why or "connection closed", POWERED)
        for receipt in (self._connack, *self._receipts.values()):
            if receipt is not None and not receipt.done():
                receipt.set_exception(lost)
                receipt.exception()  # nobody need be waiting
        if was_connected and why:
            self._told("lost", why)
            self._redial()

    def _redial(self) -> None:
        if self._redial_s and not self._closed:
            self._timer = self._loop.call_later(self._redial_s, self._dial)

    def _dial(self) -> None:
        self._dialling = self._loop.create_task(self._try())

    async def _try(self) -> None:
        try:
            await self.connect()
        except LinkError:
            self._redial()

    def _ended(self, end: _End, why: str) -> None:
        if end is self._end:
            self._drop(why)

    @property
    def _place(self) -> str:
        return f"{self._where} {self.address}"

    def _silence(self) -> str:
        return f"no answer within {self._timeout_s:g} s"

    def _failed(self, fact: str, hint: str = POWERED) -> LinkError:
        self.failures += 1
        return LinkError(self._place, fact, hint)


class _End(asyncio.Protocol):
    """The socket of a client."""

    def __init__(self, client: MqttClient) -> None:
        self._client, self._decoder = client, Decoder()
        self.transport: asyncio.Transport | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for packet in self._decoder.feed(data):
                self._client._received(packet)  # noqa: SLF001 - its other half
        except PacketError as error:
            self._client._ended(self, f"not MQTT: {error}")  # noqa: SLF001

    def connection_lost(self, exc: Exception | None) -> None:
        why = f" ({type(exc).__name__})" if exc else ""
        self._client._ended(self, f"connection lost{why}")  # noqa: SLF001
        if not self._over.done():
            self._over.set_result(None)

    async def gone(self, within_s: float) -> None:
        """Return when the socket is closed; cut it if that takes too long."""
        done, _ = await asyncio.wait({self._over}, timeout=within_s)
        if not done and self.transport is not None:
            self.transport.abort()
            await self._over


def _resolve(waiting: asyncio.Future[Packet] | None, packet: Packet) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(packet)


def driver_client(
    context: DeviceContext,
    options: MqttOptions,
    heard: Heard,
    *,
    body: Callable[[Publish], str] | None = None,
    reconnected: Callable[[], None] = lambda: None,
) -> MqttClient:
    """The client of a driver: records, and tells of its connection."""
    address = parse_mqtt_address(context.where, context.address)

    def told(kind: str, detail: str) -> None:
        context.notify(DeviceEvent(context.role, kind, detail))
        if kind == "connected":
            reconnected()

    return MqttClient(
        address,
        where=context.where,
        login=login_of(context.where, options, address, f"flexrig-{context.role}"),
        timeout_s=options.timeout_s,
        heard=heard,
        wire=context.wire,
        body=body,
        told=told,
        redial_s=options.redial_s,
    )
