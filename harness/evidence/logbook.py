"""The log of a trial on disk: one JSON line for each thing done or learnt."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from harness.core.errors import EvidenceError
from harness.core.recording import LogEntry
from harness.evidence import manifest, plain

NAME = "log.jsonl"
NOT_COMPARED = frozenset({"address", "port", "folder", "path"})
"""Details that differ from run to run and change no verdict."""
_KEYS = {"time_s", "actor", "what", "detail"}
_LOOPBACK = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\]):[0-9]+")


def as_line(entry: LogEntry) -> bytes:
    """Return an entry as one line of UTF-8 JSON."""
    return plain.line(
        {
            "time_s": entry.time_s,
            "actor": entry.actor,
            "what": entry.what,
            "detail": entry.detail,
        }
    )


def from_line(line: bytes) -> LogEntry:
    """Return the entry that a line holds.

    Raises
    ------
    ValueError
        If the line holds none.
    """
    entry = plain.parse(line)
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        raise ValueError("not a log entry")
    return LogEntry(**entry)


def read(path: Path, *, torn_ok: bool) -> tuple[LogEntry, ...]:
    """Read a log; with `torn_ok`, a last line without an end is left out.

    Raises
    ------
    EvidenceError
        Names the line that cannot be read.
    """
    if not path.is_file():
        return ()
    *lines, rest = path.read_bytes().split(b"\n")
    if rest and not torn_ok:
        lines.append(rest)
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            entries.append(from_line(line))
        except ValueError as error:
            raise EvidenceError(
                f"{path} line {number}", str(error), manifest.ORIGINAL
            ) from error
    return tuple(entries)


def content_digest(log: tuple[LogEntry, ...]) -> str:
    """Return a SHA-256 over the entries, loopback ports and `NOT_COMPARED` left out."""
    whole = hashlib.sha256()
    for entry in log:
        detail = {k: v for k, v in entry.detail.items() if k not in NOT_COMPARED}
        text = plain.canonical([entry.time_s, entry.actor, entry.what, detail])
        whole.update(_LOOPBACK.sub(rb"\1:*", text))
    return whole.hexdigest()
