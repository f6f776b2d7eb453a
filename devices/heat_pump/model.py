"""A heat pump with an inverter compressor, and the house it heats.

The controller ticks once a second on a grid of its own, so what a meter sees does
not depend on how often anybody asks. Between ticks power moves in a straight
line. Deliberate defects (`HeatPumpOptions`, last group) make the bad rigs.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from devices.heat_pump.house import House, Step
from harness.core.bench import Options
from harness.core.capabilities import Demand

TICK_S = 1.0
KELVIN = 273.15
OCCUPANT_K = 2.0
"""How far an occupant turns the thermostat. [K]"""
FLOOR_HYSTERESIS_K = 0.5
RIPPLE_TICKS = 4096
RIPPLE_W = 3.0
"""Standard deviation of the compressor's unrest. [W]"""


class HeatPumpOptions(Options):
    """The machine, the house, the weather, and defects for bad rigs."""

    outdoor_c: float = Field(2.0, ge=-40, le=50)
    set_point_c: float = Field(20.5, ge=5, le=30)
    comfort_floor_c: float = Field(18.0, ge=0, le=30)
    """Below this the heat pump heats again, whatever was asked. [°C]"""
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
    reduce_to: Literal["minimum", "off"] = "minimum"
    boost_k: float = Field(2.0, ge=0)
    """How far a boost raises the set point. [K]"""
    heat_loss_scale: float = Field(1.0, gt=0)
    """1 is the default house; 0.5 loses half as much heat."""

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

    @model_validator(mode="after")
    def _powers_in_order(self) -> Self:
        low_w, high_w = self.min_power_w, self.max_power_w
        if not self.standby_w < low_w < high_w:
            raise ValueError(
                f"standby_w < min_power_w < max_power_w, not "
                f"{self.standby_w:g} < {low_w:g} < {high_w:g}"
            )
        return self

    def house(self) -> House:
        """Return the house that these options describe."""
        base, scale = House(), self.heat_loss_scale
        return House(
            ventilation_w_per_k=base.ventilation_w_per_k * scale,
            fabric_to_outdoor_w_per_k=base.fabric_to_outdoor_w_per_k * scale,
        )


QUALITY = 0.385
"""Share of the Carnot limit that the machine reaches; a usual air-source figure."""
APPROACH_K = 5.0
"""Heat exchangers' share of the lift. [K]"""
EMITTER_W_PER_K = 300.0
"""Heat that the radiators give for each kelvin above the room. [W/K]"""
SUPPLY_LAG_S = 180.0
GAIN_W_PER_K = 800.0
"""Electrical power that the controller adds for each kelvin too cold. [W/K]"""


def cop(*, supply_c: float, outdoor_c: float) -> float:
    """Heat out for electricity in: a fixed share of the Carnot limit.

    The lift is never taken below 15 K, where the machine's limits take over.
    """
    lift_k = max(supply_c - outdoor_c + APPROACH_K, 15.0)
    return QUALITY * (supply_c + KELVIN) / lift_k


class HeatPump:
    """The load, the controller and the house, stepped lazily on a fixed grid.

    Starts in steady heating at its set point.

    Parameters
    ----------
    options : HeatPumpOptions
        Machine, house and defects.
    started_at_s : float
        Bench time at which the model begins. [s]
    rng : numpy.random.Generator
        For the compressor's ripple and the spread of the response delay.
    """

    def __init__(
        self,
        options: HeatPumpOptions,
        *,
        started_at_s: float,
        rng: np.random.Generator,
    ) -> None:
        self._options = options
        self._house = options.house()
        self._step = Step(self._house, TICK_S)
        self._rng = rng
        ripple = RIPPLE_W * rng.standard_normal(RIPPLE_TICKS)
        self._ripple_w: list[float] = ripple.tolist()
        self._origin_s, self._tick = started_at_s, 0
        self._coming: list[tuple[float, Demand]] = []
        self._demand, self._since_s = Demand.NORMAL, started_at_s
        self._overshoot_w, self._overshoot_until_s = 0.0, -math.inf
        self._protecting = self.overridden = False
        self._thermostat_c = options.set_point_c
        self._switched_s = -math.inf
        self._supply_share = 1.0 - math.exp(-TICK_S / SUPPLY_LAG_S)
        self._held_w: dict[float, float] = {}
        self.energy_wh = 0.0
        self._at_rest()

    def _at_rest(self) -> None:
        """Put house and machine where they would be after days at the set point."""
        outdoor_c, air_c = self._options.outdoor_c, self._thermostat_c
        self.air_c = air_c
        self._fabric_c = self._house.fabric_at_rest_c(air_c, outdoor_c=outdoor_c)
        heat_w = self._house.heat_to_hold_w(air_c, outdoor_c=outdoor_c)
        self.supply_c = air_c + heat_w / EMITTER_W_PER_K
        self._compressor_w = self._target_w = self._steady_w(air_c)
        self.running = self._compressor_w > 0.0
        self._decide()

    def _steady_w(self, indoor_c: float) -> float:
        """Electrical power that would hold an indoor temperature. [W]"""
        outdoor_c = self._options.outdoor_c
        heat_w = self._house.heat_to_hold_w(indoor_c, outdoor_c=outdoor_c)
        supply_c = indoor_c + heat_w / EMITTER_W_PER_K
        return max(heat_w / cop(supply_c=supply_c, outdoor_c=outdoor_c), 0.0)

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true electrical power. [W]"""
        self._advance(at_s)
        if not self.running:
            return self._options.standby_w
        into_s = at_s - (self._origin_s + self._tick * TICK_S)
        ripple_w = self._ripple_w[self._tick % RIPPLE_TICKS]
        return self._moved(max(into_s, 0.0)) + ripple_w

    def instruct(self, demand: Demand, *, at_s: float) -> None:
        """Take an instruction from the wire; it acts after the response delay."""
        self._advance(at_s)
        delay_s = self._options.response_delay_s * self._rng.uniform(0.8, 1.2)
        self._coming.append((at_s + delay_s, demand))

    def turn_thermostat(self, by_k: float, *, at_s: float) -> None:
        """Let an occupant turn the thermostat; upwards overrules any instruction."""
        self._advance(at_s)
        self._thermostat_c = self._options.set_point_c + max(by_k, 0.0)
        self.overridden = by_k > 0.0

    def seconds_to_start(self, at_s: float) -> float:
        """Rest that the compressor still needs before it may start. [s]"""
        self._advance(at_s)
        if self.running:
            return 0.0
        return max(self._switched_s + self._options.min_off_s - at_s, 0.0)

    def _advance(self, at_s: float) -> None:
        while self._origin_s + (self._tick + 1) * TICK_S <= at_s:
            self._one_tick()

    def _one_tick(self) -> None:
        before_w, outdoor_c = self._compressor_w, self._options.outdoor_c
        after_w = self._moved(TICK_S) if self.running else 0.0
        mean_w = (before_w + after_w) / 2.0
        self.energy_wh += max(mean_w, self._options.standby_w) * TICK_S / 3600.0
        heat_w = mean_w * cop(supply_c=self.supply_c, outdoor_c=outdoor_c)
        wanted_c = self.air_c + heat_w / EMITTER_W_PER_K
        self.supply_c += (wanted_c - self.supply_c) * self._supply_share
        self.air_c, self._fabric_c = self._step.advance(
            self.air_c, self._fabric_c, heat_w=heat_w, outdoor_c=outdoor_c
        )
        self._compressor_w = after_w
        self._tick += 1
        self._decide()

    def _moved(self, into_s: float) -> float:
        reach_w = self._options.ramp_w_per_s * into_s
        gap_w = self._target_w - self._compressor_w
        return self._compressor_w + min(max(gap_w, -reach_w), reach_w)

    def _decide(self) -> None:
        """Choose what the compressor heads for during the next tick."""
        now_s = self._origin_s + self._tick * TICK_S
        # An instruction of this very instant waits a tick: whether somebody has
        # read the meter already at this instant must not matter.
        while self._coming and self._coming[0][0] < now_s:
            self._take(self._coming.pop(0)[1], now_s)
        demand = self._obeyed(now_s)
        wanted_w = self._wanted_w(demand)
        if self._forced_off(demand, now_s):
            self._switch(on=False, now_s=now_s)
        elif self._options.short_cycle_s and demand is not Demand.NORMAL:
            self._switch(on=True, now_s=now_s)
        else:
            self._keep_or_switch(wanted_w, now_s)
        low_w, high_w = self._options.min_power_w, self._options.max_power_w
        self._target_w = min(max(wanted_w, low_w), high_w)
        if now_s < self._overshoot_until_s:
            self._target_w = max(self._target_w + self._overshoot_w, low_w)

    def _take(self, demand: Demand, now_s: float) -> None:
        if demand is self._demand:
            return
        if demand is Demand.NORMAL:
            up = self._demand is Demand.REDUCE
            self._overshoot_w = self._options.overshoot_w * (1 if up else -1)
            self._overshoot_until_s = now_s + self._options.overshoot_s
        self._demand, self._since_s, self._protecting = demand, now_s, False

    def _obeyed(self, now_s: float) -> Demand:
        """Return the demand that the machine truly follows now."""
        options, demand = self._options, self._demand
        if demand is Demand.NORMAL or options.ignores_instructions or self.overridden:
            return Demand.NORMAL
        given_up_s = options.stops_early_after_s
        if given_up_s is not None and now_s - self._since_s >= given_up_s:
            return Demand.NORMAL
        if demand is Demand.REDUCE:
            margin_k = FLOOR_HYSTERESIS_K if self._protecting else 0.0
            self._protecting = self.air_c < options.comfort_floor_c + margin_k
            if self._protecting:
                return Demand.NORMAL
        return demand

    def _wanted_w(self, demand: Demand) -> float:
        """Compressor power that the controller would like, without limits. [W]"""
        if demand is Demand.REDUCE:
            return self._options.min_power_w
        set_c = self._thermostat_c
        if demand is Demand.BOOST:
            set_c += self._options.boost_k
        return self._hold_w(set_c) + GAIN_W_PER_K * (set_c - self.air_c)

    def _hold_w(self, set_c: float) -> float:
        if set_c not in self._held_w:
            self._held_w[set_c] = self._steady_w(set_c)
        return self._held_w[set_c]

    def _forced_off(self, demand: Demand, now_s: float) -> bool:
        if demand is Demand.NORMAL:
            return False
        period_s = self._options.short_cycle_s
        if period_s:
            return (now_s - self._since_s) % period_s >= period_s / 2.0
        rested = now_s - self._switched_s >= self._options.min_on_s
        stop = demand is Demand.REDUCE and self._options.reduce_to == "off"
        return stop and (rested or not self.running)

    def _keep_or_switch(self, wanted_w: float, now_s: float) -> None:
        """Start or stop as a thermostat does, within the compressor's rest times."""
        options, held_s = self._options, now_s - self._switched_s
        if self.running:
            too_warm = wanted_w < options.min_power_w / 2.0
            self._switch(on=not too_warm or held_s < options.min_on_s, now_s=now_s)
        else:
            too_cold = wanted_w >= options.min_power_w
            self._switch(on=too_cold and held_s >= options.min_off_s, now_s=now_s)

    def _switch(self, *, on: bool, now_s: float) -> None:
        if on is not self.running:
            self.running, self._switched_s = on, now_s
            self._compressor_w = 0.0
