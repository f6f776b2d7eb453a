"""A heat pump's controller: instructions, the compressor, and faults.

The controller ticks once a second on a grid of its own, so what a meter sees does
not depend on how often anybody asks. Between ticks power moves in a straight
line. Deliberate defects (`HeatPumpOptions`) make the bad rigs; faults that come and
go (`HeatPump.impose`) are a plan's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from devices.heat_pump.compressor import Compressor
from devices.heat_pump.options import HeatPumpOptions
from devices.heat_pump.plant import TICK_S, WEATHER_TICKS, Plant, cop
from devices.heat_pump.stores import EMERGENCY_C
from harness.core.capabilities import Demand
from harness.core.faults import Fault, FaultKind

__all__ = ["HeatPump", "HeatPumpOptions", "Order", "cop"]

OCCUPANT_K = 2.0
"""How far an occupant turns the thermostat. [K]"""
FLOOR_HYSTERESIS_K = 0.5
AIMED = 2.0
"""An order to run at a power may heat the rooms this many times as far above their set
point as a boost does."""
RIPPLE_TICKS = 4096
RIPPLE_W = 3.0
"""Standard deviation of the compressor's unrest. [W]"""
BREAKS = (FaultKind.IGNORES, FaultKind.RAMPS_WRONG, FaultKind.TRIPS)
"""The faults that a heat pump has whatever wire it hangs on."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a heat pump is told, on whatever wire."""

    demand: Demand = Demand.NORMAL
    limit_w: float = math.inf
    """Most electrical power that it may draw. [W]"""
    aim_w: float | None = None
    """For a boost: the power to aim for, as far as its own limits allow. [W]"""
    lasts_s: float = math.inf
    """How long the machine follows it. [s]"""


AS_IT_LIKES = Order()


class HeatPump:
    """The load, stepped lazily on a fixed grid.

    Starts in steady heating at its set point.

    Parameters
    ----------
    options : HeatPumpOptions
        Machine, house, stores, weather and defects.
    started_at_s : float
        Bench time at which the model begins. [s]
    rng : numpy.random.Generator
        For the compressor's ripple, the spread of the response delay, and the seeds
        of weather, draw-offs and ice.
    midnight_s : float
        Bench time of a midnight (UTC). [s]
    """

    def __init__(
        self,
        options: HeatPumpOptions,
        *,
        started_at_s: float,
        rng: np.random.Generator,
        midnight_s: float = 0.0,
    ) -> None:
        self._options, self._rng = options, rng
        ripple = RIPPLE_W * rng.standard_normal(RIPPLE_TICKS)
        self._ripple_w: list[float] = ripple.tolist()
        self._origin_s, self._tick = started_at_s, 0
        self._plant = Plant(
            options, began_s=started_at_s, midnight_s=midnight_s, rng=rng
        )
        self._coming: list[tuple[float, Order]] = []
        self._order = self._told = AS_IT_LIKES
        self._since_s = started_at_s
        self._overshoot_w, self._overshoot_until_s = 0.0, -math.inf
        self._protecting = self.overridden = False
        self._thermostat_c = options.set_point_c
        self._is_ignoring = self._is_tripped = self._is_rebooting = False
        self.energy_wh = 0.0
        steady_w = self._plant.steady_w(self._thermostat_c)
        self._compressor = Compressor(options, min(steady_w, options.max_power_w))
        self._decide()

    # --- what others ask and say

    @property
    def running(self) -> bool:
        """Whether the compressor runs."""
        return self._compressor.running

    @property
    def air_c(self) -> float:
        """Temperature of the rooms. [°C]"""
        return self._plant.air_c

    @property
    def outdoor_c(self) -> float:
        """Temperature outdoors. [°C]"""
        return self._plant.outdoor_c

    @property
    def supply_c(self) -> float:
        """Temperature of the water that leaves the machine. [°C]"""
        return self._plant.supply_c

    @property
    def hot_water_c(self) -> float | None:
        """Temperature of the cylinder, if there is one. [°C]"""
        hot_water = self._plant.hot_water
        return hot_water.store.temperature_c if hot_water else None

    @property
    def buffer_c(self) -> float | None:
        """Temperature of the buffer, if there is one. [°C]"""
        buffer = self._plant.buffer
        return buffer.temperature_c if buffer else None

    @property
    def is_defrosting(self) -> bool:
        """Whether the coil is being defrosted."""
        return self._plant.is_defrosting

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true electrical power. [W]"""
        self.advance(at_s)
        if self._is_tripped:
            return 0.0
        immersion_w = self._plant.immersion_w
        if not self._compressor.running:
            return self._options.standby_w + immersion_w
        into_s = at_s - self._now_s()
        ripple_w = self._ripple_w[self._tick % RIPPLE_TICKS]
        return self._compressor.moved_w(max(into_s, 0.0)) + ripple_w + immersion_w

    def instruct(
        self,
        demand: Demand,
        *,
        at_s: float,
        limit_w: float = math.inf,
        aim_w: float | None = None,
        lasts_s: float = math.inf,
    ) -> None:
        """Take an instruction from the wire; it acts after the response delay."""
        self.advance(at_s)
        self._told = Order(demand, limit_w, aim_w, lasts_s)
        if not self._is_ignoring:
            self._heed(at_s)

    def _heed(self, at_s: float) -> None:
        delay_s = self._options.response_delay_s * self._rng.uniform(0.8, 1.2)
        self._coming.append((at_s + delay_s, self._told))

    def turn_thermostat(self, by_k: float, *, at_s: float) -> None:
        """Let an occupant turn the thermostat; upwards overrules any instruction."""
        self.advance(at_s)
        self._thermostat_c = self._options.set_point_c + max(by_k, 0.0)
        self.overridden = by_k > 0.0

    def seconds_to_start(self, at_s: float) -> float:
        """Rest that the compressor still needs before it may start. [s]"""
        self.advance(at_s)
        return self._compressor.rest_left_s(at_s)

    # --- faults of a plan

    def impose(self, fault: Fault, *, at_s: float) -> None:
        """Have one of `BREAKS` from now on."""
        self.advance(at_s)
        if fault.kind is FaultKind.IGNORES:
            self._is_ignoring = True
        elif fault.kind is FaultKind.RAMPS_WRONG:
            self._compressor.pace = fault.amount
        elif fault.kind is FaultKind.TRIPS:
            self._is_tripped = True
            self._compressor.switch(on=False, now_s=at_s)

    def lift(self, kind: FaultKind, *, at_s: float) -> None:
        """Be well again; what it was told meanwhile is obeyed now."""
        self.advance(at_s)
        if kind is FaultKind.IGNORES and self._is_ignoring:
            self._is_ignoring = False
            self._heed(at_s)
        elif kind is FaultKind.RAMPS_WRONG:
            self._compressor.pace = 1.0
        elif kind is FaultKind.TRIPS:
            self._is_tripped = False

    def reboot(self, *, is_down: bool, at_s: float) -> None:
        """Go down, forgetting every instruction, or come up again."""
        self.advance(at_s)
        self._is_rebooting = is_down
        if is_down:
            self._coming, self._order, self._told = [], AS_IT_LIKES, AS_IT_LIKES
            self._compressor.switch(on=False, now_s=at_s)

    # --- the grid

    def advance(self, at_s: float) -> None:
        """Step to the last tick that is not after a bench time."""
        while self._origin_s + (self._tick + 1) * TICK_S <= at_s:
            self._one_tick()

    def _now_s(self) -> float:
        return self._origin_s + self._tick * TICK_S

    def _one_tick(self) -> None:
        compressor, plant = self._compressor, self._plant
        mean_w = compressor.step(TICK_S)
        if not self._is_tripped:
            drawn_w = max(mean_w, self._options.standby_w) + plant.immersion_w
            self.energy_wh += drawn_w * TICK_S / 3600.0
        self._tick += 1
        now_s = self._now_s()
        set_c = self._thermostat_c + self._boost_k(self._order.demand)
        plant.tick(mean_w, running=compressor.running, set_c=set_c, ends_s=now_s)
        if self._tick % WEATHER_TICKS == 0:
            plant.see_weather(now_s)
        self._decide()

    def _boost_k(self, demand: Demand) -> float:
        return self._options.boost_k if demand is Demand.BOOST else 0.0

    # --- the controller

    def _decide(self) -> None:
        """Choose what the compressor heads for during the next tick."""
        now_s, options, compressor = self._now_s(), self._options, self._compressor
        # An instruction of this very instant waits a tick: whether somebody has
        # read the meter already at this instant must not matter.
        while self._coming and self._coming[0][0] < now_s:
            self._take(self._coming.pop(0)[1], now_s)
        order = self._obeyed(now_s)
        wanted_w = self._wanted_w(order)
        if self._forced_off(order, now_s):
            compressor.switch(on=False, now_s=now_s)
        elif options.short_cycle_s and order != AS_IT_LIKES:
            compressor.switch(on=True, now_s=now_s)
        else:
            compressor.follow(wanted_w, now_s)
        low_w, high_w = options.min_power_w, options.max_power_w
        target_w = min(max(wanted_w, low_w), high_w)
        if now_s < self._overshoot_until_s:
            target_w = max(target_w + self._overshoot_w, low_w)
        compressor.target_w = max(min(target_w, order.limit_w), low_w)

    def _take(self, order: Order, now_s: float) -> None:
        if order == self._order:
            return
        if order.demand is Demand.NORMAL and self._order.demand is not Demand.NORMAL:
            up = self._order.demand is Demand.REDUCE
            self._overshoot_w = self._options.overshoot_w * (1 if up else -1)
            self._overshoot_until_s = now_s + self._options.overshoot_s
        self._order, self._since_s, self._protecting = order, now_s, False

    def _obeyed(self, now_s: float) -> Order:
        """Return the order that the machine truly follows now."""
        options, order = self._options, self._order
        if order == AS_IT_LIKES or options.ignores_instructions or self.overridden:
            return AS_IT_LIKES
        given_up_s = options.stops_early_after_s or math.inf
        if now_s - self._since_s >= min(given_up_s, order.lasts_s):
            return AS_IT_LIKES
        if order.demand is Demand.REDUCE:
            margin_k = FLOOR_HYSTERESIS_K if self._protecting else 0.0
            self._protecting = self.air_c < options.comfort_floor_c + margin_k
            if self._protecting:
                return AS_IT_LIKES
        return order

    def _wanted_w(self, order: Order) -> float:
        """Compressor power that the controller would like, without limits. [W]"""
        plant = self._plant
        if plant.hot_water is not None:
            self._see_hot_water(order)
        if plant.is_defrosting or plant.charges:
            return self._options.max_power_w
        if order.demand is Demand.REDUCE:
            return self._options.min_power_w
        boost_k = self._boost_k(order.demand)
        if order.aim_w is None:
            return plant.warmth_w(self._thermostat_c + boost_k, above_k=boost_k)
        most_k = AIMED * boost_k
        most_w = plant.warmth_w(self._thermostat_c + most_k, above_k=most_k)
        least_w = plant.warmth_w(self._thermostat_c, above_k=0.0)
        return max(least_w, min(order.aim_w, most_w))

    def _see_hot_water(self, order: Order) -> None:
        """Heat the cylinder before the rooms; in a reduction only if it is nearly cold.

        The immersion heater gives way to any event but a boost.
        """
        plant, hot_water = self._plant, self._plant.hot_water
        assert hot_water is not None  # noqa: S101 - the caller asked
        reduced = order.demand is Demand.REDUCE
        is_cold = hot_water.store.temperature_c < EMERGENCY_C
        plant.charges = hot_water.wants_heat and (is_cold or not reduced)
        held = reduced or not math.isinf(order.limit_w) or self._is_tripped
        due = hot_water.is_immersed and not held
        plant.immersion_w = self._options.immersion_w if due else 0.0

    def _forced_off(self, order: Order, now_s: float) -> bool:
        if self._is_tripped or self._is_rebooting:
            return True
        if order == AS_IT_LIKES or self.is_defrosting:
            return False
        period_s = self._options.short_cycle_s
        if period_s:
            return (now_s - self._since_s) % period_s >= period_s / 2.0
        to_off = order.demand is Demand.REDUCE and self._options.reduce_to == "off"
        stop = order.limit_w < self._options.min_power_w or to_off
        compressor = self._compressor
        return stop and (not compressor.running or compressor.ran_long_enough(now_s))
