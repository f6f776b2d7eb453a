"""Facts as JSON text: one text for one content, and digests over it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date

import numpy as np


def plain(value: object) -> object:
    """Return a fact as JSON knows it: mapping, list, text, number, bool or None.

    Dataclasses become mappings, tuples and arrays lists, dates ISO 8601 text.
    JSON has no ``nan`` and ``inf``: they become those words, which `float` reads.

    Raises
    ------
    TypeError
        If a part of it is none of these; names the part.
    """
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if isinstance(value, date):
        return value.isoformat()
    return _plain_group(value)


def _plain_group(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {name: plain(part) for name, part in parts.items()}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(part) for part in value), key=str)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    raise TypeError(f"{value!r} ({type(value).__name__}) cannot be kept as JSON")


def line(value: object) -> bytes:
    """Return a fact as one line of UTF-8 JSON, keys in the order given."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
    return _encoded(text) + b"\n"


def canonical(value: object) -> bytes:
    """Return a fact as indented UTF-8 JSON, keys sorted: same content, same bytes."""
    text = json.dumps(
        plain(value), ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True
    )
    return _encoded(text) + b"\n"


def parse(text: bytes) -> object:
    """Return what JSON text says.

    Raises
    ------
    ValueError
        If it is not UTF-8, or not JSON.
    """
    parsed: object = json.loads(text)
    return parsed


def digest(value: object) -> str:
    """Return the SHA-256 of a fact's canonical text, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _encoded(text: str) -> bytes:
    # A device may send text that is no Unicode; what Python writes for a lone
    # surrogate is also JSON's escape for it, so it reads back unchanged.
    return text.encode("utf-8", "backslashreplace")
