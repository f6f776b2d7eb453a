"""Messages of four wires: what is slow, lost, doubled, overtaken, torn or refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import wire
from harness.analysis.wire import Language, conversation
from harness.core.recording import Message

# Eastron SDM230 Modbus Protocol V1.4, example of reading voltage (input register 0).
RTU_ASK, RTU_REPLY = "01040000000271cb", "010404436633341b38"
RTU_EXCEPTION = "018402c2c1"


def tcp(tid, sent=True, function=4):
    body = "00000002" if sent else "0443663334" if function < 128 else "02"
    length = 2 + len(body) // 2
    return f"{tid:04x}0000{length:04x}01{function:02x}{body}"


def call(number, action="Heartbeat"):
    return json.dumps([2, number, action, {}])


def result(number):
    return json.dumps([3, number, {}])


def rpc(number, **more):
    return json.dumps({"id": number, **more})


def messages(*said):
    """Messages of (time, sent, payload)."""
    return [Message(at_s, "role", sent, payload) for at_s, sent, payload in said]


def asked_and_answered(ask, reply, count=10, trip_s=0.1):
    pairs = [
        ((n, True, ask(n)), (n + trip_s, False, reply(n))) for n in range(1, count + 1)
    ]
    return [one for pair in pairs for one in pair]


WIRES = {
    Language.MODBUS_TCP: (tcp, lambda n: tcp(n, sent=False)),
    Language.MODBUS_RTU: (lambda n: RTU_ASK, lambda n: RTU_REPLY),
    Language.CALLS: (lambda n: call(f"c{n}"), lambda n: result(f"c{n}")),
    Language.JSON_RPC: (
        lambda n: rpc(n, method="Switch.GetStatus"),
        lambda n: rpc(n, result={}),
    ),
}


@pytest.mark.parametrize("language", WIRES)
def test_a_good_wire_is_understood_and_nothing_is_wrong_with_it(language):
    said = conversation(messages(*asked_and_answered(*WIRES[language])))
    assert said.language is language
    assert wire.longest_round_trip(said).value == pytest.approx(0.1)
    for judged in (wire.unanswered, wire.repeated, wire.garbled, wire.refused):
        assert judged(said).value == 0, judged
    order = wire.overtaken(said).value
    assert math.isnan(order) if language is Language.MODBUS_RTU else order == 0


@pytest.mark.parametrize("language", WIRES)
def test_lost_doubled_and_torn_messages_are_counted(language):
    whole = asked_and_answered(*WIRES[language])
    lost = conversation(messages(*whole[:-1]))
    assert wire.unanswered(lost).value == pytest.approx(10)
    doubled = conversation(messages(*whole, (11.0, False, whole[-1][2])))
    assert wire.repeated(doubled).value == 1
    assert wire.repeated(doubled).marks == (("first", 11.0),)
    torn = conversation(messages(*whole, (11.0, False, whole[-1][2][: -len("00")])))
    assert wire.garbled(torn).value == 1


def test_a_reply_after_the_reply_to_a_later_request_was_overtaken():
    said = conversation(
        messages(
            (1.0, True, tcp(1)),
            (2.0, True, tcp(2)),
            (2.0, False, tcp(2, sent=False)),
            (2.0, False, tcp(1, sent=False)),
            (3.0, True, tcp(3)),
            (3.0, False, tcp(3, sent=False)),
        )
    )
    assert wire.overtaken(said).value == 1
    assert wire.longest_round_trip(said).value == 1.0


def test_a_station_that_counts_anew_was_not_overtaken():
    numbers = [7, 8, 9, 1, 2, 3]
    said = conversation(
        messages(*((n, False, call(f"s{i}")) for n, i in enumerate(numbers)))
    )
    assert wire.overtaken(said).value == 0
    swapped = [7, 9, 8, 10]
    said = conversation(
        messages(*((n, False, call(f"s{i}")) for n, i in enumerate(swapped)))
    )
    assert wire.overtaken(said).value == 1


def test_ids_without_a_count_tell_no_order_and_are_no_fault():
    ids = ["a0eebc99-9c0b-4ef8", "0b3c-7f", "f47ac10b-58cc"]
    said = conversation(messages(*((n, False, call(i)) for n, i in enumerate(ids))))
    assert wire.overtaken(said).value == 0


REFUSALS = {
    "Modbus TCP": [(1, True, tcp(1)), (1, False, tcp(1, sent=False, function=0x84))],
    "Modbus RTU": [(1, True, RTU_ASK), (1, False, RTU_EXCEPTION)],
    "OCPP-J": [(1, True, call("1")), (1, False, '[4,"1","GenericError","",{}]')],
    "JSON-RPC": [(1, True, rpc(1, method="x")), (1, False, rpc(1, error={"code": 1}))],
}


@pytest.mark.parametrize("name", REFUSALS)
def test_error_replies_are_counted(name):
    said = conversation(messages(*REFUSALS[name]))
    assert wire.refused(said).value == 1
    assert wire.unanswered(said).value == 0


def test_a_start_is_counted_where_it_is_said():
    boot = (5.0, False, call("s1", "BootNotification"))
    assert wire.introductions(conversation(messages(boot))).value == 1
    assert "no message for a start" in wire.introductions(conversation(())).why


def test_a_window_keeps_a_reply_with_its_request():
    said = conversation(messages(*asked_and_answered(*WIRES[Language.MODBUS_TCP])))
    part = said.within(2.0, 5.0)
    assert len(part.answers) == 4
    assert wire.unanswered(part).value == 0


@given(st.lists(st.tuples(st.floats(0, 99), st.booleans(), st.text(max_size=40))))
def test_no_messages_at_all_break_the_reading(said):
    found = conversation(messages(*sorted(said, key=lambda one: one[0])))
    for judged in (
        wire.longest_round_trip, wire.unanswered, wire.repeated, wire.overtaken,
        wire.garbled, wire.refused, wire.introductions,
    ):  # fmt: skip
        estimate = judged(found)
        assert math.isnan(estimate.value) == bool(estimate.why)


@given(st.permutations(list(range(10, 30))))
def test_as_many_are_overtaken_as_come_after_a_higher_count(order):
    said = conversation(
        messages(*((at, False, call(f"s{n}")) for at, n in enumerate(order)))
    )
    late = sum(n < max(order[: at + 1]) for at, n in enumerate(order))
    assert wire.overtaken(said).value == late
