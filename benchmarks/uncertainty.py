"""Monte Carlo uncertainty of one verdict with 100,000 draws, against a plain loop.

The plain loop makes the meter wrong once a draw and finds the answer anew, as the
definition has it; it is timed on a few hundred draws and scaled up. The limit asked
for is half a second a verdict.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from harness.analysis.arrival import Stay
from harness.analysis.quality import MeterQuality
from harness.analysis.ramp import ramp_rate
from harness.analysis.registers import RegisterQuality, register_error
from harness.analysis.response import progress, response_time
from harness.analysis.series import band_around

DRAWS, LOOPED = 100_000, 300
METER = MeterQuality("certificate", 0.002, 0.5, 1.0, 0.0, 0.3, 0.1)
BAND = band_around(1400.0, 290.0)


def seconds(work: Callable[[], object], times: int = 7) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def main() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(-60.0, 14_400.0)
    p = np.clip(7200.0 - 800.0 * (t - 3.0), 1400.0, 7200.0) + rng.normal(0, 3, t.size)

    def response() -> None:
        response_time(t, p, sent_at_s=0, until_s=14_400, band=BAND, dwell_s=30,
                      meter=METER, draws=DRAWS)  # fmt: skip

    def response_by_loop() -> None:
        stay = Stay(t, 30.0, 0.0)
        for _ in range(LOOPED):
            true_w = (p - rng.normal(0, 0.5)) / (1 + rng.normal(0, 0.002))
            stay.arrival(BAND.holds(true_w))

    def ramp() -> None:
        ramp_rate(t, p, sent_at_s=0, before_w=7200, target_w=1400, meter=METER,
                  until_s=14_400)  # fmt: skip

    def ramp_by_loop() -> None:
        for _ in range(LOOPED):
            true_w = (p - rng.normal(0, 0.5)) / (1 + rng.normal(0, 0.002))
            np.flatnonzero(progress(true_w, 7200.0, 1400.0) >= 0.9)

    at_s = np.arange(0.0, 3600.0, 10.0)
    wh = np.floor(at_s * 2.3 / 3.6)
    register = RegisterQuality("register", 1.0, 1.0)
    standard = RegisterQuality("standard", 0.001, 1.0, 0.00025)

    def registers() -> None:
        register_error(at_s, at_s + 0.1, wh, at_s, at_s + 0.1, at_s * 2.3 / 3.6,
                       from_s=0, until_s=3600, meter=register, reference=standard,
                       draws=DRAWS)  # fmt: skip

    print(f"Monte Carlo of one verdict, {DRAWS:,} draws (limit 0.5 s)")
    for name, work, loop in (
        ("response time, 4 h at 1 Hz", response, response_by_loop),
        ("ramp rate, 4 h at 1 Hz", ramp, ramp_by_loop),
        ("register error", registers, None),
    ):
        took_s = seconds(work)
        text = f"  {name:28} {took_s:.3f} s"
        if loop is not None:
            plain_s = seconds(loop, 3) * DRAWS / LOOPED
            text += f", a plain loop takes {plain_s / took_s:,.0f} times as long"
        print(text)


if __name__ == "__main__":
    main()
