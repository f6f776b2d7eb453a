"""A private network, who is supplied on it by whom, and who may be differenced.

Pure. The words and conditions are those of Elexon's guidance note on Generic Metering
Dispensation D/380. Names of agents, forms and the timeswitch class are what the note
has; under market-wide half-hourly settlement they are being replaced (unverified).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from harness.market.sites import mpan_fault

OWNERS_SUPPLIER = "boundary supplier"
"""Who supplies the owner, and everybody without a supplier of their own."""
TIMESWITCH_CLASS = "997"
"""By which customers on private networks are known (condition 4)."""
CODES = ("CoP3", "CoP5")
"""Codes of Practice for whose meters D/380 was approved."""
MUST_AGREE = (OWNERS_SUPPLIER, "network owner", "LDSO")
"""Who has to agree in all cases (condition 2)."""
PPM = 1_000_000


class Condition(StrEnum):
    """What must be so for D/380 to be used; its value is the reason for a refusal."""

    HALF_HOURLY = "a meter is not read half-hourly"
    CODE = "a meter's Code of Practice is neither CoP3 nor CoP5"
    CIRCUIT = "the circuit's capacity is above what D/380 covers"
    ONLY_PLACE = "more than the meter's place departs from the code"
    LOSSES = "nothing accounts for the losses"
    AGREED = "not everybody concerned agreed"
    METER_OPERATOR = "the meter operator is not the boundary's"
    DATA_COLLECTOR = "the data collector is not the boundary's"
    TIMESWITCH = "its timeswitch class is not 997"
    LISTED = "its MSID was not sent to Elexon"
    DECLARED = "compliance was not declared"
    DIFFERENCE = "every customer has a supplier of their own: that is full settlement"


@dataclass(frozen=True, slots=True)
class MeterCard:
    """A settlement meter's papers."""

    code: str = "CoP5"
    half_hourly: bool = True
    meter_operator: str = ""
    data_collector: str = ""
    timeswitch_class: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """Someone on the private network, and the device on the bench that is theirs.

    Raises
    ------
    ValueError
        If the MPAN core cannot be.
    """

    name: str
    supplier: str
    msid: str
    """The MPAN core; nothing enters for one without a supplier of their own."""
    role: str
    card: MeterCard = MeterCard()

    def __post_init__(self) -> None:
        if fault := mpan_fault(self.msid):
            raise ValueError(fault)

    @property
    def is_third_party(self) -> bool:
        """Whether they chose a supplier of their own."""
        return self.supplier != OWNERS_SUPPLIER


@dataclass(frozen=True, slots=True)
class PrivateNetwork:
    """Everybody behind one Boundary Point Meter.

    Raises
    ------
    ValueError
        If two customers share a name, an MSID or a device, or nobody is on it.
    """

    name: str
    customers: tuple[Customer, ...]
    scaled_ppm: int | None = None
    """What third parties' readings are scaled up by, in millionths; None: all losses
    stay with the network owner."""
    boundary_card: MeterCard = MeterCard()

    def __post_init__(self) -> None:
        for what in ("name", "msid", "role"):
            values = [getattr(one, what) for one in self.customers]
            if twice := sorted({one for one in values if values.count(one) > 1}):
                raise ValueError(f"two customers have the same {what}: {twice[0]}")
        if not self.customers:
            raise ValueError(f"nobody is on {self.name}")
        if self.scaled_ppm is not None and not 0 <= self.scaled_ppm < PPM:
            raise ValueError("losses are 0 % to less than 100 %")

    @property
    def third_parties(self) -> tuple[Customer, ...]:
        """Who is differenced from the boundary."""
        return tuple(one for one in self.customers if one.is_third_party)

    def customer(self, name: str) -> Customer | None:
        """Return a customer by name."""
        return next((one for one in self.customers if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Application:
    """A third party's supplier declares that it uses D/380."""

    network: PrivateNetwork
    agreed: tuple[str, ...] = MUST_AGREE
    listed: tuple[str, ...] = ()
    """MSIDs that were sent to Elexon."""
    circuit_va: float = 0.0
    losses_accounted: bool = True
    only_place: bool = True
    """Whether its place is all in which a meter departs from its code."""
    declared: bool = True


def refusals(application: Application, *, largest_va: float) -> list[Condition]:
    """Return every condition that is broken, in the order of the guidance note.

    Parameters
    ----------
    application : Application
        What was declared.
    largest_va : float
        Largest circuit that D/380 covers. [VA]
    """
    return list(dict.fromkeys(_broken(application, largest_va)))


def _broken(asked: Application, largest_va: float) -> Iterator[Condition]:
    network = asked.network
    third, boundary = network.third_parties, network.boundary_card
    if len(third) == len(network.customers):
        yield Condition.DIFFERENCE
    cards = [boundary, *(one.card for one in third)]
    held: list[tuple[bool, Condition]] = [
        (all(card.half_hourly for card in cards), Condition.HALF_HOURLY),
        (all(card.code in CODES for card in cards), Condition.CODE),
        (asked.circuit_va <= largest_va, Condition.CIRCUIT),
        (asked.only_place, Condition.ONLY_PLACE),
        (asked.losses_accounted, Condition.LOSSES),
        (set(asked.agreed) >= set(MUST_AGREE), Condition.AGREED),
    ]
    for one in third:
        card = one.card
        held += [
            (card.meter_operator == boundary.meter_operator, Condition.METER_OPERATOR),
            (card.data_collector == boundary.data_collector, Condition.DATA_COLLECTOR),
            (card.timeswitch_class == TIMESWITCH_CLASS, Condition.TIMESWITCH),
            (one.msid in asked.listed, Condition.LISTED),
        ]
    yield from (condition for holds, condition in held if not holds)
    if not asked.declared:
        yield Condition.DECLARED
