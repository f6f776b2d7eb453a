"""What a bench's recordings teach of one home: how soon, how late, how well, how often.

Every value is one that the bench saw, with its uncertainty; a portfolio draws from them
with replacement (`measured`). A bench has few homes: how few, the report says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.analysis.aggregate.criteria import COMPLETENESS, INTERVAL, LATENCY
from harness.analysis.agreement import held_at, power_agreement
from harness.analysis.estimate import Estimate
from harness.analysis.portfolio.distribution import (
    Distribution,
    constant,
    measured,
)
from harness.analysis.portfolio.unit import Portfolio
from harness.analysis.quality import MeterQuality
from harness.analysis.response import response_time
from harness.analysis.series import at_least, at_most
from harness.core.errors import EvidenceError
from harness.core.recording import Recording, Series
from harness.evidence.bundle import MANIFEST, read_bundle
from harness.trial.operational import operational
from harness.trial.planned import Move
from harness.trial.view import (
    Dispatched,
    MeterView,
    dispatched,
    meter_view,
    own_channel,
    watched_s,
)

TOLERANCE = 0.05
"""Of the change: how near counts as there (``agreement/delivery-tolerance``)."""
DWELL_S = 30.0
"""How long power must stay (``agreement/dwell``). [s]"""
BEFORE_S = 60.0
"""How long before an instruction power is taken to be the usual. [s]"""
LEAST_WANDER_S = 300
"""Shortest stretch of undisturbed power worth learning from. [s]"""
LEAST_POWER_W = 100.0
"""Least power of something at work. [W]"""
STRAYS = 0.3
"""Power further off its median than this share is no rest."""
LEAST_CHANGE_W = 100.0
"""Smallest change that was asked for from which a response can be told. [W]"""
FEW = 10
"""From fewer values a report warns."""

RESPONSE, RELEASE, NO_ANSWER, LATE, OFTEN, LOST, ERROR, WANDER = (
    "response time", "release time", "no answer", "latency", "read interval",
    "reads lost", "meter error", "wander",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lesson:
    """One quantity as the bench saw it."""

    quantity: str
    unit: str
    values: tuple[float, ...]
    u: tuple[float, ...]
    """Standard uncertainty of each value."""
    scenes: tuple[str, ...]
    """From which scenarios."""

    @property
    def told(self) -> list[str]:
        """Return it as a row: quantity, values, how many, from what."""
        mean = float(np.mean(self.values))
        low, high = min(self.values), max(self.values)
        spread = (
            f"{mean:.3g}" if low == high else f"{mean:.3g} ({low:.3g} to {high:.3g})"
        )
        few = " (few)" if len(self.values) < FEW else ""
        number = f"{len(self.values)}{few}"
        more = len(self.scenes) - 1
        where = self.scenes[0] + (f" and {more} more" if more else "")
        return [self.quantity, f"{spread} {self.unit}", number, where]


@dataclass(frozen=True, slots=True)
class Lessons:
    """All that a bench taught of one kind of home."""

    role: str
    found: tuple[Lesson, ...]
    wander: Series
    """Power at rest over its median, a value a second; a single 1 if none was seen."""

    def of(self, quantity: str) -> Lesson | None:
        """Return what is known of a quantity, if anything is."""
        return next((one for one in self.found if one.quantity == quantity), None)

    def table(self) -> list[list[str]]:
        """Return what the bench told of a home as rows of text, heading first."""
        rows = [["quantity", "seen", "values", "scenarios"]]
        return rows + [one.told for one in self.found]

    def over(self, portfolio: Portfolio) -> Portfolio:
        """Return a portfolio in which what was seen stands for what was declared."""
        answering, metering = portfolio.answering, portfolio.metering
        if (seen := self.of(RESPONSE)) is not None:
            answering = replace(answering, response_s=_drawn(seen, least=0.0))
        if (seen := self.of(RELEASE)) is not None:
            answering = replace(answering, release_s=_drawn(seen, least=0.0))
        if (seen := self.of(NO_ANSWER)) is not None:
            answering = replace(answering, no_answer=seen.values[0] / 100)
        if (seen := self.of(LATE)) is not None:
            metering = replace(metering, latency_s=_drawn(seen, least=0.0))
        if (seen := self.of(LOST)) is not None:
            metering = replace(metering, lost=float(np.mean(seen.values)) / 100)
        if (seen := self.of(ERROR)) is not None:
            share = replace(
                seen,
                values=tuple(one / 100 for one in seen.values),
                u=tuple(one / 100 for one in seen.u),
            )
            metering = replace(metering, error=_drawn(share))
        if (seen := self.of(OFTEN)) is not None:
            interval_s = max(round(float(np.median(seen.values))), 1)
            ratio = interval_s / metering.interval_s
            metering = replace(
                metering,
                interval_s=interval_s,
                hold_s=max(metering.hold_s * ratio, metering.hold_s),
            )
        wander = portfolio.wander if self.wander.size < 2 else self.wander
        return replace(portfolio, answering=answering, metering=metering, wander=wander)


def _drawn(seen: Lesson, least: float = -math.inf) -> Distribution:
    source = f"the bench, {len(seen.values)} values"
    if len(seen.values) == 1 and seen.u[0] == 0:
        return constant(seen.values[0], source=source)
    return measured(seen.values, seen.u, least=least, source=source)


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording of one device."""

    title: str
    recording: Recording


def scenes_in(path: Path) -> list[Scene]:
    """Return the complete recordings of a run, or of one of its scenarios.

    Raises
    ------
    EvidenceError
        If there is none, or one was touched.
    """
    folders = (
        [path]
        if (path / MANIFEST).is_file()
        else sorted(found.parent for found in path.glob(f"*/{MANIFEST}"))
    )
    scenes = [Scene(folder.name, read_bundle(folder)) for folder in folders]
    whole = [scene for scene in scenes if scene.recording.complete]
    if not whole:
        fact = "no recording here" if not scenes else "no recording here is complete"
        raise EvidenceError(str(path), fact, "the folder that `flexrig run` named")
    return whole


def learn(scenes: Sequence[Scene], role: str) -> Lessons:
    """Return what recordings teach of a device in some role.

    Parameters
    ----------
    scenes : sequence of Scene
        Recordings; those without the role or without an independent meter teach
        nothing.
    role : str
        Whose: ``ev``, ``heat_pump``.

    Raises
    ------
    EvidenceError
        If none of them teaches anything.
    """
    found: dict[str, list[tuple[str, Estimate]]] = {}
    wander: Series = np.ones(1)
    told: list[tuple[str, bool]] = []
    for scene in scenes:
        view = meter_view(scene.recording, role)
        if view is None:
            continue
        for name, estimate, answered in _answers(scene.recording, view, role):
            told.append((scene.title, answered))
            found.setdefault(name, []).append((scene.title, estimate))
        for name, estimate in _reads(scene.recording, view, role):
            found.setdefault(name, []).append((scene.title, estimate))
        rest = _wander(scene.recording, view, role)
        wander = rest if rest.size > wander.size else wander
    every = (_lesson(name, seen) for name, seen in found.items())
    lessons = [one for one in every if one is not None]
    lessons += _unanswered(told, found)
    if wander.size > 1:
        titles = tuple(dict.fromkeys(scene.title for scene in scenes))
        sd = 100 * float(np.std(wander))
        lessons.append(Lesson(WANDER, "% (one sd)", (sd,), (0.0,), titles[:1]))
    if not lessons:
        known = sorted({c.role for s in scenes for c in s.recording.channels.values()})
        raise EvidenceError(
            "recordings", f"they teach nothing of {role!r}", ", ".join(known) or "a run"
        )
    return Lessons(role, tuple(lessons), wander)


_UNITS = {RESPONSE: "s", RELEASE: "s", LATE: "s", OFTEN: "s", LOST: "%", ERROR: "%"}


def _lesson(name: str, seen: Iterable[tuple[str, Estimate]]) -> Lesson | None:
    good = [(title, one) for title, one in seen if math.isfinite(one.value)]
    if not good:
        return None
    titles = tuple(dict.fromkeys(title for title, _one in good))
    values = tuple(one.value for _title, one in good)
    u = tuple(one.u if math.isfinite(one.u) else 0.0 for _title, one in good)
    return Lesson(name, _UNITS[name], values, u, titles)


def _unanswered(
    told: Sequence[tuple[str, bool]], found: dict[str, list[tuple[str, Estimate]]]
) -> list[Lesson]:
    asked = len(found.get(RESPONSE, []))
    if not asked:
        return []
    silent = sum(
        not math.isfinite(one.value) and not math.isnan(one.value)
        for _title, one in found[RESPONSE]
    )
    titles = tuple(dict.fromkeys(title for title, _answered in told))
    share = 100 * silent / asked
    # One more that did, one more that did not: few trials are no certainty.
    u = 100 * math.sqrt((silent + 1) * (asked - silent + 1) / (asked + 3)) / (asked + 2)
    return [Lesson(NO_ANSWER, f"% of {asked}", (share,), (u,), titles)]


def _answers(
    recording: Recording, view: MeterView, role: str
) -> Iterable[tuple[str, Estimate, bool]]:
    """Yield response and release of each turn-down that was sent."""
    ends_s = watched_s(recording)[1]
    asked = [
        one
        for one in dispatched(recording)
        if one.role == role and one.move is Move.DOWN and not one.spared
    ]
    for one in asked:
        usual_w = _usual(view, one.sent_s)
        change_w = usual_w - one.level_w
        if not change_w > LEAST_CHANGE_W:
            continue
        yield RESPONSE, _reached(view, one, usual_w, change_w), one.accepted
        later = [other.sent_s for other in asked if other.sent_s > one.until_s]
        end = min([ends_s, *later])
        # Overruled before its end, it was back already.
        down = _usual(view, one.until_s) <= one.level_w + 2 * TOLERANCE * change_w
        if down and end - one.until_s > 2 * DWELL_S:
            back = response_time(
                view.time_s,
                view.power_w,
                sent_at_s=one.until_s,
                band=at_least(usual_w - 2 * TOLERANCE * change_w),
                dwell_s=DWELL_S,
                meter=view.quality,
                until_s=end,
            )
            # One that does not come back may have been full: that teaches nothing.
            yield RELEASE, back, one.accepted


def _reached(
    view: MeterView, one: Dispatched, usual_w: float, change_w: float
) -> Estimate:
    return response_time(
        view.time_s,
        view.power_w,
        sent_at_s=one.sent_s,
        band=at_most(one.level_w + TOLERANCE * change_w),
        dwell_s=DWELL_S,
        meter=view.quality,
        until_s=one.until_s,
    )


def _usual(view: MeterView, sent_s: float) -> float:
    before = (view.time_s >= sent_s - BEFORE_S) & (view.time_s < sent_s)
    known = view.power_w[before & np.isfinite(view.power_w)]
    return float(np.median(known)) if known.size else math.nan


def _reads(
    recording: Recording, view: MeterView, role: str
) -> Iterable[tuple[str, Estimate]]:
    """Yield how the device's own readings come, and how far off they are."""
    own = own_channel(recording, role)
    if own is None or own.time_s.size < 2 or not view.time_s.size:
        return
    # From its first word to its last: a car that left says nothing, and loses nothing.
    begins_s = float(own.time_s[0])
    ends_s = min(float(own.time_s[-1]), float(view.time_s[-1]), watched_s(recording)[1])
    if not ends_s > begins_s:
        return
    found = operational(recording, own, view, from_s=begins_s, until_s=ends_s).found
    yield OFTEN, found[INTERVAL]
    yield LATE, found[LATENCY]
    complete = found[COMPLETENESS]
    yield LOST, Estimate(100 - complete.value, "%", complete.budget)
    usual_s = found[INTERVAL].value
    if math.isfinite(usual_s):
        yield (
            ERROR,
            power_agreement(
                own.time_s,
                own.values,
                view.time_s,
                view.power_w,
                from_s=begins_s,
                until_s=ends_s,
                own_meter=MeterQuality("not judged", update_interval_s=usual_s),
                reference_meter=view.quality,
                max_age_s=3 * usual_s,
            ),
        )


def _wander(recording: Recording, view: MeterView, role: str) -> Series:
    """Return the longest rest of the meter over its median, a value a second."""
    begins_s, ends_s = watched_s(recording)
    ends_s = min(ends_s, float(view.time_s[-1]) if view.time_s.size else 0.0)
    edges = [begins_s, ends_s]
    for one in dispatched(recording):
        if one.role == role:
            edges += [one.sent_s, one.until_s, one.until_s + 2 * BEFORE_S]
    edges = sorted(edge for edge in edges if begins_s <= edge <= ends_s)
    best: Series = np.ones(1)
    for begin, end in pairwise(edges):
        at_s = np.arange(math.ceil(begin), math.floor(end), dtype=np.float64)
        if at_s.size < max(LEAST_WANDER_S, best.size):
            continue
        power = held_at(view.time_s, view.power_w, at_s, max_age_s=30.0)
        if not np.isfinite(power).all():
            continue
        middle = float(np.median(power))
        if middle > LEAST_POWER_W and (np.abs(power / middle - 1) < STRAYS).all():
            best = power / middle
    return best
