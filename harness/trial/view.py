"""A recording as a judge looks at it: which meter speaks for whom, and may it.

Pure functions of a `Recording`: they work on a bench's fresh recording and on a
bundle read back years later alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from harness.analysis.aggregate.reading import implausible_scale
from harness.analysis.agreement import lag_behind
from harness.analysis.health import frozen_for, is_silent, largest_gap
from harness.analysis.quality import MeterQuality, rectangular_u
from harness.analysis.series import between
from harness.analysis.uncertainty import Shape
from harness.core.circuit import Circuit
from harness.core.recording import Channel, LogEntry, Recording, Series
from harness.rulebook.rule import Rule
from harness.trial.planned import Move

HOME = "home"
STANDS_STILL = ("power_w", "voltage_v", "current_a")
"""A meter that repeats all of these says nothing new."""
LAG_WINDOW_S = (-120.0, 600.0)
"""Around an instruction: where two meters must show the same step. [s]"""
MAX_LAG_S = 300.0
LEAST_LIKENESS = 0.95
"""Correlation from which on two meters show the same step and not two alike."""
SAME_MOVER_SHARE = 0.7
"""Two meters saw the same mover if the smaller change is this share of the larger."""


@dataclass(frozen=True, slots=True)
class MeterView:
    """The independent meter that speaks for a role, or for the home."""

    meter: str
    """The meter's role in the rig."""
    channel: str
    time_s: Series
    power_w: Series
    quality: MeterQuality


@dataclass(frozen=True, slots=True)
class Dispatched:
    """One device instruction as it went out, and the device's answer to it."""

    role: str
    move: Move
    level_w: float
    sent_s: float
    until_s: float
    accepted: bool
    acked_s: float | None
    answer: str
    spared: str = ""
    """Why it was not sent at all: more than the device stands."""


def starts_at(recording: Recording) -> datetime:
    """Civil time of bench second 0."""
    return datetime.fromisoformat(str(recording.facts["starts_at"]))


def meter_view(recording: Recording, role: str) -> MeterView | None:
    """Return the meter that sees this role and nothing else; None if there is none.

    For ``home`` it is the meter that sees everything. A device's own word is never
    returned: only roles that the rig file lists as meters are looked at. Of several,
    the one that the plan named speaks, else the first of the rig file.
    """
    wanted = [Circuit.EVERYTHING] if role == HOME else [role]
    named = _judges(recording).get(role)
    for name, facts in meter_facts(recording).items():
        channel = recording.channel(name, "power_w")
        speaks = named is None or name == named
        if speaks and facts["sees"] == wanted and channel is not None:
            return view_of(channel, facts)
    return None


def view_of(channel: Channel, facts: Mapping[str, Any]) -> MeterView:
    """Return a meter's power with its quality, as `finite` leaves it.

    `meter_trouble` says that something infinite was there.
    """
    seen = finite(channel)
    return MeterView(
        seen.role, seen.name, seen.time_s, seen.values, meter_quality(facts)
    )


def finite(channel: Channel) -> Channel:
    """Return a channel in which what was infinite is missing.

    A register that holds infinity holds no power, and a gap helps nobody.
    """
    infinite = np.isinf(channel.values)
    if not infinite.any():
        return channel
    return replace(channel, values=np.where(infinite, np.nan, channel.values))


def _judges(recording: Recording) -> Mapping[str, Any]:
    judges = recording.facts.get("judges", {})
    return judges if isinstance(judges, Mapping) else {}


def meter_facts(recording: Recording) -> Mapping[str, Any]:
    """What the rig file says of each meter, in its order: what it sees, and its card.

    A bundle keeps names sorted, and the order beside them.
    """
    meters, order = (recording.facts.get(key) for key in ("meters", "meter_order"))
    if not isinstance(meters, Mapping):
        return {}
    if not isinstance(order, list | tuple):
        return meters
    return {name: meters[name] for name in (*order, *meters) if name in meters}


def meter_quality(facts: Mapping[str, Any]) -> MeterQuality:
    """Return a meter's quality as its calibration card tells it."""
    card = facts["calibration"]
    return MeterQuality(
        source=str(card["document"]),
        relative_u=float(facts["relative_u"]),
        relative_shape=(
            Shape.RECTANGULAR if card.get("basis") == "class" else Shape.NORMAL
        ),
        absolute_u_w=rectangular_u(float(card["resolution_w"]) / 2),
        update_interval_s=float(card["update_interval_s"]),
        latency_s=0.0,
        latency_u_s=float(card["latency_uncertainty_s"]),
        clock_u_s=float(card["clock_uncertainty_s"]),
    )


def own_channel(recording: Recording, role: str) -> Channel | None:
    """What the device said of its own power; never judged as power."""
    channel = recording.channel(role, "power_w")
    return None if channel is None else finite(channel)


def true_channel(recording: Recording, role: str) -> Channel | None:
    """True power, where it was emulated; for figures only."""
    return recording.channel("truth", f"{role}_power_w")


def watched_s(recording: Recording) -> tuple[float, float]:
    """From when to when the plan had the bench watched, in bench time. [s]

    A run that was cut short was to be watched for ever: nothing that it lacks is
    taken for seen.
    """
    ends = log_of(recording, "bench", "ends")
    return 0.0, ends[0].time_s if ends else math.inf


def log_of(
    recording: Recording, actor: str, what: str, **detail: object
) -> list[LogEntry]:
    """Return the log's entries of an actor doing something, in order."""
    return [
        entry
        for entry in recording.log
        if entry.actor == actor
        and entry.what == what
        and all(entry.detail.get(key) == value for key, value in detail.items())
    ]


def dispatched(recording: Recording) -> list[Dispatched]:
    """Every instruction sent to a device for the market, with its answer."""
    found = []
    for entry in log_of(recording, "aggregator", "instructs"):
        detail = entry.detail
        if detail["on_behalf_of"] == "bench":
            continue
        role = str(detail["role"])
        answer = _answer(recording, role, detail["number"])
        spared = log_of(recording, role, "was spared", number=detail["number"])
        found.append(
            Dispatched(
                role=role,
                move=Move(str(detail["move"])),
                level_w=_float(detail["level_w"]),
                sent_s=_float(detail["sent_s"]),
                until_s=_float(detail["until_s"]),
                accepted=answer is not None and answer.what == "accepts",
                acked_s=None if answer is None else _float(answer.detail["acked_s"]),
                answer="" if answer is None else str(answer.detail["detail"]),
                spared=str(spared[0].detail["detail"]) if spared else "",
            )
        )
    return found


def _answer(recording: Recording, role: str, number: object) -> LogEntry | None:
    answers = log_of(recording, role, "accepts", number=number)
    answers += log_of(recording, role, "refuses", number=number)
    return answers[0] if answers else None


def _float(value: object) -> float:
    return float(str(value))


def silence(view: MeterView, rule: Rule, from_s: float, until_s: float) -> str:
    """Say for how long a meter was silent in a window; "" if no longer than it may."""
    gap = largest_gap(view.time_s, view.power_w, from_s=from_s, until_s=until_s)
    if not is_silent(gap, rule.at_most or math.inf):
        return ""
    return f"meter {view.meter} was silent for {gap.value:.0f} s"


def meter_trouble(
    recording: Recording, view: MeterView, rules: Mapping[str, Rule], at_s: float
) -> str:
    """Say why a meter may not judge what happened around a moment; "" if it may.

    It shows no infinity and can be in watts, by the rating of what it sees. And by the
    rules of the document ``bench``: it is not frozen, it has no large gap, and it shows
    the same step at the same time as the other meter that saw it.
    """
    if nonsense := _nonsense(recording, view):
        return nonsense
    begun_s, ended_s = watched_s(recording)
    from_s = max(at_s + LAG_WINDOW_S[0], begun_s)
    until_s = min(at_s + LAG_WINDOW_S[1], ended_s)
    gap_rule = rules["bench/largest-gap"]
    if silent := silence(view, gap_rule, from_s, until_s):
        return f"{silent}, at most {gap_rule.at_most:g}"
    frozen = _frozen(recording, view, rules["bench/frozen"])
    if frozen:
        return frozen
    return _out_of_step(recording, view, rules["bench/lag"], (from_s, until_s))


def _nonsense(recording: Recording, view: MeterView) -> str:
    """Say what cannot be power in watts, by itself or by the rating."""
    channel = recording.channels.get(view.channel)
    wrong = 0 if channel is None else int(np.isinf(channel.values).sum())
    if wrong:
        return f"meter {view.meter} showed an infinite power {wrong} times"
    rating_w = _rating_w(recording, view.meter)
    if rating_w is None:
        return ""
    scale = implausible_scale(view.power_w, rating_w=rating_w)
    return f"meter {view.meter}: {scale.why}" if scale.value != 1 and scale.why else ""


def _rating_w(recording: Recording, meter: str) -> float | None:
    """The most that what a meter sees can draw, if the rig file says so. [W]"""
    ratings = recording.facts.get("ratings", {})
    sees = meter_facts(recording)[meter]["sees"]
    if not isinstance(ratings, Mapping) or len(sees) != 1 or sees[0] not in ratings:
        return None
    return float(ratings[sees[0]])


def said_by(recording: Recording, view: MeterView) -> list[Series]:
    """Return all that a meter says at the times of its power: what can stand still."""
    found = [recording.channel(view.meter, quantity) for quantity in STANDS_STILL]
    return [
        channel.values
        for channel in found
        if channel is not None and channel.values.shape == view.time_s.shape
    ]


def left_of_boundary(recording: Recording, role: str) -> tuple[Series, Series] | None:
    """Return what a device drew by the boundary meter, less all others' meters.

    A second witness for a device whose own meter may lie. None if the boundary, or any
    other device on the bench, has no meter.
    """
    boundary, drivers = meter_view(recording, HOME), recording.facts.get("drivers", {})
    if boundary is None or not isinstance(drivers, Mapping):
        return None
    left_w = boundary.power_w.copy()
    for other in drivers:
        if other == role or other in meter_facts(recording):
            continue
        view = meter_view(recording, other)
        if view is None or not np.isfinite(view.power_w).any():
            return None
        seen = np.isfinite(view.power_w)
        left_w -= np.interp(boundary.time_s, view.time_s[seen], view.power_w[seen])
    return boundary.time_s, left_w


def _frozen(recording: Recording, view: MeterView, rule: Rule) -> str:
    same_grid = said_by(recording, view)
    last_s = float(view.time_s[-1]) if view.time_s.size else 0.0
    frozen = frozen_for(view.time_s, *same_grid, from_s=0.0, until_s=last_s)
    if frozen.value > (rule.at_most or math.inf):
        when = frozen.marks[0][1]
        return (
            f"meter {view.meter} was frozen for {frozen.value:.0f} s from bench second "
            f"{when:.0f}: every value repeated"
        )
    return ""


def _out_of_step(
    recording: Recording, view: MeterView, rule: Rule, window: tuple[float, float]
) -> str:
    for other in _others(recording, view):
        if not _same_mover(view, other, window):
            continue
        lag = lag_behind(
            view.time_s,
            view.power_w,
            other.time_s,
            other.power_w,
            from_s=window[0],
            until_s=window[1],
            meter=view.quality,
            other_meter=other.quality,
            max_lag_s=MAX_LAG_S,
            least_likeness=LEAST_LIKENESS,
        )
        if math.isnan(lag.value):
            continue  # nothing moved in both: they cannot contradict each other
        if abs(lag.value) - lag.expanded > (rule.at_most or math.inf):
            return (
                f"the clocks of meters {view.meter} and {other.meter} disagree by "
                f"{lag.value:.0f} ± {lag.expanded:.0f} s"
            )
    return ""


def _same_mover(one: MeterView, other: MeterView, window: tuple[float, float]) -> bool:
    """Whether most of what moved in one meter is what moved in the other.

    A heat pump that follows a minute after a car would otherwise look like a clock
    that is a minute late.
    """
    moved = []
    for view in (one, other):
        t, p = between(view.time_s, view.power_w, *window)
        seen = p[np.isfinite(p)]
        moved.append(float(np.ptp(seen)) if seen.size and t.size else 0.0)
    return min(moved) >= SAME_MOVER_SHARE * max(moved) > 0


def _others(recording: Recording, view: MeterView) -> Iterable[MeterView]:
    """Other independent meters through which the same power flows."""
    mine = meter_facts(recording)[view.meter]["sees"]
    for name, facts in meter_facts(recording).items():
        shares = facts["sees"] == [Circuit.EVERYTHING] or mine == [Circuit.EVERYTHING]
        channel = recording.channel(name, "power_w")
        if name != view.meter and shares and channel is not None:
            yield view_of(channel, facts)
