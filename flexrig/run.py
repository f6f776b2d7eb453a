"""A run, to look at: its scenarios, and what to do with the only one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flexrig import pages
from flexrig.scenario import Scenario
from harness.core.errors import EvidenceError, UsageError
from harness.core.recording import Channel, Series
from harness.evidence.bundle import MANIFEST, read_manifest
from harness.reporting.record_json import FILE_NAME

if TYPE_CHECKING:
    import pandas as pd

    from flexrig.frames import Clock

_LEVELS = 3
"""How far above a path its bundle is looked for."""


class Run:
    """What a run left: ``run[0]``, ``run["The car gives way"]``, ``for s in run``.

    `channels`, `array`, `frame`, `log`, `messages` and `facts` are those of its only
    scenario; of several, one has to be chosen first.

    Parameters
    ----------
    folder : Path
        Where it was found.
    scenarios : Sequence of Scenario
        In the order in which they are to be numbered.
    """

    def __init__(self, folder: Path, scenarios: Sequence[Scenario]) -> None:
        self.folder, self.scenarios = folder, tuple(scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)

    def __iter__(self) -> Iterator[Scenario]:
        return iter(self.scenarios)

    def __getitem__(self, which: int | str) -> Scenario:
        """Return a scenario by its number, its title or a part of it, or its folder.

        Raises
        ------
        UsageError
            If there is none, or more than one.
        """
        if isinstance(which, int):
            return self._numbered(which)
        for found in self._called(which):
            if len(found) == 1:
                return found[0]
            if found:
                raise self._choose(f"{len(found)} scenarios are called {which!r}")
        raise self._choose(f"no scenario is called {which!r}")

    @property
    def channels(self) -> tuple[str, ...]:
        """As `Scenario.channels`, of the only scenario."""
        return self._only.channels

    @property
    def facts(self) -> Mapping[str, object]:
        """As `Scenario.facts`, of the only scenario."""
        return self._only.facts

    def channel(self, name: str) -> Channel:
        """As `Scenario.channel`, of the only scenario."""
        return self._only.channel(name)

    def array(self, name: str) -> tuple[Series, Series]:
        """As `Scenario.array`, of the only scenario."""
        return self._only.array(name)

    def frame(
        self,
        *names: str,
        clock: Clock = "bench",
        at: str | float | None = None,
        max_age_s: float | None = None,
    ) -> pd.DataFrame:
        """As `Scenario.frame`, of the only scenario."""
        return self._only.frame(*names, clock=clock, at=at, max_age_s=max_age_s)

    def verdicts(self) -> pd.DataFrame:
        """As `Scenario.verdicts`, of every scenario."""
        from flexrig import frames

        return frames.verdicts(self.scenarios)

    def log(self, *, clock: Clock = "bench") -> pd.DataFrame:
        """As `Scenario.log`, of the only scenario."""
        return self._only.log(clock=clock)

    def messages(
        self, role: str | None = None, *, clock: Clock = "bench"
    ) -> pd.DataFrame:
        """As `Scenario.messages`, of the only scenario."""
        return self._only.messages(role, clock=clock)

    def __repr__(self) -> str:
        return pages.lines(self)

    def _repr_html_(self) -> str:
        return pages.run_page(self)

    @property
    def _only(self) -> Scenario:
        if len(self.scenarios) != 1:
            raise self._choose(f"it has {len(self)} scenarios")
        return self.scenarios[0]

    def _numbered(self, number: int) -> Scenario:
        if not -len(self) <= number < len(self):
            raise self._choose(f"there is no scenario {number}")
        return self.scenarios[number]

    def _called(self, name: str) -> Iterator[list[Scenario]]:
        """Yield who is so called, from the strictest reading to the loosest."""
        part = name.casefold()
        yield [one for one in self if one.folder.name == name]
        yield [one for one in self if one.title == name]
        yield [one for one in self if part in one.title.casefold()]

    def _choose(self, fact: str) -> UsageError:
        named = [f"{at} “{one.title}”" for at, one in enumerate(self)]
        return UsageError(str(self.folder), fact, "one of " + ", ".join(named))


def opened(path: str | os.PathLike[str], *, verify: bool) -> Run:
    """Open a run; see `flexrig.open_run`."""
    folder, bundles = _found(Path(path))
    scenarios = [Scenario(bundle, verify=verify) for bundle in bundles]
    return Run(folder, sorted(scenarios, key=_place))


def _place(scenario: Scenario) -> tuple[str, int, int, str]:
    """Order as the feature files do; what was never judged comes last."""
    record = scenario.record
    if record is None:
        return "\U0010ffff", 0, 0, scenario.folder.name
    return record.feature_file, record.line, record.row, record.slug


def _found(path: Path) -> tuple[Path, list[Path]]:
    """Return the folder of the run or bundle that a path leads to, and its bundles."""
    if not path.exists():
        raise EvidenceError(
            str(path), "it is not there", "the folder that `flexrig run` named"
        )
    start = path if path.is_dir() else path.parent
    if not (start / MANIFEST).is_file() and (bundles := _scenarios_in(start)):
        return start, bundles
    above = (start.absolute(), *start.absolute().parents[:_LEVELS])
    for folder in above:
        if (folder / MANIFEST).is_file():
            return folder, [folder]
    # What lies beside a run's bundles is one level down. Farther up, any folder could
    # hold somebody else's.
    for folder in above[:2]:
        if any(map(_is_bundle, bundles := _scenarios_in(folder))):
            return folder, bundles
    raise EvidenceError(
        str(path), "no evidence bundle in it", "the folder that `flexrig run` named"
    )


def _scenarios_in(folder: Path) -> list[Path]:
    marks = (f"*/{MANIFEST}", f"*/{FILE_NAME}")
    return sorted({path.parent for mark in marks for path in folder.glob(mark)})


def _is_bundle(folder: Path) -> bool:
    try:
        read_manifest(folder)
    except EvidenceError:
        return False
    return True
