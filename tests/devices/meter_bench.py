"""What the meter tests share: a circuit, an emulated meter on it, and its driver."""

import random
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np

from harness.core.bench import EmulatorContext
from harness.core.circuit import Circuit, FixedLoad
from tests.devices.modbus_bench import START, Bench

QUIET = {"noise_percent": 0.0, "noise_w": 0.0}


class Ramp:
    """A load whose power tells when it flowed: 1,000 W, and a watt for each second."""

    def power_w(self, at_s):
        return 1000.0 + at_s


class Coil:
    """A load with as much reactive power as it is given."""

    def __init__(self, power_w, reactive_var):
        self._power_w, self._reactive_var = power_w, reactive_var

    def power_w(self, at_s):
        return self._power_w

    def reactive_var(self, at_s):
        return self._reactive_var


def mangled(seed, good, count=20):
    """Frames that no device should send: noise, good ones hit, cut and run together."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    for _ in range(count):
        frame = bytearray(chance.choice(good))
        match chance.randrange(4):
            case 0:
                frame = bytearray(chance.randbytes(chance.randrange(1, 60)))
            case 1:
                for _ in range(chance.randrange(1, 4)):
                    frame[chance.randrange(len(frame))] = chance.randrange(256)
            case 2:
                del frame[max(1, chance.randrange(len(frame))) :]
            case _:
                at = chance.randrange(len(frame))
                frame[at:at] = chance.randbytes(chance.randrange(1, 8))
        yield bytes(frame)


def values(readings):
    return {reading.quantity: reading.value for reading in readings}


class Step:
    """A load that jumps, and refuses to be asked about the past."""

    def __init__(self, *, at_s, before_w, after_w):
        self.at_s, self.before_w, self.after_w = at_s, before_w, after_w
        self.asked_s = -1e9

    def power_w(self, at_s):
        assert at_s >= self.asked_s
        self.asked_s = at_s
        return self.after_w if at_s >= self.at_s else self.before_w


@asynccontextmanager
async def bench_of(
    module,
    load,
    *,
    sees=("ev",),
    seed=1,
    serial=False,
    how=None,
    starts_at=START,
    **errors,
):
    """A circuit with one load, a meter that sees it, and the meter's driver."""
    bench = Bench("", starts_at=starts_at)
    circuit = Circuit(seed=seed)
    circuit.attach("ev", load)
    circuit.attach("base", FixedLoad(300.0))
    context = EmulatorContext(
        where="test.toml [meter.meter]",
        role="meter",
        clock=bench.clock,
        rng=np.random.default_rng(seed),
        circuit=circuit,
        sees=sees,
        serial=serial,
    )
    driver = module.DRIVER
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(
            driver.emulate(context, driver.emulator_options(**errors))
        )
        dialled = Bench(emulator.address, starts_at=starts_at)
        meter = await stack.enter_async_context(
            driver.open(dialled.context, driver.options(**(how or {})))
        )
        await meter.ready()
        yield meter, dialled, emulator


async def polled(meter, clock, until_s, quantity="power_w"):
    """Poll at every whole second; return one value for each."""
    seen = []
    for second in range(1, until_s + 1):
        await clock.until(float(second))
        readings = {each.quantity: each.value for each in await meter.poll()}
        seen.append(readings.get(quantity))
    return seen
