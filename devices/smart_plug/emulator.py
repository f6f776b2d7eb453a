"""A Shelly Gen2+ plug as its clients see it, with a fridge plugged into it.

Methods, frames, channels and error codes follow the Shelly Technical Documentation,
Gen2+ (shelly-api-docs.shelly.cloud, read in 2026): "RPC Protocol", "RPC Channels",
"Notifications", "Common Errors", "Switch", "Shelly".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import Field

from devices.smart_plug.model import Fridge, FridgeOptions
from devices.smart_plug.server import INVALID_ARGUMENT, RpcError, Server
from harness.core.bench import EmulatorContext

NOT_FOUND = -105
"""Source: "Common Errors"."""
NO_HANDLER = 404
"""Code for an unknown method, as devices answer; not in "Common Errors": unverified."""

OPERATIONS = {"unplug": False, "plug in": True}
MINUTE_S = 60.0
LONGEST_TIMER_S = 7 * 86400.0
"""Ours: the documentation gives no limit. [s]"""


class EmulatorOptions(FridgeOptions):
    """The fridge's options, the plug's identity, and defects for bad rigs."""

    device_id: str = "shellyplusplugs-e465b8453a1c"
    model: str = "SNPL-00112UK"
    app: str = "PlusPlugUK"
    firmware: str = "1.4.4"
    start_on: bool = True

    gain_percent: float = Field(0.0, gt=-100)
    """Error of the plug's own power and energy. [%]"""
    ignores_instructions: bool = False
    """The relay is welded: the plug says what it was told, power flows on."""
    vanish_at_s: float | None = None
    """Drops off the network at this bench time, relay unmoved. [s]"""
    malformed_at_s: float | None = None
    """From this bench time on every reply is cut in half. [s]"""


class PlugEmulator:
    """The relay, its timer, its meter and the methods that clients call."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._context, self._options = context, options
        self._now_s = context.clock.now_s
        self._loop = asyncio.get_running_loop()
        self.fridge = Fridge(options, started_at_s=self._now_s())
        self._output = self._relay = options.start_on
        self._plugged = True
        self._source = "init"
        self._timer: asyncio.TimerHandle | None = None
        self._timer_status: dict[str, float] = {}
        self._change: asyncio.TimerHandle | None = None
        self._minute: asyncio.TimerHandle | None = None
        self._by_minute_mwh, self._minute_began_wh = [0.0, 0.0, 0.0], 0.0
        self.server = Server(options.device_id, self.answer, self._spoiled)
        self.address = ""
        self._feed()

    def start(self) -> None:
        """Begin to notify: whenever power changes, and energy every minute."""
        self._plan_change()
        self._plan_minute()

    def stop(self) -> None:
        """Cancel every timer."""
        for handle in (self._timer, self._change, self._minute):
            if handle is not None:
                handle.cancel()

    def operate(self, action: str) -> None:
        """Pull the fridge's plug, or put it back."""
        if action not in OPERATIONS:
            can = ", ".join(OPERATIONS)
            raise ValueError(f"nobody can {action!r} with a smart plug; can: {can}")
        self._plugged = OPERATIONS[action]
        self._feed()
        self._notify_power()

    def answer(self, method: str, params: Mapping[str, Any], source: str) -> object:
        """Return a method's result, or raise `RpcError`."""
        handlers: dict[str, Callable[[Mapping[str, Any], str], object]] = {
            "Switch.Set": self._switch_set,
            "Switch.GetStatus": self._switch_get_status,
            "Shelly.GetStatus": lambda _params, _source: {"switch:0": self._status()},
            "Shelly.GetDeviceInfo": lambda _params, _source: self._info(),
        }
        if method not in handlers:
            raise RpcError(NO_HANDLER, f"No handler for {method}")
        return handlers[method](params, source)

    def _switch_set(self, params: Mapping[str, Any], source: str) -> object:
        _check_id(params)
        wanted, after_s = params.get("on"), _seconds(params)
        if not isinstance(wanted, bool):
            raise RpcError(INVALID_ARGUMENT, "Missing required 'on'")
        was_on = self._output
        self._set_output(wanted, source)
        if after_s is not None:
            self._arm(after_s)
        return {"was_on": was_on}

    def _switch_get_status(self, params: Mapping[str, Any], _source: str) -> object:
        _check_id(params)
        return self._status()

    def _set_output(self, on: bool, source: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_status = None, {}
        self._output, self._source = on, source
        if not self._options.ignores_instructions:
            self._relay = on
        self._feed()
        changed = {"id": 0, "output": on, "source": source, **self._measured()}
        self._notify({"switch:0": changed})

    def _arm(self, after_s: float) -> None:
        back, began = not self._output, round(self._utc_s(), 2)
        self._timer = self._loop.call_later(after_s, self._set_output, back, "timer")
        self._timer_status = {"timer_started_at": began, "timer_duration": after_s}

    def _feed(self) -> None:
        self.fridge.feed(self._relay and self._plugged, at_s=self._now_s())
        self._plan_change()

    def _plan_change(self) -> None:
        """Wake when the fridge's thermostat will switch by itself."""
        if self._change is not None:
            self._change.cancel()
        due_s = self.fridge.next_change_s
        if due_s != float("inf"):
            delay_s = due_s - self._now_s()
            self._change = self._loop.call_later(delay_s, self._changed, due_s)

    def _changed(self, due_s: float) -> None:
        # The timer may be a rounding error early; the model is asked for its instant.
        self.fridge.power_w(max(due_s, self._now_s()))
        self._notify_power()
        self._plan_change()

    def _plan_minute(self) -> None:
        left_s = MINUTE_S - self._utc_s() % MINUTE_S
        delay_s = left_s if left_s > 0.001 else MINUTE_S
        self._minute = self._loop.call_later(delay_s, self._minute_over)

    def _minute_over(self) -> None:
        total_wh = self._energy_wh()
        used_mwh = round((total_wh - self._minute_began_wh) * 1000.0, 3)
        self._by_minute_mwh = [used_mwh, *self._by_minute_mwh[:2]]
        self._minute_began_wh = total_wh
        self._notify({"switch:0": {"id": 0, "aenergy": self._aenergy()}})
        self._plan_minute()

    def _notify_power(self) -> None:
        self._notify({"switch:0": {"id": 0, **self._measured()}})

    def _notify(self, changed: Mapping[str, object]) -> None:
        params = {"ts": round(self._utc_s(), 2), **changed}
        self.server.notify("NotifyStatus", params)

    def _status(self) -> dict[str, object]:
        return {
            "id": 0,
            "source": self._source,
            "output": self._output,
            **self._timer_status,
            **self._measured(),
            "freq": 50.0,
            "aenergy": self._aenergy(),
            "temperature": {"tC": 31.5, "tF": 88.7},
        }

    def _measured(self) -> dict[str, float]:
        """What the plug's own meter shows; power factor is taken as 1."""
        now_s = self._now_s()
        gain = 1.0 + self._options.gain_percent / 100.0
        voltage_v = self._context.circuit.voltage_v(now_s)
        power_w = self.fridge.power_w(now_s) * gain
        return {
            "apower": round(power_w, 1),
            "voltage": round(voltage_v, 1),
            "current": round(power_w / voltage_v, 3),
        }

    def _aenergy(self) -> dict[str, object]:
        began = int(self._utc_s() // MINUTE_S * MINUTE_S)
        return {
            "total": round(self._energy_wh(), 3),
            "by_minute": list(self._by_minute_mwh),
            "minute_ts": began,
        }

    def _energy_wh(self) -> float:
        gain = 1.0 + self._options.gain_percent / 100.0
        return self.fridge.energy_wh(self._now_s()) * gain

    def _info(self) -> dict[str, object]:
        options = self._options
        mac = options.device_id.rpartition("-")[2].upper()
        return {
            "name": None,
            "id": options.device_id,
            "mac": mac,
            "model": options.model,
            "gen": 2,
            "fw_id": f"20250115-120000/{options.firmware}",
            "ver": options.firmware,
            "app": options.app,
            "auth_en": False,
            "auth_domain": None,
        }

    def _utc_s(self) -> float:
        return self._context.clock.utc().timestamp()

    def _spoiled(self, text: str) -> str:
        from_s = self._options.malformed_at_s
        if from_s is not None and self._now_s() >= from_s:
            return text[: len(text) // 2]
        return text


def _seconds(params: Mapping[str, Any]) -> float | None:
    value = params.get("toggle_after")
    if value is None:
        return None
    if isinstance(value, int | float) and 0.0 < value < LONGEST_TIMER_S:
        return float(value)
    raise RpcError(INVALID_ARGUMENT, "Invalid 'toggle_after'")


def _check_id(params: Mapping[str, Any]) -> None:
    if "id" not in params:
        raise RpcError(INVALID_ARGUMENT, "Missing required 'id'")
    if params["id"] != 0:
        raise RpcError(NOT_FOUND, f"Bad id={json.dumps(params['id'])}")


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[PlugEmulator]:
    """Wire the fridge into the circuit and serve the plug on loopback."""
    emulator = PlugEmulator(context, options)
    context.circuit.attach(context.role, emulator.fridge)
    vanishing: asyncio.Task[None] | None = None
    async with emulator.server.listening(context.port) as port:
        emulator.address = f"http://127.0.0.1:{port}"
        emulator.start()
        if options.vanish_at_s is not None:
            vanishing = asyncio.create_task(_vanish(context, emulator, options))
        try:
            yield emulator
        finally:
            emulator.stop()
            if vanishing is not None:
                vanishing.cancel()


async def _vanish(
    context: EmulatorContext, emulator: PlugEmulator, options: EmulatorOptions
) -> None:
    await context.clock.until(options.vanish_at_s or 0.0)
    await emulator.server.vanish()
