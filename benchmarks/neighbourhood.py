"""A year of 200 homes in half-hours: all at once, against one home at a time.

The peer is what one would write first: plain Python, a home and a half-hour at a time,
for the home batteries alone. The project's bound is 30 s for a whole neighbourhood.
"""

from __future__ import annotations

import time

import numpy as np

from harness.neighbourhood.energy import EFFICIENCY, HALF_H, _own_stores, simulate
from harness.neighbourhood.weather import year_of
from harness.rig.neighbourhood import Coordination, HomesTable, NeighbourhoodTable


def one_by_one(table: HomesTable, net: np.ndarray) -> np.ndarray:
    stored = np.zeros_like(net)
    for home in range(net.shape[1]):
        holds = 0.0
        for number, need in enumerate(net[:, home].tolist()):
            room = min((table.battery_kwh - holds) / HALF_H / EFFICIENCY,
                       table.battery_kw)  # fmt: skip
            gives = min(holds / HALF_H, table.battery_kw)
            takes = min(max(-need, -gives), room)
            holds += (takes * EFFICIENCY if takes > 0 else takes) * HALF_H
            stored[number, home] = takes
    return stored


def main() -> None:
    began = time.perf_counter()
    year = year_of(2027, seed=1)
    print(f"the year and its weather: {time.perf_counter() - began:.2f} s")
    homes = HomesTable(
        with_pv_percent=50.0, with_battery_percent=50.0, with_ev_percent=50.0,
        with_heat_pump_percent=50.0,
    )  # fmt: skip
    for how in Coordination:
        table = NeighbourhoodTable(
            pathway="B", title="Bench", coordination=how, homes=homes
        )
        began = time.perf_counter()
        simulate(table, year, seed=1)
        print(f"200 homes, {how}: {time.perf_counter() - began:.2f} s (bound 30 s)")
    net = np.random.default_rng(1).normal(0.0, 1.0, (len(year), 200))
    began = time.perf_counter()
    ours = _own_stores(homes, net)
    all_at_once = time.perf_counter() - began
    began = time.perf_counter()
    theirs = one_by_one(homes, net)
    alone = time.perf_counter() - began
    print(f"200 batteries: {all_at_once:.2f} s, one by one {alone:.2f} s: "
          f"{alone / all_at_once:.0f} times as fast, "
          f"{'equal' if np.allclose(ours, theirs) else 'NOT EQUAL'}")  # fmt: skip


if __name__ == "__main__":
    main()
