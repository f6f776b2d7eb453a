"""Digests of what was observed, whatever files, batches or layouts hold it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.recording import Channel, Series
from harness.evidence import plain
from harness.evidence.columns import Codes, Mask, flags, numbers
from harness.evidence.tables import NAME

_LOOPBACK_HOSTS = (b"127.0.0.1:", b"localhost:", b"[::1]:")
_LOOPBACK = r"(127\.0\.0\.1|localhost|\[::1\]):[0-9]+"


def channels_digest(channels: Iterable[Channel]) -> str:
    """Return a SHA-256 over every sample of every channel, with its three times.

    In which order the channels come does not count.
    """
    return plain.digest({one.name: _channel_digest(one) for one in channels})


def _channel_digest(channel: Channel) -> str:
    whole = hashlib.sha256()
    for part in (channel.time_s, channel.arrival_s, channel.device_s, channel.values):
        whole.update(_number_bytes(part))
    return whole.hexdigest()


def content_digest(table: pa.Table) -> str:
    """Return a SHA-256 over the rows, whatever file or batches hold them.

    Ports on the loopback are left out: the kernel chooses them anew each run.
    """
    whole = hashlib.sha256()
    for name in table.column_names:
        column = table[name]
        whole.update(f"{name} {len(column)} ".encode())
        is_text = column.type == NAME or pa.types.is_string(column.type)
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


def _text_parts(chunk: pa.StringArray) -> tuple[Codes, bytes]:
    """Return where each text ends, and all of them in one piece."""
    _, offsets, content = chunk.buffers()
    ends = np.frombuffer(offsets, np.int32)[chunk.offset :][: len(chunk) + 1]
    whole = content.slice(ends[0], ends[-1] - ends[0]) if content else b""
    return ends, bytes(whole)


def _number_digest(column: pa.ChunkedArray) -> bytes:
    whole = hashlib.sha256()
    are_flags = pa.types.is_boolean(column.type)
    for chunk in column.chunks:
        whole.update(_number_bytes(flags(chunk) if are_flags else numbers(chunk)))
    return whole.digest()


def _number_bytes(values: Series | Mask) -> bytes:
    canonical = values.astype("<f8")
    canonical[np.isnan(canonical)] = np.nan  # a nan has many bit patterns
    return canonical.tobytes()
