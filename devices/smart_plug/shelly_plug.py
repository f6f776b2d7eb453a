"""What a Shelly Gen2+ plug can do, over whichever channel it is reached."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from devices.links.shelly_frames import Result
from harness.core.bench import DeviceContext, DeviceEvent, Kindness, Options
from harness.core.capabilities import (
    Acknowledgement,
    Device,
    Identity,
    Polled,
    Switches,
)
from harness.core.errors import BenchError, LinkError
from harness.core.recording import Reading

SOURCE = "Shelly Technical Documentation, Gen2+ (shelly-api-docs.shelly.cloud, 2026)"
CAPABILITIES = (Device, Polled, Switches)
KINDNESS = Kindness(
    cycles_per_hour=60.0,
    source=(
        "ours: a relay of 100,000 operations lasts some 70 days at this pace; the "
        "makers give no limit (unverified)"
    ),
)
QUANTITIES = {
    "power_w": ("apower",),
    "voltage_v": ("voltage",),
    "current_a": ("current",),
    "energy_import_wh": ("aenergy", "ret_aenergy"),
}
"""Quantity: the status attributes it comes from (documentation: "Switch", status)."""

Call = Callable[[str, Result | None], Awaitable[Result]]


class PlugOptions(Options):
    """How the driver treats the plug."""

    poll_interval_s: float = Field(10.0, gt=0)
    switch_id: int = Field(0, ge=0)
    fail_safe_s: float | None = Field(None, gt=0)
    """The plug turns itself back on this long after being switched off, even if the
    harness is dead by then (``toggle_after``). [s]"""
    min_switch_interval_s: float = Field(10.0, ge=0)
    """The relay is not moved more often than this; `make_safe` excepted. [s]"""


class ShellyPlug:
    """A relay with a meter.

    Parameters
    ----------
    context : DeviceContext
        The bench.
    options : PlugOptions
        How it is treated.
    """

    def __init__(self, context: DeviceContext, options: PlugOptions) -> None:
        self._context, self._options = context, options
        self._where = f"{context.where} {context.address}"
        self._key = f"switch:{options.switch_id}"
        self._known: dict[str, Any] = {}
        self._found_on: bool | None = None
        self._moved_at_s = -math.inf
        self._instruct: Call | None = None
        self._ask: Call | None = None

    def over(self, instruct: Call, ask: Call) -> None:
        """Say how methods are called: to instruct, and to ask for values."""
        self._instruct, self._ask = instruct, ask

    @property
    def poll_interval_s(self) -> float:
        """How often it is asked. [s]"""
        return self._options.poll_interval_s

    @property
    def quantities(self) -> tuple[str, ...]:
        """What `poll` returns, as far as the model measures it."""
        return tuple(QUANTITIES)

    async def ready(self) -> None:
        """Connect, and remember how the relay was found."""
        status = await self._status()
        if self._found_on is None:
            self._found_on = bool(status["output"])

    async def identify(self) -> Identity:
        """Ask for the device information."""
        info = await self._call("Shelly.GetDeviceInfo")
        return Identity(
            maker="Shelly",
            model=f"{info.get('app', '')} {info.get('model', '')}".strip(),
            serial=str(info.get("id", "")),
            firmware=str(info.get("ver", "")),
        )

    async def poll(self) -> Sequence[Reading]:
        """Read power, voltage, current and energy."""
        return self._readings(await self._status(), device_time_s=math.nan)

    async def switch(self, on: bool) -> Acknowledgement:
        """Open or close the relay.

        Raises
        ------
        LinkError
            If the wire fails or the plug refuses.
        BenchError
            If the relay was moved less than ``min_switch_interval_s`` ago.
        """
        self._check_budget()
        return await self._set(on, back_after_s=self._options.fail_safe_s)

    async def make_safe(self) -> None:
        """Put the relay back as it was found (on, if that is not known)."""
        wanted = True if self._found_on is None else self._found_on
        status = await self._call("Switch.GetStatus", self._id())
        # A running toggle_after would move the relay again after we have left.
        if status.get("output") is not wanted or "timer_duration" in status:
            await self._set(wanted, back_after_s=None)

    def notified(self, method: str, params: Result) -> None:
        """Take what the plug tells unasked: changes to lay over the known status."""
        changed = params.get(self._key)
        if method not in ("NotifyStatus", "NotifyFullStatus"):
            return
        if not isinstance(changed, dict):
            return
        self._known.update(changed)
        device_time_s = self._device_time_s(params.get("ts"))
        self._context.report(self._readings(changed, device_time_s=device_time_s))
        if "output" in changed:
            detail = (
                f"output {_json(changed['output'])} by {changed.get('source', '?')}"
            )
            event = DeviceEvent(self._context.role, "status", detail)
            self._context.notify(event)

    async def _call(self, method: str, params: Result | None = None) -> Result:
        assert self._instruct is not None  # noqa: S101 - `over` comes first
        return await self._instruct(method, params)

    async def _set(self, on: bool, *, back_after_s: float | None) -> Acknowledgement:
        params: dict[str, object] = {**self._id(), "on": on}
        if not on and back_after_s is not None:
            params["toggle_after"] = back_after_s
        result = await self._call("Switch.Set", params)
        was_on = result.get("was_on")
        if was_on is not on:
            self._moved_at_s = self._context.clock.now_s()
        said = f"Switch.Set on={_json(on)}: was_on={_json(was_on)}"
        return Acknowledgement(True, said)

    def _id(self) -> dict[str, int]:
        return {"id": self._options.switch_id}

    async def _status(self) -> Result:
        assert self._ask is not None  # noqa: S101 - `over` comes first
        status = await self._ask("Switch.GetStatus", self._id())
        if not isinstance(status.get("output"), bool):
            raise LinkError(
                self._where,
                f"Switch.GetStatus gives no output for id {self._options.switch_id}",
                "switch_id in the rig file, and whether this model has a relay",
            )
        self._known = dict(status)
        return status

    def _device_time_s(self, ts: object) -> float:
        try:
            told = datetime.fromtimestamp(float(ts), UTC)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError, OSError):
            return math.nan
        return self._context.clock.bench_s(told)

    def _readings(
        self, changed: Mapping[str, Any], *, device_time_s: float
    ) -> list[Reading]:
        readings = []
        for quantity, attributes in QUANTITIES.items():
            if any(attribute in changed for attribute in attributes):
                value = _value(quantity, self._known)
                if value is not None:
                    readings.append(Reading(quantity, value, device_time_s))
        return readings

    def _check_budget(self) -> None:
        since_s = self._context.clock.now_s() - self._moved_at_s
        pause_s = self._options.min_switch_interval_s
        if since_s < pause_s:
            raise BenchError(
                self._where,
                f"the relay moved {since_s:.1f} s ago and is given {pause_s:g} s of "
                "rest",
                "a longer pause between instructions, or min_switch_interval_s in "
                "the rig file",
            )


def _value(quantity: str, status: Mapping[str, Any]) -> float | None:
    """Return a quantity of a status, or None if this model does not measure it.

    ``aenergy`` counts returned energy too (evcc, ``meter/shelly``), so import is
    what remains without ``ret_aenergy``.
    """
    if quantity == "energy_import_wh":
        total = _number(status.get("aenergy"), "total")
        returned = _number(status.get("ret_aenergy"), "total")
        return None if total is None else total - (returned or 0.0)
    return _number(status, QUANTITIES[quantity][0])


def _number(holder: object, key: str) -> float | None:
    value = holder.get(key) if isinstance(holder, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _json(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else "?"
