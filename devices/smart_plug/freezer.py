"""A chest freezer: colder than a fridge, slower, and with hours of storage.

About 45 minutes on and 60 off in a room of 18 °C; cut off at -20 °C it is at -15 °C
after 5 hours. The figures are chosen, not taken from a document.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from devices.smart_plug.cycling import Cycling, Figures, random_start
from devices.smart_plug.fridge import check_cold
from harness.core.bench import Options


class FreezerOptions(Options):
    """The freezer and the room that it stands in."""

    running_w: float = Field(75.0, gt=0)
    standby_w: float = Field(1.0, ge=0)
    room_c: float = Field(18.0, ge=5, le=40)
    warm_c: float = -19.0
    """The thermostat starts the compressor here. [°C]"""
    cold_c: float = -20.0
    """The thermostat stops the compressor here. [°C]"""
    coldest_c: float = -70.0
    """Where it would settle if the compressor never stopped. [°C]"""
    time_constant_s: float = Field(132_000.0, gt=0)
    restart_delay_s: float = Field(300.0, ge=0)
    """Rest that the compressor needs after any stop. [s]"""
    start_c: float | None = None
    """Temperature when the trial begins; without it, somewhere in the cycle. [°C]"""

    @model_validator(mode="after")
    def _temperatures_in_order(self) -> Self:
        check_cold(self.coldest_c, self.cold_c, self.warm_c, self.room_c)
        return self


def freezer(options: FreezerOptions, *, started_at_s: float, luck: float) -> Cycling:
    """Return a freezer; `luck`, 0 to 1, says where in its cycle it begins."""
    figures = Figures(
        running_w=options.running_w,
        standby_w=options.standby_w,
        rest_end=options.room_c,
        start_at=options.warm_c,
        stop_at=options.cold_c,
        run_end=options.coldest_c,
        time_constant_s=options.time_constant_s,
        restart_delay_s=options.restart_delay_s,
    )
    value, running = random_start(figures, luck)
    if options.start_c is not None:
        value, running = options.start_c, options.start_c > options.cold_c
    return Cycling(figures, started_at_s=started_at_s, value=value, running=running)
