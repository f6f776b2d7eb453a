"""A dehumidifier: a compressor that keeps a room's relative humidity in a band.

About 40 minutes on and 30 off in a damp room. The figures are chosen, not taken from a
document; condensing depends on temperature, which is not modelled.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from devices.smart_plug.cycling import Cycling, Figures, random_start
from harness.core.bench import Options


class DehumidifierOptions(Options):
    """The dehumidifier and the room that it dries."""

    running_w: float = Field(280.0, gt=0)
    """Compressor and fan. [W]"""
    standby_w: float = Field(3.0, ge=0)
    damp_percent: float = Field(80.0, gt=0, le=100)
    """Where the room drifts without it. [% RH]"""
    upper_percent: float = Field(60.0, gt=0, le=100)
    """The humidistat starts it here. [% RH]"""
    lower_percent: float = Field(55.0, gt=0, le=100)
    """The humidistat stops it here. [% RH]"""
    driest_percent: float = Field(40.0, gt=0, le=100)
    """Where the room would settle if it never stopped. [% RH]"""
    time_constant_s: float = Field(8000.0, gt=0)
    restart_delay_s: float = Field(180.0, ge=0)
    """Rest that the compressor needs after any stop. [s]"""
    start_percent: float | None = None
    """Humidity when the trial begins; without it, somewhere in the cycle. [% RH]"""

    @model_validator(mode="after")
    def _humidities_in_order(self) -> Self:
        order = (
            self.driest_percent, self.lower_percent, self.upper_percent,
            self.damp_percent,
        )  # fmt: skip
        if list(order) != sorted(set(order)):
            shown = " < ".join(f"{each:g}" for each in order)
            raise ValueError(
                "driest_percent < lower_percent < upper_percent < damp_percent, not "
                f"{shown}"
            )
        return self


def dehumidifier(
    options: DehumidifierOptions, *, started_at_s: float, luck: float
) -> Cycling:
    """Return a dehumidifier; `luck`, 0 to 1, says where in its cycle it begins."""
    figures = Figures(
        running_w=options.running_w,
        standby_w=options.standby_w,
        rest_end=options.damp_percent,
        start_at=options.upper_percent,
        stop_at=options.lower_percent,
        run_end=options.driest_percent,
        time_constant_s=options.time_constant_s,
        restart_delay_s=options.restart_delay_s,
    )
    value, running = random_start(figures, luck)
    if options.start_percent is not None:
        value = options.start_percent
        running = value > options.lower_percent
    return Cycling(figures, started_at_s=started_at_s, value=value, running=running)
