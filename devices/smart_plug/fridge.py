"""A fridge: a cabinet kept between two temperatures.

The cycle is that of a domestic fridge (about 20 minutes on, 30 off at 20 °C in the
room); the figures are chosen, not taken from a document.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from devices.smart_plug.cycling import Cycling, Figures
from harness.core.bench import Options


class FridgeOptions(Options):
    """The fridge and the kitchen that it stands in."""

    running_w: float = Field(90.0, gt=0)
    standby_w: float = Field(1.5, ge=0)
    """What its electronics draw while the compressor rests. [W]"""
    room_c: float = Field(20.0, ge=5, le=40)
    warm_c: float = Field(5.0)
    """The thermostat starts the compressor here. [°C]"""
    cold_c: float = Field(3.0)
    """The thermostat stops the compressor here. [°C]"""
    coldest_c: float = Field(-20.0)
    """Where the cabinet would settle if the compressor never stopped. [°C]"""
    time_constant_s: float = Field(14400.0, gt=0)
    restart_delay_s: float = Field(180.0, ge=0)
    """Rest that the compressor needs after any stop. [s]"""
    start_c: float = Field(4.8)
    """Cabinet temperature when the trial begins, compressor running. [°C]"""

    @model_validator(mode="after")
    def _temperatures_in_order(self) -> Self:
        check_cold(self.coldest_c, self.cold_c, self.warm_c, self.room_c)
        return self


def check_cold(*order: float) -> None:
    """Refuse temperatures between which no thermostat could work.

    Raises
    ------
    ValueError
        If they do not rise from the coldest to the room's.
    """
    if list(order) != sorted(set(order)):
        shown = " < ".join(f"{each:g}" for each in order)
        raise ValueError(f"coldest_c < cold_c < warm_c < room_c, not {shown}")


class Fridge(Cycling):
    """A fridge; see `Cycling` for what it does."""

    def __init__(self, options: FridgeOptions, *, started_at_s: float) -> None:
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
        super().__init__(figures, started_at_s=started_at_s, value=options.start_c)

    def cabinet_c(self, at_s: float) -> float:
        """Temperature in the cabinet. [°C]"""
        return self.value(at_s)
