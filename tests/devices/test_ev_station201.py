"""The emulated station of OCPP 2.0.1 against a CSMS played by hand, frame by frame.

Frames of the CSMS are those that the OCA's own test tool sent in its test case
TC_K_41_CS (log of 2024-08-21, published with EVerest's libocpp, transcribed), and
messages laid out as part 2 (edition 3) and its schemas say. The far end is the
``websockets`` library's own server.
"""

import json

import pytest

from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.ocpp201_bench import CSMS_ANSWERS, station
from tests.devices.ocpp_bench import play

SAMPLED, ALIGNED = "SampledDataCtrlr", "AlignedDataCtrlr"
ACCEPTED = {"status": "Accepted"}


def profile(limit, *, unit="A", purpose="TxDefaultProfile", schedule=None, **changes):
    plain = {
        "id": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": "2013-02-01T20:00:00Z",
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": limit, "numberPhases": 1}
                ],
                **(schedule or {}),
            }
        ],
    }
    return {**plain, **changes}


async def installs(hand, *args, evse=1, **changes):
    """Send SetChargingProfile; return its status, with the reason if there is one."""
    request = {"evseId": evse, "chargingProfile": profile(*args, **changes)}
    answer = await hand.gets("SetChargingProfile", request)
    reason = answer.get("statusInfo", {}).get("reasonCode")
    return answer["status"] if reason is None else f"{answer['status']} {reason}"


async def composite(hand, duration_s=60, **more):
    request = {"duration": duration_s, "evseId": 1, **more}
    answer = await hand.gets("GetCompositeSchedule", request)
    periods = answer["schedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in periods]


@play
async def test_it_introduces_itself_first_and_then_tells_of_its_transaction():
    async with station() as hand:
        assert hand.frames[0] == (
            '[2,"s1","BootNotification",{"reason":"PowerUp","chargingStation":'
            '{"serialNumber":"0001","model":"Emulated AC 1","vendorName":"Flexrig",'
            '"firmwareVersion":"1.0"}}]'
        )
        await hand.clock.until(5)
        assert hand.statuses() == ["Occupied"]
        told = [
            (
                event["eventType"],
                event["triggerReason"],
                event["seqNo"],
                event["transactionInfo"]["chargingState"],
            )
            for event in hand.events()
        ]
        assert told == [
            ("Started", "CablePluggedIn", 0, "EVConnected"),
            ("Updated", "ChargingStateChanged", 1, "SuspendedEV"),
            ("Updated", "ChargingStateChanged", 2, "Charging"),
        ]
        assert len({e["transactionInfo"]["transactionId"] for e in hand.events()}) == 1
        started = hand.events("Started")[0]
        assert started["evse"] == {"id": 1, "connectorId": 1}
        assert started["idToken"] == {"idToken": "", "type": "NoAuthorization"}


@play
async def test_a_csms_that_is_not_ready_is_asked_again_after_its_interval():
    pending = {**CSMS_ANSWERS["BootNotification"], "status": "Pending", "interval": 45}
    async with station(answers={"BootNotification": pending}) as hand:
        await hand.clock.until(100)
        assert [(at_s, got) for at_s, got, _asked in hand.heard] == [
            (0, "BootNotification"),
            (45, "BootNotification"),
            (90, "BootNotification"),
        ]


@play
async def test_sampled_values_come_at_multiples_since_the_transaction_began():
    async with station(register_start_wh=1000) as hand:
        listed = (
            "Power.Active.Import,Energy.Active.Import.Register,Current.Import,"
            "Current.Offered,Voltage,SoC"
        )
        assert await hand.sets(SAMPLED, "TxUpdatedMeasurands", listed) == "Accepted"
        assert await hand.sets(SAMPLED, "TxUpdatedInterval", 20) == "Accepted"
        await hand.clock.until(61)
        found = [
            (at_s, event)
            for at_s, event in hand.said("TransactionEvent")
            if event["triggerReason"] == "MeterValuePeriodic"
        ]
        assert [at_s for at_s, _event in found] == [20, 40, 60]
        (sample,) = found[-1][1]["meterValue"]
        assert sample["timestamp"] == "2013-02-01T20:54:32.486Z"
        told = {item["measurand"]: item for item in sample["sampledValue"]}
        voltage_v = hand.circuit.voltage_v(60)
        assert told["Power.Active.Import"] == {
            "value": round(32 * voltage_v),
            "context": "Sample.Periodic",
            "measurand": "Power.Active.Import",
            "unitOfMeasure": {"unit": "W"},
        }
        assert told["Current.Import"]["value"] == 32.0
        assert told["SoC"]["location"] == "EV"
        assert 1110 < told["Energy.Active.Import.Register"]["value"] < 1120


@play
async def test_clock_aligned_values_come_on_the_clock_also_while_it_charges():
    async with station() as hand:
        await hand.sets(ALIGNED, "Measurands", "Power.Active.Import")
        await hand.sets(ALIGNED, "Interval", 30)
        await hand.clock.until(62)
        stamps = [
            asked["meterValue"][0]["timestamp"] for _, asked in hand.said("MeterValues")
        ]
        assert stamps == [
            "2013-02-01T20:54:00.000Z",
            "2013-02-01T20:54:30.000Z",
        ]
        await hand.sets(ALIGNED, "SendDuringIdle", "true")
        await hand.clock.until(122)
        assert len(hand.said("MeterValues")) == 2, "J01.FR.19: idle only"
        hand.emulator.operate("unplug")
        await hand.clock.until(182)
        assert len(hand.said("MeterValues")) == 4


@play
async def test_the_test_tools_variables_are_answered_as_recorded():
    """TC_K_41_CS asks for TxStartPoint; ours is another, in the same frame."""
    async with station() as hand:
        ident = "abcc6c1a-6086-4063-9b45-37e2dda8b7ff"
        answer = await hand.sends(
            f'[2, "{ident}", "GetVariables", {{"getVariableData":[{{"component":'
            '{"name":"TxCtrlr"},"variable":{"name":"TxStartPoint"}}]}]',
            ident,
        )
        (result,) = answer[2]["getVariableResult"]
        assert result == {
            "attributeStatus": "Accepted",
            "component": {"name": "TxCtrlr"},
            "variable": {"name": "TxStartPoint"},
            "attributeValue": "EVConnected",
        }


OCTT = {
    "max": '{"chargingProfile":{"chargingProfileKind":"Absolute",'
    '"chargingProfilePurpose":"ChargingStationMaxProfile","chargingSchedule":'
    '[{"chargingRateUnit":"A","chargingSchedulePeriod":[{"limit":10.000000,'
    '"numberPhases":3,"startPeriod":0}],"duration":86404,"id":1,"startSchedule":'
    '"2013-02-01T20:53:28.486Z"}],"id":1,"stackLevel":0},"evseId":0}',
    "default": '{"chargingProfile":{"chargingProfileKind":"Absolute",'
    '"chargingProfilePurpose":"TxDefaultProfile","chargingSchedule":'
    '[{"chargingRateUnit":"A","chargingSchedulePeriod":[{"limit":6.000000,'
    '"numberPhases":3,"startPeriod":0},{"limit":10.000000,"numberPhases":3,'
    '"startPeriod":60},{"limit":8.000000,"numberPhases":3,"startPeriod":120},'
    '{"limit":15.000000,"numberPhases":3,"startPeriod":180},{"limit":8.000000,'
    '"numberPhases":3,"startPeriod":260}],"duration":304,"id":1,"startSchedule":'
    '"2013-02-01T20:53:28.486Z"}],"id":2,"stackLevel":0,"validFrom":'
    '"2013-02-01T20:53:28.486Z","validTo":"2013-02-01T21:00:17Z"},"evseId":1}',
    "tx": '{"chargingProfile":{"chargingProfileKind":"Absolute",'
    '"chargingProfilePurpose":"TxProfile","chargingSchedule":[{"chargingRateUnit":'
    '"A","chargingSchedulePeriod":[{"limit":8.000000,"numberPhases":3,"startPeriod"'
    ':0},{"limit":11.000000,"numberPhases":3,"startPeriod":50},{"limit":16.000000,'
    '"numberPhases":3,"startPeriod":140},{"limit":6.000000,"numberPhases":3,'
    '"startPeriod":200},{"limit":12.000000,"numberPhases":3,"startPeriod":240}],'
    '"duration":264,"id":1,"startSchedule":"2013-02-01T20:53:28.486Z"}],"id":3,'
    '"stackLevel":0,"transactionId":"TRANSACTION"},"evseId":1}',
}
"""TC_K_41_CS, with the times of this test and the transaction of this station. The
tool gave TxProfile and TxDefaultProfile the same id in this log, so that one replaced
the other (K01.FR.05); here the last has one of its own, as the tool then meant."""


@play
async def test_the_test_tools_combined_schedule_has_the_six_periods_that_it_wants():
    async with station(phases=3) as hand:
        await hand.until(lambda: hand.events("Started"))
        for text in OCTT.values():
            request = json.loads(text.replace("TRANSACTION", hand.transaction))
            assert await hand.gets("SetChargingProfile", request) == {
                "status": "Accepted"
            }
        request = {"chargingRateUnit": "A", "duration": 400, "evseId": 1}
        answer = await hand.gets("GetCompositeSchedule", request)
        assert answer["status"] == "Accepted"
        schedule = answer["schedule"]
        assert (schedule["evseId"], schedule["duration"]) == (1, 400)
        assert schedule["scheduleStart"] == "2013-02-01T20:53:32.486Z"
        assert [
            (p["startPeriod"], p["limit"], p["numberPhases"])
            for p in schedule["chargingSchedulePeriod"]
        ] == [
            (0, 8.0, 3),
            (46, 10.0, 3),  # 11 A, but the station's own 10
            (196, 6.0, 3),
            (236, 10.0, 3),
            (260, 8.0, 3),  # the TxProfile is over, the default has its last period
            (300, 10.0, 3),
        ]


@play
async def test_a_limit_is_followed_by_the_vehicle_and_told():
    async with station() as hand:
        await hand.clock.until(6)
        assert hand.power_w() == pytest.approx(32 * hand.circuit.voltage_v(6))
        assert await installs(hand, 6) == "Accepted"
        await hand.clock.until(15)
        assert hand.power_w() == pytest.approx(6 * hand.circuit.voltage_v(15))
        assert await installs(hand, 0) == "Accepted"
        await hand.clock.until(25)
        assert hand.power_w() == 0.0
        state = hand.events()[-1]["transactionInfo"]["chargingState"]
        assert state == "SuspendedEVSE"
        answer = await hand.gets("ClearChargingProfile", {"chargingProfileId": 5})
        assert answer == {"status": "Accepted"}
        await hand.clock.until(40)
        assert hand.power_w() == pytest.approx(32 * hand.circuit.voltage_v(40))


@pytest.mark.parametrize(
    ("limit", "unit", "wants_a"),
    [(5.9, "A", 0), (6, "A", 6), (1379, "W", 0), (1380, "W", 6), (3680, "W", 16)],
)
def test_below_six_amperes_is_a_pause(limit, unit, wants_a):
    async def test():
        async with station() as hand:
            assert await installs(hand, limit, unit=unit) == "Accepted"
            await hand.clock.until(20)
            wanted_w = wants_a * hand.circuit.voltage_v(20)
            assert hand.power_w() == pytest.approx(wanted_w)

    play(test)()


TX = {"purpose": "TxProfile"}
LATE = {"startSchedule": "2013-02-01T20:53:32Z"}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"evse": 2}, "Rejected UnknownEvse"),  # K01.FR.28
        (TX, "Rejected InvalidProfile"),  # K01.FR.03
        ({**TX, "transactionId": "other"}, "Rejected TxNotFound"),  # K01.FR.33
        ({**TX, "transactionId": "?", "evse": 0}, "Rejected InvalidProfile"),  # .16
        ({"purpose": "ChargingStationExternalConstraints", "evse": 0},
         "Rejected InvalidProfile"),  # K01.FR.22
        ({"purpose": "ChargingStationMaxProfile", "evse": 0,
          "chargingProfileKind": "Relative"}, "Rejected InvalidProfile"),  # .38
        ({"chargingProfileKind": "Relative"}, "Rejected InvalidProfile"),  # .41
        ({"stackLevel": 9}, "Rejected InvalidStackLevel"),
        ({"unit": "W"}, "Rejected UnsupportedRateUnit"),  # K01.FR.26
        ({"schedule": {"chargingSchedulePeriod":
          [{"startPeriod": 1, "limit": 6}]}}, "Rejected InvalidProfile"),  # .31
        ({"schedule": {"chargingSchedulePeriod":
          [{"startPeriod": 0, "limit": 6, "numberPhases": 1, "phaseToUse": 2}]}},
         "Rejected InvalidSchedule"),  # K01.FR.48
        ({"schedule": {"chargingSchedulePeriod":
          [{"startPeriod": 0, "limit": 6, "phaseToUse": 1}]}},
         "Rejected InvalidProfile"),  # K01.FR.19
        ({"schedule": {"chargingSchedulePeriod":
          [{"startPeriod": 9 * n, "limit": 6} for n in range(25)]}},
         "Rejected TooManyElements"),
        ({"chargingSchedule": profile(6)["chargingSchedule"] * 2},
         "Rejected InvalidProfile"),  # K01.FR.34
    ],
)  # fmt: skip
def test_a_profile_that_it_must_not_take_is_rejected_with_the_reason(request_, status):
    async def test():
        async with station(rate_units=["Current"]) as hand:
            assert await installs(hand, 6, **request_) == status
            assert await composite(hand) == [(0, 32.0)]

    play(test)()


@play
async def test_two_profiles_cannot_have_one_place():
    """K01.FR.05, .06, .52, .53."""
    async with station() as hand:
        assert await installs(hand, 16, id=1) == "Accepted"
        assert await installs(hand, 10, id=1) == "Accepted", "it replaces its own id"
        assert await installs(hand, 8, id=2) == "Rejected DuplicateProfile"
        assert await installs(hand, 8, id=2, evse=0) == "Rejected DuplicateProfile"
        assert await installs(hand, 8, id=2, stackLevel=1) == "Accepted"
        assert await composite(hand) == [(0, 8.0)]
        later = {"validFrom": "2014-01-01T00:00:00Z"}
        ends = {"validTo": "2014-01-01T00:00:00Z"}
        assert await installs(hand, 9, id=3, stackLevel=2, **ends) == "Accepted"
        assert await installs(hand, 9, id=4, stackLevel=2, **later) == "Accepted"


@play
async def test_installed_profiles_are_reported_as_they_were_sent():
    """K09."""
    async with station(external_limit_a=20) as hand:
        first, second = profile(16), profile(8, id=6, stackLevel=1)
        for evse, payload in ((1, first), (0, second)):
            request = {"evseId": evse, "chargingProfile": payload}
            await hand.gets("SetChargingProfile", request)
        asked = {"requestId": 7, "chargingProfile": {"stackLevel": 0}}
        assert await hand.gets("GetChargingProfiles", asked) == {"status": "Accepted"}
        await hand.until(lambda: len(hand.said("ReportChargingProfiles")) == 2)
        (_, own), (_, other) = hand.said("ReportChargingProfiles")
        assert own == {
            "requestId": 7,
            "chargingLimitSource": "CSO",
            "chargingProfile": [first],
            "tbc": True,
            "evseId": 1,
        }
        assert (other["chargingLimitSource"], other["tbc"]) == ("EMS", False)
        asked = {"requestId": 8, "chargingProfile": {"chargingProfileId": [99]}}
        answer = await hand.gets("GetChargingProfiles", asked)
        assert answer == {"status": "NoProfiles"}


@play
async def test_profiles_are_cleared_by_all_criteria_together():
    """K10.FR.01 to .09."""
    async with station(external_limit_a=20) as hand:
        await installs(hand, 16, id=1)
        await installs(hand, 8, id=2, stackLevel=1)

        async def clear(**asked):
            return (await hand.gets("ClearChargingProfile", asked))["status"]

        def criteria(**asked):
            return {"chargingProfileCriteria": asked}

        assert await clear(**criteria(evseId=0, stackLevel=1)) == "Unknown"
        assert await clear(**criteria(evseId=1, stackLevel=1)) == "Accepted"
        assert await composite(hand) == [(0, 16.0)]
        assert await clear(chargingProfileId=-1) == "Unknown", "K10.FR.09"
        external = criteria(chargingProfilePurpose="ChargingStationExternalConstraints")
        assert await clear(**external) == "Unknown", "K10.FR.08"
        assert await clear() == "Accepted"
        assert await composite(hand) == [(0, 20.0)], "the energy manager's stays"


@play
async def test_a_limit_from_elsewhere_is_kept_told_and_let_go():
    """K11 to K13."""
    options = {"external_limit_a": 10, "external_from_s": 20, "external_to_s": 40}
    async with station(**options) as hand:
        await installs(hand, 16)
        await hand.clock.until(30)
        assert hand.power_w() == pytest.approx(10 * hand.circuit.voltage_v(30))
        ((at_s, told),) = hand.said("NotifyChargingLimit")
        assert at_s == 20
        assert told["chargingLimit"] == {"chargingLimitSource": "EMS"}
        assert told["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 10
        reasons = [event["triggerReason"] for event in hand.events()]
        assert "ChargingRateChanged" in reasons
        await hand.clock.until(50)
        assert hand.power_w() == pytest.approx(16 * hand.circuit.voltage_v(50))
        ((at_s, told),) = hand.said("ClearedChargingLimit")
        assert (at_s, told) == (40, {"chargingLimitSource": "EMS", "evseId": 1})


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (("SampledDataCtrlr", "TxUpdatedInterval", "-1"), "Rejected"),
        (("SampledDataCtrlr", "TxUpdatedInterval", "soon"), "Rejected"),
        (("SampledDataCtrlr", "TxUpdatedMeasurands", "Frequency"), "Rejected"),
        (("SampledDataCtrlr", "TxUpdatedMeasurands", ""), "Accepted"),
        (("sampleddatactrlr", "TXUPDATEDINTERVAL", "15"), "Accepted"),
        (("SmartChargingCtrlr", "ProfileStackLevel", "9"), "Rejected"),
        (("CoffeeMachine", "Strength", "9"), "UnknownComponent"),
        (("SampledDataCtrlr", "Colour", "red"), "UnknownVariable"),
        (("OCPPCommCtrlr", "HeartbeatInterval", "0"), "Rejected"),
        (("AlignedDataCtrlr", "SendDuringIdle", "perhaps"), "Rejected"),
    ],
)
def test_variables_take_what_they_can_hold(item, status):
    async def test():
        async with station() as hand:
            assert await hand.sets(*item) == status

    play(test)()


@play
async def test_the_base_report_has_every_variable_in_parts():
    """B07."""
    async with station() as hand:
        asked = {"requestId": 3, "reportBase": "FullInventory"}
        assert await hand.gets("GetBaseReport", asked) == {"status": "Accepted"}
        await hand.until(
            lambda: any(not part["tbc"] for _, part in hand.said("NotifyReport"))
        )
        parts = [part for _, part in hand.said("NotifyReport")]
        assert [part["seqNo"] for part in parts] == list(range(len(parts)))
        found = {
            (item["component"]["name"], item["variable"]["name"]): item
            for part in parts
            for item in part["reportData"]
        }
        unit = found["SmartChargingCtrlr", "RateUnit"]["variableAttribute"][0]
        assert unit == {"value": "A,W", "mutability": "ReadOnly"}


@play
async def test_triggered_messages_follow_the_answer():
    """F06."""
    async with station() as hand:
        await hand.clock.until(5)

        async def trigger(message, **more):
            asked = {"requestedMessage": message, **more}
            return (await hand.gets("TriggerMessage", asked))["status"]

        assert await trigger("BootNotification") == "Rejected", "F06.FR.17"
        assert await trigger("SignV2GCertificate") == "NotImplemented"
        assert await trigger("Heartbeat", evse={"id": 3}) == "Rejected"
        hand.heard.clear()
        for message in ("Heartbeat", "MeterValues", "StatusNotification"):
            assert (
                await trigger(message, evse={"id": 1, "connectorId": 1}) == "Accepted"
            )
            await hand.until(lambda message=message: hand.said(message))
        assert await trigger("TransactionEvent") == "Accepted"
        await hand.until(hand.events)
        (event,) = hand.events()
        assert event["triggerReason"] == "Trigger"
        assert event["transactionInfo"]["chargingState"] == "Charging"
        assert event["evse"] == {"id": 1, "connectorId": 1}


@play
async def test_a_transaction_is_ended_by_the_cable_and_from_afar():
    async with station() as hand:
        await hand.clock.until(5)
        first = hand.transaction
        asked = {"transactionId": "not-this"}
        assert (await hand.gets("RequestStopTransaction", asked))[
            "status"
        ] == "Rejected"
        asked = {"transactionId": first}
        assert await hand.gets("RequestStopTransaction", asked) == {
            "status": "Accepted"
        }
        await hand.until(lambda: hand.events("Ended"))
        (ended,) = hand.events("Ended")
        assert ended["triggerReason"] == "RemoteStop"
        assert ended["transactionInfo"]["stoppedReason"] == "Remote"
        assert ended["meterValue"][0]["sampledValue"][0]["context"] == "Transaction.End"
        assert hand.power_w() == 0.0
        asked = {"remoteStartId": 4, "idToken": {"idToken": "A", "type": "Central"}}
        limited = {**asked, "chargingProfile": profile(6, purpose="TxProfile")}
        assert await hand.gets("RequestStartTransaction", limited) == {
            "status": "Accepted"
        }
        await hand.until(lambda: len(hand.events("Started")) == 2)
        assert hand.events("Started")[-1]["transactionInfo"]["remoteStartId"] == 4
        assert hand.transaction != first
        await hand.clock.until(30)
        assert hand.power_w() == pytest.approx(6 * hand.circuit.voltage_v(30))
        hand.emulator.operate("unplug")
        await hand.until(lambda: len(hand.events("Ended")) == 2)
        info = hand.events("Ended")[-1]["transactionInfo"]
        assert (info["stoppedReason"], info["chargingState"]) == (
            "EVDisconnected",
            "Idle",
        )


@play
async def test_availability_waits_for_the_transaction():
    async with station() as hand:
        await hand.clock.until(5)
        asked = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
        assert await hand.gets("ChangeAvailability", asked) == {"status": "Scheduled"}
        hand.emulator.operate("unplug")
        await hand.until(lambda: hand.statuses()[-1] == "Unavailable")
        asked = {"operationalStatus": "Operative"}
        assert await hand.gets("ChangeAvailability", asked) == {"status": "Accepted"}
        await hand.until(lambda: hand.statuses()[-1] == "Available")


@play
async def test_a_reset_ends_the_transaction_and_boots_anew():
    """B11; profiles outlive it (K01.FR.27), but for the transaction's own."""
    async with station(reboot_s=10) as hand:
        await installs(hand, 16)
        await hand.clock.until(5)
        on_idle = await hand.gets("Reset", {"type": "OnIdle"})
        assert on_idle == {"status": "Scheduled"}
        assert await hand.gets("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
        await hand.until(lambda: len(hand.said("BootNotification")) == 2)
        at_s, boot = hand.said("BootNotification")[-1]
        assert (at_s, boot["reason"]) == (15, "RemoteReset")
        (ended,) = hand.events("Ended")
        assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        await hand.until(lambda: len(hand.events("Started")) == 2)
        numbers = [e["seqNo"] for e in hand.events() if e["eventType"] == "Started"]
        assert numbers == [0, 0]
        assert await composite(hand) == [(0, 16.0)]


@play
async def test_a_quick_reset_happens_once():
    async with station(reboot_s=1) as hand:
        await hand.clock.until(5)
        await hand.gets("Reset", {"type": "Immediate"})
        await hand.clock.until(30)
        assert len(hand.said("BootNotification")) == 2
        assert len(hand.events("Ended")) == 1


@play
async def test_a_reset_on_idle_waits_until_the_transaction_is_over():
    """B12."""
    async with station(reboot_s=1) as hand:
        await hand.clock.until(5)
        await hand.gets("Reset", {"type": "OnIdle"})
        await hand.clock.until(30)
        assert len(hand.said("BootNotification")) == 1
        hand.emulator.operate("unplug")
        await hand.clock.until(60)
        assert len(hand.said("BootNotification")) == 2
        (ended,) = hand.events("Ended")
        assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"


@play
async def test_what_is_plugged_in_while_it_is_off_charges_when_it_is_on():
    async with station(plugged_in=False) as hand:
        await hand.clock.until(5)
        impose(hand, FaultKind.REBOOTS, 20)
        await hand.clock.until(10)
        hand.emulator.operate("plug in")
        await hand.clock.until(24)
        assert hand.power_w() == 0.0
        await hand.clock.until(40)
        assert hand.power_w() > 7000
        assert len(hand.events("Started")) == 1


@play
async def test_what_happened_offline_is_told_afterwards_in_its_order():
    """E12 and J02: queued, marked offline, with the times of then."""
    async with station() as hand:
        await hand.sets(SAMPLED, "TxUpdatedInterval", 10)
        await hand.clock.until(15)
        hand.heard.clear()
        hand.answers["BootNotification"] = None  # it must not boot again
        hand.far.transport.abort()
        await hand.clock.until(15.5)
        hand.emulator.operate("unplug")
        await hand.until(lambda: hand.events("Ended"))
        told = hand.events()
        assert [event["seqNo"] for event in told] == list(
            range(told[0]["seqNo"], told[0]["seqNo"] + len(told))
        )
        ended = told[-1]
        assert ended["offline"] is True
        assert ended["timestamp"] == "2013-02-01T20:53:47.986Z"
        assert hand.said("TransactionEvent")[-1][0] > 15.9, "told when it was back"
        assert hand.said("BootNotification") == []


@play
async def test_an_event_without_an_answer_is_sent_again_after_a_reconnect():
    async with station() as hand:
        await hand.clock.until(5)
        hand.mute.add("TransactionEvent")
        hand.emulator.operate("unplug")
        await hand.until(lambda: hand.events("Ended"))
        hand.far.transport.abort()
        hand.mute.clear()
        await hand.clock.until(20)
        first, again = hand.events("Ended")
        assert first == again, "the same message, and so the same seqNo"


# Faults


def impose(hand, kind, amount=float("nan")):
    hand.emulator.impose(Fault(kind, amount))


@play
async def test_it_is_breakable_and_refuses_what_it_cannot_have():
    async with station() as hand:
        assert isinstance(hand.emulator, Breakable)
        with pytest.raises(ValueError, match="swaps its words"):
            impose(hand, FaultKind.WORD_SWAP)
        for kind in hand.emulator.breaks:
            hand.emulator.lift(kind)  # it was well
        with pytest.raises(ValueError, match="plug in"):
            hand.emulator.operate("kick")


@play
async def test_ignores_accepts_and_goes_on_as_before():
    async with station() as hand:
        await hand.clock.until(5)
        impose(hand, FaultKind.IGNORES)
        assert await installs(hand, 6) == "Accepted"
        assert await composite(hand) == [(0, 6.0)]
        await hand.clock.until(15)
        assert hand.power_w() == pytest.approx(32 * hand.circuit.voltage_v(15))
        hand.emulator.lift(FaultKind.IGNORES)
        await hand.clock.until(25)
        assert hand.power_w() == pytest.approx(6 * hand.circuit.voltage_v(25))


@play
async def test_ramps_wrong_takes_its_time():
    async with station(ramp_a_per_s=10) as hand:
        await hand.clock.until(5)
        impose(hand, FaultKind.RAMPS_WRONG, 0.1)
        await installs(hand, 6)
        await hand.clock.until(17)  # 2 s reaction, then 1 A/s for 10 s
        assert hand.power_w() == pytest.approx(
            22 * hand.circuit.voltage_v(17), rel=0.05
        )
        hand.emulator.lift(FaultKind.RAMPS_WRONG)
        await hand.clock.until(20)
        assert hand.power_w() == pytest.approx(6 * hand.circuit.voltage_v(20))


@play
async def test_a_trip_stops_it_and_is_told():
    async with station() as hand:
        await hand.clock.until(5)
        impose(hand, FaultKind.TRIPS)
        assert hand.power_w() == 0.0
        await hand.until(lambda: hand.said("NotifyEvent"))
        ((_, told),) = hand.said("NotifyEvent")
        (event,) = told["eventData"]
        assert (event["variable"]["name"], event["actualValue"]) == ("Problem", "true")
        await hand.until(
            lambda: (
                hand.said("StatusNotification")[-1][1]["connectorStatus"] == "Faulted"
            )
        )
        await installs(hand, 16)
        await hand.clock.until(20)
        assert hand.power_w() == 0.0
        hand.emulator.lift(FaultKind.TRIPS)
        await hand.clock.until(30)
        assert hand.power_w() == pytest.approx(16 * hand.circuit.voltage_v(30))
        assert hand.said("NotifyEvent")[-1][1]["eventData"][0]["cleared"] is True


@play
async def test_a_reboot_drops_connection_and_profiles():
    async with station() as hand:
        await hand.sets(SAMPLED, "TxUpdatedInterval", 5)
        await installs(hand, 6)
        await hand.clock.until(12)
        impose(hand, FaultKind.REBOOTS, 20)
        assert hand.power_w() == 0.0
        await hand.until(lambda: len(hand.said("BootNotification")) == 2)
        at_s, boot = hand.said("BootNotification")[-1]
        assert (at_s, boot["reason"]) == (32, "Watchdog")
        await hand.until(lambda: hand.events("Ended"))
        (ended,) = hand.events("Ended")
        assert ended["transactionInfo"]["stoppedReason"] == "Reboot"
        assert ended["offline"] is True
        assert await composite(hand) == [(0, 32.0)], "what it was told is gone"
        await hand.clock.until(50)
        assert hand.power_w() == pytest.approx(32 * hand.circuit.voltage_v(50))


@play
async def test_a_forgotten_schedule_is_gone_without_a_word():
    async with station() as hand:
        await installs(hand, 6)
        await hand.clock.until(10)
        impose(hand, FaultKind.FORGETS_SCHEDULE)
        await hand.clock.until(20)
        assert hand.power_w() == pytest.approx(32 * hand.circuit.voltage_v(20))
        assert await composite(hand) == [(0, 32.0)]
        answer = await hand.gets("ClearChargingProfile", {"chargingProfileId": 5})
        assert answer == {"status": "Unknown"}
        hand.emulator.lift(FaultKind.FORGETS_SCHEDULE)
        await installs(hand, 6)
        await hand.clock.until(120)
        assert hand.power_w() == pytest.approx(6 * hand.circuit.voltage_v(120))


def values(hand):
    return [(at_s, e) for at_s, e in hand.said("TransactionEvent") if "meterValue" in e]


@play
async def test_a_silent_meter_gives_no_more_values():
    async with station() as hand:
        await hand.sets(SAMPLED, "TxUpdatedInterval", 5)
        await hand.sets(ALIGNED, "Interval", 5)
        await hand.clock.until(12)
        impose(hand, FaultKind.GAP)
        before = len(values(hand)), len(hand.said("MeterValues"))
        await hand.clock.until(40)
        assert (len(values(hand)), len(hand.said("MeterValues"))) == before
        hand.emulator.lift(FaultKind.GAP)
        await hand.clock.until(52)
        assert len(values(hand)) > before[0]
        assert len(hand.said("MeterValues")) > before[1]


@play
async def test_a_stepped_clock_shows_in_every_time_stamp():
    async with station() as hand:
        await hand.sets(SAMPLED, "TxUpdatedInterval", 10)
        await hand.clock.until(12)
        impose(hand, FaultKind.CLOCK_STEP, 3600)
        await hand.clock.until(22)
        assert values(hand)[-1][1]["timestamp"] == "2013-02-01T21:53:52.486Z"
        hand.emulator.lift(FaultKind.CLOCK_STEP)
        await hand.clock.until(32)
        assert values(hand)[-1][1]["timestamp"] == "2013-02-01T20:54:02.486Z"


@play
async def test_a_frozen_and_a_scaled_meter():
    async with station() as hand:
        await hand.sets(SAMPLED, "TxUpdatedMeasurands", "Power.Active.Import")
        await hand.sets(SAMPLED, "TxUpdatedInterval", 10)
        await hand.clock.until(12)
        impose(hand, FaultKind.FROZEN)
        await hand.clock.until(42)
        frozen = [event["meterValue"] for _, event in values(hand)[-3:]]
        assert frozen[0] == frozen[1] == frozen[2]
        hand.emulator.lift(FaultKind.FROZEN)
        impose(hand, FaultKind.SCALED, 1000)
        await hand.clock.until(52)
        power_w = values(hand)[-1][1]["meterValue"][0]["sampledValue"][0]["value"]
        assert power_w == pytest.approx(32_000 * hand.circuit.voltage_v(50), rel=1e-3)


@play
async def test_a_late_backlog_comes_all_at_once_with_its_old_times():
    async with station() as hand:
        await hand.sets(SAMPLED, "TxUpdatedInterval", 10)
        await hand.clock.until(12)
        impose(hand, FaultKind.LATE_BACKLOG, 60)
        await hand.clock.until(80)
        late = [(at_s, event) for at_s, event in values(hand) if at_s > 12]
        assert {round(at_s, 3) for at_s, _event in late} == {72}
        assert [event["timestamp"][14:19] for _at_s, event in late] == [
            "53:52", "54:02", "54:12", "54:22", "54:32", "54:42"
        ]  # fmt: skip
        assert all(event["offline"] for _at_s, event in late)
        hand.emulator.lift(FaultKind.LATE_BACKLOG)
        await hand.clock.until(101)
        assert values(hand)[-1][0] == 100


@play
async def test_option_faults_are_those_of_the_other_edition():
    async with station(faults={"rejects_profiles": "Rejected"}) as hand:
        assert (await installs(hand, 6)).startswith("Rejected")
    async with station(faults={"refuses_profiles": "InternalError"}) as hand:
        request = {"evseId": 1, "chargingProfile": profile(6)}
        answer = await hand.asks("SetChargingProfile", request)
        assert answer[0] == 4
        assert answer[2] == "InternalError"
    async with station(faults={"malformed_json_at_s": 9}) as hand:
        await hand.clock.until(8.9)
        assert '[2,"s0","Heartbeat",{' not in hand.frames
        await hand.clock.until(9.1)
        assert hand.frames[-1] == '[2,"s0","Heartbeat",{'
    async with station(faults={"vanishes_at_s": 9}) as hand:
        await hand.clock.until(8.9)
        assert hand.far.state.name == "OPEN"
        await hand.clock.until(100)
        assert hand.far.state.name == "CLOSED"
        assert len(hand.said("BootNotification")) == 1
    async with station(faults={"status_delay_s": 4}) as hand:
        await hand.clock.until(10)
        hand.emulator.operate("unplug")
        await hand.clock.until(13.9)
        assert hand.statuses() == ["Occupied"]
        assert hand.events("Ended") == []
        await hand.clock.until(14.1)
        assert hand.statuses() == ["Occupied", "Available"]
        assert len(hand.events("Ended")) == 1
