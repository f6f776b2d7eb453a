"""Shelly Gen2+ plug that dials us: outbound websocket, every change pushed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic import Field

from devices.links import framing
from devices.links.shelly_frames import compact
from devices.links.shelly_outbound import ShellyOutbound
from devices.links.shelly_rpc import dialled
from devices.smart_plug.appliances import OPERATIONS
from devices.smart_plug.emulator import PlugEmulator, ShellyOptions
from devices.smart_plug.faults import BREAKS
from devices.smart_plug.server import reply_to
from devices.smart_plug.shelly_plug import (
    CAPABILITIES,
    KINDNESS,
    SOURCE,
    PlugOptions,
    ShellyPlug,
)
from harness.core.bench import DeviceContext, Driver, EmulatorContext

REDIAL_S: Final = 5.0
"""How soon an emulated plug dials again; chosen. [s]"""


class ShellyWsOptions(PlugOptions):
    """How the driver waits for and treats the plug."""

    timeout_s: float = Field(2.0, gt=0)
    """Longest wait for a reply. [s]"""
    call_within_s: float = Field(60.0, gt=0)
    """Longest wait for the plug to dial us. [s]"""


class ShellyDialling(ShellyPlug):
    """A plug that opens the connection."""

    def __init__(self, context: DeviceContext, options: ShellyWsOptions) -> None:
        super().__init__(context, options)
        self._within_s = options.call_within_s
        self.link = ShellyOutbound(
            context, timeout_s=options.timeout_s, notified=self.notified
        )
        self.over(self.link.call, self.link.call)

    @property
    def address(self) -> str:
        """Where we listen."""
        return self.link.address

    async def ready(self) -> None:
        """Wait for the plug's call, and remember how its relay was found."""
        await self.link.come(self._within_s)
        await super().ready()


class DialChannel:
    """The plug's side: dials, tells its whole status, and goes on from there."""

    def __init__(self, emulator: PlugEmulator, device_id: str, url: str) -> None:
        self._emulator, self._id, self._url = emulator, device_id, url
        self._send: Callable[[str], None] | None = None
        self._calling: asyncio.Task[None] | None = None

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Push to the server, if it is connected."""
        if self._send is not None:
            frame = {"src": self._id, "dst": "ws", "method": method, "params": params}
            self._send(self._emulator.spoiled(compact(frame)))

    def went(self) -> None:
        """Drop the connection."""
        if self._calling is not None:
            self._calling.cancel()

    def came(self) -> None:
        """Dial again."""
        self._calling = asyncio.create_task(self._call())

    async def hang_up(self) -> None:
        """Drop the connection and return when it is closed."""
        if self._calling is not None:
            self._calling.cancel()
            await asyncio.wait({self._calling})

    async def _call(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                async with dialled(self._url, self._heard) as (send, closed):
                    self._send = send
                    self.notify("NotifyFullStatus", self._emulator.full_status())
                    try:
                        await closed
                    finally:
                        self._send = None
            await asyncio.sleep(REDIAL_S)

    def _heard(self, text: str) -> None:
        if self._emulator.plug.is_silent or self._send is None:
            return
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(frame, dict):
            reply = reply_to(frame, self._id, self._emulator.answer, "WS_out")
            self._send(self._emulator.spoiled(compact(reply)))


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: ShellyWsOptions
) -> AsyncIterator[ShellyDialling]:
    """Listen for as long as the device is in use."""
    plug = ShellyDialling(context, options)
    async with plug.link.listening():
        yield plug


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: ShellyOptions
) -> AsyncIterator[PlugEmulator]:
    """Wire the appliance into the circuit and have the plug dial."""
    emulator = PlugEmulator(context, options)
    channel = DialChannel(emulator, options.device_id, context.dial)
    emulator.channel = channel
    emulator.start()
    channel.came()
    try:
        yield emulator
    finally:
        emulator.stop()
        await channel.hang_up()


DRIVER = Driver(
    name="smart_plug/shelly_ws",
    maker="Shelly",
    wire="Shelly RPC over an outbound websocket",
    source=SOURCE,
    options=ShellyWsOptions,
    open=open_driver,
    emulator_options=ShellyOptions,
    emulate=emulate,
    capabilities=CAPABILITIES,
    address_form="ws://HOST:PORT/PATH",
    listens=True,
    operations=OPERATIONS,
    faults=BREAKS,
    kindness=KINDNESS,
    frame_length=framing.websocket,
    frame_text=framing.websocket_text,
)
