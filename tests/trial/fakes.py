"""Fake devices on a virtual bench, for what real ones should not do."""

import asyncio
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

from harness.core.bench import DeviceEvent, Driver, Options
from harness.core.capabilities import Acknowledgement, Identity
from harness.core.clock import BenchClock
from harness.core.recording import Reading
from harness.core.virtual_loop import VirtualLoop
from harness.evidence.bundle import read_bundle
from harness.rig.file import Rig
from harness.trial.measure import Assignment, measure
from harness.trial.plan import Plan
from harness.trial.planned import Instruction, Move

ON = date(2026, 1, 15)
BEFORE_S, AFTER_S = 60.0, 60.0
CARD = {
    "basis": "certificate",
    "document": "0001",
    "expanded_uncertainty_percent": 0.4,
    "due": date(2030, 1, 1),
}


@dataclass
class Fake:
    """A device that can be limited, and what was asked of it."""

    safe_s: float = 0.0
    raises: BaseException | None = None
    """What every limit ends in."""
    safe_raises: Exception | None = None
    firmwares: tuple[str, ...] = ("1.0",)
    limits: list = field(default_factory=list)
    made_safe: int = 0
    context: object = None
    asked: int = 0

    async def ready(self):
        """Be ready at once."""

    async def identify(self):
        firmware = self.firmwares[min(self.asked, len(self.firmwares) - 1)]
        self.asked += 1
        return Identity("Fake", "Device", firmware=firmware)

    async def limit_power_w(self, limit_w):
        self.limits.append((self.context.clock.now_s(), limit_w))
        if self.raises is not None:
            raise self.raises
        return Acknowledgement(True, "yes")

    async def make_safe(self):
        self.made_safe += 1
        await asyncio.sleep(self.safe_s)
        if self.safe_raises is not None:
            raise self.safe_raises


class Meter(Fake):
    """A meter that answers when `answers` says so, after `takes_s`."""

    poll_interval_s = 1.0
    quantities = ("power_w",)

    def __init__(self, answers=lambda at_s: 100.0, takes_s=lambda at_s: 0.0):
        super().__init__()
        self._answers, self._takes_s = answers, takes_s

    async def poll(self):
        at_s = self.context.clock.now_s()
        await asyncio.sleep(self._takes_s(at_s))
        value = self._answers(at_s)
        if isinstance(value, Exception):
            self.tell("lost", "the socket is shut")
            self.tell("connected", "the socket is open again")
            raise value
        return [Reading("power_w", value)]

    def tell(self, kind, detail):
        self.context.notify(DeviceEvent(self.context.role, kind, detail))


def fake_driver(name, device):
    @asynccontextmanager
    async def opened(context, _options):
        device.context = context
        yield device

    @asynccontextmanager
    async def emulated(_context, _options):
        yield SimpleNamespace(address="nowhere", operate=None)

    return Driver(
        name=name, maker="", wire="", source="", options=Options, open=opened,
        emulator_options=Options, emulate=emulated,
    )  # fmt: skip


def known(monkeypatch, **devices):
    """Make a driver ``fake/ROLE`` known for each device; return a rig of them all."""
    drivers = {f"fake/{role}": fake_driver(role, one) for role, one in devices.items()}
    monkeypatch.setattr("harness.rig.drivers._third_party", lambda: drivers)
    parts = {
        role: {"driver": f"fake/{role}", "emulator": {}} for role in sorted(devices)
    }
    meters = {role: parts.pop(role) for role in list(parts) if role.endswith("meter")}
    for meter in meters.values():
        meter |= {"sees": ("*",), "calibration": CARD}
    bench = {"name": "Fakes", "clock": "virtual"}
    rig = Rig.model_validate({"rig": bench, "device": parts, "meter": meters})
    return rig.model_copy(update={"file_name": "fakes.toml"})


def event(role="ev", minutes=5):
    """A plan with one instruction, from bench second 60 on."""
    start_s = 17 * 3600.0
    instruction = Instruction(
        "ESO", role, Move.DOWN, 1400.0, start_s, start_s + 60 * minutes
    )
    return Plan(
        roles=[role],
        instructions=[instruction],
        baseline_s=BEFORE_S,
        aftermath_s=AFTER_S,
    )


def carry_out(plan, rig, folder, tell=lambda now_s, speed: None):
    """Measure; return the recording, whole or cut short, and what was raised."""
    feature = Path(folder).with_suffix(".feature")
    feature.write_text("Feature: fakes")
    assignment = Assignment(rig, "", ON, "simple", "")
    raised = None
    try:
        measure(plan, assignment, Path(folder), feature=feature, tell=tell)
    except (Exception, KeyboardInterrupt) as error:
        raised = error
    return read_bundle(Path(folder)), raised


def on_virtual_time(work):
    """Run ``work(clock)`` on a virtual clock that stands at 0."""

    async def begun():
        return await work(BenchClock(datetime(2026, 1, 15, 17, tzinfo=UTC)))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(begun())


def gaps(channel):
    """Times at which a read failed."""
    pairs = zip(channel.time_s, channel.values, strict=True)
    return [float(at_s) for at_s, value in pairs if math.isnan(value)]
