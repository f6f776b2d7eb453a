"""The chart of who told whom: every message, at its time, between its ends."""

import re
from xml.etree import ElementTree as Tree

import pytest

from harness.core.recording import LogEntry, Recording
from harness.reporting.sequence import Arrow, describe_sequence, draw_sequence
from harness.trial.told import Told, messages_told

LOG = (
    LogEntry(-10.0, "ev", "available"),
    LogEntry(0.0, "DSO", "arms", {"armed_at_s": 0.0}),
    LogEntry(0.0, "aggregator", "notice: armed", {"to": "DSO", "capacity_w": 7000.0}),
    LogEntry(5.0, "DNO network", "trips", {"asset": "T1"}),
    LogEntry(9.0, "DSO", "dispatches", {"from_s": 60.0}),
    LogEntry(9.0, "aggregator", "notice: refused",
             {"to": "DSO", "reason": "the arming period has not ended"}),
    LogEntry(60.0, "aggregator", "instructs",
             {"number": 1, "role": "ev", "move": "turn down", "level_w": 1400.0}),
    LogEntry(61.0, "ev", "accepts", {"number": 1, "detail": "Accepted"}),
    LogEntry(70.0, "ev", "unavailable", {}),
    LogEntry(80.0, "ESO", "overrules", {"reason": "an issue"}),
    LogEntry(80.0, "aggregator", "releases", {"role": "ev"}),
)  # fmt: skip


def test_a_log_becomes_the_messages_that_actors_and_devices_exchanged():
    told = messages_told(Recording({}, (), LOG, {}))
    assert told == [
        Told(0.0, "DSO", "aggregator", "arms the service"),
        Told(0.0, "aggregator", "DSO", "armed"),
        Told(5.0, "DNO network", "DNO network", "T1 trips"),
        Told(9.0, "DSO", "aggregator", "calls"),
        Told(9.0, "aggregator", "DSO", "refused: the arming period has not ended"),
        Told(60.0, "aggregator", "ev", "turn down to 1.4 kW"),
        Told(61.0, "ev", "aggregator", "accepts"),
        Told(70.0, "ev", "aggregator", "unavailable"),
        Told(80.0, "ESO", "aggregator", "overrules"),
        Told(80.0, "aggregator", "ev", "released"),
    ]


def test_a_scheme_has_its_own_device_go_to_a_level_that_may_be_negative():
    detail = {
        "number": 2, "role": "solar", "move": "turn down", "level_w": -3900.0,
        "on_behalf_of": "offset scheme",
    }  # fmt: skip
    log = (LogEntry(7.0, "aggregator", "instructs", detail),)
    told = messages_told(Recording({}, (), log, {}))
    assert told == [Told(7.0, "offset scheme", "solar", "go to −3.9 kW")]


def test_each_message_runs_from_its_sender_to_its_receiver_further_down_than_the_last():
    arrows = [
        Arrow("17:30:00", "DSO", "aggregator", "calls <now> & here"),
        Arrow("17:30:00", "aggregator", "EV", "turn down"),
        Arrow("17:30:02", "EV", "aggregator", "accepts"),
    ]
    drawn = draw_sequence(arrows)
    assert drawn == draw_sequence(arrows)
    root = Tree.fromstring(drawn)  # noqa: S314 - our own
    lines = [e for e in root.iter() if e.tag.endswith("line") and e.get("marker-end")]
    ends = [(float(e.get("x1")), float(e.get("x2")), float(e.get("y1"))) for e in lines]
    (dso, first, _), (second, ev, _), (back, last, _) = ends
    assert dso < first == second == last < ev == back
    assert [y for _, _, y in ends] == sorted({y for _, _, y in ends})
    text = drawn.decode()
    assert text.count("17:30:00") == 1
    assert "calls &lt;now&gt; &amp; here" in text
    assert not re.search("<now>", text)
    assert describe_sequence(arrows).startswith("17:30:00 DSO to aggregator: calls")


def test_no_message_is_no_chart():
    with pytest.raises(ValueError, match="nobody"):
        draw_sequence([])


def test_many_parties_stand_on_a_page_with_their_names_in_lines():
    names = [f"neutral market facilitator {n}" for n in range(9)]
    arrows = [Arrow("12:00:00", names[0], name, "told") for name in names[1:]]
    root = Tree.fromstring(draw_sequence(arrows))  # noqa: S314 - our own
    assert float(root.get("width")) <= 1100
    heads = [e for e in root.iter() if e.get("font-weight") == "bold"]
    said = [" ".join(line.text for line in head) for head in heads]
    assert said == names
    lowest = max(float(line.get("y")) for head in heads for line in head)
    lines = [e for e in root.iter() if e.tag.endswith("line")]
    assert all(float(line.get("y1")) > lowest for line in lines)
