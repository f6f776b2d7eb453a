"""Frames for people who want to look: the only place that imports pandas.

Nothing here is resampled or filled unless that was asked for, and then it says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from harness.checks.verdict import Verdict
from harness.core.calendar import LONDON
from harness.core.errors import UsageError
from harness.core.recording import Channel, LogEntry, Series
from harness.reporting import wording

if TYPE_CHECKING:
    from flexrig.scenario import Scenario

Clock = Literal["bench", "utc", "local"]
CLOCKS = ("bench", "utc", "local")
MOST_ROWS = 10_000_000
"""Rows of a held frame at most: a finer grid is a slip of the pen."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = np.iinfo(np.int64).min
_CENTURY_S = 3.2e9
_SLACK = 1e-9
"""Of a step: 0.6 s is a whole multiple of 0.2 s, whatever binary fractions say."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What a frame's rows are numbered by."""

    clock: Clock
    starts_at: datetime = _EPOCH
    """Civil time of bench second 0; not looked at for bench seconds."""

    def index(self, bench_s: Series) -> pd.Index:
        """Return bench times as an index: seconds, or time stamps to the nanosecond."""
        if self.clock == "bench":
            return pd.Index(bench_s, name="bench_s")
        zero_us = (self.starts_at - _EPOCH) // timedelta(microseconds=1)
        known = np.abs(bench_s) < _CENTURY_S
        since_ns = np.rint(np.where(known, bench_s, 0.0) * 1e9).astype(np.int64)
        stamps = np.where(known, zero_us * 1000 + since_ns, _NEVER)
        utc = pd.DatetimeIndex(stamps.view("M8[ns]"), name=self.clock).tz_localize(UTC)
        return utc if self.clock == "utc" else utc.tz_convert(LONDON)


def as_heard(channels: Mapping[str, Channel], axis: Axis) -> pd.DataFrame:
    """Return a row for each moment at which any of the channels was heard.

    Two samples of one channel at one moment are two rows.
    """
    times = [channel.time_s for channel in channels.values()]
    if all(np.array_equal(time_s, times[0]) for time_s in times):
        columns = {name: channel.values for name, channel in channels.items()}
        return pd.DataFrame(columns, index=axis.index(times[0]))
    moments, rows = _moments(times)
    wide = np.full((len(channels), len(moments)), np.nan)
    for column, channel, row in zip(wide, channels.values(), rows, strict=True):
        column[row] = channel.values
    return pd.DataFrame(wide.T, index=axis.index(moments), columns=list(channels))


def _moments(times: Sequence[Series]) -> tuple[Series, list[np.ndarray]]:
    """Return all moments in order, and which of them each sample of each series is."""
    every = np.concatenate(times)
    again = np.concatenate([_times_before(time_s) for time_s in times])
    order = np.lexsort((again, every))
    at, nth = every[order], again[order]
    new = np.r_[True, (at[1:] != at[:-1]) | (nth[1:] != nth[:-1])]
    rows = np.empty(every.size, dtype=np.int64)
    rows[order] = np.cumsum(new) - 1
    ends = np.cumsum([time_s.size for time_s in times])[:-1]
    return at[new], np.split(rows, ends)


def _times_before(time_s: Series) -> np.ndarray:
    """Return how many samples right before each one bear the same time."""
    at = np.arange(time_s.size)
    new = np.r_[True, time_s[1:] != time_s[:-1]][: time_s.size]
    return at - np.maximum.accumulate(np.where(new, at, 0))


def held(
    channels: Mapping[str, Channel],
    axis: Axis,
    *,
    at: str | float | None,
    max_age_s: float | None,
) -> tuple[pd.DataFrame, str]:
    """Return each channel's last sample at whole multiples of `at`, and how.

    Raises
    ------
    UsageError
        If either is missing or no length of time.
    """
    every_s = _seconds("at", at, 'at="1s"')
    age_s = _seconds("max_age_s", max_age_s, "how long a value may stand, such as 10")
    grid = _grid([channel.time_s for channel in channels.values()], every_s)
    columns = {}
    for name, channel in channels.items():
        last = np.searchsorted(channel.time_s, grid, side="right") - 1
        fresh = (last >= 0) & (grid - channel.time_s[last] <= age_s)
        columns[name] = np.where(fresh, channel.values[last], np.nan)
    how = f"each value stands for up to {age_s:g} s, looked at every {every_s:g} s"
    return pd.DataFrame(columns, index=axis.index(grid)), how


def _seconds(name: str, said: str | float | None, hint: str) -> float:
    """Return a length of time that was said as text or as seconds. [s]"""
    if said is None:
        raise UsageError(name, "it was not said", hint)
    try:
        is_text = isinstance(said, str)
        found = float(pd.Timedelta(said).total_seconds() if is_text else said)
    except (TypeError, ValueError):
        found = math.nan
    if not 0 < found < math.inf:
        raise UsageError(name, f"{said!r} is no length of time", hint)
    return found


def _grid(times: Sequence[Series], every_s: float) -> Series:
    known = [time_s[np.isfinite(time_s)] for time_s in times]
    ends = np.concatenate([time_s[[0, -1]] for time_s in known if time_s.size])
    if not ends.size:
        return np.empty(0)
    first = math.ceil(ends.min() / every_s - _SLACK)
    last = math.floor(ends.max() / every_s + _SLACK)
    if last - first >= MOST_ROWS:
        raise UsageError("at", f"that makes {last - first:,} rows", "a coarser grid")
    return np.round(np.arange(first, last + 1) * every_s, 9)


def verdicts(scenarios: Iterable[Scenario]) -> pd.DataFrame:
    """Return every verdict of some scenarios, a row each."""
    rows = [
        {"scenario": scenario.title} | _verdict(verdict)
        for scenario in scenarios
        if scenario.record is not None
        for verdict in scenario.record.verdicts
    ]
    return pd.DataFrame(rows, columns=["scenario", *_COLUMNS])


_COLUMNS = (
    "subject", "quantity", "value", "U", "unit", "bound", "outcome", "margin",
    "probability", "rule", "status", "decision_rule", "statement", "reason", "remedy",
)  # fmt: skip


def _verdict(verdict: Verdict) -> dict[str, Any]:
    rule, measured = verdict.rule, verdict.measured
    found = (
        verdict.subject, rule.quantity, measured.value, measured.expanded,
        measured.unit, wording.bound(verdict), str(verdict.outcome), verdict.margin,
        verdict.probability, rule.id, rule.status, verdict.decision_rule,
        verdict.statement, verdict.reason, verdict.remedy,
    )  # fmt: skip
    return dict(zip(_COLUMNS, found, strict=True))


def log(entries: Sequence[LogEntry], axis: Axis) -> pd.DataFrame:
    """Return a log, a row an entry; `detail` holds what else it says, by name."""
    rows = [(entry.actor, entry.what, entry.detail) for entry in entries]
    index = axis.index(np.array([entry.time_s for entry in entries], dtype=np.float64))
    return pd.DataFrame(rows, index=index, columns=["actor", "what", "detail"])


def messages(table: pa.Table, axis: Axis) -> pd.DataFrame:
    """Return wire messages, a row each; `sent` is from the harness's point of view."""
    frame = table.to_pandas()
    index = axis.index(frame.pop("bench_s").to_numpy())
    return frame.astype({"role": "str"}).set_index(index)
