"""A year of 1,000 meters settled: baselines, in-day adjustment, payments, in seconds.

Against a plain pandas implementation of the same baseline and payment in the same run:
it groups by day, keeps the last days of a kind, averages and multiplies in floats, for
as many meters as asked for, and is scaled up; it knows no clock changes and no
uncertainty. Run: ``python benchmarks/settlement.py [PANDAS_METERS]``.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import date, timedelta

import numpy as np
import pandas as pd

from harness.settlement.daytypes import Country, working_days
from harness.settlement.money import price_of
from harness.settlement.payments import PROPORTIONAL
from harness.settlement.periods import grid
from harness.settlement.portfolio import Calls, settle

MPANS, SETTLED = 1_000, 365
LAST = date(2026, 10, 31)
DAYS = grid(LAST - timedelta(days=SETTLED + 59), LAST)
SPAN = slice(60, None)
FIRST, LENGTH, ASKED_WH = 35, 4, 700
"""Events are from period 35, for four periods, of 700 Wh each."""
PRICE = price_of("300")
CALLED = 0.1


def made() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Metered energies, event days, and the first period of each day's event."""
    rng = np.random.default_rng(1)
    shape = (MPANS, len(DAYS.days))
    metered = rng.integers(50, 2_000, (*shape, 50)).astype(float)
    metered[rng.random(shape) < 0.01, 20] = np.nan
    metered[:, ~DAYS.has] = np.nan
    events = rng.random(shape) < CALLED
    events[:, : SPAN.start] = False
    first = np.where(events[:, SPAN], FIRST, 0)
    return metered, events, first


def ours(metered: np.ndarray, events: np.ndarray, first: np.ndarray) -> np.ndarray:
    asked = np.full(first.shape, ASKED_WH)
    return settle(
        metered, DAYS,
        working=working_days(DAYS.days, Country.ENGLAND_AND_WALES),
        event_days=events, settled=SPAN,
        calls=Calls(first, first + LENGTH - 1, asked),
        price=PRICE, curve=PROPORTIONAL, relative_u=0.01,
    ).payment_p  # fmt: skip


def with_pandas(metered: np.ndarray, events: np.ndarray) -> list[float]:
    """Payments in pounds, meter by meter, as a notebook would have them."""
    working = working_days(DAYS.days, Country.ENGLAND_AND_WALES)
    paid = []
    for meter, event in zip(metered, events, strict=True):
        frame = pd.DataFrame(meter[:, :48], index=pd.DatetimeIndex(DAYS.days))
        good = frame.notna().all(axis=1) & ~event & (DAYS.counts == 48)
        for kind, most in ((True, 10), (False, 4)):
            own = frame[good & (working == kind)]
            called = frame.index[event & (working == kind) & (DAYS.counts == 48)]
            for day in called:
                known = own[
                    (own.index < day) & (own.index >= day - pd.Timedelta("60D"))
                ]
                base = known.tail(most).mean()
                miss = (frame.loc[day] - base).iloc[FIRST - 9 : FIRST - 3].mean()
                event_wh = slice(FIRST - 1, FIRST - 1 + LENGTH)
                delivered = (base + miss - frame.loc[day]).iloc[event_wh]
                paid.append((delivered.clip(0, ASKED_WH) * 300 / 1e6).round(2).sum())
    return paid


def main() -> None:
    meters = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    metered, events, first = made()
    took = []
    for _ in range(3):
        began = time.perf_counter()
        payment_p = ours(metered, events, first)
        took.append(time.perf_counter() - began)
    began = time.perf_counter()
    paid = with_pandas(metered[:meters], events[:meters])
    plain_s = (time.perf_counter() - began) * MPANS / meters
    best = sorted(took)[1]
    print(f"{MPANS:,} MPANs, {SETTLED} days, {int((first > 0).sum()):,} events")
    print(f"ours: {best:.2f} s (median of 3); £{payment_p.sum() / 100:,.2f} paid")
    print(
        f"plain pandas: {plain_s:.1f} s (from {meters} meters): {plain_s / best:.0f}:1"
    )
    same = payment_p[:meters][:, DAYS.counts[SPAN] == 48].sum() / 100
    print(f"those {meters} meters: £{same:,.2f}, pandas £{np.nansum(paid):,.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory: {peak:.0f} MB, of which the readings are "
          f"{metered.nbytes / 2**20:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
