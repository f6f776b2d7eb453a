"""One scenario while it is judged: its limits, its recording, its verdicts.

Givens and Whens fill the plan. The first Then that asks for the recording has the
plan carried out, once; every Then is a function of that recording.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.estimate import Estimate
from harness.analysis.series import Band
from harness.checks.judge import Witness, judge, not_applicable
from harness.checks.verdict import Grade, Outcome, Verdict
from harness.core.calendar import LONDON
from harness.core.errors import FeatureError
from harness.core.faults import FaultKind
from harness.core.recording import Recording
from harness.evidence.bundle import known_digest
from harness.reporting import figures
from harness.reporting.record import (
    TrialFacts,
    note_figure,
    note_trial,
    note_verdict,
)
from harness.reporting.recorder import scenario_folder
from harness.reporting.sequence import Arrow, describe_sequence, draw_sequence
from harness.rulebook.rule import Rule
from harness.steps.live import Live
from harness.steps.sections import sections_of
from harness.steps.words import HOME, asset_name
from harness.trial.notice import OF_METERS, OF_WIRES, notice, unexplained
from harness.trial.plan import Plan, clock_text
from harness.trial.session import Session
from harness.trial.told import messages_told
from harness.trial.view import (
    MeterView,
    meter_trouble,
    meter_view,
    own_channel,
    silence,
    starts_at,
    true_channel,
)
from harness.trial.witnesses import Notice, Witnesses, is_beyond

STEP_TEXT = pytest.StashKey[str]()
"""The step that is running, as the feature file words it."""
BENCH_RULES = ("bench/largest-gap", "bench/frozen", "bench/lag")


@dataclass(slots=True)
class Trial:
    """What the steps of one scenario share."""

    node: pytest.Item
    plan: Plan
    session: Session
    limits: dict[tuple[str, str], str] = field(default_factory=dict)
    """Rule ids by role and quantity, as the feature file published them."""
    _recording: Recording | None = None
    _troubles: dict[tuple[str, float], str] = field(default_factory=dict)
    _notices: dict[tuple[str, FaultKind], Notice] = field(default_factory=dict)
    _witnesses: Witnesses | None = None

    def publish(self, role: str, quantity: str, rule_id: str) -> None:
        """Quote a rule for an asset; a quantity is quoted once."""
        key = (role, quantity)
        if key in self.limits:
            raise FeatureError(
                f"the limits of the {asset_name(role)}",
                f"{quantity!r} is there twice",
                "one row for it",
            )
        self.limits[key] = rule_id

    def rule(self, role: str, quantity: str) -> Rule:
        """Return the rule that the feature file quotes for an asset's quantity.

        Raises
        ------
        FeatureError
            If the feature file quotes none: it judges by nothing unsaid.
        """
        rule_id = self.limits.get((role, quantity))
        if rule_id is None:
            quoted = [q for r, q in self.limits if r == role]
            raise FeatureError(
                f"“{self.step_text}”",
                f"no limit for {quantity!r} of the {asset_name(role)} is quoted",
                f"a row in the limits' table; there are {', '.join(quoted) or 'none'}",
            )
        return self.named_rule(rule_id)

    def named_rule(self, rule_id: str) -> Rule:
        """Return a rule by its id, in the edition in force on the trial's date."""
        return self.session.rulebook.rule(rule_id, on=self.session.assignment.on)

    @property
    def step_text(self) -> str:
        """The running step, as the feature file words it."""
        return self.node.stash.get(STEP_TEXT, "")

    @property
    def recording(self) -> Recording:
        """What was observed; the first to ask has the plan carried out."""
        if self._recording is None:
            self._recording = self._observe()
        return self._recording

    def _observe(self) -> Recording:
        folder = scenario_folder(self.node)
        self._note_before(folder)
        live = Live(
            self.session.run_folder,
            folder.name,
            self.plan,
            rig=self.session.assignment.rig,
            name=self.node.name,
        )
        try:
            recording = self.session.observe(
                self.plan,
                folder,
                feature=self.node.path,
                tell=live.tell,
            )
        finally:
            live.end()
        self._note_after(recording, folder, live)
        return recording

    def _note_before(self, folder: Path) -> None:
        assignment = self.session.assignment
        note_trial(
            self.node,
            TrialFacts(
                rig=assignment.rig.rig.name,
                grade=Grade(assignment.rig.grade),
                decision_rule=assignment.decision_rule,
                seed=assignment.rig.rig.seed,
                starts_at=self.plan.starts_at(assignment.on),
                evidence=folder.name,
            ),
        )

    def _note_after(self, recording: Recording, folder: Path, live: Live) -> None:
        stored = self.session.rejudge / folder.name if self.session.rejudge else folder
        facts = recording.facts
        note_trial(
            self.node,
            TrialFacts(
                rig=str(facts["rig"]),
                grade=Grade(str(facts["grade"])),
                decision_rule=self.session.assignment.decision_rule,
                seed=int(str(facts["seed"])),
                starts_at=starts_at(recording).astimezone(LONDON),
                bench_s=self.plan.duration_s,
                speed=live.speed,
                evidence=folder.name,
                digest=known_digest(stored),
                sections=sections_of(recording),
            ),
        )
        plan = self.plan
        if plan.acts or plan.trades or plan.promises or plan.orders or plan.dfs:
            self._draw_messages(recording)

    def _draw_messages(self, recording: Recording) -> None:
        """Draw who told whom, where market actors acted."""
        zero = starts_at(recording)
        arrows = [
            Arrow(
                clock_text(zero, one.time_s),
                asset_name(one.sender),
                asset_name(one.receiver),
                one.what,
            )
            for one in messages_told(recording)
        ]
        if arrows:
            alt = describe_sequence(arrows)
            note_figure(self.node, "Who told whom", draw_sequence(arrows), alt=alt)

    def view(self, role: str) -> MeterView | None:
        """The independent meter that speaks for a role, if the rig has one."""
        return meter_view(self.recording, role)

    def seen(self, role: str, at_s: float) -> tuple[MeterView | None, str]:
        """The meter that speaks for a role, and why it may not judge then, or ""."""
        view = self.view(role)
        if view is None:
            whose = "boundary meter" if role == HOME else "meter of its own"
            return None, f"no {whose} saw the {asset_name(role)}"
        return view, self.trouble(view, at_s)

    def watched(
        self, role: str, from_s: float, until_s: float
    ) -> tuple[MeterView | None, str]:
        """The same where all of a window must be seen: a gap may hide anything."""
        view, why = self.seen(role, from_s)
        if view is None:
            return view, why
        until_s = min(until_s, float(view.time_s[-1])) if view.time_s.size else until_s
        silent = silence(view, self.named_rule("bench/largest-gap"), from_s, until_s)
        if f"meter {view.meter} was silent for" in why:
            return view, why  # around the event, which is said already
        return view, "; ".join(filter(None, (why, silent)))

    def channels(self, *roles: str) -> tuple[str, ...]:
        """The channels that verdicts on roles hang on; what is missing by its name."""
        views = {role: self.view(role) for role in roles}
        return tuple(
            f"{role}.power_w" if view is None else view.channel
            for role, view in views.items()
        )

    def trouble(self, view: MeterView, at_s: float) -> str:
        """Why this meter may not judge what happened around a moment, or ""."""
        key = (view.meter, at_s)
        if key not in self._troubles:
            rules = {rule_id: self.named_rule(rule_id) for rule_id in BENCH_RULES}
            found = (
                self.trouble_with(view.meter, (*OF_WIRES, *OF_METERS)),
                meter_trouble(self.recording, view, rules, at_s),
            )
            self._troubles[key] = "; ".join(filter(None, found))
        return self._troubles[key]

    @property
    def witnesses(self) -> Witnesses:
        """What detectors look at."""
        if self._witnesses is None:
            self._witnesses = Witnesses(self.recording, self.named_rule)
        return self._witnesses

    def notice(self, role: str, kind: FaultKind) -> Notice:
        """What the recording says of one kind of fault of one role, worked out once."""
        if (role, kind) not in self._notices:
            self._notices[role, kind] = notice(self.witnesses, role, kind)
        return self._notices[role, kind]

    def noticed(self, found: Notice) -> bool:
        """Whether a finding is outside its rule by more than its uncertainty."""
        return is_beyond(found, self.named_rule(found.rule_id))

    def trouble_with(self, role: str, kinds: Sequence[FaultKind]) -> str:
        """What is wrong with a role, of these kinds, as clauses; or ""."""
        noticed = [kind for kind in kinds if self.noticed(self.notice(role, kind))]
        return "; ".join(self.notice(role, kind).says for kind in unexplained(noticed))

    def judge(
        self,
        role: str,
        estimate: Estimate,
        rule: Rule,
        *,
        channels: tuple[str, ...] = (),
        witness: Witness = Witness.METER,
        reason: str = "",
        details: Mapping[str, object] | None = None,
    ) -> Verdict:
        """Judge one number and hand the verdict to the reports.

        `reason` is added to whatever is short of a pass: what a person should
        know to understand the number.
        """
        verdict = judge(
            subject=role,
            statement=self.step_text,
            measured=estimate,
            rule=rule,
            decision_rule=self.session.assignment.decision_rule,
            grade=Grade(str(self.recording.facts["grade"])),
            channels=channels,
            witness=witness,
            complete=self.recording.complete,
            details=details or {},
        )
        if reason and verdict.outcome is not Outcome.PASS:
            whole = f"{reason}; {verdict.reason}" if verdict.reason else reason
            verdict = replace(verdict, reason=whole)
        note_verdict(self.node, verdict)
        return verdict

    def judge_not_applicable(self, role: str, rule: Rule, reason: str) -> None:
        """Note that a rule does not concern what happened, and why."""
        verdict = not_applicable(
            subject=role,
            statement=self.step_text,
            rule=rule,
            decision_rule=self.session.assignment.decision_rule,
            grade=Grade(str(self.recording.facts["grade"])),
            reason=reason,
        )
        note_verdict(self.node, verdict)

    def draw(
        self,
        role: str,
        view: MeterView,
        title: str,
        *,
        band: Band | None = None,
        band_s: tuple[float, float] | None = None,
        span_s: tuple[float, float] | None = None,
        marks: tuple[tuple[str, float], ...] = (),
    ) -> None:
        """Draw what the meters saw against what was allowed, for the reports.

        `role` says whose true power and whose own word to draw beside the meter;
        a role that has neither gets the meter alone.
        """
        truth, own = (
            true_channel(self.recording, role),
            own_channel(self.recording, role),
        )
        relative_u, absolute_u = view.quality.relative_u, view.quality.absolute_u_w
        spec = figures.FigureSpec(
            title=title,
            starts_at=starts_at(self.recording).astimezone(LONDON),
            meter=(view.time_s, view.power_w),
            truth=None if truth is None else (truth.time_s, truth.values),
            own=None if own is None else (own.time_s, own.values),
            band=_figure_band(band, band_s, view),
            uncertainty_w=2 * np.hypot(relative_u * view.power_w, absolute_u),
            marks=marks,
            span_s=span_s,
        )
        note_figure(self.node, title, figures.draw(spec), alt=figures.describe(spec))

    def clock(self, bench_s: float) -> str:
        """A bench time as the clock showed it: ``17:30:05``."""
        return clock_text(starts_at(self.recording), bench_s)


def _figure_band(
    band: Band | None, band_s: tuple[float, float] | None, view: MeterView
) -> figures.Band | None:
    """The allowed range as a figure shows it: open ends reach the figure's edge."""
    if band is None or band_s is None:
        return None
    top = 1.1 * float(np.nanmax(view.power_w, initial=0.0))
    low = band.low_w if math.isfinite(band.low_w) else 0.0
    high = band.high_w if math.isfinite(band.high_w) else max(top, low)
    return figures.Band(low, high, *band_s)
