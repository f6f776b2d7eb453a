"""What a charging station may offer now and later, from its charging profiles.

Pure: installed profiles, connector, transaction and time in; limits in amperes per
phase out. Times are POSIX seconds in UTC. Source: Open Charge Point Protocol 1.6
edition 2, sections 3.13 (purposes, stacking, combining), 5.16 (durations and
recurrence) and 7.8 to 7.14 (fields).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
Kind = Literal["Absolute", "Recurring", "Relative"]
Unit = Literal["A", "W"]

LINE_V = 230.0
"""Volts for amperes from watts: the set voltage of the area, never the measured one
(OCPP 1.6 edition 2, 7.12)."""
ASSUMED_PHASES = 3
"""When a period does not say (OCPP 1.6 edition 2, 7.12 and 7.14)."""
RECURRENCE_S = {"Daily": 86_400.0, "Weekly": 604_800.0}
"""24 hours and 7 days, whatever local clocks do (OCPP 1.6 edition 2, 7.37)."""


@dataclass(frozen=True, slots=True)
class Period:
    """One step of a schedule (7.14)."""

    start_s: float
    """Seconds from the start of the schedule; also ends the period before. [s]"""
    limit: float
    """In the schedule's unit: A per phase, or W in total."""
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One charging profile as installed on a connector (7.8, 7.13)."""

    profile_id: int
    connector_id: int
    """0 is the whole station."""
    purpose: Purpose
    stack_level: int
    kind: Kind
    unit: Unit
    periods: tuple[Period, ...]
    start_at_s: float | None = None
    """startSchedule; None is relative to the start of charging. [s]"""
    duration_s: float | None = None
    recurrence_s: float | None = None
    valid_from_s: float = -math.inf
    valid_to_s: float = math.inf
    transaction_id: int | None = None
    least_rate: float = 0.0
    """minChargingRate, below which the vehicle charges badly, in the schedule's unit;
    for a station's own plans, and never a reason to exceed a limit (7.13)."""


Rule = tuple[Profile, Period]
"""A profile, and the period of it that is in force."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where and when profiles are weighed."""

    connector_id: int
    at_s: float
    """The moment asked for. [s]"""
    started_s: float | None = None
    """When the transaction began; None if none runs. [s]"""
    phases: int = 1
    """Phases that the connector charges on."""
    switches_phases: bool = False
    """Whether a profile can have it charge on fewer
    (ConnectorSwitch3to1PhaseSupported, 9.4)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One interval of a composite schedule."""

    start_s: float
    """Seconds after the moment asked for. [s]"""
    limit_a: float
    """Amperes per phase."""
    phases: int = 1
    """Phases to charge on."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the profiles allow at one moment."""

    limit_a: float
    """Amperes per phase."""
    phases: int


def limit_a(profiles: Iterable[Profile], here: Situation) -> float | None:
    """Return the limit in amperes per phase at one moment, None if there is none."""
    found = allowance(profiles, here)
    return None if found is None else found.limit_a


def allowance(profiles: Iterable[Profile], here: Situation) -> Allowance | None:
    """Return what the profiles allow at one moment, None if none says anything.

    The least of the station's own maximum and of what governs the transaction
    (3.13.3): a TxProfile overrules TxDefaultProfiles (3.13.1). A station that can
    switch charges on the fewest phases that any of them asks for.
    """
    in_force = list(profiles)
    found = [
        _prevailing(in_force, "ChargePointMaxProfile", here),
        _governing(in_force, here),
    ]
    known = [rule for rule in found if rule is not None]
    if not known:
        return None
    phases = here.phases
    if here.switches_phases:
        asked = (period.phases or ASSUMED_PHASES for _profile, period in known)
        phases = min(phases, *asked)
    return Allowance(min(_amperes(rule, phases) for rule in known), phases)


def composite(
    profiles: Iterable[Profile], here: Situation, *, duration_s: float, ceiling_a: float
) -> tuple[Step, ...]:
    """Return the composite schedule from ``here.at_s`` for a duration (5.7).

    Parameters
    ----------
    profiles : iterable of Profile
        All that are installed.
    here : Situation
        Connector, transaction, and the moment that the schedule begins.
    duration_s : float
        How far ahead. [s]
    ceiling_a : float
        The station's local limit: what it offers where no profile is in force. [A]

    Returns
    -------
    tuple of Step
        The first at 0, each with a limit or phases other than the one before.
    """
    in_force = [profile for profile in profiles if _may_apply(profile, here)]
    steps: list[Step] = []
    for at_s in _boundaries(in_force, here, duration_s):
        found = allowance(in_force, _at(here, at_s))
        found = found or Allowance(ceiling_a, here.phases)
        step = Step(at_s - here.at_s, min(found.limit_a, ceiling_a), found.phases)
        if not steps or replace(steps[-1], start_s=step.start_s) != step:
            steps.append(step)
    return tuple(steps)


def least(first: tuple[Step, ...], second: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the lower of two composite schedules that begin at the same moment."""
    steps: list[Step] = []
    for start_s in sorted({step.start_s for step in (*first, *second)}):
        here = [_at_s(schedule, start_s) for schedule in (first, second)]
        limit_a = min(step.limit_a for step in here)
        step = Step(start_s, limit_a, min(step.phases for step in here))
        if not steps or replace(steps[-1], start_s=start_s) != step:
            steps.append(step)
    return tuple(steps)


def _at_s(schedule: tuple[Step, ...], at_s: float) -> Step:
    return [step for step in schedule if step.start_s <= at_s][-1]


def install(profiles: Iterable[Profile], new: Profile) -> tuple[Profile, ...]:
    """Add a profile; it replaces those with its id, or its place (5.16.3, 3.13.2)."""
    kept = [
        old
        for old in profiles
        if old.profile_id != new.profile_id and _place(old) != _place(new)
    ]
    return (*kept, new)


def clear(
    profiles: Iterable[Profile],
    *,
    profile_id: int | None = None,
    connector_id: int | None = None,
    purpose: str | None = None,
    stack_level: int | None = None,
) -> tuple[tuple[Profile, ...], int]:
    """Return what stays and how many went (6.13): an id, or all that match the rest."""

    def goes(profile: Profile) -> bool:
        if profile_id is not None:
            return profile.profile_id == profile_id
        return (
            (connector_id is None or profile.connector_id == connector_id)
            and (purpose is None or profile.purpose == purpose)
            and (stack_level is None or profile.stack_level == stack_level)
        )

    before = tuple(profiles)
    kept = tuple(profile for profile in before if not goes(profile))
    return kept, len(before) - len(kept)


def without_transaction(profiles: Iterable[Profile]) -> tuple[Profile, ...]:
    """Return what outlives a transaction: no TxProfile does (7.10)."""
    return tuple(profile for profile in profiles if profile.purpose != "TxProfile")


def parse(connector_id: int, payload: dict[str, Any]) -> Profile:
    """Read a ``ChargingProfile`` that its JSON schema has passed.

    Raises
    ------
    ValueError
        If it breaks a rule of OCPP 1.6 that the schema cannot say.
    """
    schedule = payload["chargingSchedule"]
    profile = Profile(
        profile_id=payload["chargingProfileId"],
        connector_id=connector_id,
        purpose=payload["chargingProfilePurpose"],
        stack_level=payload["stackLevel"],
        kind=payload["chargingProfileKind"],
        unit=schedule["chargingRateUnit"],
        periods=tuple(
            Period(item["startPeriod"], float(item["limit"]), item.get("numberPhases"))
            for item in schedule["chargingSchedulePeriod"]
        ),
        start_at_s=_posix(schedule.get("startSchedule")),
        duration_s=schedule.get("duration"),
        recurrence_s=RECURRENCE_S.get(payload.get("recurrencyKind", "")),
        valid_from_s=_or(_posix(payload.get("validFrom")), -math.inf),
        valid_to_s=_or(_posix(payload.get("validTo")), math.inf),
        transaction_id=payload.get("transactionId"),
        least_rate=float(schedule.get("minChargingRate", 0.0)),
    )
    _refuse_nonsense(profile)
    return profile


def _refuse_nonsense(profile: Profile) -> None:
    starts = [period.start_s for period in profile.periods]
    if not starts or starts[0] != 0:
        raise ValueError("the first startPeriod is not 0 (7.13)")
    if any(late <= early for early, late in pairwise(starts)):
        raise ValueError("startPeriods do not increase (7.14)")
    if profile.duration_s is not None and profile.duration_s < 0:
        raise ValueError("duration is negative")
    if profile.stack_level < 0:
        raise ValueError("stackLevel is negative (7.8)")
    if any(period.limit < 0 for period in profile.periods) or profile.least_rate < 0:
        raise ValueError("a limit is negative")
    if any(period.phases not in {None, 1, 2, 3} for period in profile.periods):
        raise ValueError("numberPhases is not 1, 2 or 3")
    if profile.kind == "Recurring" and profile.recurrence_s is None:
        raise ValueError("a Recurring profile has no recurrencyKind (7.8)")
    if profile.purpose == "ChargePointMaxProfile" and profile.connector_id != 0:
        raise ValueError("ChargePointMaxProfile belongs on connector 0 (3.13.1)")
    if profile.purpose == "TxProfile" and profile.connector_id == 0:
        raise ValueError("TxProfile belongs on a connector above 0 (3.13.1)")


def _posix(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _at(here: Situation, at_s: float) -> Situation:
    return replace(here, at_s=at_s, started_s=_anchor_s(here))


def _anchor_s(here: Situation) -> float:
    """Return when charging began or, where none runs, would begin (7.9)."""
    return here.at_s if here.started_s is None else here.started_s


def _place(profile: Profile) -> tuple[str, int, int]:
    return profile.purpose, profile.stack_level, profile.connector_id


def _may_apply(profile: Profile, here: Situation) -> bool:
    if profile.purpose == "TxProfile":
        return here.started_s is not None and profile.connector_id == here.connector_id
    return profile.connector_id in {0, here.connector_id}


def _governing(profiles: list[Profile], here: Situation) -> Rule | None:
    own = _prevailing(profiles, "TxProfile", here)
    return _prevailing(profiles, "TxDefaultProfile", here) if own is None else own


def _prevailing(
    profiles: list[Profile], purpose: Purpose, here: Situation
) -> Rule | None:
    """Return what one purpose says: the highest stack level in force.

    On one level a connector's own TxDefaultProfile stands before connector 0's
    (3.13.1). A profile whose schedule is over leaves the word to a lower level
    (5.16.4).
    """
    best: tuple[float, int] = (-math.inf, -1)
    found: Rule | None = None
    for profile in profiles:
        rank = (profile.stack_level, profile.connector_id)
        if profile.purpose != purpose or rank <= best or not _may_apply(profile, here):
            continue
        period = _period(profile, here)
        if period is not None:
            best, found = rank, (profile, period)
    return found


def _amperes(rule: Rule, phases: int) -> float:
    """Return amperes per phase.

    A station that charges on more phases than the profile reckons with divides by
    its own, so that the total stays inside the limit.
    """
    profile, period = rule
    if profile.unit == "A":
        return period.limit
    return period.limit / (LINE_V * max(period.phases or ASSUMED_PHASES, phases))


def _period(profile: Profile, here: Situation) -> Period | None:
    """Return the period in force at ``here.at_s``, None if the profile is silent."""
    if not profile.valid_from_s <= here.at_s < profile.valid_to_s:
        return None
    start_s = _start_s(profile, here)
    found = None
    for period in profile.periods:
        # Compared on the absolute axis, as boundaries are: no rounding between them.
        if start_s + period.start_s <= here.at_s:
            found = period
    return found if here.at_s < start_s + _length_s(profile) else None


def _start_s(profile: Profile, here: Situation) -> float:
    """Return when the schedule that covers ``here.at_s`` began, or will begin."""
    first_s = profile.start_at_s
    if profile.kind == "Relative" or first_s is None:
        first_s = _anchor_s(here)
    turn_s = _turn_s(profile)
    if turn_s is None or here.at_s < first_s:
        return first_s
    turns = math.floor((here.at_s - first_s) / turn_s)
    # The division may round below a boundary that the product stands exactly on.
    if first_s + (turns + 1) * turn_s <= here.at_s:
        turns += 1
    return first_s + turns * turn_s


def _turn_s(profile: Profile) -> float | None:
    return profile.recurrence_s if profile.kind == "Recurring" else None


def _length_s(profile: Profile) -> float:
    """Return how long one turn lasts; the rest is not executed (5.16.4). [s]"""
    length_s = math.inf if profile.duration_s is None else profile.duration_s
    turn_s = _turn_s(profile)
    return length_s if turn_s is None else min(length_s, turn_s)


def _boundaries(
    profiles: list[Profile], here: Situation, duration_s: float
) -> list[float]:
    """Return every moment at which the limit could change, the first moment first."""
    end_s = here.at_s + duration_s
    found = {here.at_s}
    for profile in profiles:
        found.update((profile.valid_from_s, profile.valid_to_s))
        for start_s in _starts(profile, here, end_s):
            found.update(start_s + period.start_s for period in profile.periods)
            found.add(start_s + _length_s(profile))
    return sorted(at_s for at_s in found if here.at_s <= at_s < end_s)


def _starts(profile: Profile, here: Situation, end_s: float) -> list[float]:
    """Return when each turn of a schedule begins, from the one in force now on."""
    starts, at_s = [], here.at_s
    while True:
        start_s = _start_s(profile, _at(here, at_s))
        starts.append(start_s)
        turn_s = _turn_s(profile)
        if turn_s is None or start_s + turn_s >= end_s:
            return starts
        at_s = start_s + 1.5 * turn_s
