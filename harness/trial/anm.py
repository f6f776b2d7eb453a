"""Active network management: generation released as far as a cable has room for it.

The scheme hears the meters of an area and, every few seconds, sets how much one
generator may feed in, so that what leaves the area stays inside its limit. What a
service adds behind the limit it takes away from the generator, and what a service
takes in, the generator fills: that is what a trial is to see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.sites import Area, Site
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import AnmScheme, Move

Log = Callable[..., LogEntry]
ACTS_EVERY_S = 10.0
"""How often the scheme sets the generator. [s]"""
WORTH_SETTING = 0.01
"""A change below this share of the limit is not sent: setting wears."""


class NetworkManagement:
    """The ANM schemes of a plan, on one bench."""

    def __init__(
        self, plan: Plan, aggregator: Aggregator, clock: BenchClock, log: Log,
        meters: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._plan, self._aggregator, self._clock, self._log = (
            plan, aggregator, clock, log,
        )  # fmt: skip
        self._sites = {
            meters[site.role]: site
            for area in plan.areas
            for site in area.sites
            if site.role in meters
        }
        self._power_w: dict[str, float] = {}

    def hear(self, meter: str, readings: Sequence[Reading]) -> None:
        """Take note of what a site's meter says."""
        site = self._sites.get(meter)
        for reading in readings:
            if site and reading.quantity == "power_w" and not math.isnan(reading.value):
                self._power_w[site.name] = reading.value * site.like

    async def run(self, scheme: AnmScheme) -> None:
        """Hold an area inside its export limit until the plan ends."""
        area = next(one for one in self._plan.areas if one.name == scheme.area)
        generator = area.site(scheme.generator)
        assert generator is not None  # noqa: S101 - the steps refused others
        set_w = math.inf
        while self._clock.now_s() < self._plan.duration_s:
            may_w = self._room_w(area, generator, scheme.limit_w)
            if abs(may_w - set_w) > WORTH_SETTING * scheme.limit_w:
                set_w = may_w
                self._log("ANM scheme", "releases", site=generator.name, may_w=may_w)
                await self._aggregator.instruct(
                    "ANM scheme", generator.role, Move.UP,
                    -generator.of_one_w(may_w), self._plan.duration_s,
                )  # fmt: skip
            await self._clock.until(self._clock.now_s() + ACTS_EVERY_S)

    def _room_w(self, area: Area, generator: Site, limit_w: float) -> float:
        """Return how much the generator may feed in now. [W]"""
        drawn_w = area.others_w(self._clock.now_s() + self._plan.start_clock_s)
        drawn_w += sum(
            self._power_w.get(site.name, site.usual_w)
            for site in area.sites
            if site is not generator
        )
        return min(max(limit_w + drawn_w, 0.0), generator.mec_w)
