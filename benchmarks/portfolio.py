"""A day of many homes, second by second: what one costs, and what a cluster gains.

Limits of the design: 10,000 homes × 24 h × 1 Hz in 60 s and 4 GB on two cores; cost
linear in homes; two Dask workers at least 0.8 as efficient as one. Each size runs in a
process of its own, so that its memory is its own.
Run: ``python benchmarks/portfolio.py [LARGEST]`` (default 30,000 homes).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from harness.analysis.portfolio.unit import Portfolio, pilot, unit_of
from harness.portfolio.file import read_portfolio
from harness.portfolio.workers import cluster, threads

FILES = Path(__file__).resolve().parents[1] / "portfolios"
SIZES = (1000, 3000, 10_000, 30_000)
DASK_HOMES = 10_240
ONE = "--one"


def declared(kind: str) -> Portfolio:
    portfolio = read_portfolio(FILES / f"{kind}.toml").unit()
    return replace(portfolio, diffusion_w2_per_s=pilot(portfolio))


def one(kind: str, homes: int) -> None:
    """Work one unit out, and print seconds and peak memory in MB."""
    portfolio = declared(kind)
    began = time.perf_counter()
    unit_of(portfolio, homes, each=threads(2))
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(took, peak)


def of_sizes(largest: int) -> None:
    print("24 h at 1 Hz, two threads (limit for 10,000 homes: 60 s, 4,000 MB)")
    for kind in ("ev", "heat_pump"):
        for homes in (size for size in SIZES if size <= largest):
            told = subprocess.run(
                [sys.executable, __file__, ONE, kind, str(homes)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            took, peak = map(float, told.stdout.split())
            each = 1000 * took / homes
            print(f"  {kind:10}{homes:8,} homes {took:7.2f} s  {each:5.2f} ms a home"
                  f"  {peak:6.0f} MB")  # fmt: skip


def of_workers(homes: int) -> None:
    from distributed import LocalCluster

    portfolio, took = declared("ev"), {}
    for workers in (1, 2):
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None,
                host="127.0.0.1",
            ) as here,
            cluster(here.scheduler_address) as each,
        ):  # fmt: skip
            unit_of(portfolio, 1024 * workers, each=each)
            began = time.perf_counter()
            unit_of(portfolio, homes, each=each)
            took[workers] = time.perf_counter() - began
    gain = took[1] / took[2] / 2
    print(f"Dask, {homes:,} homes: efficiency of 2 workers {gain:.2f} (limit 0.8)")


def main() -> None:
    if ONE in sys.argv:
        one(sys.argv[2], int(sys.argv[3]))
        return
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    of_sizes(largest)
    of_workers(min(largest, DASK_HOMES))


if __name__ == "__main__":
    main()
