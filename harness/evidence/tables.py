"""Samples and messages as they come: Arrow streams while recording; messages at rest.

A stream grows batch by batch and can be read up to its last whole batch whatever
became of its writer. A Parquet file is written once, in row groups of a fixed
size, so that the same rows give the same bytes however they were flushed. How
samples are laid out at rest: `harness.evidence.wide`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import overload

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.errors import EvidenceError
from harness.core.recording import Message

NAME = pa.dictionary(pa.int32(), pa.utf8())
"""What repeats: its texts once, and a number a row."""
SAMPLES = pa.schema(
    [
        pa.field("role", NAME, nullable=False),
        pa.field("quantity", NAME, nullable=False),
        pa.field("bench_s", pa.float64(), nullable=False),
        pa.field("arrival_s", pa.float64(), nullable=False),
        pa.field("device_s", pa.float64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
"""One row a sample, in the order recorded; the unit of `value` ends `quantity`.

So a stream holds them, and so did ``samples.parquet`` of the first format.
"""
MESSAGES = pa.schema(
    [
        pa.field("bench_s", pa.float64(), nullable=False),
        pa.field("role", NAME, nullable=False),
        pa.field("sent", pa.bool_(), nullable=False),
        pa.field("payload", pa.utf8(), nullable=False),
    ]
)
"""One row a wire message, in the order recorded."""
SCHEMAS = {"samples": SAMPLES, "messages": MESSAGES}
ROW_GROUP = 1 << 17
"""Rows of a Parquet row group: bounds memory, and fixes the bytes."""


class TableStream:
    """A table growing on disk as an Arrow IPC stream, ``<name>.arrows``.

    Raises
    ------
    FileExistsError
        If the file is there: a recording is never written over.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.arrows"
        self._schema = SCHEMAS[name]
        self._file = self.path.open("xb")
        self._writer = pa.ipc.new_stream(self._file, self._schema)
        # An empty batch: the schema is on disk, and what Arrow does once is done
        # before anything is measured.
        self.write([pa.nulls(0, field.type) for field in self._schema])

    def write(self, columns: Sequence[pa.Array]) -> None:
        """Append one batch of rows and hand it to the operating system."""
        self._writer.write_batch(
            pa.RecordBatch.from_arrays(list(columns), schema=self._schema)
        )
        self._file.flush()

    def close(self) -> None:
        """End the stream; what was written stays readable if this fails."""
        if self._file.closed:
            return
        with self._file:
            self._writer.close()

    def __enter__(self) -> TableStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def stream_batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the whole batches of a stream; a torn end is where it ends.

    Raises
    ------
    EvidenceError
        If it is a stream of another table.
    """
    with pa.OSFile(str(path)) as source:
        try:
            batches = pa.ipc.open_stream(source)
        except (pa.ArrowException, OSError):
            return  # killed before the first batch was whole
        if batches.schema != schema:
            raise EvidenceError(str(path), "it is another table", "the original bundle")
        yield from _whole(batches)


def _whole(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = batches.read_next_batch()
            batch.validate(full=True)
        except (StopIteration, pa.ArrowException, OSError):
            return  # the end, or where the writer was killed; nothing follows
        if any(column.null_count for column in batch.columns):
            return  # none was written: this is damage
        yield batch


def settle(folder: Path, name: str, *, rows: int) -> Path:
    """Turn ``<name>.arrows`` into ``<name>.parquet`` and remove the stream.

    Killed at any moment, this leaves at least one of the two whole.

    Raises
    ------
    EvidenceError
        If the stream does not hold the rows that were written to it.
    """
    stream, settled = folder / f"{name}.arrows", folder / f"{name}.parquet"
    unfinished = folder / f"{name}.parquet.part"
    written = _write_parquet(
        unfinished, SCHEMAS[name], stream_batches(stream, SCHEMAS[name])
    )
    require_rows(stream, expected=rows, found=written)
    unfinished.replace(settled)
    stream.unlink()
    return settled


def require_rows(stream: Path, *, expected: int, found: int) -> None:
    """Refuse a stream that lost rows.

    Raises
    ------
    EvidenceError
        If it does not hold the rows that were written to it.
    """
    if expected != found:
        raise EvidenceError(
            str(stream),
            f"{expected} rows were recorded, {found} can be read back",
            "another disk; what can be read stays in the stream file",
        )


def _write_parquet(
    path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> int:
    """Write batches as fixed row groups of plain columns; return the rows."""
    as_text = pa.schema(
        [
            field.with_type(pa.utf8()) if field.type == NAME else field
            for field in schema
        ]
    )
    is_text = {field.name: pa.types.is_string(field.type) for field in as_text}
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    rows = 0
    with pq.ParquetWriter(
        path,
        as_text,
        version="2.6",
        compression="zstd",
        use_dictionary=[name for name, it_is in is_text.items() if it_is],
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        for table in _regrouped(batches, schema):
            writer.write_table(table.cast(as_text), row_group_size=ROW_GROUP)
            rows += table.num_rows
    return rows


def _regrouped(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema
) -> Iterator[pa.Table]:
    """Yield tables of exactly `ROW_GROUP` rows, and what remains."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        while count >= ROW_GROUP:
            table = pa.Table.from_batches(held, schema)
            yield table.slice(0, ROW_GROUP)
            held = table.slice(ROW_GROUP).to_batches()
            count -= ROW_GROUP
    if count:
        yield pa.Table.from_batches(held, schema)


def read_table(folder: Path, name: str) -> pa.Table:
    """Read a table from Parquet, or from the stream that a crash left.

    Raises
    ------
    EvidenceError
        If the Parquet file cannot be read or holds another table.
    """
    path, schema = folder / f"{name}.parquet", SCHEMAS[name]
    if path.is_file():
        encoded = [field.name for field in schema if field.type == NAME]
        try:
            file = pq.ParquetFile(
                path, read_dictionary=encoded, page_checksum_verification=True
            )
            table = file.read(columns=schema.names).cast(schema)
            table.validate(full=True)
            return table
        except (pa.ArrowException, KeyError, OSError, ValueError) as error:
            raise EvidenceError(
                str(path), f"it is no table of {name} ({error})", "the original bundle"
            ) from error
    stream = folder / f"{name}.arrows"
    batches = list(stream_batches(stream, schema)) if stream.is_file() else []
    return pa.Table.from_batches(batches, schema)


class StoredMessages(Sequence[Message]):
    """Every wire message of a bundle, in the order recorded; read when first asked for.

    No verdict looks at them, and as objects they cost a four-hour trial 50 MB and
    half a second.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _all(self) -> tuple[Message, ...]:
        table = read_table(self._folder, "messages")
        table = table.set_column(1, "role", table["role"].cast(pa.utf8()))
        columns = (table[name].to_pylist() for name in MESSAGES.names)
        return tuple(map(Message, *columns))

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        return self._all[index]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all == tuple(other)

    __hash__ = None  # type: ignore[assignment]
