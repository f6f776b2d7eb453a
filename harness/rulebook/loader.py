"""Read the rules from their data files: one TOML file per source document."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.core.errors import RuleError
from harness.rulebook.book import Rulebook, bound_together
from harness.rulebook.rule import Rule

Scalar = str | bool | int | float


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Document(_Strict):
    id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str = Field(min_length=1)
    edition: str = Field(min_length=1)
    valid_from: date
    valid_to: date | None = None
    unverified_note: str = ""
    """What an unverified rule has to say that has no note of its own."""


class _Entry(_Strict):
    id: str = Field(pattern=r"^[a-z0-9_]+(/[a-z0-9-]+)+$")
    quantity: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    clause: str = Field(min_length=1)
    status: Literal["verified", "unverified"]
    at_least: float | None = None
    at_most: float | None = None
    conditions: dict[str, Scalar] = {}
    note: str = ""
    edition: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _bounded(self) -> _Entry:
        if self.at_least is None and self.at_most is None:
            raise ValueError("neither at_least nor at_most is given")
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and low > high:
            raise ValueError("at_least is above at_most")
        if (self.edition is None) != (self.valid_from is None):
            raise ValueError("an edition of its own needs its own valid_from")
        return self


class _File(_Strict):
    document: _Document
    rule: list[_Entry] = Field(min_length=1)


def load_rulebook(
    edition_overrides: Mapping[str, str] | None = None, *, folder: Path | None = None
) -> Rulebook:
    """Read every data file and return the rulebook.

    Parameters
    ----------
    edition_overrides : mapping, optional
        Edition to use whatever the date, by rule id or by document id.
    folder : Path, optional
        Where the files are; the ones that come with the product by default.

    Raises
    ------
    RuleError
        If a file is not a rule file, or two editions of a rule overlap.
    """
    place: Traversable = folder or files("harness.rulebook") / "data"
    names = sorted(one.name for one in place.iterdir() if one.name.endswith(".toml"))
    if not names:
        raise RuleError(str(place), "there are no rule files", "the folder's path")
    rules = [rule for name in names for rule in _read(place / name)]
    return bound_together(rules, edition_overrides)


def _read(path: Traversable) -> Iterable[Rule]:
    try:
        content = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        hint = "the line that the message names"
        raise RuleError(path.name, f"not TOML: {error}", hint) from error
    except ValidationError as error:
        raise _explained(path, error) from error
    for entry in content.rule:
        if entry.id.partition("/")[0] != content.document.id:
            raise RuleError(
                path.name,
                f"rule {entry.id!r} is not of document {content.document.id!r}",
                f"an id that begins with '{content.document.id}/'",
            )
        yield _rule(content.document, entry)


def _rule(document: _Document, entry: _Entry) -> Rule:
    own = entry.edition is not None
    unread = document.unverified_note if entry.status == "unverified" else ""
    return Rule(
        id=entry.id,
        quantity=entry.quantity,
        at_least=entry.at_least,
        at_most=entry.at_most,
        unit=entry.unit,
        source=f"{document.title}, {entry.clause}",
        edition=entry.edition or document.edition,
        status=entry.status,
        valid_from=entry.valid_from or document.valid_from,
        valid_to=entry.valid_to if own or entry.valid_to else document.valid_to,
        conditions=entry.conditions,
        note=entry.note.strip() or unread,
    )


def _explained(path: Traversable, error: ValidationError) -> RuleError:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if place[:1] == ["rule"] and len(place) > 1:
        place[0:2] = [_entry_name(path, int(place[1]))]
    fact = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        fact = "this key is unknown"
    where = " ".join([path.name, *(f"[{part}]" for part in place[:1]), *place[1:]])
    return RuleError(where, fact, "the keys and values of the rules beside it")


def _entry_name(path: Traversable, index: int) -> str:
    rule = tomllib.loads(path.read_text(encoding="utf-8"))["rule"][index]
    return str(rule.get("id", f"rule {index + 1}"))
