"""The OCPP 1.6J driver against a station played by hand, frame by frame.

Frames are laid out as OCPP-J 1.6 tables 4 to 6 and the field tables of OCPP 1.6
edition 2 (section 6 and 7) say; the boot exchange is OCPP-J's own example.
"""

import asyncio
import json
from typing import ClassVar

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import connect

from devices.ev_chargepoint.limits import ProfileForm, charging_profile
from devices.ev_chargepoint.ocpp16 import DRIVER
from devices.ev_chargepoint.readings import readings
from devices.links.ocpp_schema import request_breach
from harness.core.capabilities import Acknowledgement, Identity
from harness.core.errors import LinkError, RigError, UsageError
from harness.core.recording import Reading
from tests.devices.ocpp_bench import StationByHand, dialling, opened, play

TRANSCRIPTS_OF = ("ev_chargepoint/ocpp16",)

BOOT = (
    '[2,"19223201","BootNotification",'
    '{"chargePointVendor":"VendorX","chargePointModel":"SingleSocketCharger"}]'
)
BOOT_ANSWER = (
    '[3,"19223201",{"status":"Accepted",'
    '"currentTime":"2013-02-01T20:53:32.486Z","interval":300}]'
)


def csms(**options):
    """The driver alone."""
    return opened(DRIVER, **options)


class StationByHand16(StationByHand):
    """A charging station of 1.6 that a test plays."""

    async def status(self, status, connector=1):
        return await self.says(
            "StatusNotification",
            {"connectorId": connector, "errorCode": "NoError", "status": status},
        )

    async def starts(self):
        answer = await self.says(
            "StartTransaction",
            {
                "connectorId": 1,
                "idTag": "B4F62CEF",
                "meterStart": 0,
                "timestamp": "2013-02-01T20:53:32Z",
            },
        )
        return answer[2]["transactionId"]


def dialled(driver):
    return dialling(driver, "ocpp1.6", StationByHand16)


@play
async def test_the_boot_exchange_is_the_specifications_and_is_kept_verbatim():
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.far.send(BOOT)
        assert await station.far.recv() == BOOT_ANSWER
        assert bench.wire == [(False, BOOT), (True, BOOT_ANSWER)]
        assert await driver.identify() == Identity("VendorX", "SingleSocketCharger")
        assert bench.events == [("connected", "CP3211")]


@play
async def test_identity_has_serial_and_firmware_if_the_station_says_them():
    async with csms() as (_bench, driver), dialled(driver) as station:
        boot = {
            "chargePointVendor": "V",
            "chargePointModel": "M",
            "chargePointSerialNumber": "S1",
            "firmwareVersion": "4.2",
        }
        await station.says("BootNotification", boot)
        assert await driver.identify() == Identity("V", "M", "S1", "4.2")


@play
async def test_a_limit_in_a_transaction_is_a_tx_profile_in_amperes():
    async with csms() as (bench, driver), dialled(driver) as station:
        assert await station.starts() == 1
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        assert await station.far.recv() == (
            '[2,"c1","SetChargingProfile",{"connectorId":1,"csChargingProfiles":'
            '{"chargingProfileId":6100,"transactionId":1,"stackLevel":0,'
            '"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute",'
            '"chargingSchedule":{"startSchedule":"2013-02-01T20:48:32.486Z",'
            '"chargingRateUnit":"A","chargingSchedulePeriod":'
            '[{"startPeriod":0,"limit":6.0,"numberPhases":1}]}}}]'
        )
        await station.far.send('[3,"c1",{"status":"Accepted"}]')
        assert await station.far.recv() == (
            '[2,"c2","GetCompositeSchedule",'
            '{"connectorId":1,"duration":60,"chargingRateUnit":"A"}]'
        )
        await station.far.send(
            '[3,"c2",{"status":"Accepted","connectorId":1,'
            '"scheduleStart":"2013-02-01T20:53:32.486Z","chargingSchedule":'
            '{"duration":60,"chargingRateUnit":"A","chargingSchedulePeriod":'
            '[{"startPeriod":0,"limit":6.0}]}}]'
        )
        assert await limiting == Acknowledgement(True, "Accepted; composite 6.0 A")
        assert len(bench.wire) == 6


@play
async def test_a_limit_without_a_transaction_is_a_default_profile():
    async with csms(read_back=False) as (_bench, driver), dialled(driver) as station:
        limiting = asyncio.create_task(driver.limit_power_w(0))
        asked = await station.answers("SetChargingProfile", {"status": "Accepted"})
        profile = asked["csChargingProfiles"]
        assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
        assert "transactionId" not in profile
        assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 0.0, "numberPhases": 1}
        ]
        assert await limiting == Acknowledgement(True, "Accepted")


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
def test_a_limit_that_is_not_accepted_is_no_acknowledgement(status):
    async def test():
        async with csms() as (_bench, driver), dialled(driver) as station:
            limiting = asyncio.create_task(driver.limit_power_w(1400))
            await station.answers("SetChargingProfile", {"status": status})
            assert await limiting == Acknowledgement(False, status)

    play(test)()


@play
async def test_lifting_clears_the_harness_profile_and_no_other():
    async with csms() as (_bench, driver), dialled(driver) as station:
        for status in ("Accepted", "Unknown"):
            lifting = asyncio.create_task(driver.limit_power_w(None))
            asked = await station.answers("ClearChargingProfile", {"status": status})
            assert asked == {"id": 6100}
            assert await lifting == Acknowledgement(True, status)
        safe = asyncio.create_task(driver.make_safe())
        await station.answers("ClearChargingProfile", {"status": "Unknown"})
        await safe


@play
async def test_a_limit_goes_over_to_the_next_transaction():
    """A TxProfile ends with its transaction (7.10); the agreed limit does not."""
    async with csms(read_back=False) as (bench, driver), dialled(driver) as station:
        await station.starts()
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        await station.answers("SetChargingProfile", {"status": "Accepted"})
        await limiting
        stop = {
            "meterStop": 7,
            "timestamp": "2013-02-01T20:54:00Z",
            "transactionId": 1,
        }
        await station.says("StopTransaction", stop)
        assert await station.starts() == 2
        asked = await station.answers("SetChargingProfile", {"status": "Accepted"})
        assert asked["csChargingProfiles"]["transactionId"] == 2
        await station.status("Charging")
        assert ("status", "limit for the new transaction: Accepted") in bench.events
        lifting = asyncio.create_task(driver.limit_power_w(None))
        await station.answers("ClearChargingProfile", {"status": "Accepted"})
        await lifting


@play
async def test_meter_values_become_readings_with_the_stations_own_time():
    """Fields and defaults of 7.33 and 7.43."""
    async with csms() as (bench, driver), dialled(driver) as station:
        frame = (
            '[2,"m1","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":'
            '[{"timestamp":"2013-02-01T20:53:42.486Z","sampledValue":['
            '{"value":"7.36","unit":"kW","measurand":"Power.Active.Import"},'
            '{"value":"1234"},'
            '{"value":"32.0","unit":"A","measurand":"Current.Offered"},'
            '{"value":"40","unit":"Percent","measurand":"SoC","location":"EV"}]}]}]'
        )
        await station.far.send(frame)
        assert await station.far.recv() == '[3,"m1",{}]'
        assert bench.readings == [
            Reading("power_w", 7360.0, 10.0),
            Reading("energy_import_wh", 1234.0, 10.0),
            Reading("current_offered_a", 32.0, 10.0),
            Reading("soc_percent", 40.0, 10.0),
        ]
        # The transaction began before this CSMS was there; it is the one to limit.
        limiting = asyncio.create_task(driver.limit_power_w(0))
        asked = await station.answers("SetChargingProfile", {"status": "Rejected"})
        await limiting
        assert asked["csChargingProfiles"]["transactionId"] == 7


@play
async def test_values_of_another_connector_are_not_this_devices():
    async with csms() as (bench, driver), dialled(driver) as station:
        sample = {"timestamp": "2013-02-01T20:53:42Z", "sampledValue": [{"value": "9"}]}
        answer = await station.says(
            "MeterValues", {"connectorId": 2, "meterValue": [sample]}
        )
        assert answer[0] == 3
        assert bench.readings == []


def test_phases_are_combined_only_where_no_total_is_given():
    def value(measurand, number, phase=None):
        plain = {"measurand": measurand, "value": str(number)}
        return plain if phase is None else {**plain, "phase": phase}

    sampled = [
        value("Current.Import", 15.9, "L1"),
        value("Current.Import", 16.1, "L2"),
        value("Current.Import", 16.0, "L3"),
        value("Current.Import", 0.2, "N"),
        value("Voltage", 229, "L1-N"),
        value("Voltage", 231, "L2-N"),
        value("Voltage", 400, "L1-L2"),
        value("Power.Active.Import", 11000),
        value("Power.Active.Import", 3600, "L1"),
        value("Temperature", 30),
        {"value": "ab12", "format": "SignedData"},
        {"value": "5", "measurand": "Current.Offered", "location": "Inlet"},
    ]
    sample = {"timestamp": "2013-02-01T20:53:32+01:00", "sampledValue": sampled}
    found = {r.quantity: r.value for r in readings([sample], lambda _at: 0.0)}
    assert found == {"current_a": 16.1, "voltage_v": 230.0, "power_w": 11000.0}


@pytest.mark.parametrize("text", ["", "seven", "nan", "inf", "1_0"])
def test_a_value_that_is_no_number_is_told_and_never_recorded(text):
    async def test():
        async with csms() as (bench, driver), dialled(driver) as station:
            sampled = [{"value": text}]
            sample = {"timestamp": "2013-02-01T20:53:42Z", "sampledValue": sampled}
            answer = await station.says(
                "MeterValues", {"connectorId": 1, "meterValue": [sample]}
            )
            assert answer == [3, "m1", {}]  # 4.7: always answered
            assert bench.readings == []
            with pytest.raises(LinkError, match="not a number"):
                await driver.limit_power_w(1400)

    play(test)()


@play
async def test_the_vehicle_coming_and_going_is_told_once_each():
    async with csms() as (bench, driver), dialled(driver) as station:
        for status in ("Preparing", "Charging", "SuspendedEVSE", "Charging"):
            assert (await station.status(status))[0] == 3
        await station.status("Available")
        await station.status("Available", connector=2)
        await station.status("Unavailable")
        wanted = {"available", "unavailable"}
        assert [e for e in bench.events if e[0] in wanted] == [
            ("available", "Charging"),
            ("unavailable", "Available"),
        ]
        assert [d for kind, d in bench.events if kind == "status"] == [
            "Preparing",
            "Charging",
            "SuspendedEVSE",
            "Charging",
            "Available",
            "Unavailable",
        ]


@play
async def test_a_fault_makes_it_unavailable_in_the_stations_words():
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.status("Charging")
        fault = {"connectorId": 0, "errorCode": "GroundFailure", "status": "Faulted"}
        await station.says("StatusNotification", fault)
        assert bench.events[-1] == ("unavailable", "Faulted (GroundFailure)")


async def set_up(station, *, keys=(), boot=True):
    """Play a station through `ready`; return the settings that it was given."""
    given = {}
    if boot:
        await station.far.send(BOOT)
    while True:
        kind, ident, *rest = json.loads(await station.far.recv())
        if kind == 3:
            if ident == "m1":
                return given
            continue
        action, asked = rest
        answer = {"status": "Accepted"}
        if action == "GetConfiguration":
            answer = {"configurationKey": [{"key": k, "readonly": False} for k in keys]}
        elif action == "ChangeConfiguration":
            if "SoC" in asked["value"]:
                answer = {"status": "Rejected"}  # 3.16.4: not supported here
            given[asked["key"]] = asked["value"]
        await station.far.send(json.dumps([3, ident, answer]))
        if asked.get("requestedMessage") == "BootNotification":
            await station.far.send(BOOT)
        if asked.get("requestedMessage") == "MeterValues":
            station.number += 1
            notice = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
            await station.far.send(json.dumps([2, "m1", "StatusNotification", notice]))


@play
async def test_ready_sets_the_station_up_and_learns_its_status():
    async with csms() as (bench, driver), dialled(driver) as station:
        playing = asyncio.create_task(set_up(station, keys=["WebSocketPingInterval"]))
        await driver.ready()
        assert await playing == {
            "MeterValueSampleInterval": "10",
            "WebSocketPingInterval": "60",
            "MeterValuesSampledData": "Power.Active.Import,"
            "Energy.Active.Import.Register,Current.Import,Current.Offered,Voltage",
        }
        assert bench.clock.now_s() == 0
        assert ("available", "Charging") in bench.events
        refused = [d for k, d in bench.events if k == "status" and "Rejected" in d]
        assert len(refused) == 1


@play
async def test_a_station_that_was_up_before_is_asked_who_it_is():
    """OCPP-J 1.6, 5.4: no BootNotification after a mere reconnect."""
    async with csms() as (bench, driver), dialled(driver) as station:
        playing = asyncio.create_task(set_up(station, boot=False))
        await driver.ready()
        await playing
        assert (await driver.identify()).maker == "VendorX"
        assert bench.clock.now_s() == 5


@play
async def test_a_station_of_another_version_is_named_in_the_sentence():
    async with csms(ready_timeout_s=90) as (bench, driver):
        async with connect(driver.address, subprotocols=["ocpp2.0.1"]) as far:
            await far.wait_closed()
        with pytest.raises(LinkError, match=r"offered: ocpp2\.0\.1"):
            await driver.ready()
        assert bench.events[0][1].startswith("connection refused: subprotocol")


@play
async def test_a_stack_level_that_the_station_does_not_have_is_a_rig_error():
    async with csms(stack_level=9) as (_bench, driver), dialled(driver) as station:
        await station.far.send(BOOT)
        await station.far.recv()
        key = {"key": "ChargeProfileMaxStackLevel", "readonly": True, "value": "8"}
        being = asyncio.create_task(driver.ready())
        await station.answers("GetConfiguration", {"configurationKey": [key]})
        with pytest.raises(RigError, match="stack_level 9 is above the station's 8"):
            await being


@play
async def test_malformed_json_makes_the_next_instruction_fail_once():
    async with csms() as (bench, driver), dialled(driver) as station:
        await station.far.send('[2,"s0","Heartbeat",{')
        await station.status("Charging")
        assert bench.wire[0] == (False, '[2,"s0","Heartbeat",{')
        assert "protocol violation" in bench.events[1][1]
        with pytest.raises(LinkError, match=r"broke OCPP 1\.6: a message is not JSON"):
            await driver.limit_power_w(1400)
        assert len(driver.violations) == 1
        lifting = asyncio.create_task(driver.limit_power_w(None))
        await station.answers("ClearChargingProfile", {"status": "Accepted"})
        assert (await lifting).accepted


@play
async def test_a_violation_does_not_keep_the_bench_from_being_made_safe():
    async with csms() as (_bench, driver), dialled(driver) as station:
        await station.far.send("nonsense")
        safe = asyncio.create_task(driver.make_safe())
        await station.answers("ClearChargingProfile", {"status": "Accepted"})
        await safe
        with pytest.raises(LinkError, match="nonsense"):
            await driver.identify()


@play
async def test_violations_can_be_tolerated_but_are_told():
    async with (
        csms(tolerate_violations=True) as (bench, driver),
        dialled(driver) as station,
    ):
        await station.far.send("nonsense")
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        await station.answers("SetChargingProfile", {"status": "Rejected"})
        assert not (await limiting).accepted
        assert "nonsense" in bench.events[-1][1]


@play
async def test_a_dropped_socket_is_told_and_instructions_fail_at_once():
    async with csms() as (bench, driver):
        async with dialled(driver) as station:
            limiting = asyncio.create_task(driver.limit_power_w(1400))
            await station.hears()
            station.far.transport.abort()
            with pytest.raises(LinkError, match="the connection was lost"):
                await limiting
        assert bench.events[-1][0] == "lost"
        with pytest.raises(LinkError, match="the station is not connected"):
            await driver.limit_power_w(None)
        assert bench.clock.now_s() == 0


@play
async def test_a_second_connection_replaces_the_first():
    async with csms() as (bench, driver), dialled(driver) as first:
        await first.far.send(BOOT)
        await first.far.recv()
        async with dialled(driver) as second:
            await first.far.wait_closed()
            asked = await second.answers("TriggerMessage", {"status": "Accepted"})
            assert asked["requestedMessage"] == "StatusNotification"
            await second.status("Charging")
            assert [kind for kind, _detail in bench.events] == [
                "connected",
                "lost",
                "connected",
                "status",
                "available",
            ]


@play
async def test_a_limit_in_force_is_lifted_when_the_bench_closes():
    async with csms(read_back=False) as (_bench, driver), dialled(driver) as station:

        async def play_on():
            await station.answers("SetChargingProfile", {"status": "Accepted"})
            return await station.answers("ClearChargingProfile", {"status": "Accepted"})

        playing = asyncio.create_task(play_on())
        await driver.limit_power_w(1400)
        await driver.close()
        assert await playing == {"id": 6100}


@pytest.mark.parametrize("limit_w", [-1.0, float("nan"), float("inf")])
def test_a_limit_that_is_no_limit_is_refused_before_it_is_sent(limit_w):
    async def test():
        async with csms() as (bench, driver):
            with pytest.raises(UsageError, match="cannot be sent"):
                await driver.limit_power_w(limit_w)
            assert bench.wire == []

    play(test)()


@pytest.mark.parametrize(
    ("limit_w", "unit", "phases", "sent"),
    [
        (1380, "A", 1, 6.0),
        (1379, "A", 1, 5.9),
        (1449, "A", 1, 6.3),  # 6.3 A exactly, though not in binary
        (3680, "A", 1, 16.0),
        (11040, "A", 3, 16.0),
        (7400, "A", 1, 32.1),
        (0, "A", 1, 0.0),
        (1400, "W", 1, 1400.0),
        (1400.19, "W", 3, 1400.1),
    ],
)
def test_limits_are_rounded_down_to_the_tenth_that_the_field_allows(
    limit_w, unit, phases, sent
):
    form = ProfileForm(profile_id=1, stack_level=0, rate_unit=unit, phases=phases)
    profile = charging_profile(limit_w, form, transaction=None, start="")
    (period,) = profile["chargingSchedule"]["chargingSchedulePeriod"]
    assert period == {"startPeriod": 0, "limit": sent, "numberPhases": phases}
    assert profile["chargingSchedule"]["chargingRateUnit"] == unit


@play
async def test_a_station_on_the_ocpp_library_is_served():
    """An implementation that shares nothing with ours but the schemas."""

    class Station(ChargePoint):
        profiles: ClassVar[list] = []

        @on("SetChargingProfile")
        def set_charging_profile(self, connector_id, cs_charging_profiles):
            self.profiles.append((connector_id, cs_charging_profiles))
            return call_result.SetChargingProfile(status="Accepted")

        @on("GetCompositeSchedule")
        def get_composite_schedule(self, **_asked):
            return call_result.GetCompositeSchedule(status="Rejected")

        @on("ClearChargingProfile")
        def clear_charging_profile(self, **_asked):
            return call_result.ClearChargingProfile(status="Accepted")

    async with csms() as (_bench, driver), dialled(driver) as station:
        library = Station("CP3211", station.far, response_timeout=30)
        listening = asyncio.create_task(library.start())
        boot = call.BootNotification(charge_point_model="M", charge_point_vendor="V")
        answer = await library.call(boot, suppress=False, unique_id="1")
        assert (answer.status, answer.interval) == ("Accepted", 300)
        acknowledged = await driver.limit_power_w(1400)
        assert acknowledged == Acknowledgement(True, "Accepted; composite Rejected")
        ((connector, profile),) = Station.profiles
        assert connector == 1
        assert profile["charging_profile_purpose"] == "TxDefaultProfile"
        assert (await driver.limit_power_w(None)).accepted
        assert driver.violations == ()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@pytest.mark.parametrize(
    ("kind", "said", "dated"),
    [
        ("Absolute", {"chargingProfileKind": "Absolute"}, True),
        ("Relative", {"chargingProfileKind": "Relative"}, False),
        (
            "Daily",
            {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"},
            True,
        ),
        (
            "Weekly",
            {"chargingProfileKind": "Recurring", "recurrencyKind": "Weekly"},
            True,
        ),
    ],
)
def test_a_limit_is_dated_as_the_options_say(kind, said, dated):
    form = ProfileForm(6100, 0, "A", 1, kind)
    start = "2026-01-15T17:00:00Z"
    profile = charging_profile(1400.0, form, transaction=7, start=start)
    kinds = ("chargingProfileKind", "recurrencyKind")
    assert {name: profile[name] for name in kinds if name in profile} == said
    assert ("startSchedule" in profile["chargingSchedule"]) is dated
    assert request_breach(
        "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}
    ) is None  # fmt: skip
