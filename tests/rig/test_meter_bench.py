"""The shipped meter bench: two meters under test and a standard at one load bank."""

import math
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.core.capabilities import KeepsProfile, SetsLoad
from harness.rig.assemble import assemble
from harness.rig.file import read_rig
from harness.trial.plan import Plan
from harness.trial.planned import Watch
from harness.trial.view import meter_view
from tests.rig.test_doctor import examined, troubles
from tests.trial.fakes import carry_out, on_virtual_time

PATH = Path(__file__).resolve().parents[2] / "rigs/meter_bench.toml"
STANDARD, UNDER_TEST = "standard", ("sdm230_under_test", "dlms_under_test")
NOBODY = SimpleNamespace(
    wire=lambda *_: None, report=lambda *_: None, notify=lambda _: None
)
POINTS = ((10.0, 1.0, False), (10.0, 0.5, False), (10.0, 0.8, True), (60.0, 1.0, False))
WRONG = {STANDARD: (0.01, 0), UNDER_TEST[0]: (0.3, 3), UNDER_TEST[1]: (-0.4, -2)}
"""By meter: gain in percent, and phase error in minutes of arc, as the rig has them."""


def error_percent(meter, factor, leading):
    """What a meter shows too much, against the truth. [%]"""
    gain, minutes = WRONG[meter]
    tangent = math.sqrt(1 - factor**2) / factor * (-1 if leading else 1)
    turned = 1 + tangent * math.sin(math.radians(minutes / 60))
    return 100 * (turned * (1 + gain / 100) - 1)


def energies(readings):
    return next(r.value for r in readings if r.quantity == "energy_import_wh")


def test_the_doctor_has_nothing_to_mend(tmp_path):
    found = examined(tmp_path, PATH.read_text())
    assert troubles(found) == set()
    assert {role for role, _ in found} == {"load_bank", STANDARD, *UNDER_TEST}


def test_at_each_load_point_each_meter_errs_as_the_rig_says():
    async def work(clock):
        async with assemble(read_rig(PATH), clock, NOBODY) as bench:
            load, found = bench.devices["load_bank"], []
            assert isinstance(load, SetsLoad)
            for current_a, factor, leading in POINTS:
                answer = await load.set_load(
                    current_a, power_factor=factor, leading=leading
                )
                assert answer.accepted, answer.detail
                await clock.until(clock.now_s() + 30.0)
                looks = []
                for _ in range(2):
                    looks.append(
                        {
                            name: energies(await bench.devices[name].poll())
                            for name in (STANDARD, *UNDER_TEST)
                        }
                    )
                    await clock.until(clock.now_s() + 3600.0)
                found.append({name: looks[1][name] - looks[0][name] for name in WRONG})
            await load.set_load(0.0)
            return found

    for (_, factor, leading), counted in zip(
        POINTS, on_virtual_time(work), strict=True
    ):
        reference_wh = counted[STANDARD] / (
            1 + error_percent(STANDARD, factor, leading) / 100
        )
        assert reference_wh > 1000
        for name in UNDER_TEST:
            error = 100 * (counted[name] / reference_wh - 1)
            wanted = error_percent(name, factor, leading)
            # A watt-hour of resolution, at both ends, is what may be missing.
            assert error == pytest.approx(wanted, abs=100 / reference_wh + 0.01), name


def test_what_the_dlms_meter_kept_for_ninety_days_comes_back():
    async def work(clock):
        async with assemble(read_rig(PATH), clock, NOBODY) as bench:
            meter = bench.devices["dlms_under_test"]
            assert isinstance(meter, KeepsProfile)
            now = clock.utc()
            size = await meter.profile_size()
            return size, await meter.read_profile(now - timedelta(days=90), now)

    size, periods = on_virtual_time(work)
    assert (size.held, size.room) == (4320, 4320)
    assert len(periods) == 4320
    assert all(math.isfinite(one.import_wh) for one in periods[1:])


@pytest.mark.parametrize("named", ["", *UNDER_TEST])
def test_of_several_meters_at_one_load_the_first_or_the_named_one_speaks(
    named, tmp_path
):
    rig = read_rig(PATH)
    judges = {"load_bank": named} if named else {}
    plan = Plan(
        roles=["load_bank"],
        judges=judges,
        references=dict.fromkeys(UNDER_TEST, STANDARD),
        watches=[Watch(12 * 3600.0, 12 * 3600.0 + 120.0)],
        baseline_s=60.0,
        aftermath_s=60.0,
    )
    recording, raised = carry_out(plan, rig, tmp_path / "bundle")
    assert raised is None
    assert meter_view(recording, "load_bank").meter == (named or STANDARD)
    # Whoever judges, that the bench is safe is measured by the first.
    assert "proven: 0 W" in recording.facts["safe_state"]["load_bank"]
    for name in (STANDARD, *UNDER_TEST):
        assert recording.channel(name, "energy_import_wh").values.size >= 12
