"""Whether judging again gave the same verdicts, and if not, where they part."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

RELATIVE = 1e-9
"""Numbers this close are the same: other processors round the last bits otherwise."""
ABSOLUTE = 1e-12


def same_verdicts(old_json: str | bytes, new_json: str | bytes) -> list[str]:
    """Return how two verdict files differ, one sentence each; empty if they agree.

    Text, outcomes and structure must be equal; numbers within `RELATIVE`; ``nan``
    equals ``nan``.

    Raises
    ------
    ValueError
        If either is not JSON.
    """
    return list(_differences("verdicts", json.loads(old_json), json.loads(new_json)))


def _differences(where: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in old or key not in new:
                yield f"{where}.{key}: only in the {'new' if key in new else 'old'}"
            else:
                yield from _differences(f"{where}.{key}", old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{where}: {len(old)} entries before, {len(new)} now"
        for at, (before, now) in enumerate(zip(old, new, strict=False)):
            yield from _differences(f"{where}[{at}]", before, now)
    elif not _same(old, new):
        yield f"{where}: {json.dumps(old)} before, {json.dumps(new)} now"


def _same(old: object, new: object) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        if math.isnan(old) or math.isnan(new):
            return math.isnan(old) and math.isnan(new)
        return math.isclose(old, new, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return old == new and type(old) is type(new)
