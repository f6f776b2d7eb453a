"""One real run, and one that has a bundle of the first format beside it."""

import shutil

import pytest

from tests.cli import bench
from tests.evidence.test_former_format import KEPT


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder of a short run of one scenario. Copy it before touching it."""
    folder = tmp_path_factory.mktemp("made")
    shutil.unpack_archive(KEPT, folder)
    (kept,) = folder.iterdir()
    text = (kept / "scenario.feature").read_text()
    asked = folder / "car.feature"
    asked.write_text(bench.changed(text, ("gives way", "gives way and comes back")))
    ended = bench.pytest_here(asked, kept / "rig.toml", folder / "run")
    assert ended.code == 0, ended.text
    return folder / "run"


@pytest.fixture(scope="session")
def two(made, tmp_path_factory):
    """The folder of a run of two scenarios. Copy it before touching it."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("two") / "run")
    shutil.unpack_archive(KEPT, folder)
    return folder


@pytest.fixture
def run_folder(made, tmp_path):
    """A copy of the run of one scenario, to be spoilt."""
    return shutil.copytree(made, tmp_path / "run")
