"""One scenario of a run, to look at: its verdicts, its channels, its log."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flexrig import pages
from harness.checks.verdict import Grade
from harness.core.errors import EvidenceError, UsageError
from harness.core.recording import Channel, Series
from harness.evidence import logbook, samples, tables
from harness.evidence.bundle import MANIFEST, Standing, standing
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import FILE_NAME, record_from_json

if TYPE_CHECKING:
    import pandas as pd

    from flexrig.frames import Axis, Clock

NEVER_JUDGED = "never judged"
_NOTHING_MEASURED = Standing(
    {"cut_short_by": "it broke before anything was measured"},
    complete=False,
    sealed=False,
)


class Scenario:
    """What one scenario left. Opening it reads no sample.

    Parameters
    ----------
    folder : Path
        Its bundle, or what it left if it broke before anything was measured.
    verify : bool
        Whether a bundle that was touched is refused.

    Raises
    ------
    EvidenceError
        If it was touched, or is no bundle.
    """

    def __init__(self, folder: Path, *, verify: bool) -> None:
        self.folder = folder
        self._standing = _NOTHING_MEASURED
        if (folder / MANIFEST).exists():
            self._standing = standing(folder, check=verify)
        self.verified = verify and self._standing.sealed
        """Whether every file was found as it was when it was sealed."""
        path = folder / FILE_NAME
        self.record: ScenarioRecord | None = None
        """What the reports read: steps, verdicts, figures; None after a kill."""
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            self.record = record_from_json(text, where=str(path))

    @property
    def title(self) -> str:
        """What the feature file calls it; the folder's name after a kill."""
        return self.record.title if self.record else self.folder.name

    @property
    def outcome(self) -> str:
        """``pass``, ``fail``, … as in the report; ``never judged`` after a kill."""
        return str(self.record.outcome) if self.record else NEVER_JUDGED

    @property
    def complete(self) -> bool:
        """Whether the plan was carried out to its end."""
        return self._standing.complete

    @property
    def sealed(self) -> bool:
        """Whether it bears a seal: a crash leaves none."""
        return self._standing.sealed

    @property
    def facts(self) -> Mapping[str, object]:
        """What was promised before measuring, and what was learnt meanwhile."""
        return self._standing.facts

    @property
    def grade(self) -> Grade | None:
        """What the evidence was taken on; None if it does not say."""
        said = self.facts.get("grade")
        return Grade(str(said)) if said in list(Grade) else None

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel's name, ``role.quantity``, in order of first appearance."""
        return tuple(self._stored)

    @cached_property
    def _stored(self) -> Mapping[str, Channel]:
        return samples.stored_channels(self.folder)

    def channel(self, name: str) -> Channel:
        """Return a channel with all three times of each sample.

        Raises
        ------
        UsageError
            If there is no such channel.
        """
        if name not in self._stored:
            raise self._unknown(name, self.channels)
        return self._stored[name]

    def array(self, name: str) -> tuple[Series, Series]:
        """Return a channel's bench times and values, which cannot be written to.

        Returns
        -------
        time_s, values : ndarray of shape (n,)
            Bench time [s]; the values' unit ends the channel's name, and ``nan`` is
            a read that failed.

        Raises
        ------
        UsageError
            If there is no such channel.
        """
        channel = self.channel(name)
        return channel.time_s, channel.values

    def frame(
        self,
        *names: str,
        clock: Clock = "bench",
        at: str | float | None = None,
        max_age_s: float | None = None,
    ) -> pd.DataFrame:
        """Return channels side by side: a row a moment, a column a channel.

        Parameters
        ----------
        *names : str
            Channels, and roles for all that they said.
        clock : {"bench", "utc", "local"}
            Index by bench seconds, or by the trial's civil time with its time zone.
        at : str or float, optional
            ``"1s"``, ``"500ms"``, or seconds: a row at each whole multiple of it,
            with each channel's last sample up to then. Without it nothing is
            resampled or filled: ``nan`` is a read that failed, or a channel that
            was not heard at that moment (`array` tells which).
        max_age_s : float, optional
            Needed with `at`: a sample older than this is not held. [s] A read that
            failed is held as ``nan``; nothing bridges it.

        Returns
        -------
        pandas.DataFrame
            Float64. ``attrs["flexrig"]`` says whose it is, of what grade, whether
            complete, and how values were held.

        Raises
        ------
        UsageError
            If there is no such role or channel, or the options do not fit.
        """
        from flexrig import frames

        read = samples.read_some(self._stored, self._chosen(names))
        axis = self._axis(clock)
        if at is None and max_age_s is None:
            found, how = frames.as_heard(read, axis), "as heard; nothing filled"
        else:
            found, how = frames.held(read, axis, at=at, max_age_s=max_age_s)
        found.attrs["flexrig"] = {"scenario": self.title, "values": how} | {
            "grade": str(self.grade),
            "complete": self.complete,
            "verified": self.verified,
        }
        return found

    def verdicts(self) -> pd.DataFrame:
        """Return the verdicts as the run judged them, a row each.

        ``U`` is the expanded uncertainty, in the unit of ``value``; ``margin`` is the
        distance from the bound, positive inside; ``rule`` is the rule's id.
        """
        from flexrig import frames

        return frames.verdicts([self])

    def log(self, *, clock: Clock = "bench") -> pd.DataFrame:
        """Return what every actor did and learnt, a row an entry.

        Raises
        ------
        EvidenceError
            If a line of the log cannot be read.
        """
        from flexrig import frames

        path = self.folder / logbook.NAME
        entries = logbook.read(path, torn_ok=not self._standing.sealed)
        return frames.log(entries, self._axis(clock))

    def messages(
        self, role: str | None = None, *, clock: Clock = "bench"
    ) -> pd.DataFrame:
        """Return every wire message verbatim, of one role or of all; a row each.

        Raises
        ------
        UsageError
            If that role has no message.
        """
        from flexrig import frames

        found = frames.messages(
            tables.read_table(self.folder, "messages"), self._axis(clock)
        )
        if role is None:
            return found
        if role not in set(found["role"]):
            raise self._unknown(role, sorted(set(found["role"])))
        return found[found["role"] == role]

    def __repr__(self) -> str:
        return pages.line(self)

    def _repr_html_(self) -> str:
        return pages.scenario_page(self)

    def _chosen(self, names: Sequence[str]) -> list[str]:
        """Return the channels that names of roles and channels stand for, once each."""
        by_role: dict[str, list[str]] = {}
        for channel in self.channels:
            by_role.setdefault(channel.partition(".")[0], []).append(channel)
        if not names:
            raise UsageError(
                f"frame of “{self.title}”", "nobody is named", ", ".join(by_role)
            )
        chosen: list[str] = []
        for name in names:
            if name not in self._stored and name not in by_role:
                raise self._unknown(name, [*by_role, *self.channels])
            chosen += by_role.get(name, [name])
        return list(dict.fromkeys(chosen))

    def _unknown(self, name: str, known: Sequence[str]) -> UsageError:
        like = difflib.get_close_matches(name, known) or known
        hint = ", ".join(like) or "a scenario in which something was recorded"
        return UsageError(f"“{self.title}”", f"nothing of {name!r} is in it", hint)

    def _axis(self, clock: Clock) -> Axis:
        from flexrig import frames

        if clock not in frames.CLOCKS:
            raise UsageError(
                "clock", f"there is no {clock!r}", ", ".join(frames.CLOCKS)
            )
        if clock == "bench":
            return frames.Axis(clock)
        if "starts_at" not in self.facts:
            fact = "it does not say when bench second 0 was"
            raise EvidenceError(str(self.folder), fact, 'clock="bench"')
        return frames.Axis(clock, datetime.fromisoformat(str(self.facts["starts_at"])))
