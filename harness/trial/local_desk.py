"""The agents and the operator of a local energy market, on one bench.

Just before every half-hour each member's agent takes what its meters showed for what
comes next, and the operator matches them. What was traded stands in the log; what
flowed is the meters' matter, and is settled from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from harness.core.calendar import PERIOD_S, PeriodOnBench
from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.local_market import Member, matched
from harness.trial.plan import Plan

Log = Callable[..., LogEntry]
OPERATOR, TRADES, CLOSES = "market operator", "records a trade", "closes the half-hour"
FORECAST_S = 60.0
"""How much of what meters showed an agent takes for the half-hour to come. [s]"""


class LocalDesk:
    """Forecasts, matches and records, half-hour by half-hour.

    Parameters
    ----------
    meters : mapping
        The meter that sees each device and nothing else, by the device's role.
    """

    def __init__(
        self, plan: Plan, clock: BenchClock, log: Log, meters: Mapping[str, str]
    ) -> None:
        self._plan, self._clock, self._log, self._meters = plan, clock, log, meters
        self._shown: dict[str, list[tuple[float, float]]] = {}

    def hear(self, meter: str, readings: Sequence[Reading]) -> None:
        """Take note of what a meter says of power."""
        now_s = self._clock.now_s()
        for one in readings:
            if one.quantity == "power_w" and math.isfinite(one.value):
                kept = self._shown.setdefault(meter, [])
                kept.append((now_s, one.value))
                while kept and kept[0][0] < now_s - FORECAST_S:
                    kept.pop(0)

    async def run(self) -> None:
        """Trade every whole half-hour from when to when the plan says."""
        for part in self._parts():
            await self._clock.until(part.from_s)
            self._trade(part)

    def _parts(self) -> list[PeriodOnBench]:
        market = self._plan.local_market
        if market is None:
            return []
        return self._plan.half_hours(
            self._clock.starts_at, market.from_clock_s, market.until_clock_s
        )

    def _trade(self, part: PeriodOnBench) -> None:
        market, period = self._plan.local_market, str(part.period)
        assert market is not None  # noqa: S101 - `run` is called with one
        expects = {
            one.name: wh
            for one in market.members
            if (wh := self._expects_wh(one)) is not None
        }
        found = matched(market.members, expects)
        for trade in found.trades:
            self._log(OPERATOR, TRADES, period=period, **asdict(trade))
        self._log(
            OPERATOR, CLOSES, period=period, expects=expects, unsold=found.unsold_wh,
            unmet=found.unmet_wh,
        )  # fmt: skip

    def _expects_wh(self, member: Member) -> int | None:
        """What a member draws if it goes on as its meters showed; None if unknown."""
        total_w = 0.0
        for role in member.roles:
            shown = self._shown.get(self._meters.get(role, ""), [])
            if not shown:
                return None
            total_w += sum(power_w for _at, power_w in shown) / len(shown)
        return round(total_w * PERIOD_S / 3600)
