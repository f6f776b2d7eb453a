"""Waveforms and their harmonics, grouped as IEC 61000-4-7 has it.

A window is ten cycles of 50 Hz, so that a spectrum has a line every 5 Hz. The harmonic
group of order h takes the line of that harmonic, the four on either side of it, and
half the energy of the fifth on each side; the total distortion of groups (THDG) is the
root of the squares of groups 2 to 40, over group 1. Source: IEC 61000-4-7:2002, 5.5.1
and 3.3.2, from general knowledge: unverified.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Spectrum = Mapping[int, complex]
"""Harmonics by order, RMS, each at an angle to the fundamental of the voltage."""

CYCLES = 10
PER_WINDOW = 2048
"""Samples in a window of ten cycles: beyond the 40th harmonic's two a period."""
ORDERS = 40
_LINES = CYCLES
"""Lines of the spectrum from one harmonic to the next."""


def sampled(spectrum: Spectrum) -> Samples:
    """Return one window of the waveform that has these harmonics."""
    angle = 2 * np.pi * CYCLES * np.arange(PER_WINDOW) / PER_WINDOW
    wave = np.zeros(PER_WINDOW)
    for order, rms in spectrum.items():
        wave += math.sqrt(2) * abs(rms) * np.cos(order * angle + np.angle(rms))
    return wave


def groups(window: Samples) -> Samples:
    """Return harmonic groups 1 to 40 of a window of ten cycles, RMS; index 0 is 1."""
    lines = np.abs(np.fft.rfft(window)) * math.sqrt(2) / window.size
    squares = lines**2
    found = np.empty(ORDERS)
    half = _LINES // 2
    for order in range(1, ORDERS + 1):
        at = order * _LINES
        inner = squares[at - half + 1 : at + half].sum()
        edges = (squares[at - half] + squares[at + half]) / 2
        found[order - 1] = math.sqrt(inner + edges)
    return found


def distortion_percent(window: Samples) -> float:
    """Return the total harmonic distortion of a window's groups; 0 of nothing. [%]"""
    found = groups(window)
    if found[0] < 1e-9:
        return 0.0
    return 100 * float(np.sqrt((found[1:] ** 2).sum()) / found[0])
