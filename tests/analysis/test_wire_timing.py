"""Response times from the wire: what is matched with what, and what is said of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.series import at_most
from harness.analysis.wire import conversation
from harness.analysis.wire_match import Tie, TiePoint, WireFrame, matched
from harness.analysis.wire_timing import Compared, answered, exchanges, seen
from harness.core.recording import Channel, Message

ZERO_NS = 1_795_337_303_000_000_000
TIE = Tie(
    (
        TiePoint(-15.0, ZERO_NS - 15 * 10**9, 800),
        TiePoint(60.0, ZERO_NS + 60 * 10**9, 400),
    )
)
HARNESS, STATION = "127.0.0.1:9000", "127.0.0.1:40001"
METER = "127.0.0.1:502"
CALL = json.dumps([2, "c7", "SetChargingProfile", {"connectorId": 1}])
RESULT = json.dumps([3, "c7", {"status": "Accepted"}])
READ_BACK = json.dumps([2, "c8", "GetCompositeSchedule", {}])
SCHEDULE = json.dumps([3, "c8", {"status": "Accepted"}])
POLL = "000100000006010400340002"
REPLY = "000100000007010404456a0000"
WRITE = "00020000000601060bb80001"  # MODBUS V1.1b3, 6.6: the reply echoes the request


def at(bench_s: float, source: str, target: str, payload: str) -> WireFrame:
    stamp_ns = ZERO_NS + round(bench_s * 1e9)
    return WireFrame(stamp_ns, source, target, "any", "", payload)


def said(*messages: tuple[float, bool, str], role: str = "ev"):
    return conversation(Message(t, role, sent, text) for t, sent, text in messages)


def answer(
    messages: Sequence[tuple[float, bool, str]], frames: Sequence[WireFrame]
) -> tuple[Compared, WireFrame | None]:
    found = matched(said(*messages), frames, TIE)
    return answered(found, TIE, sent_s=10.0, acked_s=10.1)


INSTRUCTED = (
    (10.004, True, CALL),
    (10.060, False, RESULT),
    (10.061, True, READ_BACK),
    (10.099, False, SCHEDULE),
)
ON_THE_WIRE = (
    at(10.003, HARNESS, STATION, CALL),
    at(10.057, STATION, HARNESS, RESULT),
    at(10.062, HARNESS, STATION, READ_BACK),
    at(10.098, STATION, HARNESS, SCHEDULE),
)


def test_a_device_is_timed_from_what_changes_it_to_its_answer():
    compared, carrier = answer(INSTRUCTED, ON_THE_WIRE)
    assert carrier == ON_THE_WIRE[0]
    assert compared.driver.value == pytest.approx(0.1)
    assert compared.wire.value == pytest.approx(0.054)
    assert compared.difference.value == pytest.approx(0.046)
    # Two stamps, each up to 50 µs late: √2·50/√3 µs, and clocks that kept together.
    assert compared.difference.u == pytest.approx(math.sqrt(2 / 3) * 50e-6, rel=1e-3)


def test_an_instruction_that_was_not_captured_is_not_timed():
    compared, carrier = answer(INSTRUCTED, ON_THE_WIRE[1:])
    assert carrier is None
    assert math.isnan(compared.difference.value)
    assert "not in the capture" in compared.difference.why
    compared, _ = answer(INSTRUCTED[2:], ON_THE_WIRE)
    assert "no message that changes anything" in compared.difference.why
    compared, _ = answered(matched(said(), (), TIE), TIE, sent_s=10.0, acked_s=None)
    assert "never answered" in compared.wire.why


def test_an_echo_is_told_from_what_it_echoes():
    messages = [(10.0, True, POLL), (10.001, False, REPLY)]
    messages += [(10.007, True, WRITE), (10.0071, False, WRITE)]
    frames = [
        at(10.0001, HARNESS, METER, POLL),
        at(10.0004, METER, HARNESS, REPLY),
        at(10.0060, HARNESS, METER, WRITE),
        at(10.0069, METER, HARNESS, WRITE),
    ]
    compared, carrier = answer(messages, frames)
    assert carrier == frames[2]
    assert compared.wire.value == pytest.approx(0.0009)


def test_another_bench_that_says_the_same_is_not_taken_for_this_one():
    messages = [(float(n), n % 2 == 0, (POLL, REPLY)[n % 2]) for n in range(12, 20)]
    own = [
        at(t + 0.02, *((HARNESS, METER) if sent else (METER, HARNESS)), text)
        for t, sent, text in messages
    ]
    others = [  # nearer in time, but only now and then
        at(12.001, "127.0.0.1:1", "127.0.0.1:2", POLL),
        at(17.001, "127.0.0.1:2", "127.0.0.1:1", REPLY),
    ]
    frames = sorted([*own, *others], key=lambda one: one.time_ns)
    found = matched(said(*messages), frames, TIE)
    assert [found.of(one) for one in found.said.frames] == own


def test_of_a_relayed_wire_the_harness_s_side_is_taken():
    relay = "127.0.0.1:7777"
    frames = [
        at(10.001, HARNESS, relay, POLL),
        at(10.002, "127.0.0.1:50000", METER, POLL),
        at(10.005, METER, "127.0.0.1:50000", REPLY),
        at(10.006, relay, HARNESS, REPLY),
    ]
    found = matched(said((10.0, True, POLL), (10.007, False, REPLY)), frames, TIE)
    assert [found.of(one) for one in found.said.frames] == [frames[0], frames[3]]


def test_a_record_that_names_more_than_the_body_is_found_by_the_body():
    text = 'POST /limit {"power_w": 1400}'
    frames = [at(10.0, HARNESS, STATION, '{"power_w": 1400}')]
    found = matched(said((10.0, True, text)), frames, TIE)
    assert found.share == 1


def meter(times: Sequence[float], power_w: Sequence[float]) -> Channel:
    time_s = np.array(times)
    silent = np.full(time_s.shape, np.nan)
    return Channel("m", "power_w", time_s, np.array(power_w), time_s + 0.01, silent)


def polled(times: Sequence[float]):
    frames, messages = [], []
    for number, t in enumerate(times):
        ask, reply = f"{number:04x}{POLL[4:]}", f"{number:04x}{REPLY[4:]}"
        messages += [(t, True, ask), (t + 0.01, False, reply)]
        frames += [
            at(t + 0.001, HARNESS, METER, ask),
            at(t + 0.009, METER, HARNESS, reply),
        ]
    return matched(said(*messages, role="m"), frames, TIE)


def test_a_meter_is_timed_to_its_first_reply_in_the_band():
    times = [11.0, 12.0, 13.0, 14.0]
    compared = seen(
        ON_THE_WIRE[0], polled(times), meter(times, [7e3, 5e3, 1400, 1399]), TIE,
        sent_s=10.0, until_s=60.0, band=at_most(1450),
    )  # fmt: skip
    assert compared.driver.value == pytest.approx(3.01)
    assert compared.wire.value == pytest.approx(13.009 - 10.003)
    assert compared.difference.value == pytest.approx(0.004)


def test_a_meter_that_is_not_on_the_network_is_said():
    channel = meter([11.0], [0.0])
    nothing = matched(said(role="m"), (), TIE)
    window = {"sent_s": 10.0, "until_s": 60.0, "band": at_most(1450)}
    compared = seen(ON_THE_WIRE[0], nothing, channel, TIE, **window)
    assert compared.driver.value == pytest.approx(1.01)
    assert "is it on a network?" in compared.wire.why
    compared = seen(None, polled([11.0]), channel, TIE, **window)
    assert "the instruction is not in the capture" in compared.wire.why
    never = seen(ON_THE_WIRE[0], nothing, meter([11.0], [np.nan]), TIE, **window)
    assert "no reading of m was at most 1450 W" in never.wire.why


def test_exchanges_count_what_was_found_and_leave_out_the_held_clock():
    found = polled([-15.5, 11.0, 12.0])
    summary = exchanges(found, TIE)
    assert (summary.asked, summary.found) == (2, 2)
    assert summary.wire_s.value == pytest.approx(0.008)
    assert summary.excess_s.value == pytest.approx(0.002)
    assert summary.worst_excess_s == pytest.approx(0.002)
    nothing = exchanges(matched(said((1.0, True, POLL)), (), TIE), TIE)
    assert (nothing.found, math.isnan(nothing.excess_s.value)) == (0, True)


@given(
    st.integers(0, 60 * 10**9),
    st.floats(-1e-4, 1e-4),
    st.integers(10**9, 10**13),
)
def test_stamps_become_bench_time_along_the_line_between_the_ties(
    after_ns: int, rate: float, span_ns: int
):
    end_s = span_ns / 1e9 * (1 + rate)
    tie = Tie((TiePoint(0.0, ZERO_NS, 100), TiePoint(end_s, ZERO_NS + span_ns, 100)))
    assert tie.bench_s(ZERO_NS) == 0.0
    assert tie.bench_s(ZERO_NS + span_ns) == pytest.approx(end_s, abs=1e-6)
    expected = after_ns / 1e9 * (1 + rate)
    assert tie.bench_s(ZERO_NS + after_ns) == pytest.approx(expected, abs=1e-6)


def test_a_clock_that_was_set_meanwhile_makes_every_length_uncertain():
    """An hour's trial in which CLOCK_REALTIME was stepped by 0.2 s."""
    stepped = Tie(
        (TiePoint(0.0, ZERO_NS, 100), TiePoint(3600.2, ZERO_NS + 3600 * 10**9, 100))
    )
    assert stepped.parted_s == pytest.approx(0.2)
    found = matched(said(*INSTRUCTED), ON_THE_WIRE, stepped)
    compared, _ = answered(found, stepped, sent_s=10.0, acked_s=10.1)
    assert compared.difference.u > 0.1
    assert [line.name for line in stepped.budget] == [
        "tie of the clocks",
        "rate of the clocks",
    ]


def test_one_tie_is_enough_for_lengths_and_none_is_refused():
    once = Tie(TIE.points[:1])
    assert once.bench_s(ZERO_NS) == pytest.approx(0.0)
    assert len(once.budget) == 1
    with pytest.raises(ValueError, match="never read together"):
        Tie(())
