"""One seed, one recording: run a scenario many times and count the digests.

``python -m tests.tools.digests`` runs it twenty times with the machine as it is and
twenty times with every core kept busy; there must be one digest in all.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from harness.evidence.bundle import read_manifest
from tests.cli.bench import GOOD_RIG, ROOT, pytest_here

SHORT = ROOT / "features/devices/chargepoint_wall.feature"


def digest_of(folder: Path) -> str:
    """Return the digest of the one recording beneath a run folder."""
    (manifest,) = folder.glob("*/manifest.json")
    return str(read_manifest(manifest.parent)["recording"])


def digest(feature: Path = SHORT, *options: str) -> str:
    """Run one scenario in this process; return its recording's digest."""
    with tempfile.TemporaryDirectory(prefix="flexrig-digest-") as folder:
        ended = pytest_here(feature, GOOD_RIG, Path(folder), *options)
        assert ended.code == 0, ended.text
        return digest_of(ended.folder)


def _burn(forever: int) -> None:
    while forever:
        pass


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with something else."""
    start = multiprocessing.get_context("spawn").Process
    burners = [start(target=_burn, args=(1,)) for _ in range(os.cpu_count() or 2)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()
            burner.close()


def main() -> None:
    """Print how many digests there were, idle and busy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--feature", type=Path, default=SHORT)
    parser.add_argument("-k", dest="words", default="")
    chosen = parser.parse_args()
    options = ("-k", chosen.words) if chosen.words else ()
    found: Counter[str] = Counter()
    for load, context in (("idle", contextlib.nullcontext()), ("busy", busy_cores())):
        with context:
            these = [digest(chosen.feature, *options) for _ in range(chosen.times)]
        found.update(these)
        click.echo(f"{load}: {chosen.times} runs, {len(set(these))} digest(s)")
    click.echo(f"in all: {len(found)} digest(s)")
    sys.exit(0 if len(found) == 1 else 1)


if __name__ == "__main__":
    main()
