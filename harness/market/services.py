"""Services promised on one asset to several buyers: armed, called, shared, overruled.

Pure state machines: times are bench seconds and are passed in. Source: TRANSITION use
cases 1 to 3, potential conflicts and management.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.market.constraint import Agreement, Decision, Position, decide_dispatch
from harness.market.primacy import Primacy, Running, share_out
from harness.market.rules import ForbiddenError, Rule


class State(StrEnum):
    """Where a promised service is."""

    AGREED = "agreed"
    ARMED = "armed"
    CALLED = "called"
    """Accepted; it runs from its start to its end."""
    STOPPED = "stopped"
    OVERRULED = "overruled"


@dataclass(frozen=True, slots=True)
class Promise:
    """A service that one asset was promised for."""

    service: str
    buyer: str
    role: str
    """The asset."""
    agreement: Agreement
    penalty_gbp_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A promise, and what became of it so far."""

    promise: Promise
    state: State = State.AGREED
    armed_s: float | None = None
    called_s: float | None = None
    from_s: float | None = None
    until_s: float | None = None
    ended_s: float | None = None
    """When it was stopped or overruled."""

    def runs(self, at_s: float) -> bool:
        """Whether its asset should deliver at a moment."""
        if self.from_s is None or self.until_s is None:
            return False
        until_s = self.until_s if self.ended_s is None else self.ended_s
        return self.from_s <= at_s < min(self.until_s, until_s)

    def changes_s(self) -> tuple[float, ...]:
        """Return the moments at which it begins or ends to run."""
        return tuple(
            one for one in (self.from_s, self.until_s, self.ended_s) if one is not None
        )


class Book:
    """All that one aggregator promised, and to whom.

    Parameters
    ----------
    primacy : Primacy or None
        Who is served first; None if the parties agreed none.
    capacities_w : dict of str to float
        What each asset can give. [W]
    """

    def __init__(self, primacy: Primacy | None, capacities_w: dict[str, float]) -> None:
        self.primacy, self._capacities_w = primacy, capacities_w
        self._standing: dict[str, Standing] = {}

    @property
    def standing(self) -> tuple[Standing, ...]:
        """Every promise as it stands, in the order made."""
        return tuple(self._standing.values())

    def promise(self, promise: Promise) -> None:
        """Enter a promise.

        Raises
        ------
        ForbiddenError
            If the asset cannot give that much, or was promised to another buyer for a
            part of the same time and no primacy was agreed.
        """
        capacity_w = self._capacities_w.get(promise.role, 0.0)
        if promise.agreement.capacity_w > capacity_w:
            fact = (
                f"{promise.agreement.capacity_w / 1e3:g} kW are promised of a "
                f"{promise.role.replace('_', ' ')} that can give {capacity_w / 1e3:g}"
            )
            raise ForbiddenError(Rule.HOLDS, fact)
        if promise.service in self._standing:
            fact = f"{promise.service} was promised already"
            raise ForbiddenError(Rule.ENDED, fact)
        for other in self._overlapping(promise):
            if self.primacy is None:
                fact = f"{promise.service} and {other} want the {promise.role} at once"
                raise ForbiddenError(Rule.NO_PRIMACY, fact)
        self._standing[promise.service] = Standing(promise)

    def _overlapping(self, promise: Promise) -> list[str]:
        return [
            one.promise.service
            for one in self._standing.values()
            if one.promise.role == promise.role
            and one.promise.agreement.window_from_s < promise.agreement.window_until_s
            and promise.agreement.window_from_s < one.promise.agreement.window_until_s
        ]

    def arm(self, service: str, *, at_s: float) -> None:
        """Give notice that a service may be called."""
        one = self.of(service)
        if one.state is not State.AGREED:
            fact = f"{service} is {one.state}: it cannot be armed"
            raise ForbiddenError(Rule.ENDED, fact)
        self._standing[service] = replace(one, state=State.ARMED, armed_s=at_s)

    def call(
        self, service: str, *, from_s: float, until_s: float, at_s: float
    ) -> Decision:
        """Call a service; accept it or say why not.

        Source: as `harness.market.constraint.decide_dispatch`.
        """
        one = self.of(service)
        if one.state in (State.CALLED, State.STOPPED):
            return Decision(False, f"the service is {one.state} already")
        overruled_s = one.ended_s if one.state is State.OVERRULED else None
        position = Position(armed_at_s=one.armed_s, overruled_at_s=overruled_s)
        decision = decide_dispatch(
            one.promise.agreement, position, from_s=from_s, until_s=until_s
        )
        if decision.accepted:
            self._standing[service] = replace(
                one, state=State.CALLED, called_s=at_s, from_s=from_s, until_s=until_s
            )
        return decision

    def stop(self, service: str, *, at_s: float) -> None:
        """End a call early, as its buyer asks."""
        self._end(service, State.STOPPED, at_s)

    def overrule(self, service: str, *, at_s: float) -> None:
        """End a service because another operator asks."""
        one = self.of(service)
        self._standing[service] = replace(one, state=State.OVERRULED, ended_s=at_s)

    def _end(self, service: str, state: State, at_s: float) -> None:
        one = self.of(service)
        if one.state is not State.CALLED:
            fact = f"{service} is {one.state}: it does not run"
            raise ForbiddenError(Rule.ENDED, fact)
        self._standing[service] = replace(one, state=state, ended_s=at_s)

    def of(self, service: str) -> Standing:
        """Return a promise as it stands.

        Raises
        ------
        ForbiddenError
            If there is none of that name.
        """
        if service not in self._standing:
            raise ForbiddenError(Rule.ENDED, f"{service} was promised to nobody")
        return self._standing[service]

    def shares_w(self, role: str, at_s: float) -> dict[str, float]:
        """Return how much each running call gets of an asset at a moment. [W]"""
        running = [
            Running(
                one.promise.service, one.promise.buyer,
                one.promise.agreement.capacity_w, one.called_s or 0.0,
            )
            for one in self._standing.values()
            if one.promise.role == role and one.runs(at_s)
        ]  # fmt: skip
        primacy = self.primacy or Primacy("none", (), "", "", "")
        return share_out(self._capacities_w.get(role, 0.0), running, primacy)

    def changes_s(self, role: str) -> tuple[float, ...]:
        """Return every moment at which an asset's shares can change, in order."""
        return tuple(
            sorted(
                {
                    at
                    for one in self._standing.values()
                    if one.promise.role == role
                    for at in one.changes_s()
                }
            )
        )


def shortfalls_w(
    shares_w: dict[str, float], standing: Sequence[Standing]
) -> dict[str, float]:
    """Return what each running call lacks of what it wants, where it lacks any. [W]"""
    wanted = {one.promise.service: one.promise.agreement for one in standing}
    lacks = {name: wanted[name].capacity_w - got for name, got in shares_w.items()}
    return {name: lack_w for name, lack_w in lacks.items() if lack_w > 0}
