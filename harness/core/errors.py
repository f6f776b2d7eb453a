"""Errors that say where, what, and what to try.

    FlexrigError
    ├── UsageError       a file, a phrase or an option that a person can correct
    │   ├── RigError         a rig file that cannot become a bench
    │   ├── FeatureError     a feature file that cannot become a plan
    │   ├── RuleError        a rule that does not exist or disagrees with the text
    │   └── EvidenceError    a bundle that was touched or cannot be read
    └── BenchError       the bench is at fault; no device is judged
        ├── LinkError        a wire did not answer as its protocol requires
        │   └── RefusedError     it did answer, and the answer is no
        └── StalledError     virtual time found nothing that could ever happen

A device's own fault is none of these: it is a failed verdict
(`harness.checks.verdict.FailedVerdict`).
"""

from __future__ import annotations


class FlexrigError(Exception):
    """One sentence: where it happened, the fact, and what to try."""

    def __init__(self, where: str, fact: str, hint: str) -> None:
        super().__init__(where, fact, hint)
        self.where, self.fact, self.hint = where, fact, hint

    def __str__(self) -> str:
        return f"{self.where}: {self.fact}. Try: {self.hint}."


class UsageError(FlexrigError):
    """A person can correct this before anything runs."""


class RigError(UsageError):
    """A rig file cannot be turned into a bench."""


class FeatureError(UsageError):
    """A feature file cannot be turned into a plan."""


class RuleError(UsageError):
    """A rule is unknown, or a feature file quotes it wrongly."""


class EvidenceError(UsageError):
    """An evidence bundle was touched since it was sealed, or cannot be read."""


class BenchError(FlexrigError):
    """The bench is at fault, so the device under test is not judged.

    Allure shows these as *broken*; a failed verdict is shown as *failed*.
    """


class LinkError(BenchError):
    """A wire, port or socket did not answer as its protocol requires."""


class RefusedError(LinkError):
    """The device answered a request properly, and its answer is no.

    Asked for its power, that is the device's own fault, not the bench's: the
    aggregator takes note of it, and the meters show what was not delivered.
    """


class StalledError(BenchError):
    """Virtual time cannot go on: nothing in this process can ever happen next."""
