"""CM8: distortion that is not managed is seen, and so is what cannot be judged."""

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here
from tests.steps.use_cases import USE_CASES, judged, only, require_ending

FEATURE = USE_CASES / "cm8_harmonics.feature"
RIG = (ROOT / "rigs/feeder_harmonics.toml").read_text(encoding="utf-8")
LIMIT, BEFORE = "en50160/voltage-thd", "en50160/voltage-thd-before"
INSIDE, OUTSIDE = (
    "the distortion at the boundary is",
    "the distortion at the boundary was",
)
DEAF = (("harmonics = true\n", ""),)
CASES = {
    "a load that gives way too little": (
        INSIDE, (("down to 1.6 kW", "down to 3.6 kW"),), (), LIMIT, "fail", "outside",
    ),
    "a load that says yes and goes on": (
        INSIDE,
        (("    Then the",
          "    And the load bank accepts and ignores from 12:04\n    Then the"),), (),
        LIMIT, "fail", "outside",
    ),
    "a load that hardly distorts": (
        OUTSIDE, (), (("3 = 40.0\n5 = 25.0\n7 = 10.0", "3 = 4.0"),),
        BEFORE, "fail", "outside",
    ),
    "a meter that does not tell": (
        INSIDE, (), DEAF, LIMIT, "inconclusive", "no distortion",
    ),
    "a stiff network": (
        OUTSIDE, (), (("homes = 15", "homes = 1"),), BEFORE, "fail", "outside",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    then, changes, wiring, *ends = CASES[case]
    text = only(FEATURE.read_text(encoding="utf-8"), "What distorts", then)
    require_ending(
        judged(tmp_path, changed(text, *changes), changed(RIG, *wiring)), *ends
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("3 = 40.0", "1 = 40.0"), "no harmonic from 2 to 40"),
        (("3 = 40.0", "third = 40.0"), "no harmonic from 2 to 40"),
        (
            ("harmonics = true\n", "harmonics = true\nper_phase = true\n"),
            "exclude each other",
        ),
    ],
)
def test_a_bad_rig_is_named(change, says, tmp_path):
    bench = tmp_path / "rig.toml"
    bench.write_text(changed(RIG, change))
    run = flexrig_here("run", FEATURE, "--rig", bench, "--run-folder", tmp_path / "r")
    assert run.code == 2
    assert says in " ".join(run.text.split())
