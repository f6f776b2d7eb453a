"""Several neighbourhoods side by side, held against the figures of their source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from harness.neighbourhood.energy import Flows, simulate
from harness.neighbourhood.money import Worth, settle
from harness.neighbourhood.weather import year_of
from harness.rig.file import Rig
from harness.rig.neighbourhood import Coordination, NeighbourhoodTable
from harness.rulebook.book import Rulebook
from harness.rulebook.rule import Rule
from harness.settlement.revenue import ShareTerms, optimiser_percent

PER_200 = 200


@dataclass(frozen=True, slots=True)
class Held:
    """One figure of a model against the source's."""

    what: str
    value: float
    rule: Rule
    why: str
    """Why it may be outside, by what the model has and the source has not."""
    put_in: bool = False
    """Whether the model was told it: then it shows nothing that it agrees."""

    @property
    def inside(self) -> bool:
        """Whether the figure lies where the source, or its band, has it."""
        low, high = self.rule.at_least, self.rule.at_most
        above = low is None or self.value >= low
        return above and (high is None or self.value <= high)


@dataclass(frozen=True, slots=True)
class Pathway:
    """One neighbourhood's year: its energy, its worth, and what the source says."""

    name: str
    table: NeighbourhoodTable
    flows: Flows
    without: Flows
    worth: Worth
    held: tuple[Held, ...]


def worked_out(
    name: str, table: NeighbourhoodTable, rulebook: Rulebook, *, year: int, seed: int
) -> Pathway:
    """Work out one neighbourhood's year.

    Parameters
    ----------
    name : str
        For errors and tables: the rig's own.
    year : int
        Which local year; its first day decides which rules are in force.
    seed : int
        Fixes the weather, who has what and how days' prices differ.
    """
    days = year_of(year, seed=seed)
    flows = simulate(table, days, seed=seed)
    without = simulate(table, days, seed=seed, coordinated=False)
    on = date(year, 1, 1)
    worth = settle(table, flows, without, share_terms(rulebook, on), seed=seed)
    held = tuple(_held(table, worth, rulebook, on))
    return Pathway(name, table, flows, without, worth, held)


def compare(
    rigs: Sequence[Rig], rulebook: Rulebook, *, year: int, seed: int
) -> list[Pathway]:
    """Work out the neighbourhoods of several rigs in the same year and weather."""
    return [
        worked_out(rig.rig.name, rig.neighbourhood, rulebook, year=year, seed=seed)
        for rig in rigs
        if rig.neighbourhood is not None
    ]


def share_terms(rulebook: Rulebook, on: date) -> ShareTerms:
    """Return what optimiser and aggregator take, as the source has it."""
    small, large, aggregator = (
        rulebook.rule(f"smart/vpp/{name}", on=on).at_most or 0.0
        for name in (
            "optimiser-share-small", "optimiser-share-large", "aggregator-share",
        )
    )  # fmt: skip
    return ShareTerms(small, large, aggregator)


def _held(
    table: NeighbourhoodTable, worth: Worth, rulebook: Rulebook, on: date
) -> list[Held]:
    def against(
        what: str, value: float, rule: str, why: str, *, put_in: bool = False
    ) -> Held:
        return Held(what, value, rulebook.rule(rule, on=on), why, put_in)

    how, found = table.coordination, []
    if how is Coordination.MESSAGES:
        found.append(against(
            "flexibility of a home", 1000 * worth.best_home_kw,
            "smart/vpp/home-without-assets",
            "who answers, and what they then leave, is assumed",
        ))  # fmt: skip
    if how is Coordination.PLANT:
        found.append(against(
            "flexibility of a home with a battery", 1000 * worth.best_home_kw,
            "smart/vpp/home-with-battery", "the battery is smaller than the source's",
        ))  # fmt: skip
    if how in (Coordination.MESSAGES, Coordination.PLANT):
        terms = share_terms(rulebook, on)
        takes = optimiser_percent(terms, table.portfolio_mw)
        found.append(against(
            f"an optimiser takes of a plant of {table.portfolio_mw:g} MW", takes,
            "smart/vpp/optimiser-share-small", "the rulebook has another share",
            put_in=True,
        ))  # fmt: skip
        earns = worth.earns_gbp_per_kw
        found += [
            against("flexibility earns", earns, "smart/vpp/earnings",
                    "calls and the swing of a day's prices are assumed"),
            against("the best home earns", earns * worth.best_home_kw,
                    "smart/vpp/home-earns",
                    "the source's ends are 0.3 kW and 5 kW at £20 a kilowatt; here it "
                    f"is {worth.best_home_kw:.2f} kW at £{earns:.0f}"),
        ]  # fmt: skip
    if how is Coordination.MARKET and worth.local_kwh:
        found.append(against(
            "premium for a local kilowatt-hour", worth.premium_p / worth.local_kwh,
            "smart/lem/premium", "the rig file's premium is another", put_in=True,
        ))  # fmt: skip
    if how is Coordination.BALANCING:
        avoided = worth.avoided_p / 100 * PER_200 / worth.homes
        found.append(against(
            "network charges avoided, for 200 homes", avoided, "smart/sbn/avoided",
            "cars and the store decide how much of the peak can move",
        ))  # fmt: skip
    return found
