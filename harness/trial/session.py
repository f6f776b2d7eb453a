"""What one run of the harness judges with, shared by all its scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.core.recording import Recording
from harness.rulebook.book import Rulebook
from harness.trial.measure import Assignment, Tell, measure, recall
from harness.trial.plan import Plan


@dataclass(frozen=True, slots=True)
class Session:
    """Rig, date and decision rule, the rulebook, and where evidence goes."""

    assignment: Assignment
    rulebook: Rulebook
    run_folder: Path
    rejudge: Path | None = None
    """The run whose bundles are judged again instead of measuring."""

    def observe(
        self, plan: Plan, folder: Path, *, feature: Path, tell: Tell
    ) -> Recording:
        """Carry the plan out, or read back the recording that was made of it.

        Raises
        ------
        FlexrigError
            If the bench failed, or the stored bundle is not of this plan.
        """
        if self.rejudge is not None:
            return recall(plan, self.rejudge / folder.name)
        return measure(plan, self.assignment, folder, feature=feature, tell=tell)
