"""Tables of reads on disk: Parquet with a column an asset and a row a second.

So laid out, a day of many assets is read and summed some assets at a time, and never
as a whole. Floats are split byte by byte before they are compressed, which makes such
files smaller and faster to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike

from harness.analysis.aggregate.blocks import BLOCK
from harness.analysis.aggregate.meters import AssetMeters
from harness.analysis.aggregate.sums import Sums, combine
from harness.analysis.aggregate.wide import Table, wide_sums
from harness.core.errors import EvidenceError


def write_wide(path: Path, power_w: Table, names: Sequence[str]) -> None:
    """Write reads, a row an asset as `wide_sums` takes them.

    Parameters
    ----------
    path : Path
        Where to; an existing file is replaced.
    power_w : ndarray of shape (assets, seconds)
        Reads, ``nan`` where there was none. [W]
    names : sequence of str
        One name an asset, all different.
    """
    if len(names) != len(power_w) or len(set(names)) != len(names):
        raise ValueError(f"{len(power_w)} assets need as many names, all different")
    pq.write_table(
        pa.table(dict(zip(names, power_w, strict=True))),
        path,
        compression="zstd",
        use_dictionary=False,
        column_encoding=dict.fromkeys(names, "BYTE_STREAM_SPLIT"),
        row_group_size=max(power_w.shape[1], 1),
    )


def wide_file_sums(
    path: Path,
    meters: AssetMeters,
    *,
    max_age_s: float,
    from_s: int = 0,
    lag_s: ArrayLike = 0.0,
) -> Sums:
    """Sum the reads of a file second by second, as `wide_sums` does, to the bit.

    Parameters
    ----------
    path : Path
        Parquet: a column of floats for each asset, in the order of `meters`, and a row
        a second. Null and ``nan`` are both no read. [W]
    meters, max_age_s, from_s, lag_s
        As for `wide_sums`.

    Raises
    ------
    EvidenceError
        If the file is none, or not one column of floats for each asset.
    ValueError
        As `wide_sums` does.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise _refused(path, f"no Parquet file can be read ({error})") from error
    with file:
        schema = file.schema_arrow
        if len(schema) != meters.assets:
            fact = f"{len(schema)} columns for {meters.assets} assets"
            raise _refused(path, fact)
        for field in schema:
            if field.type not in (pa.float32(), pa.float64()):
                raise _refused(path, f"column {field.name} holds {field.type}")
        lag_s = np.asarray(lag_s, dtype=np.float64)
        if lag_s.shape not in ((), (meters.assets,)):
            raise ValueError(
                f"lag_s is {lag_s.shape}, there are {meters.assets} assets"
            )
        return combine(
            wide_sums(
                _table(path, file, schema.names[first : first + BLOCK]),
                meters.part(first, first + BLOCK),
                max_age_s=max_age_s,
                from_s=from_s,
                lag_s=lag_s[first : first + BLOCK] if lag_s.ndim else lag_s,
                threads=1,
            )
            for first in range(0, meters.assets, BLOCK)
        )


def _table(path: Path, file: pq.ParquetFile, names: Sequence[str]) -> Table:
    """Return some assets' reads, a row each."""
    try:
        columns = file.read(columns=names)
    except (OSError, pa.ArrowInvalid) as error:
        raise _refused(path, f"it ends or is damaged ({error})") from error
    single = all(field.type == pa.float32() for field in columns.schema)
    table = np.empty(
        (columns.num_columns, columns.num_rows), np.float32 if single else np.float64
    )
    for row, column in zip(table, columns.columns, strict=True):
        row[:] = column.to_numpy()
    return table


def _refused(path: Path, fact: str) -> EvidenceError:
    hint = "a file with one column of floats for each asset, and a row a second"
    return EvidenceError(str(path), fact, hint)
