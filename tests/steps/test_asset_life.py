"""CM7: a transformer that is not spared is seen, and so is what cannot be judged."""

import pytest

from tests.cli.bench import GOOD_RIG, changed, flexrig_here, seldom
from tests.steps.use_cases import USE_CASES, judged, only, require_ending

FEATURE = USE_CASES / "cm7_asset_life.feature"
RULE = "transition/table6/ageing-saved"
CASES = {
    "homes that are a small part of its load": (
        (("carries 300 homes", "carries 5 homes"),), "fail", "outside the bound",
    ),
    "nobody called": (
        (("    When the DSO calls the agreed capacity at 15:50 for 17:00 to 18:00, as "
          "planned\n", "    When nobody is asked for anything from 17:00 to 17:10\n"),),
        "inconclusive", "nothing was asked",
    ),
    "a meter that is silent in the middle of it": (
        (("    Then the home", "    And the boundary is silent from 17:10 to "
          "17:10:50\n    Then the home"),),
        "inconclusive", "not seen all of the time",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    changes, *ends = CASES[case]
    text = changed(FEATURE.read_text(encoding="utf-8"), *changes)
    short = text.replace("for 17:00 to 18:00", "for 17:00 to 17:20")
    case_text = only(short, "A peak that", 'transformer "T7" ages')
    rig = seldom(GOOD_RIG.read_text(encoding="utf-8"))
    require_ending(judged(tmp_path, case_text, rig), RULE, *ends)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("at 10 °C outside", "at 10 V outside"), "is no weather"),
        (('"T7" ages less', '"T8" ages less'), "is not there"),
    ],
)
def test_bad_input_never_passes(change, says, tmp_path):
    path, bench = tmp_path / FEATURE.name, tmp_path / "rig.toml"
    text = changed(FEATURE.read_text(encoding="utf-8"), change)
    path.write_text(text.replace("for 17:00 to 18:00", "for 17:00 to 17:05"))
    bench.write_text(seldom(GOOD_RIG.read_text(encoding="utf-8")))
    run = flexrig_here("run", path, "--rig", bench, "--run-folder", tmp_path / "r",
                       "--no-allure")  # fmt: skip
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
