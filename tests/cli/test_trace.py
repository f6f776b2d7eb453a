"""flexrig trace as a person types it: the shipped ledger is true."""

import re

from tests.cli.bench import (
    GOOD_RIG,
    QUARTER_HOUR,
    ROOT,
    changed,
    flexrig_here,
    pytest_here,
)


def test_every_shipped_scenario_has_an_id_and_no_id_is_lost():
    ended = flexrig_here("trace")
    assert ended.code == 0, ended.text
    assert re.search(r"\d+ ids: \d+ have scenarios", ended.text)
    assert "not yet" in ended.text


def test_a_scenario_without_an_id_makes_it_untrue(tmp_path):
    text = QUARTER_HOUR.read_text(encoding="utf-8")
    text = re.sub(r"@(BM|EVCP|HP|COMFORT) ", "", text)
    (tmp_path / "mine.feature").write_text(text)
    ended = flexrig_here("trace", "--features", tmp_path)
    assert ended.code == 1
    assert "mine.feature “The car gives way and comes back”: no id" in ended.text


def test_a_tag_that_looks_like_an_id_is_named(tmp_path):
    text = QUARTER_HOUR.read_text(encoding="utf-8")
    (tmp_path / "mine.feature").write_text(changed(text, ("@BM ", "@BM @Cop10 ")))
    ended = flexrig_here("trace", "--features", tmp_path)
    assert ended.code == 1
    assert "@Cop10 is no id, perhaps @CoP10" in ended.text


def test_outcomes_of_a_run_stand_beside_the_ids_and_on_a_page(tmp_path):
    rig = ROOT / "rigs/bad/accepts_and_ignores.toml"
    options = ("-k", "car_gives", "--date", "2026-06-21")
    pytest_here(QUARTER_HOUR, rig, tmp_path / "bad", *options)
    pytest_here(QUARTER_HOUR, GOOD_RIG, tmp_path / "good", *options)
    for folder, outcome in (("bad", "fail"), ("good", "pass")):
        page = tmp_path / f"{folder}.html"
        ended = flexrig_here("trace", "--run", tmp_path / folder, "--html", page)
        assert ended.code == 0
        row = re.search(r"EVCP .*", ended.text)[0]
        assert outcome in row
        assert "emulated" in row
        text = page.read_text(encoding="utf-8")
        assert f"<td>{outcome}</td>" in text
        assert not re.search(r"<script|(?:src|href)=\"(?!data:|#)", text)


def test_one_id_is_shown_with_its_scenarios_and_rules():
    use_cases = ROOT / "features/use_cases"
    ended = flexrig_here("trace", "--features", use_cases, "UC1", "VPP")
    assert ended.code == 0
    assert "uc01_constraint_management.feature: An armed home answers" in ended.text
    assert "transition/uc1/arming-period" in ended.text
    assert "no scenario yet" in ended.text
    assert flexrig_here("trace", "UC12").code == 2
