"""Demand Flexibility Service: who may take part, and the week by which it is called.

Pure. Eligibility is that of CrowdFlex WP5 technical specification, 2.2.2 (after the
DFS Participation Guidance); the week is its Figure 1: the participant's forecast, the
ESO's word that it expects to call, its requirement, acceptance, a forecast brought up
to date, delivery. Editions differ, and are in the rulebook's document ``dfs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.core.calendar import PERIOD_S
from harness.market.actors import Actor
from harness.market.sites import mpan_fault

DAY_S = 86_400.0
SUPPLIER_BASE = "supplier base"
"""The only BM Unit of which a participant's MPAN may be part."""
NONE = "none"


class Reason(StrEnum):
    """Why a unit or a home does not take part; as feature files say it."""

    UNREGISTERED = "it is registered nowhere"
    NOT_HALF_HOURLY = "it is not half-hourly metered"
    NOT_BOUNDARY = "it is not metered at its boundary"
    TWO_PARTICIPANTS = "its MPAN is another participant's as well"
    IN_A_UNIT = "it is part of a BM Unit"
    OTHER_SERVICE = "it provides another service"
    TOO_SHORT = "it cannot respond for long enough"
    TOO_SMALL = "the unit is too small"
    TOO_LARGE = "the unit is too large"
    UPWARDS = "this edition buys no turn-up"
    NOT_PROCURED = "its zone is not procured"
    ZONE_FULL = "its zone takes no more"
    TOO_LATE = "it is called too late for this edition"
    OUT_OF_TURN = "the week went out of turn"


@dataclass(frozen=True, slots=True)
class Terms:
    """What one edition of the service asks, as the rulebook has it."""

    edition: str
    least_unit_w: float
    most_unit_w: float
    least_response_s: float
    days_ahead: float
    """How many days before delivery a call has to be accepted at the latest."""
    in_day_s: float
    """What is metered before a call to adjust a baseline by; 0: nothing. [s]"""
    turn_up_w: float
    """Largest unit that takes more; 0 where only less is bought. [W]"""
    zones: float
    """One: bought nationally. More: zone by zone, each up to a limit of its own."""
    ways: float
    """Two: a participant may choose to be settled by positive volumes only."""


TERMS = {
    "smallest unit": "least_unit_w",
    "largest unit": "most_unit_w",
    "shortest response": "least_response_s",
    "days ahead": "days_ahead",
    "in-day window": "in_day_s",
    "largest turn-up": "turn_up_w",
    "zones": "zones",
    "ways to be settled": "ways",
}
"""What a table of editions says, and the field of `Terms` that holds it."""


@dataclass(frozen=True, slots=True)
class Home:
    """What is registered of the homes of a unit.

    Raises
    ------
    ValueError
        If its MPAN core cannot be.
    """

    mpan: str
    half_hourly: bool = True
    at_boundary: bool = True
    participants: int = 1
    """How many registered participants have its MPAN."""
    bm_unit: str = SUPPLIER_BASE
    other_service: str = NONE
    """A balancing service, a Capacity Market Agreement, or the like for a third party;
    "none" if there is none."""
    responds_for_s: float = 1_800.0

    def __post_init__(self) -> None:
        if fault := mpan_fault(self.mpan):
            raise ValueError(fault)


@dataclass(frozen=True, slots=True)
class Unit:
    """Many homes offered as one."""

    homes: int
    gives_w: float
    """What each home gives; negative if it takes more. [W]"""
    zone: str = ""

    @property
    def power_w(self) -> float:
        """Size of what the unit moves. [W]"""
        return abs(self.homes * self.gives_w)


def refusals(
    unit: Unit, home: Home | None, terms: Terms, *, zones_w: Mapping[str, float]
) -> tuple[Reason, ...]:
    """Return every reason why a unit of such homes may not take part.

    Parameters
    ----------
    unit : Unit
        What is offered.
    home : Home or None
        What is registered of each of its homes; None if nothing is.
    terms : Terms
        Of the edition in force.
    zones_w : mapping
        What is procured by zone; nothing where it is 0 or absent. [W]
    """
    if home is None:
        return (Reason.UNREGISTERED,)
    limit_w = zones_w.get(unit.zone, 0.0)
    found = {
        Reason.NOT_HALF_HOURLY: not home.half_hourly,
        Reason.NOT_BOUNDARY: not home.at_boundary,
        Reason.TWO_PARTICIPANTS: home.participants > 1,
        Reason.IN_A_UNIT: home.bm_unit not in (NONE, SUPPLIER_BASE),
        Reason.OTHER_SERVICE: home.other_service != NONE,
        Reason.TOO_SHORT: home.responds_for_s < terms.least_response_s,
        Reason.TOO_SMALL: unit.power_w < terms.least_unit_w,
        Reason.TOO_LARGE: unit.power_w > terms.most_unit_w,
        Reason.UPWARDS: unit.gives_w < 0 and not terms.turn_up_w,
        Reason.NOT_PROCURED: terms.zones > 1 and limit_w <= 0,
        Reason.ZONE_FULL: terms.zones > 1 and 0 < limit_w < unit.power_w,
    }
    return tuple(reason for reason, applies in found.items() if applies)


class Stage(StrEnum):
    """The steps of Figure 1, in order; as feature files say them."""

    FORECAST = "forecasts what it can give"
    EXPECTED = "expects to call"
    REQUIRED = "calls"
    ACCEPTED = "accepts the call"
    UPDATED = "brings its forecast up to date"


SPEAKERS = {
    Stage.FORECAST: Actor.AGGREGATOR,
    Stage.EXPECTED: Actor.ESO,
    Stage.REQUIRED: Actor.ESO,
    Stage.ACCEPTED: Actor.AGGREGATOR,
    Stage.UPDATED: Actor.AGGREGATOR,
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the week."""

    stage: Stage
    days_before: int
    at_clock_s: float
    """Clock time on its day. [s]"""
    power_w: float = 0.0
    """What is forecast, called or accepted; 0 where none is said. [W]"""

    @property
    def at_s(self) -> float:
        """Seconds from midnight of the day of delivery; negative before it. [s]"""
        return self.at_clock_s - self.days_before * DAY_S


@dataclass(slots=True)
class Week:
    """The exchange that leads to one delivery; it notes what went wrong, by name."""

    terms: Terms
    from_s: float
    """When delivery begins, from midnight of its day. [s]"""
    until_s: float
    said: list[Said] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What was out of turn, in sentences; it is not taken as said."""
    late: bool = False
    """Whether it was called or accepted on the day itself, against the edition."""

    def __post_init__(self) -> None:
        if self.from_s % PERIOD_S or self.until_s % PERIOD_S:
            raise ValueError("half-hours begin and end at :00 and :30")

    def hear(self, one: Said) -> None:
        """Take one message, or note why it cannot be."""
        if fault := self._fault(one):
            self.faults.append(fault)
        else:
            self.said.append(one)

    def power_w(self, stage: Stage) -> float:
        """Return what was said last of a stage; 0 if nothing was. [W]"""
        return next((s.power_w for s in reversed(self.said) if s.stage is stage), 0.0)

    @property
    def accepted(self) -> bool:
        """Whether there is a call, and it was accepted."""
        return any(one.stage is Stage.ACCEPTED for one in self.said)

    def _fault(self, one: Said) -> str:
        order = list(Stage)
        before = order[: order.index(one.stage)]
        have = [said.stage for said in self.said]
        lacks = [stage for stage in before if stage not in have]
        what = f"the {SPEAKERS[one.stage]} {one.stage}"
        if one.stage in have:
            return f"{what} twice"
        if lacks:
            return f"{what} before the {SPEAKERS[lacks[0]]} {lacks[0]}"
        if self.said and one.at_s <= self.said[-1].at_s:
            return f"{what} no later than the {self.said[-1].stage}"
        return self._untimely(one, what) or self._too_much(one, what)

    def _untimely(self, one: Said, what: str) -> str:
        if one.at_s >= self.from_s:
            return f"{what} after delivery has begun"
        if one.stage is Stage.FORECAST and one.days_before < 2:
            return f"{what} for the week only when the day-ahead call is due"
        within = one.stage in (Stage.EXPECTED, Stage.REQUIRED, Stage.ACCEPTED)
        if within and one.days_before < self.terms.days_ahead:
            self.late = True
            return f"{what} on the day itself, and this edition calls a day ahead"
        return ""

    def _too_much(self, one: Said, what: str) -> str:
        if one.stage in (Stage.FORECAST, Stage.REQUIRED, Stage.ACCEPTED) and not (
            one.power_w > 0
        ):
            return f"{what}: nothing"
        if one.stage is Stage.ACCEPTED:
            for stage in (Stage.FORECAST, Stage.REQUIRED):
                if one.power_w > self.power_w(stage):
                    said_w = self.power_w(stage)
                    return (
                        f"{what}: {one.power_w / 1e6:g} MW, more than the "
                        f"{said_w / 1e6:g} MW that the {SPEAKERS[stage]} {stage}"
                    )
        return ""


@dataclass(frozen=True, slots=True)
class Offered:
    """A unit under one edition, and the week by which it is called."""

    terms: Terms
    unit: Unit
    home: Home | None
    """What is registered of each of its homes; None if nothing is."""
    zones_w: Mapping[str, float]
    """What is procured by zone. [W]"""
    said: tuple[Said, ...] = ()


def why_not_called(
    offered: Offered, *, from_s: float, until_s: float
) -> tuple[Week, tuple[Reason, ...]]:
    """Return the week as it went, and every reason why the unit is not called.

    Parameters
    ----------
    offered : Offered
        The unit, and what was said.
    from_s, until_s : float
        Delivery, from midnight of its day. [s]
    """
    week = Week(offered.terms, from_s, until_s)
    for one in offered.said:
        week.hear(one)
    found = list(
        refusals(offered.unit, offered.home, offered.terms, zones_w=offered.zones_w)
    )
    if until_s - from_s < offered.terms.least_response_s:
        found.append(Reason.TOO_SHORT)
    if week.late:
        found.append(Reason.TOO_LATE)
    elif not week.accepted:
        found.append(Reason.OUT_OF_TURN)
    return week, tuple(dict.fromkeys(found))
