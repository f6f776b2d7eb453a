"""Through Debian's mosquitto: our driver, our emulated devices, and mosquitto_sub."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import numpy as np
import pytest

from devices.meter import smets2_cad
from devices.smart_plug import shelly_mqtt, tasmota
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit, FixedLoad
from harness.core.clock import BenchClock
from harness.core.errors import LinkError
from tests.peers.ports import free_ports

PATIENCE_S = 30.0


@contextlib.asynccontextmanager
async def mosquitto(folder):
    """Debian's broker on a free loopback port."""
    port = free_ports(1)
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = await asyncio.create_subprocess_exec(
        "/usr/sbin/mosquitto", "-c", str(config),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _listening(port)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listening(port):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def overhearing(port):
    """Debian's mosquitto_sub on every topic; yields what waits for a line of it."""
    process = await asyncio.create_subprocess_exec(
        "mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-v", "-t", "#",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    seen = []

    async def line_with(*words):
        async with asyncio.timeout(PATIENCE_S):
            for line in seen:
                if all(word in line for word in words):
                    return line
            async for raw in process.stdout:
                seen.append(raw.decode())
                if all(word in seen[-1] for word in words):
                    return seen[-1]
        raise AssertionError(f"nothing with {words} in {seen}")

    try:
        yield line_with
    finally:
        process.terminate()
        await process.communicate()


class Bench:
    """A bench on the wall clock whose devices meet on one broker."""

    def __init__(self, driver):
        self.driver, self.clock = driver, BenchClock(datetime.now(UTC))  # noqa: TID251
        self.circuit = Circuit(seed=1)
        self.circuit.attach("house", FixedLoad(1234.0))
        self.events, self.reports, self.wire = [], [], []

    def emulate(self, port, **options):
        context = EmulatorContext(
            "rig.toml [device.x]", "x", self.clock, np.random.default_rng(1),
            self.circuit, ("*",),
        )  # fmt: skip
        broker = f"mqtt://127.0.0.1:{port}"
        options = self.driver.emulator_options(broker=broker, **options)
        return self.driver.emulate(context, options)

    def open(self, address, **options):
        context = DeviceContext(
            "rig.toml [device.x]", "x", address, self.clock,
            lambda *each: self.wire.append(each), self.reports.append,
            lambda event: self.events.append((event.kind, event.detail)),
        )  # fmt: skip
        return self.driver.open(context, self.driver.options(**options))


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (tasmota, ("tasmota_3A1C55/POWER OFF",)),
        (shelly_mqtt, ("shellyplusplugs-e465b8453a1c/events/rpc", '"output":false')),
    ],
    ids=["tasmota", "shelly"],
)
def test_a_plug_is_switched_through_mosquitto_and_an_independent_client_hears_it(
    module, told, tmp_path
):
    async def trial():
        bench = Bench(module.DRIVER)
        async with (
            mosquitto(tmp_path) as port,
            overhearing(port) as line_with,
            bench.emulate(port) as emulator,
            bench.open(emulator.address) as plug,
        ):
            await plug.ready()
            on_w = (await plug.poll())[0].value
            answer = await plug.switch(False)
            off_w = (await plug.poll())[0].value
            line = await line_with(*told)
        return on_w, answer, off_w, line

    on_w, answer, off_w, line = asyncio.run(trial())
    assert (on_w, answer.accepted, off_w) == (90.0, True, 0.0)
    assert line


def test_mosquitto_tells_the_will_of_a_plug_that_died_and_the_driver_hears_it(tmp_path):
    async def trial():
        bench = Bench(tasmota.DRIVER)
        async with (
            mosquitto(tmp_path) as port,
            overhearing(port) as line_with,
            contextlib.AsyncExitStack() as plug_power,
        ):
            emulator = await plug_power.enter_async_context(bench.emulate(port))
            async with bench.open(emulator.address) as plug:
                await plug.ready()
                await line_with("tele/tasmota_3A1C55/LWT Online")
                await plug_power.aclose()
                await line_with("tele/tasmota_3A1C55/LWT Offline")
                with pytest.raises(LinkError, match="no answer"):
                    await plug.poll()
        return bench.events

    assert ("lost", "LWT Offline") in asyncio.run(trial())


def test_a_meter_tells_through_mosquitto_and_only_the_recording_is_without_its_mpan(
    tmp_path,
):
    async def trial():
        bench = Bench(smets2_cad.DRIVER)
        async with (
            mosquitto(tmp_path) as port,
            overhearing(port) as line_with,
            bench.emulate(port, update_interval_s=1.0, noise_w=0.0) as cad,
            bench.open(cad.address) as meter,
        ):
            await meter.ready()
            line = await line_with("SENSOR/electricitymeter", "1200000000004")
        return bench, line

    bench, line = asyncio.run(trial())
    assert '"units":"kW"' in line
    assert abs(bench.reports[0][0].value - 1234.0) <= 2.0
    assert "1200000000004" not in repr(bench.wire)


def test_a_broker_that_goes_and_comes_back_is_found_again(tmp_path):
    async def trial():
        bench = Bench(tasmota.DRIVER)
        ports = []
        async with contextlib.AsyncExitStack() as stack:
            async with mosquitto(tmp_path) as port:
                ports.append(port)
                emulator = await stack.enter_async_context(bench.emulate(port))
                plug = await stack.enter_async_context(bench.open(emulator.address))
                await plug.ready()
            with pytest.raises(LinkError):
                await plug.poll()
        return [kind for kind, _ in bench.events]

    kinds = asyncio.run(trial())
    assert "lost" in kinds
