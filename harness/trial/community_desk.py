"""Those who share out an asset's energy or profit, each by the asset's own reading.

An administrator credits members half-hour by half-hour; a company states what it made
and pays its dividend. Both read the asset's own register. Independent meters say
whether what they did was right.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence

from harness.core.calendar import PeriodOnBench
from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.community import CompanyAsset, SharedAsset
from harness.settlement.money import Price, whole_wh
from harness.settlement.sharing import dividend_p, shared_out
from harness.trial.plan import Plan

Log = Callable[..., LogEntry]
ADMINISTRATOR, CREDITS = "administrator", "credits"
COMPANY, PAYS = "company", "pays a dividend"
IMPORT, EXPORT = "energy_import_wh", "energy_export_wh"


class CommunityDesk:
    """An administrator and a company, on one bench.

    Parameters
    ----------
    meters : mapping
        The meter that sees each device and nothing else, by the device's role.
    """

    def __init__(
        self, plan: Plan, clock: BenchClock, log: Log, meters: Mapping[str, str]
    ) -> None:
        self._plan, self._clock, self._log, self._meters = plan, clock, log, meters
        self._last: dict[tuple[str, str], float] = {}

    def hear(self, role: str, readings: Sequence[Reading]) -> None:
        """Take note of what a register shows."""
        for one in readings:
            if one.quantity in (IMPORT, EXPORT) and math.isfinite(one.value):
                self._last[role, one.quantity] = one.value

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Share out, and pay, after every half-hour that the plan asks for."""
        community = self._plan.community
        if community is not None and community.shared is not None:
            group.create_task(self._share_out(community.shared))
        if community is not None and community.company is not None:
            group.create_task(self._pay(community.company))

    async def _share_out(self, asked: SharedAsset) -> None:
        for part in self._parts(asked):
            began, ended = await self._around(part)
            made = self._counted(asked.role, EXPORT, began, ended)
            drawn = {
                one.member: self._counted(self._meters.get(one.role, ""), IMPORT, began,
                                          ended)
                for one in asked.shares
            }  # fmt: skip
            ppm = {one.member: one.ppm for one in asked.shares}
            found = shared_out(made, ppm, drawn)
            self._log(
                ADMINISTRATOR, CREDITS, period=str(part.period), made=made,
                credited=dict(found.credited_wh), sold=found.sold_wh,
            )  # fmt: skip

    async def _pay(self, asked: CompanyAsset) -> None:
        for part in self._parts(asked):
            began, ended = await self._around(part)
            made = asked.like * self._counted(asked.role, EXPORT, began, ended)
            pays_p = dividend_p(
                made, Price(asked.price), asked.costs_p, asked.dividend_percent
            )
            self._log(COMPANY, PAYS, period=str(part.period), made=made, pence=pays_p)

    def _parts(self, asked: SharedAsset | CompanyAsset) -> list[PeriodOnBench]:
        return self._plan.half_hours(
            self._clock.starts_at, asked.from_clock_s, asked.until_clock_s
        )

    async def _around(
        self, part: PeriodOnBench
    ) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
        """What registers showed at a half-hour's beginning, and at its end."""
        await self._clock.until(part.from_s)
        began = dict(self._last)
        await self._clock.until(part.until_s)
        return began, dict(self._last)

    @staticmethod
    def _counted(
        role: str, quantity: str, began: Mapping[tuple[str, str], float],
        ended: Mapping[tuple[str, str], float],
    ) -> int:  # fmt: skip
        """What a register counted; nothing if nobody heard it twice. [Wh]"""
        key = (role, quantity)
        if key not in began or key not in ended:
            return 0
        return max(whole_wh(ended[key] - began[key]), 0)
