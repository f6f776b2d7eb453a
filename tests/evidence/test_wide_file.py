"""A file of reads sums to the very bits that its table sums to."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis.aggregate.meters import asset_meters
from harness.analysis.aggregate.wide import wide_sums
from harness.core.errors import EvidenceError
from harness.evidence.wide_file import wide_file_sums, write_wide
from tests.analysis.aggregate.portfolios import assert_same

HOLD = {"max_age_s": 9.0}


def meters(assets):
    return asset_meters(assets, random_u=0.01, diffusion_w2_per_s=1.0)


def table_of(assets, seconds, kind=np.float64):
    rng = np.random.default_rng(1)
    power_w = np.round(rng.normal(500, 900, (assets, seconds)), 1)
    return np.where(rng.random(power_w.shape) < 0.9, power_w, np.nan).astype(kind)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_file_sums_as_its_table_does(tmp_path, kind):
    power_w, lag_s = table_of(300, 50, kind), np.arange(300.0) % 4
    path = tmp_path / "reads.parquet"
    write_wide(path, power_w, [f"home {number}" for number in range(300)])
    options = HOLD | {"from_s": 7, "lag_s": lag_s}
    got = wide_file_sums(path, meters(300), **options)
    assert_same(got, wide_sums(power_w, meters(300), **options))


def test_null_is_no_read_and_row_groups_do_not_matter(tmp_path):
    path = tmp_path / "reads.parquet"
    first = [1.0, None, 3.0, float("nan")]
    pq.write_table(pa.table({"a": first, "b": [4.0] * 4}), path, row_group_size=3)
    power_w = np.array([[1.0, np.nan, 3.0, np.nan], [4.0] * 4])
    got = wide_file_sums(path, meters(2), **HOLD)
    assert_same(got, wide_sums(power_w, meters(2), **HOLD))


def test_such_files_are_small(tmp_path):
    power_w = table_of(20, 5000)
    names = [str(number) for number in range(20)]
    write_wide(tmp_path / "split.parquet", power_w, names)
    pq.write_table(
        pa.table(dict(zip(names, power_w, strict=True))), tmp_path / "plain.parquet"
    )
    sizes = [
        (tmp_path / f"{name}.parquet").stat().st_size for name in ("split", "plain")
    ]
    assert sizes[0] < sizes[1]
    column = pq.ParquetFile(tmp_path / "split.parquet").metadata.row_group(0).column(0)
    assert "BYTE_STREAM_SPLIT" in column.encodings
    assert column.compression == "ZSTD"


def test_a_file_that_is_none_says_what_it_should_be(tmp_path):
    path = tmp_path / "reads.parquet"
    with pytest.raises(
        EvidenceError, match=r"no Parquet file can be read.*a row a sec"
    ):
        wide_file_sums(path, meters(2), **HOLD)
    path.write_text("power\n1\n")
    with pytest.raises(EvidenceError, match="no Parquet file can be read"):
        wide_file_sums(path, meters(2), **HOLD)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "reads.parquet"
    write_wide(path, table_of(2, 5000), ["a", "b"])
    content = bytearray(path.read_bytes())
    content[100:2000] = bytes(1900)
    path.write_bytes(content)
    with pytest.raises(EvidenceError, match="it ends or is damaged"):
        wide_file_sums(path, meters(2), **HOLD)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1.0]}, "1 columns for 2 assets"),
        ({"a": [1.0], "b": [1]}, "column b holds int64"),
        ({"a": [1.0], "b": ["1.0"]}, "column b holds string"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, columns, message):
    path = tmp_path / "reads.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(EvidenceError, match=message):
        wide_file_sums(path, meters(2), **HOLD)


def test_what_cannot_be_written_or_summed_is_refused(tmp_path):
    path = tmp_path / "reads.parquet"
    for names in (["a"], ["a", "a"]):
        with pytest.raises(ValueError, match="2 assets need as many names"):
            write_wide(path, np.ones((2, 3)), names)
    write_wide(path, np.ones((2, 3)), ["a", "b"])
    with pytest.raises(ValueError, match=r"lag_s is \(3,\), there are 2 assets"):
        wide_file_sums(path, meters(2), **HOLD, lag_s=[1.0] * 3)
    write_wide(path, np.ones((2, 0)), ["a", "b"])
    with pytest.raises(ValueError, match="power_w holds no second"):
        wide_file_sums(path, meters(2), **HOLD)
