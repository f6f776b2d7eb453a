"""A month's statement: lines that are paid, and what was refused, by name.

Nothing that is wrong stops the rest: every instruction is either a line or a reason.
``docs/definitions.md``, "statement".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.estimate import Estimate
from harness.core.calendar import SettlementPeriod
from harness.core.errors import UsageError
from harness.core.parties import Party
from harness.settlement.money import FREE, Price, pounds, whole_wh
from harness.settlement.payments import Curve, Paid, penalty_p, utilisation_p
from harness.settlement.positions import Transfer, owed

Volumes = Mapping[str, Mapping[SettlementPeriod, Estimate]]
"""Delivered volumes by MPAN and settlement period. [Wh]"""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one buyer pays one seller for one MPAN, from one period to another.

    Raises
    ------
    UsageError
        If a price is negative or it ends before it begins.
    """

    name: str
    mpan: str
    buyer: Party
    seller: Party
    price: Price
    curve: Curve
    first: SettlementPeriod
    last: SettlementPeriod
    penalty: Price = field(default=FREE)

    def __post_init__(self) -> None:
        for price in (self.price, self.penalty):
            if price.steps < 0:
                fact = f"its price is negative, {price}"
                raise UsageError(f"agreement {self.name}", fact, "0 £/MWh or more")
        if self.last < self.first:
            fact = f"it ends with {self.last}, before {self.first}"
            raise UsageError(f"agreement {self.name}", fact, "a later last period")

    def holds(self, period: SettlementPeriod) -> bool:
        """Tell whether a period lies inside the agreement."""
        return self.first <= period <= self.last


@dataclass(frozen=True, slots=True)
class Instructed:
    """Energy that was called for under an agreement in one period."""

    contract: str
    period: SettlementPeriod
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Line:
    """One period of one agreement, settled."""

    contract: Contract
    period: SettlementPeriod
    instructed_wh: int
    delivered: Estimate
    """As metered; it is paid to the whole watt-hour."""
    payment_p: int
    penalty_p: int

    @property
    def paid(self) -> Paid:
        """The line as it enters a sum with its uncertainty."""
        one = self.contract
        return Paid(
            self.delivered, self.instructed_wh, one.price, one.curve, one.penalty
        )

    def transfers(self) -> tuple[Transfer, ...]:
        """Return what buyer and seller owe each other for it."""
        one, when = self.contract, str(self.period)
        energy_wh = whole_wh(self.delivered.value)
        paid = owed(
            one.buyer, one.seller, self.payment_p, "utilisation",
            energy_wh=energy_wh, when=when,
        )  # fmt: skip
        return paid + owed(
            one.seller, one.buyer, self.penalty_p, "penalty for the shortfall",
            energy_wh=self.instructed_wh - energy_wh, when=when,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """All lines, and all that was refused or marked, each with its reason."""

    lines: tuple[Line, ...]
    refused: tuple[str, ...] = ()

    def transfers(self) -> tuple[Transfer, ...]:
        """Return all that is owed."""
        return tuple(one for line in self.lines for one in line.transfers())

    def table(self) -> list[tuple[str, ...]]:
        """Return its lines as rows for a report, delivery with its uncertainty."""
        return [
            ("half-hour", "called for", "delivered ± U", "payment", "penalty"),
            *(
                (
                    str(line.period),
                    f"{line.instructed_wh / 1000:.3f} kWh",
                    f"{line.delivered.value / 1000:.3f} ± "
                    f"{line.delivered.expanded / 1000:.3f} kWh",
                    pounds(line.payment_p),
                    pounds(line.penalty_p),
                )
                for line in self.lines
            ),
        ]


def statement(
    contracts: Sequence[Contract],
    instructed: Iterable[Instructed],
    delivered: Volumes,
    *,
    known: Collection[str],
) -> Statement:
    """Settle instructions, refusing by name what cannot be settled.

    Parameters
    ----------
    contracts : sequence of Contract
        Each with a name of its own. Where two of one MPAN overlap, neither is settled:
        the same energy would be sold twice.
    instructed : iterable of Instructed
        What was called for.
    delivered : mapping
        Delivered volumes by MPAN and period; ``nan`` with its reason if not seen.
    known : collection of str
        MPANs that are registered.
    """
    by_name = {one.name: one for one in contracts}
    lines, refused = [], []
    if len(by_name) != len(contracts):
        raise UsageError("the agreements", "two share a name", "a name for each")
    for mpan in sorted(set(delivered) - {one.mpan for one in contracts}):
        refused.append(f"MPAN {mpan}: metered, and under no agreement")
    seen: set[tuple[str, SettlementPeriod]] = set()
    for call in instructed:
        why = _refusal(call, by_name, known)
        if not why and (call.contract, call.period) in seen:
            why = "it was instructed twice"
        seen.add((call.contract, call.period))
        if why:
            refused.append(f"agreement {call.contract}, {call.period}: {why}")
            continue
        contract = by_name[call.contract]
        volume = delivered.get(contract.mpan, {}).get(call.period)
        if volume is None or not math.isfinite(volume.value):
            why = "there is no reading" if volume is None else volume.why
            refused.append(f"MPAN {contract.mpan}, {call.period}: not settled: {why}")
            continue
        lines.append(_line(contract, call, volume))
    return Statement(tuple(lines), tuple(refused))


def _refusal(
    call: Instructed, by_name: Mapping[str, Contract], known: Collection[str]
) -> str:
    contract = by_name.get(call.contract)
    if contract is None:
        return "there is no such agreement"
    if contract.mpan not in known:
        return f"MPAN {contract.mpan} is unknown"
    if not contract.holds(call.period):
        return "it lies outside the agreement"
    if call.energy_wh <= 0:
        return f"{call.energy_wh} Wh were instructed"
    for other in by_name.values():
        same = other.mpan == contract.mpan and other.name != contract.name
        if same and other.holds(call.period):
            return f"agreement {other.name} overlaps it on MPAN {contract.mpan}"
    return ""


def _line(contract: Contract, call: Instructed, volume: Estimate) -> Line:
    wh = whole_wh(volume.value)
    return Line(
        contract,
        call.period,
        call.energy_wh,
        volume,
        utilisation_p(wh, call.energy_wh, contract.price, contract.curve),
        penalty_p(wh, call.energy_wh, contract.penalty, contract.curve),
    )


def overlaps(contracts: Sequence[Contract]) -> list[str]:
    """Return every pair of agreements that sells one MPAN twice, as sentences."""
    return [
        f"agreements {one.name} and {other.name} overlap on MPAN {one.mpan}"
        for one, other in itertools.combinations(contracts, 2)
        if one.mpan == other.mpan
        and one.first <= other.last
        and other.first <= one.last
    ]
