"""Recordings at rest: wide files against the one long table that they replaced.

Twenty roles at 1 Hz, four quantities each, recorded through the stream that a trial
appends to. Everything is done in one run, so that what counts is the ratio. Run:
``python benchmarks/recordings.py [HOURS]``.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import flexrig
from harness.core.recording import Reading
from harness.evidence import bundle, digests, samples, settling, tables
from harness.trial.recorder import Recorder

ROLES = 20
QUANTITIES = ("power_w", "voltage_v", "current_a", "energy_import_wh")
ROUNDS = 5
NUMBERS = ("bench_s", "arrival_s", "device_s", "value")


class Clock:
    """A clock that nobody asks."""

    def now_s(self) -> float:
        """Return no time at all."""
        return 0.0


def record(recorder: Recorder, seconds: int) -> None:
    """Record into a stream, as a trial does."""
    rng = np.random.default_rng(1)
    level = rng.uniform(0, 5_000, (ROLES, len(QUANTITIES)))
    for second in range(seconds):
        # A meter's registers are float32: what it says has 24 bits that matter.
        heard = np.float32(level + rng.normal(0, 5, level.shape)).tolist()
        for role, values in enumerate(heard):
            asked_s = second + role / 40
            recorder.samples(
                f"meter_{role}",
                list(map(Reading, QUANTITIES, values)),
                asked_s=asked_s,
                arrival_s=asked_s + rng.uniform(0.002, 0.004),
            )
    recorder.flush()


def settle_long(folder: Path, rows: int) -> None:
    """Settle as the first format did: one table, then its digest."""
    with pq.ParquetWriter(
        folder / "samples.parquet",
        pa.schema(
            [(name, pa.utf8()) for name in ("role", "quantity")]
            + [(name, pa.float64()) for name in NUMBERS]
        ),
        version="2.6",
        compression="zstd",
        use_dictionary=["role", "quantity"],
        column_encoding=dict.fromkeys(NUMBERS, "BYTE_STREAM_SPLIT"),
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        batches = tables.stream_batches(folder / "samples.arrows", tables.SAMPLES)
        while some := list(islice(batches, 26)):  # of 5,000 rows, about 1 << 17
            table = pa.Table.from_batches(some).cast(writer.schema)
            writer.write_table(table, row_group_size=1 << 17)
    (folder / "samples.arrows").unlink()
    digests.content_digest(tables.read_table(folder, "samples"))


def settle_wide(folder: Path, rows: int) -> None:
    """Settle as it is done now: a file a role, then the digest."""
    settling.settle_samples(folder, rows=rows)
    bundle.recording_digest(folder)


def apart(settle: Callable[[Path, int], None], folder: Path, rows: int, tell) -> None:
    began = time.perf_counter()
    settle(folder, rows)
    took_s = time.perf_counter() - began
    tell.send((took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measured(settle: Callable[[Path, int], None], folder: Path, rows: int):
    """Settle in a process of its own: seconds, and the most memory it held in MB."""
    context = multiprocessing.get_context("spawn")
    heard, tell = context.Pipe(duplex=False)
    child = context.Process(target=apart, args=(settle, folder, rows, tell))
    child.start()
    child.join()
    return heard.recv()


def seconds_of(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def megabytes(*paths: Path) -> float:
    return sum(path.stat().st_size for path in paths) / 1e6


def pivoted(path: Path) -> pd.DataFrame:
    """One role out of the long table, wide, as one would have to do it by hand."""
    long = pd.read_parquet(path, filters=[("role", "==", "meter_3")])
    return long.pivot_table(index="bench_s", columns="quantity", values="value")


def all_pivoted(path: Path) -> pd.DataFrame:
    long = pd.read_parquet(path)
    names = long["role"].astype(str) + "." + long["quantity"].astype(str)
    return long.assign(name=names).pivot_table(
        index="bench_s", columns="name", values="value"
    )


def ratio(what: str, now: float, before: float, unit: str) -> None:
    print(f"{what:46}{now:10.3g}{before:10.3g} {unit:4}{before / now:8.1f}")


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 6.0
    with tempfile.TemporaryDirectory(prefix="flexrig-bench-") as name:
        trial, wide, long = (Path(name, part) for part in ("trial", "wide", "long"))
        for folder in (wide, long):
            bundle.open_bundle(folder, before={})
        with Recorder(trial, Clock()) as recorder:
            record(recorder, int(hours * 3600))
            for folder in (wide, long):
                shutil.copy(trial / "samples.arrows", folder)
        compare(wide, long, recorder.counts["samples"])


def compare(wide: Path, long: Path, rows: int) -> None:
    before = measured(settle_long, long, rows)
    now = measured(settle_wide, wide, rows)
    table = long / "samples.parquet"
    run = flexrig.open_run(wide)
    print(f"{rows:,} samples of {ROLES} roles: {'now':>12}{'before':>10}{'ratio':>12}")
    ratio("settled and digested", now[0], before[0], "s")
    ratio("  most memory", now[1], before[1], "MB")
    ratio("on disk", megabytes(*(wide / "samples").iterdir()), megabytes(table), "MB")
    one = seconds_of(lambda: run.array("meter_3.power_w"))
    every = seconds_of(lambda: samples.read_channels(wide))
    read = seconds_of(lambda: samples.long_channels(tables.read_table(long, "samples")))
    ratio("one channel", one, read, "s")
    ratio("every channel", every, read, "s")
    ratio(
        "a role's frame, against pandas and a pivot",
        seconds_of(lambda: run.frame("meter_3")),
        seconds_of(lambda: pivoted(table)),
        "s",
    )
    everyone = [f"meter_{role}" for role in range(ROLES)]
    ratio(
        "everybody's frame, against pandas and a pivot",
        seconds_of(lambda: run.frame(*everyone)),
        seconds_of(lambda: all_pivoted(table)),
        "s",
    )
    print(
        f"one channel of all {ROLES * len(QUANTITIES)}: 1/{every / one:.0f} of the time"
    )


if __name__ == "__main__":
    main()
