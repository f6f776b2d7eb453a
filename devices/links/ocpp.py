"""OCPP-J remote calls over a websocket: every message kept, nothing ignored.

Ours rather than the ``ocpp`` package's, because that one turns a CALLERROR into
``None`` by default, drops malformed messages with a log line, validates in a
thread, and times out on the wall clock. From that package come the OCA's schemas
and the error codes (`devices.links.ocpp_schema`).

A message is recorded before it is understood. What the peer does wrong is answered
with the CALLERROR that OCPP-J section 4 asks for, where it asks for one, and
always told to `Rpc`'s `violated`. Sections and tables are those of OCPP-J 1.6, which
OCPP-J 2.0.1 (part 4) kept; what differs is in `devices.links.ocpp_schema.Edition`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ocpp import exceptions as codes

from devices.links.ocpp_schema import (
    OCPP16,
    Breach,
    Edition,
    known_actions,
    request_breach,
    response_breach,
)
from harness.core.errors import LinkError, RefusedError

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
"""OCPP-J 1.6, table 2."""
LONGEST_ID = 36
"""OCPP-J 1.6, table 3."""
IDS_REMEMBERED = 4096
"""How many message ids of the peer are kept to see one used twice (4.1.4)."""
UNREADABLE_ID = "-1"
"""The id of a CALLERROR to what has no id that can be read (OCPP-J 2.0.1, 4.2.3)."""

Payload = dict[str, Any]
Handler = Callable[[Payload], Payload]
"""Answers one action at once; raises `Refusal` to answer with a CALLERROR. What it
sends through the loop's `call_soon` follows its answer."""
Done = Callable[[Payload | LinkError], None]


class Refusal(Exception):
    """A handler's own CALLERROR: a code of the edition's table and a sentence."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code, description)
        self.code, self.description = code, description


class CallRefused(RefusedError):
    """The peer answered a CALL with a CALLERROR."""

    def __init__(
        self, where: str, action: str, code: str, description: str, details: Payload
    ) -> None:
        fact = f'{action} was answered with CALLERROR {code} "{description}"'
        super().__init__(where, fact, "the device's own log, or another option")
        self.action, self.code = action, code
        self.description, self.details = description, details


@dataclass(slots=True)
class _Asked:
    """A CALL that is waiting for its turn or for its answer."""

    action: str
    text: str
    ident: str
    timeout_s: float
    done: Done
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _IdsSeen:
    """The peer's last message ids on this connection."""

    order: deque[str] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)

    def again(self, ident: str) -> bool:
        """Note an id; return whether it was used before."""
        if ident in self.known:
            return True
        self.known.add(ident)
        self.order.append(ident)
        if len(self.order) > IDS_REMEMBERED:
            self.known.discard(self.order.popleft())
        return False


def nothing(_payload: Payload | LinkError) -> None:
    """Take no notice of an answer; a violation in it is still told."""


def dumps(message: list[object]) -> str:
    """Write a message as OCPP-J wants it: JSON, no white space (RFC 8259)."""
    return _ENCODER.encode(message)


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Rpc:
    """The calls of one connection, in both directions.

    Parameters
    ----------
    where : str
        For error messages: the rig file's table and the address.
    prefix : str
        Begins every message id of this side; ids then count 1, 2, 3, … so that
        the same trial gives the same frames.
    send : callable
        Puts one text message on the websocket; False if it is closing, in which
        case `lost` follows.
    handlers : mapping
        What this side answers, by action.
    wire : callable
        Keeps a message verbatim, ``wire(sent, text)``, before it is understood.
    violated : callable
        Told in one clause what the peer did against the protocol.
    timeout_s : float
        How long the peer may take to answer (4.1.1 leaves the choice to us). [s]
    edition : Edition
        Of OCPP-J, as the subprotocol agreed.
    """

    def __init__(
        self,
        *,
        where: str,
        prefix: str,
        send: Callable[[str], bool],
        handlers: Mapping[str, Handler],
        wire: Callable[[bool, str], None],
        violated: Callable[[str], None],
        timeout_s: float = 30.0,
        edition: Edition = OCPP16,
    ) -> None:
        self._where, self._prefix, self._send = where, prefix, send
        self._edition = edition
        self._handlers, self._wire, self._violated = handlers, wire, violated
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._asked: _Asked | None = None
        self._queue: deque[_Asked] = deque()
        self._seen = _IdsSeen()
        self._late: set[str] = set()
        self._over: LinkError | None = None

    async def call(
        self, action: str, payload: Payload, *, timeout_s: float | None = None
    ) -> Payload:
        """Send a CALL and return the payload of its CALLRESULT.

        Raises
        ------
        CallRefused
            If the peer answered with a CALLERROR.
        LinkError
            If it did not answer in time, broke its schema, or is gone.
        """
        answered: asyncio.Future[Payload] = self._loop.create_future()

        def done(outcome: Payload | LinkError) -> None:
            if answered.done():
                return
            if isinstance(outcome, LinkError):
                answered.set_exception(outcome)
            else:
                answered.set_result(outcome)

        self.post(action, payload, done, timeout_s=timeout_s)
        return await answered

    def post(
        self,
        action: str,
        payload: Payload,
        done: Done = nothing,
        *,
        timeout_s: float | None = None,
    ) -> None:
        """Send a CALL once none is outstanding (4.1.1); `done` gets the answer."""
        if self._over is not None:
            done(self._over)
            return
        breach = request_breach(action, payload, self._edition)
        if breach is not None:
            raise self._ours(breach)
        self._count += 1
        ident = f"{self._prefix}{self._count}"
        text = dumps([CALL, ident, action, payload])
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        self._queue.append(_Asked(action, text, ident, limit_s, done))
        if self._asked is None:
            self._next()

    def _next(self) -> None:
        if not self._queue or self._over is not None:
            return
        asked = self._asked = self._queue.popleft()
        asked.timer = self._loop.call_later(asked.timeout_s, self._too_late, asked)
        self._put(asked.text)

    def _put(self, text: str) -> None:
        if self._send(text):
            self._wire(True, text)

    def _too_late(self, asked: _Asked) -> None:
        self._late.add(asked.ident)
        fact = f"{asked.action} was not answered within {asked.timeout_s:g} s"
        self._finish(asked, LinkError(self._where, fact, "a longer call_timeout_s"))

    def _finish(self, asked: _Asked, outcome: Payload | LinkError) -> None:
        if asked.timer is not None:
            asked.timer.cancel()
        if self._asked is asked:
            self._asked = None
        asked.done(outcome)
        if self._asked is None:
            self._next()

    def lost(self, why: str) -> None:
        """End every call: the connection is gone."""
        if self._over is not None:
            return
        hint = "the device's power, its network, and its log"
        self._over = LinkError(self._where, f"the connection was lost ({why})", hint)
        waiting = [*([self._asked] if self._asked else []), *self._queue]
        self._queue.clear()
        for asked in waiting:
            self._finish(asked, self._over)

    def received(self, text: str) -> None:
        """Take one message from the peer."""
        self._wire(False, text)
        try:
            message = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            self._unreadable(f"a message is not JSON ({error}): {_short(text)}")
            return
        if not isinstance(message, list) or not message:
            self._unreadable(
                f"a message is not a JSON array with elements: {_short(text)}"
            )
        elif message[0] == CALL:
            self._called(message)
        elif message[0] in (CALL_RESULT, CALL_ERROR):
            self._answered(message, text)
        else:  # 4.1.3: "it SHALL ignore the message payload"
            what = f"message type {message[0]!r} does not exist: {_short(text)}"
            self._unreadable(what, _UNKNOWN_TYPE, message[1] if message[1:] else None)

    def _unreadable(self, what: str, code: str = "", ident: object = None) -> None:
        """Tell of what cannot be understood, and the peer if its edition asks so."""
        self._violated(what)
        if self._edition.answers_unreadable:
            known = ident if isinstance(ident, str) else UNREADABLE_ID
            code = code or self._edition.malformed
            self._put(dumps([CALL_ERROR, known, code, what[:255], {}]))

    def _called(self, message: list[Any]) -> None:
        ident = message[1] if len(message) > 1 else None
        if not isinstance(ident, str):
            self._unreadable(f"a CALL has no message id: {_short(dumps(message))}")
            return
        try:
            action, payload = self._understood(message, ident)
            answer = self._handlers[action](payload)
        except Refusal as refusal:
            self._put(
                dumps([CALL_ERROR, ident, refusal.code, refusal.description[:255], {}])
            )
            return
        breach = response_breach(action, answer, self._edition)
        if breach is not None:
            raise self._ours(breach)
        self._put(dumps([CALL_RESULT, ident, answer]))

    def _ours(self, breach: Breach) -> LinkError:
        name = self._edition.name
        fact = f"the harness would break the OCPP {name} schema, {breach.text}"
        return LinkError(self._where, fact, f"values that OCPP {name} allows")

    def _understood(self, message: list[Any], ident: str) -> tuple[str, Payload]:
        """Return action and payload of a CALL, or refuse it (4.2.3)."""
        if len(message) != 4 or not isinstance(message[2], str):
            raise self._breach(
                self._edition.malformed,
                f"a CALL is [2, id, action, payload]: {_short(dumps(message))}",
            )
        action, payload = message[2], message[3]
        if len(ident) > LONGEST_ID:
            fact = f"message id longer than {LONGEST_ID} characters"
            raise self._breach(codes.GenericError.code, fact)
        if self._seen.again(ident):
            fact = f"message id {ident!r} was used before on this connection"
            raise self._breach(codes.GenericError.code, fact)
        if action not in known_actions(self._edition):
            fact = f"action {action!r} is not in OCPP {self._edition.name}"
            raise self._breach(_NOT_KNOWN, fact)
        payload = {} if payload is None else payload  # 4.2.1, table 4: null is empty
        breach = request_breach(action, payload, self._edition)
        if breach is not None:
            raise self._breach(breach.code, breach.text)
        if action not in self._handlers:
            raise self._breach(_NOT_SUPPORTED, f"{action} is not supported here")
        return action, payload

    def _breach(self, code: str, text: str) -> Refusal:
        self._violated(f"{text} (answered with CALLERROR {code})")
        return Refusal(code, text)

    def _answered(self, message: list[Any], text: str) -> None:
        asked, ident = self._asked, message[1] if len(message) > 1 else None
        if asked is None or ident != asked.ident:
            late = isinstance(ident, str) and ident in self._late
            fact = "came too late" if late else "answers no CALL of ours"
            if ident == UNREADABLE_ID:
                fact = "says that one of ours could not be read"
            self._violated(f"a message {fact}: {_short(text)}")
            return
        if message[0] == CALL_ERROR:
            outcome: Payload | LinkError = self._refused(asked, message)
        else:
            outcome = self._result(asked, message)
        self._finish(asked, outcome)

    def _result(self, asked: _Asked, message: list[Any]) -> Payload | LinkError:
        payload = message[2] if len(message) == 3 else None
        if len(message) == 3:
            payload = {} if payload is None else payload  # 4.2.2, table 5
        if not isinstance(payload, dict):
            return self._bad_answer(asked, "a CALLRESULT is [3, id, payload]")
        breach = response_breach(asked.action, payload, self._edition)
        if breach is not None:
            return self._bad_answer(asked, breach.text)
        return payload

    def _refused(self, asked: _Asked, message: list[Any]) -> LinkError:
        if len(message) != 5 or not isinstance(message[2], str):
            return self._bad_answer(
                asked, "a CALLERROR is [4, id, code, description, details]"
            )
        code, description, details = message[2:]
        details = details if isinstance(details, dict) else {}
        if code not in self._edition.error_codes:
            table = f"OCPP-J {self._edition.name} {self._edition.error_table}"
            self._violated(f"CALLERROR code {code!r} is not in {table}")
        return CallRefused(self._where, asked.action, code, str(description), details)

    def _bad_answer(self, asked: _Asked, text: str) -> LinkError:
        fact = f"the answer to {asked.action} breaks OCPP {self._edition.name}, {text}"
        self._violated(fact)
        return LinkError(self._where, fact, "the device's firmware version")


def _not_json(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_constant=_not_json)


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."


# Table 7 of OCPP-J 1.6: NotImplemented is an action "not known by receiver",
# NotSupported one that is "recognized but not supported".
_NOT_KNOWN = codes.NotImplementedError.code
_NOT_SUPPORTED = codes.NotSupportedError.code
_UNKNOWN_TYPE = "MessageTypeNotSupported"
"""OCPP-J 2.0.1, 4.4; earlier editions say nothing of it to the peer."""
