"""An emulated station's side of its connection, alike in every edition of OCPP.

It introduces itself until it is accepted, and then sends heartbeats.
Source: Open Charge Point Protocol 1.6 edition 2, 4.2 and 4.6; OCPP 2.0.1 edition 3,
part 2, B01 to B03 and G02.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from devices.ev_chargepoint.charging import Timers
from devices.links.ocpp import Done, Payload, nothing
from devices.links.ocpp_session import Session
from harness.core.errors import LinkError

BOOT_RETRY_S = 60.0
"""If the CSMS names no interval itself (1.6, 4.2; 2.0.1, B03). [s]"""


@dataclass(frozen=True, slots=True)
class Own:
    """What a station brings to its connection."""

    boot: Callable[[], Payload]
    """What its BootNotification says."""
    resumed: Callable[[bool], None]
    """The CSMS is there and has accepted it; True if only just."""
    heartbeat_s: Callable[[], float]
    """HeartbeatInterval as it is set. [s]"""
    set_heartbeat_s: Callable[[int], object]
    """Sets it, as the CSMS has said."""


class Uplink:
    """A station's connection, boot and heartbeat."""

    def __init__(self, timers: Timers, own: Own) -> None:
        self._timers, self._own = timers, own
        self.session: Session | None = None
        self.accepted = False
        """Whether a BootNotification was accepted."""
        self._beating: asyncio.TimerHandle | None = None

    @property
    def online(self) -> bool:
        """Whether the CSMS is there and has accepted the station."""
        return self.accepted and self.session is not None and self.session.is_open

    def connected(self, session: Session) -> None:
        """Introduce the station, or after a mere loss of connection go on.

        No BootNotification after a reconnect: OCPP-J 1.6, 5.4; 2.0.1 part 4, 5.3.
        """
        self.session = session
        if self.accepted:
            self._own.resumed(False)
        else:
            self.boot()

    def disconnected(self) -> None:
        """The CSMS is gone; charging goes on under the profiles there are.

        Source: OCPP 1.6, 3.13.6; OCPP 2.0.1, K06.
        """
        self.session = None

    def post(self, action: str, payload: Payload, done: Done = nothing) -> None:
        """Send a CALL if the CSMS is there."""
        if self.session is not None:
            self.session.rpc.post(action, payload, done)

    def boot(self) -> None:
        """Send BootNotification."""
        self.post("BootNotification", self._own.boot(), self._boot_answered)

    def _boot_answered(self, answer: Payload | LinkError) -> None:
        if isinstance(answer, LinkError) or answer["status"] != "Accepted":
            interval_s = 0 if isinstance(answer, LinkError) else answer["interval"]
            self._timers.after(interval_s or BOOT_RETRY_S, self._boot_anew)
            return
        fresh, self.accepted = not self.accepted, True
        if answer["interval"] > 0:
            self._own.set_heartbeat_s(answer["interval"])
        if fresh:
            self._own.resumed(True)

    def _boot_anew(self) -> None:
        if not self.accepted:
            self.boot()

    def beat_again(self) -> None:
        """Set the timer for the next heartbeat."""
        self.rest()
        self._beating = self._timers.after(self._own.heartbeat_s(), self.beat)

    def beat(self) -> None:
        """Send Heartbeat."""
        if self.online:
            self.post("Heartbeat", {})
        self.beat_again()

    def rest(self) -> None:
        """Send no heartbeat until `beat_again`."""
        self._timers.cancel(self._beating)
