"""What the tests of aggregation share: an oracle, small blocks, and portfolios."""

import math
from contextlib import contextmanager

import numpy as np
import pytest

from harness.analysis.aggregate import blocks, shown, wide
from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.reads import Reads
from harness.analysis.aggregate.sums import ADDED

EXACT = {"random_u": 0.0, "diffusion_w2_per_s": 0.0}
"""Meters that do not err, of loads that do not move."""


def reads_from(*rows):
    """Reads as (asset, sampled, arrival, power)."""
    asset, sampled_s, arrival_s, power_w = zip(*rows, strict=True)
    return Reads(
        np.array(asset), *(np.array(x, float) for x in (sampled_s, arrival_s, power_w))
    )


@contextmanager
def small_blocks(rows=3, block=6, width=7, span=20):
    """Cut portfolios as small as tests are, so that every seam is crossed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "ROWS", rows)
        patch.setattr(blocks, "BLOCK", block)
        for module in (wide, shown):
            patch.setattr(module, "WIDTH", width)
        patch.setattr(wide, "SPAN", span)
        patch.setattr(wide, "LONG", 2 * width)
        patch.setattr(wide, "START", 2)
        yield


def assert_same(one, other):
    """The same sums, to the bit."""
    assert (one.from_s, one.assets) == (other.from_s, other.assets)
    for name in ADDED:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def assert_close(one, other, *, rel=1e-12):
    """The same sums to rounding, and the same counts."""
    for name in ADDED:
        mine, others = getattr(one, name), getattr(other, name)
        if mine.dtype == np.int64:
            np.testing.assert_array_equal(mine, others, name)
        scale = np.abs(others[np.isfinite(others)]).max(initial=1.0)
        np.testing.assert_allclose(mine, others, rtol=rel, atol=rel * scale)


def told(reads, meters, second, max_age_s):
    """What is known at one second, read by read and asset by asset."""
    for asset in range(meters.assets):
        best = None
        for a, sampled, arrival, power in sorted(
            zip(
                reads.asset,
                reads.sampled_s,
                reads.arrival_s,
                reads.power_w,
                strict=True,
            ),
            key=lambda read: read[2],
        ):
            if a != asset or arrival > second or math.isnan(power):
                continue
            if best is None or sampled > best[0]:
                best = (sampled, arrival, power)
        age = math.inf if best is None else second - best[0]
        yield asset, age <= max_age_s, best, age


def slowly(reads, meters, *, from_s, until_s, max_age_s):
    """All sums second by second, in plain Python; the slow way to the same numbers."""
    rows = []
    for second in range(from_s, until_s):
        row = dict.fromkeys(ADDED, 0.0) | {"systematic_w": [0.0] * meters.causes}
        for asset, present, best, age in told(reads, meters, second, max_age_s):
            d = meters.diffusion_w2_per_s[asset]
            if present:
                power = best[2]
                row["power_w"] += power
                row["square_w2"] += power**2
                row["random_w2"] += (meters.random_u[asset] * power) ** 2
                row["systematic_w"][meters.cause[asset]] += (
                    meters.systematic_u[asset] * power
                )
                row["absolute_w2"] += meters.absolute_u_w[asset] ** 2
                row["staleness_w2"] += d * age
                row["held"] += best[1] <= second - 1
                continue
            row["missing"] += 1
            if best is None:
                row["lost_variance_w2"] += meters.rating_w[asset] ** 2 / 3
            else:
                row["lost_w"] += best[2]
                row["lost_square_w2"] += best[2] ** 2
                row["lost_variance_w2"] += best[2] ** 2 / 3 + d * age
        rows.append(row)
    return rows


def assert_as_slowly(sums, rows, *, rel=1e-12):
    """The sums are those of the oracle."""
    for name in ADDED:
        want = np.array([row[name] for row in rows], dtype=float).T
        largest = np.abs(want[np.isfinite(want)]).max(initial=1.0)
        np.testing.assert_allclose(
            getattr(sums, name), want, rtol=rel, atol=rel * largest, err_msg=name
        )


def mixed_meters(assets, rng):
    """Meters of three makes, each asset with numbers of its own where it may."""
    return asset_meters(
        assets,
        random_u=rng.choice([0.0, 0.01, 0.02], assets),
        systematic_u=rng.choice([-0.01, 0.0, 0.005], assets),
        cause=rng.integers(0, 3, assets),
        absolute_u_w=rng.choice([0.0, 0.5], assets),
        diffusion_w2_per_s=rng.random(assets),
        rating_w=rng.choice([1000.0, 7000.0], assets),
        causes=3,
    )
