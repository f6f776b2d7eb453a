"""Use case 2: each Then red where it must be, for its own reason."""

import pytest

from tests.cli.bench import GOOD_RIG, ROOT, changed, flexrig_here, pytest_here, seldom

FEATURE = ROOT / "features/use_cases/uc02_peak_management.feature"


def shorter(text):
    """Half an hour of peak shows as much as an hour and a half of it."""
    for old, new in (
        ("armed the service at 15:40", "armed the service at 15:50"),
        ("at 15:50 for 17:00 to 18:30", "at 15:55 for 17:00 to 17:30"),
        ("until 18:30", "until 17:30"),
        ("and 30 minutes after", "and 5 minutes after"),
    ):
        text = text.replace(old, new)
    return text


def ended(tmp_path, only, *changes, rig=GOOD_RIG):
    path = tmp_path / "peak.feature"
    text = changed(FEATURE.read_text(encoding="utf-8"), *changes)
    path.write_text(shorter(text), encoding="utf-8")
    options = ("-k", only, "--date", "2026-11-26")
    bench = tmp_path / "rig.toml"
    bench.write_text(seldom(rig.read_text(encoding="utf-8")), encoding="utf-8")
    run = pytest_here(path, bench, tmp_path / "run", *options)
    return {
        verdict.rule.id: (str(verdict.outcome), verdict.reason)
        for verdict in run.record.verdicts
    }


def steps_from(first):
    """Leave out the Thens of the first scenario before one of them."""
    text = FEATURE.read_text(encoding="utf-8")
    begin = text.index("    Then the DSO called it as far ahead as planned")
    end = text.index(first)
    return text[begin:end], "    Then " + first.split("And ", 1)[1]


@pytest.mark.parametrize(
    ("first", "change", "rule"),
    [
        (
            None, ("at 15:50 for 17:00 to 18:30", "at 16:55 for 17:00 to 17:30"),
            "transition/uc2/called-ahead",
        ),
        (
            '    And transformer "T3" stays inside',
            ("| 17:30 | 1.4 |", "| 17:30 | 3.6 |"),
            "transition/uc2/asset-within-rating",
        ),
        (
            '    And without the service transformer "T3"',
            ("carries 300 homes", "carries 250 homes"),
            "transition/uc2/forecast-overload",
        ),
    ],
    ids=["called late", "too much", "not needed"],
)  # fmt: skip
def test_each_then_is_red_where_it_must_be(first, change, rule, tmp_path):
    changes = [change]
    if first is not None:
        gone, then = steps_from(first)
        changes += [(gone, ""), (first, then.rstrip())]
    came = ended(tmp_path, "Flexibility", *changes)
    assert came[rule][0] == "fail", came
    assert "outside the bound" in came[rule][1]


def test_a_car_that_says_yes_and_does_nothing_leaves_the_transformer_overloaded(
    tmp_path,
):
    gone, then = steps_from('    And transformer "T3" stays inside')
    rig = ROOT / "rigs/bad/accepts_and_ignores.toml"
    came = ended(
        tmp_path, "Flexibility", (gone, ""),
        ('    And transformer "T3" stays inside', then.rstrip()),
        ("| 17:30 | 1.4 |", "| 17:30 | 1.9 |"), rig=rig,
    )  # fmt: skip
    assert came["transition/uc2/asset-within-rating"][0] == "fail", came


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("rated 4.0 MVA, carries", "rated high MVA, carries"), "no number of MVA"),
        (("| 16:30 | 1.0 |", "| 15:00 | 1.0 |"), "in order of the day"),
        (("| 16:30 | 1.0 |", "| 16:30 | -1.0 |"), "none of it negative"),
        (("at 15:50 for 17:00", "at 17:50 for 17:00"), "is not before 17:00"),
        (("| home  | called ahead                     | 1 hour ",
          "| home  | called ahead                     | 2 hours"), "called-ahead"),
    ],
)  # fmt: skip
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    path = tmp_path / "peak.feature"
    path.write_text(changed(FEATURE.read_text(encoding="utf-8"), change))
    run = flexrig_here("run", path, "--rig", GOOD_RIG, "--run-folder", tmp_path / "r")
    assert run.code == 2
    assert says in run.text
    assert "Traceback" not in run.text
