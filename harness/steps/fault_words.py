"""How a feature file names a fault: one wording for each kind, read both ways.

The part in brackets carries the amount. A When needs it where the fault means nothing
without; a Then that asks whether the bench noticed leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pytest_bdd import parsers

from harness.core.errors import FeatureError
from harness.core.faults import FaultKind
from harness.core.quantities import parse_percent
from harness.steps.words import duration_s


def _share(text: str) -> float:
    return parse_percent(text) / 100


def _signed_s(text: str) -> float:
    plain = text.strip().translate(str.maketrans("−–", "--"))
    return -duration_s(plain[1:]) if plain.startswith("-") else duration_s(plain)


@dataclass(frozen=True, slots=True)
class Wording:
    """One kind of fault in a sentence, after the name of what has it."""

    text: str
    read: Callable[[str], float] | None = None
    """Makes the amount of what stands in its place; None if there is none."""
    needed: bool = True
    """Whether the fault means nothing without its amount."""

    @property
    def pattern(self) -> str:
        """The wording as a regular expression, its amount as a group or left out."""
        before, bracket, rest = self.text.partition("[")
        if not bracket:
            return re.escape(before)
        inner, _bracket, after = rest.partition("]")
        left, right = (re.escape(part) for part in inner.split("{amount}"))
        return f"{re.escape(before)}(?:{left}(?P<amount>.+?){right})?{re.escape(after)}"


_OF_MESSAGES = "[ {amount} of] messages"
WORDINGS: Mapping[FaultKind, Wording] = MappingProxyType(
    {
        FaultKind.LATENCY: Wording("'s wire is slow[ by {amount}]", duration_s),
        FaultKind.LOSS: Wording(f"'s wire loses{_OF_MESSAGES}", _share),
        FaultKind.DUPLICATE: Wording(f"'s wire repeats{_OF_MESSAGES}", _share),
        FaultKind.REORDER: Wording(f"'s wire reorders{_OF_MESSAGES}", _share),
        FaultKind.DISCONNECT: Wording("'s wire is cut"),
        FaultKind.MALFORMED: Wording(f"'s wire garbles{_OF_MESSAGES}", _share),
        FaultKind.EXCEPTION: Wording(
            " answers with an exception[ of code {amount}]", float, needed=False
        ),
        FaultKind.STALE: Wording(" serves stale values"),
        FaultKind.WORD_SWAP: Wording(" swaps its words"),
        FaultKind.SILENT_REVERT: Wording(
            " reverts what was written[ after {amount}]", duration_s, needed=False
        ),
        FaultKind.LOST_WATCHDOG: Wording(" does not see the refresh"),
        FaultKind.FROZEN: Wording(" is frozen"),
        FaultKind.GAP: Wording(" is silent"),
        FaultKind.CLOCK_STEP: Wording("'s clock is stepped[ by {amount}]", _signed_s),
        FaultKind.CLOCK_DRIFT: Wording(
            "'s clock drifts[ by {amount} an hour]", _signed_s
        ),
        FaultKind.REVERSED: Wording(" has its current transformer reversed"),
        FaultKind.SCALED: Wording(" reads by a wrong factor[ of {amount}]", float),
        FaultKind.REPLAYED_BACKLOG: Wording(
            " replays old values[, {amount} old]", duration_s
        ),
        FaultKind.LATE_BACKLOG: Wording(" delivers late[, every {amount}]", duration_s),
        FaultKind.IGNORES: Wording(" accepts and ignores"),
        FaultKind.RAMPS_WRONG: Wording(
            " ramps at a wrong pace[, {amount} times its own]", float, needed=False
        ),
        FaultKind.TRIPS: Wording(" trips"),
        FaultKind.REBOOTS: Wording(" reboots[ for {amount}]", duration_s, needed=False),
        FaultKind.FORGETS_SCHEDULE: Wording(" forgets its schedule"),
    }
)
"""How each kind is said. `{amount}`: 2 s, 20 %, 1000, as the kind needs."""

_SPAN = r" from (?P<start>\d+:\d+(?::\d+)?)(?: to (?P<end>\d+:\d+(?::\d+)?))?"
_WHICH = r'(?: (?P<way>to|from) it)?(?: that say "(?P<words>[^"]+)")?'


class FaultPhrase(parsers.StepParser):
    """A step with a fault in it: every wording, where ``{fault}`` stands.

    With ``{span}`` it is read as a plan's (amount, messages, times), without as a
    question (the kind alone).
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._plans = name.endswith("{span}")
        before = re.escape(name.removesuffix("{span}").removesuffix("{fault}"))
        before = before.replace(r"\{asset\}", r"(?P<asset>[^']+?)")
        tail = f"{_WHICH}{_SPAN}" if self._plans else ""
        self._forms = [
            (kind, re.compile(f"{before}{wording.pattern}{tail}"))
            for kind, wording in WORDINGS.items()
        ]

    def _found(self, text: str) -> tuple[FaultKind, dict[str, Any]] | None:
        for kind, form in self._forms:
            found = form.fullmatch(text)
            if found is not None:
                return kind, found.groupdict()
        return None

    def is_matching(self, name: str) -> bool:
        """Tell whether the text names a fault in this form."""
        found = self._found(name)
        return found is not None and (self._plans or found[1].get("amount") is None)

    def parse_arguments(self, name: str) -> dict[str, Any] | None:
        """Return the asset, the kind, and for a plan its other parts as texts."""
        found = self._found(name)
        if found is None:
            return None
        kind, parts = found
        asset = parts.pop("asset")
        if not self._plans:
            return {"asset": asset, "kind": kind}
        return {"asset": asset, "kind": kind, "parts": parts}


def amount_of(kind: FaultKind, text: str | None) -> float | None:
    """Read a fault's amount.

    Raises
    ------
    FeatureError
        If it is missing where it is needed, or is no amount of this kind.
    """
    wording = WORDINGS[kind]
    if text is None:
        if wording.read is not None and wording.needed:
            raise FeatureError(
                f"“{kind}”", "how much is not said", f"…{wording.text.strip()}"
            )
        return None
    assert wording.read is not None  # noqa: S101 - the pattern has an amount only then
    try:
        return wording.read(text)
    except ValueError as error:
        raise FeatureError(
            f"“{text}”", f"it is no amount of “{kind}”: {error}", wording.text.strip()
        ) from error
