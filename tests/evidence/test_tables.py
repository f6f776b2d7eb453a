"""Streams and tables: whole batches survive any tear; a long table is read exactly."""

import numpy as np
import pyarrow as pa
import pytest

from harness.core.errors import EvidenceError
from harness.evidence import columns, samples, tables
from harness.evidence.digests import content_digest
from harness.evidence.tables import MESSAGES, SAMPLES, TableStream


def samples_columns(roles, quantities, codes, first):
    numbers = np.arange(first, first + len(codes), dtype=float)
    return [
        columns.of_names(roles, codes),
        columns.of_names(quantities, codes),
        *(pa.array(numbers * scale) for scale in (1.0, 2.0, 3.0, 4.0)),
    ]


@pytest.fixture
def stream(tmp_path):
    """Three batches; roles and quantities appear as the trial goes on."""
    ends = [0]
    with TableStream(tmp_path, "samples") as stream:
        for roles, quantities, codes in (
            (["ev"], ["power_w"], [0, 0]),
            (["ev", "ev"], ["power_w", "current_a"], [1, 0, 1]),
            (["ev", "ev", "hp"], ["power_w", "current_a", "power_w"], [2, 0, 2, 1]),
        ):
            stream.write(samples_columns(roles, quantities, codes, 10 * len(ends)))
            ends.append(stream.path.stat().st_size)
    return stream.path, ends


def test_a_stream_cut_anywhere_reads_up_to_its_last_whole_batch(stream):
    path, ends = stream
    content = path.read_bytes()
    whole = np.cumsum([0, 2, 3, 4])
    for size in range(0, len(content) + 1, 4):
        path.write_bytes(content[:size])
        table = tables.read_table(path.parent, "samples")
        batches = sum(size >= end for end in ends[1:])
        assert table.num_rows == whole[batches], size
        assert table["bench_s"].to_pylist()[:2] in ([], [10.0, 11.0])


def test_garbage_after_whole_batches_is_left_out(stream):
    path, ends = stream
    content = path.read_bytes()
    path.write_bytes(content[: ends[2]] + b"\x00\xff garbage" * 50)
    assert tables.read_table(path.parent, "samples").num_rows == 5


@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_stream_is_read_in_part_or_refused_in_a_sentence(stream, seed):
    path, _ = stream
    content = path.read_bytes()
    rng = np.random.default_rng(seed)
    for _ in range(100):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), 4):
            damaged[at] ^= rng.integers(1, 256)
        path.write_bytes(damaged)
        try:
            table = tables.read_table(path.parent, "samples")
        except EvidenceError:
            continue  # a column's name was hit: "it is another table"
        samples.long_channels(table)
        assert table.num_rows <= 9


def test_names_that_appear_later_stay_with_their_rows(stream):
    path, _ = stream
    found = samples.long_channels(tables.read_table(path.parent, "samples"))
    assert {name: c.time_s.tolist() for name, c in found.items()} == {
        "ev.power_w": [10.0, 11.0, 21.0, 31.0],
        "ev.current_a": [20.0, 22.0, 33.0],
        "hp.power_w": [30.0, 32.0],
    }
    hp = found["hp.power_w"]
    assert hp.arrival_s.tolist() == [60.0, 64.0]
    assert hp.device_s.tolist() == [90.0, 96.0]
    assert hp.values.tolist() == [120.0, 128.0]


@pytest.fixture
def messages(tmp_path):
    """A stream of three messages in two batches."""
    with TableStream(tmp_path, "messages") as stream:
        for number in (1, 2):
            stream.write(
                [
                    columns.of_numbers(np.arange(float(number))),
                    columns.of_names(["ev"], [0] * number),
                    columns.of_flags([True] * number),
                    columns.of_text(["£"] * number),
                ]
            )
    return tmp_path


def test_settling_keeps_every_message_and_removes_the_stream(messages):
    before = tables.read_table(messages, "messages")
    tables.settle(messages, "messages", rows=3)
    after = tables.read_table(messages, "messages")
    assert after.to_pylist() == before.to_pylist()
    assert [p.name for p in messages.iterdir()] == ["messages.parquet"]
    assert content_digest(after) == content_digest(before)


def test_settling_refuses_messages_that_lost_rows(messages):
    with pytest.raises(EvidenceError, match="4 rows were recorded, 3 can be read"):
        tables.settle(messages, "messages", rows=4)
    assert (messages / "messages.arrows").exists()


def test_settling_an_empty_stream_gives_an_empty_table(tmp_path):
    TableStream(tmp_path, "messages").close()
    tables.settle(tmp_path, "messages", rows=0)
    table = tables.read_table(tmp_path, "messages")
    assert table.num_rows == 0
    assert table.schema == MESSAGES


def test_a_folder_without_tables_has_no_rows(tmp_path):
    assert tables.read_table(tmp_path, "messages").num_rows == 0


def test_many_channels_of_a_long_trial_are_told_apart():
    count, each = 700, 100
    codes = np.tile(np.arange(count), each)
    roles, quantities = (
        [f"r{n % 7}" for n in range(count)],
        [f"q{n}_w" for n in range(count)],
    )
    table = pa.Table.from_arrays(
        samples_columns(roles, quantities, codes, 0), schema=SAMPLES
    )
    found = samples.long_channels(table)
    assert len(found) == count
    last = found["r6.q699_w"]
    np.testing.assert_array_equal(last.time_s, np.arange(each) * count + 699.0)
