import math
from datetime import date

import pytest

from harness.analysis.estimate import Contribution, Estimate
from harness.checks.judge import Witness, judge, not_applicable, require
from harness.checks.verdict import (
    FailedVerdict,
    Grade,
    InconclusiveVerdict,
    Outcome,
)
from harness.rulebook.rule import Rule

DAY = date(2024, 1, 1)
RULE = Rule("d/r", "response time", None, 30.0, "s", "D, 1", "one", "unverified", DAY)
SOON = Estimate(12.0, "s", (Contribution("sampling interval", 0.5),))


def verdict(measured=SOON, *, channels=("ev_meter.power_w",), **options):
    return judge(
        subject="ev",
        statement="it arrives in the agreed time",
        measured=measured,
        rule=RULE,
        decision_rule=options.pop("decision_rule", "simple"),
        grade=Grade.EMULATED,
        channels=channels,
        **options,
    )


def test_a_verdict_carries_everything_it_rests_on():
    got = verdict(details={"sent_s": 10})
    assert got.outcome is Outcome.PASS
    assert got.channels == ("ev_meter.power_w",)
    assert got.margin == 18.0
    assert got.probability > 0.999
    assert got.details == {"sent_s": 10}
    assert str(got) == (
        "PASS: ev response time 12 ± 1 s, at most 30 s (D, 1, one, unverified)"
    )


@pytest.mark.parametrize(
    ("channels", "reason"),
    [
        (("ev.power_w",), "there is only the device's own word (ev.power_w)"),
        (("ev.power_w", "ev.current_a"), "only the device's own word"),
        (("ev.energy_import_wh", "ev.soc_percent"), "only the device's own word"),
        (("truth.ev",), "an emulator's truth is no measurement (truth.ev)"),
        (("ev_meter.power_w", "truth.power_w"), "an emulator's truth"),
    ],
)
def test_power_is_never_taken_on_the_devices_word(channels, reason):
    got = verdict(channels=channels)
    assert got.outcome is Outcome.INCONCLUSIVE
    assert reason in got.reason
    assert got.remedy == "a reference meter in the rig that sees ev"
    with pytest.raises(InconclusiveVerdict, match="reference meter"):
        require(got)


@pytest.mark.parametrize(
    "channels",
    [
        ("ev_meter.power_w",),
        ("ev_meter.power_w", "ev.power_w"),
        ("boundary.power_w",),
        ("ev.soc_percent",),
    ],
)
def test_a_meter_beside_it_or_no_power_at_all_is_a_witness(channels):
    assert verdict(channels=channels).outcome is Outcome.PASS


def test_a_meters_own_health_may_rest_on_its_own_channels():
    got = verdict(channels=("ev.power_w",), witness=Witness.SELF)
    assert got.outcome is Outcome.PASS


def test_a_log_needs_no_channel_and_a_meter_does():
    assert verdict(channels=(), witness=Witness.LOG).outcome is Outcome.PASS
    with pytest.raises(ValueError, match="0 channels do not fit"):
        verdict(channels=())
    with pytest.raises(ValueError, match="1 channels do not fit"):
        verdict(witness=Witness.LOG)


@pytest.mark.parametrize(
    ("got_s", "decision_rule", "raised"),
    [
        (12.0, "simple", None),
        (29.5, "non-binary", None),
        (30.5, "non-binary", FailedVerdict),
        (29.5, "guard-band", FailedVerdict),
        (99.0, "simple", FailedVerdict),
        (math.inf, "simple", FailedVerdict),
        (math.nan, "simple", InconclusiveVerdict),
    ],
)
def test_what_stops_a_scenario(got_s, decision_rule, raised):
    measured = Estimate(got_s, "s", (Contribution("sampling interval", 0.5),))
    got = verdict(measured, decision_rule=decision_rule)
    if raised is None:
        assert require(got) is got
    else:
        with pytest.raises(raised, match="ev response time"):
            require(got)


def test_a_conditional_pass_keeps_its_mark():
    measured = Estimate(29.5, "s", (Contribution("sampling interval", 0.5),))
    got = require(verdict(measured, decision_rule="non-binary"))
    assert got.outcome is Outcome.CONDITIONAL_PASS


def test_a_failed_verdict_blames_the_device_and_an_open_one_does_not():
    assert issubclass(FailedVerdict, AssertionError)
    assert not issubclass(InconclusiveVerdict, AssertionError)


def test_a_recording_cut_short_never_passes():
    assert verdict(complete=False).outcome is Outcome.INCONCLUSIVE


def test_a_rule_that_does_not_concern_the_subject():
    got = not_applicable(
        subject="fridge",
        statement="it responds in time",
        rule=RULE,
        decision_rule="simple",
        grade=Grade.EMULATED,
        reason="white goods are not dispatched in real time",
    )
    assert got.outcome is Outcome.NOT_APPLICABLE
    assert require(got) is got


def test_sentences_for_what_was_not_seen_and_what_never_was():
    unseen = verdict(Estimate(math.nan, "s", why="no sample"))
    never = verdict(Estimate(math.inf, "s", why="power never stayed"))
    assert "ev response time not seen, at most 30 s" in str(unseen)
    assert "ev response time never happened" in str(never)
    assert "Try: " in str(never)
