"""One run of a plan: it keeps to its grid, notices who is lost, and ends safely."""

import math
import signal

import numpy as np
import pytest

from harness.core.errors import BenchError, FeatureError, LinkError, RefusedError
from harness.trial.attention import AFTER_S, BEFORE_S
from harness.trial.observe import LOST_AFTER_S
from harness.trial.run import LEAD_S, check_roles, first_cause
from tests.trial.fakes import Fake, Meter, carry_out, event, gaps, known

SILENT = LinkError("meter", "no reply within 1 s", "its wire")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "bundle"


def said(recording, what):
    return [entry for entry in recording.log if entry.what == what]


# The grid.


def test_polls_keep_to_the_grid_however_long_each_takes(monkeypatch, folder):
    meter = Meter(takes_s=lambda at_s: 0.3)
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    recording, raised = carry_out(event(), rig, folder)
    assert raised is None
    power = recording.channel("home_meter", "power_w")
    assert np.array_equal(power.time_s, np.arange(power.time_s.size) - LEAD_S)
    assert power.arrival_s - power.time_s == pytest.approx(0.3)


def test_between_what_the_plan_has_happen_it_is_read_seldom(monkeypatch, folder):
    meter = Meter(takes_s=lambda at_s: 0.3)
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    quiet = rig.model_copy(
        update={"rig": rig.rig.model_copy(update={"quiet_interval_s": 10.0})}
    )
    recording, raised = carry_out(event(minutes=30), quiet, folder)
    assert raised is None
    times = recording.channel("home_meter", "power_w").time_s
    begins_s, ends_s = 60.0, 60.0 + 30 * 60
    spacing = np.diff(times)
    from_s, until_s = times[:-1], times[1:]
    close = (from_s >= begins_s - BEFORE_S) & (until_s <= begins_s + AFTER_S)
    close |= (from_s >= ends_s - BEFORE_S) & (until_s <= ends_s + AFTER_S)
    assert set(spacing[close]) == {1.0}
    assert set(spacing[~close]) <= {1.0, 5.0}
    assert np.count_nonzero(spacing == 5.0) > 200
    assert recording.facts["quiet_interval_s"] == 10.0


def test_a_slow_answer_costs_its_own_samples_and_no_more(monkeypatch, folder):
    meter = Meter(takes_s=lambda at_s: 2.5 if at_s == 100 else 0.1)
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    recording, _ = carry_out(event(), rig, folder)
    times = recording.channel("home_meter", "power_w").time_s
    around = times[(times >= 99) & (times <= 105)]
    assert around.tolist() == [99, 100, 103, 104, 105]


def test_a_read_that_failed_is_a_gap_and_not_a_value(monkeypatch, folder):
    meter = Meter(lambda at_s: SILENT if 100 <= at_s < 110 else 50.0)
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    recording, raised = carry_out(event(), rig, folder)
    assert raised is None
    assert gaps(recording.channel("home_meter", "power_w")) == list(range(100, 110))
    assert len(said(recording, "read failed")) == 10


# Who is lost.


def test_a_device_silent_for_a_minute_ends_the_trial(monkeypatch, folder):
    meter = Meter(lambda at_s: SILENT if at_s >= 100 else 50.0)
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    recording, raised = carry_out(event(), rig, folder)
    assert isinstance(raised, LinkError)
    assert raised.where == "fakes.toml [meter.home_meter]"
    assert "lost at bench second 100" in raised.fact
    assert not recording.complete
    assert recording.log[-1].time_s == pytest.approx(100 + LOST_AFTER_S, abs=1)


def test_a_wire_that_connects_is_no_answer(monkeypatch, folder):
    # `Meter` says that it is connected again after every failure.
    meter = Meter(lambda at_s: SILENT if at_s >= 100 else 50.0)
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    recording, raised = carry_out(event(), rig, folder)
    assert len(said(recording, "connected")) >= LOST_AFTER_S
    assert isinstance(raised, LinkError)


def test_a_device_that_comes_back_within_the_minute_is_not_lost(monkeypatch, folder):
    meter = Meter(lambda at_s: SILENT if 100 <= at_s < 100 + LOST_AFTER_S - 2 else 1.0)
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    recording, raised = carry_out(event(), rig, folder)
    assert raised is None
    assert recording.complete


def test_a_device_that_is_asked_once_a_minute_is_asked_again_before_it_is_given_up(
    monkeypatch, folder
):
    """It missed two polls; it must miss the next as well to be lost."""
    meter = Meter(lambda at_s: SILENT if 100 <= at_s < 190 else 1.0)
    meter.poll_interval_s = 60.0
    rig = known(monkeypatch, ev=Fake(), home_meter=meter)
    recording, raised = carry_out(event(), rig, folder)
    assert raised is None
    assert len(said(recording, "read failed")) == 2


# Every way out is safe.


def interrupted(now_s, speed):
    if now_s == 100:
        signal.raise_signal(signal.SIGINT)


WAYS_OUT = {
    "the end": ({}, None, type(None)),
    "a link fails": ({"raises": SILENT}, None, LinkError),
    "a driver's defect": ({"raises": ZeroDivisionError("oops")}, None, Exception),
    "Ctrl-C": ({}, interrupted, KeyboardInterrupt),
}


@pytest.mark.parametrize(("faults", "tell", "raises"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_every_way_out_is_safe(monkeypatch, folder, faults, tell, raises):
    ev, pump = Fake(**faults), Fake()
    rig = known(monkeypatch, ev=ev, heat_pump=pump, home_meter=Meter())
    options = {"tell": tell} if tell else {}
    recording, raised = carry_out(event(), rig, folder, **options)
    assert isinstance(raised, raises)
    assert (ev.made_safe, pump.made_safe) == (1, 1)
    assert recording.facts["made_safe"] == {"ev": "done", "heat_pump": "done"}
    assert len(said(recording, "made safe")) == 2
    assert recording.facts["identities"]["ev"]["maker"] == "Fake"
    assert recording.complete is (raised is None)
    power = recording.channel("home_meter", "power_w")
    assert power.time_s[-1] >= 59


def test_what_cut_it_short_is_kept_in_words(monkeypatch, folder):
    rig = known(monkeypatch, ev=Fake(raises=SILENT))
    recording, _ = carry_out(event(), rig, folder)
    assert "no reply within 1 s" in recording.facts["cut_short_by"]
    rig = known(monkeypatch, ev=Fake())
    recording, _ = carry_out(event(), rig, folder.with_name("two"), tell=interrupted)
    assert recording.facts["cut_short_by"] == "it was interrupted"


def test_a_device_that_never_gets_safe_does_not_keep_the_others(monkeypatch, folder):
    ev, pump = Fake(safe_s=math.inf), Fake()
    rig = known(monkeypatch, ev=ev, heat_pump=pump)
    recording, raised = carry_out(event(), rig, folder)
    assert raised is None
    assert pump.made_safe == 1
    facts = recording.facts["made_safe"]
    assert facts["ev"] == "ev: no answer within 15 s"
    assert facts["heat_pump"] == "done"


def test_a_driver_s_defect_on_the_way_to_safety_comes_out_after_the_others(
    monkeypatch, folder
):
    ev, pump = Fake(safe_raises=ZeroDivisionError("oops")), Fake()
    rig = known(monkeypatch, ev=ev, heat_pump=pump)
    recording, raised = carry_out(event(), rig, folder)
    assert isinstance(raised, ZeroDivisionError)
    assert pump.made_safe == 1
    assert recording.facts["made_safe"]["ev"] == "ev: ZeroDivisionError: oops"
    assert not recording.complete


def test_a_bench_that_cannot_be_asked_who_it_is_starts_nothing(monkeypatch, folder):
    class Nameless(Fake):
        async def identify(self):
            raise SILENT

    ev = Nameless()
    recording, raised = carry_out(event(), known(monkeypatch, ev=ev), folder)
    assert raised is SILENT
    assert not ev.limits
    assert not recording.complete


# What else a run keeps.


def test_a_device_that_is_another_afterwards_is_noted(monkeypatch, folder):
    ev = Fake(firmwares=("1.0", "1.1"))
    recording, raised = carry_out(event(), known(monkeypatch, ev=ev), folder)
    assert raised is None
    assert recording.facts["identities"]["ev"]["firmware"] == "1.0"
    assert recording.facts["identities_after"]["ev"]["firmware"] == "1.1"
    assert len(said(recording, "identities changed")) == 1


def test_instructions_and_releases_go_out_at_their_times(monkeypatch, folder):
    ev = Fake()
    carry_out(event(minutes=5), known(monkeypatch, ev=ev), folder)
    assert ev.limits == [(60.0, 1400.0), (360.0, None)]


def test_a_refusal_is_the_device_s_own_and_the_trial_goes_on(monkeypatch, folder):
    ev = Fake(raises=RefusedError("ev", "it said no", "its manual"))
    recording, raised = carry_out(event(), known(monkeypatch, ev=ev), folder)
    assert raised is None
    assert recording.complete
    refused = said(recording, "refuses")
    assert [entry.actor for entry in refused] == ["ev", "ev"]
    assert "it said no" in refused[0].detail["detail"]


def test_a_device_that_was_not_reached_is_not_judged(monkeypatch, folder):
    rig = known(monkeypatch, ev=Fake(raises=SILENT), home_meter=Meter())
    recording, raised = carry_out(event(), rig, folder)
    assert isinstance(raised, BenchError)
    assert said(recording, "was not reached")[0].actor == "ev"
    assert not said(recording, "refuses")


def test_a_role_that_is_missing_is_named(monkeypatch):
    rig = known(monkeypatch, heat_pump=Fake())
    with pytest.raises(FeatureError, match=r"fakes.toml: .* needs a ev, .* none"):
        check_roles(event("ev"), rig)


def test_of_many_errors_the_one_that_a_person_can_act_on_is_raised():
    theirs = ValueError("x")
    inner = ExceptionGroup("", [theirs, SILENT])
    assert first_cause(inner) is SILENT
    assert first_cause(ExceptionGroup("", [inner])) is SILENT
    assert first_cause(ExceptionGroup("", [theirs])) is theirs
    assert first_cause(SILENT) is SILENT
