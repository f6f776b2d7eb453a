"""Shelly Gen2+ plug: switched over HTTP, measured over a websocket that pushes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import Field

from devices.links import framing
from devices.links.shelly_frames import password_of
from devices.links.shelly_rpc import ShellyRpc
from devices.smart_plug.appliances import OPERATIONS
from devices.smart_plug.emulator import PlugEmulator
from devices.smart_plug.emulator import ShellyOptions as ShellyEmulatorOptions
from devices.smart_plug.faults import BREAKS
from devices.smart_plug.server import Gate, Server
from devices.smart_plug.shelly_plug import (
    CAPABILITIES,
    KINDNESS,
    SOURCE,
    PlugOptions,
    ShellyPlug,
)
from harness.core.bench import DeviceContext, Driver, EmulatorContext


class ShellyOptions(PlugOptions):
    """How the driver reaches and treats the plug."""

    timeout_s: float = Field(2.0, gt=0)
    push: bool = True
    """Listen to notifications, and poll over their websocket; else poll by HTTP."""
    password_env: str = ""
    """Name of the environment variable that holds the password, if there is one: a
    rig file is evidence, and a password must not be in it."""


class Shelly(ShellyPlug):
    """A plug with both of its links."""

    def __init__(self, context: DeviceContext, options: ShellyOptions) -> None:
        super().__init__(context, options)
        self.link = ShellyRpc(
            context,
            timeout_s=options.timeout_s,
            notified=self.notified,
            password=password_of(context.where, options.password_env),
        )
        self.over(
            self.link.call, self.link.call_socket if options.push else self.link.call
        )


class EmulatorOptions(ShellyEmulatorOptions):
    """Also how it is protected."""

    password_env: str = ""
    """Name of the environment variable with the password that it asks for."""


@asynccontextmanager
async def open_driver(
    context: DeviceContext, options: ShellyOptions
) -> AsyncIterator[Shelly]:
    """Hold the links for as long as the device is in use."""
    plug = Shelly(context, options)
    try:
        yield plug
    finally:
        await plug.link.close()


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[PlugEmulator]:
    """Wire the appliance into the circuit and serve the plug on loopback."""
    emulator = PlugEmulator(context, options)
    password = password_of(context.where, options.password_env)
    nonce = int(context.rng.integers(1 << 30, 1 << 31)) if password else 0
    server = Server(
        options.device_id,
        emulator.answer,
        emulator.spoiled,
        is_silent=lambda: emulator.plug.is_silent,
        gate=Gate(options.device_id, password, nonce),
    )
    emulator.channel = server
    async with server.listening(context.port) as port:
        emulator.address = f"http://127.0.0.1:{port}"
        emulator.start()
        try:
            yield emulator
        finally:
            emulator.stop()


DRIVER = Driver(
    name="smart_plug/shelly",
    maker="Shelly",
    wire="Shelly RPC (JSON-RPC over HTTP and websocket)",
    source=SOURCE,
    options=ShellyOptions,
    open=open_driver,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=CAPABILITIES,
    address_form="http://HOST",
    operations=OPERATIONS,
    faults=BREAKS,
    kindness=KINDNESS,
    frame_length=framing.websocket,
    frame_text=framing.websocket_text,
)
