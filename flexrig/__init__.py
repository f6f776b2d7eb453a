"""Look at what a trial left: ``flexrig.open_run(path)``.

    run = flexrig.open_run("reports/runs/20270110T170000Z")
    car = run["The car gives way and comes back"]
    car.frame("ev_meter", clock="local")

For notebooks and scripts: it sits on top of the product and nothing imports it.
Importing it costs nothing; what it needs is imported when a run is opened, and
pandas when a frame is asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flexrig.run import Run

__all__ = ["open_run"]


def open_run(path: str | os.PathLike[str], *, verify: bool = True) -> Run:
    """Open what a run left, without reading a sample of it.

    Parameters
    ----------
    path : str or PathLike
        The folder of a run, the folder of one scenario in it, or anything inside
        either of them.
    verify : bool
        Whether every file is checked against the seal first, and a bundle in which
        a byte changed is refused. What is opened without bears a mark.

    Returns
    -------
    Run
        Its scenarios, in the order of the feature files.

    Raises
    ------
    EvidenceError
        If no run is there, or a bundle of it was touched since it was sealed.
    """
    from flexrig.run import opened

    return opened(path, verify=verify)
