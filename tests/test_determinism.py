"""The same seed gives the same recording, whatever else the machine does.

`python -m tests.tools.digests` tries twenty runs, idle and busy.
"""

import os
import subprocess
import sys

import pytest

from tests.cli.bench import GOOD_RIG, PATIENCE_S, WORKING_DAY
from tests.tools.digests import SHORT, busy_cores, digest, digest_of

TIMES = 3


@pytest.fixture(scope="module")
def first():
    return digest()


def elsewhere(tmp_path, *options, hash_seed):
    """Run it with pytest in a process of its own; return the digest."""
    folder = tmp_path / f"run{hash_seed}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(SHORT), "-q", "-p", "no:cacheprovider",
         "--rig", str(GOOD_RIG), "--run-folder", str(folder),
         "--date", WORKING_DAY, *options],
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed)}, cwd=tmp_path,
        timeout=PATIENCE_S, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return digest_of(folder)


def test_one_seed_one_recording_again_and_again(first):
    assert {digest() for _ in range(TIMES)} == {first}


def test_one_seed_one_recording_while_every_core_is_busy(first):
    with busy_cores():
        assert {digest() for _ in range(TIMES)} == {first}


def test_other_processes_and_workers_record_the_same(first, tmp_path):
    assert elsewhere(tmp_path, hash_seed=1) == first
    assert elsewhere(tmp_path, "-n", "2", hash_seed=2) == first


def test_another_seed_is_another_recording(first):
    assert digest(SHORT, "--seed", "2") != first
