"""Where a scenario is, written down for the live display while it is carried out."""

from __future__ import annotations

import json
import time
from pathlib import Path

from harness.rig.file import Rig
from harness.steps.words import asset_name
from harness.trial.plan import Plan

TELL_EVERY_S = 0.3
"""Real seconds between two updates of the live display. [s]"""
PROMPT_S = 60.0
"""How long before and after its time a person is asked to do something. [s]"""


class Live:
    """Writes where a scenario is, for the live display, a few times a second."""

    def __init__(
        self, run_folder: Path, slug: str, plan: Plan, *, rig: Rig, name: str
    ) -> None:
        self._path = run_folder / ".progress" / f"{slug}.json"
        self._plan, self._name = plan, name
        self._virtual = rig.rig.clock == "virtual"
        self._by_hand = {
            role for role, entry in rig.device.items() if entry.emulator is None
        }
        self._told_at = -TELL_EVERY_S
        self.speed: float | None = None

    def tell(self, bench_s: float, speed: float) -> None:
        """Take note of bench time; write it down if it is time to."""
        self.speed = speed
        now = time.perf_counter()
        if now - self._told_at < TELL_EVERY_S:
            return
        self._told_at = now
        state = {
            "scenario": self._name,
            "clock_kind": "virtual" if self._virtual else "wall",
            "bench_s": bench_s,
            "duration_s": self._plan.duration_s,
            "speed": self.speed,
            "clock": self._clock(bench_s),
            "next": self._next(bench_s),
            "person": self._person(bench_s),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(state))
        part.replace(self._path)

    def end(self) -> None:
        """Take the scenario off the display."""
        self._path.unlink(missing_ok=True)

    def _clock(self, bench_s: float) -> str:
        day_s = (self._plan.start_clock_s + bench_s) % 86_400
        minutes, seconds = divmod(int(day_s), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"

    def _next(self, bench_s: float) -> str:
        for at_s, what in self._plan.agenda(by_hand=self._by_hand):
            if at_s > bench_s:
                return f"{self._clock(at_s)} {what}"
        return ""

    def _person(self, bench_s: float) -> list[str]:
        """What a person has to do: said a minute ahead, and for a minute when due."""
        asked = []
        for operation in self._plan.operations:
            ahead_s = self._plan.bench_s(operation.at_clock_s) - bench_s
            if operation.role in self._by_hand and abs(ahead_s) < PROMPT_S:
                when = "NOW" if ahead_s <= 0 else f"at {self._clock(bench_s + ahead_s)}"
                what = f"{operation.action} {asset_name(operation.role)}"
                asked.append(f"{when}: {what}")
        return asked
