"""docs/meter-accuracy.md is made by a run: one rule of it is run here again."""

from harness.rulebook.loader import load_rulebook
from tests.tools.meter_table import CASES, ON, PAGE, rows_of


def test_every_limit_on_a_meter_s_error_has_its_load_points_in_the_table():
    text = PAGE.read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in text.splitlines() if line[:3] == "| `"}
    assert listed == {case.rule_id for case in CASES}
    # Temperature is no part of the bench: the limits of the middle range stand for all.
    tried = {
        rule.id
        for rule in load_rulebook().in_force(ON)
        if "measurand" in rule.conditions
        and "single-phase load" not in str(rule.conditions.get("load"))
        and str(rule.conditions.get("connection")) != "transformers not connected"
        and rule.conditions.get("temperature_from_c", 5) == 5
        and rule.conditions.get("current_from_percent", 5) >= 5
        and not rule.id.startswith("electricity_act1989/")
    }
    assert tried <= listed, tried - listed


def test_one_limit_is_seen_from_both_sides(tmp_path):
    case = next(one for one in CASES if one.rule_id == "mid/class-index/class-b")
    (row,) = rows_of(case, tmp_path)
    assert row.wrong == []
    assert {str(verdict.outcome) for _name, verdict in row.shown} >= {"pass", "fail"}
