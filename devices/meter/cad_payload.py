"""What a consumer access device tells of a SMETS2 meter, and what of it may be kept.

A payload says whose electricity it is. Nothing of it is kept or quoted that is not on
the list of fields below, in the form that the list says: everything else, known or not,
is replaced before anybody else sees it. So a field that a firmware adds tomorrow is
removed as well.

Source: Hildebrand Glow local MQTT as transcribed in the public integration
``ha_hildebrand_glow_ihd_mqtt`` (sensor.py) and by owners (OpenEnergyMonitor forum,
"Glow IHD with local MQTT", 2022); the maker's own document was not read: unverified.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

REMOVED: Final = "[removed]"
NO_POWER_KW: Final = -8388.608
"""What the device shows for power it does not know: -2^23 W. Source: the integration,
``error_response_values``."""
MOST: Final = 1e7
"""No home has more kWh or kW; a longer number is no measurement. Ours."""

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")
_LONG = re.compile(r"\d{6}")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < MOST


def _is_stamp(value: object) -> bool:
    return isinstance(value, str) and _STAMP.fullmatch(value) is not None


def _is_word(value: object) -> bool:
    """A version, a model, a state: a short word without a long number in it."""
    plain = isinstance(value, str) and _WORD.fullmatch(value) is not None
    return plain and _LONG.search(str(value)) is None


Keep = Mapping[str, "Keep | Callable[[object], bool]"]

_ENERGY: Keep = {"cumulative": _is_number, "units": _is_word}
KEPT: Final[Keep] = {
    "software": _is_word,
    "hardware": _is_word,
    "smetsversion": _is_word,
    "timestamp": _is_stamp,
    "han": {"rssi": _is_number, "status": _is_word, "lqi": _is_number},
    "electricitymeter": {
        "timestamp": _is_stamp,
        "energy": {
            "export": _ENERGY,
            "import": {
                **_ENERGY, "day": _is_number, "week": _is_number, "month": _is_number,
            },
        },
        "power": {"value": _is_number, "units": _is_word},
    },
}  # fmt: skip
"""Every field that may be kept."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One message of the electricity meter."""

    at: datetime | None
    """The time in the payload, or None if there is none."""
    power_w: float
    """``nan`` if it is not known. Import is positive. [W]"""
    import_wh: float
    export_wh: float


def stripped(payload: bytes) -> str:
    """Return a payload as it may be recorded."""
    content = _parsed(payload)
    if content is None:
        return f"{REMOVED}: {len(payload)} bytes that are no JSON object"
    return json.dumps(_strip(content, KEPT), separators=(",", ":"))


def meter_of(payload: bytes) -> Meter | None:
    """Return what the electricity meter shows, or None if this is no such message."""
    content = _parsed(payload)
    meter = content.get("electricitymeter") if content else None
    if not isinstance(meter, dict):
        return None
    kept = _strip(meter, KEPT["electricitymeter"])
    power_kw = _number(kept, "power", "value")
    if power_kw == NO_POWER_KW or _text(kept, "power", "units") != "kW":
        power_kw = math.nan
    return Meter(
        _stamp(kept.get("timestamp")),
        power_kw * 1000.0,
        _energy_wh(kept, "import"),
        _energy_wh(kept, "export"),
    )


def state_of(payload: bytes) -> dict[str, str] | None:
    """Return software, hardware and HAN status of a STATE message, or None."""
    content = _parsed(payload)
    if content is None or "han" not in content:
        return None
    kept = _strip(content, KEPT)
    return {
        "software": _text(kept, "software"),
        "hardware": _text(kept, "hardware"),
        "han": _text(kept, "han", "status"),
    }


def _parsed(payload: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _strip(content: Mapping[str, Any], keep: object) -> dict[str, Any]:
    """Replace what is not on the list, names of fields too."""
    allowed = keep if isinstance(keep, Mapping) else {}
    kept: dict[str, Any] = {}
    for name, value in content.items():
        rule = allowed.get(name)
        if isinstance(rule, Mapping):
            kept[name] = _strip(value, rule) if isinstance(value, dict) else REMOVED
        elif rule is not None:
            kept[name] = value if rule(value) else REMOVED
        else:
            kept[name if name in _PERSONAL else REMOVED] = REMOVED
    return kept


_PERSONAL: Final = frozenset(
    {"mpan", "mprn", "supplier", "price", "eui", "ethmac", "zigbee"}
)
"""Fields that are known to be there, and whose names give nothing away."""


def _at(content: Mapping[str, Any], *path: str) -> object:
    here: object = content
    for name in path:
        here = here.get(name) if isinstance(here, dict) else None
    return here


def _number(content: Mapping[str, Any], *path: str) -> float:
    value = _at(content, *path)
    return float(value) if isinstance(value, int | float) else math.nan


def _text(content: Mapping[str, Any], *path: str) -> str:
    value = _at(content, *path)
    return value if isinstance(value, str) and value != REMOVED else ""


def _energy_wh(content: Mapping[str, Any], direction: str) -> float:
    if _text(content, "energy", direction, "units") != "kWh":
        return math.nan
    return _number(content, "energy", direction, "cumulative") * 1000.0


def _stamp(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
