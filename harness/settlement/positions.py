"""Who pays whom, and where that leaves every market actor.

Money only moves from one party to another, so positions sum to zero whatever happened.
``docs/definitions.md``, "position".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.core.errors import UsageError
from harness.core.parties import Party
from harness.settlement.money import pounds, rounded


@dataclass(frozen=True, slots=True)
class Transfer:
    """One amount that one party owes another, and what for."""

    payer: str
    """A `Party`, or the name of one of several of a kind: ``bakery``."""
    payee: str
    pence: int
    """Never negative: who pays is said by the names."""
    what: str
    energy_wh: int = 0
    when: str = ""
    """The settlement period, or ``""`` for a fee of a whole window."""

    def __post_init__(self) -> None:
        if self.pence < 0 or self.payer == self.payee:
            raise ValueError(f"{self.payer} to {self.payee}: {self.pence} p is no debt")


def owed(
    payer: str,
    payee: str,
    pence: int,
    what: str,
    *,
    energy_wh: int = 0,
    when: str = "",
) -> tuple[Transfer, ...]:
    """Return what a signed amount makes: a transfer, one the other way, or none."""
    if pence < 0:
        payer, payee, pence = payee, payer, -pence
    if pence == 0:
        return ()
    return (Transfer(payer, payee, pence, what, energy_wh, when),)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a settlement leaves one party."""

    party: str
    paid_p: int
    received_p: int
    energy_wh: int = 0
    """Imbalance it is exposed to: bought and not used, or used and not bought. [Wh]"""

    @property
    def net_p(self) -> int:
        """What it gained; negative if it lost. [p]"""
        return self.received_p - self.paid_p


def positions(
    transfers: Iterable[Transfer], exposed_wh: Iterable[tuple[str, int]] = ()
) -> tuple[Position, ...]:
    """Return every party's position; they sum to zero.

    In the order of `Party`, named parties after them as they come.

    Parameters
    ----------
    transfers : iterable of Transfer
        All that is owed.
    exposed_wh : iterable of (str, int)
        Energy out of balance, by who answers for it. [Wh]
    """
    paid: Counter[str] = Counter()
    received: Counter[str] = Counter()
    exposed: Counter[str] = Counter()
    names: dict[str, None] = dict.fromkeys(Party)
    for one in transfers:
        names |= {one.payer: None, one.payee: None}
        paid[one.payer] += one.pence
        received[one.payee] += one.pence
    for party, energy_wh in exposed_wh:
        exposed[party] += energy_wh
    return tuple(Position(p, paid[p], received[p], exposed[p]) for p in names)


def split(
    payee: str, owner: str, received_p: int, owner_percent: int, what: str
) -> tuple[Transfer, ...]:
    """Return what a payee passes on of what it received; the payee keeps the rest.

    Of a loss the owner bears the same share.

    Raises
    ------
    UsageError
        If the share is not between 0 and 100 %.
    """
    if not 0 <= owner_percent <= 100:
        fact = f"{owner_percent} % of what is received cannot be passed on"
        raise UsageError(what, fact, "a share from 0 to 100 %")
    return owed(payee, owner, rounded(Fraction(received_p * owner_percent, 100)), what)


def transfers_table(transfers: Sequence[Transfer]) -> list[tuple[str, ...]]:
    """Return who pays whom, summed over periods, as rows for a report."""
    sums: dict[tuple[str, str, str], tuple[int, int]] = {}
    for one in transfers:
        key = (one.payer, one.payee, one.what)
        pence, energy_wh = sums.get(key, (0, 0))
        sums[key] = (pence + one.pence, energy_wh + one.energy_wh)
    rows = [
        (str(payer), str(payee), what, _kwh(energy_wh), pounds(pence))
        for (payer, payee, what), (pence, energy_wh) in sums.items()
    ]
    return [("from", "to", "for", "energy", "amount"), *rows]


def positions_table(
    found: Sequence[Position], expanded_p: Mapping[str, float] | None = None
) -> list[tuple[str, ...]]:
    """Return the position of every actor, and their sum, as rows for a report.

    `expanded_p` is the expanded uncertainty of a party's net, from the metering. [p]
    """
    rows: list[tuple[str, ...]] = [
        ("actor", "pays", "is paid", "net", "± U", "out of balance")
    ]
    for one in found:
        u = (expanded_p or {}).get(one.party)
        doubt = "" if u is None else f"£{u / 100:.2f}"
        rows.append((
            str(one.party), pounds(one.paid_p), pounds(one.received_p),
            pounds(one.net_p), doubt, _kwh(one.energy_wh),
        ))  # fmt: skip
    total = sum(one.net_p for one in found)
    rows.append(("sum", "", "", pounds(total), "", ""))
    return rows


def _kwh(energy_wh: int) -> str:
    return f"{energy_wh / 1000:.3f} kWh" if energy_wh else ""
