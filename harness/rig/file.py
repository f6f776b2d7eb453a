"""Read a rig file: TOML, checked to the last key, with errors a person can act on."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.checks.decide import decision_rule_of
from harness.core.bench import Kindness
from harness.core.circuit import Circuit
from harness.core.errors import RigError, UsageError
from harness.rig.fitting import check_fit
from harness.rig.neighbourhood import NeighbourhoodTable

RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BenchTable(_Table):
    """``[rig]``: what the bench as a whole is."""

    name: str
    clock: Literal["virtual", "wall"]
    seed: int = Field(default=1, ge=0)
    decision_rule: str = "simple"
    """``simple``, ``guard-band`` or ``non-binary``; the last two may carry their r."""
    quiet_interval_s: float | None = Field(default=None, ge=1, le=60)
    """Between what a plan has happen, everything is read at most this often, and never
    more seldom than every five of its own intervals (`harness.trial.attention`); None:
    as often as ever. A meter that judges must not be silent for longer than the rule
    ``bench/largest-gap`` allows. [s]"""

    @field_validator("decision_rule")
    @classmethod
    def _known_rule(cls, text: str) -> str:
        try:
            decision_rule_of(text)
        except UsageError as error:
            raise ValueError(f"{error.fact}; there are {error.hint}") from error
        return text


class FeederTable(_Table):
    """``[circuit.feeder]``: what makes the voltage depend on what is drawn."""

    source_voltage_v: float = Field(default=230.0, ge=200, le=260)
    resistance_ohm: float = Field(default=0.0, ge=0, le=2)
    reactance_ohm: float = Field(default=0.0, ge=0, le=2)
    homes: int = Field(default=1, ge=1, le=1000)
    """How many homes hang on it and do the same as this one."""


class CircuitTable(_Table):
    """``[circuit]``: the home's wiring, for emulated parts."""

    base_load_w: float = Field(default=0.0, ge=0)
    """What the rest of the home draws, if that never changes. [W]"""
    base_load_profile: Literal["constant", "half-hourly", "appliances"] = "constant"
    """``half-hourly``: the average home's, by season and day; ``appliances``: the
    same on average, with kettles and showers that switch."""
    base_load_kwh_per_day: float | None = Field(default=None, gt=0, le=200)
    """For a profile: mean demand over a year; the average home's if not given."""
    line_resistance_ohm: float = Field(default=0.0, ge=0, le=2)
    feeder: FeederTable | None = None
    island_formed_by: str | None = None
    """Role of the device that holds the network up if the mains are lost."""

    @model_validator(mode="after")
    def _one_base_load(self) -> Self:
        constant = self.base_load_profile == "constant"
        if not constant and self.base_load_w:
            raise ValueError("base_load_w and a base_load_profile exclude each other")
        if constant and self.base_load_kwh_per_day is not None:
            raise ValueError("base_load_kwh_per_day needs a base_load_profile")
        return self


class CalibrationCard(_Table):
    """``[meter.X.calibration]``: what is known about a meter, and until when.

    Either an accuracy class (its error bound, taken as a rectangular
    distribution) or a certificate (expanded uncertainty and coverage factor).
    """

    basis: Literal["class", "certificate"]
    document: str = Field(min_length=1)
    """Which class of which standard, or which certificate."""
    error_percent: float | None = Field(default=None, gt=0, le=10)
    """For a class: the bound of error, as a percentage of reading. [%]"""
    expanded_uncertainty_percent: float | None = Field(default=None, gt=0, le=10)
    """For a certificate: U as a percentage of reading. [%]"""
    coverage: float = Field(default=2.0, ge=1, le=4)
    clock_uncertainty_s: float = Field(default=0.1, ge=0)
    """Standard uncertainty of when a reading was true, beyond its interval. [s]"""
    resolution_w: float = Field(default=0.1, ge=0)
    """One step of what it shows. [W]"""
    energy_resolution_wh: float = Field(default=1.0, gt=0)
    """One step of its energy register. [Wh]"""
    update_interval_s: float = Field(default=1.0, ge=0, le=3600)
    """How often it shows a new value. [s]"""
    latency_uncertainty_s: float = Field(default=0.3, ge=0)
    """Standard uncertainty of how old a value is when it first shows. [s]"""
    due: date

    @property
    def relative_u(self) -> float:
        """Relative standard uncertainty, as a fraction of reading."""
        if self.basis == "class":
            assert self.error_percent is not None  # noqa: S101 - checked on reading
            return float(self.error_percent / 100 / 3**0.5)
        assert self.expanded_uncertainty_percent is not None  # noqa: S101 - likewise
        return self.expanded_uncertainty_percent / 100 / self.coverage


class RatingTable(_Table):
    """``[meter.X.rating]``: what is printed on a meter under test."""

    basic_a: float = Field(gt=0)
    """Basic or reference current; of a transformer-operated meter the rated one. [A]"""
    maximum_a: float = Field(gt=0)
    """Largest current that it is made for. [A]"""
    transitional_a: float | None = Field(default=None, gt=0)
    """Itr: from here on the narrower limits hold; a tenth of the basic current if not
    given. [A]"""
    minimum_a: float | None = Field(default=None, gt=0)
    """Imin: below it nothing is promised; half of Itr if not given. [A]"""
    meter_class: Literal["A", "B", "C"] | None = None
    """Accuracy class of the Measuring Instruments Directive."""

    @property
    def itr_a(self) -> float:
        """Transitional current. [A]"""
        return self.transitional_a or self.basic_a / 10

    @property
    def imin_a(self) -> float:
        """Smallest current for which limits are promised. [A]"""
        return self.minimum_a or self.itr_a / 2

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.imin_a <= self.itr_a <= self.basic_a <= self.maximum_a:
            raise ValueError("currents must not fall from Imin to Itr to basic to Imax")
        return self


class KindnessTable(_Table):
    """``[device.ROLE.kindness]``: what this very device stands, if not the usual."""

    writes_per_hour: float | None = Field(default=None, gt=0)
    cycles_per_hour: float | None = Field(default=None, gt=0)
    least_state_s: float | None = Field(default=None, ge=0)
    least_poll_interval_s: float | None = Field(default=None, ge=0)
    source: str = "the rig file"

    def over(self, usual: Kindness) -> Kindness:
        """Return what the driver knows, with what the rig file says instead."""
        said = self.model_dump(exclude_none=True)
        return dataclasses.replace(usual, **said)


class DeviceTable(_Table):
    """``[device.ROLE]``: one flexible device."""

    driver: str
    address: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    emulator: dict[str, Any] | None = None
    safe_state: str = "released: the trial's limits are lifted"
    safe_power_w: float | None = Field(default=None, gt=0)
    """Highest power that its meter may show once the bench is safe. [W]"""
    rated_power_w: float | None = Field(default=None, gt=0)
    """The most that it can draw or give: a meter that shows another order of size, such
    as kilowatts for watts, may not judge. [W]"""
    kindness: KindnessTable | None = None


class MeterTable(_Table):
    """``[meter.ROLE]``: one reference meter and what it sees."""

    driver: str
    address: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    emulator: dict[str, Any] | None = None
    sees: tuple[str, ...]
    calibration: CalibrationCard
    rating: RatingTable | None = None


class DsoTable(_Table):
    """``[dso]``: a DSO outside the harness that calls the aggregator over HTTP."""

    listen: str = Field(default="127.0.0.1:0", pattern=r"^[^:/\s]+:\d{1,5}$")
    """Where the aggregator is reached: ``HOST:PORT``; port 0 takes a free one."""
    readings_to: str = Field(pattern=r"^https?://")
    """Where a reading for every minute is posted."""
    token_from: str = Field(min_length=1)
    """Environment variable with the token that both use: no secret is in a rig file."""


class ExpectTable(_Table):
    """``[expect]``: what a deliberately bad rig must produce, and where."""

    feature: str
    scenario: str
    """The title of the scenario in which the defect must show, or a part of it."""
    outcome: Literal["fail", "inconclusive", "broken"]
    reason: str
    """Words that the failing verdict must contain."""


class Rig(_Table):
    """A whole rig file."""

    rig: BenchTable
    circuit: CircuitTable = CircuitTable()
    device: dict[RoleName, DeviceTable] = Field(default_factory=dict)
    meter: dict[RoleName, MeterTable] = Field(default_factory=dict)
    dso: DsoTable | None = None
    neighbourhood: NeighbourhoodTable | None = None
    expect: ExpectTable | None = None
    file_name: str = Field(default="", exclude=True)
    digest: str = Field(default="", exclude=True)

    @property
    def grade(self) -> str:
        """``emulated``, ``mixed`` or ``real``: what evidence from it is worth."""
        emulated = [entry.emulator is not None for _, entry in self.entries()]
        if all(emulated):
            return "emulated"
        return "mixed" if any(emulated) else "real"

    def entries(self) -> Iterator[tuple[str, DeviceTable | MeterTable]]:
        """Every device, then every meter, by role, in the order of the file."""
        yield from self.device.items()
        yield from self.meter.items()

    def where(self, role: str) -> str:
        """``rig.toml [device.ev]``, for error messages."""
        kind = "meter" if role in self.meter else "device"
        return f"{self.file_name} [{kind}.{role}]"

    def reference_meter(self, role: str) -> str | None:
        """The meter that sees this device and nothing else."""
        for name, meter in self.meter.items():
            if meter.sees == (role,):
                return name
        return None

    def boundary_meter(self) -> str | None:
        """The meter that sees the whole home."""
        for name, meter in self.meter.items():
            if Circuit.EVERYTHING in meter.sees:
                return name
        return None


def read_rig(path: Path) -> Rig:
    """Read and check a rig file.

    Raises
    ------
    RigError
        If the file is missing, is not TOML, has an unknown key, or describes a
        bench that could not prove anything.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RigError(str(path), "no such rig file", _other_rigs(path)) from error
    try:
        data = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RigError(
            path.name, f"not valid TOML: {error}", "quotes around text, one key a line"
        ) from error
    try:
        rig = Rig.model_validate(_tuples(data))
    except ValidationError as error:
        raise validation_error(path.name, error, Rig) from error
    digest = hashlib.sha256(raw).hexdigest()
    rig = rig.model_copy(update={"file_name": path.name, "digest": digest})
    check_fit(rig)
    return rig


def check_calibration(rig: Rig, on: date) -> None:
    """Refuse a bench whose reference meters are overdue on the trial's date."""
    for role, meter in rig.meter.items():
        if meter.calibration.due < on:
            raise RigError(
                f"{rig.where(role)} calibration.due",
                f"calibration was due on {meter.calibration.due}, the trial is on {on}",
                "recalibrate the meter, or correct the card",
            )


def validation_error(
    where: str, error: ValidationError, model: type[BaseModel]
) -> RigError:
    """Turn pydantic's first complaint into one sentence naming table and key."""
    problem = error.errors()[0]
    location = [str(part) for part in problem["loc"]]
    if location and location[-1] == "[key]":
        place = f"{where} [{'.'.join(location[:-1])}]"
        hint = "lower case letters, digits and _, such as heat_pump"
        return RigError(place, f"{problem['input']!r} is no name for a role", hint)
    table, key = ".".join(location[:-1]), location[-1] if location else ""
    place = f"{where} [{table}] {key}" if table else f"{where} {key}"
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, problem["loc"][:-1])
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"{near[0]!r}" if near else f"one of {', '.join(sorted(known))}"
        return RigError(place.strip(), f"unknown key {key!r}", hint)
    if problem["type"] == "missing":
        return RigError(place.strip(), f"{key!r} is missing", f"add {key} = …")
    message = str(problem["msg"])
    given = problem.get("input")
    fact = f"{message[:1].lower()}{message[1:]}, not {given!r}"
    return RigError(place.strip(), fact, "the README's section on rig files")


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Names that a table may hold, following a pydantic error location."""
    here: type[BaseModel] | None = model
    for part in location:
        fields = getattr(here, "model_fields", None)
        if fields is None or part not in fields:
            continue  # a role name: its table type was found one step before
        here = _model_in(fields[str(part)].annotation)
    return list(getattr(here, "model_fields", {}))


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model class inside ``dict[...]``, ``X | None`` or a plain annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    """TOML arrays are lists; the schema wants tuples for ``sees``."""
    result = dict(data)
    meters = result.get("meter")
    if isinstance(meters, dict):
        result["meter"] = {
            role: {
                key: tuple(value)
                if key == "sees" and isinstance(value, list)
                else value
                for key, value in table.items()
            }
            if isinstance(table, dict)
            else table
            for role, table in meters.items()
        }
    return result


def _other_rigs(path: Path) -> str:
    folder = path.parent
    known = sorted(p.name for p in folder.glob("*.toml")) if folder.is_dir() else []
    if not known:
        return "a path to a .toml file, such as rigs/emulated.toml"
    near = difflib.get_close_matches(path.name, known, n=1)
    return str(folder / near[0]) if near else f"one of {', '.join(known)} in {folder}"
