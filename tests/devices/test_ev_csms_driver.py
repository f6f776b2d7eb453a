"""What the driver does alike in every edition of OCPP, against a station by hand."""

import asyncio

import pytest

from devices.ev_chargepoint import ocpp16, ocpp201
from harness.core.capabilities import Acknowledgement, Device, LimitsPower
from harness.core.errors import LinkError
from tests.devices.ocpp_bench import dialling, opened, play

EDITIONS = {"ocpp1.6": ocpp16.DRIVER, "ocpp2.0.1": ocpp201.DRIVER}
every_edition = pytest.mark.parametrize("subprotocol", EDITIONS)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ('[3,"c2",{"status":"Rejected"}]', "Accepted; composite Rejected"),
        (
            '[4,"c2","NotSupported","",{}]',
            "Accepted; no composite schedule (NotSupported)",
        ),
    ],
)
@every_edition
@play
async def test_a_station_without_composites_says_so(subprotocol, answer, detail):
    async with (
        opened(EDITIONS[subprotocol]) as (_bench, driver),
        dialling(driver, subprotocol) as station,
    ):
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        await station.answers("SetChargingProfile", {"status": "Accepted"})
        await station.hears()
        await station.far.send(answer)
        assert await limiting == Acknowledgement(True, detail)


@every_edition
@play
async def test_a_call_error_to_a_limit_raises_with_its_code(subprotocol):
    async with (
        opened(EDITIONS[subprotocol]) as (_bench, driver),
        dialling(driver, subprotocol) as station,
    ):
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        await station.hears()
        await station.far.send('[4,"c1","InternalError","no room",{}]')
        with pytest.raises(LinkError, match='CALLERROR InternalError "no room"'):
            await limiting


@every_edition
@play
async def test_a_silent_station_raises_within_the_call_timeout(subprotocol):
    async with (
        opened(EDITIONS[subprotocol], call_timeout_s=12) as (bench, driver),
        dialling(driver, subprotocol) as station,
    ):
        limiting = asyncio.create_task(driver.limit_power_w(1400))
        await station.hears()
        with pytest.raises(LinkError, match="not answered within 12 s"):
            await limiting
        assert bench.clock.now_s() == 12


@every_edition
@play
async def test_nobody_dialling_is_one_sentence_in_bounded_time(subprotocol):
    record = EDITIONS[subprotocol]
    async with opened(record, ready_timeout_s=90) as (bench, driver):
        with pytest.raises(LinkError) as caught:
            await driver.ready()
        assert bench.clock.now_s() == 90
        assert str(caught.value) == (
            f"home.toml [device.ev] {driver.address}: the station has not connected "
            "within 90 s. Try: the station's CSMS URL, which must be "
            f"{driver.address}."
        )


@every_edition
@play
async def test_the_driver_offers_what_its_record_says(subprotocol):
    record = EDITIONS[subprotocol]
    async with opened(record) as (_bench, driver):
        assert isinstance(driver, Device)
        assert all(isinstance(driver, capability) for capability in record.capabilities)
        assert record.capabilities == (LimitsPower,)
        assert record.listens
        assert not driver.address.endswith(":0/CP3211")
