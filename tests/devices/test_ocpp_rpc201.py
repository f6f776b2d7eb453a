"""What OCPP-J 2.0.1 does otherwise than 1.6, frame by frame.

Literal frames are the examples of OCPP 2.0.1 part 4 (edition 3), 4.2.1 to 4.2.3;
error codes are those of its table 8.
"""

import asyncio
import json

import pytest

from devices.links.ocpp import CallRefused, Rpc
from devices.links.ocpp_schema import (
    OCPP16,
    OCPP201,
    known_actions,
    request_breach,
    response_breach,
)
from harness.core.errors import LinkError
from tests.devices.ocpp201_bench import BOOT, BOOT_ANSWER
from tests.devices.ocpp_bench import play

TABLE_8 = {
    "FormatViolation",
    "GenericError",
    "InternalError",
    "MessageTypeNotSupported",
    "NotImplemented",
    "NotSupported",
    "OccurrenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolError",
    "RpcFrameworkError",
    "SecurityError",
    "TypeConstraintViolation",
}


class Wire:
    """A remote end that a test plays by hand."""

    def __init__(self, handlers=None):
        self.sent, self.violations = [], []
        self.rpc = Rpc(
            where="rig.toml [device.ev]",
            prefix="c",
            send=lambda text: self.sent.append(text) or True,
            handlers=handlers or {},
            wire=lambda _sent, _text: None,
            violated=self.violations.append,
            edition=OCPP201,
        )

    def answer_to(self, text):
        """Hand over a message; return what was sent because of it, as JSON."""
        before = len(self.sent)
        self.rpc.received(text)
        return [json.loads(sent) for sent in self.sent[before:]]


def booting():
    """Answer BootNotification as the specification's example does (4.2.2)."""
    return Wire({"BootNotification": lambda _asked: json.loads(BOOT_ANSWER)[2]})


@play
async def test_the_specifications_boot_notification_is_answered_as_it_says():
    wire = booting()
    wire.rpc.received(BOOT)
    assert wire.sent == [BOOT_ANSWER]
    assert wire.violations == []


@play
async def test_the_specifications_call_error_raises_with_its_words():
    wire = Wire()
    asking = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
    await asyncio.sleep(0)
    example = (
        '[4, "162376037", "NotSupported", '
        '"SetDisplayMessageRequest not implemented", {}]'
    )
    wire.rpc.received(example.replace("162376037", "c1"))
    with pytest.raises(CallRefused, match="SetDisplayMessageRequest not implemented"):
        await asking
    assert wire.violations == []


REFUSED = [
    ('[2,"1","Flying",{}]', "NotImplemented"),  # "not known by receiver"
    ('[2,"1","StartTransaction",{}]', "NotImplemented"),  # of 1.6
    ('[2,"1","ClearCache",{}]', "NotSupported"),  # "recognized but not supported"
    ('[2,"1","BootNotification",{"reason":"PowerUp"}]',
     "OccurrenceConstraintViolation"),  # "violates occurrence constraints"
    ('[2,"1","BootNotification",null]', "OccurrenceConstraintViolation"),  # 4.1.5
    ('[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M",'
     '"vendorName":"V"},"colour":"red"}]', "ProtocolError"),  # "PDU structure"
    ('[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":12,'
     '"vendorName":"V"}}]', "TypeConstraintViolation"),
    ('[2,"1","BootNotification",{"reason":"Boredom","chargingStation":{"model":"M",'
     '"vendorName":"V"}}]', "PropertyConstraintViolation"),
    ('[2,"1","BootNotification"]', "RpcFrameworkError"),
    ('[2,"1",7,{}]', "RpcFrameworkError"),
    ('[2,"' + "x" * 37 + '","Heartbeat",{}]', "GenericError"),
    ('[5,"1","Heartbeat",{}]', "MessageTypeNotSupported"),  # 4.4
]  # fmt: skip


@pytest.mark.parametrize(("frame", "code"), REFUSED)
def test_a_bad_call_is_answered_with_the_right_call_error(frame, code):
    async def test():
        wire = booting()
        ((kind, ident, got, description, details),) = wire.answer_to(frame)
        assert (kind, got, details) == (4, code, {})
        assert ident == json.loads(frame)[1]
        assert description
        assert len(wire.violations) == 1
        assert got in TABLE_8

    play(test)()


@pytest.mark.parametrize(
    "frame", ["", "hello", '[2,"s0","Heartbeat",{', "[]", "17", "[2]", "[2,17]"]
)
def test_what_has_no_id_is_answered_with_minus_one(frame):
    """4.2.3: 'the CALLERROR SHALL contain "-1"'; and one such is never answered."""

    async def test():
        wire = booting()
        ((kind, ident, code, _description, _details),) = wire.answer_to(frame)
        assert (kind, ident, code) == (4, "-1", "RpcFrameworkError")
        assert wire.answer_to(json.dumps([4, "-1", code, "", {}])) == []

    play(test)()


@play
async def test_a_bad_answer_raises_and_names_the_edition():
    wire = Wire()
    asking = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
    await asyncio.sleep(0)
    wire.rpc.received('[3,"c1",{"status":"Maybe"}]')
    with pytest.raises(LinkError, match=r"breaks OCPP 2\.0\.1, ClearCacheResponse"):
        await asking


@pytest.mark.parametrize(
    ("code", "told"),
    [("OccurrenceConstraintViolation", 0), ("FormationViolation", 1)],
)
def test_an_error_code_of_another_edition_is_told(code, told):
    async def test():
        wire = Wire()
        asking = asyncio.ensure_future(wire.rpc.call("ClearCache", {}))
        await asyncio.sleep(0)
        wire.rpc.received(json.dumps([4, "c1", code, "", {}]))
        with pytest.raises(CallRefused, match=code):
            await asking
        assert len(wire.violations) == told

    play(test)()


def test_every_error_code_of_the_table_is_known():
    assert OCPP201.error_codes >= TABLE_8
    assert "FormationViolation" in OCPP16.error_codes
    assert "RpcFrameworkError" not in OCPP16.error_codes


def test_every_action_of_the_enumeration_has_a_schema_pair():
    from ocpp.v201.enums import Action

    assert {str(action) for action in Action} <= known_actions(OCPP201)
    assert len(known_actions(OCPP201)) == 64
    for action in known_actions(OCPP201):
        request_breach(action, {}, OCPP201)
        response_breach(action, {}, OCPP201)


def test_the_editions_do_not_know_each_others_messages():
    assert "StartTransaction" not in known_actions(OCPP201)
    assert "TransactionEvent" not in known_actions()
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    assert request_breach("BootNotification", boot) is None
    assert request_breach("BootNotification", boot, OCPP201) is not None
