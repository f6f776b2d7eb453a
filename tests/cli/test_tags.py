"""Tags of examples: known to pytest as markers, and never obeyed by it."""

import pytest

from tests.cli.bench import ROOT, changed, pytest_here

EVERY = ROOT / "features/devices/every_chargepoint.feature"


@pytest.mark.parametrize("tag", ["xfail", "skipif", "usefixtures"])
def test_a_tag_on_examples_that_pytest_would_obey_is_refused(tag, tmp_path):
    text = EVERY.read_text(encoding="utf-8")
    path = tmp_path / "every.feature"
    path.write_text(changed(text, ("    @EVCP\n", f"    @{tag}\n")))
    rig = ROOT / "rigs/chargepoints.toml"
    run = pytest_here(path, rig, tmp_path / "run", "-k", "cloud")
    assert run.code == 2
    assert "could hide a verdict" in run.text


def test_examples_may_carry_tags_of_their_own(tmp_path):
    rig = ROOT / "rigs/chargepoints.toml"
    run = pytest_here(EVERY, rig, tmp_path / "run", "-m", "EVD", "--date", "2026-06-21")
    assert run.exit_code == 0
    assert {"EVD", "ev"} <= set(run.record.tags)
    assert "EVCP" not in run.record.tags
