"""OCPP-J 1.6 remote calls, frame by frame.

Literal frames are the examples of the OCPP-J 1.6 specification, sections 4.2.1 to
4.2.3, and messages laid out as tables 4 to 6 say; error codes are table 7's.
"""

import asyncio
import json

import pytest

from devices.links.ocpp import CallRefused, Refusal, Rpc
from devices.links.ocpp_schema import known_actions, request_breach, response_breach
from harness.core.errors import LinkError
from tests.devices.ocpp_bench import play

# 4.2.1: "a BootNotification request could look like this"
BOOT = (
    '[2,"19223201","BootNotification",'
    '{"chargePointVendor": "VendorX", "chargePointModel": "SingleSocketCharger"}]'
)


class Wire:
    """A remote end that a test plays by hand."""

    def __init__(self, handlers=None, timeout_s=30.0):
        self.sent, self.kept, self.violations, self.open = [], [], [], True
        self.rpc = Rpc(
            where="rig.toml [device.ev]",
            prefix="c",
            send=self._send,
            handlers=handlers or {},
            wire=lambda sent, text: self.kept.append((sent, text)),
            violated=self.violations.append,
            timeout_s=timeout_s,
        )

    def _send(self, text):
        if self.open:
            self.sent.append(text)
        return self.open

    def answer_to(self, text):
        """Hand over a message; return what was sent because of it, as JSON."""
        before = len(self.sent)
        self.rpc.received(text)
        return [json.loads(sent) for sent in self.sent[before:]]


def booting():
    """Answer BootNotification as the specification's example does (4.2.2).

    The example's ``heartbeatInterval`` became ``interval`` in OCPP 1.6 (appendix A.1).
    """
    return Wire(
        {
            "BootNotification": lambda _asked: {
                "status": "Accepted",
                "currentTime": "2013-02-01T20:53:32.486Z",
                "interval": 300,
            }
        }
    )


@play
async def test_the_specifications_boot_notification_is_answered_as_it_says():
    wire = booting()
    wire.rpc.received(BOOT)
    assert wire.sent == [
        '[3,"19223201",{"status":"Accepted",'
        '"currentTime":"2013-02-01T20:53:32.486Z","interval":300}]'
    ]
    assert wire.kept == [(False, BOOT), (True, wire.sent[0])]
    assert wire.violations == []


@play
async def test_a_call_is_four_elements_and_its_result_comes_back():
    wire = Wire()
    waiting = asyncio.ensure_future(wire.rpc.call("Reset", {"type": "Soft"}))
    await asyncio.sleep(0)
    assert wire.sent == ['[2,"c1","Reset",{"type":"Soft"}]']
    wire.rpc.received('[3,"c1",{"status":"Accepted"}]')
    assert await waiting == {"status": "Accepted"}


@play
async def test_a_call_error_raises_with_code_and_description():
    wire = Wire()
    waiting = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
    await asyncio.sleep(0)
    wire.rpc.received('[4,"c1","InternalError","out of memory",{"free": 0}]')
    with pytest.raises(CallRefused) as caught:
        await waiting
    assert caught.value.code == "InternalError"
    assert caught.value.description == "out of memory"
    assert caught.value.details == {"free": 0}
    assert str(caught.value) == (
        "rig.toml [device.ev]: ClearCache was answered with CALLERROR InternalError "
        '"out of memory". Try: the device\'s own log, or another option.'
    )


@play
async def test_one_call_is_outstanding_at_a_time():
    """4.1.1: none is sent before the one before is answered or timed out."""
    wire = Wire()
    for _ in range(3):
        wire.rpc.post("ClearCache", {})
    assert len(wire.sent) == 1
    wire.rpc.received('[3,"c1",{"status":"Accepted"}]')
    assert len(wire.sent) == 2
    wire.rpc.received('[4,"c2","GenericError","",{}]')
    assert wire.sent[2] == '[2,"c3","ClearCache",{}]'


@play
async def test_calls_cross_without_waiting_for_each_other():
    wire = booting()
    wire.rpc.post("ClearCache", {})
    wire.rpc.received(BOOT)
    assert [json.loads(text)[0] for text in wire.sent] == [2, 3]


@play
async def test_no_answer_in_time_raises_and_the_next_call_goes_out():
    wire = Wire(timeout_s=20)
    first = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
    second = asyncio.ensure_future(wire.rpc.call("Reset", {"type": "Hard"}))
    with pytest.raises(LinkError, match="ClearCache was not answered within 20 s"):
        await first
    assert asyncio.get_running_loop().time() == 20
    wire.rpc.received('[3,"c1",{"status":"Accepted"}]')
    assert "came too late" in wire.violations[0]
    wire.rpc.received('[3,"c2",{"status":"Accepted"}]')
    assert await second == {"status": "Accepted"}


@play
async def test_a_lost_connection_ends_every_call_and_any_further_one():
    wire = Wire()
    waiting = [asyncio.ensure_future(wire.rpc.call("ClearCache", {})) for _ in "ab"]
    await asyncio.sleep(0)
    wire.rpc.lost("close 1006")
    for call in [*waiting, asyncio.ensure_future(wire.rpc.call("ClearCache", {}))]:
        with pytest.raises(LinkError, match=r"connection was lost \(close 1006\)"):
            await call


@play
async def test_a_caller_that_gives_up_does_not_upset_the_line():
    wire = Wire()
    impatient = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
    await asyncio.sleep(0)
    impatient.cancel()
    wire.rpc.received('[3,"c1",{"status":"Accepted"}]')
    wire.rpc.post("ClearCache", {})
    assert wire.sent[-1] == '[2,"c2","ClearCache",{}]'
    assert wire.violations == []


REFUSED = [
    # frame, code by the words of table 7
    ('[2,"1","Flying",{}]', "NotImplemented"),  # "not known by receiver"
    ('[2,"1","UpdateFirmware",{"location":"ftp://x","retrieveDate":'
     '"2013-02-01T20:53:32Z"}]', "NotSupported"),  # "recognized but not supported"
    ('[2,"1","BootNotification",{"chargePointVendor":"V"}]', "ProtocolError"),
    ('[2,"1","BootNotification",{}]', "ProtocolError"),  # "incomplete"
    ('[2,"1","BootNotification",null]', "ProtocolError"),  # null is {} (table 4)
    ('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M",'
     '"colour":"red"}]', "FormationViolation"),  # "not conform the PDU structure"
    ('[2,"1","BootNotification",{"chargePointVendor":12,"chargePointModel":"M"}]',
     "TypeConstraintViolation"),  # "somestring": 12
    ('[2,"1","BootNotification",["V","M"]]', "TypeConstraintViolation"),
    ('[2,"1","BootNotification",{"chargePointVendor":"' + "V" * 21 + '",'
     '"chargePointModel":"M"}]', "PropertyConstraintViolation"),
    ('[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError",'
     '"status":"Occupied"}]', "PropertyConstraintViolation"),
    ('[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError",'
     '"status":"Available","timestamp":"yesterday"}]', "PropertyConstraintViolation"),
    ('[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError",'
     '"status":"Available","timestamp":"2013-02-01T20:53:32"}]',
     "PropertyConstraintViolation"),  # names no instant
    ('[2,"1","MeterValues",{"connectorId":1,"meterValue":[]}]',
     "OccurenceConstraintViolation"),
    ('[2,"1","BootNotification"]', "FormationViolation"),
    ('[2,"1","BootNotification",{},{}]', "FormationViolation"),
    ('[2,"1",7,{}]', "FormationViolation"),
    ('[2,"' + "x" * 37 + '","Heartbeat",{}]', "GenericError"),  # 4.2.3: "too long"
]  # fmt: skip


@pytest.mark.parametrize(("frame", "code"), REFUSED)
def test_a_bad_call_is_answered_with_the_right_call_error(frame, code):
    async def test():
        wire = booting()
        (answer,) = wire.answer_to(frame)
        kind, ident, got, description, details = answer
        assert (kind, got, details) == (4, code, {})
        assert ident == json.loads(frame)[1]
        assert description
        assert len(wire.violations) == 1
        assert wire.kept[0] == (False, frame)

    play(test)()


UNANSWERABLE = [
    ('[2,"s0","Heartbeat",{', "not JSON"),
    ("", "not JSON"),
    ("hello", "not JSON"),
    ('[3,"1",{"interval":NaN}]', "not JSON"),
    ("[" * 100_000, "not JSON"),
    ('{"id":1}', "not a JSON array"),
    ("[]", "not a JSON array"),
    ("17", "not a JSON array"),
    ('[5,"1",{}]', "message type 5"),  # 4.1.3: its payload is ignored
    ('["2","1","Heartbeat",{}]', "message type '2'"),
    ('[null,"1"]', "message type None"),
    ("[2]", "no message id"),
    ('[2,17,"Heartbeat",{}]', "no message id"),
    ('[3,"c9",{}]', "answers no CALL"),
    ("[3]", "answers no CALL"),
    ('[4,"c9","GenericError","",{}]', "answers no CALL"),
]


@pytest.mark.parametrize(("frame", "says"), UNANSWERABLE)
def test_what_cannot_be_answered_is_kept_and_told(frame, says):
    async def test():
        wire = booting()
        assert wire.answer_to(frame) == []
        assert wire.kept == [(False, frame)]
        assert len(wire.violations) == 1
        assert says in wire.violations[0]
        assert len(wire.answer_to(BOOT)) == 1, "the line goes on"

    play(test)()


BAD_ANSWERS = [
    ('[3,"c1",{"status":"Maybe"}]', "ClearCacheResponse status"),
    ('[3,"c1",{}]', "required"),
    ('[3,"c1",null]', "required"),
    ('[3,"c1"]', "a CALLRESULT is"),
    ('[3,"c1",{"status":"Accepted"},{}]', "a CALLRESULT is"),
    ('[3,"c1",[]]', "a CALLRESULT is"),
    ('[4,"c1"]', "a CALLERROR is"),
    ('[4,"c1","GenericError","x"]', "a CALLERROR is"),
]


@pytest.mark.parametrize(("frame", "says"), BAD_ANSWERS)
def test_a_bad_answer_raises_and_is_told_but_not_answered(frame, says):
    async def test():
        wire = Wire()
        waiting = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
        await asyncio.sleep(0)
        assert wire.answer_to(frame) == []
        with pytest.raises(LinkError, match=r"breaks OCPP 1\.6") as caught:
            await waiting
        assert says in str(caught.value)
        assert len(wire.violations) == 1

    play(test)()


@play
async def test_an_unknown_error_code_raises_and_is_told():
    wire = Wire()
    waiting = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
    await asyncio.sleep(0)
    wire.rpc.received('[4,"c1","Whatever","",{}]')
    with pytest.raises(CallRefused, match="Whatever"):
        await waiting
    assert "table 7" in wire.violations[0]


@play
async def test_a_message_id_used_twice_is_refused():
    """4.1.4: different from all ids used before on the same connection."""
    wire = booting()
    assert wire.answer_to(BOOT)[0][0] == 3
    assert wire.answer_to(BOOT)[0][:3] == [4, "19223201", "GenericError"]


@play
async def test_a_handlers_refusal_is_a_call_error_and_no_violation():
    def refuse(_asked):
        raise Refusal("InternalError", "not today")

    wire = Wire({"ClearCache": refuse})
    (answer,) = wire.answer_to('[2,"1","ClearCache",{}]')
    assert answer == [4, "1", "InternalError", "not today", {}]
    assert wire.violations == []


@play
async def test_what_we_would_send_wrongly_is_never_sent():
    wire = Wire({"ClearCache": lambda _asked: {"status": "Perhaps"}})
    with pytest.raises(LinkError, match="the harness would break"):
        await wire.rpc.call("Reset", {"type": "Warm"})
    with pytest.raises(LinkError, match="the harness would break"):
        wire.rpc.received('[2,"1","ClearCache",{}]')
    assert wire.sent == []


@play
async def test_nothing_is_recorded_as_sent_on_a_closing_connection():
    wire = booting()
    wire.open = False
    wire.rpc.received(BOOT)
    assert wire.kept == [(False, BOOT)]


def test_every_action_of_the_enumeration_has_a_schema_pair():
    from ocpp.v16.enums import Action

    assert {str(action) for action in Action} <= known_actions()
    for action in known_actions():
        request_breach(action, {})
        response_breach(action, {})


def test_a_limit_has_at_most_one_decimal():
    """7.14: "Accepts at most one digit fraction (e.g. 8.1)"."""

    def breach(limit):
        period = {"startPeriod": 0, "limit": limit}
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
        return request_breach(
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    "chargingProfileId": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": schedule,
                },
            },
        )

    assert all(breach(tenths / 10) is None for tenths in range(800))
    assert breach(8.15).code == "PropertyConstraintViolation"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2013-02-01T20:53:32.486Z", True),
        ("2013-01-01T00:00Z", True),  # the specification's own, 3.13.7
        ("2013-01-01T01:00:00+01:00", True),
        ("2013-01-01", False),
        ("2013-13-01T00:00:00Z", False),
    ],
)
def test_times_are_iso_8601_with_a_zone(text, good):
    breach = request_breach(
        "StartTransaction",
        {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": text},
    )
    assert (breach is None) == good
