"""A vehicle at a bidirectional charger whose inverter speaks SunSpec.

To the wire it is the battery of `devices.battery.sunspec`; that the battery may be
away, and that some of it is kept for driving, shows in model 802 (``State``,
``SoCRsvMin``).
No charger with this map is known to us: it is what the models allow (unverified).
"""

from __future__ import annotations

from devices.battery.emulator import OPERATIONS, VehicleOptions, emulate
from devices.battery.inverter import StorageOptions, open_driver
from devices.battery.sunspec import ADDRESSES, KINDNESS, SOURCE
from devices.links.framing import modbus_tcp
from devices.links.sunspec_der import FAULTS
from harness.core.bench import Driver
from harness.core.capabilities import Device, Polled, SetsPower, SetsReactivePower

DRIVER = Driver(
    name="battery/v2g_sunspec",
    maker="any with SunSpec models 701 to 704",
    wire="Modbus TCP",
    source=SOURCE,
    options=StorageOptions,
    open=open_driver,
    emulator_options=VehicleOptions,
    emulate=emulate,
    capabilities=(Device, Polled, SetsPower, SetsReactivePower),
    address_form=ADDRESSES,
    operations=tuple(OPERATIONS),
    faults=FAULTS,
    frame_length=modbus_tcp,
    kindness=KINDNESS,
)
