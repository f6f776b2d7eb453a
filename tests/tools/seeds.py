"""Every rig that must fail does so for its own reason, and the good rig passes.

``python -m tests.tools.seeds`` tries many seeds and prints rigs against seeds passed;
`tests/test_bad_rigs.py` tries one seed of each in CI.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

from harness.rig.file import ExpectTable, read_rig
from harness.steps.reading import scenario_name
from tests.cli.bench import GOOD_RIG, ROOT, pytest_here

BAD_RIGS = sorted((ROOT / "rigs/bad").glob("*.toml"))
PROCESSES = 2
Case = tuple[Path, str, str]
"""A rig, a feature file under ``features/``, and the scenario's title or part of it."""


def expectation(path: Path) -> ExpectTable:
    """Return what a bad rig says it must produce."""
    expect = read_rig(path).expect
    assert expect is not None, f"{path.name} has no [expect] table"
    return expect


def bad_cases() -> list[Case]:
    """Each bad rig with the scenario in which its defect must show."""
    found = [(path, expectation(path)) for path in BAD_RIGS]
    return [(path, expect.feature, expect.scenario) for path, expect in found]


def good_cases() -> list[Case]:
    """The good rig with every scenario that a bad rig is caught in."""
    wanted = sorted({(feature, scenario) for _, feature, scenario in bad_cases()})
    return [(GOOD_RIG, feature, scenario) for feature, scenario in wanted]


def shortfall(case: Case, folder: Path, *options: str) -> str:
    """Run one scenario on one rig; return how it fell short, or ""."""
    path, feature, scenario = case
    ended = pytest_here(
        ROOT / "features" / feature, path, folder, "-k", scenario_name(scenario),
        *options,
    )  # fmt: skip
    if len(ended.records) != 1:
        return f"{len(ended.records)} scenarios ran: {ended.text[-500:]}"
    record, expect = ended.record, read_rig(path).expect
    if expect is None:
        good = record.outcome == "pass" and ended.code == 0
        return "" if good else f"{record.outcome}: {said(record)}"
    if ended.code == 0:
        return "pytest called it a pass"
    guilty = [str(v) for v in record.verdicts if v.outcome == expect.outcome]
    guilty += [record.error] if record.outcome == "broken" else []
    if record.outcome != expect.outcome or not any(expect.reason in g for g in guilty):
        return f"{record.outcome}: {said(record)}"
    return ""


def said(record) -> str:
    """All that is short of a pass, in one line."""
    bad = [
        str(v) for v in record.verdicts if v.outcome not in ("pass", "not applicable")
    ]
    return " | ".join([*bad, record.error])


def _try(task: tuple[Case, int]) -> tuple[Case, int, str]:
    case, seed = task
    with tempfile.TemporaryDirectory(prefix="flexrig-seeds-") as folder:
        return case, seed, shortfall(case, Path(folder), "--seed", str(seed))


def main() -> None:
    """Print a table of rigs and scenarios against seeds, and every shortfall."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", default="", help="rigs whose name contains this")
    chosen = parser.parse_args()
    cases = [c for c in (*good_cases(), *bad_cases()) if chosen.only in c[0].stem]
    tasks = [(case, seed) for case in cases for seed in range(1, chosen.seeds + 1)]
    passed: Counter[Case] = Counter()
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        for case, seed, wrong in pool.imap_unordered(_try, tasks):
            passed[case] += not wrong
            if wrong:
                click.echo(f"{case[0].stem}, seed {seed}: {wrong}")
    for case in cases:
        path, _, scenario = case
        click.echo(f"{passed[case]:>4} of {chosen.seeds}  {path.stem:<28} {scenario}")
    sys.exit(0 if passed.total() == len(tasks) else 1)


if __name__ == "__main__":
    main()
