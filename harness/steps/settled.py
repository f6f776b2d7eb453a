"""Where a settlement leaves everybody, whatever was settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.analysis.estimate import Estimate

NOTHING_HAPPENS, GAINS, PAYS = "nothing", "gains", "pays"


@dataclass(frozen=True, slots=True)
class Settled:
    """Nets of all parties, and what stands against them."""

    nets_p: Mapping[str, int]
    """What each gained, by its name; negative if it lost. [p]"""
    doubts: Mapping[str, Estimate]
    """The nets that the metering's uncertainty touches. [p]"""
    turnover_p: int
    """All that anybody pays anybody. [p]"""
    channels: tuple[str, ...]
    """The meters that it hangs on."""
    trouble: str = ""
    """Why a meter may not settle, or ""."""
    refused: tuple[str, ...] = ()
    """What was not settled, by name."""
    show: Callable[[], None] = lambda: None
    """Puts it into the report."""

    def stand_of(self, party: str) -> str:
        """Say where a net leaves somebody; within its uncertainty nobody knows."""
        net_p, doubt = self.nets_p.get(party, 0), self.doubts.get(party)
        if net_p == 0:
            return NOTHING_HAPPENS
        if doubt is not None and abs(net_p) <= doubt.expanded:
            return "gains or pays, within the metering's uncertainty"
        return GAINS if net_p > 0 else PAYS
