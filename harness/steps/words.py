"""How feature files name things, turned into what the harness calls them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.errors import FeatureError
from harness.core.quantities import (
    parse_clock,
    parse_duration_s,
    parse_percent,
    parse_power_w,
)
from harness.trial.planned import Move

HOME = "home"
_ALIASES = {"car": "ev", "house": "heat_pump", "boundary_meter": "boundary"}
_MOVES = {"down": Move.DOWN, "up": Move.UP}
DAY_S = 86_400.0
EDITIONS = "by edition"
"""Heads a table whose other columns are editions of the rules that it quotes."""
UNSAID = "–"
"""In such a table: the edition says nothing of it."""


def role_of(asset: str) -> str:
    """``EV`` is ``ev``, ``heat pump`` is ``heat_pump``, ``car`` is ``ev``."""
    name = asset.strip().lower().replace(" ", "_").replace("-", "_")
    return _ALIASES.get(name, name)


def asset_name(role: str) -> str:
    """How a report names a role: ``EV``, ``heat pump``."""
    return "EV" if role == "ev" else role.replace("_", " ")


def move_of(word: str) -> Move:
    """``down`` or ``up``."""
    try:
        return _MOVES[word]
    except KeyError:
        raise FeatureError(
            f"“turn {word}”", "there is no such move", "turn up, or turn down"
        ) from None


def power_w(text: str) -> float:
    """``7.2 kW`` in watts; a wrong quantity is a `FeatureError`."""
    try:
        return parse_power_w(text)
    except ValueError as error:
        raise FeatureError(
            f"“{text}”", str(error), "a power, such as 7.2 kW"
        ) from error


def duration_s(text: str) -> float:
    """``2 minutes`` in seconds; a wrong quantity is a `FeatureError`."""
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise FeatureError(
            f"“{text}”", str(error), "a duration, such as 2 minutes"
        ) from error


def percent(text: str, example: str) -> float:
    """``57 %`` as 57; a wrong percentage is a `FeatureError`."""
    try:
        return parse_percent(text)
    except ValueError as error:
        raise FeatureError(f"“{text}”", str(error), example) from error


def clock_s(text: str) -> float:
    """``17:30`` as seconds since midnight; a wrong time is a `FeatureError`."""
    try:
        return float(parse_clock(text))
    except ValueError as error:
        raise FeatureError(f"“{text}”", str(error), "a time, such as 17:30") from error


def span_s(start: str, end: str) -> tuple[float, float]:
    """Two clock times; an end before its start lies on the next day."""
    from_s, until_s = clock_s(start), clock_s(end)
    return from_s, until_s if until_s > from_s else until_s + DAY_S


def table_rows(
    datatable: Sequence[Sequence[str]], needed: Sequence[str], where: str
) -> list[dict[str, str]]:
    """Return a data table as dictionaries; a missing column is a `FeatureError`."""
    header, *rows = datatable
    for column in needed:
        if column not in header:
            raise FeatureError(
                where,
                f"the table has no column {column!r}",
                f"the columns {', '.join(needed)}",
            )
    return [dict(zip(header, row, strict=True)) for row in rows]
