"""Reactive power, power factor, voltage: each Then red where it must be."""

import pytest

from tests.cli.bench import ROOT, changed
from tests.steps.use_cases import (
    USE_CASES,
    judged,
    only,
    require_ending,
    require_refused,
)

FEATURE = USE_CASES / "cm_reactive_power.feature"
RIG = (ROOT / "rigs/feeder_end.toml").read_text(encoding="utf-8")
CM2, CM3, CM9, CM5 = (
    "An inverter gives what a motor", "An inverter takes", "Panels lift",
    "After a fault",
)  # fmt: skip
PM3, PM4 = "At the peak an inverter", "At the peak the power"
GIVES = "has the battery give 1.38 kvar"
CASES = {
    "CM2: an inverter that takes instead": (
        CM2, "the power factor", ((GIVES, "has the battery take 1.38 kvar"),),
        "transition/table6/power-factor", "fail", "outside the bound",
    ),
    "CM2: one that gives far too much": (
        CM2, "the power factor", ((GIVES, "has the battery give 3 kvar"),),
        "transition/table6/power-factor", "fail", "outside the bound",
    ),
    "CM2: one that gives next to nothing": (
        CM2, "the power factor", ((GIVES, "has the battery give 0.1 kvar"),),
        "transition/table6/power-factor", "fail", "outside the bound",
    ),
    "CM3: an inverter that gives instead": (
        CM3, "the voltage", (("take 3 kvar", "give 3 kvar"),),
        "transition/table6/voltage-moved", "fail", "outside the bound",
    ),
    "CM3: one that takes too little": (
        CM3, "the voltage", (("take 3 kvar", "take 0.3 kvar"),),
        "transition/table6/voltage-moved", "fail", "outside the bound",
    ),
    "CM9: one that takes too little": (
        CM9, "the voltage", (("take 3 kvar", "take 0.2 kvar"),),
        "esqcr/low-voltage", "fail", "outside the bound",
    ),
    "CM5: nothing holds it up": (
        CM5, "the voltage at the boundary is back",
        (("the battery to turn down to −3 kW", "the battery to turn down to −0.1 kW"),
         ("give 3 kvar", "give 0.1 kvar")),
        "transition/table6/voltage-back", "fail", "outside the bound",
    ),
    "CM5: it is held up too late": (
        CM5, "the voltage at the boundary is back",
        (("−3 kW from 12:05:20", "−3 kW from 12:07"),
         ("give 3 kvar from 12:05:20", "give 3 kvar from 12:07")),
        "transition/table6/voltage-back", "fail", "outside the bound",
    ),
    "CM5: there was nothing to come back from": (
        CM5, "the voltage at the boundary is back",
        (("takes 18 A", "takes 2 A"), ("to −3 kW", "to −0.1 kW"),
         ("give 3 kvar", "give 0.1 kvar")),
        "transition/table6/voltage-back", "inconclusive", "never left its limits",
    ),
    "PM3: an inverter that takes as well": (
        PM3, "the feeder", (("give 1.6 kvar", "take 1.6 kvar"),),
        "transition/table6/losses-saved", "fail", "outside the bound",
    ),
    "PM4: one that gives too little": (
        PM4, "the home's apparent", (("give 1.6 kvar", "give 0.2 kvar"),),
        "transition/table6/apparent-power-saved", "fail", "outside the bound",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    title, then, changes, *ends = CASES[case]
    text = only(FEATURE.read_text(encoding="utf-8"), title, then)
    require_ending(judged(tmp_path, changed(text, *changes), RIG), *ends)


def test_a_meter_that_tells_no_reactive_power_says_nothing(tmp_path):
    text = only(FEATURE.read_text(encoding="utf-8"), CM2, "the power factor")
    deaf = changed(RIG, ("reactive = true", "reactive = false"))
    verdict = judged(tmp_path, text, deaf)
    require_ending(
        verdict, "transition/table6/power-factor", "inconclusive", "no reactive_var"
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((GIVES, "has the battery juggle 1.38 kvar"), "is no way"),
        ((GIVES, "has the battery give 0 kvar"), "is nothing"),
        (("power factor 0.8 inductive", "power factor 1.8 inductive"), "is none"),
        (("+10 / −6 %", "+10 / −10 %"), "esqcr/low-voltage says"),
        (("boundary falls by", "boundary hops by"), "hops"),
    ],
)
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    require_refused(tmp_path, FEATURE, RIG, change, says)
