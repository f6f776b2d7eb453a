"""Power of homes as steps: exact, small, and quick to turn into a value a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.core.recording import Series

WH_S = 3600.0
"""Seconds of an hour: watt-seconds in a watt-hour."""


@dataclass(frozen=True, slots=True)
class PowerSteps:
    """Power that is constant from one step to the next, a row a home.

    Both arrays are ``(homes, steps)``. The first step of each home begins at 0 s; steps
    of no length are allowed, so that homes need not have equally many.
    """

    begin_s: Series
    """When each begins; it does not decrease along a row. [s]"""
    power_w: Series
    """Power from then on, import positive. [W]"""

    def table(self, seconds: int) -> Series:
        """Return power at each whole second, shape ``(homes, seconds)``. [W]"""
        rows = self.begin_s.shape[0]
        edges = np.clip(np.ceil(self.begin_s), 0, seconds).astype(np.intp)
        ends = np.concatenate((edges[:, 1:], np.full((rows, 1), seconds)), axis=1)
        spread = np.repeat(self.power_w.ravel(), (ends - edges).ravel())
        return spread.reshape(rows, seconds)

    def total(self, seconds: int) -> Series:
        """Return the power of all homes at each whole second, ``(seconds,)``. [W]"""
        edges = np.clip(np.ceil(self.begin_s), 0, seconds).astype(np.intp)
        change = np.diff(self.power_w, axis=1, prepend=0.0)
        changes = np.bincount(edges.ravel(), change.ravel(), minlength=seconds + 1)
        whole: Series = np.cumsum(changes[:seconds])
        return whole

    def energy_wh(
        self, from_s: float, until_s: float, *, above_w: Series | float = 0.0
    ) -> Series:
        """Return the energy of each home over a stretch, ``(homes,)``. [Wh]

        Parameters
        ----------
        from_s, until_s : float
            The stretch. [s]
        above_w : float or ndarray of shape (homes,)
            Only power beyond this counts. [W]
        """
        ends = np.concatenate(
            (self.begin_s[:, 1:], np.full((self.begin_s.shape[0], 1), np.inf)), axis=1
        )
        lasts_s = np.minimum(ends, until_s) - np.maximum(self.begin_s, from_s)
        level = np.reshape(above_w, (-1, 1))
        power = (
            self.power_w
            if np.all(level == 0)
            else np.maximum(self.power_w - level, 0.0)
        )
        energy: Series = (np.maximum(lasts_s, 0.0) * power).sum(axis=1) / WH_S
        return energy

    def cut_at(self, *at_s: Series) -> PowerSteps:
        """Return the same power with a step more at each of some instants.

        Parameters
        ----------
        *at_s : ndarray of shape (homes,)
            Instants, not before 0 s. [s]
        """
        more = np.stack(at_s, axis=1)
        begin = np.concatenate((self.begin_s, more), axis=1)
        before = (self.begin_s[:, None, :] <= more[:, :, None]).sum(axis=2) - 1
        power = np.concatenate(
            (self.power_w, np.take_along_axis(self.power_w, before, axis=1)), axis=1
        )
        order = np.argsort(begin, axis=1, kind="stable")
        return PowerSteps(
            np.take_along_axis(begin, order, axis=1),
            np.take_along_axis(power, order, axis=1),
        )

    def during(self, from_s: Series, until_s: Series) -> np.ndarray:
        """Tell which steps begin inside a stretch of their home's own."""
        inside: np.ndarray = (self.begin_s >= from_s[:, None]) & (
            self.begin_s < until_s[:, None]
        )
        return inside
