"""The recorder: all that a trial observes, on disk as it happens.

Samples and messages gather in small buffers that go to Arrow streams; log entries
go to disk line by line. Killed at any moment, a trial leaves a bundle that reads
up to its last flush and is marked incomplete (`harness.evidence.bundle`).
"""

from __future__ import annotations

import math
import struct
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from harness.core.clock import BenchClock
from harness.core.errors import BenchError
from harness.core.recording import LogEntry, Reading
from harness.evidence import bundle, columns, logbook, manifest, settling, tables

FLUSH_ROWS = 5_000
"""Rows held back from the disk at most, of samples and of messages each."""
FLUSH_CHARACTERS = 4_000_000
"""Characters of messages held back at most."""
_ROW = struct.Struct("<q4d")
_NUMBERS = ("bench_s", "arrival_s", "device_s", "value")
_ROW_TYPE = np.dtype([("code", "<i8"), *((name, "<f8") for name in _NUMBERS)])
_FLUSH_BYTES = FLUSH_ROWS * _ROW.size


class Recorder:
    """Writes one trial's evidence bundle; a context manager for every way out.

    Leaving the ``with`` block without `close` finishes the bundle as incomplete
    and notes in its facts what cut it short.

    Parameters
    ----------
    folder : Path
        The bundle's folder. If `open_bundle` was not called on it, it is opened
        here with nothing promised beforehand.
    clock : BenchClock
        Stamps messages, log entries and missing samples.

    Raises
    ------
    EvidenceError
        If the folder holds a recording already.
    """

    def __init__(self, folder: Path, clock: BenchClock) -> None:
        self.folder, self._now_s = folder, clock.now_s
        self._rows = bytearray()
        # Columns, not tuples: nothing here that the garbage collector must walk.
        self._times, self._codes = array("d"), array("i")
        self._sent: list[bool] = []
        self._payloads: list[str] = []
        self._characters = 0
        self._channels: defaultdict[tuple[str, str], int] = defaultdict(
            count().__next__
        )
        self._roles: defaultdict[str, int] = defaultdict(count().__next__)
        self._flushed = {"samples": 0, "messages": 0}
        self.closed = False
        bundle.require_unrecorded(folder)
        if not (folder / manifest.NAME).exists():
            bundle.open_bundle(folder, before={})
        with ExitStack() as stack:
            self._samples = stack.enter_context(tables.TableStream(folder, "samples"))
            self._wire = stack.enter_context(tables.TableStream(folder, "messages"))
            self._log = stack.enter_context((folder / logbook.NAME).open("xb"))
            self._files = stack.pop_all()

    def samples(
        self,
        role: str,
        readings: Sequence[Reading],
        *,
        asked_s: float,
        arrival_s: float,
    ) -> None:
        """Keep what one role answered, or pushed, at one moment.

        `asked_s` is when it was asked (for pushed values, when we were told) and
        `arrival_s` when the values were in our hands, both in bench time. [s]

        Raises
        ------
        BenchError
            If a value is not a number, or the disk refuses.
        """
        self._require_open()
        rows, codes, pack = self._rows, self._channels, _ROW.pack
        for reading in readings:
            try:
                rows += pack(
                    codes[role, reading.quantity],
                    asked_s,
                    arrival_s,
                    reading.device_time_s,
                    reading.value,
                )
            except (struct.error, OverflowError) as error:
                raise _not_a_number(role, reading) from error
        if len(rows) >= _FLUSH_BYTES:
            self._flush_samples()

    def missing(self, role: str, quantities: Iterable[str], *, asked_s: float) -> None:
        """Keep that a role was asked for quantities and did not give them."""
        self.samples(
            role,
            [Reading(quantity, math.nan) for quantity in quantities],
            asked_s=asked_s,
            arrival_s=self._now_s(),
        )

    def message(self, role: str, sent: bool, payload: str) -> None:
        """Keep one wire message verbatim: text, or the hex of a binary frame.

        Text that is no Unicode (lone surrogates) is kept as the hex of its bytes.
        """
        self._require_open()
        self._times.append(self._now_s())
        self._codes.append(self._roles[role])
        self._sent.append(sent)
        self._payloads.append(payload)
        self._characters += len(payload)
        if len(self._payloads) >= FLUSH_ROWS or self._characters >= FLUSH_CHARACTERS:
            self._flush_messages()

    def log(self, actor: str, what: str, /, **detail: object) -> LogEntry:
        """Keep what an actor did or learnt; it is on its way to disk on return.

        Returns
        -------
        LogEntry
            Exactly as it will be read back: tuples are lists, ``nan`` is a word.
        """
        self._require_open()
        line = logbook.as_line(LogEntry(self._now_s(), actor, what, detail))
        with self._disk(logbook.NAME):
            self._log.write(line)
            self._log.flush()
        return logbook.from_line(line)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many samples and messages were kept so far."""
        return {
            "samples": self._flushed["samples"] + len(self._rows) // _ROW.size,
            "messages": self._flushed["messages"] + len(self._payloads),
        }

    def flush(self) -> None:
        """Hand everything to the operating system; a kill loses nothing before this.

        Raises
        ------
        BenchError
            If the disk refuses; what went before stays readable.
        """
        self._flush_samples()
        self._flush_messages()

    def close(self, *, complete: bool, facts: Mapping[str, object]) -> None:
        """Settle the streams into files at rest, fix their digests, seal the bundle.

        Parameters
        ----------
        complete : bool
            Whether the plan was carried out to its end.
        facts : Mapping
            What was learnt while measuring: identities, the proof of safe state.

        Raises
        ------
        BenchError, EvidenceError
            If the disk refuses, or a promised file changed during the trial.
        """
        try:
            self.flush()
        finally:
            self.closed = True
            with self._disk("its streams"):
                self._files.close()
        with self._disk("its tables"):
            settling.settle_samples(self.folder, rows=self._flushed["samples"])
            tables.settle(self.folder, "messages", rows=self._flushed["messages"])
            bundle.finish_bundle(self.folder, complete=complete, facts=facts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.closed:
            return
        said = f"{kind.__name__}: {error}".rstrip(": ") if kind else "nobody closed it"
        self.close(complete=False, facts={"cut_short_by": said})

    def _flush_samples(self) -> None:
        if not self._rows:
            return
        rows = np.frombuffer(bytes(self._rows), dtype=_ROW_TYPE)
        roles, quantities = zip(*self._channels, strict=True)
        codes = rows["code"].astype(np.int32)
        numbers = (rows[name] for name in _NUMBERS)
        parts = [
            columns.of_names(roles, codes),
            columns.of_names(quantities, codes),
            *map(columns.of_numbers, numbers),
        ]
        self._write(self._samples, "samples", parts, len(rows))
        self._rows.clear()

    def _flush_messages(self) -> None:
        if not self._payloads:
            return
        parts = [
            columns.of_numbers(self._times),
            columns.of_names(list(self._roles), self._codes),
            columns.of_flags(self._sent),
            _text(self._payloads),
        ]
        self._write(self._wire, "messages", parts, len(self._payloads))
        self._times, self._codes = array("d"), array("i")
        self._sent, self._payloads = [], []
        self._characters = 0

    def _write(
        self, stream: tables.TableStream, name: str, parts: list[pa.Array], rows: int
    ) -> None:
        with self._disk(stream.path.name):
            stream.write(parts)
        self._flushed[name] += rows

    @contextmanager
    def _disk(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BenchError(
                f"{self.folder}: {name}",
                f"the disk refuses ({error.strerror or error})",
                "room on the disk; what went before stays readable",
            ) from error

    def _require_open(self) -> None:
        if self.closed:
            raise BenchError(
                str(self.folder), "its recorder is closed", "recording within the trial"
            )


def _not_a_number(role: str, reading: Reading) -> BenchError:
    return BenchError(
        f"{role}.{reading.quantity}",
        f"the driver gave {reading.value!r} at {reading.device_time_s!r}, "
        "which are not both numbers",
        "the driver's conversion, with the messages of this run",
    )


def _text(payloads: Sequence[str]) -> pa.Array:
    try:
        return columns.of_text(payloads)
    except UnicodeEncodeError:
        return columns.of_text([_sayable(payload) for payload in payloads])


def _sayable(payload: str) -> str:
    try:
        payload.encode()
    except UnicodeEncodeError:
        return payload.encode("utf-8", "surrogatepass").hex()
    return payload
