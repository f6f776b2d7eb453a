"""What keeps figures small and legible: few points, room for labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from harness.core.recording import Series


def decimate(time_s: Series, values: Series, buckets: int) -> tuple[Series, Series]:
    """Keep at most ``3 * buckets + 2`` samples, with every extreme and every gap.

    Each bucket of equal length keeps its least and greatest sample and its first
    gap, at their own times. Nothing is averaged.
    """
    n = len(time_s)
    if n <= 3 * buckets:
        return time_s, values
    length = -(-n // buckets)
    index = np.arange(length * -(-n // length)).reshape(-1, length)
    index = np.minimum(index, n - 1)
    rows = values[index]
    gap = np.isnan(rows)
    first = index[:, 0]
    lowest = first + np.argmin(np.where(gap, np.inf, rows), axis=1)
    highest = first + np.argmax(np.where(gap, -np.inf, rows), axis=1)
    gaps = (first + np.argmax(gap, axis=1))[gap.any(axis=1)]
    keep = np.unique(np.r_[0, lowest, highest, gaps, n - 1])
    keep = keep[keep < n]
    return time_s[keep], values[keep]


def spread(at: Sequence[float], widths: Sequence[float], room: float) -> list[float]:
    """Move label centres as little as needed for none to overlap, in order.

    They stay between 0 and `room` if they fit at all; else they run over its end.
    """
    left: list[float] = []
    edge = 0.0
    for x, width in zip(at, widths, strict=True):
        start = max(x - width / 2, edge)
        left.append(start)
        edge = start + width
    edge = max(room, sum(widths))
    for i in reversed(range(len(left))):
        left[i] = min(left[i], edge - widths[i])
        edge = left[i]
    return [start + width / 2 for start, width in zip(left, widths, strict=True)]


_NUMBER = re.compile(r"-?\d+\.\d{2,}")


def compact(svg: str) -> str:
    """Cut coordinates to a tenth of a point, and drop what no reader needs."""

    def shorten(found: re.Match[str]) -> str:
        return f"{float(found.group()):.1f}".removesuffix(".0")

    def path(found: re.Match[str]) -> str:
        return found.group(1) + _NUMBER.sub(shorten, found.group(2)).replace("\n", "")

    svg = re.sub(r'(<path[^>]*? d=")([^"]*)', path, svg, flags=re.S)
    svg = re.sub(r"<!DOCTYPE[^>]*>\s*", "", svg)
    return re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.S)
