"""Exit codes 0 to 3, each shown by a run; and the same verdicts from its recording."""

import pytest

from tests.cli.bench import (
    GOOD_RIG,
    QUARTER_HOUR,
    changed,
    flexrig,
    flexrig_here,
    pytest_here,
    rig,
)

EV = "[device.ev.emulator]\n"
CLOSE = (EV, f"{EV}own_meter_gain_percent = -3.1\n")
"""Its own meter is inside −3.5 %, but not by the uncertainty of 0.4 %."""
VANISHES = (EV, f"{EV}faults = {{ vanishes_at_s = 300.0 }}\n")
FROZEN = (
    "[meter.ev_meter.emulator]\n",
    "[meter.ev_meter.emulator]\nfrozen_after_s = 150.0\n",
)
IGNORES = (EV, f"{EV}faults = {{ ignores_profiles = true }}\n")
WORDS_OF_SUCCESS = ("PASS", "passed")


def run(tmp_path, *changes, name="run", options=()):
    path, folder = rig(tmp_path / f"{name}.toml", *changes), tmp_path / name
    return flexrig(
        "run", QUARTER_HOUR, "--rig", path, "--run-folder", folder, "--no-allure",
        "--workers", "1", "-k", "car_gives", *options, folder=folder,
    )  # fmt: skip


@pytest.fixture(scope="module")
def close(tmp_path_factory):
    """A run of which one verdict passes, but by less than its uncertainty."""
    return run(tmp_path_factory.mktemp("close"), CLOSE)


def test_0_all_pass(close):
    assert close.code == 0
    assert "PASS  The car gives way and comes back" in close.text
    assert "certifies nothing" in close.text
    assert (close.folder / "report.html").exists()
    assert close.recording.complete


FAULTS = {
    "1 a device failed": (IGNORES, 1, "FAIL", "accepted but not delivered"),
    "2 the bench failed": (VANISHES, 2, "BROKEN", "lost at bench second 300"),
    "3 nobody can say": (FROZEN, 3, "INCONCLUSIVE", "frozen"),
}


@pytest.mark.parametrize(
    ("change", "code", "outcome", "says"), FAULTS.values(), ids=FAULTS
)
def test_other_codes(tmp_path, change, code, outcome, says):
    ended = run(tmp_path, change)
    assert ended.code == code
    assert f"{outcome}  The car gives way" in ended.text
    assert says in " ".join(ended.text.split())
    assert "Traceback" not in ended.text
    assert not any(word in ended.text for word in WORDS_OF_SUCCESS)
    assert ended.text.count("Try: ") >= 1


def test_2_nothing_was_selected(tmp_path):
    ended = run(tmp_path, options=("-m", "turn_up"))
    assert ended.code == 2
    says = "no scenario was selected. Try: other words after -k or -m."
    assert ended.text.splitlines()[1:] == [says]


def test_the_same_verdicts_come_from_the_recording_alone(close):
    again = flexrig("rejudge", close.folder)
    assert again.code == 0
    assert "the same verdicts: 1 of 1 were compared" in again.text


def test_a_guard_band_fails_what_passes_by_less_than_its_uncertainty(close):
    own = close.record.verdicts[-1]
    assert own.rule.quantity == "own meter error"
    assert 0 < own.margin < own.measured.expanded
    again = flexrig("rejudge", close.folder, "--decision-rule", "guard-band")
    assert again.code == 1
    lines = [line.strip() for line in again.text.splitlines()]
    assert any(line.startswith("fail  ev: own meter error") for line in lines)
    assert "the verdicts are NOT the same" not in again.text


def test_one_changed_byte_of_any_file_is_refused(close):
    bundle = close.bundle
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    assert {path.name for path in files} >= {
        "log.jsonl", "manifest.json", "messages.parquet", "plan.json", "rig.toml",
        "ev_meter.parquet", "scenario.feature", "scenario.json",
    }  # fmt: skip
    for path in files:
        whole = path.read_bytes()
        middle = len(whole) // 2
        spoilt = bytes([whole[middle] ^ 1])
        path.write_bytes(whole[:middle] + spoilt + whole[middle + 1 :])
        ended = flexrig_here("rejudge", close.folder)
        path.write_bytes(whole)
        assert ended.code == 2, path.name
        assert ended.text.startswith("flexrig: "), path.name
        assert path.name in ended.text
        assert ended.text.count("\n") == 1


def test_a_file_that_is_missing_or_was_added_is_refused(close):
    path = close.bundle / "log.jsonl"
    whole = path.read_bytes()
    path.unlink()
    missing = flexrig_here("rejudge", close.folder)
    path.write_bytes(whole)
    added = close.bundle / "better.json"
    added.write_text("{}")
    more = flexrig_here("rejudge", close.folder)
    added.unlink()
    assert (missing.code, more.code) == (2, 2)
    assert "log.jsonl: it is missing" in missing.text
    assert "better.json: it was added after the bundle was sealed" in more.text


def test_a_log_is_wide_and_a_narrow_terminal_is_kept_to(close):
    lines = close.text.splitlines()
    assert any("Margin" in line for line in lines)
    assert all(len(line) <= 120 for line in lines if "tmp" not in line)
    again = flexrig("rejudge", close.folder, columns=80)
    assert again.code == 0
    assert all(len(line) <= 80 for line in again.text.splitlines())


SELECTIONS = {
    "tags": (("-m", "BM and not ev"), ["heat_pump_gives"]),
    "words": (("-k", "car and not more"), ["car_gives"]),
    "a tag of two": (("-m", "turn_up"), ["car_takes_more"]),
}


@pytest.mark.parametrize(("options", "wanted"), SELECTIONS.values(), ids=SELECTIONS)
def test_tags_and_words_select_scenarios(tmp_path, options, wanted):
    ended = pytest_here(QUARTER_HOUR, GOOD_RIG, tmp_path, "--collect-only", *options)
    chosen = [line for line in ended.text.splitlines() if "::" in line]
    assert len(chosen) == len(wanted)
    assert all(words in line for words, line in zip(wanted, chosen, strict=True))


def test_two_scenarios_that_fail_and_pass_are_told_apart(tmp_path):
    text = changed(QUARTER_HOUR.read_text(encoding="utf-8"), (" to 4.6 kW", " to 9 kW"))
    path = tmp_path / "bench.feature"
    path.write_text(text)
    ended = pytest_here(path, GOOD_RIG, tmp_path / "run", "-k", "car")
    outcomes = {record.title: record.outcome for record in ended.records}
    assert outcomes["The car gives way and comes back"] == "pass"
    assert outcomes["The car takes more and comes back"] == "fail"
    assert ended.exit_code == 1
