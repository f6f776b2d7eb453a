"""Columns between numpy and Arrow, by their buffers and without a copy.

pyarrow's own conversions load pandas wherever it is installed: 46 MB and some tenths
of a second. A trial has no use for it: only people who ask for a frame have.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.core.recording import Series

Codes = NDArray[np.integer]
Mask = NDArray[np.bool_]
_Number = TypeVar("_Number", np.float64, np.int32)


def of_numbers(values: Series | array[float], present: Mask | None = None) -> pa.Array:
    """Return a column of float64; null where `present` is False."""
    numbers = np.ascontiguousarray(values, dtype=np.float64)
    whole = present is None or bool(present.all())
    bits = None if whole else _bits(present)
    return pa.Array.from_buffers(
        pa.float64(), len(numbers), [bits, pa.py_buffer(numbers)]
    )


def of_flags(values: Sequence[bool] | Mask) -> pa.Array:
    """Return a column of truth values."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def of_text(values: Sequence[str]) -> pa.Array:
    """Return a column of text.

    Raises
    ------
    UnicodeEncodeError
        If a text is no Unicode: it holds lone surrogates.
    """
    content = "".join(values).encode()
    lengths: Sequence[int] = [len(text) for text in values]
    if sum(lengths) != len(content):  # not ASCII alone: characters are not bytes
        lengths = [len(text.encode()) for text in values]
    ends = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(lengths, out=ends[1:])
    return pa.StringArray.from_buffers(
        len(values), pa.py_buffer(ends), pa.py_buffer(content)
    )


def of_names(values: Sequence[str], which: Sequence[int] | Codes) -> pa.Array:
    """Return a dictionary-encoded column: ``values[n]`` for every n in `which`."""
    indices = np.ascontiguousarray(which, dtype=np.int32)
    encoded = pa.Array.from_buffers(
        pa.int32(), len(indices), [None, pa.py_buffer(indices)]
    )
    return pa.DictionaryArray.from_arrays(encoded, of_text(values))


def numbers(column: pa.Array | pa.ChunkedArray) -> Series:
    """Return a column of float64; what is null is any number at all.

    A column in one piece is returned as it lies in memory, and cannot be written to.
    """
    pieces = [_piece(part, np.float64) for part in _parts(column)]
    return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0), *pieces])


def codes(column: pa.DictionaryArray) -> Codes:
    """Return which of its dictionary's entries each row of a column is."""
    return _piece(column.indices, np.int32)


def flags(column: pa.Array) -> Mask:
    """Return a column of truth values."""
    return _unpacked(column.buffers()[1], column)


def present(column: pa.Array | pa.ChunkedArray) -> Mask:
    """Return where a column is not null."""
    pieces = [np.empty(0, dtype=np.bool_)]
    for part in _parts(column):
        bits = part.buffers()[0] if part.null_count else None
        whole = np.ones(len(part), dtype=np.bool_)
        pieces.append(whole if bits is None else _unpacked(bits, part))
    return np.concatenate(pieces)


def grouped(groups: Codes, count: int) -> tuple[Codes, Codes]:
    """Return the order of rows by group, from 0, and where each of `count` begins.

    Within a group rows keep their order; the end of the last group comes last.
    """
    if count <= np.iinfo(np.uint16).max:
        groups = groups.astype(np.uint16)  # numpy sorts these by radix
    order = np.argsort(groups, kind="stable")
    return order, np.searchsorted(groups[order], np.arange(count + 1))


def _parts(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _piece(part: pa.Array, dtype: type[_Number]) -> NDArray[_Number]:
    content = part.buffers()[1]
    if content is None:
        return np.empty(0, dtype)
    skipped = part.offset * np.dtype(dtype).itemsize
    return np.frombuffer(content, dtype, count=len(part), offset=skipped)


def _unpacked(bits: pa.Buffer | None, part: pa.Array) -> Mask:
    end = part.offset + len(part)
    packed = np.frombuffer(bits or b"", np.uint8)
    one_by_one = np.unpackbits(packed, count=end, bitorder="little")
    return one_by_one[part.offset :].view(np.bool_)


def _bits(flags: Sequence[bool] | Mask | None) -> pa.Buffer:
    packed = np.packbits(np.asarray(flags, dtype=np.bool_), bitorder="little")
    return pa.py_buffer(packed)
