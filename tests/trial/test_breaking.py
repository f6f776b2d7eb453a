"""Faults of a plan: refused where they cannot be, carried out where they can."""

import numpy as np
import pytest

from harness.core.errors import FeatureError
from harness.core.faults import FaultKind
from harness.rig.file import read_rig
from harness.trial.breaking import check_faults, fault_rng, wires_of
from harness.trial.planned import PlannedFault
from tests.cli.bench import GOOD_RIG, ROOT
from tests.trial.fakes import carry_out, event

FROM_S = 17 * 3600.0
EMULATED = read_rig(GOOD_RIG)
REAL = read_rig(ROOT / "rigs/real_example.toml")


def broken(role, kind, amount=None, *, from_s=30.0, until_s=90.0, **how):
    """A plan with one instruction to the car, and one fault."""
    plan = event(minutes=2)
    until = None if until_s is None else FROM_S + until_s
    plan.faults.append(PlannedFault(role, kind, FROM_S + from_s, until, amount, **how))
    return plan


def said(recording, what):
    return [
        (entry.time_s, entry.detail["role"], entry.detail["kind"])
        for entry in recording.log
        if entry.actor == "bench" and entry.what == what
    ]


# The plan.


def test_a_fault_is_part_of_the_plan_its_digest_and_its_agenda():
    plan = broken("ev_meter", FaultKind.SCALED, 1000.0)
    (data,) = plan.as_data()["faults"]
    assert (data["role"], data["kind"], data["amount"]) == (
        "ev_meter", "reads by a wrong factor", 1000.0,
    )  # fmt: skip
    other = broken("ev_meter", FaultKind.SCALED, 100.0)
    assert plan.digest() != other.digest() != event(minutes=2).digest()
    agenda = [what for _at_s, what in plan.agenda()]
    assert "fault: ev_meter reads by a wrong factor (1000)" in agenda
    assert "fault lifted: ev_meter reads by a wrong factor" in agenda


def test_a_plan_is_watched_before_and_after_its_faults_too():
    plan = broken("ev_meter", FaultKind.FROZEN, from_s=-300.0, until_s=900.0)
    assert plan.bench_s(FROM_S - 300.0) == plan.baseline_s
    assert plan.duration_s == plan.bench_s(FROM_S + 900.0) + plan.aftermath_s


def test_only_faults_of_wires_need_a_relay():
    plan = broken("ev_meter", FaultKind.LOSS, 0.2)
    assert wires_of(plan) == {"ev_meter"}
    assert wires_of(broken("ev_meter", FaultKind.FROZEN)) == frozenset()


def test_each_fault_has_a_chance_of_its_own():
    draws = [
        fault_rng(*one).random() for one in ((1, "ev", 0), (1, "ev", 1), (2, "ev", 0))
    ]
    assert len(set(draws)) == 3
    assert fault_rng(1, "ev", 0).random() == draws[0]


# What is refused before anything is measured.

REFUSED = {
    "a role that is not there": (
        EMULATED, broken("solar", FaultKind.FROZEN), r"of a role that the rig does not",
    ),
    "a meter that cannot trip": (
        EMULATED, broken("ev_meter", FaultKind.TRIPS),
        r"ev_meter cannot have the fault “trips” .*Try: a role that can: .*ev",
    ),
    "a real device": (
        REAL, broken("ev", FaultKind.TRIPS), r"no real device is broken on purpose",
    ),
    "a share beyond all": (
        EMULATED, broken("ev_meter", FaultKind.LOSS, 1.5), r"needs a share of them",
    ),
    "a wire without an amount": (
        EMULATED, broken("ev_meter", FaultKind.LATENCY), r"needs the seconds",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(case):
    rig, plan, words = REFUSED[case]
    with pytest.raises(FeatureError, match=words):
        check_faults(plan, rig)


def test_nothing_is_written_for_a_plan_that_is_refused(tmp_path):
    plan = broken("ev_meter", FaultKind.TRIPS)
    folder = tmp_path / "bundle"
    with pytest.raises(Exception, match="no evidence bundle"):
        carry_out(plan, EMULATED, folder)
    assert not folder.exists()


def test_the_wire_of_a_real_device_can_be_made_faulty_unless_it_is_serial():
    parts = dict(REAL.entries())
    serial = {role for role, entry in parts.items() if "serial:" in entry.address}
    tcp = {role for role, entry in parts.items() if "://" in entry.address} - serial
    assert tcp
    for role in tcp:
        check_faults(broken(role, FaultKind.LOSS, 0.1), REAL)
    for role in serial:
        with pytest.raises(FeatureError, match="where a relay could stand"):
            check_faults(broken(role, FaultKind.LOSS, 0.1), REAL)


# What is carried out.


def test_a_fault_comes_and_goes_at_its_times_and_the_log_says_so(tmp_path):
    plan = broken("ev_meter", FaultKind.FROZEN)
    recording, raised = carry_out(plan, EMULATED, tmp_path / "bundle")
    assert raised is None
    words = ("ev_meter", "is frozen")
    assert said(recording, "fault imposed") == [(90.0, *words)]
    assert said(recording, "fault lifted") == [(150.0, *words)]
    power = recording.channel("ev_meter", "power_w")
    inside = (power.time_s > 91) & (power.time_s < 150)
    assert np.unique(power.values[inside]).size == 1
    assert np.unique(power.values[~inside]).size > 50


def test_a_fault_without_an_end_is_lifted_before_the_bench_is_made_safe(tmp_path):
    plan = broken("ev_meter", FaultKind.GAP, from_s=150.0, until_s=None)
    recording, raised = carry_out(plan, EMULATED, tmp_path / "bundle")
    assert raised is None
    ((lifted_s, *_words),) = said(recording, "fault lifted")
    assert lifted_s == plan.duration_s
    assert "proven" in recording.facts["safe_state"]["ev"]


def test_a_faulty_wire_has_its_time_and_its_direction(tmp_path):
    plan = broken("ev_meter", FaultKind.LOSS, 1.0, until_s=50.0, containing="")
    recording, raised = carry_out(plan, EMULATED, tmp_path / "bundle")
    assert raised is None
    power = recording.channel("ev_meter", "power_w")
    lost = power.time_s[np.isnan(power.values)]
    assert lost.min() == 90.0
    assert lost.max() < 110.0


def test_a_relay_that_does_nothing_changes_nothing(tmp_path):
    whole, _ = carry_out(event(minutes=2), EMULATED, tmp_path / "whole")
    plan = broken("ev_meter", FaultKind.LOSS, 0.0)
    relayed, _ = carry_out(plan, EMULATED, tmp_path / "relayed")
    for name, channel in whole.channels.items():
        assert np.array_equal(channel.values, relayed.channels[name].values, True), name
        assert np.array_equal(channel.arrival_s, relayed.channels[name].arrival_s)


def test_a_station_that_dials_is_relayed_as_well(tmp_path):
    plan = broken("ev", FaultKind.LATENCY, 0.5, from_s=-10.0, until_s=10.0)
    recording, raised = carry_out(plan, EMULATED, tmp_path / "bundle")
    assert raised is None
    (answer,) = [e for e in recording.log if e.what == "accepts" and e.detail["number"]]
    assert answer.detail["acked_s"] - answer.detail["sent_s"] == pytest.approx(2.0)


def test_an_emulator_that_cannot_have_it_after_all_is_named(monkeypatch, tmp_path):
    from devices.meter.emulator import MeterEmulator

    monkeypatch.setattr(MeterEmulator, "breaks", property(lambda self: ()))
    plan = broken("ev_meter", FaultKind.FROZEN)
    recording, raised = carry_out(plan, EMULATED, tmp_path / "bundle")
    assert isinstance(raised, FeatureError)
    assert "ev_meter cannot have the fault “is frozen”" in str(raised)
    assert recording.channel("ev_meter", "power_w") is None


def test_an_amount_that_an_emulator_refuses_is_one_sentence(tmp_path):
    plan = broken("ev_meter", FaultKind.REPLAYED_BACKLOG, 1e9)
    _recording, raised = carry_out(plan, EMULATED, tmp_path / "bundle")
    assert isinstance(raised, FeatureError)
    assert raised.where == "emulated.toml [meter.ev_meter]"
