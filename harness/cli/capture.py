"""flexrig capture: what the wire says beside what the harness wrote down."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from harness.analysis.estimate import Estimate
from harness.analysis.series import Band, at_least, at_most, between
from harness.analysis.wire import conversation
from harness.analysis.wire_match import Matches, Tie, TiePoint, WireFrame, matched
from harness.analysis.wire_timing import Compared, Exchanges, answered, exchanges, seen
from harness.capture.beside import decoded
from harness.core.errors import EvidenceError
from harness.core.recording import Recording
from harness.evidence.bundle import MANIFEST, read_bundle
from harness.rulebook.loader import load_rulebook
from harness.trial.capturing import FACT
from harness.trial.planned import Move
from harness.trial.view import (
    Dispatched,
    MeterView,
    dispatched,
    meter_facts,
    meter_view,
    starts_at,
)

BEFORE_S = 120.0
"""The level before an instruction is the median over this long before it. [s]"""


@click.group()
def capture() -> None:
    """Read what `flexrig run --capture` kept of the wire."""


@capture.command()
@click.argument("file", type=click.Path(path_type=Path))
def decode(file: Path) -> None:
    """Print the messages in FILE (wire.pcapng), one a line."""
    for told in decoded(file):
        click.echo(
            f"{_clock(int(str(told['time_ns'])))}  {told['from']} > {told['to']}  "
            f"{told['protocol']}: {told['summary']}  {told['payload']}".rstrip()
        )


@capture.command()
@click.argument("folder", type=click.Path(path_type=Path))
def compare(folder: Path) -> None:
    """Compare response times on the wire with the driver's, for a run or a bundle.

    Nothing is changed in the bundle, and no verdict comes of this.
    """
    console = Console(width=None if sys.stdout.isatty() else 160)
    for bundle in _bundles(folder):
        evidence = _Evidence.read(bundle)
        console.print(bundle.name, style="bold", markup=False)
        console.print(f"capture: {evidence.status}", markup=False)
        console.print(_of_instructions(evidence))
        console.print(_of_exchanges(evidence))
        for line in evidence.notes:
            console.print(line, markup=False, soft_wrap=True)


def _bundles(folder: Path) -> list[Path]:
    found = [folder] if (folder / MANIFEST).exists() else []
    found += sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise EvidenceError(
            str(folder), "no evidence bundle in it", "a folder `flexrig run` named"
        )
    return found


@dataclass(slots=True)
class _Evidence:
    """One bundle with its capture."""

    recording: Recording
    status: str
    tie: Tie
    matches: dict[str, Matches]
    notes: list[str]

    @classmethod
    def read(cls, bundle: Path) -> _Evidence:
        recording = read_bundle(bundle)
        facts = recording.facts.get(FACT)
        if not isinstance(facts, Mapping):
            raise EvidenceError(
                str(bundle), "the wire was not captured", "flexrig run --capture"
            )
        points = tuple(TiePoint(**point) for point in facts["clock"])
        if not points:
            raise EvidenceError(
                str(bundle), "the bench never began to run", "another scenario's bundle"
            )
        frames = [_frame(told) for told in decoded(bundle / str(facts["file"]))]
        tie = Tie(points)
        roles = dict.fromkeys(message.role for message in recording.messages)
        matches = {role: _matched(recording, role, frames, tie) for role in roles}
        return cls(recording, str(facts["status"]), tie, matches, [])

    def of(self, role: str) -> Matches:
        """The messages of a role; none, if it never said anything."""
        return self.matches.get(role) or matched(conversation(()), (), self.tie)


def _matched(
    recording: Recording, role: str, frames: list[WireFrame], tie: Tie
) -> Matches:
    own = (message for message in recording.messages if message.role == role)
    return matched(conversation(own), frames, tie)


def _frame(told: Mapping[str, Any]) -> WireFrame:
    return WireFrame(
        int(told["time_ns"]),
        *(str(told[key]) for key in ("from", "to", "protocol", "summary", "payload")),
    )


def _of_instructions(evidence: _Evidence) -> Table:
    table = Table("instruction", "until", "driver", "wire", "driver − wire")
    for one in dispatched(evidence.recording):
        name = f"{one.role} {one.move} to {one.level_w:g} W"
        for until, compared in _compared(evidence, one):
            cells = (_ms(compared.driver), _ms(compared.wire), _ms(compared.difference))
            table.add_row(name, until, *cells)
            why = compared.difference.why
            if why:
                evidence.notes.append(f"{name}, until {until}: {why}")
    return table


def _compared(evidence: _Evidence, one: Dispatched) -> Iterator[tuple[str, Compared]]:
    tie = evidence.tie
    answer, carrier = answered(
        evidence.of(one.role), tie, sent_s=one.sent_s, acked_s=one.acked_s
    )
    yield "its answer", answer
    view = meter_view(evidence.recording, one.role)
    channel = None if view is None else evidence.recording.channels.get(view.channel)
    if view is not None and channel is not None:
        yield f"{view.meter} in its band", seen(
            carrier, evidence.of(view.meter), channel, tie,
            sent_s=one.sent_s, until_s=one.until_s,
            band=_band(evidence.recording, one, view),
        )  # fmt: skip


def _band(recording: Recording, one: Dispatched, view: MeterView) -> Band:
    """The level asked, give or take the share of the change that agreements allow."""
    _, before_w = between(view.time_s, view.power_w, one.sent_s - BEFORE_S, one.sent_s)
    rule = load_rulebook().rule(
        "agreement/delivery-tolerance", on=starts_at(recording).date()
    )
    level_w = float(np.nanmedian(before_w)) if np.isfinite(before_w).any() else math.nan
    share = (rule.at_most or 0.0) / 100
    tolerance_w = share * abs(one.level_w - level_w) if level_w == level_w else 0.0
    if one.move is Move.DOWN:
        return at_most(one.level_w + tolerance_w)
    return at_least(one.level_w - tolerance_w)


def _of_exchanges(evidence: _Evidence) -> Table:
    table = Table(
        "role", "kind", "answers", "on the wire", "wire, median", "driver, median",
        "driver − wire, median", "largest",
    )  # fmt: skip
    meters = meter_facts(evidence.recording)
    for role, found in evidence.matches.items():
        kind = "meter" if role in meters else "device"
        table.add_row(role, kind, *_row(exchanges(found, evidence.tie)))
    return table


def _row(all_of: Exchanges) -> tuple[str, ...]:
    worst = all_of.worst_excess_s
    return (
        str(all_of.asked), str(all_of.found), _ms(all_of.wire_s),
        _ms(all_of.driver_s), _ms(all_of.excess_s),
        "" if math.isnan(worst) else f"{1e3 * worst:.2f} ms",
    )  # fmt: skip


def _ms(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "not known"
    shown = f"{1e3 * estimate.value:.2f}"
    if estimate.budget:
        shown += f" ± {1e3 * estimate.expanded:.2f}"
    return f"{shown} ms"


def _clock(time_ns: int) -> str:
    """UTC of a stamp, to the nanosecond: ``08:57:29.578580914``."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    minutes, second = divmod(seconds % 86_400, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{nanoseconds:09d}"
