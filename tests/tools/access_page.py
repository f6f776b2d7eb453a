"""One recording against every service and every edition of metering, as a page.

``python -m tests.tools.access_page`` runs the features that hold an asset against them
and writes the tables that their reports show to ``docs/market-access.md``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from harness.reporting.record import TableRecord
from tests.cli.bench import ROOT, pytest_here

PAGE = ROOT / "docs/market-access.md"
RUNS = (
    ("services/balancing_mechanism.feature", "emulated.toml", "gives_way_at_once"),
    ("services/balancing_mechanism.feature", "emulated.toml", "gives_way and two"),
    ("metering/operational_metering.feature", "emulated.toml", "cohort"),
    ("metering/smart_meter.feature", "meters.toml", "what_the_home_draws"),
)


def tables() -> list[TableRecord]:
    """Run each feature and return the tables that it made."""
    found = []
    for feature, rig, only in RUNS:
        with tempfile.TemporaryDirectory(prefix="flexrig-access-") as folder:
            path = ROOT / "features" / feature
            options = ("-k", only, "--date", "2026-11-01")
            run = pytest_here(path, ROOT / "rigs" / rig, Path(folder), *options)
            found += [table for step in run.record.steps for table in step.made]
    return found


def page(found: list[TableRecord]) -> str:
    """The page: a table for each recording."""
    lines = [
        "# Which services, and which editions of operational metering, a recording "
        "meets",
        "",
        "Made by `python -m tests.tools.access_page` from one run each of the "
        "scenarios that hold an asset against them, by simple acceptance. `flexrig "
        "access RUN` does the same for any run. Each criterion is judged apart; the "
        "last column "
        "says what keeps the asset out, the nearest first. Services ask for more than "
        "a bench can measure. Emulated: this certifies nothing.",
        "",
    ]
    for table in found:
        head, *rows = table.rows
        lines += [f"## {table.title}", "", f"| {' | '.join(head)} |"]
        lines += ["|---" * len(head) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    PAGE.write_text(page(tables()), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))  # noqa: T201 - a tool says what it wrote


if __name__ == "__main__":
    main()
