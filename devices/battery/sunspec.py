"""A home battery whose inverter speaks SunSpec (models 701, 702, 704, 713 or 802)."""

from __future__ import annotations

from devices.battery.emulator import EmulatorOptions, emulate
from devices.battery.inverter import StorageOptions, open_driver
from devices.links.framing import modbus_tcp
from devices.links.sunspec_der import FAULTS
from harness.core.bench import Driver, Kindness
from harness.core.capabilities import Device, Polled, SetsPower, SetsReactivePower

SOURCE = (
    "SunSpec model definitions 1, 701, 702, 703, 704, 713, 802 "
    "(github.com/sunspec/models, as in pysunspec2 1.3.7); "
    "DER Information Model Specification 3.2 for reversion (unverified)"
)
ADDRESSES = (
    "modbus://HOST:502/UNIT, rtu+tcp://HOST:PORT/UNIT or "
    "serial:/dev/ttyUSB0?baud=9600&unit=1"
)
KINDNESS = Kindness(source="SunSpec gives no budget, and none is known (unverified)")

DRIVER = Driver(
    name="battery/sunspec",
    maker="any with SunSpec models 701 to 704",
    wire="Modbus TCP",
    source=SOURCE,
    options=StorageOptions,
    open=open_driver,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled, SetsPower, SetsReactivePower),
    address_form=ADDRESSES,
    faults=FAULTS,
    frame_length=modbus_tcp,
    kindness=KINDNESS,
)
