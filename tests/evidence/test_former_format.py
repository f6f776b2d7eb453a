"""Bundles of the first format, one long table of samples: read, verified and judged.

`data/format_1.zip` was made by ``flexrig run`` when that format was the present one:
one car, one meter, four minutes. It is a zip so that no tool changes a line's end.
"""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from harness.core.errors import EvidenceError
from harness.evidence import manifest, tables
from harness.evidence.bundle import read_bundle, recording_digest, seal, verify
from tests.cli.bench import flexrig_here

KEPT = Path(__file__).parent / "data/format_1.zip"


@pytest.fixture
def bundle(tmp_path):
    shutil.unpack_archive(KEPT, tmp_path / "run")
    (found,) = (tmp_path / "run").iterdir()
    return found


def test_it_verifies_and_its_digest_is_what_its_report_says(bundle):
    found = verify(bundle)
    assert found["format"] == manifest.LONG_FORMAT != manifest.FORMAT
    assert recording_digest(bundle) == found["recording"]
    assert found["recording"].startswith("f42fecc5677c55be")


def test_every_sample_of_it_is_read(bundle):
    recording = read_bundle(bundle)
    assert recording.complete
    table = pyarrow.parquet.read_table(bundle / "samples.parquet").to_pandas()
    groups = dict(list(table.groupby(["role", "quantity"])))
    assert len(groups) == len(recording.channels) == 14
    for channel in recording.channels.values():
        rows = groups[channel.role, channel.quantity]
        np.testing.assert_array_equal(channel.time_s, rows["bench_s"])
        np.testing.assert_array_equal(channel.arrival_s, rows["arrival_s"])
        np.testing.assert_array_equal(channel.device_s, rows["device_s"])
        np.testing.assert_array_equal(channel.values, rows["value"])
    assert len(recording.messages) == 910
    assert len(recording.log) == 16


def test_it_is_judged_again(bundle):
    again = flexrig_here("rejudge", bundle.parent)
    assert "PASS  The car gives way" in again.text


def test_sealed_again_it_stays_what_it_was(bundle):
    before = recording_digest(bundle)
    (bundle / "note.txt").write_text("read in 2027")
    seal(bundle)
    assert verify(bundle)["format"] == manifest.LONG_FORMAT
    assert recording_digest(bundle) == before


def test_one_byte_changed_in_its_samples_is_refused(bundle):
    content = bytearray((bundle / "samples.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "samples.parquet").write_bytes(content)
    for use in (verify, read_bundle):
        with pytest.raises(EvidenceError, match=r"samples\.parquet: it was changed"):
            use(bundle)


def test_one_that_a_kill_left_is_read_up_to_there(bundle):
    whole = read_bundle(bundle)
    rows = tables.read_table(bundle, "samples").to_batches()
    with tables.TableStream(bundle, "samples") as stream:
        for batch in rows:
            stream.write(batch.columns)
    (bundle / "samples.parquet").unlink()
    stripped = {k: v for k, v in manifest.read(bundle).items() if k != "seal"}
    manifest.write(bundle, stripped)
    found = read_bundle(bundle)
    assert not found.complete
    assert list(found.channels) == list(whole.channels)
    power = found.channel("ev_meter", "power_w").values
    np.testing.assert_array_equal(power, whole.channel("ev_meter", "power_w").values)
