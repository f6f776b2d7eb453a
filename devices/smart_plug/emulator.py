"""A Shelly Gen2+ plug as its clients see it, with an appliance plugged into it.

Methods, frames, channels and error codes follow the Shelly Technical Documentation,
Gen2+ (shelly-api-docs.shelly.cloud, read in 2026): "RPC Protocol", "RPC Channels",
"Notifications", "Common Errors", "Switch", "Shelly", "MQTT", "Outbound Websocket".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from devices.smart_plug.faults import BREAKS
from devices.smart_plug.plug import Measured, Plug, PlugOptions
from devices.smart_plug.server import INVALID_ARGUMENT, RpcError
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

NOT_FOUND = -105
"""Source: "Common Errors"."""
NO_HANDLER = 404
"""Code for an unknown method, as devices answer; not in "Common Errors": unverified."""

MINUTE_S = 60.0
LONGEST_TIMER_S = 7 * 86400.0
"""Ours: the documentation gives no limit. [s]"""


class ShellyOptions(PlugOptions):
    """The plug and its identity, whatever channel it is reached over."""

    device_id: str = "shellyplusplugs-e465b8453a1c"
    model: str = "SNPL-00112UK"
    app: str = "PlusPlugUK"
    firmware: str = "1.4.4"
    malformed_at_s: float | None = None
    """From this bench time on every frame is cut in half. [s]"""


class Channel(Protocol):
    """A channel on which the plug is reached, and pushes."""

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Push to every client that listens."""
        ...

    def went(self) -> None:
        """The plug is gone from the network."""
        ...

    def came(self) -> None:
        """The plug is back."""
        ...


class PlugEmulator:
    """The methods that clients call, and what they are told unasked."""

    def __init__(self, context: EmulatorContext, options: ShellyOptions) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self.plug = Plug(context, options, self)
        self._source = "init"
        self._minute: asyncio.TimerHandle | None = None
        self._by_minute_mwh, self._minute_began_wh = [0.0, 0.0, 0.0], 0.0
        self.channel: Channel | None = None
        self.address = ""
        context.circuit.attach(context.role, self.plug.appliance)

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return BREAKS

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on."""
        self.plug.impose(fault)

    def lift(self, kind: FaultKind) -> None:
        """Be well again."""
        self.plug.lift(kind)

    def operate(self, action: str) -> None:
        """Do what a person would do to the appliance."""
        self.plug.operate(action)

    def start(self) -> None:
        """Begin to notify: whenever power changes, and energy every minute."""
        self.plug.start()
        self._plan_minute()

    def stop(self) -> None:
        """Cancel every timer."""
        self.plug.stop()
        if self._minute is not None:
            self._minute.cancel()

    def answer(self, method: str, params: Mapping[str, Any], source: str) -> object:
        """Return a method's result, or raise `RpcError`."""
        handlers: dict[str, Callable[[Mapping[str, Any], str], object]] = {
            "Switch.Set": self._switch_set,
            "Switch.GetStatus": self._switch_get_status,
            "Shelly.GetStatus": lambda _params, _source: {"switch:0": self.status()},
            "Shelly.GetDeviceInfo": lambda _params, _source: self._info(),
        }
        if method not in handlers:
            raise RpcError(NO_HANDLER, f"No handler for {method}")
        return handlers[method](params, source)

    def full_status(self) -> dict[str, object]:
        """Return the content of a NotifyFullStatus."""
        ts = round(self.plug.measured().utc.timestamp(), 2)
        return {"ts": ts, "switch:0": self.status()}

    def status(self) -> dict[str, object]:
        """Return the switch's status."""
        timer, measured = self.plug.timer, self.plug.measured()
        armed = {} if timer is None else {
            "timer_started_at": round(timer[0].timestamp(), 2),
            "timer_duration": timer[1],
        }  # fmt: skip
        return {
            "id": 0,
            "source": self._source,
            "output": measured.output,
            **armed,
            **_shown(measured),
            "freq": 50.0,
            "aenergy": self._aenergy(measured),
            "temperature": {"tC": 31.5, "tF": 88.7},
        }

    def spoiled(self, text: str) -> str:
        """Pass an outgoing text; a defect may damage it."""
        from_s = self._options.malformed_at_s
        if from_s is not None and self.plug.now_s() >= from_s:
            return text[: len(text) // 2]
        return text

    def power_changed(self) -> None:
        """Tell clients: the appliance draws another power now."""
        self._notify({"id": 0, **_shown(self.plug.live())})

    def output_changed(self, source: str) -> None:
        """Tell clients: the relay was told something."""
        self._source = source
        live = self.plug.live()
        told = {"id": 0, "output": live.output, "source": source}
        self._notify({**told, **_shown(live)})

    def went(self) -> None:
        """Leave the network."""
        if self.channel is not None:
            self.channel.went()

    def came(self) -> None:
        """Be back, with minute counters begun anew."""
        self._source = "init"
        self._by_minute_mwh = [0.0, 0.0, 0.0]
        if self.channel is not None:
            self.channel.came()

    def _switch_set(self, params: Mapping[str, Any], source: str) -> object:
        _check_id(params)
        wanted, after_s = params.get("on"), _seconds(params)
        if not isinstance(wanted, bool):
            raise RpcError(INVALID_ARGUMENT, "Missing required 'on'")
        was_on = self.plug.output
        self.plug.switch(wanted, source)
        if after_s is not None:
            self.plug.arm(after_s, not wanted, "timer")
        return {"was_on": was_on}

    def _switch_get_status(self, params: Mapping[str, Any], _source: str) -> object:
        _check_id(params)
        return self.status()

    def _plan_minute(self) -> None:
        left_s = MINUTE_S - self.plug.utc().timestamp() % MINUTE_S
        delay_s = left_s if left_s > 0.001 else MINUTE_S
        self._minute = self._loop.call_later(delay_s, self._minute_over)

    def _minute_over(self) -> None:
        live = self.plug.live()
        total_wh = live.energy_wh
        used_mwh = round((total_wh - self._minute_began_wh) * 1000.0, 3)
        self._by_minute_mwh = [used_mwh, *self._by_minute_mwh[:2]]
        self._minute_began_wh = total_wh
        self._notify({"id": 0, "aenergy": self._aenergy(live)})
        self._plan_minute()

    def _notify(self, changed: Mapping[str, object]) -> None:
        if self.channel is not None:
            ts = round(self.plug.live().utc.timestamp(), 2)
            params = {"ts": ts, "switch:0": changed}
            notify = self.channel.notify
            self.plug.post(lambda: notify("NotifyStatus", params))

    def _aenergy(self, measured: Measured) -> dict[str, object]:
        return {
            "total": round(measured.energy_wh, 3),
            "by_minute": list(self._by_minute_mwh),
            "minute_ts": int(measured.utc.timestamp() // MINUTE_S * MINUTE_S),
        }

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


def _shown(measured: Measured) -> dict[str, float]:
    """What the plug's own meter shows; power factor is taken as 1."""
    return {
        "apower": round(measured.power_w, 1),
        "voltage": round(measured.voltage_v, 1),
        "current": round(measured.current_a, 3),
    }


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
