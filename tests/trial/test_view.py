"""Which meter may speak, and when not: seen to fail on meters that deserve it."""

from datetime import date

import numpy as np
import pytest

from harness.core.recording import Channel, LogEntry, Recording
from harness.rulebook.loader import load_rulebook
from harness.trial.planned import Move
from harness.trial.view import dispatched, meter_trouble, meter_view

BOOK = load_rulebook()
RULES = {
    rule_id: BOOK.rule(rule_id, on=date(2026, 11, 22))
    for rule_id in ("bench/largest-gap", "bench/frozen", "bench/lag")
}
CARD = {
    "document": "certificate 1",
    "resolution_w": 0.1,
    "update_interval_s": 1.0,
    "latency_uncertainty_s": 0.3,
    "clock_uncertainty_s": 0.1,
}
T = np.arange(0.0, 1500.0)
STEP_S = 600.0


def step(at_s=STEP_S, from_w=7400.0, to_w=1400.0, ripple_w=2.0):
    """A load that falls at one moment, with a little life in it."""
    return np.where(at_s > T, from_w, to_w) + ripple_w * np.sin(T)


def channel(role, quantity, values, time_s=T):
    return Channel(role, quantity, time_s, values, time_s, np.full(time_s.size, np.nan))


def recording(meters, log=()):
    """Meters by name: what each sees, and its power; voltage wanders by itself."""
    channels, facts = {}, {}
    for name, (sees, power_w, voltage_v) in meters.items():
        facts[name] = {"sees": sees, "calibration": CARD, "relative_u": 0.002}
        for one in (
            channel(name, "power_w", power_w),
            channel(name, "voltage_v", voltage_v),
        ):
            channels[one.name] = one
    own = channel("ev", "power_w", step())
    channels[own.name] = own
    return Recording(channels, (), tuple(log), {"meters": facts}, complete=True)


VOLTS = 230 + np.sin(T / 7)


def trouble(asset_w, boundary_w=None, volts=VOLTS):
    meters = {"ev_meter": (["ev"], asset_w, volts)}
    if boundary_w is not None:
        meters["boundary"] = (["*"], boundary_w, VOLTS)
    whole = recording(meters)
    return meter_trouble(whole, meter_view(whole, "ev"), RULES, STEP_S)


def test_the_device_s_own_word_is_never_a_meter():
    whole = recording({"boundary": (["*"], step(), VOLTS)})
    assert whole.channel("ev", "power_w") is not None
    assert meter_view(whole, "ev") is None
    assert meter_view(whole, "home").meter == "boundary"


def test_a_meter_that_sees_two_devices_speaks_for_neither():
    whole = recording({"both": (["ev", "heat_pump"], step(), VOLTS)})
    assert meter_view(whole, "ev") is None


@pytest.mark.parametrize(
    ("more", "speaks"),
    [
        ({"meter_order": ["standard", "candidate"]}, "standard"),
        ({"meter_order": ["candidate", "standard"]}, "candidate"),
        (
            {"meter_order": ["standard", "candidate"], "judges": {"ev": "candidate"}},
            "candidate",
        ),
        ({"meter_order": ["gone", "standard"]}, "standard"),
        ({}, "candidate"),  # a bundle from before the order was kept
    ],
)
def test_of_several_the_first_of_the_rig_file_speaks_or_the_one_that_is_named(
    more, speaks
):
    """A bundle's names are sorted: the rig file's order stands beside them."""
    meters = {name: (["ev"], step(), VOLTS) for name in ("candidate", "standard")}
    whole = recording(meters)
    whole.facts.update(more)
    assert meter_view(whole, "ev").meter == speaks


def test_a_live_meter_in_step_with_the_boundary_may_judge():
    assert trouble(step(), step() + 2000 + 20 * np.sin(T / 50)) == ""


def test_a_frozen_meter_may_not_judge():
    power_w, volts = step(), VOLTS.copy()
    power_w[300:], volts[300:] = power_w[300], volts[300]
    assert "ev_meter was frozen for" in trouble(power_w, volts=volts)


def test_power_at_rest_is_not_frozen_while_voltage_lives():
    assert trouble(np.zeros(T.size)) == ""


def test_a_meter_that_was_silent_around_the_event_may_not_judge():
    power_w = step()
    power_w[590:615] = np.nan
    assert "ev_meter was silent for" in trouble(power_w)


@pytest.mark.parametrize(("late_s", "may_judge"), [(4, True), (90, False)])
def test_a_clock_a_minute_and_a_half_off_is_seen(late_s, may_judge):
    found = trouble(step(STEP_S + late_s), step() + 2000)
    assert (found == "") is may_judge
    if not may_judge:
        assert "the clocks of meters ev_meter and boundary disagree by 90" in found


def test_another_device_that_moves_more_says_nothing_about_the_clock():
    heat_pump = step(STEP_S + 60, 2000.0, 600.0)
    whole = recording(
        {
            "hp_meter": (["heat_pump"], heat_pump, VOLTS),
            "boundary": (["*"], step() + heat_pump, VOLTS),
        }
    )
    view = meter_view(whole, "heat_pump")
    assert meter_trouble(whole, view, RULES, STEP_S) == ""


def test_an_instruction_is_paired_with_its_own_answer():
    asked = {"role": "ev", "move": "turn down", "level_w": 1400.0, "until_s": 900.0}
    log = [
        LogEntry(
            -100.0,
            "aggregator",
            "instructs",
            asked | {"number": 1, "on_behalf_of": "bench", "sent_s": -100.0},
        ),
        LogEntry(
            -100.0, "ev", "accepts", {"number": 1, "acked_s": -99.0, "detail": "yes"}
        ),
        LogEntry(
            600.0,
            "aggregator",
            "instructs",
            asked | {"number": 2, "on_behalf_of": "ESO", "sent_s": 600.0},
        ),
        LogEntry(
            600.0,
            "ev",
            "refuses",
            {"number": 2, "acked_s": 600.5, "detail": "Rejected"},
        ),
    ]
    (sent,) = dispatched(recording({}, log))
    assert (sent.role, sent.move, sent.level_w) == ("ev", Move.DOWN, 1400.0)
    assert (sent.accepted, sent.answer, sent.acked_s) == (False, "Rejected", 600.5)


def test_an_instruction_without_an_answer_was_not_accepted():
    log = [
        LogEntry(
            600.0,
            "aggregator",
            "instructs",
            {
                "role": "ev",
                "move": "turn down",
                "level_w": 1400.0,
                "until_s": 900.0,
                "number": 1,
                "on_behalf_of": "ESO",
                "sent_s": 600.0,
            },
        )
    ]
    (sent,) = dispatched(recording({}, log))
    assert not sent.accepted
    assert sent.acked_s is None


def rated(asset_w, rating_w=7700.0):
    meters = {"ev_meter": (["ev"], asset_w, VOLTS)}
    whole = recording(meters)
    facts = {**whole.facts, "ratings": {"ev": rating_w}}
    return Recording(whole.channels, (), (), facts, complete=True)


def trouble_of(whole):
    return meter_trouble(whole, meter_view(whole, "ev"), RULES, STEP_S)


def test_a_meter_in_kilowatts_may_not_judge_in_watts():
    assert trouble_of(rated(step())) == ""
    assert "is it in kW?" in trouble_of(rated(step() / 1000))
    assert "1000 times too large" in trouble_of(rated(step() * 1000))


def test_an_infinite_power_is_a_gap_and_is_said():
    shown = step()
    shown[700] = np.inf
    whole = rated(shown)
    view = meter_view(whole, "ev")
    assert np.isnan(view.power_w[700])
    assert "infinite power 1 times" in trouble_of(whole)
