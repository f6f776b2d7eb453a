"""Channels read back, from whichever form of a bundle holds its samples.

Wide files (`harness.evidence.wide`) are opened when a channel of theirs is asked for,
and only its columns are read. The stream that a crash left, and the one long table
of the former format, are read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.errors import EvidenceError
from harness.core.recording import Channel, Series
from harness.evidence import tables, wide
from harness.evidence.columns import codes, grouped, numbers, present
from harness.evidence.rows import TIMES


def stored_channels(folder: Path) -> Mapping[str, Channel]:
    """Return the channels of a bundle by name, in order of first appearance.

    From wide files each is read anew whenever it is asked for.

    Raises
    ------
    EvidenceError
        If the files cannot be read or hold something else.
    """
    if (folder / wide.FOLDER).is_dir():
        return WideChannels(folder / wide.FOLDER)
    return long_channels(tables.read_table(folder, "samples"))


def read_channels(folder: Path) -> dict[str, Channel]:
    """Return what `stored_channels` does, all of it read at once."""
    found = stored_channels(folder)
    return read_some(found, found)


def each_channel(folder: Path) -> Iterator[Channel]:
    """Yield every channel of a bundle, with no more than one file of them in memory."""
    found = stored_channels(folder)
    if not isinstance(found, WideChannels):
        yield from found.values()
        return
    yield from found.each(found)


def read_some(
    stored: Mapping[str, Channel], names: Iterable[str]
) -> dict[str, Channel]:
    """Return some of what `stored_channels` gave, with each file read but once."""
    if isinstance(stored, WideChannels):
        return stored.read(names)
    return {name: stored[name] for name in names}


class WideChannels(Mapping[str, Channel]):
    """The channels in a folder of wide files, read when asked for.

    Raises
    ------
    EvidenceError
        If a file in it is no role's samples.
    """

    def __init__(self, folder: Path) -> None:
        found: list[tuple[int, str, str, Path]] = []
        for path in sorted(folder.iterdir()):
            about = _about(path)
            pairs = zip(about.first, about.quantities, strict=True)
            found += [(first, about.role, name, path) for first, name in pairs]
        self._places = {
            f"{role}.{name}": (path, role, name)
            for _, role, name, path in sorted(found)
        }

    def read(self, names: Iterable[str]) -> dict[str, Channel]:
        """Return channels by name, in the order named; each file is read once.

        Raises
        ------
        KeyError
            If there is no such channel.
        EvidenceError
            If a file cannot be read.
        """
        wanted = list(names)
        found = {channel.name: channel for channel in self.each(wanted)}
        return {name: found[name] for name in wanted}

    def each(self, names: Iterable[str]) -> Iterator[Channel]:
        """Yield channels by name, file by file; see `read`."""
        by_file: dict[tuple[Path, str], list[str]] = {}
        for name in names:
            path, role, quantity = self._places[name]
            by_file.setdefault((path, role), []).append(quantity)
        for (path, role), quantities in by_file.items():
            yield from _read_role(path, role, quantities)

    def __getitem__(self, name: str) -> Channel:
        return self.read([name])[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _about(path: Path) -> wide.RoleChannels:
    try:
        found = wide.channels_of(pq.read_schema(path))
        if found.file_name != path.name:
            raise ValueError(f"they are of {found.role!r}")
    except (pa.ArrowException, LookupError, OSError, TypeError, ValueError) as error:
        raise _no_samples(path, error) from error
    return found


def _read_role(path: Path, role: str, quantities: list[str]) -> Iterator[Channel]:
    columns = [wide.column_of(quantity) for quantity in quantities]
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=[*TIMES, *columns])
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _no_samples(path, error) from error
    times = [_kept(numbers(table[name])) for name in TIMES]
    for quantity, column in zip(quantities, columns, strict=True):
        parts, values = times, numbers(table[column])
        if table[column].null_count:
            heard = present(table[column])
            parts, values = [part[heard] for part in times], values[heard]
        yield _channel(role, quantity, [*parts, values])


def _no_samples(path: Path, error: Exception) -> EvidenceError:
    return EvidenceError(
        str(path), f"it is no table of samples ({error})", "the original bundle"
    )


def long_channels(samples: pa.Table) -> dict[str, Channel]:
    """Return every ``role.quantity`` of a long table, in order of first appearance."""
    if samples.num_rows == 0:
        return {}
    samples = samples.unify_dictionaries()
    role, quantity = (samples[name].combine_chunks() for name in ("role", "quantity"))
    roles, quantities = role.dictionary.to_pylist(), quantity.dictionary.to_pylist()
    pairs = codes(role).astype(np.int64) * len(quantities) + codes(quantity)
    there, first, which = np.unique(pairs, return_index=True, return_inverse=True)
    order, bounds = grouped(which, len(there))
    columns = [numbers(samples[name])[order] for name in (*TIMES, "value")]
    found: dict[str, Channel] = {}
    for at in np.argsort(first):
        rows = slice(bounds[at], bounds[at + 1])
        of_role, of_quantity = divmod(int(there[at]), len(quantities))
        parts = [column[rows] for column in columns]
        channel = _channel(roles[of_role], quantities[of_quantity], parts)
        found[channel.name] = channel
    return found


def _channel(role: str, quantity: str, parts: list[Series]) -> Channel:
    """Return a channel of its three times and its values, in order of bench time."""
    # Two reads of one device may overlap; each sample keeps its own three times.
    if np.any(np.diff(parts[0]) < 0):
        by_time = np.argsort(parts[0], kind="stable")
        parts = [part[by_time] for part in parts]
    time_s, arrival_s, device_s, values = map(_kept, parts)
    return Channel(
        role=role,
        quantity=quantity,
        time_s=time_s,
        values=values,
        arrival_s=arrival_s,
        device_s=device_s,
    )


def _kept(part: Series) -> Series:
    part.flags.writeable = False
    return part
