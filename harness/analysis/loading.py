"""How heavily an asset of the network is loaded, against its rating.

``docs/definitions.md``, "peak loading".
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import GAIN, OFFSET, MeterQuality
from harness.analysis.series import framed
from harness.core.recording import Series


def peak_loading(
    time_s: Series,
    home_w: Series,
    others_w: Series,
    *,
    homes: int,
    rating_w: float,
    from_s: float,
    until_s: float,
    meter: MeterQuality,
) -> Estimate:
    """Highest load of an asset over a window, as a share of its rating. [%]

    Parameters
    ----------
    time_s, home_w : ndarray of shape (n,)
        The boundary meter of one home. [s], [W]
    others_w : ndarray of shape (n,)
        Load of everybody else at the same moments, taken as exact. [W]
    homes : int
        How many homes like it the asset carries.
    rating_w : float
        Its rating, at unity power factor. [W]
    from_s, until_s : float
        The window. [s]
    meter : MeterQuality
        The boundary meter's error: it is that of every home.

    Returns
    -------
    Estimate
        ``nan`` if nothing was seen. Gaps may have held any load: `unseen` is then open
        upwards.
    """
    if not rating_w > 0 or homes < 1:
        raise ValueError(f"a rating of {rating_w:g} W or {homes} homes is none")
    t, home = framed(time_s, home_w, from_s, until_s)
    seen = np.isfinite(home)
    if not seen.any():
        return Estimate(math.nan, "%", why="nothing was seen of the load")
    load = homes * home + np.interp(t, time_s, others_w)
    at = int(np.nanargmax(load))
    share = 100 / rating_w
    lines = (
        Contribution(GAIN, share * homes * abs(home[at]) * meter.relative_u, "B",
                     meter.source),
        Contribution(OFFSET, share * homes * meter.absolute_u_w, "B", meter.source),
    )  # fmt: skip
    found = Estimate(
        share * float(load[at]),
        "%",
        tuple(line for line in lines if line.u > 0),
        marks=(("peak", float(t[at])),),
    )
    return found if seen.all() else replace(found, unseen=(found.value, math.inf))
