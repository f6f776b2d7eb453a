"""The heat side: house, stores, weather and ice, stepped by the controller's ticks."""

from __future__ import annotations

import numpy as np

from devices.heat_pump.defrost import Defrost
from devices.heat_pump.house import step_of
from devices.heat_pump.options import HeatPumpOptions
from devices.heat_pump.stores import HotWater, Store
from devices.heat_pump.weather import Weather

TICK_S = 1.0
KELVIN = 273.15
QUALITY = 0.385
"""Share of the Carnot limit that the machine reaches; a usual air-source figure."""
APPROACH_K = 5.0
"""Heat exchangers' share of the lift. [K]"""
EMITTER_W_PER_K = 300.0
"""Heat that the radiators give for each kelvin above the room. [W/K]"""
SUPPLY_LAG_S = 180.0
GAIN_W_PER_K = 800.0
"""Electrical power that the controller adds for each kelvin too cold. [W/K]"""
ROOM_GAIN_W_PER_K = 2000.0
"""Heat that a mixing valve adds for each kelvin too cold, behind a buffer. [W/K]"""
STORE_W_PER_K = 1500.0
"""Heat that a store takes for each kelvin of the water that heats it. [W/K]"""
BUFFER_BOOST = 5.0
"""Kelvins that a boost adds to the buffer for each that it adds to a room."""
WEATHER_TICKS = 60


def cop(*, supply_c: float, outdoor_c: float) -> float:
    """Heat out for electricity in: a fixed share of the Carnot limit.

    The lift is never taken below 15 K, where the machine's limits take over.
    """
    lift_k = max(supply_c - outdoor_c + APPROACH_K, 15.0)
    return QUALITY * (supply_c + KELVIN) / lift_k


class Plant:
    """Where the heat goes.

    Parameters
    ----------
    options : HeatPumpOptions
        House, stores and weather.
    began_s, midnight_s : float
        Bench times of the model's beginning and of a midnight (UTC). [s]
    rng : numpy.random.Generator
        For the seeds of weather, draw-offs and ice; drawn from only if there are any.
    """

    def __init__(
        self,
        options: HeatPumpOptions,
        *,
        began_s: float,
        midnight_s: float,
        rng: np.random.Generator,
    ) -> None:
        self._options = options
        self._weather = Weather(options, midnight_s=midnight_s, rng=rng)
        self.outdoor_c = self._weather.outdoor_c(began_s)
        self.hot_water: HotWater | None = None
        self.buffer: Store | None = None
        self.ice: Defrost | None = None
        if options.hot_water:
            seed = int(rng.integers(1 << 31))
            self.hot_water = HotWater(
                options, began_s=began_s, midnight_s=midnight_s, seed=seed
            )
        if options.storage == "buffer":
            self.buffer = Store(options.buffer_litres, options.buffer_set_c)
        if options.defrost:
            self.ice = Defrost(np.random.default_rng(int(rng.integers(1 << 31))))
        self._house = options.house()
        self._step = step_of(self._house, TICK_S)
        self._supply_share = 1.0 - float(np.exp(-TICK_S / SUPPLY_LAG_S))
        self._held_w: dict[float, float] = {}
        self.charges = False
        """Whether the heat goes into the cylinder."""
        self.immersion_w = 0.0
        self._at_rest(options.set_point_c)

    def _at_rest(self, indoor_c: float) -> None:
        """Be where it would be after days at an indoor temperature."""
        self.air_c, outdoor_c = indoor_c, self.outdoor_c
        self._fabric_c = self._house.fabric_at_rest_c(indoor_c, outdoor_c=outdoor_c)
        heat_w = self._house.heat_to_hold_w(indoor_c, outdoor_c=outdoor_c)
        self.supply_c = self._supply_at_rest_c(indoor_c, heat_w)

    def _supply_at_rest_c(self, indoor_c: float, heat_w: float) -> float:
        if self.buffer is not None:
            return self.buffer.temperature_c + max(heat_w, 0.0) / STORE_W_PER_K
        return indoor_c + heat_w / EMITTER_W_PER_K

    def steady_w(self, indoor_c: float) -> float:
        """Electrical power that would hold an indoor temperature. [W]"""
        heat_w = self._house.heat_to_hold_w(indoor_c, outdoor_c=self.outdoor_c)
        supply_c = self._supply_at_rest_c(indoor_c, heat_w)
        return max(heat_w / cop(supply_c=supply_c, outdoor_c=self.outdoor_c), 0.0)

    def warmth_w(self, set_c: float, *, above_k: float) -> float:
        """Compressor power for the rooms, or for the buffer before them. [W]

        `above_k` is how far `set_c` is above what the thermostat says.
        """
        if self.buffer is None:
            held_w = self._held_w.get(set_c)
            if held_w is None:
                held_w = self._held_w[set_c] = self.steady_w(set_c)
            return held_w + GAIN_W_PER_K * (set_c - self.air_c)
        wanted_c = self._options.buffer_set_c + BUFFER_BOOST * above_k
        gap_k = wanted_c - self.buffer.temperature_c
        heat_w = self._through_valve_w(self.buffer, set_c) + STORE_W_PER_K * gap_k
        return heat_w / cop(supply_c=self.supply_c, outdoor_c=self.outdoor_c)

    @property
    def is_defrosting(self) -> bool:
        """Whether the coil is being defrosted: power is drawn, no heat is given."""
        return self.ice is not None and self.ice.is_on

    def tick(
        self, power_w: float, *, running: bool, set_c: float, ends_s: float
    ) -> None:
        """Go on for a tick with this mean electrical power; it ends at `ends_s`."""
        outdoor_c = self.outdoor_c
        heat_w = 0.0
        if not self.is_defrosting:
            heat_w = power_w * cop(supply_c=self.supply_c, outdoor_c=outdoor_c)
        lead_c = self.air_c + heat_w / EMITTER_W_PER_K
        if self.hot_water is not None:
            heat_w, lead_c = self._past_cylinder(self.hot_water, heat_w, lead_c, ends_s)
        rooms_w = heat_w
        if self.buffer is not None:
            rooms_w = self._through_valve_w(self.buffer, set_c)
            if not self.charges:
                lead_c = self.buffer.temperature_c + heat_w / STORE_W_PER_K
            self.buffer.step(heat_w - rooms_w, TICK_S)
        self.supply_c += (lead_c - self.supply_c) * self._supply_share
        self.air_c, self._fabric_c = self._step.advance(
            self.air_c, self._fabric_c, heat_w=rooms_w, outdoor_c=outdoor_c
        )
        if self.ice is not None:
            self.ice.step(TICK_S, running=running, outdoor_c=outdoor_c)

    def see_weather(self, now_s: float) -> None:
        """Look outdoors; to be called every `WEATHER_TICKS`."""
        if not self._weather.is_constant:
            self.outdoor_c = self._weather.outdoor_c(now_s)
            self._held_w.clear()

    def _past_cylinder(
        self, hot_water: HotWater, heat_w: float, lead_c: float, ends_s: float
    ) -> tuple[float, float]:
        """Heat the cylinder if it is its turn; return what is left, and the flow."""
        tank_w = heat_w if self.charges else 0.0
        hot_water.step(tank_w + self.immersion_w, now_s=ends_s, step_s=TICK_S)
        if not self.charges:
            return heat_w, lead_c
        return 0.0, hot_water.store.temperature_c + heat_w / STORE_W_PER_K

    def _through_valve_w(self, buffer: Store, set_c: float) -> float:
        """Heat that the mixing valve lets through, as far as the buffer is warm. [W]"""
        most_w = EMITTER_W_PER_K * (buffer.temperature_c - self.air_c)
        held_w = self._house.heat_to_hold_w(set_c, outdoor_c=self.outdoor_c)
        need_w = held_w + ROOM_GAIN_W_PER_K * (set_c - self.air_c)
        return min(max(need_w, 0.0), max(most_w, 0.0))
