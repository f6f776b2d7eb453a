"""Use case 6: each Then red where it must be, for its own reason."""

import pytest

from tests.steps.use_cases import UC6, require_scene

OUTLINE = "Given the DNO approved the scheme in outline\n"
AGREED = (
    "And the coldstore agreed at 11:57 to draw 100 kW more from 12:00 to 12:08, "
    "for the windfarm to feed in\n"
)
APPROVED = "When the DNO approves it at 11:58\n"
TRADE = OUTLINE + AGREED + APPROVED
BY_HAND = OUTLINE + AGREED
"""Nobody approved it: both sites do as they like."""
IGNORES = "And the solar inverter accepts and ignores from 12:03\n"
BACK = "Then the fail-safe brings the windfarm back inside its own"
COVERED = "Then the windfarm is never beyond its own without the coldstore"
EQUAL = "Then both are up by the same"
CASES = {
    "generation that does not wait for demand": (
        BY_HAND + "When the windfarm feeds in 390 kW from 12:00 to 12:07\n"
        "And the coldstore draws 200 kW from 12:02 to 12:08\n"
        "Then the coldstore rises before the windfarm does",
        "transition/uc6/demand-first", "fail", "outside the bound",
    ),
    "both rise together": (
        BY_HAND + "When the windfarm feeds in 390 kW from 12:01 to 12:07\n"
        "And the coldstore draws 200 kW from 12:01 to 12:08\n"
        "Then the coldstore rises before the windfarm does",
        "transition/uc6/demand-first", "inconclusive", "cannot tell which was first",
    ),
    "demand that goes before generation does": (
        BY_HAND + "When the coldstore draws 200 kW from 12:00 to 12:06\n"
        "And the windfarm feeds in 390 kW from 12:01 to 12:07\n"
        "Then the windfarm falls before the coldstore does",
        "transition/uc6/generation-falls-first", "fail", "outside the bound",
    ),
    "generation that stays when demand has gone": (
        BY_HAND + "When the coldstore draws 200 kW from 12:00 to 12:05\n"
        "And the windfarm feeds in 390 kW from 12:01 to 12:06\n" + COVERED,
        "transition/uc6/time-not-covered", "fail", "outside the bound",
    ),
    "generation that stays for a minute less is covered": (
        BY_HAND + "When the coldstore draws 200 kW from 12:00 to 12:06:10\n"
        "And the windfarm feeds in 390 kW from 12:01 to 12:06\n" + COVERED,
        "transition/uc6/time-not-covered", "pass", "",
    ),
    "generation that rises by less than demand": (
        BY_HAND + "When the coldstore draws 200 kW from 12:00 to 12:08\n"
        "And the windfarm feeds in 370 kW from 12:01 to 12:08\n" + EQUAL,
        "transition/uc6/equal-levels", "fail", "outside the bound",
    ),
    "a generator that ignores its fail-safe": (
        TRADE + IGNORES + "And the load bank trips from 12:04\n" + BACK,
        "transition/uc6/fail-safe-time", "fail", "",
    ),
    "a silence that nobody acts on": (
        TRADE + IGNORES + "And the load meter is silent from 12:04:00 to 12:04:40\n"
        + BACK, "transition/uc6/fail-safe-time", "fail", "",
    ),
    "a frozen meter that nobody acts on": (
        TRADE + IGNORES + "And the load meter is frozen from 12:04:00 to 12:07:00\n"
        + BACK, "transition/uc6/fail-safe-time", "fail", "",
    ),
    "a frozen meter, and the demand is lost behind it": (
        TRADE + "And the load meter is frozen from 12:03:00 to 12:07:00\n"
        "And the load bank trips from 12:04\n" + BACK,
        "transition/uc6/fail-safe-time", "pass", "",
    ),
    "a meter that tells old news hides the loss": (
        TRADE + "And the load meter replays old values, 2 minutes old from 12:04:30\n"
        "And the load bank trips from 12:05\n" + BACK,
        "transition/uc6/fail-safe-time", "fail", "outside the bound",
    ),
    "demand that was never lost trips nothing": (
        TRADE + BACK, "transition/uc6/fail-safe-time", "inconclusive", "never lost",
    ),
    "a fail-safe verified in time is no reason to refuse": (
        TRADE + "Then the facilitator refuses it, because its fail-safe was not "
        "verified in time", "transition/uc6/refused-otherwise", "fail", "none",
    ),
    "feeding in without an approval": (
        BY_HAND + "When the windfarm feeds in 320 kW from 12:01 to 12:07\n"
        "Then the windfarm stays inside what it may export",
        "transition/uc6/within-capacity", "fail", "outside the bound",
    ),
    "feeding in without demand overloads the cable": (
        BY_HAND + "When the windfarm feeds in 390 kW from 12:01 to 12:07\n"
        'Then cable "O6" stays inside its rating',
        "transition/uc6/asset-within-rating", "fail", "outside the bound",
    ),
    "the monitoring sees it": (
        BY_HAND + "When the windfarm feeds in 390 kW from 12:01 to 12:07\n"
        "Then no site is reported above what it may",
        "transition/uc6/breaches-reported", "fail", "windfarm",
    ),
    "an offset that is unwound and goes on": (
        TRADE + "And the DNO unwinds it at 12:03\n"
        "And the windfarm feeds in 390 kW from 12:04:30 to 12:07\n" + COVERED,
        "transition/uc6/time-not-covered", "fail", "outside the bound",
    ),
    "what nobody raised is not paid for": (
        OUTLINE + AGREED.replace("12:08", "12:30") +
        "When the coldstore draws 200 kW from 12:00 to 12:30\n"
        "Then the windfarm pays the coldstore for the energy that both raised",
        "transition/uc6/offset-paid-for", "fail", "outside the bound",
    ),
    "an approved offset does cost something": (
        OUTLINE + AGREED.replace("12:08", "12:30") + APPROVED +
        "Then nothing is owed for capacity",
        "transition/uc6/money-without-approval", "fail", "outside the bound",
    ),
    "a fail-safe that was tried in vain keeps nothing back": (
        OUTLINE + AGREED + "When the DNO has the fail-safe tried with 50 kW at 11:50\n"
        "And the DNO approves it at 11:58\n"
        "Then the facilitator refuses it, because no outline approval stands",
        "transition/uc6/refused-otherwise", "fail", "none",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    steps, *ends = CASES[case]
    require_scene((UC6, steps, (), *ends), tmp_path)
