"""Which technology may take part in which service, dispatched how: the sources' tables.

The tables are in ``eligibility.toml`` beside this module. They speak of kinds of
device; whether this very one is dispatched as it is said to be, a trial has to prove.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Technology(StrEnum):
    """The kinds of device that the source knows."""

    EV = "EV"
    HEAT = "electrified heat"
    WHITE_GOODS = "white goods"


class Dispatch(StrEnum):
    """How a device is made to move: the source's manual and automated."""

    AUTOMATIC = "automatically"
    MESSAGE = "by message"


@dataclass(frozen=True, slots=True)
class Tables:
    """Services with their timing, and what each pair may serve."""

    timings: Mapping[str, str]
    """By service."""
    pairs: Mapping[tuple[Technology, Dispatch], frozenset[str]]
    """Timings that a technology may serve when it is dispatched so."""


@cache
def tables() -> Tables:
    """Return the sources' tables."""
    text = files(__package__).joinpath("eligibility.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return Tables(
        {one["id"]: one["timing"] for one in data["service"]},
        {
            (Technology(one["technology"]), Dispatch(one["dispatched"])): frozenset(
                one["timings"]
            )
            for one in data["pair"]
        },
    )


def open_to(technology: Technology, dispatch: Dispatch) -> frozenset[str]:
    """Return the services in which a technology may take part, dispatched so."""
    known = tables()
    served = known.pairs.get((technology, dispatch), frozenset())
    return frozenset(name for name, when in known.timings.items() if when in served)
