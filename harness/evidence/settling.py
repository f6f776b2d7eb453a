"""From the stream of a recording to its wide files, in bounded memory.

The stream is read twice: once to learn which channels there are, since the columns
of a file are fixed when it is begun, and once to deal its samples out to the roles.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.core.recording import Series
from harness.evidence import tables, wide
from harness.evidence.columns import Codes, codes, grouped, numbers
from harness.evidence.rows import TIMES

CHUNK = 1 << 16
"""Samples that are dealt out together, or a few more: bounds memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some samples, in the order recorded."""

    channel: Codes
    """Number of each sample's channel, in the order of first appearance."""
    times: Series
    """Shape ``(3, n)``. [s]"""
    values: Series


class Register:
    """Numbers the channels of a stream in the order in which they first come."""

    def __init__(self) -> None:
        self.channels: dict[tuple[str, str], int] = {}
        """By role and quantity: the number of its first sample."""
        self.rows = 0
        self._names: list[dict[str, int]] = [{}, {}]
        self._said: list[tuple[pa.Array, Codes] | None] = [None, None]
        self._known = np.full((0, 0), -1)

    def take(self, batch: pa.RecordBatch) -> Codes:
        """Return the channel's number of each row; new channels get the next ones."""
        role, quantity = self._numbered(batch, 0), self._numbered(batch, 1)
        self._make_room()
        found: Codes = self._known[role, quantity]
        if (found < 0).any():
            self._enter(role, quantity, np.flatnonzero(found < 0))
            found = self._known[role, quantity]
        self.rows += batch.num_rows
        return found

    def _numbered(self, batch: pa.RecordBatch, at: int) -> Codes:
        """Return a column of names as numbers of this register's own."""
        column, names, said = batch.column(at), self._names[at], self._said[at]
        if said is None or not said[0].equals(column.dictionary):
            new = column.dictionary.to_pylist()
            own = [names.setdefault(name, len(names)) for name in new]
            said = self._said[at] = column.dictionary, np.array(own, np.int64)
        return said[1][codes(column)]

    def _make_room(self) -> None:
        shape = tuple(map(len, self._names))
        if shape != self._known.shape:
            more = [
                (0, n - had) for n, had in zip(shape, self._known.shape, strict=True)
            ]
            self._known = np.pad(self._known, more, constant_values=-1)

    def _enter(self, role: Codes, quantity: Codes, unknown: Codes) -> None:
        roles, quantities = map(list, self._names)
        for at in unknown:
            pair = role[at], quantity[at]
            if self._known[pair] < 0:
                self._known[pair] = len(self.channels)
                name = roles[pair[0]], quantities[pair[1]]
                self.channels[name] = self.rows + int(at)


def roles_of(channels: dict[tuple[str, str], int]) -> list[wide.RoleChannels]:
    """Return the channels role by role, in the order of first appearance."""
    by_role: dict[str, dict[str, int]] = {}
    for (role, quantity), first in channels.items():
        by_role.setdefault(role, {})[quantity] = first
    return [
        wide.RoleChannels(role, tuple(found), tuple(found.values()))
        for role, found in by_role.items()
    ]


def settle_samples(folder: Path, *, rows: int) -> Path:
    """Turn ``samples.arrows`` into the wide files and remove the stream.

    Killed at any moment, this leaves the stream or all of the wide files whole.

    Raises
    ------
    EvidenceError
        If the stream does not hold the rows that were written to it.
    """
    stream, part = folder / f"{wide.FOLDER}.arrows", folder / wide.PART
    register = Register()
    for batch in tables.stream_batches(stream, tables.SAMPLES):
        register.take(batch)
    tables.require_rows(stream, expected=rows, found=register.rows)
    part.mkdir()
    with ExitStack() as files:
        roles = roles_of(register.channels)
        writers = [files.enter_context(wide.RoleWriter(part, role)) for role in roles]
        dealer = _Dealer(register.channels, roles, writers)
        for chunk in _chunks(stream):
            dealer.deal(chunk)
        for writer in writers:
            writer.finish()
    settled = part.rename(folder / wide.FOLDER)
    stream.unlink()
    return settled


def _chunks(stream: Path) -> Iterator[Chunk]:
    """Yield the samples of a stream, at least `CHUNK` at a time but for the last."""
    register, held, count = Register(), list[Chunk](), 0
    for batch in tables.stream_batches(stream, tables.SAMPLES):
        times = np.stack([numbers(batch.column(name)) for name in TIMES])
        held.append(Chunk(register.take(batch), times, numbers(batch.column("value"))))
        count += batch.num_rows
        if count >= CHUNK:
            yield _joined(held)
            held, count = [], 0
    if count:
        yield _joined(held)


def _joined(held: list[Chunk]) -> Chunk:
    return Chunk(
        np.concatenate([chunk.channel for chunk in held]),
        np.concatenate([chunk.times for chunk in held], axis=1),
        np.concatenate([chunk.values for chunk in held]),
    )


class _Dealer:
    """Gives each role's writer its samples."""

    def __init__(
        self,
        channels: dict[tuple[str, str], int],
        roles: list[wide.RoleChannels],
        writers: list[wide.RoleWriter],
    ) -> None:
        number = {channels.role: at for at, channels in enumerate(roles)}
        self._writers = writers
        self._role = np.array([number[role] for role, _ in channels], np.int64)
        self._quantity = np.array(
            [roles[number[r]].quantities.index(q) for r, q in channels], np.int64
        )

    def deal(self, chunk: Chunk) -> None:
        order, bounds = grouped(self._role[chunk.channel], len(self._writers))
        for writer, begin, end in zip(self._writers, bounds, bounds[1:], strict=False):
            mine = order[begin:end]
            if mine.size:
                quantity = self._quantity[chunk.channel[mine]]
                writer.add(chunk.times[:, mine], quantity, chunk.values[mine])
