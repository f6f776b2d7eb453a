"""The layout of samples at rest: one Parquet file a role, one row a moment.

    samples/ev_meter.parquet      bench_s, arrival_s, device_s, power_w, voltage_v, …

A quantity that was not part of an answer is null; a read that failed is ``nan``.
The same samples give the same bytes: row groups have one size, and nothing but the
samples decides what is in them (`harness.evidence.rows`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.recording import Series
from harness.evidence.columns import Codes, of_numbers
from harness.evidence.rows import TIMES, RowMaker, Rows, joined

FOLDER = "samples"
PART = "samples.part"
ENDING = ".parquet"
ROW_GROUP = 1 << 15
"""Rows of a Parquet row group: bounds memory, and fixes the bytes."""
CELLS = 1 << 20
"""Cells that rows are made of at a time: a sample may be a row of nulls but for one."""
ABOUT = "flexrig"
"""Where a file says whose samples it holds, as JSON: role and first appearances."""
_NOTHING = "%"
"""How no text at all is written; a percent sign itself is ``%25``."""


@dataclass(frozen=True, slots=True)
class RoleChannels:
    """A role, its quantities, and when each of them first came."""

    role: str
    quantities: tuple[str, ...]
    first: tuple[int, ...]
    """Number of each one's first sample in the whole recording, from 0."""

    @property
    def file_name(self) -> str:
        """Return the name of the role's file."""
        return encoded(self.role) + ENDING


def encoded(text: str) -> str:
    """Return a text as a name for files and columns; what is plain stays as it is.

    Everything but ASCII letters, digits, ``_`` and ``-`` is percent-encoded.

    Raises
    ------
    UnicodeEncodeError
        If it is no Unicode.
    """
    return quote(text, safe="").replace(".", "%2E").replace("~", "%7E") or _NOTHING


def decoded(name: str) -> str:
    """Return the text that `encoded` made a name of."""
    return "" if name == _NOTHING else unquote(name, errors="strict")


def column_of(quantity: str) -> str:
    """Return the column of a quantity; one that is called like a time is encoded."""
    name = encoded(quantity)
    return f"%{ord(name[0]):X}{name[1:]}" if name in TIMES else name


def schema_of(channels: RoleChannels) -> pa.Schema:
    """Return the schema of a role's file: three times, then a column a quantity."""
    times = [pa.field(name, pa.float64(), nullable=False) for name in TIMES]
    columns = [pa.field(column_of(name), pa.float64()) for name in channels.quantities]
    return pa.schema([*times, *columns])


def channels_of(schema: pa.Schema) -> RoleChannels:
    """Return whose samples a file of this schema holds.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is none that `schema_of` made.
    """
    about = json.loads((schema.metadata or {})[ABOUT.encode()])
    names = schema.names[len(TIMES) :]
    found = RoleChannels(
        about["role"], tuple(map(decoded, names)), tuple(about["first"])
    )
    whole = len(found.first) == len(found.quantities)
    if not whole or not schema.equals(schema_of(found)):
        raise ValueError("its columns are others")
    return found


class RoleWriter:
    """Writes one role's file; a context manager that ends it.

    Parameters
    ----------
    folder : Path
        Where the file is made.
    channels : RoleChannels
        Whose samples they are: no quantity can come to it later.
    """

    def __init__(self, folder: Path, channels: RoleChannels) -> None:
        self._schema = schema_of(channels)
        width = len(channels.quantities)
        self._maker, self._some = RowMaker(width), max(1, CELLS // width)
        self._waiting: list[Rows] = []
        self._count = 0
        self._file = pq.ParquetWriter(
            folder / channels.file_name,
            self._schema,
            version="2.6",
            compression="zstd",
            use_dictionary=False,
            column_encoding=dict.fromkeys(self._schema.names, "BYTE_STREAM_SPLIT"),
            store_schema=False,
            write_page_checksum=True,
        )
        about = {"role": channels.role, "first": channels.first}
        self._file.add_key_value_metadata({ABOUT: json.dumps(about)})

    def add(self, times: Series, quantity: Codes, values: Series) -> None:
        """Take samples in the order recorded; shapes as in `RowMaker.add`."""
        for first in range(0, values.size, self._some):
            part = slice(first, first + self._some)
            self._take(self._maker.add(times[:, part], quantity[part], values[part]))

    def finish(self) -> None:
        """Write what is left."""
        self._take(self._maker.finish())
        if self._count:
            self._write(joined(self._waiting))
        self._waiting, self._count = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _take(self, rows: Rows) -> None:
        self._waiting.append(rows)
        self._count += len(rows)
        if self._count < ROW_GROUP:
            return
        rows, first = joined(self._waiting), 0
        while self._count >= ROW_GROUP:
            self._write(rows.between(first, first + ROW_GROUP))
            first, self._count = first + ROW_GROUP, self._count - ROW_GROUP
        self._waiting = [rows.between(first, len(rows))]

    def _write(self, rows: Rows) -> None:
        columns = [of_numbers(times) for times in rows.times]
        columns += map(of_numbers, rows.values, rows.heard)
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._file.write_table(table, row_group_size=ROW_GROUP)
