"""Does a payload conform to OCPP 1.6? Checked against the OCA's own JSON schemas.

The schemas are those that the ``ocpp`` package ships; they are compiled once per
process. Error codes are those of OCPP-J 1.6, table 7, spelt as that edition
spells them (``FormationViolation``, ``OccurenceConstraintViolation``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
from ocpp import exceptions as codes

SCHEMAS = files("ocpp") / "v16" / "schemas"
"""Draft 4 schemas: ``Action.json`` for a request, ``ActionResponse.json``."""


@dataclass(frozen=True, slots=True)
class Breach:
    """How a payload breaks its schema."""

    code: str
    """The CALLERROR code that says so."""
    text: str
    """Where in the payload, and what is wrong."""


@cache
def known_actions() -> frozenset[str]:
    """Return every action of OCPP 1.6 and its security extension."""
    names = {entry.name.removesuffix(".json") for entry in SCHEMAS.iterdir()}
    return frozenset(name for name in names if f"{name}Response" in names)


def request_breach(action: str, payload: dict[str, Any]) -> Breach | None:
    """Return how a request breaks its schema, or None if it conforms."""
    return _breach(action, payload)


def response_breach(action: str, payload: dict[str, Any]) -> Breach | None:
    """Return how a response to an action breaks its schema, or None."""
    return _breach(f"{action}Response", payload)


def _breach(name: str, payload: dict[str, Any]) -> Breach | None:
    validator = _validator(name)
    try:
        if validator.is_valid(payload):
            return None
    except ValueError as error:  # nested too deeply
        return Breach(codes.FormationViolationError.code, f"{name}: {error}")
    found = next(validator.iter_errors(payload))
    path = ".".join(str(step) for step in found.instance_path)
    where = f"{name} {path}".rstrip()
    code = _CODES.get(found.kind.name, codes.PropertyConstraintViolationError.code)
    return Breach(code, f"{where}: {found.message}")


@cache
def _validator(name: str) -> jsonschema_rs.Draft4Validator:
    schema = (SCHEMAS / f"{name}.json").read_text("utf-8-sig")
    return jsonschema_rs.Draft4Validator(
        schema, validate_formats=True, formats={"date-time": _is_instant}
    )


def _is_instant(text: str) -> bool:
    """Judge a dateTime: ISO 8601 (OCPP 1.6 edition 2, 3.15) that names an instant.

    Wider than RFC 3339, which would refuse the specification's own example
    ``2013-01-01T00:00Z`` (3.13.7); a time without a zone names no instant.
    """
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


_CODES = {
    "required": codes.ProtocolError.code,
    "additionalProperties": codes.FormationViolationError.code,
    "type": codes.TypeConstraintViolationError.code,
    "minItems": codes.OccurenceConstraintViolationError.code,
    "maxItems": codes.OccurenceConstraintViolationError.code,
}
"""Schema keyword to the code of OCPP-J 1.6 table 7 whose words fit it: "incomplete",
"not conform the PDU structure", "data type", how often; any other keyword (enum,
format, maxLength, multipleOf) is "at least one field contains an invalid value"."""
