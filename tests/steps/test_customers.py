"""Customers on the bench: each Then red where it must be."""

import pytest

from tests.cli.bench import ROOT, changed
from tests.steps.use_cases import judged, only, require_ending, require_refused

FEATURE = ROOT / "features/customers/journeys.feature"
RIG = (ROOT / "rigs/home_half_hours.toml").read_text(encoding="utf-8")
OTHERWISE, PAID = "customers/treated-otherwise", "customers/paid-share"
BEFORE, LEFT = "agreement/undisturbed", "customers/left-with"
A, B, D = "A system service", "An active participant has", "A passive consumer has"
X, V = "A passive participant becomes", "Who is vulnerable"
SIGNS = "    When the customer signs a service agreement at 16:55\n    And "
IGNORES = (
    "[device.ev.emulator]\n",
    "[device.ev.emulator]\nfaults = { ignores_profiles = true }\n",
)
FROZEN = (
    "[meter.ev_meter.emulator]\n",
    "[meter.ev_meter.emulator]\nfrozen_after_s = 100.0\n",
)
ONE_ROW = ("      | B        | aggregator contract | aggregator |\n", "")
CASES = {
    "a car that says yes and does nothing earns nothing": (
        A, "the customer is paid", (), (IGNORES,), PAID, "fail", "outside",
    ),
    "nothing was asked of it": (
        A, "the customer is paid", ((SIGNS, "    When "),), (), PAID,
        "inconclusive", "nothing was asked",
    ),
    "a call that has no contract": (
        A, "the call reaches", ((SIGNS, "    When "),), (), OTHERWISE, "fail",
        "no contract by which",
    ),
    "a journey that led elsewhere": (
        A, "the customer is in category A", ((SIGNS, "    When "),), (), OTHERWISE,
        "fail", "it holds power purchase agreement",
    ),
    "a customer that did not move": (
        X, "the customer is in category B",
        (("moves to category B", "moves to category D"),), (), OTHERWISE, "fail",
        "it is in category C",
    ),
    "a contract that its category can hold": (
        B, "the customer is refused",
        (("signs a service agreement", "signs a time-of-use tariff"),), (), OTHERWISE,
        "fail", "reasons given: none",
    ),
    "a call that did reach it": (
        B, "nothing reaches", (("the ESO calls", "the aggregator calls"),), (),
        OTHERWISE, "fail", "it was instructed",
    ),
    "a car that did not go on as before": (
        B, "the customer's EV goes on", (("the ESO calls", "the aggregator calls"),),
        (), BEFORE, "fail", "outside",
    ),
    "a meter that stands still": (
        D, "the customer's EV goes on", (), (FROZEN,), BEFORE, "inconclusive", "",
    ),
    "less taken than is protected": (
        V, "nothing reaches", (ONE_ROW, ("at least 1.2 kW", "at least 0.5 kW")), (),
        OTHERWISE, "fail", "it was instructed",
    ),
    "a heat pump that draws less than is protected by itself": (
        V, "the customer's heat pump is never",
        (ONE_ROW, ("at least 1.2 kW", "at least 3 kW")), (), LEFT, "fail", "outside",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    title, then, changes, wiring, *ends = CASES[case]
    text = only(FEATURE.read_text(encoding="utf-8"), title, then)
    verdict = judged(tmp_path, changed(text, *changes), changed(RIG, *wiring))
    require_ending(verdict, *ends)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("of category A", "of category E"), "A (system service provider)"),
        (("a power purchase agreement", "a handshake"), "is no contract"),
        (("And the DSO calls", "And the DNO calls"), "calls on no customer"),
        (("because it holds no contract by which", "because it hides, by which"),
         "is no reason"),
        (("pays 300 £/MWh", "pays -3 £/MWh"), "negative"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change, says, tmp_path):
    require_refused(tmp_path, FEATURE, RIG, change, says)
