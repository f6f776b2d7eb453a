"""flexrig rejudge: the verdicts again, from the recordings alone."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli.job import BENCH_OR_USAGE, Job, carry_out, code_of, explain
from harness.cli.progress import make_console
from harness.cli.run import DECISION_RULE, read_date
from harness.core.errors import EvidenceError
from harness.evidence.bundle import MANIFEST, read_manifest, verify
from harness.evidence.compare import same_verdicts
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import FILE_NAME, read_records
from harness.reporting.table import verdict_table

PROMISED = frozenset({"rig_file", "feature_file", "date", "decision_rule", "seed"})
"""What a bundle must say of itself to be judged again."""


@click.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option("--decision-rule", type=DECISION_RULE, help="Judge by another rule.")
def rejudge(run_folder: Path, decision_rule: str | None) -> None:
    """Judge the recordings of RUN_FOLDER again, without a bench.

    Every file is checked against its digest first: one changed byte and nothing is
    judged. Then the verdicts are compared with those of the run. A recording that
    was cut short is judged as far as it goes; it never passes.
    """
    bundles = _bundles(run_folder)
    facts = [_promised(bundle) for bundle in bundles]
    console, before = make_console(), read_records(run_folder)
    with tempfile.TemporaryDirectory(prefix="flexrig-") as name:
        features = _restore_features(bundles, facts, Path(name) / "features")
        folder = Path(name) / "run"
        folder.mkdir()
        job = Job(
            features=features,
            rig=None,  # each recording's own, as are its day and seed
            folder=folder,
            today=read_date(None),
            decision_rule=decision_rule,
            workers=min(2, len(bundles)),
            rejudge=run_folder.absolute(),
        )
        status = carry_out(job, console)
        again = read_records(job.folder)
        if again:
            console.print(verdict_table(again))
        explain(job, status, again, console)
        differences, compared = _differences(run_folder, before, job.folder)
        code = code_of(job, status, again)
    for line in (*_never_judged(before), *differences):
        console.print(line, markup=False, soft_wrap=True)
    if differences and all(
        decision_rule in (None, one["decision_rule"]) for one in facts
    ):
        console.print("the verdicts are NOT the same")
        sys.exit(BENCH_OR_USAGE)
    if compared and not differences:
        console.print(f"the same verdicts: {compared} of {len(again)} were compared")
    sys.exit(code)


def _bundles(run_folder: Path) -> list[Path]:
    found = sorted(path.parent for path in run_folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise EvidenceError(
            str(run_folder),
            "no evidence bundle in it",
            "the folder `flexrig run` named",
        )
    return found


def _promised(folder: Path) -> dict[str, Any]:
    """Return what a bundle promised before measuring, if nothing in it changed.

    Raises
    ------
    EvidenceError
        If a file changed, or the bundle says too little to be judged again.
    """
    found = read_manifest(folder)
    if "seal" in found:  # a kill leaves none; what it left is incomplete, and read so
        found = verify(folder)
    facts = found.get("before", {}).get("facts", {})
    for name in sorted(PROMISED - facts.keys()):
        fact = f"its {MANIFEST} says nothing of {name!r}"
        raise EvidenceError(str(folder), fact, "a bundle that `flexrig run` made")
    return dict(facts)


def _restore_features(
    bundles: Sequence[Path], facts: Sequence[dict[str, Any]], target: Path
) -> tuple[Path, ...]:
    """Write the feature files out of the bundles, as they were when measured."""
    target.mkdir()
    paths: dict[Path, None] = {}
    for bundle, promised in zip(bundles, facts, strict=True):
        path = target / Path(promised["feature_file"]).name
        path.write_bytes((bundle / "scenario.feature").read_bytes())
        paths[path] = None
    return tuple(paths)


def _never_judged(records: Sequence[ScenarioRecord]) -> list[str]:
    """Say which scenarios broke when they were measured: they had no verdicts."""
    return [
        f"{record.title}: broke when it was measured ({record.error})"
        for record in records
        if record.outcome == "broken"
    ]


def _differences(
    before: Path, records: Sequence[ScenarioRecord], after: Path
) -> tuple[list[str], int]:
    """Where the verdicts part, of how many; a scenario that broke had none."""
    lines: list[str] = []
    compared = 0
    for record in records:
        old, new = (root / record.slug / FILE_NAME for root in (before, after))
        if record.outcome == "broken" or not (old.parent / MANIFEST).exists():
            continue
        if not new.exists():
            lines.append(f"{record.slug}: was not judged again")
            continue
        compared += 1
        found = same_verdicts(_verdicts(old), _verdicts(new))
        lines += [f"{record.slug}: {line}" for line in found]
    return lines, compared


def _verdicts(path: Path) -> str:
    return json.dumps(json.loads(path.read_text())["verdicts"])
