"""Stacking in use cases 1 and 2: each Then red where it must be, for its own reason."""

import pytest

from tests.cli.bench import GOOD_RIG, ROOT, pytest_here, seldom

UC1, UC2 = (
    next((ROOT / "features/use_cases").glob(f"uc0{number}_*.feature"))
    for number in (1, 2)
)
ESO = "the ESO instructs the EV to turn down to 1.4 kW from 17:30 to 17:34\n"
CASES = {
    "nobody armed it, so nobody is refused": (
        UC1, f"When {ESO}"
        "Then the aggregator refuses the ESO, because the home is armed for the DSO",
        "transition/uc1/stacked-otherwise", "none",
    ),
    "armed it is not the ESO's": (
        UC1, f"Given the DSO armed the service at 17:26\nWhen {ESO}"
        "Then the EV serves the ESO alone",
        "transition/uc1/stacked-otherwise", "asked for nothing",
    ),
    "the DSO has it before": (
        UC1, "Given the DSO armed the service at 17:00\n"
        "When the DSO dispatches the agreed capacity from 17:30 to 17:34\n"
        f"And {ESO.replace('17:3', '20:0')}Then the EV serves the ESO alone",
        "transition/uc1/stacked-otherwise", "",
    ),
    "it is free at another time": (
        UC2, f"Given the DSO armed the service at 17:31\nWhen {ESO}"
        "And the DSO dispatches the agreed capacity from 17:33 to 17:35\n"
        "Then the aggregator refuses the DSO, because the home serves the ESO "
        "until 17:33", "transition/uc2/stacked-otherwise", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    feature, steps, rule, says = CASES[case]
    text = feature.read_text(encoding="utf-8")
    begin = text[: text.index("  Scenario")].replace(
        "30 minutes after", "3 minutes after"
    )
    path = tmp_path / "case.feature"
    path.write_text(f"{begin}  Scenario: a twin\n{steps}\n", encoding="utf-8")
    bench = tmp_path / "rig.toml"
    bench.write_text(seldom(GOOD_RIG.read_text(encoding="utf-8")), encoding="utf-8")
    run = pytest_here(path, bench, tmp_path / "run")
    (verdict,) = run.record.verdicts
    assert verdict.rule.id == rule
    assert str(verdict.outcome) in ("fail", "inconclusive"), verdict.reason
    assert says in verdict.reason
