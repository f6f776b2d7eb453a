"""What an emulated heat pump, its house, its stores and its weather are like.

The figures are chosen to be plausible and come from no document, unless they say so.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from devices.heat_pump.house import House
from harness.core.bench import Options


class WeatherOptions(Options):
    """Outdoors: one temperature for ever, or a seeded day of a season."""

    weather: Literal["constant", "winter", "spring", "summer", "autumn"] = "constant"
    outdoor_c: float = Field(2.0, ge=-40, le=50)
    """For constant weather. [°C]"""

    @model_validator(mode="after")
    def _one_weather(self) -> Self:
        if self.weather != "constant" and "outdoor_c" in self.model_fields_set:
            raise ValueError(
                f"outdoor_c goes with constant weather, not {self.weather}"
            )
        return self


class HouseOptions(WeatherOptions):
    """The house and who lives in it."""

    set_point_c: float = Field(20.5, ge=5, le=30)
    comfort_floor_c: float = Field(18.0, ge=0, le=30)
    """Below this the heat pump heats again, whatever was asked. [°C]"""
    heat_loss_scale: float = Field(1.0, gt=0)
    """1 is the default house; 0.5 loses half as much heat."""
    thermal_nodes: Literal[1, 2] = 2
    """2: air and fabric apart; 1: one lump."""

    def house(self) -> House:
        """Return the house that these options describe."""
        base, scale = House(), self.heat_loss_scale
        return House(
            ventilation_w_per_k=base.ventilation_w_per_k * scale,
            fabric_to_outdoor_w_per_k=base.fabric_to_outdoor_w_per_k * scale,
            is_one_lump=self.thermal_nodes == 1,
        )


class StoreOptions(HouseOptions):
    """Where heat waits: a buffer before the radiators, a hot water cylinder."""

    storage: Literal["none", "buffer"] = "none"
    buffer_litres: float = Field(900.0, gt=0)
    buffer_set_c: float = Field(50.0, ge=25, le=70)
    hot_water: bool = False
    """Whether the heat pump also heats a cylinder that people draw from."""
    hot_water_litres: float = Field(200.0, gt=0)
    hot_water_set_c: float = Field(48.0, ge=35, le=60)
    draw_scale: float = Field(1.0, ge=0)
    """1 is the hot water of a household of three; 0 draws none."""
    immersion_w: float = Field(3000.0, ge=0)
    legionella: bool = False
    """Whether the immersion heater takes the cylinder to 60 °C once a week."""


class MachineOptions(StoreOptions):
    """The compressor and its controller."""

    min_power_w: float = Field(500.0, gt=0)
    """Electrical power at the compressor's lowest speed. [W]"""
    max_power_w: float = Field(2500.0, gt=0)
    standby_w: float = Field(20.0, ge=0)
    """Electrical power with the compressor off. [W]"""
    ramp_w_per_s: float = Field(30.0, gt=0)
    response_delay_s: float = Field(5.0, ge=0)
    """From an instruction on the wire until the controller acts on it. [s]"""
    min_on_s: float = Field(360.0, ge=0)
    min_off_s: float = Field(600.0, ge=0)
    """Rest before the compressor may start again. [s]"""
    max_starts_per_hour: int = Field(6, ge=1)
    reduce_to: Literal["minimum", "off"] = "minimum"
    boost_k: float = Field(2.0, ge=0)
    """How far a boost raises the set point; a buffer's by five times that. [K]"""
    defrost: bool = False
    """Whether the outdoor coil ices below 5 °C and is defrosted: seeded cycles that
    draw power and give no heat."""

    @model_validator(mode="after")
    def _powers_in_order(self) -> Self:
        low_w, high_w = self.min_power_w, self.max_power_w
        if not self.standby_w < low_w < high_w:
            raise ValueError(
                f"standby_w < min_power_w < max_power_w, not "
                f"{self.standby_w:g} < {low_w:g} < {high_w:g}"
            )
        return self


class HeatPumpOptions(MachineOptions):
    """Everything, and defects for bad rigs."""

    ignores_instructions: bool = False
    short_cycle_s: float = Field(0.0, ge=0)
    """During an event the compressor goes off and on in this period; 0 never. [s]"""
    stops_early_after_s: float | None = Field(None, gt=0)
    """Gives up an event after this long. [s]"""
    overshoot_w: float = Field(0.0, ge=0)
    """Extra power after an event, against the direction of the event. [W]"""
    overshoot_s: float = Field(300.0, gt=0)
    register_gain_percent: float = Field(0.0, gt=-100)
    """Error of the heat pump's own power reading. [%]"""
