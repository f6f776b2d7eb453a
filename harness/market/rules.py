"""Why the market forbids something: the rule, in words, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class MarketRule:
    """One rule of the market."""

    text: str
    source: str
    """Document and clause."""


_UC = "TRANSITION use cases, Appendix 1, Use Case"


class Rule(Enum):
    """The rules by which transactions are refused."""

    HOLDS = MarketRule(
        "nobody sells capacity that it does not hold, or has sold already",
        f"{_UC} 4, pre-condition",
    )
    SAME_AREA = MarketRule(
        "seller and buyer are in the same constrained area",
        f"{_UC} 4, pre-condition",
    )
    KNOWN_MPAN = MarketRule(
        "a site trades under a registered MPAN", "Basic Market Rules, not read"
    )
    CONDITIONAL = MarketRule(
        "a transaction is conditional until the DNO approves it",
        f"{_UC} 4, potential conflicts and management",
    )
    IN_TIME = MarketRule(
        "the DNO approves a transaction before it starts", f"{_UC} 6, pre-condition"
    )
    NOT_MORE = MarketRule(
        "the DNO approves no more than was agreed", f"{_UC} 4, market actor position"
    )
    ENDED = MarketRule(
        "a transaction that was refused, lapsed, was unwound or expired has ended",
        f"{_UC} 4, post-conditions",
    )
    NO_PRIMACY = MarketRule(
        "an asset is promised to two buyers at once only if primacy was agreed",
        f"{_UC} 3, potential conflicts and management",
    )
    OUTLINE = MarketRule(
        "the DNO approves the fail-safe scheme in outline before any transaction",
        f"{_UC} 6, potential conflicts and management",
    )
    FAIL_SAFE = MarketRule(
        "fail-safes are verified at regular intervals",
        f"{_UC} 6, potential conflicts and management",
    )


class ForbiddenError(Exception):
    """A transaction or transition that a rule of the market forbids."""

    def __init__(self, rule: Rule, fact: str) -> None:
        super().__init__(f"{fact} ({rule.value.text}: {rule.value.source})")
        self.rule, self.fact = rule, fact
