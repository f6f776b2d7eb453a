"""An emulated plug without its wire: relay, timer, own meter, clock, and its faults.

The wires (`devices.smart_plug.emulator`, `devices.smart_plug.tasmota_emulator`) ask it
what to say, and hear from it when something changed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from pydantic import Field

from devices.smart_plug.appliances import (
    OPERATIONS,
    Appliance,
    ApplianceOptions,
    make_appliance,
)
from devices.smart_plug.faults import PlugFaults
from devices.smart_plug.washing_machine import START, WashingMachine
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind


class PlugOptions(ApplianceOptions):
    """The appliance, the relay, and defects for bad rigs."""

    start_on: bool = True
    """How the relay is found, and how it comes back after a loss of power."""
    gain_percent: float = Field(0.0, gt=-100)
    """Error of the plug's own power and energy. [%]"""
    ignores_instructions: bool = False
    """The relay is welded: the plug says what it was told, power flows on."""
    vanish_at_s: float | None = None
    """Drops off the network at this bench time, relay unmoved. [s]"""


class Measured(NamedTuple):
    """What the plug's own meter shows, and when by its own clock."""

    utc: datetime
    power_w: float
    voltage_v: float
    current_a: float
    energy_wh: float
    output: bool


class Wire(Protocol):
    """What a plug hangs on, as far as the plug cares."""

    def power_changed(self) -> None:
        """The appliance draws another power now."""
        ...

    def output_changed(self, source: str) -> None:
        """The relay was told something."""
        ...

    def went(self) -> None:
        """It is gone from the network."""
        ...

    def came(self) -> None:
        """It is back, having started anew."""
        ...


class Plug:
    """The relay and what is plugged into it.

    Parameters
    ----------
    context : EmulatorContext
        Circuit, clock, chance.
    options : PlugOptions
        Its figures and defects.
    wire : Wire
        Who hears of changes.
    """

    def __init__(
        self, context: EmulatorContext, options: PlugOptions, wire: Wire
    ) -> None:
        self._context, self._options, self._wire = context, options, wire
        self._loop = asyncio.get_running_loop()
        self.appliance: Appliance = make_appliance(options, context)
        self.faults = PlugFaults()
        self.output = self._contact = options.start_on
        self._plugged, self._away, self._vanished = True, False, False
        self._timer: asyncio.TimerHandle | None = None
        self._armed: tuple[datetime, float] | None = None
        self._change: asyncio.TimerHandle | None = None
        self._return: asyncio.TimerHandle | None = None
        self._delivery: asyncio.TimerHandle | None = None
        self._vanishing: asyncio.TimerHandle | None = None
        self._frozen: Measured | None = None
        self._delivered: Measured | None = None
        self._kept_back: list[Callable[[], None]] = []
        self._feed()

    def start(self) -> None:
        """Begin to watch the appliance, and to vanish if that is wanted."""
        self._plan_change()
        at_s = self._options.vanish_at_s
        if at_s is not None:
            wait_s = max(0.0, at_s - self.now_s())
            self._vanishing = self._loop.call_later(wait_s, self._vanish)

    def stop(self) -> None:
        """Cancel every timer."""
        timers = (self._timer, self._change, self._return, self._delivery)
        for timer in (*timers, self._vanishing):
            if timer is not None:
                timer.cancel()

    def now_s(self) -> float:
        """Return bench time. [s]"""
        return self._context.clock.now_s()

    def utc(self) -> datetime:
        """Return what the plug's own clock shows."""
        error_s = self.faults.clock_error_s(self.now_s())
        return self._context.clock.utc() + timedelta(seconds=error_s)

    @property
    def is_silent(self) -> bool:
        """Whether it neither answers nor sends."""
        return self._away or self._vanished or FaultKind.GAP in self.faults

    @property
    def timer(self) -> tuple[datetime, float] | None:
        """When its timer was started and how long it runs, if it has one."""
        return self._armed

    def operate(self, action: str) -> None:
        """Pull the appliance's plug, put it back, or press its start button."""
        washing = isinstance(self.appliance, WashingMachine)
        known = OPERATIONS if washing else tuple(o for o in OPERATIONS if o != START)
        if action not in known:
            what = f"a {self._options.appliance} on a smart plug"
            raise ValueError(
                f"nobody can {action!r} with {what}; can: {', '.join(known)}"
            )
        if isinstance(self.appliance, WashingMachine) and action == START:
            self.appliance.start_programme(at_s=self.now_s())
        else:
            self._plugged = action == "plug in"
        self._feed()
        self._wire.power_changed()

    def switch(self, on: bool, source: str) -> None:
        """Be told to open or close; a running timer is stopped."""
        self.disarm()
        self.output = on
        self._move()
        self._wire.output_changed(source)

    def arm(self, after_s: float, on: bool, source: str) -> None:
        """Be told to switch later."""
        self.disarm()
        if FaultKind.FORGETS_SCHEDULE not in self.faults:
            self._armed = (self.utc(), after_s)
            self._timer = self._loop.call_later(after_s, self.switch, on, source)

    def disarm(self) -> None:
        """Forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._armed = None

    def measured(self) -> Measured:
        """Return what it answers when it is asked for its own meter."""
        return self._frozen or self._delivered or self._look()

    def live(self) -> Measured:
        """Return what it sends unasked: kept back, perhaps, but not older for it."""
        return self._frozen or self._look()

    def post(self, send: Callable[[], None]) -> None:
        """Send something unasked: now, later if it delivers late, or never."""
        if self.is_silent:
            return
        if FaultKind.LATE_BACKLOG in self.faults:
            self._kept_back.append(send)
        else:
            send()

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; see `Breakable`."""
        self.faults.impose(fault, self.now_s())
        match fault.kind:
            case FaultKind.FROZEN:
                self._frozen = self._look()
            case FaultKind.LATE_BACKLOG:
                self._deliver()
            case FaultKind.FORGETS_SCHEDULE:
                self.disarm()
            case FaultKind.REBOOTS:
                self._reboot()
        self._move()

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        if not self.faults.lift(kind):
            return
        if kind is FaultKind.REBOOTS:
            self._returned()
        if kind is FaultKind.FROZEN:
            self._frozen = None
        if kind is FaultKind.LATE_BACKLOG:
            self._delivered = None
            self._flush()
            self._cancel_delivery()
        self._move()

    def _look(self) -> Measured:
        now_s = self.now_s()
        factor = 1.0 + self._options.gain_percent / 100.0
        factor *= self.faults.amount(FaultKind.SCALED, well=1.0)
        voltage_v = self._context.circuit.voltage_v(now_s)
        power_w = self.appliance.power_w(now_s)
        return Measured(
            self.utc(),
            power_w * factor,
            voltage_v,
            power_w * factor / voltage_v,
            self.appliance.energy_wh(now_s) * factor,
            self.output,
        )

    def _move(self) -> None:
        """Let the contact follow what the relay was told, if it does."""
        if not (self._options.ignores_instructions or FaultKind.IGNORES in self.faults):
            self._contact = self.output
        self._feed()

    def _feed(self) -> None:
        on = self._contact and self._plugged and not self._away
        self.appliance.feed(
            on and FaultKind.TRIPS not in self.faults, at_s=self.now_s()
        )
        self._plan_change()

    def _plan_change(self) -> None:
        """Wake when the appliance will change by itself."""
        if self._change is not None:
            self._change.cancel()
        due_s = self.appliance.next_change_s
        if due_s != math.inf:
            delay_s = max(0.0, due_s - self.now_s())
            self._change = self._loop.call_later(delay_s, self._changed, due_s)

    def _changed(self, due_s: float) -> None:
        # The timer may be a rounding error early; the model is asked for its instant.
        self.appliance.power_w(max(due_s, self.now_s()))
        self._wire.power_changed()
        self._plan_change()

    def _reboot(self) -> None:
        self.disarm()
        self._kept_back.clear()
        if self._return is not None:
            self._return.cancel()
        if not self._away:
            self._away = True
            self._wire.went()
        away_s = self.faults.amount(FaultKind.REBOOTS, well=0.0)
        self._return = self._loop.call_later(away_s, self._returned)

    def _returned(self) -> None:
        if self._return is not None:
            self._return.cancel()
            self._return = None
        if self._away:
            self._away = False
            self.output = self._options.start_on
            self._move()
            self._wire.came()

    def _deliver(self) -> None:
        """Let out what was kept back, and keep back from now on."""
        self._flush()
        self._delivered = self.live()
        every_s = self.faults.amount(FaultKind.LATE_BACKLOG, well=1.0)
        self._cancel_delivery()
        self._delivery = self._loop.call_later(every_s, self._deliver)

    def _flush(self) -> None:
        kept_back, self._kept_back = self._kept_back, []
        if not self.is_silent:
            for send in kept_back:
                send()

    def _cancel_delivery(self) -> None:
        if self._delivery is not None:
            self._delivery.cancel()

    def _vanish(self) -> None:
        self._vanished = True
        self._wire.went()
