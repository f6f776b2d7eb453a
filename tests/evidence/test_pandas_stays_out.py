"""pandas costs half a second and 60 MB: a trial does without, installed or not."""

from tests.cli.bench import GOOD_RIG, QUARTER_HOUR, flexrig


def test_a_run_is_recorded_read_judged_and_reported_without_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    done = flexrig(
        "run", QUARTER_HOUR, "--rig", GOOD_RIG, "--no-allure",
        "--run-folder", tmp_path / "run", "-k", "car_gives",
    )  # fmt: skip
    imported = done.text + (tmp_path / "run/pytest.log").read_text()
    assert done.code == 0
    assert "harness.evidence.settling" in imported
    assert "pandas" not in imported
