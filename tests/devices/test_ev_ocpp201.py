"""The OCPP 2.0.1 driver against a station played by hand, frame by frame.

Frames are the examples of OCPP 2.0.1 part 4 (edition 3), 4.2; messages that the
OCA's own test tool recorded in its test case TC_K_41_CS (log of 2024-08-21, published
with EVerest's libocpp, transcribed); and messages laid out as part 2 and its schemas
say.
"""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from devices.ev_chargepoint.csms201 import REPEATED, Sequence
from devices.ev_chargepoint.limits import ProfileForm, charging_profile
from devices.ev_chargepoint.profiles201 import limit_profile
from devices.ev_chargepoint.readings201 import readings, sampled_value
from devices.links.ocpp_schema import OCPP201, request_breach
from harness.core.capabilities import Acknowledgement, Identity
from harness.core.errors import LinkError, RigError, UsageError
from harness.core.recording import Reading
from tests.devices.fuzzing import FRAMES
from tests.devices.ocpp201_bench import BOOT, BOOT_ANSWER, csms, dialled
from tests.devices.ocpp_bench import play

TRANSCRIPTS_OF = ("ev_chargepoint/ocpp201",)

# TC_K_41_CS: a station tells that a cable was plugged in, then that it charges.
STARTED = (
    '[2,"b50b42ba-8c0f-4b9e-a6c2-cd487dafb485","TransactionEvent",{"eventType":"Started",'
    '"evse":{"connectorId":1,"id":1},"idToken":{"idToken":"DEADBEEF","type":"ISO14443"},'
    '"meterValue":[{"sampledValue":['
    '{"context":"Transaction.Begin","location":"Outlet","measurand":'
    '"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"},"value":0.0},'
    '{"context":"Transaction.Begin","location":"Outlet","measurand":'
    '"Energy.Active.Import.Register","phase":"L1","unitOfMeasure":{"unit":"Wh"},'
    '"value":0.0},'
    '{"context":"Transaction.Begin","location":"Outlet","measurand":"Current.Import",'
    '"phase":"L1","unitOfMeasure":{"unit":"A"},"value":0.0},'
    '{"context":"Transaction.Begin","location":"Outlet","measurand":"Current.Import",'
    '"phase":"N","unitOfMeasure":{"unit":"A"},"value":0.0}],'
    '"timestamp":"2024-08-21T12:24:38.336Z"}],"offline":false,"seqNo":0,'
    '"timestamp":"2024-08-21T12:24:38.561Z","transactionInfo":{"chargingState":'
    '"EVConnected","transactionId":"e23889e3-0fc7-424a-b2e9-dce774521b83"},'
    '"triggerReason":"CablePluggedIn"}]'
)
UPDATED = (
    '[2,"b07783c1-202f-4ea3-b31c-238944a537df","TransactionEvent",{"eventType":"Updated",'
    '"offline":false,"seqNo":1,"timestamp":"2024-08-21T12:24:40.131Z","transactionInfo":'
    '{"chargingState":"Charging","transactionId":"e23889e3-0fc7-424a-b2e9-dce774521b83"},'
    '"triggerReason":"ChargingStateChanged"}]'
)
ACCEPTED = {"status": "Accepted"}


@play
async def test_the_boot_exchange_is_the_specifications_and_is_kept_verbatim():
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.far.send(BOOT)
        assert await station.far.recv() == BOOT_ANSWER
        assert bench.wire == [(False, BOOT), (True, BOOT_ANSWER)]
        assert await driver.identify() == Identity("VendorX", "SingleSocketCharger")
        assert bench.events == [("connected", "CP3211")]


@play
async def test_a_recorded_transaction_is_followed():
    async with csms(read_back=False) as (bench, driver), dialled(driver) as station:
        await station.far.send(STARTED)
        assert await station.far.recv() == (
            '[3,"b50b42ba-8c0f-4b9e-a6c2-cd487dafb485",'
            '{"idTokenInfo":{"status":"Accepted"}}]'
        )
        assert [(r.quantity, r.value) for r in bench.readings] == [
            ("energy_import_wh", 0.0),
            ("current_a", 0.0),
        ]
        await station.far.send(UPDATED)
        answer = await station.far.recv()
        assert answer == '[3,"b07783c1-202f-4ea3-b31c-238944a537df",{}]'
        assert bench.events[1:] == [
            ("status", "EVConnected"),
            ("status", "Charging"),
            ("available", "Charging"),
        ]
        limiting = asyncio.create_task(driver.limit_power_w(0))
        asked = await station.answers("SetChargingProfile", ACCEPTED)
        await limiting
        profile = asked["chargingProfile"]
        assert profile["transactionId"] == "e23889e3-0fc7-424a-b2e9-dce774521b83"
        lifting = asyncio.create_task(driver.limit_power_w(None))
        await station.answers("ClearChargingProfile", ACCEPTED)
        await lifting


@play
async def test_identity_has_serial_and_firmware_if_the_station_says_them():
    async with csms() as (_bench, driver), dialled(driver) as station:
        about = {
            "vendorName": "V",
            "model": "M",
            "serialNumber": "S1",
            "firmwareVersion": "4.2",
        }
        boot = {"reason": "PowerUp", "chargingStation": about}
        await station.says("BootNotification", boot)
        assert await driver.identify() == Identity("V", "M", "S1", "4.2")


@play
async def test_a_limit_in_a_transaction_is_a_tx_profile_in_amperes():
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.transaction("Started", "Charging", evse={"id": 1})
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        assert await station.far.recv() == (
            '[2,"c1","SetChargingProfile",{"evseId":1,"chargingProfile":'
            '{"id":6100,"stackLevel":0,"chargingProfilePurpose":"TxProfile",'
            '"chargingProfileKind":"Absolute","chargingSchedule":[{"id":1,'
            '"startSchedule":"2013-02-01T20:48:32.486Z","chargingRateUnit":"A",'
            '"chargingSchedulePeriod":[{"startPeriod":0,"limit":6.0,'
            '"numberPhases":1}]}],"transactionId":"T1"}}]'
        )
        await station.far.send('[3,"c1",{"status":"Accepted"}]')
        assert await station.far.recv() == (
            '[2,"c2","GetCompositeSchedule",'
            '{"duration":60,"chargingRateUnit":"A","evseId":1}]'
        )
        await station.far.send(
            '[3,"c2",{"schedule":{"chargingRateUnit":"A","chargingSchedulePeriod":'
            '[{"limit":6.0,"numberPhases":1,"startPeriod":0}],"duration":60,'
            '"evseId":1,"scheduleStart":"2013-02-01T20:53:32.000Z"},'
            '"status":"Accepted"}]'
        )
        assert await limiting == Acknowledgement(True, "Accepted; composite 6.0 A")
        assert len(bench.wire) == 6


@play
async def test_a_limit_without_a_transaction_is_a_default_profile():
    async with csms(read_back=False) as (_bench, driver), dialled(driver) as station:
        limiting = asyncio.create_task(driver.limit_power_w(0))
        asked = await station.answers("SetChargingProfile", ACCEPTED)
        profile = asked["chargingProfile"]
        assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
        assert "transactionId" not in profile
        assert await limiting == Acknowledgement(True, "Accepted")


@play
async def test_a_rejected_limit_comes_with_the_stations_reason():
    async with csms() as (_bench, driver), dialled(driver) as station:
        info = {"reasonCode": "DuplicateProfile", "additionalInfo": "see id 7"}
        for answer, words in (
            ({"status": "Rejected"}, "Rejected"),
            (
                {"status": "Rejected", "statusInfo": info},
                "Rejected (DuplicateProfile: see id 7)",
            ),
        ):
            limiting = asyncio.create_task(driver.limit_power_w(1400))
            await station.answers("SetChargingProfile", answer)
            assert await limiting == Acknowledgement(False, words)


@play
async def test_lifting_clears_the_harness_profile_and_no_other():
    async with csms() as (_bench, driver), dialled(driver) as station:
        for status in ("Accepted", "Unknown"):
            lifting = asyncio.create_task(driver.limit_power_w(None))
            asked = await station.answers("ClearChargingProfile", {"status": status})
            assert asked == {"chargingProfileId": 6100}
            assert await lifting == Acknowledgement(True, status)
        safe = asyncio.create_task(driver.make_safe())
        asked = await station.answers("ClearChargingProfile", {"status": "Unknown"})
        assert asked == {"chargingProfileId": 6100}
        await safe


@play
async def test_a_limit_goes_over_to_the_next_transaction():
    """A TxProfile ends with its transaction (part 2, K, 3.2); the limit does not."""
    async with csms(read_back=False) as (bench, driver), dialled(driver) as station:
        await station.transaction("Started", "Charging", evse={"id": 1})
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        await station.answers("SetChargingProfile", ACCEPTED)
        await limiting
        await station.transaction("Ended", "Idle")
        await station.transaction("Started", evse={"id": 1}, ident="T2", seqNo=0)
        asked = await station.answers("SetChargingProfile", ACCEPTED)
        assert asked["chargingProfile"]["transactionId"] == "T2"
        await station.status("Occupied")
        assert ("status", "limit for the new transaction: Accepted") in bench.events
        lifting = asyncio.create_task(driver.limit_power_w(None))
        await station.answers("ClearChargingProfile", ACCEPTED)
        await lifting


@play
async def test_what_comes_late_of_an_old_transaction_is_not_taken_for_a_new_one():
    """K02: the offline flag tells what may be over by now."""
    async with csms(read_back=False) as (_bench, driver), dialled(driver) as station:
        await station.transaction("Started", evse={"id": 1}, offline=True)
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        asked = await station.answers("SetChargingProfile", ACCEPTED)
        assert asked["chargingProfile"]["chargingProfilePurpose"] == "TxDefaultProfile"
        await limiting
        await station.transaction("Updated", "Charging", offline=False)
        asked = await station.answers("SetChargingProfile", ACCEPTED)
        assert asked["chargingProfile"]["transactionId"] == "T1"
        await station.transaction("Ended", "Idle")
        await station.transaction("Updated", "Charging", seqNo=7)
        lifting = asyncio.create_task(driver.limit_power_w(0))
        asked = await station.answers("SetChargingProfile", ACCEPTED)
        assert "transactionId" not in asked["chargingProfile"], "it was over"
        await lifting
        closing = asyncio.create_task(driver.make_safe())
        await station.answers("ClearChargingProfile", ACCEPTED)
        await closing


@play
async def test_missing_late_and_repeated_messages_are_noticed():
    """seqNo counts 0, 1, 2, … in each transaction (E01 to E06)."""
    value = {"timestamp": "2013-02-01T20:53:42.486Z", "sampledValue": [{"value": 5}]}
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.transaction("Started", evse={"id": 1})
        await station.transaction("Updated", seqNo=3, meterValue=[value])
        await station.transaction("Updated", seqNo=2, meterValue=[value])
        await station.transaction("Updated", seqNo=2, meterValue=[value])
        assert bench.told("status") == [
            "transaction T1: 2 message(s) missing from seqNo 1 on",
            "transaction T1: seqNo 2 came late",
            "transaction T1: seqNo 2 came twice",
        ]
        assert len(bench.readings) == 2, "a repeated message is not measured twice"
        assert driver.violations == ()


@given(st.lists(st.integers(0, 30), max_size=60))
def test_a_sequence_takes_every_number_once(numbers):
    sequence, taken = Sequence(0), set()
    for number in numbers:
        assert sequence.take(number).endswith(REPEATED) == (number in taken)
        taken.add(number)
    assert sequence.missing == set(range(max(taken, default=-1) + 1)) - taken


def test_an_absurd_number_costs_nothing():
    sequence = Sequence(0)
    assert "missing" in sequence.take(10**12)
    assert len(sequence.missing) == 0


@play
async def test_meter_values_become_readings_with_the_stations_own_time():
    """Fields and defaults of SampledValueType; a multiplier is a power of ten."""
    async with csms() as (bench, driver), dialled(driver) as station:
        frame = (
            '[2,"m1","MeterValues",{"evseId":1,"meterValue":'
            '[{"timestamp":"2013-02-01T20:53:42.486Z","sampledValue":['
            '{"value":7.36,"measurand":"Power.Active.Import",'
            '"unitOfMeasure":{"unit":"W","multiplier":3}},'
            '{"value":1.5,"unitOfMeasure":{"unit":"kWh"}},'
            '{"value":32.0,"unitOfMeasure":{"unit":"A"},"measurand":"Current.Offered"},'
            '{"value":40,"unitOfMeasure":{"unit":"Percent"},"measurand":"SoC",'
            '"location":"EV"}]}]}]'
        )
        await station.far.send(frame)
        assert await station.far.recv() == '[3,"m1",{}]'
        assert bench.readings == [
            Reading("power_w", 7360.0, 10.0),
            Reading("energy_import_wh", 1500.0, 10.0),
            Reading("current_offered_a", 32.0, 10.0),
            Reading("soc_percent", 40.0, 10.0),
        ]


@play
async def test_values_of_another_evse_are_not_this_devices():
    async with csms() as (bench, driver), dialled(driver) as station:
        value = {"timestamp": "2013-02-01T20:53:42Z", "sampledValue": [{"value": 9}]}
        answer = await station.says("MeterValues", {"evseId": 2, "meterValue": [value]})
        assert answer[0] == 3
        other = {"ident": "T9", "meterValue": [value]}
        await station.transaction("Started", "Charging", evse={"id": 2}, **other)
        await station.transaction("Updated", "Charging", **other)
        assert bench.readings == []
        assert bench.told("available") == []


@pytest.mark.parametrize(
    "item",
    [
        {"value": 1e300, "unitOfMeasure": {"multiplier": 30}},
        {"value": 1, "unitOfMeasure": {"multiplier": 10**9}},
        {"value": 1, "unitOfMeasure": {"multiplier": -(10**9)}},
    ],
)
def test_a_value_that_is_no_number_is_told_and_never_recorded(item):
    async def test():
        async with csms() as (bench, driver), dialled(driver) as station:
            value = {"timestamp": "2013-02-01T20:53:42Z", "sampledValue": [item]}
            answer = await station.says(
                "MeterValues", {"evseId": 1, "meterValue": [value]}
            )
            assert answer == [3, "m1", {}]  # always answered (J01.FR.18)
            assert bench.readings == []
            with pytest.raises(LinkError, match=r"broke OCPP 2\.0\.1: MeterValues"):
                await driver.limit_power_w(1400)

    play(test)()


@given(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)))
def test_a_value_survives_the_way_to_the_wire_and_back(value):
    item = {"value": f"{value:.3f}", "unit": "W", "measurand": "Power.Active.Import"}
    sample = {
        "timestamp": "2013-02-01T20:53:42Z",
        "sampledValue": [sampled_value(item)],
    }
    assert (
        request_breach("MeterValues", {"evseId": 1, "meterValue": [sample]}, OCPP201)
        is None
    )
    (found,) = readings([sample], lambda _at: 0.0)
    assert found.value == value


@given(
    st.floats(0, 50_000),
    st.sampled_from(["A", "W"]),
    st.sampled_from([1, 3]),
    st.none() | st.text(min_size=1, max_size=36),
)
def test_every_limit_is_a_valid_request_and_never_rounded_up(
    limit_w, unit, phases, transaction
):
    form = ProfileForm(6100, 0, unit, phases)
    start = "2013-02-01T20:53:42Z"
    profile = limit_profile(limit_w, form, transaction=transaction, start=start)
    request = {"evseId": 1, "chargingProfile": profile}
    assert request_breach("SetChargingProfile", request, OCPP201) is None
    before = charging_profile(limit_w, form, transaction=None, start=start)
    (period,) = profile["chargingSchedule"][0]["chargingSchedulePeriod"]
    assert [period] == before["chargingSchedule"]["chargingSchedulePeriod"]
    scale = 1 if unit == "W" else 230 * phases
    assert period["limit"] * scale <= limit_w + 1e-6 * scale


@play
async def test_the_vehicle_coming_and_going_is_told_once_each():
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.status("Occupied")
        await station.transaction("Started", "EVConnected", evse={"id": 1})
        for state in ("SuspendedEV", "Charging", "SuspendedEVSE", "Charging"):
            await station.transaction("Updated", state)
        await station.transaction("Ended", "EVConnected")
        await station.status("Available")
        await station.status("Available", evse=2)
        await station.status("Unavailable")
        wanted = {"available", "unavailable"}
        assert [e for e in bench.events if e[0] in wanted] == [
            ("available", "SuspendedEV"),
            ("unavailable", "Idle"),
        ]


@play
async def test_a_fault_makes_it_unavailable_in_the_stations_words():
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.transaction("Started", "Charging", evse={"id": 1})
        event = {
            "eventId": 1,
            "timestamp": "2013-02-01T20:53:42Z",
            "trigger": "Alerting",
            "actualValue": "true",
            "component": {"name": "EVSE", "evse": {"id": 1}},
            "eventNotificationType": "HardWiredNotification",
            "variable": {"name": "Problem"},
        }
        elsewhere = {**event, "component": {"name": "EVSE", "evse": {"id": 2}}}
        notice = {
            "generatedAt": "2013-02-01T20:53:42Z",
            "seqNo": 0,
            "eventData": [event, elsewhere],
        }
        assert (await station.says("NotifyEvent", notice))[2] == {}
        await station.status("Faulted")
        assert bench.events[-3:] == [
            ("status", "EVSE.Problem = true"),
            ("status", "Faulted"),
            ("unavailable", "Faulted"),
        ]


@play
async def test_an_availability_state_in_an_event_counts_like_a_status():
    async with csms() as (bench, driver), dialled(driver) as station:
        event = {
            "eventId": 1,
            "timestamp": "2013-02-01T20:53:42Z",
            "trigger": "Delta",
            "actualValue": "Unavailable",
            "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
            "eventNotificationType": "HardWiredNotification",
            "variable": {"name": "AvailabilityState"},
        }
        notice = {
            "generatedAt": "2013-02-01T20:53:42Z",
            "seqNo": 0,
            "eventData": [event],
        }
        await station.says("NotifyEvent", notice)
        assert bench.told("unavailable") == ["Unavailable"]


@play
async def test_a_limit_from_elsewhere_is_told():
    async with csms() as (bench, driver), dialled(driver) as station:
        limit = {"evseId": 1, "chargingLimit": {"chargingLimitSource": "EMS"}}
        assert (await station.says("NotifyChargingLimit", limit))[2] == {}
        gone = {"chargingLimitSource": "EMS"}
        assert (await station.says("ClearedChargingLimit", gone))[2] == {}
        assert bench.told("status") == [
            "charging limited by EMS",
            "charging no longer limited by EMS",
        ]


MODEL = {
    ("SmartChargingCtrlr", "RateUnit"): "A,W",
    ("SmartChargingCtrlr", "ProfileStackLevel"): "8",
    ("ChargingStation", "VendorName"): "VendorX",
    ("ChargingStation", "Model"): "SingleSocketCharger",
}


async def set_up(station, *, model=None, boot=True):
    """Play a station through `ready`; return the variables that it was given."""
    given, known = {}, MODEL if model is None else model
    if boot:
        await station.far.send(BOOT)
    while True:
        kind, ident, *rest = json.loads(await station.far.recv())
        if kind == 3:
            if ident == "done":
                return given
            continue
        action, asked = rest
        answer, more = {"status": "Accepted"}, None
        if action == "GetVariables":
            found = [(i, known.get(name_of(i))) for i in asked["getVariableData"]]
            results = [
                {**item, "attributeStatus": "Accepted", "attributeValue": value}
                if value is not None
                else {**item, "attributeStatus": "UnknownVariable"}
                for item, value in found
            ]
            answer = {"getVariableResult": results}
        elif action == "SetVariables":
            (item,) = asked["setVariableData"]
            value = item.pop("attributeValue")
            status = "Rejected" if "SoC" in value else "Accepted"
            if item["variable"]["name"] == "WebSocketPingInterval":
                status = "UnknownVariable"
            if status == "Accepted":
                given[".".join(name_of(item))] = value
            answer = {"setVariableResult": [{**item, "attributeStatus": status}]}
        elif asked["requestedMessage"] == "BootNotification":
            answer = {"status": "Rejected"}  # F06.FR.17
        elif asked["requestedMessage"] == "TransactionEvent":
            more = {
                "timestamp": "2013-02-01T20:53:42Z",
                "connectorStatus": "Occupied",
                "evseId": 1,
                "connectorId": 1,
            }
        await station.far.send(json.dumps([3, ident, answer]))
        if more:
            await station.far.send(json.dumps([2, "done", "StatusNotification", more]))


def name_of(item):
    return item["component"]["name"], item["variable"]["name"]


@play
async def test_ready_sets_the_station_up_and_learns_its_status():
    listed = (
        "Power.Active.Import,Energy.Active.Import.Register,Current.Import,"
        "Current.Offered,Voltage"
    )
    async with csms() as (bench, driver), dialled(driver) as station:
        playing = asyncio.create_task(set_up(station))
        await driver.ready()
        assert await playing == {
            "SampledDataCtrlr.TxUpdatedMeasurands": listed,
            "SampledDataCtrlr.TxStartedMeasurands": listed,
            "SampledDataCtrlr.TxEndedMeasurands": listed,
            "SampledDataCtrlr.TxUpdatedInterval": "10",
            "AlignedDataCtrlr.Measurands": listed,
            "AlignedDataCtrlr.SendDuringIdle": "false",
            "AlignedDataCtrlr.Interval": "0",
            "OCPPCommCtrlr.HeartbeatInterval": "300",
        }
        assert bench.clock.now_s() == 0
        refused = [detail for detail in bench.told("status") if "Rejected" in detail]
        assert len(refused) == 4, "one measurand too many, in four lists"
        unknown = "OCPPCommCtrlr.WebSocketPingInterval = 60: UnknownVariable"
        assert unknown in bench.told("status")


@play
async def test_a_station_that_was_up_before_is_asked_who_it_is():
    """Part 4, 5.3: no BootNotification after a mere reconnect; F06.FR.17: nor then."""
    async with csms() as (bench, driver), dialled(driver) as station:
        playing = asyncio.create_task(set_up(station, boot=False))
        await driver.ready()
        await playing
        assert await driver.identify() == Identity("VendorX", "SingleSocketCharger")
        assert bench.clock.now_s() == 5


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ({("SmartChargingCtrlr", "ProfileStackLevel"): "8"}, {"stack_level": 9},
         "stack_level 9 is above the station's 8"),
        ({("SmartChargingCtrlr", "RateUnit"): "A"}, {"rate_unit": "W"},
         'rate_unit "W" is not among the station\'s A'),
        ({("SmartChargingCtrlr", "PeriodsPerSchedule"): "0"}, {},
         "PeriodsPerSchedule = 0"),
    ],
)  # fmt: skip
def test_what_the_station_cannot_do_is_a_rig_error(model, options, says):
    async def test():
        async with csms(**options) as (_bench, driver), dialled(driver) as station:
            playing = asyncio.create_task(set_up(station, model=model))
            with pytest.raises(RigError) as caught:
                await driver.ready()
            assert says in str(caught.value)
            playing.cancel()

    play(test)()


# Bad input: one clear error, no hang.


@play
async def test_a_station_of_another_version_is_named_in_the_sentence():
    async with csms(ready_timeout_s=90) as (bench, driver):
        async with connect(driver.address, subprotocols=["ocpp1.6"]) as far:
            await far.wait_closed()
        with pytest.raises(LinkError, match=r"ocpp2\.0\.1 needed, offered: ocpp1\.6"):
            await driver.ready()
        assert bench.events[0][1].startswith("connection refused: subprotocol")


@play
async def test_a_limit_for_an_absent_station_raises_at_once():
    async with csms() as (bench, driver):
        with pytest.raises(LinkError, match="the station is not connected"):
            await driver.limit_power_w(1400)
        assert bench.clock.now_s() == 0


@pytest.mark.parametrize("limit_w", [-1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused_before_the_wire(limit_w):
    async def test():
        async with csms() as (bench, driver), dialled(driver):
            with pytest.raises(UsageError, match="cannot be sent"):
                await driver.limit_power_w(limit_w)
            assert bench.wire == []

    play(test)()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"1","TransactionEvent",{"eventType":"Started"}]',
         "OccurrenceConstraintViolation"),
        ('[2,"1","StatusNotification",{"timestamp":"soon","connectorStatus":'
         '"Available","evseId":1,"connectorId":1}]', "PropertyConstraintViolation"),
        ('[2,"1","StartTransaction",{}]', "NotImplemented"),  # of 1.6
        ('[2,"1","Heartbeat"', "RpcFrameworkError"),
        ('[7,"1","Heartbeat",{}]', "MessageTypeNotSupported"),
    ],
)  # fmt: skip
def test_a_broken_protocol_is_answered_and_stops_the_next_instruction(frame, code):
    async def test():
        async with csms() as (bench, driver), dialled(driver) as station:
            await station.far.send(frame)
            answer = json.loads(await station.far.recv())
            assert answer[0] == 4
            assert answer[2] == code
            with pytest.raises(LinkError, match=r"the station broke OCPP 2\.0\.1"):
                await driver.limit_power_w(1400)
            assert bench.wire[0] == (False, frame)

    play(test)()


@play
async def test_a_flood_of_broken_messages_keeps_the_line_open():
    async with (
        csms(tolerate_violations=True) as (bench, driver),
        dialled(driver) as station,
    ):
        for _ in range(500):
            await station.far.send("{")
        for _ in range(500):
            await station.far.recv()
        assert len(driver.violations) == 500
        assert (await station.says("Heartbeat", {}))[0] == 3
        assert len(bench.wire) == 1002, "every message is kept"


@play
async def test_a_station_that_goes_away_while_asked_raises_at_once():
    async with csms() as (bench, driver), dialled(driver) as station:
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        await station.hears()
        station.far.transport.abort()
        with pytest.raises(LinkError, match="the connection was lost"):
            await limiting
        assert bench.clock.now_s() == 0
        assert bench.events[-1][0] == "lost"


@play
async def test_message_ids_are_never_used_again_after_a_reconnect():
    """Part 4, 4.1.4: "on any WebSocket connection"."""
    async with csms(read_back=False) as (_bench, driver):
        idents = []
        for _ in range(2):
            async with dialled(driver) as station:
                limiting = asyncio.create_task(driver.limit_power_w(None))
                _kind, ident, _action, _asked = await station.hears()
                await station.far.send(json.dumps([3, ident, ACCEPTED]))
                await limiting
                idents.append(ident)
        assert len(set(idents)) == 2


# Fuzz: whatever a station sends, the next proper message is answered.

ACTIONS = ["BootNotification", "TransactionEvent", "MeterValues", "NotifyEvent", "X"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["eventType", "evseId", "meterValue", "value", "seqNo"]),
            inner,
        )
    ),
    max_leaves=8,
)
frames = st.one_of(
    st.text(max_size=60),
    json_values.map(json.dumps),
    st.tuples(
        st.integers(0, 9), st.text(max_size=40), st.sampled_from(ACTIONS), json_values
    ).map(lambda parts: json.dumps(list(parts))),
)
GOOD = (BOOT, STARTED, UPDATED)
BATCH, OF_THEM_FREE = 100, 10
"""Frames on one connection; most are good ones with a few places spoilt."""


def spoilt(random):
    """Return a good frame with up to four places changed, cut out or doubled."""
    frame = random.choice(GOOD)
    for _ in range(random.randint(1, 4)):
        at, length = random.randrange(len(frame)), random.randint(0, 12)
        piece = random.choice(
            ["", '"', "{", "]", ",", "null", "-1", "1e999", "[]", "é", "\\u0000",
             frame[at : at + length] * 2]
        )  # fmt: skip
        frame = frame[:at] + piece + frame[at + length :]
    return frame


@settings(
    max_examples=max(1, FRAMES // BATCH),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.lists(frames, min_size=OF_THEM_FREE, max_size=OF_THEM_FREE),
    st.randoms(use_true_random=True),
)
def test_nothing_that_a_station_sends_hangs_or_kills_the_driver(free, random):
    batch = [*free, *(spoilt(random) for _ in range(BATCH - OF_THEM_FREE))]

    async def test():
        async with (
            csms(tolerate_violations=True) as (bench, driver),
            dialled(driver) as station,
        ):
            for frame in batch:
                await station.far.send(frame)
            await station.far.send('[2,"the-end","Heartbeat",{}]')
            while json.loads(await station.far.recv())[1] != "the-end":
                pass
            heard = [text for sent, text in bench.wire if not sent]
            assert heard == [*batch, '[2,"the-end","Heartbeat",{}]']

    play(test)()
