"""The rulebook: every rule of every edition, and which of them is in force."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from harness.core.errors import RuleError
from harness.rulebook.rule import Rule
from harness.rulebook.rule_json import rule_to_json

WHERE = "rulebook"


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules by id, each with its editions in the order in which they took force."""

    editions: Mapping[str, tuple[Rule, ...]]
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Edition to use whatever the date, by rule id or by document id."""

    def rule(self, rule_id: str, *, on: date, edition: str | None = None) -> Rule:
        """Return the edition in force on a date, or the one named.

        Raises
        ------
        RuleError
            If no rule has the id, none was in force, or the edition is unknown.
        """
        if rule_id not in self.editions:
            raise RuleError(WHERE, f"there is no rule {rule_id!r}", self._near(rule_id))
        wanted = edition or self._override(rule_id)
        if wanted is not None:
            return self._named(rule_id, wanted)
        if (found := self._on(rule_id, on)) is not None:
            return found
        raise RuleError(
            WHERE,
            f"{rule_id!r} was not in force on {on}",
            f"a date inside {self._spans(rule_id)}, or naming an edition",
        )

    def in_force(self, on: date, *, document: str | None = None) -> tuple[Rule, ...]:
        """Return the rules in force on a date, by id, of one document or of all.

        An edition that is fixed by an override is in force on every date.
        """
        found = []
        for rule_id in sorted(self.editions):
            if document in (None, rule_id.partition("/")[0]):
                fixed = self._override(rule_id)
                found.append(
                    self._on(rule_id, on)
                    if fixed is None
                    else self._named(rule_id, fixed)
                )
        return tuple(rule for rule in found if rule is not None)

    def all(self) -> tuple[Rule, ...]:
        """Return every edition of every rule, by id and then by date."""
        return tuple(
            rule for rule_id in sorted(self.editions) for rule in self.editions[rule_id]
        )

    def digest(self) -> str:
        """Return the SHA-256 of every rule and override, to seal before measuring."""
        plain = [rule_to_json(rule) for rule in self.all()]
        text = json.dumps([plain, dict(self.overrides)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _override(self, rule_id: str) -> str | None:
        document = rule_id.partition("/")[0]
        by_document = self.overrides.get(document)
        if by_document is not None and all(
            rule.edition != by_document for rule in self.editions[rule_id]
        ):
            by_document = None
        return self.overrides.get(rule_id, by_document)

    def _on(self, rule_id: str, on: date) -> Rule | None:
        for rule in self.editions[rule_id]:
            if rule.in_force(on):
                return rule
        return None

    def _named(self, rule_id: str, edition: str) -> Rule:
        for rule in self.editions[rule_id]:
            if rule.edition == edition:
                return rule
        known = ", ".join(repr(rule.edition) for rule in self.editions[rule_id])
        raise RuleError(WHERE, f"{rule_id!r} has no edition {edition!r}", known)

    def _near(self, rule_id: str) -> str:
        near = difflib.get_close_matches(rule_id, self.editions, n=3, cutoff=0.5)
        document = rule_id.partition("/")[0] + "/"
        near = near or [known for known in sorted(self.editions) if document in known]
        return ", ".join(near[:3]) or "flexrig rules, which lists them all"

    def _spans(self, rule_id: str) -> str:
        return " or ".join(
            f"{rule.valid_from} to {rule.valid_to or 'today'}"
            for rule in self.editions[rule_id]
        )


def bound_together(
    rules: Iterable[Rule], overrides: Mapping[str, str] | None = None
) -> Rulebook:
    """Return a rulebook of these rules.

    Raises
    ------
    RuleError
        If two editions of a rule share a name or a day, or an override fits nothing.
    """
    by_id: dict[str, list[Rule]] = {}
    for rule in rules:
        by_id.setdefault(rule.id, []).append(rule)
    editions = {}
    for rule_id, versions in by_id.items():
        versions.sort(key=lambda rule: rule.valid_from)
        _refuse_overlap(versions)
        editions[rule_id] = tuple(versions)
    _refuse_idle_overrides(editions, overrides or {})
    return Rulebook(editions, dict(overrides or {}))


def _refuse_overlap(versions: list[Rule]) -> None:
    for earlier, later in itertools.pairwise(versions):
        if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
            raise RuleError(
                f"{WHERE} {later.id}",
                f"editions {earlier.edition!r} and {later.edition!r} are both in force "
                f"on {later.valid_from}",
                f"valid_to before {later.valid_from} in the earlier one",
            )
    names = [rule.edition for rule in versions]
    if len(set(names)) < len(names):
        raise RuleError(
            f"{WHERE} {versions[0].id}",
            f"two editions have the same name: {', '.join(map(repr, names))}",
            "a name of its own for each edition",
        )


def _refuse_idle_overrides(
    editions: Mapping[str, tuple[Rule, ...]], overrides: Mapping[str, str]
) -> None:
    for key, edition in overrides.items():
        fits = any(
            rule.edition == edition and (key in (rule_id, rule_id.partition("/")[0]))
            for rule_id, versions in editions.items()
            for rule in versions
        )
        if not fits:
            raise RuleError(
                WHERE,
                f"no rule or document {key!r} has an edition {edition!r}",
                "flexrig rules, which lists ids and editions",
            )
