"""The emulated station against a CSMS played by hand, frame by frame.

Frames are laid out as OCPP-J 1.6 tables 4 to 6 and OCPP 1.6 edition 2 sections 5 to
7 say. The far end is the ``websockets`` library's own server.
"""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
from websockets.asyncio.server import serve

from devices.ev_chargepoint.ocpp16 import DRIVER
from harness.core.bench import EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from tests.devices.ocpp_bench import play

STARTS_AT = datetime(2013, 2, 1, 20, 53, 0, tzinfo=UTC)
ANSWERS = {
    "BootNotification": {
        "status": "Accepted",
        "currentTime": "2013-02-01T20:53:00.000Z",
        "interval": 300,
    },
    "Heartbeat": {"currentTime": "2013-02-01T20:53:00.000Z"},
    "StartTransaction": {"transactionId": 41, "idTagInfo": {"status": "Accepted"}},
}


class ByHand:
    """A CSMS that answers all calls and lets a test make its own."""

    def __init__(self, clock, circuit):
        self.clock, self.circuit = clock, circuit
        self.far, self.emulator, self.number = None, None, 0
        self.heard, self.frames, self.boots = [], [], 0
        self.answers = dict(ANSWERS)
        self.waiting = {}
        self.news = asyncio.Event()

    async def serve(self, far):
        self.far = far
        async for frame in far:
            self.frames.append(frame)
            message = json.loads(frame)
            if message[0] == 2:
                self.heard.append((self.clock.now_s(), message[2], message[3]))
                answer = self.answers.get(message[2], {})
                if isinstance(answer, str):  # a CALLERROR with this code
                    await far.send(json.dumps([4, message[1], answer, "", {}]))
                elif answer is not None:  # None: no answer at all
                    await far.send(json.dumps([3, message[1], answer]))
            else:
                self.waiting.pop(message[1]).set_result(message)
            self.news.set()

    async def asks(self, action, payload):
        """Send a CALL; return the whole answer."""
        self.number += 1
        ident = f"h{self.number}"
        answer = self.waiting[ident] = asyncio.get_running_loop().create_future()
        await self.far.send(json.dumps([2, ident, action, payload]))
        return await answer

    async def gets(self, action, payload):
        """Send a CALL; return the payload of its CALLRESULT."""
        kind, _ident, answer = await self.asks(action, payload)
        assert kind == 3
        return answer

    async def sets(self, **settings):
        for key, value in settings.items():
            request = {"key": key, "value": value}
            answer = await self.gets("ChangeConfiguration", request)
            assert answer == {"status": "Accepted"}

    def said(self, action):
        """Return when and what the station said of one kind."""
        return [(at_s, asked) for at_s, got, asked in self.heard if got == action]

    def statuses(self, connector=1):
        return [
            (round(at_s, 3), asked["status"])
            for at_s, asked in self.said("StatusNotification")
            if asked["connectorId"] == connector
        ]

    async def until(self, met):
        while not met():
            self.news.clear()
            await self.news.wait()


@asynccontextmanager
async def station(**options):
    clock, circuit = BenchClock(STARTS_AT), Circuit()
    hand = ByHand(clock, circuit)
    plain = {"compression": None, "ping_interval": None}
    steady = {"reaction_spread_s": 0.0, "pwm_spacing_s": 0.0, "wake_up_s": 0.0}
    async with serve(
        hand.serve, "127.0.0.1", 0, subprotocols=["ocpp1.6"], **plain
    ) as server:
        port = server.sockets[0].getsockname()[1]
        context = EmulatorContext(
            where="home.toml [device.ev]",
            role="ev",
            clock=clock,
            rng=np.random.default_rng(7),
            circuit=circuit,
            dial=f"ws://127.0.0.1:{port}/CP3211",
        )
        record = DRIVER.emulator_options(**{**steady, **options})
        async with DRIVER.emulate(context, record) as emulator:
            hand.emulator = emulator
            await hand.until(lambda: hand.said("StatusNotification"))
            yield hand
            assert emulator.violations == []


def profile(limit, *, unit="A", **changes):
    period = {"startPeriod": 0, "limit": limit, "numberPhases": 1}
    plain = {
        "chargingProfileId": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": "2013-02-01T20:00:00Z",
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [period],
        },
    }
    return {**plain, **changes}


async def installs(hand, *args, connector=1, **changes):
    request = {
        "connectorId": connector,
        "csChargingProfiles": profile(*args, **changes),
    }
    return (await hand.gets("SetChargingProfile", request))["status"]


@play
async def test_it_introduces_itself_first_and_then_starts_its_transaction():
    async with station() as hand:
        await hand.until(lambda: hand.said("StartTransaction"))
        assert hand.frames[0] == (
            '[2,"s1","BootNotification",{"chargePointVendor":"Flexrig",'
            '"chargePointModel":"Emulated AC 1","chargePointSerialNumber":"0001",'
            '"firmwareVersion":"1.0"}]'
        )
        assert hand.frames[-1] == (
            '[2,"s4","StartTransaction",{"connectorId":1,"idTag":"FREEVEND",'
            '"meterStart":0,"timestamp":"2013-02-01T20:53:00.000Z"}]'
        )
        await hand.clock.until(5)
        assert hand.statuses(0) == [(0, "Available")]
        assert hand.statuses() == [(0, "SuspendedEV"), (2, "Charging")]


@play
async def test_nothing_else_is_said_until_the_csms_accepts_it():
    """4.2: between power-on and an accepted boot, no other request."""
    async with station() as hand:
        assert hand.heard[0][1] == "BootNotification"


@play
async def test_a_csms_that_is_not_ready_is_asked_again_after_its_interval():
    clock = BenchClock(STARTS_AT)
    hand = ByHand(clock, Circuit())
    hand.answers["BootNotification"] = {
        **ANSWERS["BootNotification"],
        "status": "Pending",
        "interval": 45,
    }
    async with serve(
        hand.serve, "127.0.0.1", 0, subprotocols=["ocpp1.6"], ping_interval=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        dial = f"ws://127.0.0.1:{port}/CP3211"
        context = EmulatorContext(
            "rig", "ev", clock, np.random.default_rng(1), hand.circuit, dial=dial
        )
        async with DRIVER.emulate(context, DRIVER.emulator_options()):
            await clock.until(100)
            assert [(at_s, got) for at_s, got, _asked in hand.heard] == [
                (0, "BootNotification"),
                (45, "BootNotification"),
                (90, "BootNotification"),
            ]


@play
async def test_sampled_values_come_at_multiples_since_the_transaction_began():
    async with station(register_start_wh=1000) as hand:
        await hand.sets(
            MeterValuesSampledData="Power.Active.Import,Energy.Active.Import.Register,"
            "Current.Import,Current.Offered,Voltage,SoC",
            MeterValueSampleInterval="20",
        )
        await hand.clock.until(61)
        assert [at_s for at_s, _asked in hand.said("MeterValues")] == [20, 40, 60]
        voltage_v = hand.circuit.voltage_v(60)
        _at_s, asked = hand.said("MeterValues")[-1]
        assert (asked["connectorId"], asked["transactionId"]) == (1, 41)
        (sample,) = asked["meterValue"]
        assert sample["timestamp"] == "2013-02-01T20:54:00.000Z"
        told = {item["measurand"]: item for item in sample["sampledValue"]}
        assert told["Power.Active.Import"] == {
            "value": f"{32 * voltage_v:.0f}",
            "unit": "W",
            "context": "Sample.Periodic",
            "measurand": "Power.Active.Import",
        }
        assert told["Current.Import"]["value"] == "32.0"
        assert told["Current.Offered"]["value"] == "32.0"
        assert told["Voltage"]["value"] == f"{voltage_v:.1f}"
        assert told["SoC"]["location"] == "EV"
        assert 1110 < int(told["Energy.Active.Import.Register"]["value"]) < 1120


@play
async def test_three_phases_are_reported_each_for_itself():
    """3.16.3: all possible phases shall be reported."""
    async with station(phases=3, max_current_a=16) as hand:
        await hand.sets(
            MeterValuesSampledData="Current.Import,Voltage,Power.Active.Import",
            MeterValueSampleInterval="30",
        )
        await hand.clock.until(31)
        ((_at_s, asked),) = hand.said("MeterValues")
        told = asked["meterValue"][0]["sampledValue"]
        assert [item.get("phase") for item in told] == [
            *("L1", "L2", "L3"),
            *("L1-N", "L2-N", "L3-N"),
            None,
        ]
        assert {i["value"] for i in told if i["measurand"] == "Current.Import"} == {
            "16.0"
        }
        power_w = float(told[-1]["value"])
        assert power_w == pytest.approx(48 * hand.circuit.voltage_v(30), abs=0.5)


@play
async def test_clock_aligned_values_come_on_the_clock():
    """3.16.2: evenly spaced from midnight; 9.1.5: stamped with the interval's start."""
    async with station() as hand:
        await hand.sets(ClockAlignedDataInterval="900", MeterValueSampleInterval="0")
        await hand.clock.until(1400)
        times = [
            (at_s, asked["meterValue"][0]["timestamp"])
            for at_s, asked in hand.said("MeterValues")
        ]
        assert times == [
            (420, "2013-02-01T20:45:00.000Z"),
            (1320, "2013-02-01T21:00:00.000Z"),
        ]
        (value,) = hand.said("MeterValues")[0][1]["meterValue"][0]["sampledValue"]
        assert value["context"] == "Sample.Clock"


@play
async def test_heartbeats_keep_the_interval_of_the_boot_answer():
    async with station() as hand:
        await hand.clock.until(901)
        assert [at_s for at_s, _asked in hand.said("Heartbeat")] == [300, 600, 900]


@play
async def test_an_interval_of_zero_means_no_samples():
    async with station() as hand:
        await hand.sets(MeterValueSampleInterval="0")
        await hand.clock.until(600)
        assert hand.said("MeterValues") == []


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "5", "Accepted"),
        ("METERVALUESAMPLEINTERVAL", "5", "Accepted"),
        ("MeterValueSampleInterval", "-5", "Rejected"),
        ("MeterValueSampleInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("MeterValuesSampledData", "Voltage, SoC", "Accepted"),
        ("MeterValuesSampledData", "Voltage,RPM", "Rejected"),  # 3.16.4
        ("NumberOfConnectors", "2", "Rejected"),  # read-only (9.1.21)
        ("WebSocketPingInterval", "10", "NotSupported"),
    ],
)
def test_settings_are_taken_or_refused_as_5_3_says(key, value, status):
    async def test():
        async with station() as hand:
            request = {"key": key, "value": value}
            answer = await hand.gets("ChangeConfiguration", request)
            assert answer == {"status": status}

    play(test)()


@play
async def test_configuration_is_read_whole_or_by_key():
    async with station() as hand:
        every = await hand.gets("GetConfiguration", {})
        names = {item["key"] for item in every["configurationKey"]}
        assert {
            "ChargeProfileMaxStackLevel",
            "ChargingScheduleAllowedChargingRateUnit",
            "ChargingScheduleMaxPeriods",
            "MaxChargingProfilesInstalled",
        } <= names  # 3.13.5
        some = await hand.gets("GetConfiguration", {"key": ["numberofconnectors", "X"]})
        assert some == {
            "configurationKey": [
                {"key": "NumberOfConnectors", "readonly": True, "value": "1"}
            ],
            "unknownKey": ["X"],
        }
        assert (await hand.gets("GetConfiguration", {"key": ["X"]})) == {
            "configurationKey": [],
            "unknownKey": ["X"],
        }


@play
async def test_a_triggered_message_follows_its_answer():
    """5.17: first the TriggerMessage response, then the message."""
    async with station() as hand:
        await hand.clock.until(10)
        before = len(hand.frames)
        asked = {"requestedMessage": "MeterValues", "connectorId": 1}
        assert await hand.gets("TriggerMessage", asked) == {"status": "Accepted"}
        await hand.until(lambda: hand.said("MeterValues"))
        assert [json.loads(text)[0] for text in hand.frames[before:]] == [3, 2]
        context = hand.said("MeterValues")[0][1]["meterValue"][0]["sampledValue"][0]
        assert context["context"] == "Trigger"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"requestedMessage": "FirmwareStatusNotification"}, "NotImplemented"),
        ({"requestedMessage": "StatusNotification", "connectorId": 3}, "Rejected"),
        ({"requestedMessage": "Heartbeat"}, "Accepted"),
        ({"requestedMessage": "BootNotification"}, "Accepted"),
    ],
)
def test_triggers_are_answered_as_5_17_says(message, status):
    async def test():
        async with station() as hand:
            answer = await hand.gets("TriggerMessage", message)
            assert answer == {"status": status}

    play(test)()


@play
async def test_a_status_for_all_connectors_is_two_messages():
    async with station() as hand:
        await hand.clock.until(10)
        before = len(hand.said("StatusNotification"))
        await hand.gets("TriggerMessage", {"requestedMessage": "StatusNotification"})
        await hand.until(lambda: len(hand.said("StatusNotification")) == before + 2)
        fresh = hand.said("StatusNotification")[before:]
        assert [asked["connectorId"] for _at_s, asked in fresh] == [0, 1]


@play
async def test_a_profile_is_accepted_at_once_and_followed_after_the_reaction():
    async with station(reaction_s=3, ramp_a_per_s=1e9) as hand:
        await hand.clock.until(60)
        assert await installs(hand, 10.0) == "Accepted"
        assert hand.clock.now_s() == 60
        volts = hand.circuit.voltage_v
        for at_s, amperes in ((62.9, 32), (63.1, 10)):
            await hand.clock.until(at_s)
            power_w = hand.circuit.power_w(["ev"], at_s)
            assert power_w == pytest.approx(amperes * volts(at_s))


@play
async def test_a_composite_says_what_was_installed_in_either_unit():
    async with station() as hand:
        await hand.clock.until(60)
        await installs(hand, 2300.0, unit="W")
        asked = {"connectorId": 1, "duration": 600}
        answer = await hand.gets("GetCompositeSchedule", asked)
        assert answer == {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": "2013-02-01T20:54:00.000Z",
            "chargingSchedule": {
                "duration": 600,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 10.0, "numberPhases": 1}
                ],
            },
        }
        answer = await hand.gets(
            "GetCompositeSchedule", {**asked, "chargingRateUnit": "W"}
        )
        schedule = answer["chargingSchedule"]
        assert schedule["chargingSchedulePeriod"][0]["limit"] == 2300.0
        for wrong in ({"connectorId": 2}, {"duration": 0}, {"duration": 10**12}):
            answer = await hand.gets("GetCompositeSchedule", {**asked, **wrong})
            assert answer == {"status": "Rejected"}


@play
async def test_a_schedule_in_steps_is_followed_without_further_messages():
    async with station(ramp_a_per_s=1e9, reaction_s=1) as hand:
        await hand.clock.until(60)
        periods = [
            {"startPeriod": 0, "limit": 20.0},
            {"startPeriod": 100, "limit": 8.0},
            {"startPeriod": 200, "limit": 0.0},
        ]
        schedule = {
            "startSchedule": "2013-02-01T20:54:00Z",
            "duration": 300,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        }
        assert await installs(hand, 0, chargingSchedule=schedule) == "Accepted"
        drawn = []
        for at_s in (159, 161.1, 259, 261.1, 359, 361.1):
            await hand.clock.until(at_s)
            watts = hand.circuit.power_w(["ev"], at_s)
            drawn.append(round(watts / hand.circuit.voltage_v(at_s), 6))
        assert drawn == [20, 8, 8, 0, 0, 32]
        assert hand.statuses()[-3:] == [
            (260, "SuspendedEVSE"),
            (360, "SuspendedEV"),
            (361, "Charging"),
        ]


@pytest.mark.parametrize(
    ("changes", "connector", "why"),
    [
        ({"transactionId": 99}, 1, "another transaction"),
        ({"stackLevel": 9}, 1, "above ChargeProfileMaxStackLevel"),
        ({}, 2, "no such connector"),
        ({}, 0, "TxProfile on connector 0 (3.13.1)"),
        ({"chargingProfilePurpose": "ChargePointMaxProfile"}, 1, "3.13.1"),
        ({"chargingProfileKind": "Recurring"}, 1, "no recurrencyKind"),
    ],
)
def test_a_profile_that_cannot_be_is_rejected(changes, connector, why):
    async def test():
        async with station() as hand:
            await hand.until(lambda: hand.said("StartTransaction"))
            status = await installs(hand, 10, connector=connector, **changes)
            assert status == "Rejected", why

    play(test)()


@play
async def test_a_unit_that_is_not_allowed_is_rejected():
    async with station(rate_units=("Current",)) as hand:
        await hand.until(lambda: hand.said("StartTransaction"))
        assert await installs(hand, 2300, unit="W") == "Rejected"
        assert await installs(hand, 10) == "Accepted"


@play
async def test_no_tx_profile_without_a_transaction():
    """5.16.4: not possible without an active transaction."""
    async with station(plugged_in=False) as hand:
        assert await installs(hand, 10) == "Rejected"
        status = await installs(hand, 10, chargingProfilePurpose="TxDefaultProfile")
        assert status == "Accepted"


@play
async def test_clearing_says_whether_there_was_anything():
    async with station() as hand:
        await hand.until(lambda: hand.said("StartTransaction"))
        await installs(hand, 10)
        for asked, status in (
            ({"id": 6}, "Unknown"),
            ({"stackLevel": 0, "connectorId": 1}, "Accepted"),
            ({}, "Unknown"),
        ):
            answer = await hand.gets("ClearChargingProfile", asked)
            assert answer == {"status": status}


@play
async def test_unplugging_ends_the_transaction_and_plugging_in_begins_another():
    async with station() as hand:
        await hand.clock.until(60)
        await installs(hand, 10)
        hand.emulator.operate("unplug")
        await hand.clock.until(61)
        ((_at_s, stop),) = hand.said("StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (41, "EVDisconnected")
        assert stop["timestamp"] == "2013-02-01T20:54:00.000Z"
        assert hand.statuses()[-1] == (60, "Available")
        assert hand.circuit.power_w(["ev"], 61) == 0
        hand.emulator.operate("plug in")
        await hand.clock.until(80)
        assert len(hand.said("StartTransaction")) == 2
        told = [status for _at_s, status in hand.statuses()][-3:]
        assert told == ["Preparing", "SuspendedEV", "Charging"]
        # The TxProfile went with its transaction (7.10).
        watts = hand.circuit.power_w(["ev"], 80)
        assert watts == pytest.approx(32 * hand.circuit.voltage_v(80))


@play
async def test_a_quick_unplug_tells_of_each_transaction_once_and_in_order():
    async with station() as hand:
        await hand.clock.until(30)
        for action in ("unplug", "plug in", "unplug", "plug in"):
            hand.emulator.operate(action)
        await hand.clock.until(31)
        told = [got for at_s, got, _asked in hand.heard if at_s == 30]
        assert [got for got in told if got.endswith("Transaction")] == [
            "StopTransaction",
            "StartTransaction",
            "StopTransaction",
            "StartTransaction",
        ]


@play
async def test_a_person_can_only_do_what_can_be_done():
    async with station() as hand:
        with pytest.raises(ValueError, match="already plugged in; a person can unplug"):
            hand.emulator.operate("plug in")
        hand.emulator.operate("unplug")
        with pytest.raises(ValueError, match="not plugged in; a person can plug in"):
            hand.emulator.operate("unplug")
        with pytest.raises(ValueError, match="nobody can 'kick'"):
            hand.emulator.operate("kick")


@play
async def test_remote_stop_and_start():
    async with station() as hand:
        await hand.clock.until(30)
        for ident, status in ((40, "Rejected"), (41, "Accepted")):
            answer = await hand.gets("RemoteStopTransaction", {"transactionId": ident})
            assert answer == {"status": status}
        await hand.clock.until(31)
        assert hand.said("StopTransaction")[0][1]["reason"] == "Remote"
        assert hand.statuses()[-1] == (30, "Finishing")
        assert hand.circuit.power_w(["ev"], 31) == 0
        asked = {"connectorId": 1, "idTag": "B4F62CEF", "chargingProfile": profile(8)}
        answer = await hand.gets("RemoteStartTransaction", asked)
        assert answer == {"status": "Accepted"}
        await hand.clock.until(60)
        assert hand.said("StartTransaction")[-1][1]["idTag"] == "B4F62CEF"
        watts = hand.circuit.power_w(["ev"], 60)
        assert watts == pytest.approx(8 * hand.circuit.voltage_v(60))
        answer = await hand.gets("RemoteStartTransaction", {"idTag": "B4F62CEF"})
        assert answer == {"status": "Rejected"}


@play
async def test_a_tag_that_the_csms_does_not_accept_ends_the_transaction():
    async with station(plugged_in=False) as hand:
        hand.answers["StartTransaction"] = {
            "transactionId": 9,
            "idTagInfo": {"status": "Invalid"},
        }
        hand.emulator.operate("plug in")
        await hand.clock.until(30)
        assert hand.said("StopTransaction")[0][1]["reason"] == "DeAuthorized"
        assert hand.circuit.power_w(["ev"], 30) == 0


@play
async def test_unavailable_is_scheduled_while_a_transaction_runs():
    """5.2."""
    async with station() as hand:
        await hand.clock.until(30)
        asked = {"connectorId": 1, "type": "Inoperative"}
        answer = await hand.gets("ChangeAvailability", asked)
        assert answer == {"status": "Scheduled"}
        await hand.gets("RemoteStopTransaction", {"transactionId": 41})
        await hand.clock.until(31)
        assert hand.statuses()[-1] == (30, "Unavailable")
        asked["type"] = "Operative"
        answer = await hand.gets("ChangeAvailability", asked)
        assert answer == {"status": "Accepted"}
        await hand.clock.until(60)
        assert hand.statuses()[-1][1] == "Charging"


@play
async def test_a_reset_ends_the_transaction_and_boots_again():
    async with station(reboot_s=20) as hand:
        await hand.clock.until(30)
        assert await hand.gets("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        await hand.clock.until(90)
        assert hand.said("StopTransaction")[0][1]["reason"] == "SoftReset"
        assert [at_s for at_s, _asked in hand.said("BootNotification")] == [0, 51]
        assert len(hand.said("StartTransaction")) == 2
        assert hand.statuses()[-1][1] == "Charging"


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("ClearCache", {}, {"status": "Rejected"}),
        ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
        ("GetLocalListVersion", {}, {"listVersion": -1}),  # 5.10: not supported
        ("UnlockConnector", {"connectorId": 1}, {"status": "NotSupported"}),
    ],
)
def test_what_it_cannot_do_it_says(action, payload, answer):
    async def test():
        async with station() as hand:
            assert await hand.gets(action, payload) == answer

    play(test)()


@play
async def test_an_action_that_it_knows_but_does_not_support_is_a_call_error():
    async with station() as hand:
        update = {"location": "ftp://x/y", "retrieveDate": "2013-02-01T20:53:00Z"}
        answer = await hand.asks("UpdateFirmware", update)
        assert (answer[0], answer[2]) == (4, "NotSupported")
        hand.emulator.violations.clear()


@play
async def test_after_a_lost_connection_it_dials_again_without_booting():
    """OCPP-J 1.6, 5.4; and 3.13.6: the profile goes on."""
    async with station() as hand:
        await hand.clock.until(30)
        await installs(hand, 10)
        await hand.clock.until(60)
        hand.far.transport.abort()
        await hand.clock.until(70)
        assert len(hand.said("BootNotification")) == 1
        assert hand.statuses()[-1] == (61, "Charging")
        watts = hand.circuit.power_w(["ev"], 70)
        assert watts == pytest.approx(10 * hand.circuit.voltage_v(70))


@play
async def test_a_transaction_that_ended_offline_is_told_afterwards():
    async with station() as hand:
        await hand.clock.until(30)
        hand.far.transport.abort()
        await asyncio.sleep(0.5)
        hand.emulator.operate("unplug")
        await hand.clock.until(40)
        ((at_s, stop),) = hand.said("StopTransaction")
        assert (at_s, stop["timestamp"]) == (31, "2013-02-01T20:53:30.500Z")
        assert hand.statuses()[-1] == (31, "Available")


@play
async def test_a_station_clock_that_is_ahead_shows_in_every_timestamp():
    async with station(clock_offset_s=90) as hand:
        await hand.until(lambda: hand.said("StartTransaction"))
        start = hand.said("StartTransaction")[0][1]
        assert start["timestamp"] == "2013-02-01T20:54:30.000Z"


@play
async def test_it_keeps_dialling_until_somebody_listens():
    clock, circuit = BenchClock(STARTS_AT), Circuit()
    free = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    await free.wait_closed()
    context = EmulatorContext(
        "rig",
        "ev",
        clock,
        np.random.default_rng(1),
        circuit,
        dial=f"ws://127.0.0.1:{port}/EV1",
    )
    hand = ByHand(clock, circuit)
    async with DRIVER.emulate(context, DRIVER.emulator_options()):
        await clock.until(5)
        # No network, and yet it charges (SI 2021/1467, regulation 7).
        await clock.until(30)
        assert circuit.power_w(["ev"], 30) > 7000
        async with serve(
            hand.serve, "127.0.0.1", port, subprotocols=["ocpp1.6"], ping_interval=None
        ):
            await hand.until(lambda: hand.said("StartTransaction"))
            # Dialled at 0, 1, 3, 7, 15, 31 s: waits of 1, 2, 4, 8, 16 s.
            assert clock.now_s() == 31
            start = hand.said("StartTransaction")[0][1]
            assert start["timestamp"] == "2013-02-01T20:53:00.000Z"
