"""What the emulated station keeps while nobody listens, and how it tells it later.

OCPP 1.6 edition 2, 3.7.1 (transaction-related messages), 4.8 to 4.10, 9.1.31, 9.1.32;
the CSMS is played by hand.
"""

import json

import pytest

from devices.ev_chargepoint.transactions import (
    MOST_KEPT,
    MOST_SAMPLES,
    NO_ID,
    Outbox,
    Transaction,
)
from tests.devices.test_ev_station import ANSWERS, play, station

IN_TRANSACTION = ("StartTransaction", "MeterValues", "StopTransaction")


def told(hand, after_s=-1.0):
    """(when it was sent, what, its own time, its transaction) in order."""
    return [
        (round(at_s, 3), action, own_time(asked)[11:19], asked.get("transactionId"))
        for at_s, action, asked in hand.heard
        if action in IN_TRANSACTION and at_s > after_s
    ]


def own_time(asked):
    if "meterValue" in asked:
        return asked["meterValue"][0]["timestamp"]
    return asked["timestamp"]


async def goes_away(hand, at_s):
    """Cut the connection; the station dials again after 1 s, 2 s, …"""
    await hand.clock.until(at_s)
    hand.far.transport.abort()


@play
async def test_meter_values_of_a_transaction_are_kept_and_told_with_their_own_times():
    async with station(plugged_in=True) as hand:
        await hand.sets(MeterValueSampleInterval="10")
        await goes_away(hand, 15)
        await hand.clock.until(15.5)
        hand.emulator.operate("unplug")
        await hand.clock.until(20)
        assert told(hand) == [
            (0, "StartTransaction", "20:53:00", None),
            (10, "MeterValues", "20:53:10", 41),
            (16, "StopTransaction", "20:53:15", 41),
        ]


@play
async def test_a_whole_transaction_offline_is_told_in_order_when_the_csms_is_back():
    async with station(plugged_in=False) as hand:
        await hand.sets(MeterValueSampleInterval="10")
        silent = hand.answers.pop("StartTransaction")
        hand.answers["StartTransaction"] = None  # no answer at all
        hand.emulator.operate("plug in")
        await hand.clock.until(25)
        assert [action for _at, action, *_rest in told(hand)] == ["StartTransaction"]
        hand.answers["StartTransaction"] = silent
        await goes_away(hand, 26)
        await hand.clock.until(27.5)
        hand.emulator.operate("unplug")
        await hand.clock.until(29)
        assert told(hand, 26) == [
            (27, "StartTransaction", "20:53:00", None),
            (27, "MeterValues", "20:53:10", 41),
            (27, "MeterValues", "20:53:20", 41),
            (27.5, "StopTransaction", "20:53:27", 41),
        ]


@play
async def test_without_a_transaction_values_are_not_kept():
    async with station(plugged_in=False) as hand:
        await hand.sets(ClockAlignedDataInterval="30")
        await goes_away(hand, 29.5)
        await hand.clock.until(65)
        assert [at_s for at_s, *_rest in told(hand)] == [60]


@play
async def test_a_csms_that_fails_is_asked_again_after_once_and_twice_the_interval():
    """3.7.1: the interval times the number of preceding transmissions."""
    async with station(plugged_in=False) as hand:
        await hand.sets(
            TransactionMessageAttempts="3", TransactionMessageRetryInterval="20"
        )
        hand.answers["StartTransaction"] = REFUSED
        hand.emulator.operate("plug in")
        await hand.clock.until(59)
        starts = [at_s for at_s, _asked in hand.said("StartTransaction")]
        assert starts == [0, 20]
        hand.answers["StartTransaction"] = ANSWERS["StartTransaction"]
        await hand.clock.until(130)
        starts = [at_s for at_s, _asked in hand.said("StartTransaction")]
        assert starts == [0, 20, 60]


@play
async def test_a_transaction_that_the_csms_never_took_ends_with_no_id():
    async with station(plugged_in=False) as hand:
        await hand.sets(
            TransactionMessageAttempts="2",
            TransactionMessageRetryInterval="5",
            MeterValueSampleInterval="30",
        )
        hand.answers["StartTransaction"] = REFUSED
        hand.emulator.operate("plug in")
        await hand.clock.until(40)
        hand.emulator.operate("unplug")
        await hand.clock.until(41)
        assert told(hand) == [
            (0, "StartTransaction", "20:53:00", None),
            (5, "StartTransaction", "20:53:00", None),
            (30, "MeterValues", "20:53:30", NO_ID),
            (40, "StopTransaction", "20:53:40", NO_ID),
        ]


REFUSED = "InternalError"


class FakeTimers:
    def after(self, _delay_s, _act):
        return None


def outbox(sent, *, online):
    return Outbox(
        post=lambda action, payload, _done: sent.append((action, payload)),
        online=lambda: online,
        attempts=lambda: 3,
        retry_s=lambda: 60,
        started=lambda *_args: None,
        timers=FakeTimers(),
    )


def test_a_very_long_outage_costs_the_oldest_values_and_no_transaction():
    box, transaction = outbox([], online=False), Transaction(None, "TAG")
    box.add("StartTransaction", {}, transaction)
    for number in range(MOST_KEPT + 50):
        box.add("MeterValues", {"n": number}, transaction)
    box.add("StopTransaction", {}, transaction)
    kept = [(item.action, item.payload.get("n")) for item in box._kept]
    assert len(kept) == MOST_KEPT
    assert kept[0] == ("StartTransaction", None)
    assert kept[1] == ("MeterValues", 52)
    assert kept[-1] == ("StopTransaction", None)


def test_what_stop_transaction_carries_has_an_end_too():
    transaction = Transaction(None, "TAG")
    for number in range(5 * MOST_SAMPLES):
        transaction.note({"n": number})
    numbers = [sample["n"] for sample in transaction.data]
    assert len(numbers) <= MOST_SAMPLES
    assert numbers[0] == 0
    assert numbers[-1] == 5 * MOST_SAMPLES - 1
    assert numbers == sorted(numbers)


# What StopTransaction says of its transaction


@play
async def test_stop_transaction_carries_the_samples_that_were_asked_for():
    """9.1.29, 7.33: Transaction.Begin, Sample.Periodic, Transaction.End."""
    async with station(plugged_in=False) as hand:
        await hand.sets(
            StopTxnSampledData="Energy.Active.Import.Register",
            MeterValueSampleInterval="10",
        )
        hand.emulator.operate("plug in")
        await hand.clock.until(25)
        hand.emulator.operate("unplug")
        await hand.until(lambda: hand.said("StopTransaction"))
        ((_at_s, stop),) = hand.said("StopTransaction")
        data = [
            (sample["timestamp"][17:19], value["context"], value["measurand"])
            for sample in stop["transactionData"]
            for value in sample["sampledValue"]
        ]
        energy = "Energy.Active.Import.Register"
        assert data == [
            ("00", "Transaction.Begin", energy),
            ("10", "Sample.Periodic", energy),
            ("20", "Sample.Periodic", energy),
            ("25", "Transaction.End", energy),
        ]


@play
async def test_and_the_intervals_by_the_clock_cut_to_the_transaction():
    """9.1.5: "or partial interval, at the beginning or end of a Transaction"."""
    async with station(plugged_in=False) as hand:
        await hand.sets(
            StopTxnAlignedData="Energy.Active.Import.Interval,Power.Active.Import",
            ClockAlignedDataInterval="60",
        )
        await hand.clock.until(30)
        hand.emulator.operate("plug in")
        await hand.clock.until(150)
        drawn_wh = hand.emulator._vehicle.drawn_wh(150)
        hand.emulator.operate("unplug")
        await hand.until(lambda: hand.said("StopTransaction"))
        ((_at_s, stop),) = hand.said("StopTransaction")
        data = stop["transactionData"]
        assert [sample["timestamp"][11:19] for sample in data] == [
            "20:53:00",
            "20:54:00",
            "20:55:00",
        ]
        energy = [float(sample["sampledValue"][0]["value"]) for sample in data]
        assert sum(energy) == pytest.approx(drawn_wh, abs=1.5)
        power = [float(sample["sampledValue"][1]["value"]) for sample in data]
        assert power[0] == pytest.approx(energy[0] * 120, rel=0.02)  # in 30 s
        assert power[1] == pytest.approx(energy[1] * 60, rel=0.02)


@play
async def test_aligned_values_are_means_over_their_interval():
    """9.1.5; the register is the one at the interval's start."""
    async with station(plugged_in=False) as hand:
        names = (
            "Power.Active.Import,Current.Import,Current.Offered,Voltage,"
            "Energy.Active.Import.Interval,Energy.Active.Import.Register"
        )
        await hand.sets(
            MeterValuesAlignedData=names,
            ClockAlignedDataInterval="120",
            MeterValueSampleInterval="0",
        )
        await hand.clock.until(120)
        hand.emulator.operate("plug in")
        await hand.clock.until(305)
        _nothing, first, second = (
            {
                item["measurand"]: float(item["value"])
                for item in asked["meterValue"][0]["sampledValue"]
            }
            for _at_s, asked in hand.said("MeterValues")
        )
        assert 14 < first["Current.Import"] < 16  # 32 A for less than half of it
        assert 15.5 < first["Current.Offered"] <= 16
        assert second["Current.Import"] == 32
        assert second["Voltage"] == pytest.approx(230, abs=2.5)
        assert second["Power.Active.Import"] == pytest.approx(32 * 230, rel=0.02)
        assert first["Energy.Active.Import.Register"] == 0
        assert second["Energy.Active.Import.Register"] == pytest.approx(
            first["Energy.Active.Import.Interval"], abs=1
        )


@play
async def test_some_stations_send_what_is_at_the_instant_instead():
    async with station(aligned_values="instants") as hand:
        await hand.sets(
            MeterValuesAlignedData="Power.Active.Import",
            ClockAlignedDataInterval="60",
            MeterValueSampleInterval="0",
        )
        await hand.clock.until(65)
        ((at_s, asked),) = hand.said("MeterValues")
        assert at_s == 60
        (sample,) = asked["meterValue"]
        assert sample["timestamp"] == "2013-02-01T20:54:00.000Z"
        assert float(sample["sampledValue"][0]["value"]) == pytest.approx(7360, 0.02)


def test_frames_are_laid_out_as_the_field_tables_say():
    """6.45: MeterValues.req with its optional transactionId; one sample, one value."""
    frame = {
        "connectorId": 1,
        "meterValue": [
            {
                "timestamp": "2013-02-01T20:53:10.000Z",
                "sampledValue": [
                    {
                        "value": "0",
                        "unit": "Wh",
                        "context": "Sample.Periodic",
                        "measurand": "Energy.Active.Import.Register",
                    }
                ],
            }
        ],
        "transactionId": 41,
    }

    @play
    async def test():
        async with station(wake_up_s=30.0) as hand:
            await hand.sets(MeterValueSampleInterval="10")
            await hand.clock.until(11)
            text = json.dumps(frame, separators=(",", ":"))
            assert hand.frames[-1].endswith(f'"MeterValues",{text}]')

    test()
