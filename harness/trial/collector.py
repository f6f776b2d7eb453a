"""The half-hourly data collector of a private network, and Elexon's desk for D/380.

The collector hears the meters' registers as they come and, once a settlement period is
over, says what enters Settlement for each metering system: what a trial then holds
against the meters. It works from its complex site information (BSCP514), which may be
wrong: that is the risk of which D/380's guidance note warns.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

from harness.core.calendar import PeriodOnBench, periods_on_bench
from harness.core.clock import BenchClock
from harness.core.recording import LogEntry, Reading
from harness.market.private_network import Application, refusals
from harness.settlement.difference import differenced
from harness.settlement.money import whole_wh
from harness.trial.plan import Plan

Log = Callable[..., LogEntry]
COLLECTOR, ELEXON = "HHDC", "Elexon"
ENTERS, MARKED = "enters Settlement", "marked"
DECIDES = "decides on D/380"
WAITS_S = 30.0
"""How long after a period's end the collector waits for the last readings. [s]"""
REACH_S = 15.0
"""How far from a period's end a register may have been read. [s]"""
_REGISTERS = {"energy_import_wh": 1.0, "energy_export_wh": -1.0}
_KEPT = 40


class DataCollector:
    """Settles the metering systems of a private network, period by period.

    Parameters
    ----------
    plan : Plan
        With the network, and what the collector's site information leaves out.
    clock : BenchClock
        Bench time.
    log : callable
        Keeps what enters Settlement.
    meters : mapping
        The meter that sees each device and nothing else, by the device's role.
    boundary : str or None
        The Boundary Point Meter.
    """

    def __init__(
        self, plan: Plan, clock: BenchClock, log: Log, meters: Mapping[str, str],
        boundary: str | None,
    ) -> None:  # fmt: skip
        self._plan, self._clock, self._log = plan, clock, log
        self._meters, self._boundary = meters, boundary
        self._read: defaultdict[tuple[str, str], deque[tuple[float, float]]] = (
            defaultdict(lambda: deque(maxlen=_KEPT))
        )

    def hear(self, meter: str, readings: Sequence[Reading]) -> None:
        """Take note of a meter's registers."""
        now_s = self._clock.now_s()
        for reading in readings:
            if reading.quantity in _REGISTERS and math.isfinite(reading.value):
                self._read[meter, reading.quantity].append((now_s, reading.value))

    async def run(self) -> None:
        """Settle every whole period of the plan, each once it is over."""
        starts_at = self._clock.starts_at
        parts = periods_on_bench(
            starts_at, from_s=0.0, until_s=self._plan.duration_s - WAITS_S
        )
        for part in parts:
            if part.whole:
                await self._clock.until(part.from_s + WAITS_S)
                began = self._counted(part.from_s)
                await self._clock.until(part.until_s + WAITS_S)
                self._settle(part, began, self._counted(part.until_s))

    async def decide(self, application: Application, largest_va: float) -> None:
        """Let Elexon look at a declaration of use of D/380."""
        broken = refusals(application, largest_va=largest_va)
        self._log(
            ELEXON, DECIDES, accepted=not broken, broken=[one.name for one in broken]
        )

    def _counted(self, at_s: float) -> dict[str, float | None]:
        """Return what each meter had counted by a moment, import less export. [Wh]"""
        meters = [self._boundary, *self._meters.values()]
        return {meter: self._net(meter, at_s) for meter in meters if meter}

    def _net(self, meter: str, at_s: float) -> float | None:
        total = 0.0
        for quantity, sign in _REGISTERS.items():
            around = self._read.get((meter, quantity), ())
            nearest = min(around, key=lambda one: abs(one[0] - at_s), default=None)
            if nearest is None or abs(nearest[0] - at_s) > REACH_S:
                return None
            total += sign * nearest[1]
        return total

    def _settle(
        self,
        part: PeriodOnBench,
        began: Mapping[str, float | None],
        ended: Mapping[str, float | None],
    ) -> None:
        network = self._plan.private_network
        assert network is not None  # noqa: S101 - `run` is called with one
        used = {
            meter: _less(ended.get(meter), began.get(meter))
            for meter in {*began, *ended}
        }
        left_out = self._plan.left_out
        deducted = [one for one in network.third_parties if one.name not in left_out]
        found = differenced(
            used.get(self._boundary or ""),
            {one.msid: used.get(self._meters.get(one.role, "")) for one in deducted},
            scaled_ppm=network.scaled_ppm,
        )
        period = str(part.period)
        if found.mark:
            self._log(COLLECTOR, MARKED, period=period, why=found.mark)
        if found.owner_wh is None or found.advances_wh is None:
            return
        advances = dict(found.advances_wh)
        # Nobody told it to deduct these; their own suppliers' data come all the same.
        for one in network.third_parties:
            wh = used.get(self._meters.get(one.role, ""))
            if one.msid not in advances and wh is not None:
                advances[one.msid] = wh
        self._log(COLLECTOR, ENTERS, period=period, msid=network.name,
                  wh=found.owner_wh)  # fmt: skip
        for msid, wh in advances.items():
            self._log(COLLECTOR, ENTERS, period=period, msid=msid, wh=wh)


def _less(ended: float | None, began: float | None) -> int | None:
    return None if ended is None or began is None else whole_wh(ended - began)
