"""Samples and messages on disk: Arrow streams while recording, Parquet at rest.

A stream grows batch by batch and can be read up to its last whole batch whatever
became of its writer. A Parquet file is written once, in row groups of a fixed
size, so that the same rows give the same bytes however they were flushed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.core.errors import EvidenceError
from harness.core.recording import Channel, Message, Series

_NAME = pa.dictionary(pa.int32(), pa.utf8())
SAMPLES = pa.schema(
    [
        pa.field("role", _NAME, nullable=False),
        pa.field("quantity", _NAME, nullable=False),
        pa.field("bench_s", pa.float64(), nullable=False),
        pa.field("arrival_s", pa.float64(), nullable=False),
        pa.field("device_s", pa.float64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
"""One row a sample, in the order recorded; the unit of `value` ends `quantity`."""
MESSAGES = pa.schema(
    [
        pa.field("bench_s", pa.float64(), nullable=False),
        pa.field("role", _NAME, nullable=False),
        pa.field("sent", pa.bool_(), nullable=False),
        pa.field("payload", pa.utf8(), nullable=False),
    ]
)
"""One row a wire message, in the order recorded."""
SCHEMAS = {"samples": SAMPLES, "messages": MESSAGES}
ROW_GROUP = 1 << 17
"""Rows of a Parquet row group: bounds memory, and fixes the bytes."""
_NUMBERS = ("bench_s", "arrival_s", "device_s", "value")
_LOOPBACK_HOSTS = (b"127.0.0.1:", b"localhost:", b"[::1]:")
_Codes = NDArray[np.integer]
_LOOPBACK = r"(127\.0\.0\.1|localhost|\[::1\]):[0-9]+"


def names(values: Sequence[str], codes: Sequence[int] | _Codes) -> pa.Array:
    """Return a dictionary-encoded column: ``values[code]`` for every code."""
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32()), pa.array(values, pa.utf8())
    )


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
        # An empty batch: the schema is on disk, and what Arrow does once (it may
        # load pandas for 0.3 s) is done before anything is measured.
        self.write([pa.array([], field.type) for field in self._schema])

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
        yield batch


def settle(folder: Path, name: str, *, rows: int) -> Path:
    """Turn ``<name>.arrows`` into ``<name>.parquet`` and remove the stream.

    Killed at any moment, this leaves at least one of the two whole.

    Raises
    ------
    EvidenceError
        If the stream does not hold the rows that were written to it.
    """
    stream, target = folder / f"{name}.arrows", folder / f"{name}.parquet"
    unfinished = folder / f"{name}.parquet.part"
    written = _write_parquet(
        unfinished, SCHEMAS[name], stream_batches(stream, SCHEMAS[name])
    )
    if written != rows:
        raise EvidenceError(
            str(stream),
            f"{rows} rows were recorded, {written} can be read back",
            "another disk; what can be read stays in the stream file",
        )
    unfinished.replace(target)
    stream.unlink()
    return target


def _write_parquet(
    path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> int:
    """Write batches as fixed row groups of plain columns; return the rows."""
    as_text = pa.schema(
        [
            field.with_type(pa.utf8()) if field.type == _NAME else field
            for field in schema
        ]
    )
    numbers = [name for name in schema.names if name in _NUMBERS]
    others = [name for name in ("role", "quantity", "payload") if name in schema.names]
    rows = 0
    with pq.ParquetWriter(
        path,
        as_text,
        version="2.6",
        compression="zstd",
        use_dictionary=others,
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
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
        encoded = [field.name for field in schema if field.type == _NAME]
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


def channels(samples: pa.Table) -> dict[str, Channel]:
    """Return every ``role.quantity`` as arrays, in order of first appearance."""
    if samples.num_rows == 0:
        return {}
    samples = samples.unify_dictionaries()
    role, quantity = (samples[name].combine_chunks() for name in ("role", "quantity"))
    roles, quantities = role.dictionary.to_pylist(), quantity.dictionary.to_pylist()
    codes = role.indices.to_numpy() * len(quantities) + quantity.indices.to_numpy()
    present, first = np.unique(codes, return_index=True)
    order, bounds = _grouped(codes, present)
    columns = {name: samples[name].to_numpy()[order] for name in _NUMBERS}
    found: dict[str, Channel] = {}
    for at in np.argsort(first):
        rows = slice(bounds[at], bounds[at + 1])
        of_role, of_quantity = divmod(int(present[at]), len(quantities))
        parts = {name: column[rows] for name, column in columns.items()}
        channel = _channel(roles[of_role], quantities[of_quantity], parts)
        found[channel.name] = channel
    return found


def _grouped(codes: _Codes, present: _Codes) -> tuple[_Codes, _Codes]:
    """Return row order grouped by code, and where each group begins and ends."""
    keys = np.searchsorted(present, codes)
    if len(present) <= np.iinfo(np.uint16).max:
        keys = keys.astype(np.uint16)  # numpy sorts these by radix
    order = np.argsort(keys, kind="stable")
    return order, np.searchsorted(keys[order], np.arange(len(present) + 1))


def _channel(role: str, quantity: str, parts: dict[str, Series]) -> Channel:
    # Two reads of one device may overlap; each row keeps its own three times.
    if np.any(np.diff(parts["bench_s"]) < 0):
        by_time = np.argsort(parts["bench_s"], kind="stable")
        parts = {name: part[by_time] for name, part in parts.items()}
    for part in parts.values():
        part.flags.writeable = False
    return Channel(
        role=role,
        quantity=quantity,
        time_s=parts["bench_s"],
        values=parts["value"],
        arrival_s=parts["arrival_s"],
        device_s=parts["device_s"],
    )


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

    def __len__(self) -> int:
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all == tuple(other)

    __hash__ = None  # type: ignore[assignment]


def content_digest(table: pa.Table) -> str:
    """Return a SHA-256 over the rows, whatever file or batches hold them.

    Ports on the loopback are left out: the kernel chooses them anew each run.
    """
    whole = hashlib.sha256()
    for name in table.column_names:
        column = table[name]
        whole.update(f"{name} {len(column)} ".encode())
        is_text = column.type == _NAME or pa.types.is_string(column.type)
        whole.update(_text_digest(column) if is_text else _number_digest(column))
    return whole.hexdigest()


def _text_digest(column: pa.ChunkedArray) -> bytes:
    lengths, content = hashlib.sha256(), hashlib.sha256()
    for chunk in column.cast(pa.utf8()).chunks:
        ends, text = _text_parts(chunk)
        if any(host in text for host in _LOOPBACK_HOSTS):
            chunk = pc.replace_substring_regex(chunk, _LOOPBACK, r"\1:*")
            ends, text = _text_parts(chunk)
        lengths.update(np.diff(ends).astype("<i8").tobytes())
        content.update(text)
    return lengths.digest() + content.digest()


def _text_parts(chunk: pa.StringArray) -> tuple[_Codes, bytes]:
    """Return where each text ends, and all of them in one piece."""
    _, offsets, content = chunk.buffers()
    ends = np.frombuffer(offsets, np.int32)[chunk.offset :][: len(chunk) + 1]
    whole = content.slice(ends[0], ends[-1] - ends[0]) if content else b""
    return ends, bytes(whole)


def _number_digest(column: pa.ChunkedArray) -> bytes:
    whole = hashlib.sha256()
    for chunk in column.chunks:
        numbers = chunk.to_numpy(zero_copy_only=False).astype("<f8")
        numbers[np.isnan(numbers)] = np.nan  # a nan has many bit patterns
        whole.update(numbers.tobytes())
    return whole.digest()
