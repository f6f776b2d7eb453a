"""The wide layout: names that any system can hold, and files that are what they say."""

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import EvidenceError
from harness.evidence import wide
from harness.evidence.samples import WideChannels
from harness.evidence.wide import RoleChannels, column_of, decoded, encoded, schema_of
from tests.evidence.test_settling import SCRIPT, record

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(one=TEXT, other=TEXT)
def test_any_text_becomes_a_plain_name_and_comes_back(one, other):
    name = encoded(one)
    assert decoded(name) == decoded(column_of(one)) == one
    assert name.isascii()
    assert not set(name) & set("./\\: ")
    assert name
    assert (encoded(other) == name) == (other == one)


@pytest.mark.parametrize("quantity", ["bench_s", "arrival_s", "device_s"])
def test_a_quantity_called_like_a_time_has_another_column(quantity):
    schema = schema_of(RoleChannels("ev", (quantity,), (0,)))
    assert len(set(schema.names)) == 4
    assert decoded(schema.names[3]) == quantity


def test_every_column_is_split_by_bytes_and_has_no_dictionary(tmp_path):
    path = record(tmp_path / "b", SCRIPT) / "samples/ev.parquet"
    group = pyarrow.parquet.read_metadata(path).row_group(0)
    assert group.num_columns == 6
    for at in range(group.num_columns):
        column = group.column(at)
        assert column.compression == "ZSTD"
        assert "BYTE_STREAM_SPLIT" in column.encodings
        assert not column.has_dictionary_page


def spoil(path, how):
    """Change a role's file: one thing about it, told by name."""
    table = pyarrow.parquet.read_table(path)
    about = dict(table.schema.metadata)
    if how == "nothing said of it":
        about = {}
    if how == "another role's":
        about = {b"flexrig": b'{"role": "hp", "first": [0, 1, 5]}'}
    if how == "a first too few":
        about = {b"flexrig": b'{"role": "ev", "first": [0]}'}
    if how == "whole numbers":
        table = table.set_column(3, "power_w", pa.array([1] * len(table)))
    if how == "times in another order":
        table = table.select([1, 0, *range(2, table.num_columns)])
    if how == "a list":
        about = {b"flexrig": b"[]"}
    pyarrow.parquet.write_table(table.replace_schema_metadata(about), path)


@pytest.mark.parametrize(
    "how",
    ["nothing said of it", "another role's", "a first too few", "whole numbers",
     "times in another order", "a list"],
)  # fmt: skip
def test_a_file_that_is_no_role_s_samples_is_refused_by_name(tmp_path, how):
    path = record(tmp_path / "b", SCRIPT) / "samples/ev.parquet"
    spoil(path, how)
    with pytest.raises(EvidenceError, match=r"ev\.parquet: it is no table of samples"):
        WideChannels(path.parent)


def test_a_damaged_page_is_refused_by_name_and_the_others_are_read(tmp_path):
    path = record(tmp_path / "b", SCRIPT) / "samples/ev.parquet"
    column = pyarrow.parquet.read_metadata(path).row_group(0).column(3)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 0xFF
    path.write_bytes(content)
    channels = WideChannels(path.parent)
    assert channels["ev.current_a"].values.tolist() == [30.5]
    assert channels["hp.power_w"].values.size == 1
    with pytest.raises(EvidenceError, match=r"ev\.parquet: it is no table of samples"):
        channels["ev.power_w"]


def test_channels_are_read_one_by_one_or_together_alike(tmp_path):
    channels = WideChannels(record(tmp_path / "b", SCRIPT) / "samples")
    together = channels.read(channels)
    assert list(together) == list(channels)
    assert len(channels) == 4
    for name, channel in channels.items():
        assert channel.name == together[name].name
        assert channel.values.tobytes() == together[name].values.tobytes()
    with pytest.raises(KeyError):
        channels["ev.energy_wh"]


def test_the_channels_of_a_role_share_their_times_and_nobody_changes_them(tmp_path):
    script = [("ev", at, at, [("a_w", at, 0.0), ("b_w", at, 0.0)]) for at in (1.0, 2.0)]
    channels = WideChannels(record(tmp_path / "b", script) / "samples")
    one, other = channels.read(channels).values()
    assert one.time_s is other.time_s
    for part in (one.time_s, one.arrival_s, one.device_s, one.values):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0.0


def test_a_row_group_has_its_size_however_samples_come(tmp_path, monkeypatch):
    monkeypatch.setattr(wide, "ROW_GROUP", 2)
    script = [("ev", float(at), 0.0, [("power_w", 1.0, 0.0)]) for at in range(5)]
    path = record(tmp_path / "b", script, flush_after={0, 3}) / "samples/ev.parquet"
    found = pyarrow.parquet.read_metadata(path)
    assert [found.row_group(n).num_rows for n in range(3)] == [2, 2, 1]
