"""Which scenarios -k and -m choose, checked before anything runs.

With pytest-xdist a selection that cannot be read is an internal error of its
workers, which says nothing to anybody.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from _pytest.mark.expression import Expression
from pytest_bdd.parser import Feature

from harness.core.errors import UsageError

_OPERATORS = frozenset({"and", "or", "not"})


def selection(
    keyword: str | None, tags: str | None, features: Iterable[Feature]
) -> tuple[str, ...]:
    """Return pytest's options for a selection.

    Raises
    ------
    UsageError
        If it cannot be read, or names a tag that no scenario has.
    """
    chosen: list[str] = []
    for option, text in (("-k", keyword), ("-m", tags)):
        if text:
            _check_expression(option, text)
            chosen.append(f"{option}{text}")
    if tags:
        _check_tags(tags, features)
    return tuple(chosen)


def _check_expression(option: str, text: str) -> None:
    try:
        Expression.compile(text)
    except SyntaxError as error:
        raise UsageError(
            f"{option} {text!r}", error.msg, "words joined by and, or, not"
        ) from error


def _check_tags(text: str, features: Iterable[Feature]) -> None:
    known = {tag for feature in features for tag in _tags(feature)}
    for tag in re.findall(r"\w+", text):
        if tag not in _OPERATORS | known:
            near = difflib.get_close_matches(tag, known, n=1)
            hint = near[0] if near else f"one of {', '.join(sorted(known)) or 'none'}"
            raise UsageError(f"-m {text!r}", f"no scenario has the tag {tag!r}", hint)


def _tags(feature: Feature) -> set[str]:
    """A feature's tags and its scenarios', as pytest knows them."""
    tags = set(feature.tags)
    for scenario in feature.scenarios.values():
        tags |= scenario.tags
        tags |= scenario.rule.tags if scenario.rule else set()
        for examples in scenario.examples:
            tags |= set(examples.tags)
    return {re.sub(r"\W+", "_", tag) for tag in tags}
