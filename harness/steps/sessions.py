"""What each scenario of a run is judged with: the rig and the day of its feature.

The command line has the last word; a recording that is judged again brings its own rig,
day, decision rule and seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from harness.checks.decide import decision_rule_of
from harness.core.errors import EvidenceError, UsageError
from harness.evidence.bundle import MANIFEST, read_manifest
from harness.rig.assemble import parts_of
from harness.rig.file import Rig, check_calibration, read_rig
from harness.rig.shipped import find_file
from harness.rulebook.loader import load_rulebook
from harness.steps.reading import day_of, rig_named_by
from harness.trial.measure import Assignment
from harness.trial.session import Session

DEFAULT_RIG = "rigs/emulated.toml"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says of a run; None where it says nothing."""

    today: date
    run_folder: Path = Path()
    """Where evidence goes."""
    on: date | None = None
    rig: str | None = None
    seed: int | None = None
    decision_rule: str | None = None
    capture: str = ""
    """Interface on which the wire is captured, or ``auto``; nothing is, if empty."""
    rejudge: Path | None = None
    """The run whose bundles are judged again instead of measuring."""


def read_date(where: str, text: str) -> date:
    """Return the date that a text names.

    Raises
    ------
    UsageError
        If it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(where, f"{text!r} is no date", "YYYY-MM-DD") from error


class Sessions:
    """The sessions of one run, each made on first use and shared by its scenarios.

    Raises
    ------
    UsageError
        If the rulebook cannot be used.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self._rulebook = wanted, load_rulebook()
        self._digest = self._rulebook.digest()
        self._benches: dict[str, tuple[Rig, str]] = {}
        self._sessions: dict[tuple[object, ...], Session] = {}
        self._recorded: dict[str, tuple[Path, dict[str, Any]]] = {}

    def of(self, feature: Path | None = None) -> Session:
        """Return what a feature is read and judged with; without one, the default.

        Raises
        ------
        UsageError
            If rig or date cannot be used.
        """
        wanted = self._wanted
        if wanted.rejudge is not None and feature is not None:
            return self._of_recorded(feature)
        name = wanted.rig or (feature and rig_named_by(feature)) or DEFAULT_RIG
        rig, text = self._bench(name)
        on = wanted.on or wanted.today
        if feature is not None:
            on = day_of(feature, rig.rig.clock, on=wanted.on, today=wanted.today)
        if (name, on) not in self._sessions:
            check_calibration(rig, on)
            self._sessions[name, on] = self._session(rig, text, on)
        return self._sessions[name, on]

    def of_bundle(self, bundle: Path) -> Session:
        """Return what a recording is judged with again: all that it was promised.

        Only another decision rule may be asked for.
        """
        return self._promised(bundle, read_manifest(bundle)["before"]["facts"])

    def _of_recorded(self, feature: Path) -> Session:
        """What the recordings of a feature were promised; they agree on rig and day."""
        if not self._recorded and self._wanted.rejudge is not None:
            for path in sorted(self._wanted.rejudge.glob(f"*/{MANIFEST}")):
                facts = read_manifest(path.parent)["before"]["facts"]
                self._recorded.setdefault(facts["feature_file"], (path.parent, facts))
        if feature.name not in self._recorded:
            raise EvidenceError(
                str(self._wanted.rejudge),
                f"holds no recording of {feature.name}",
                "a feature of that run",
            )
        return self._promised(*self._recorded[feature.name])

    def _promised(self, bundle: Path, facts: dict[str, Any]) -> Session:
        rule = self._wanted.decision_rule or facts["decision_rule"]
        key = (facts["rig_digest"], facts["date"], facts["seed"], rule)
        if key not in self._sessions:
            path = bundle / "rig.toml"
            rig = _overridden(read_rig(path), facts["seed"], rule)
            rig = rig.model_copy(update={"file_name": facts["rig_file"]})
            on, text = date.fromisoformat(facts["date"]), path.read_text("utf-8")
            self._sessions[key] = self._session(rig, text, on)
        return self._sessions[key]

    def _bench(self, name: str) -> tuple[Rig, str]:
        """A rig as it is run, and its file's text."""
        if name not in self._benches:
            wanted, path = self._wanted, find_file(name, "rigs")
            rig = _overridden(read_rig(path), wanted.seed, wanted.decision_rule)
            parts_of(rig)
            self._benches[name] = rig, path.read_text("utf-8")
        return self._benches[name]

    def _session(self, rig: Rig, text: str, on: date) -> Session:
        assignment = Assignment(
            rig=rig,
            rig_text=text,
            on=on,
            decision_rule=rig.rig.decision_rule,
            rulebook_digest=self._digest,
            capture=self._wanted.capture,
        )
        return Session(
            assignment, self._rulebook, self._wanted.run_folder, self._wanted.rejudge
        )


def _overridden(rig: Rig, seed: int | None, decision_rule: str | None) -> Rig:
    changes: dict[str, object] = {}
    if seed is not None:
        changes["seed"] = seed
    if decision_rule is not None:
        decision_rule_of(decision_rule)
        changes["decision_rule"] = decision_rule
    if not changes:
        return rig
    return rig.model_copy(update={"rig": rig.rig.model_copy(update=changes)})
