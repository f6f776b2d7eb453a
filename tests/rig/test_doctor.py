"""The doctor finds what is wrong with a bench, and nothing on a good one."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from harness.checks.verdict import Outcome
from harness.core.clock import BenchClock
from harness.core.virtual_loop import VirtualLoop
from harness.rig.doctor import _Listener, _same_story, _sees_the_rest, examine
from harness.rig.file import read_rig

GOOD = (Path(__file__).resolve().parents[2] / "rigs/emulated.toml").read_text()
ON = date(2026, 11, 2)
EV_METER = 'sees = ["ev"]\n[meter.ev_meter.emulator]\n'


def examined(tmp_path, text):
    """What the doctor says of a rig file: role and check to finding."""
    path = tmp_path / "rig.toml"
    path.write_text(text)
    rig = read_rig(path)

    async def begun():
        clock = BenchClock(datetime(2026, 11, 2, 17, tzinfo=UTC))
        found = examine(rig, clock, ON, watch_s=120.0)
        return {(role, one.check): one async for role, one in found}

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(begun())


def troubles(found):
    return {key for key, one in found.items() if one.outcome is Outcome.FAIL}


def with_meter(options):
    return GOOD.replace(EV_METER, EV_METER + options)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_good_bench_has_nothing_to_mend(tmp_path, seed):
    found = examined(tmp_path, GOOD.replace("seed = 1", f"seed = {seed}"))
    assert troubles(found) == set()
    assert {role for role, _ in found} == {
        "ev", "heat_pump", "fridge", "ev_meter", "heat_pump_meter", "boundary",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "role", "check", "words"),
    [
        ("update_interval_s = 5.0\n", "ev_meter", "update interval", "5.00 s"),
        ("frozen_after_s = 1.0\n", "ev_meter", "update interval", "same throughout"),
        ("latency_s = 8.0\n", "boundary", "in step with ev_meter", "-8."),
        ("gain_percent = -40.0\n", "ev_meter", "polarity and scale", "itself says"),
        ("noise_w = 400.0\n", "ev_meter", "noise floor", "W"),
        ("reply_delay_s = 0.7\n", "ev_meter", "poll rate", ""),
    ],
)
def test_a_bad_meter_is_found(tmp_path, change, role, check, words):
    text = with_meter(change)
    if "gain" in change:
        text = text.replace("gain_percent = 0.1\n", "")
    finding = examined(tmp_path, text)[role, check]
    if check == "poll rate":
        assert "every 1 s" in finding.detail
        return
    assert finding.outcome is Outcome.FAIL
    assert words in finding.detail
    assert finding.remedy


def test_an_overdue_calibration_and_one_that_is_soon_due(tmp_path):
    late = GOOD.replace("due = 2099-12-31", "due = 2026-11-01", 1)
    assert ("ev_meter", "calibration") in troubles(examined(tmp_path, late))
    soon = GOOD.replace("due = 2099-12-31", "due = 2026-11-20", 1)
    finding = examined(tmp_path, soon)["ev_meter", "calibration"]
    assert finding.detail.endswith("due in 18 days")


def test_a_part_that_does_not_answer_is_named_and_the_others_are_examined(tmp_path):
    found = examined(tmp_path, with_meter("silent_after_s = -1.0\n"))
    assert ("ev_meter", "answers") in troubles(found)
    assert found["boundary", "sees the whole home"].outcome is Outcome.PASS


def test_a_station_whose_clock_is_off_is_found(tmp_path):
    text = GOOD.replace(
        "[device.ev.emulator]", "[device.ev.emulator]\nclock_offset_s = 90.0"
    )
    finding = examined(tmp_path, text)["ev", "clock offset"]
    assert finding.outcome is Outcome.FAIL
    assert finding.detail.startswith("+90.0")


def listener(**means):
    heard = _Listener(clock=None)
    for role, power_w in means.items():
        heard.seen[role].value["power_w"].append(power_w)
    return heard


@pytest.mark.parametrize(
    ("shown_w", "outcome", "remedy"),
    [
        (7000.0, Outcome.PASS, ""),
        (-7000.0, Outcome.FAIL, "current transformer round"),
        (7.0, Outcome.FAIL, "kilowatts are read as watts"),
        (7e6, Outcome.FAIL, "kilowatts are read as watts"),
        (9000.0, Outcome.FAIL, "what else is wired behind"),
    ],
)
def test_sign_and_scale_are_told_apart(shown_w, outcome, remedy):
    finding = _same_story(listener(ev=7000.0, ev_meter=shown_w), "ev_meter", "ev")
    assert finding.outcome is outcome
    assert remedy in finding.remedy


def test_without_power_nothing_is_said_of_sign(tmp_path):
    finding = _same_story(listener(ev=10.0, ev_meter=-10.0), "ev_meter", "ev")
    assert finding.outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("boundary_w", "outcome"),
    [
        (9500.0, Outcome.PASS),
        (-9500.0, Outcome.FAIL),
        (9.5, Outcome.FAIL),
        (9.5e6, Outcome.FAIL),
    ],
)
def test_the_boundary_must_see_what_is_behind_it(tmp_path, boundary_w, outcome):
    path = tmp_path / "rig.toml"
    path.write_text(GOOD)
    heard = listener(ev_meter=7000.0, heat_pump_meter=2000.0, boundary=boundary_w)
    assert _sees_the_rest(read_rig(path), heard, "boundary").outcome is outcome
