"""Does a payload conform to its edition of OCPP? Checked against the OCA's own schemas.

The schemas are those that the ``ocpp`` package ships; they are compiled once per
process. Error codes are spelt as the edition spells them: OCPP-J 1.6, table 7, has
``FormationViolation`` and ``OccurenceConstraintViolation``, OCPP-J 2.0.1 (part 4,
edition 3, table 8) ``FormatViolation`` and ``OccurrenceConstraintViolation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
from ocpp import exceptions as codes


@dataclass(frozen=True, slots=True, eq=False)
class Edition:
    """What of the remote calls differs between the editions of OCPP-J."""

    name: str
    subprotocol: str
    folder: str
    """Of its schemas, in the ``ocpp`` package."""
    request: str
    """What follows the action in the name of a request's schema."""
    draft: type[jsonschema_rs.Draft4Validator | jsonschema_rs.Draft6Validator]
    malformed: str
    """The error code of a message that is not laid out as one."""
    by_keyword: Mapping[str, str]
    """Schema keyword to error code; any other keyword (enum, format, maxLength,
    multipleOf) is a field with "an invalid value"."""
    more_codes: frozenset[str]
    """Error codes that only this edition has."""
    error_table: str
    """Where its error codes stand."""
    answers_unreadable: bool
    """Whether what has no message id, or a message type that does not exist, is
    answered too."""

    @property
    def error_codes(self) -> frozenset[str]:
        """Every error code that the edition has."""
        return _COMMON_CODES | self.more_codes


@dataclass(frozen=True, slots=True)
class Breach:
    """How a payload breaks its schema."""

    code: str
    """The CALLERROR code that says so."""
    text: str
    """Where in the payload, and what is wrong."""


_COMMON_CODES = frozenset(
    error.code
    for error in (
        codes.NotImplementedError,
        codes.NotSupportedError,
        codes.InternalError,
        codes.ProtocolError,
        codes.SecurityError,
        codes.PropertyConstraintViolationError,
        codes.OccurenceConstraintViolationError,
        codes.OccurrenceConstraintViolationError,  # one of them a misspelling
        codes.TypeConstraintViolationError,
        codes.GenericError,
    )
)

OCPP16 = Edition(
    name="1.6",
    subprotocol="ocpp1.6",
    folder="v16",
    request="",
    draft=jsonschema_rs.Draft4Validator,
    malformed=codes.FormationViolationError.code,
    by_keyword={
        "required": codes.ProtocolError.code,  # "incomplete"
        "additionalProperties": codes.FormationViolationError.code,
        "type": codes.TypeConstraintViolationError.code,
        "minItems": codes.OccurenceConstraintViolationError.code,
        "maxItems": codes.OccurenceConstraintViolationError.code,
    },
    more_codes=frozenset({codes.FormationViolationError.code}),
    error_table="table 7",
    answers_unreadable=False,
)
"""OCPP-J 1.6; its table 7 says "incomplete", "not conform the PDU structure", "data
type", and how often."""

OCPP201 = Edition(
    name="2.0.1",
    subprotocol="ocpp2.0.1",
    folder="v201",
    request="Request",
    draft=jsonschema_rs.Draft6Validator,
    malformed="RpcFrameworkError",
    by_keyword={
        "required": codes.OccurrenceConstraintViolationError.code,
        "additionalProperties": codes.ProtocolError.code,
        "type": codes.TypeConstraintViolationError.code,
        "minItems": codes.OccurrenceConstraintViolationError.code,
        "maxItems": codes.OccurrenceConstraintViolationError.code,
    },
    more_codes=frozenset(
        {
            codes.FormatViolationError.code,
            "MessageTypeNotSupported",
            "RpcFrameworkError",
        }
    ),
    error_table="table 8",
    answers_unreadable=True,
)
"""OCPP-J 2.0.1 (part 4): a ProtocolError is a payload that does "not conform the PDU
structure", an RpcFrameworkError "not a valid RPC Request"."""


@cache
def known_actions(edition: Edition = OCPP16) -> frozenset[str]:
    """Return every action of an edition, 1.6 with its security extension."""
    entries = (files("ocpp") / edition.folder / "schemas").iterdir()
    names = {entry.name.removesuffix(".json") for entry in entries}
    actions = {name.removesuffix("Response") for name in names}
    return frozenset(name for name in actions if f"{name}{edition.request}" in names)


def request_breach(
    action: str, payload: dict[str, Any], edition: Edition = OCPP16
) -> Breach | None:
    """Return how a request breaks its schema, or None if it conforms."""
    return _breach(f"{action}{edition.request}", payload, edition)


def response_breach(
    action: str, payload: dict[str, Any], edition: Edition = OCPP16
) -> Breach | None:
    """Return how a response to an action breaks its schema, or None."""
    return _breach(f"{action}Response", payload, edition)


def _breach(name: str, payload: dict[str, Any], edition: Edition) -> Breach | None:
    validator = _validator(name, edition)
    try:
        if validator.is_valid(payload):
            return None
    except ValueError as error:  # nested too deeply
        return Breach(edition.malformed, f"{name}: {error}")
    found = next(validator.iter_errors(payload))
    path = ".".join(str(step) for step in found.instance_path)
    where = f"{name} {path}".rstrip()
    otherwise = codes.PropertyConstraintViolationError.code
    code = edition.by_keyword.get(found.kind.name, otherwise)
    return Breach(code, f"{where}: {found.message}")


@cache
def _validator(
    name: str, edition: Edition
) -> jsonschema_rs.Draft4Validator | jsonschema_rs.Draft6Validator:
    path = files("ocpp") / edition.folder / "schemas" / f"{name}.json"
    return edition.draft(
        path.read_text("utf-8-sig"),
        validate_formats=True,
        formats={"date-time": _is_instant},
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
