"""What a portfolio's uncertainty would be with more assets of the same mix.

Definitions: ``docs/definitions.md``, "expected error", "error floor", "assets needed".
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis.aggregate.power import AggregatePower
from harness.analysis.estimate import Estimate
from harness.core.recording import Series


def error_floor(aggregate: AggregatePower, *, coverage: float = 2.0) -> Estimate:
    """What of the uncertainty would be left with any number of such assets. [%]

    Errors in common, expanded, as a share of power: the median over the seconds. All
    else averages out as the portfolio grows; this does not.
    ``docs/definitions.md``, "error floor".
    """
    return _share_of_power(aggregate.systematic_w, aggregate, coverage)


def expected_error(aggregate: AggregatePower, *, coverage: float = 2.0) -> Estimate:
    """Expanded uncertainty of aggregate power, as a share of it: the median. [%]

    ``docs/definitions.md``, "expected error".
    """
    return _share_of_power(aggregate.u_w, aggregate, coverage)


def _share_of_power(
    u_w: Series, aggregate: AggregatePower, coverage: float
) -> Estimate:
    if not coverage > 0:
        raise ValueError(f"the coverage factor must be above 0: {coverage:g}")
    some = np.isfinite(aggregate.power_w) & (aggregate.power_w != 0)
    if not some.any():
        return Estimate(math.nan, "%", why="there is no power to compare with")
    share = coverage * u_w[some] / np.abs(aggregate.power_w[some])
    return Estimate(100 * float(np.median(share)), "%")


def assets_needed(
    aggregate: AggregatePower,
    *,
    assets: int,
    within_percent: float,
    coverage: float = 2.0,
) -> Estimate:
    """How many assets of this mix bring the expected error within a limit.

    ``docs/definitions.md``, "assets needed".

    Parameters
    ----------
    aggregate : AggregatePower
        Of a portfolio of `assets` assets.
    within_percent : float
        The limit, on both sides. [%]
    coverage : float
        Coverage factor of the expected error.

    Returns
    -------
    Estimate
        ``inf`` with the reason if no number would do.
    """
    if assets < 1 or not within_percent > 0:
        raise ValueError("assets and within_percent must be above 0")
    floor = error_floor(aggregate, coverage=coverage)
    whole = expected_error(aggregate, coverage=coverage)
    if math.isnan(whole.value):
        return Estimate(math.nan, "assets", why=whole.why)
    room = within_percent**2 - floor.value**2
    if room <= 0:
        why = (
            f"more homes would not help: the errors in common alone make "
            f"{floor.value:.3g} %"
        )
        return Estimate(math.inf, "assets", why=why)
    averaging = whole.value**2 - floor.value**2
    return Estimate(float(math.ceil(assets * averaging / room - 1e-9)), "assets")
