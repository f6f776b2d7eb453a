"""Read a portfolio file: TOML, checked to the last key, with errors to act on."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from harness.analysis.aggregate.power import Missing
from harness.analysis.portfolio.distribution import (
    Distribution,
    choice,
    constant,
    lognormal,
    measured,
    normal,
    uniform,
)
from harness.analysis.portfolio.ev import EvHomes
from harness.analysis.portfolio.event import Answering, Event
from harness.analysis.portfolio.heat_pump import HeatPumpHomes, Weather
from harness.analysis.portfolio.metering import Metering
from harness.analysis.portfolio.unit import Homes, Portfolio
from harness.analysis.quality import rectangular_u
from harness.core.errors import UsageError

HOUR_S = 3600.0
DAY_S = 86_400.0
HOLD_READS = 3
"""A read stands for so many read intervals, and ten seconds on its way."""
ON_ITS_WAY_S = 10.0
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _clock_s(text: str) -> float:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time of day; write it as 17:30")
    return int(found[1]) * HOUR_S + int(found[2]) * 60.0


def _is_clock(text: str) -> str:
    _clock_s(text)
    return text


Clock = Annotated[str, AfterValidator(_is_clock)]
Percent = Annotated[float, Field(ge=0, le=100)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DistributionTable(_Table):
    """How a number differs from home to home: one shape, its ends, its source."""

    constant: float | None = None
    normal: tuple[float, float] | None = None
    """Mean and standard deviation."""
    lognormal: tuple[float, float] | None = None
    """Median, and the standard deviation of the logarithm."""
    uniform: tuple[float, float] | None = None
    """Both ends."""
    choice: tuple[tuple[float, float], ...] | None = None
    """Values, each with its share of the homes in percent."""
    measured: tuple[tuple[float, float], ...] | None = None
    """Values, each with its standard uncertainty."""
    least: float | None = None
    most: float | None = None
    source: str = Field(min_length=1)
    """Where it comes from; "assumed" if nowhere."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        shapes = ("constant", "normal", "lognormal", "uniform", "choice", "measured")
        given = [name for name in shapes if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(shapes)}, not {len(given)}")
        self.drawn()
        return self

    def drawn(
        self, scale: float = 1.0, shift: float = 0.0, *, source: str = ""
    ) -> Distribution:
        """Return it in another unit: every number times `scale` plus `shift`."""
        source = source or self.source

        def moved(value: float) -> float:
            return value * scale + shift

        ends = {
            name: moved(end)
            for name, end in (("least", self.least), ("most", self.most))
            if end is not None
        }
        if self.constant is not None:
            return constant(moved(self.constant), source=source)
        if self.uniform is not None:
            return uniform(*map(moved, self.uniform), source=source)
        if self.normal is not None:
            mean, sd = self.normal
            return normal(moved(mean), sd * scale, source=source, **ends)
        if self.lognormal is not None:
            if shift:
                raise ValueError("a lognormal cannot be a time of day")
            median, log_sd = self.lognormal
            return lognormal(moved(median), log_sd, source=source, **ends)
        if self.choice is not None:
            values, shares = zip(*self.choice, strict=True)
            parts = [share / 100 for share in shares]
            return choice([moved(v) for v in values], parts, source=source)
        values, u = zip(*(self.measured or ()), strict=True)
        least = {"least": ends["least"]} if "least" in ends else {}
        seen, blur = [moved(v) for v in values], [one * scale for one in u]
        return measured(seen, blur, source=source, **least)


class PortfolioTable(_Table):
    """``[portfolio]``: what it is, and which hours are worked out."""

    name: str = Field(min_length=1)
    kind: Literal["ev", "heat_pump"]
    begins: Clock = "12:00"
    hours: float = Field(default=24, gt=0.5, le=48)
    seed: int = Field(default=1, ge=0)


class EventTable(_Table):
    """``[event]``: the turn-down that every home is told of."""

    begins: Clock
    ends: Clock
    down_to_kw: float = Field(default=0.0, ge=0)


class TargetTable(_Table):
    """``[target]``: what the unit is to deliver, and how surely."""

    mw: float = Field(default=1.0, gt=0, le=10_000)
    confidence_percent: float = Field(default=95, gt=50, lt=100)


class EvTable(_Table):
    """``[ev]``: homes with a chargepoint. Hours count from the first midnight."""

    plugs_in_percent: Percent
    plugs_in_source: str = Field(min_length=1)
    plug_in_hour: DistributionTable
    plug_out_hour: DistributionTable
    rating_kw: DistributionTable
    battery_kwh: DistributionTable
    arrives_at_percent: DistributionTable
    charges_to_percent: Percent = 100
    efficiency_percent: Annotated[float, Field(gt=0, le=100)] = 90
    standby_w: float = Field(default=0, ge=0)

    def homes(self, begins_s: float) -> EvHomes:
        """Return the homes, times counted from the portfolio's start."""
        return EvHomes(
            plugs_in=self.plugs_in_percent / 100,
            plug_in_s=self.plug_in_hour.drawn(HOUR_S, -begins_s),
            plug_out_s=self.plug_out_hour.drawn(HOUR_S, -begins_s),
            rating_w=self.rating_kw.drawn(1000),
            battery_wh=self.battery_kwh.drawn(1000),
            arrives_at=self.arrives_at_percent.drawn(0.01),
            charges_to=self.charges_to_percent / 100,
            efficiency=self.efficiency_percent / 100,
            standby_w=self.standby_w,
        )


class HeatPumpTable(_Table):
    """``[heat_pump]``: homes with a heat pump, and the weather."""

    outdoor_c: float = Field(ge=-30, le=30)
    swing_k: float = Field(default=3, ge=0, le=20)
    loses_w_per_k: DistributionTable
    indoor_c: DistributionTable
    gains_w: DistributionTable
    rating_kw: DistributionTable
    modulates_to_percent: Annotated[float, Field(gt=0, le=100)] = 30
    cop_at_7c: float = Field(gt=1, le=8)
    cop_per_k: float = Field(default=0.08, ge=0, le=0.5)
    cycle_minutes: DistributionTable
    cools_hours: DistributionTable
    comfort_k: float = Field(default=1, gt=0, le=10)
    makes_up_percent: Percent = 80
    standby_w: float = Field(default=0, ge=0)

    def homes(
        self, begins_s: float, seconds: int, outdoor_c: float | None
    ) -> HeatPumpHomes:
        """Return the homes, in this weather or another."""
        mean_c = self.outdoor_c if outdoor_c is None else outdoor_c
        return HeatPumpHomes(
            weather=Weather(mean_c, self.swing_k, begins_s),
            loses_w_per_k=self.loses_w_per_k.drawn(),
            indoor_c=self.indoor_c.drawn(),
            gains_w=self.gains_w.drawn(),
            rating_w=self.rating_kw.drawn(1000),
            modulates_to=self.modulates_to_percent / 100,
            cop=self.cop_at_7c,
            cop_per_k=self.cop_per_k,
            cycle_s=self.cycle_minutes.drawn(60),
            cools_s=self.cools_hours.drawn(HOUR_S),
            comfort_k=self.comfort_k,
            makes_up=self.makes_up_percent / 100,
            seconds=seconds,
            standby_w=self.standby_w,
        )


class AnsweringTable(_Table):
    """``[answering]``: how homes take an instruction."""

    response_s: DistributionTable
    release_s: DistributionTable
    no_answer_percent: Percent
    no_answer_source: str = Field(min_length=1)


class MeteringTable(_Table):
    """``[metering]``: how homes are read."""

    interval_s: int = Field(ge=1, le=3600)
    staggered: bool = True
    latency_s: DistributionTable
    accuracy_percent: float = Field(ge=0, le=20)
    """Each meter's error lies anywhere inside, evenly."""
    accuracy_source: str = Field(min_length=1)
    common_percent: float = Field(default=0, ge=0, le=20)
    """Standard uncertainty of what the meters of one make err in common."""
    makes: int = Field(default=1, ge=1, le=20)
    bias_percent: float = Field(default=0, ge=-20, le=20)
    """Error that every meter has and nobody declared."""
    resolution_w: float = Field(default=1, ge=0, le=1000)
    lost_percent: Percent = 0
    outages_per_day: float = Field(default=0, ge=0, le=100)
    outage_minutes: DistributionTable
    hold_s: float | None = Field(default=None, gt=0, le=DAY_S)
    missing: Missing = Missing.LAST
    sends_decimals: int = Field(default=3, ge=0, le=6)

    def metering(self) -> Metering:
        """Return it as a unit takes it."""
        accuracy = self.accuracy_percent / 100
        around = (
            uniform(-accuracy, accuracy, source=self.accuracy_source)
            if accuracy
            else constant(0.0, source=self.accuracy_source)
        )
        return Metering(
            interval_s=self.interval_s,
            staggered=self.staggered,
            latency_s=self.latency_s.drawn(),
            error=around,
            own_u=rectangular_u(accuracy),
            common_u=self.common_percent / 100,
            makes=self.makes,
            bias=self.bias_percent / 100,
            resolution_w=self.resolution_w,
            lost=self.lost_percent / 100,
            outages_per_day=self.outages_per_day,
            outage_s=self.outage_minutes.drawn(60),
            hold_s=self.hold_s or HOLD_READS * self.interval_s + ON_ITS_WAY_S,
            missing=self.missing,
            decimals=self.sends_decimals,
        )


class PortfolioFile(_Table):
    """A whole portfolio file."""

    portfolio: PortfolioTable
    event: EventTable
    target: TargetTable = TargetTable()
    ev: EvTable | None = None
    heat_pump: HeatPumpTable | None = None
    answering: AnsweringTable
    metering: MeteringTable
    file_name: str = Field(default="", exclude=True)
    digest: str = Field(default="", exclude=True)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for kind in ("ev", "heat_pump"):
            if (getattr(self, kind) is not None) != (self.portfolio.kind == kind):
                raise ValueError(
                    f"kind is {self.portfolio.kind!r}: [{self.portfolio.kind}] must be "
                    "there, and no table of another kind"
                )
        if not 0 < self.event_s[0] < self.event_s[1] < self.seconds:
            raise ValueError(
                f"the event from {self.event.begins} to {self.event.ends} is not "
                f"inside the {self.portfolio.hours:g} h from {self.portfolio.begins}"
            )
        return self

    @property
    def begins_s(self) -> float:
        """Time of day of the first second. [s]"""
        return _clock_s(self.portfolio.begins)

    @property
    def seconds(self) -> int:
        """How many seconds are worked out."""
        return round(self.portfolio.hours * HOUR_S)

    @property
    def event_s(self) -> tuple[float, float]:
        """When the event begins and ends, from the first second. [s]"""
        begins = (_clock_s(self.event.begins) - self.begins_s) % DAY_S
        lasts = (_clock_s(self.event.ends) - _clock_s(self.event.begins)) % DAY_S
        return begins, begins + lasts

    def unit(self, *, outdoor_c: float | None = None) -> Portfolio:
        """Return the portfolio that the file declares.

        Parameters
        ----------
        outdoor_c : float, optional
            Mean outdoor temperature instead of the file's. [°C]

        Raises
        ------
        UsageError
            If a temperature is given for homes that the weather does not touch.
        """
        homes: Homes
        if self.heat_pump is not None:
            homes = self.heat_pump.homes(self.begins_s, self.seconds, outdoor_c)
        else:
            if outdoor_c is not None:
                raise UsageError(
                    self.file_name, "its homes do not mind the weather", "no --outdoor"
                )
            assert self.ev is not None  # noqa: S101 - checked on reading
            homes = self.ev.homes(self.begins_s)
        begins, ends = self.event_s
        return Portfolio(
            homes=homes,
            answering=Answering(
                self.answering.response_s.drawn(),
                self.answering.release_s.drawn(),
                self.answering.no_answer_percent / 100,
            ),
            metering=self.metering.metering(),
            event=Event(begins, ends, self.event.down_to_kw * 1000),
            seconds=self.seconds,
            seed=self.portfolio.seed,
        )


def read_portfolio(path: Path) -> PortfolioFile:
    """Read a portfolio file.

    Raises
    ------
    UsageError
        Names file, table and key, and what to try.
    """
    raw = _read(path)
    try:
        found = PortfolioFile.model_validate(tomllib.loads(raw.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(str(path), f"it is not TOML: {error}", "a TOML file") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        more = (
            f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        )
        raise UsageError(
            f"{path}{f' [{where}]' if where else ''}",
            first["msg"].removeprefix("Value error, ") + more,
            "portfolios/ev.toml, which says what each key means",
        ) from None
    digest = hashlib.sha256(raw).hexdigest()
    return found.model_copy(update={"file_name": str(path), "digest": digest})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            str(path), error.strerror or "it cannot be read", "portfolios/ev.toml"
        ) from None
