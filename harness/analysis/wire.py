"""What the messages of one wire say about the wire itself: slow, lossy, doubled, torn.

Works on messages as they were recorded, in whichever of four languages most of them
are: Modbus TCP, Modbus RTU (both in hex), remote calls of OCPP-J, and JSON-RPC.
Definitions: ``docs/definitions.md``, "wire".
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import numpy as np

from harness.analysis.estimate import Estimate
from harness.core.recording import Message

_COUNTED = re.compile(r"[^\d]*(\d{1,9})")
RESTART_BELOW = 5
"""A count that falls below this began anew; nothing was overtaken."""


class Language(StrEnum):
    """What is spoken on a wire."""

    MODBUS_TCP = "Modbus TCP"
    MODBUS_RTU = "Modbus RTU"
    CALLS = "OCPP-J"
    JSON_RPC = "JSON-RPC"
    OTHER = "another language"


class Part(StrEnum):
    """What a message is in its conversation."""

    REQUEST = "request"
    REPLY = "reply"
    ERROR = "error reply"
    NEWS = "news"
    GARBLED = "garbled"


class Frame(NamedTuple):
    """One message, as far as its wire's language tells."""

    at_s: float
    sent: bool
    """From the harness's point of view."""
    part: Part
    number: str
    """What pairs a request with its reply; empty where the language has none."""
    text: str
    action: str = ""
    """What a request asks for, where the language names it."""

    @property
    def is_reply(self) -> bool:
        """Whether it answers something."""
        return self.part in (Part.REPLY, Part.ERROR)


@dataclass(frozen=True, slots=True)
class Conversation:
    """All messages of one role, read in the language of most of them."""

    language: Language
    frames: tuple[Frame, ...]
    answers: tuple[tuple[Frame, Frame | None], ...]
    """What we asked, in order, each with its first reply."""
    unasked: tuple[Frame, ...]
    """Replies that came to nothing that was asked, or once more."""

    def within(self, from_s: float, until_s: float) -> Conversation:
        """Return what was said in a window; a reply stays with its request."""

        def inside(frame: Frame) -> bool:
            return from_s <= frame.at_s <= until_s

        return Conversation(
            self.language,
            tuple(frame for frame in self.frames if inside(frame)),
            tuple(pair for pair in self.answers if inside(pair[0])),
            tuple(frame for frame in self.unasked if inside(frame)),
        )


HEARD_OUT = 500
"""Messages, evenly taken, from which a role's language is told: no role changes it."""


def conversation(messages: Iterable[Message]) -> Conversation:
    """Read one role's messages, in the order in which they were kept."""
    kept = list(messages)
    some = kept[:: 1 + len(kept) // HEARD_OUT]
    spoken = Counter(_languages_of([one.payload for one in some]))
    language = spoken.most_common(1)[0][0] if spoken else Language.OTHER
    frames = tuple(_READERS[language](kept))
    answers, unasked = _paired(frames)
    return Conversation(language, frames, answers, unasked)


def _paired(
    frames: Sequence[Frame],
) -> tuple[tuple[tuple[Frame, Frame | None], ...], tuple[Frame, ...]]:
    asked: list[Frame] = []
    replies: dict[int, Frame] = {}
    last: dict[str, int] = {}
    unasked = []
    request, replying = Part.REQUEST, (Part.REPLY, Part.ERROR)
    for frame in frames:
        if frame.sent:
            if frame.part is request:
                last[frame.number] = len(asked)
                asked.append(frame)
        elif frame.part in replying:
            index = last.get(frame.number)
            if index is None or index in replies:
                unasked.append(frame)
            else:
                replies[index] = frame
    return tuple((ask, replies.get(i)) for i, ask in enumerate(asked)), tuple(unasked)


# The four languages.


def _languages_of(payloads: Sequence[str]) -> Iterator[Language]:
    frames = [_bytes(payload) for payload in payloads]
    for payload, data, it_fits in zip(payloads, frames, _crcs_fit(frames), strict=True):
        if payload.startswith("["):
            yield Language.CALLS
        elif payload.startswith("{"):
            yield Language.JSON_RPC
        # A check sum fits by chance once in 65,536 times, a length far more often.
        elif it_fits:
            yield Language.MODBUS_RTU
        else:
            yield Language.MODBUS_TCP if _mbap_fits(data) else Language.OTHER


def _mbap_fits(data: bytes) -> bool:
    """Whether it begins with the header of Modbus TCP.

    Source: MODBUS Messaging on TCP/IP V1.0b, 3.1.3.
    """
    length = int.from_bytes(data[4:6], "big")
    return len(data) >= 8 and data[2:4] == b"\0\0" and length == len(data) - 6


def _bytes(payload: str) -> bytes:
    try:
        return bytes.fromhex(payload)
    except ValueError:
        return b""


def _crcs_fit(frames: Sequence[bytes]) -> list[bool]:
    """Whether the last two bytes of each are the check sum of those before.

    Source: MODBUS over serial line V1.02, 6.2.2. All frames of one length are worked
    out together: a day on one wire has tens of thousands.
    """
    fits = [False] * len(frames)
    places: dict[int, list[int]] = {}
    for place, data in enumerate(frames):
        places.setdefault(len(data), []).append(place)
    for length, found in places.items():
        if length < SHORTEST_RTU:
            continue
        rows = np.frombuffer(b"".join([frames[place] for place in found]), np.uint8)
        check = np.full(len(found), 0xFFFF, np.uint16)
        for byte in rows.reshape(-1, length).T:
            check = check >> 8 ^ _CRC[(check ^ byte) & 0xFF]
        # Of a frame with its own check sum nothing is left.
        for place, left in zip(found, check.tolist(), strict=True):
            fits[place] = left == 0
    return fits


def _crc_of(byte: int) -> int:
    for _bit in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC = np.array([_crc_of(byte) for byte in range(256)], np.uint16)
SHORTEST_RTU = 4
"""An address, a function and a check sum. [bytes]"""


def _garbled(message: Message) -> Frame:
    return Frame(message.time_s, message.sent, Part.GARBLED, "", message.payload)


def _modbus_tcp(messages: Sequence[Message]) -> Iterator[Frame]:
    for message in messages:
        data = _bytes(message.payload)
        if _mbap_fits(data):
            yield _modbus(message, str(int.from_bytes(data[:2], "big")), data[7])
        else:
            yield _garbled(message)


def _modbus_rtu(messages: Sequence[Message]) -> Iterator[Frame]:
    frames = [_bytes(message.payload) for message in messages]
    fits = _crcs_fit(frames)
    for message, data, it_fits in zip(messages, frames, fits, strict=True):
        yield _modbus(message, "", data[1]) if it_fits else _garbled(message)


def _modbus(message: Message, number: str, function: int) -> Frame:
    at_s, _role, sent, payload = message
    part = Part.REQUEST if sent else Part.ERROR if function & 0x80 else Part.REPLY
    return Frame(at_s, sent, part, number, payload, str(function))


_CALL_PARTS = {2: Part.REQUEST, 3: Part.REPLY, 4: Part.ERROR}
"""Message types of OCPP-J 1.6, 4.1.3."""


def _call(message: Message) -> Frame:
    found = _json(message.payload)
    if not isinstance(found, list) or len(found) < 3 or found[0] not in _CALL_PARTS:
        return _garbled(message)
    part = _CALL_PARTS[found[0]]
    action = str(found[2]) if part is Part.REQUEST else ""
    number, text = str(found[1]), message.payload
    return Frame(message.time_s, message.sent, part, number, text, action)


def _remote(message: Message) -> Frame:
    found = _json(message.payload)
    if not isinstance(found, dict):
        return _garbled(message)
    number, action = str(found.get("id", "")), str(found.get("method", ""))
    if "error" in found:
        part = Part.ERROR
    elif action:
        part = Part.REQUEST if "id" in found else Part.NEWS
    else:
        part = Part.REPLY if "id" in found else Part.NEWS
    return Frame(message.time_s, message.sent, part, number, message.payload, action)


def _json(payload: str) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _any(message: Message) -> Frame:
    part = Part.REQUEST if message.sent else Part.REPLY
    return Frame(message.time_s, message.sent, part, "", message.payload)


_READERS: dict[Language, Callable[[Sequence[Message]], Iterable[Frame]]] = {
    Language.MODBUS_TCP: _modbus_tcp,
    Language.MODBUS_RTU: _modbus_rtu,
    Language.CALLS: partial(map, _call),
    Language.JSON_RPC: partial(map, _remote),
    Language.OTHER: partial(map, _any),
}


# What is wrong.


def longest_round_trip(said: Conversation) -> Estimate:
    """Longest time from a request of ours to its reply. [s]"""
    trips = [(reply.at_s - ask.at_s, ask.at_s) for ask, reply in said.answers if reply]
    if not trips:
        return _nothing("s", "nothing that was asked was answered")
    worst_s, at_s = max(trips)
    return Estimate(worst_s, "s", marks=(("asked", at_s),))


def unanswered(said: Conversation) -> Estimate:
    """Share of our requests that got no reply at all. [%]"""
    if not said.answers:
        return _nothing("%", "nothing was asked over this wire")
    lost = [ask.at_s for ask, reply in said.answers if reply is None]
    return Estimate(100 * len(lost) / len(said.answers), "%", marks=_first(lost))


def repeated(said: Conversation) -> Estimate:
    """Messages that came once more: a second reply, or the same words again."""
    if said.language is Language.OTHER:
        return _nothing("messages", "messages on this wire carry no number")
    again = [frame.at_s for frame in said.unasked]
    seen: set[str] = set()
    for frame in said.frames:
        if not frame.sent and not frame.is_reply and frame.part is not Part.GARBLED:
            again += [frame.at_s] if frame.text in seen else []
            seen.add(frame.text)
    return _count(again)


def overtaken(said: Conversation) -> Estimate:
    """Messages that came after one that was sent, or asked for, later.

    ``nan`` where messages carry no number to tell by.
    """
    if said.language in (Language.MODBUS_RTU, Language.OTHER):
        why = f"messages of {said.language} carry no number to tell their order by"
        return _nothing("messages", why)
    return _count([*_late_replies(said), *_late_requests(said)])


def _late_replies(said: Conversation) -> list[float]:
    """Replies that came after the reply to a later request."""
    asked = {id(reply): n for n, (_ask, reply) in enumerate(said.answers) if reply}
    late, latest = [], -1
    for frame in said.frames:
        order = asked.get(id(frame))
        if order is not None:
            late += [frame.at_s] if order < latest else []
            latest = max(latest, order)
    return late


def _late_requests(said: Conversation) -> list[float]:
    """The device's own requests whose count is lower than one before."""
    late, highest = [], -1
    for frame in said.frames:
        if frame.sent or frame.part is not Part.REQUEST:
            continue
        found = _COUNTED.fullmatch(frame.number)
        if found is None:
            continue
        count = int(found[1])
        if RESTART_BELOW <= count < highest:
            late.append(frame.at_s)
        highest = count if count < RESTART_BELOW else max(highest, count)
    return late


def garbled(said: Conversation) -> Estimate:
    """Messages from the device that are none of the wire's language."""
    if said.language is Language.OTHER:
        return _nothing("messages", "the language of this wire is not known")
    wrong = [f.at_s for f in said.frames if f.part is Part.GARBLED and not f.sent]
    return _count(wrong)


def refused(said: Conversation) -> Estimate:
    """Error replies: Modbus exceptions, CALLERRORs, error objects."""
    if said.language is Language.OTHER:
        return _nothing("messages", "the language of this wire is not known")
    wrong = [f.at_s for f in said.frames if f.part is Part.ERROR and not f.sent]
    return _count(wrong)


def introductions(said: Conversation) -> Estimate:
    """How often a charging station said that it has started: BootNotification."""
    if said.language is not Language.CALLS:
        return _nothing("messages", f"{said.language} has no message for a start")
    boots = [f.at_s for f in said.frames if f.action == "BootNotification"]
    return _count([at_s for at_s in boots if at_s is not None])


def _count(times_s: list[float]) -> Estimate:
    return Estimate(float(len(times_s)), "messages", marks=_first(sorted(times_s)))


def _first(times_s: list[float]) -> tuple[tuple[str, float], ...]:
    return (("first", times_s[0]),) if times_s else ()


def _nothing(unit: str, why: str) -> Estimate:
    return Estimate(math.nan, unit, why=why)
