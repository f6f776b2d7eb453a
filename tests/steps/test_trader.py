"""Use cases 7 and 8: each Then red where it must be, for its own reason."""

import pytest

from harness.core.recording import LogEntry
from harness.trial.trading_desk import TradingDesk
from tests.cli.bench import changed, flexrig_here
from tests.steps.use_cases import UC7, UC8, require_scene, rig_of

SOLD = (
    "When the trader at 15:58 has the bakery draw 15 kW less from 17:00 to {until}, "
    'for "lengthen or shorten"\n'
)
BOUGHT = (
    "When the trader at 02:58 has the depot draw 18 kW more from 03:00 to {until}, "
    'for "forecast imbalance price"\n'
)
PLACED = (
    "When the trader at 16:58 has the bakery draw {power} less from {span}, "
    'for "forecast imbalance price"\n'
)
ONE = PLACED.format(power="15 kW", span="17:00 to 17:05")
IGNORES = "And the load bank accepts and ignores from {at}\n"
CASES = {
    "the second of two orders is ignored": (
        UC7, ONE + PLACED.replace("When", "And").format(
            power="15 kW", span="17:10 to 17:15"
        ) + IGNORES.format(at="17:07") + "Then the bakery moves as ordered",
        (), "transition/uc7/delivered-share", "fail", "from 17:10:00",
    ),
    "an order that is ignored": (
        UC8, BOUGHT.format(until="03:05")
        + "And the EV accepts and ignores from 02:59\nThen the depot moves as ordered",
        (), "transition/uc8/delivered-share", "fail", "outside the bound",
    ),
    "nothing ordered is nothing delivered": (
        UC7, PLACED.format(power="29 kW", span="17:00 to 17:05")
        + "Then the bakery moves as ordered",
        (), "transition/uc7/delivered-share", "inconclusive", "nothing was ordered",
    ),
    "an order within every limit is not declined": (
        UC7, ONE + "Then the trader declines it, because more than the trader may move",
        (), "transition/uc7/declined-otherwise", "fail", "none",
    ),
    "an order is declined for its own reason": (
        UC8, BOUGHT.format(until="03:05").replace("18 kW", "22 kW")
        + "Then the trader declines it, because gate closure has passed",
        (), "transition/uc8/declined-otherwise", "fail", "may not draw",
    ),
    "an order that fits is not cut": (
        UC7, SOLD.format(until="17:05")
        + "Then the trader cuts it to 10 kW, because more than the trader may move",
        (), "transition/uc7/declined-otherwise", "fail", "not cut",
    ),
    "what was sold and not delivered costs the company": (
        UC7, SOLD.format(until="17:30") + IGNORES.format(at="16:59")
        + "Then it brings more than doing nothing",
        (), "transition/uc7/brings", "fail", "outside the bound",
    ),
    "nothing ordered brings nothing": (
        UC8, BOUGHT.format(until="03:05").replace("18 kW", "22 kW")
        + "Then it brings more than doing nothing",
        (), "transition/uc8/brings", "inconclusive", "nothing was ordered",
    ),
    "the DNO hears of a trade on the side": (
        UC7, "Given the depot agreed at 16:56 to lend the bakery 5 kW of import from "
        "17:00 to 17:05\n" + ONE + "Then neither the DNO nor the DSO is part of it",
        (), "transition/uc7/network-not-part", "fail", "notice",
    ),
    "nobody is part of what never happened": (
        UC7, PLACED.format(power="29 kW", span="17:00 to 17:05")
        + "Then neither the DNO nor the DSO is part of it",
        (), "transition/uc7/network-not-part", "inconclusive", "nothing was ordered",
    ),
    "a site beyond its connection": (
        UC7, ONE + "And the depot draws 70 kW from 17:00 to 17:04\n"
        "Then the depot stays inside what it may import",
        (), "transition/uc7/within-capacity", "fail", "outside the bound",
    ),
    "an owner whose site did nothing gains nothing": (
        UC7, SOLD.format(until="17:30") + IGNORES.format(at="16:59")
        + "Then the settlement leaves\n| actor | position |\n| bakery | gains |\n"
        "| Energy Trader | gains |\n| Balance Responsible Person | pays |\n"
        "| everyone else | nothing |",
        (), "transition/uc1/positions-otherwise", "fail", "bakery",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_then_is_red_where_it_must_be(case, tmp_path):
    require_scene(CASES[case], tmp_path)


@pytest.mark.parametrize(
    ("late_s", "detail", "outcome"),
    [(90.0, {}, "fail"), (0.0, {"site": "depot"}, "fail"), (0.0, {}, "pass")],
)
def test_the_facilitator_is_told_of_that_very_order_in_time(
    late_s, detail, outcome, tmp_path, monkeypatch
):
    whole = TradingDesk._carry_out

    async def tells_otherwise(desk, site, order):
        told, log = [], desk.log

        def note(actor, what, **said):
            if not what.startswith("notice"):
                return log(actor, what, **said)
            told.append((actor, what, said))
            return LogEntry(0.0, str(actor), what, said)

        desk.log = note
        await whole(desk, site, order)
        desk.log = log
        await desk.clock.until(desk.clock.now_s() + late_s)
        for actor, what, said in told:
            log(actor, what, **said | detail)

    monkeypatch.setattr(TradingDesk, "_carry_out", tells_otherwise)
    then = "Then the facilitator hears of it afterwards, in the agreed time"
    rule = "transition/uc7/told-afterwards"
    require_scene((UC7, ONE + then, (), rule, outcome, ""), tmp_path)


ORDER = 'at 16:58 has the depot draw 20 kW less from 17:00 to 17:30, for "forecast'


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((ORDER, ORDER.replace("20 kW", "0 kW")), "0 kW is ordered"),
        ((ORDER, ORDER.replace("20 kW", "-20 kW")), "-20 kW is ordered"),
        ((ORDER, ORDER.replace("16:58", "17:01")), "after it has begun"),
        ((ORDER, ORDER.replace("17:30", "16:59")), "past midnight"),
        ((ORDER, ORDER.replace("depot", "palace")), "'palace'"),
        ((ORDER, ORDER.replace("less", "sideways")), "is no way to draw"),
        ((ORDER, ORDER.replace("forecast", "fun and forecast")), "no reason to trade"),
        (("| £9           | −200 £/MWh      | 900", "| £9           | 901 £/MWh      | 900"), "is above 900"),  # noqa: E501
        (("| £9 ", "| £0 "), "may lose nothing"),
        (("| £9 ", "| some "), "is no amount"),
        (("| is declined ", "| is grumbled at "), "what does not fit"),
        (("      | after gate closure ", "      | after gate opening "), "both"),
        (("| 60 minutes | bsc", "| 45 minutes | bsc"), "bsc/gate-closure"),
        (("| depot  | use of", "| palace | use of"), "palace"),
    ],
)  # fmt: skip
def test_bad_input_is_named_before_anything_runs(change, says, tmp_path):
    path = tmp_path / "case.feature"
    path.write_text(changed(UC7.read_text(encoding="utf-8"), change))
    run = flexrig_here(
        "run", path, "--rig", rig_of(UC7), "--run-folder", tmp_path / "r"
    )
    assert run.code == 2, run.text
    assert says in run.text
    assert "Traceback" not in run.text
