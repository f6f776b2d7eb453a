"""A day of 1,000 meters, second by second: aggregate power against a bare sum.

Ours gives power, its uncertainty in parts and the effective number of assets; the bare
sum (numpy), pandas, polars and duckdb give power alone. All in one process and one run,
in rounds that take turns, so that what counts is the ratio: the median over rounds.
Run: ``python benchmarks/aggregation.py [ROUNDS]``.
"""

from __future__ import annotations

import importlib.util
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.analysis.aggregate.meters import AssetMeters, asset_meters
from harness.analysis.aggregate.power import aggregate_power
from harness.analysis.aggregate.reads import reads_of
from harness.analysis.aggregate.running import reads_sums
from harness.analysis.aggregate.wide import wide_sums
from harness.evidence.wide_file import wide_file_sums, write_wide

ASSETS, SECONDS = 1000, 86_400
MAKES = 3
HOLD_S = 90.0
PEERS = ("pandas", "polars", "duckdb")
Job = Callable[[], object]


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def seconds_of(job: Job) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def ratio(job: Job, base: Job, rounds: int) -> float:
    """How many times as long the job takes as the base does."""
    job(), base()
    return float(np.median([seconds_of(job) / seconds_of(base) for _ in range(rounds)]))


def table() -> np.ndarray:
    rng = np.random.default_rng(1)
    power_w = rng.standard_normal((ASSETS, SECONDS))
    power_w *= 300.0
    power_w += 1000.0
    np.round(power_w, 1, out=power_w)
    return power_w


def meters() -> AssetMeters:
    """Three makes of meter, loads that each wander at a pace of their own."""
    rng = np.random.default_rng(2)
    return asset_meters(
        ASSETS,
        random_u=0.0144,
        systematic_u=0.003,
        cause=np.arange(ASSETS) * MAKES // ASSETS,
        absolute_u_w=0.5,
        diffusion_w2_per_s=rng.uniform(10, 1000, ASSETS),
    )


def staggered(power_w: np.ndarray, interval_s: int) -> np.ndarray:
    reads = np.full_like(power_w, np.nan)
    for asset in range(ASSETS):
        here = slice(asset % interval_s, None, interval_s)
        reads[asset, here] = power_w[asset, here]
    return reads


def with_gaps(power_w: np.ndarray, share: float) -> np.ndarray:
    rng, gappy = np.random.default_rng(3), power_w.copy()
    for row in gappy:
        row[rng.random(SECONDS) < share] = np.nan
    return gappy


def ours(power_w: np.ndarray, known: AssetMeters, **options: int) -> Job:
    return lambda: (
        aggregate_power(wide_sums(power_w, known, max_age_s=HOLD_S, **options)).u_w
    )


def pandas_ways(power_w: np.ndarray, *, complete: bool) -> dict[str, Job]:
    import pandas as pd

    index = pd.date_range("2026-01-01", periods=SECONDS, freq="1s", tz="UTC")
    frame = pd.DataFrame(power_w.T, index=index, copy=False)
    hold = {"limit": int(HOLD_S)}
    if not complete:
        return {
            "last, forward fill": lambda: (
                frame.resample("1s").last().ffill(**hold).sum(axis=1)
            )
        }
    return {
        "mean": lambda: frame.resample("1s").mean().sum(axis=1),
        "last": lambda: frame.resample("1s").last().sum(axis=1),
    }


def polars_ways(path: Path) -> list[Job]:
    import polars as pl

    total = pl.scan_parquet(path).select(pl.sum_horizontal(pl.all()))
    return [total.collect, lambda: total.collect(engine="streaming")]


def duckdb_ways(path: Path, names: list[str]) -> list[Job]:
    import duckdb

    # Added fifty at a time: one long sum is nested too deeply for its parser.
    fifties = [" + ".join(names[at : at + 50]) for at in range(0, len(names), 50)]
    total = " + ".join(f"({each})" for each in fifties)
    query = f"select {total} as power from '{path}'"  # noqa: S608
    return [lambda: duckdb.sql(query).fetchnumpy()]


def in_memory(power_w: np.ndarray, known: AssetMeters, rounds: int) -> None:
    def bare() -> object:
        return power_w.sum(axis=0)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    complete = ratio(ours(power_w, known), bare, rounds)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    alone = ratio(ours(power_w, known, threads=1), bare, rounds)
    print("times a bare numpy sum over the complete table")
    print(f"  complete                  {complete:6.2f}   (one thread {alone:.2f})")
    print(f"  memory beyond the table   {more * 1024 / power_w.nbytes:6.2f} of it")
    for name, other in (
        ("1 % gaps", with_gaps(power_w, 0.01)),
        ("read every 10 s, staggered", staggered(power_w, 10)),
        ("read every 60 s, staggered", staggered(power_w, 60)),
    ):
        both = ratio(ours(other, known), bare, rounds)
        alone = ratio(ours(other, known, threads=1), bare, rounds)
        print(f"  {name:26}{both:6.2f}   (one thread {alone:.2f})")
    reads = reads_of(other)
    way = ratio(
        lambda: reads_sums(reads, known, from_s=0, until_s=SECONDS, max_age_s=HOLD_S),
        bare,
        max(rounds // 3, 1),
    )
    print(f"  the same as {reads.count / 1e6:.2f} M reads   {way:6.2f}")
    if installed("pandas"):
        print("pandas resample, times as long as ours")
        for name, reads_w in (("complete", power_w), ("read every 60 s", other)):
            ways = pandas_ways(reads_w, complete=reads_w is power_w)
            for how, way in ways.items():
                times = ratio(way, ours(reads_w, known), max(rounds // 3, 1))
                print(f"  {name + ', ' + how:36}{times:6.1f}")


def from_parquet(power_w: np.ndarray, known: AssetMeters, rounds: int) -> None:
    names = [f"a{number}" for number in range(ASSETS)]
    with tempfile.TemporaryDirectory(prefix="flexrig-bench-") as folder:
        for kind in (np.float64, np.float32):
            path = Path(folder) / f"{kind.__name__}.parquet"
            write_wide(path, power_w.astype(kind, copy=False), names)

            def own(path: Path = path) -> object:
                sums = wide_file_sums(path, known, max_age_s=HOLD_S)
                return aggregate_power(sums).u_w

            print(f"from Parquet, {kind.__name__}: times as long as ours")
            ways = {
                "polars": (lambda path=path: polars_ways(path)),
                "duckdb": (lambda path=path: duckdb_ways(path, names)),
            }
            for name, jobs in ways.items():
                if installed(name):
                    least = min(ratio(job, own, rounds) for job in jobs())
                    print(f"  {name:26}{least:6.2f}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    missing = [name for name in PEERS if not installed(name)]
    if missing:
        print(
            f"not compared with {', '.join(missing)}. Try: "
            "pip install -e '.[bench]' --constraint constraints.txt"
        )
    known, power_w = meters(), table()
    in_memory(power_w, known, rounds)
    from_parquet(power_w, known, max(rounds // 2, 1))


if __name__ == "__main__":
    main()
