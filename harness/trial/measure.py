"""From a plan to a recording: one bundle, one event loop, one run, every exit safe."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from harness.capture.wanted import Tap
from harness.core.clock import BenchClock
from harness.core.errors import EvidenceError
from harness.core.recording import Recording
from harness.core.virtual_loop import VirtualLoop
from harness.evidence.bundle import open_bundle, read_bundle
from harness.rig.file import Rig, check_calibration
from harness.trial.capturing import captured, taps_of
from harness.trial.plan import Plan
from harness.trial.recorder import Recorder
from harness.trial.run import LEAD_S, WALL_LEAD_S, Outcome, check_roles, run

FLUSH_EVERY_S = 60.0
"""On the wall clock, what was recorded reaches the disk at least this often. [s]"""


@dataclass(frozen=True, slots=True)
class Assignment:
    """All that decides how a plan is carried out and judged, besides the plan."""

    rig: Rig
    rig_text: str
    on: date
    decision_rule: str
    rulebook_digest: str
    capture: str = ""
    """Interface on which the wire is captured, or ``auto``; nothing is, if empty."""


Tell = Callable[[float, float], None]
"""Called once a bench second with bench time and how many times real time it goes."""


def measure(
    plan: Plan,
    assignment: Assignment,
    folder: Path,
    *,
    feature: Path,
    tell: Tell,
) -> Recording:
    """Carry out a plan of a feature file's and return what was observed.

    Raises
    ------
    UsageError
        If rig and plan do not fit; nothing was measured.
    BenchError
        If the bench failed; the folder holds what was recorded until then.
    """
    rig = assignment.rig
    check_roles(plan, rig)
    check_calibration(rig, assignment.on)
    taps = taps_of(rig, assignment.capture)
    open_bundle(
        folder,
        before=promised(plan, assignment) | {"feature_file": feature.name},
        files={
            "plan.json": json.dumps(plan.as_data(), indent=1, sort_keys=True),
            "rig.toml": assignment.rig_text,
            "scenario.feature": feature.read_bytes(),
        },
    )
    virtual = rig.rig.clock == "virtual"
    loop_factory = VirtualLoop if virtual else asyncio.new_event_loop
    with _ends_are_interrupts(), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_measure(plan, assignment, folder, tell, taps))
    return read_bundle(folder)


@contextmanager
def _ends_are_interrupts() -> Iterator[None]:
    """Let a polite kill and a closed terminal end a trial as safely as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        signal.raise_signal(signal.SIGINT)

    ends = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in ends}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def promised(plan: Plan, assignment: Assignment) -> dict[str, object]:
    """What is fixed before measuring, and digested with the bundle."""
    rig = assignment.rig
    return {
        "rig": rig.rig.name,
        "rig_file": rig.file_name,
        "rig_digest": rig.digest,
        "plan_digest": plan.digest(),
        "rulebook_digest": assignment.rulebook_digest,
        "decision_rule": assignment.decision_rule,
        "date": assignment.on.isoformat(),
        "starts_at": plan.starts_at(assignment.on).isoformat(),
        "seed": rig.rig.seed,
        "clock": rig.rig.clock,
        "grade": rig.grade,
        "quiet_interval_s": rig.rig.quiet_interval_s,
        "judges": dict(plan.judges),
        "ratings": {
            role: device.rated_power_w
            for role, device in rig.device.items()
            if device.rated_power_w is not None
        },
        "meters": {
            role: {
                "sees": list(meter.sees),
                "driver": meter.driver,
                "calibration": meter.calibration.model_dump(mode="json"),
                "relative_u": meter.calibration.relative_u,
                "rating": None if meter.rating is None else meter.rating.model_dump(),
            }
            for role, meter in rig.meter.items()
        },
        "meter_order": list(rig.meter),
    }


async def _measure(
    plan: Plan,
    assignment: Assignment,
    folder: Path,
    tell: Tell,
    taps: tuple[Tap, ...],
) -> None:
    virtual = assignment.rig.rig.clock == "virtual"
    lead_s = LEAD_S if virtual else WALL_LEAD_S
    clock = BenchClock(plan.starts_at(assignment.on), lead_s=lead_s, held=not virtual)
    began = time.perf_counter()
    with Recorder(folder, clock) as recorder:
        flushed_s = -lead_s

        def told(now_s: float) -> None:
            nonlocal flushed_s
            if not virtual and now_s - flushed_s >= FLUSH_EVERY_S:
                recorder.flush()
                flushed_s = now_s
            elapsed_s = max(time.perf_counter() - began, 1e-6)
            tell(now_s, (now_s + lead_s) / elapsed_s if virtual else 1.0)

        outcome = Outcome()
        try:
            async with captured(taps, folder, clock, outcome.facts):
                await run(plan, assignment.rig, recorder, clock, told, outcome)
        except BaseException as error:
            facts = outcome.facts | {"cut_short_by": _said(error)}
            recorder.close(complete=False, facts=facts)
            raise
        recorder.close(complete=True, facts=outcome.facts)


def _said(error: BaseException) -> str:
    """What cut a trial short, as the bundle keeps it."""
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return "it was interrupted"
    return f"{type(error).__name__}: {error}".rstrip(": ")


def recall(plan: Plan, folder: Path) -> Recording:
    """Read a recording back to judge it again, if it is of this very plan.

    Raises
    ------
    EvidenceError
        If the bundle was touched, or belongs to another plan.
    """
    recording = read_bundle(folder)
    stored = recording.facts.get("plan_digest")
    if stored != plan.digest():
        raise EvidenceError(
            str(folder),
            "the feature file asks for another plan than the one that was measured",
            "the feature as it was, or a new trial",
        )
    return recording
