"""Read everything on a bench that must be asked, for as long as a trial runs.

Where true power is known it is noted beside; who is silent too long ends the trial.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.core.bench import DeviceEvent
from harness.core.capabilities import Polled
from harness.core.clock import BenchClock
from harness.core.errors import LinkError
from harness.core.recording import Reading
from harness.rig.assemble import Bench
from harness.rig.file import Rig
from harness.trial.aggregator import Aggregator
from harness.trial.attention import Attention, attention, roles_aside
from harness.trial.market import Listener
from harness.trial.plan import Plan
from harness.trial.recorder import Recorder

LOST_AFTER_S = 60.0
"""A device that is silent for longer is lost, and the trial with it. [s]"""
ANSWER_S = 5.0
"""How long a poll may take to be answered. [s]"""
TRUTH_INTERVAL_S = 1.0
LONG_S, LONG_TRUTH_INTERVAL_S = 43_200.0, 60.0
"""A plan longer than this has its true power noted less often; so has, on virtual time,
a bench that nobody reads as often. [s]"""

Tell = Callable[[float], None]
"""Hears bench time, now and then. [s]"""


@dataclass(slots=True)
class _Watch:
    """Who was last heard of when; a device silent for too long ends the trial."""

    clock: BenchClock
    polled: dict[str, float] = field(default_factory=dict)
    """Roles that must answer a poll to count as heard: a wire is not enough; and how
    often each is polled. [s]"""
    failing_since_s: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def failed(self, role: str, reason: str) -> None:
        self.failing_since_s.setdefault(role, self.clock.now_s())
        self.reasons[role] = reason

    def heard(self, role: str) -> None:
        self.failing_since_s.pop(role, None)

    def connected(self, role: str) -> None:
        if role not in self.polled:
            self.heard(role)

    def check(self, rig: Rig) -> None:
        now_s = self.clock.now_s()
        for role, since_s in self.failing_since_s.items():
            # Who is seldom asked must have been asked again before it is given up.
            within_s = max(LOST_AFTER_S, 2 * self.polled.get(role, 0.0) + ANSWER_S)
            if now_s - since_s >= within_s:
                raise LinkError(
                    rig.where(role),
                    f"lost at bench second {since_s:.0f} and not heard of for "
                    f"{within_s:.0f} s ({self.reasons[role].rstrip('.')})",
                    "its power, its wire, and what it did just before",
                )


class Observer:
    """Hands what the bench says to the recorder, the watch and the aggregator."""

    def __init__(self, recorder: Recorder, clock: BenchClock) -> None:
        self._recorder, self._clock = recorder, clock
        self.watch = _Watch(clock)
        self.aggregator: Aggregator | None = None
        self.listeners: Sequence[Listener] = ()
        """Who hears what meters say as they say it: monitoring, management."""

    def wire(self, role: str, sent: bool, payload: str) -> None:
        """Keep a message as it was on the wire."""
        self._recorder.message(role, sent, payload)

    def report(self, role: str, readings: Sequence[Reading]) -> None:
        """Keep what a role said unasked."""
        self.samples(role, readings, asked_s=self._clock.now_s())

    def samples(
        self, role: str, readings: Sequence[Reading], *, asked_s: float
    ) -> None:
        """Keep what a role said just now; let those who listen hear it."""
        now_s = self._clock.now_s()
        self._recorder.samples(role, readings, asked_s=asked_s, arrival_s=now_s)
        for listen in self.listeners:
            listen(role, readings)

    def notify(self, event: DeviceEvent) -> None:
        """Keep what happened to a role, and tell who acts on it."""
        if event.kind == "lost":
            self.watch.failed(event.role, event.detail)
        elif event.kind == "connected":
            self.watch.connected(event.role)
        if self.aggregator is not None:
            self.aggregator.hear(event)
        else:
            self._recorder.log(event.role, event.kind, detail=event.detail)


async def observe(
    plan: Plan,
    bench: Bench,
    observer: Observer,
    recorder: Recorder,
    tell: Tell,
) -> None:
    """Sample everything that must be asked, for as long as the trial runs."""
    looking, aside = attention(plan, bench.rig), roles_aside(plan, bench.rig)
    async with asyncio.TaskGroup() as group:
        for role, device in bench.devices.items():
            if isinstance(device, Polled):
                how = looking.aside() if role in aside else looking
                longest_s = how.longest_s(device.poll_interval_s)
                observer.watch.polled[role] = longest_s
                group.create_task(
                    _poll(role, device, bench.clock, observer, recorder, how)
                )
        every_s = _pulse_s(plan, bench)
        group.create_task(_pulse(bench, observer, recorder, tell, looking, every_s))


async def _poll(
    role: str,
    device: Polled,
    clock: BenchClock,
    observer: Observer,
    recorder: Recorder,
    looking: Attention,
) -> None:
    """Ask one device for its quantities on a fixed grid; skip what was missed."""
    interval_s = device.poll_interval_s
    due_s = math.ceil(clock.now_s() / interval_s) * interval_s
    while True:
        await clock.until(due_s)
        asked_s = clock.now_s()
        try:
            readings = await device.poll()
        except LinkError as error:
            recorder.missing(role, device.quantities, asked_s=asked_s)
            recorder.log(role, "read failed", detail=str(error))
            observer.watch.failed(role, error.fact)
        else:
            observer.samples(role, readings, asked_s=asked_s)
            observer.watch.heard(role)
        due_s = looking.next_s(max(clock.now_s(), due_s), interval_s)


def _pulse_s(plan: Plan, bench: Bench) -> float:
    """How often true power is noted: as often as anything is read, within reason."""
    asked = [d.poll_interval_s for d in bench.devices.values() if isinstance(d, Polled)]
    if plan.duration_s > LONG_S:
        return max(LONG_TRUTH_INTERVAL_S, min(asked, default=0.0))
    if not asked or not bench.clock.is_virtual:
        return TRUTH_INTERVAL_S  # somebody watches the live display
    return min(max(TRUTH_INTERVAL_S, min(asked)), LONG_TRUTH_INTERVAL_S)


async def _pulse(
    bench: Bench,
    observer: Observer,
    recorder: Recorder,
    tell: Tell,
    looking: Attention,
    every_s: float,
) -> None:
    """At an interval: note true power where it is known, look for lost devices."""
    clock, circuit = bench.clock, bench.circuit
    known = [role for role in bench.rig.device if role in circuit.roles]
    shown = {role: f"{role}_power_w" for role in known}
    if len(known) == len(bench.rig.device):
        shown[circuit.EVERYTHING] = "home_power_w"
    due_s = float(math.ceil(clock.now_s()))
    while True:
        await clock.until(due_s)
        now_s = clock.now_s()
        if shown:
            truly_w = circuit.powers_w(now_s)
            truth = [Reading(name, truly_w[place]) for place, name in shown.items()]
            recorder.samples("truth", truth, asked_s=now_s, arrival_s=now_s)
        observer.watch.check(bench.rig)
        tell(now_s)
        due_s = looking.next_s(max(now_s, due_s), every_s)
