"""A file is the one that was named, or the shipped one of that name, and no other."""

from datetime import date

import pytest

from harness.rig.file import read_rig
from harness.rig.shipped import find_file, shipped
from harness.rulebook.loader import load_rulebook
from tests.cli.bench import ROOT


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["emulated", "emulated.toml", "rigs/emulated", "rigs/emulated.toml"]
)
def test_a_shipped_rig_has_a_short_name(name):
    assert find_file(name, "rigs") == shipped("rigs") / "emulated.toml"


@pytest.mark.parametrize("name", ["stops_early", "bad/stops_early", "stops_early.toml"])
def test_a_bad_rig_is_found_by_its_name(name):
    assert find_file(name, "rigs") == shipped("rigs") / "bad/stops_early.toml"


def test_a_feature_is_found_by_its_name():
    found = find_file("quarter_hour", "features")
    assert found == shipped("features") / "services/quarter_hour.feature"


def test_a_file_of_mine_comes_first(elsewhere):
    (elsewhere / "emulated.toml").write_text("mine")
    assert find_file("emulated.toml", "rigs").read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    ["my_bench/emulated.toml", "/nowhere/emulated.toml", "../emulated.toml"],
)
def test_a_mistyped_folder_never_becomes_the_emulated_bench(name):
    assert not find_file(name, "rigs").exists()


@pytest.mark.parametrize("name", ["**", "[x", "emul*", "nothing_of_the_kind"])
def test_a_name_is_no_pattern(name):
    assert not find_file(name, "rigs").exists()


RIGS = [
    path
    for folder in ("rigs", "rigs/neighbourhoods")
    for path in sorted((ROOT / folder).glob("*.toml"))
]


@pytest.mark.parametrize("path", RIGS, ids=[path.stem for path in RIGS])
def test_no_card_promises_fresher_values_than_its_emulated_meter_shows(path):
    for name, meter in read_rig(path).meter.items():
        emulated = (meter.emulator or {}).get("update_interval_s", 1.0)
        assert meter.calibration.update_interval_s >= emulated, name


@pytest.mark.parametrize("path", RIGS, ids=[path.stem for path in RIGS])
def test_no_meter_is_left_alone_for_longer_than_a_judge_may_be_silent(path):
    """But for the meter bench, where registers are judged and no event is."""
    quiet_s = read_rig(path).rig.quiet_interval_s or 0.0
    longest_gap_s = (
        load_rulebook().rule("bench/largest-gap", on=date(2026, 6, 1)).at_most
    )
    assert quiet_s <= longest_gap_s or path.stem == "meter_bench"
