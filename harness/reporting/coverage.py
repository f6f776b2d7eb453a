"""The requirements ledger: what the sources ask for, against what shows it.

The ledger is data (``data/coverage.toml``). A feature file claims an id by the tag of
that name; what begins with a capital letter is an id, any other tag is none.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from harness.core.errors import UsageError
from harness.reporting.record import ScenarioRecord, worst_of

NOT_YET = "not yet"


@dataclass(frozen=True, slots=True)
class Entry:
    """One id of the ledger."""

    id: str
    title: str
    group: str
    source: str
    shows: str = ""
    """What its scenarios have to show."""
    done: bool = False
    """Whether scenarios show all of that, so that losing them is an error."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One scenario of a feature file, and the ids that it claims."""

    feature: str
    """The file, as the user named it."""
    title: str
    tags: frozenset[str]
    rules: tuple[str, ...] = ()
    """Ids of the rules that it quotes."""

    @property
    def ids(self) -> frozenset[str]:
        """Its tags that can only be ids."""
        return frozenset(tag for tag in self.tags if tag[:1].isupper())


@dataclass(frozen=True, slots=True)
class Traced:
    """One id, and all that shows it."""

    entry: Entry
    claims: tuple[Claim, ...] = ()
    records: tuple[ScenarioRecord, ...] = ()
    """What became of its scenarios in a run."""

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that its scenarios quote."""
        return tuple(dict.fromkeys(rule for one in self.claims for rule in one.rules))

    @property
    def outcome(self) -> str:
        """The worst outcome of its scenarios in the run; ``""`` if none ran."""
        worst = worst_of(record.outcome for record in self.records)
        return "" if worst is None else str(worst)

    @property
    def grade(self) -> str:
        """What the evidence of that run is worth."""
        grades = {str(r.trial.grade) for r in self.records if r.trial.grade is not None}
        return ", ".join(sorted(grades))


@dataclass(frozen=True, slots=True)
class Trace:
    """The ledger against scenarios, in both directions."""

    traced: tuple[Traced, ...]
    orphans: tuple[str, ...] = field(default=())
    """Scenarios without an id, each named by file and title."""
    unknown: tuple[str, ...] = field(default=())
    """Tags that look like ids and are none, with where they stand."""

    @property
    def lost(self) -> tuple[str, ...]:
        """Ids that are claimed to be done and have no scenario."""
        return tuple(t.entry.id for t in self.traced if t.entry.done and not t.claims)

    @property
    def faults(self) -> tuple[str, ...]:
        """All that makes the ledger untrue, a sentence each."""
        return (
            *(f"{one}: no id of the ledger among its tags" for one in self.orphans),
            *self.unknown,
            *(f"{one} is marked as done and has no scenario" for one in self.lost),
        )


@cache
def ledger(text: str | None = None) -> tuple[Entry, ...]:
    """Return every id, in the ledger's order.

    Parameters
    ----------
    text : str, optional
        TOML to read instead of the shipped ledger.

    Raises
    ------
    ValueError
        If an id stands twice, or is not spelt as a tag can be.
    """
    if text is None:
        data = files("harness.reporting").joinpath("data/coverage.toml")
        text = data.read_text("utf-8")
    found = [
        Entry(group=group["name"], source=group["source"], **entry)
        for group in tomllib.loads(text)["group"]
        for entry in group["entry"]
    ]
    ids = [entry.id for entry in found]
    twice = {one for one in ids if ids.count(one) > 1}
    if twice or not all(re.fullmatch(r"[A-Z][\w-]*", one) for one in ids):
        raise ValueError(f"ids of the ledger: {', '.join(sorted(twice)) or ids}")
    return tuple(found)


def trace(
    entries: Sequence[Entry],
    claims: Iterable[Claim],
    records: Iterable[ScenarioRecord] = (),
) -> Trace:
    """Hold the ledger against scenarios and what became of them.

    Parameters
    ----------
    entries : sequence of Entry
        The ledger.
    claims : iterable of Claim
        Every scenario of the feature files.
    records : iterable of ScenarioRecord
        Of a run; none if nothing ran.
    """
    known = {entry.id for entry in entries}
    every = list(claims)
    ran = [(record, set(record.tags)) for record in records]
    traced = tuple(
        Traced(
            entry,
            tuple(claim for claim in every if entry.id in claim.ids),
            tuple(record for record, tags in ran if {entry.id, _mark(entry.id)} & tags),
        )
        for entry in entries
    )
    orphans = tuple(_name(claim) for claim in every if not claim.ids & known)
    unknown = [
        f"{_name(claim)}: @{tag} is no id{_near(tag, known)}"
        for claim in every
        for tag in sorted(claim.ids - known)
    ]
    return Trace(traced, orphans, tuple(dict.fromkeys(unknown)))


def _mark(tag: str) -> str:
    """A tag as pytest knows it."""
    return re.sub(r"\W+", "_", tag)


def _name(claim: Claim) -> str:
    return f"{claim.feature} “{claim.title}”"


def _near(tag: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(tag, sorted(known), n=1)
    return f", perhaps @{near[0]}" if near else ""


def trace_rows(found: Trace) -> Mapping[str, list[list[str]]]:
    """Return the ledger as rows of text by group, each with its heading."""
    tables: dict[str, list[list[str]]] = {}
    for one in found.traced:
        head = ["id", "what", "scenarios", "rules", "last outcome", "evidence"]
        rows = tables.setdefault(f"{one.entry.group} ({one.entry.source})", [head])
        scenarios = str(len(one.claims)) if one.claims else NOT_YET
        rows.append(
            [one.entry.id, one.entry.title, scenarios, str(len(one.rules) or ""),
             one.outcome, one.grade]
        )  # fmt: skip
    return tables


def summary(found: Trace) -> str:
    """Say in one sentence how much of the ledger is shown."""
    shown = sum(bool(one.claims) for one in found.traced)
    done = sum(one.entry.done for one in found.traced)
    return (
        f"{len(found.traced)} ids: {shown} have scenarios, {done} of them all that "
        f"their source asks for; {len(found.traced) - shown} not yet."
    )


def one_id(found: Trace, wanted: str) -> Traced:
    """Return what shows one id.

    Raises
    ------
    UsageError
        If the ledger has no such id.
    """
    for one in found.traced:
        if one.entry.id.lower() == wanted.lower():
            return one
    known = [one.entry.id for one in found.traced]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.3)
    raise UsageError(
        wanted, "the ledger has no such id", ", ".join(near) or "flexrig trace"
    )
