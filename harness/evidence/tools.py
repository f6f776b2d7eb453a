"""Which versions of which tools took the evidence."""

from __future__ import annotations

import platform
import re
from functools import cache
from importlib import metadata

_NAME = re.compile(r"[A-Za-z0-9._-]+")


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = {"python": platform.python_version()}
    for name in ("flexrig", *_requirements("flexrig")):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return tuple(found.items())


def _requirements(distribution: str) -> list[str]:
    """Return the names a distribution always needs; none if run from source."""
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []
    matches = (_NAME.match(line) for line in lines if "extra ==" not in line)
    return [match.group() for match in matches if match]


def tool_versions() -> dict[str, str]:
    """Return versions by name: Python, flexrig, and each library it always needs."""
    return dict(_versions())
