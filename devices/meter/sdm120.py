"""Eastron SDM120-Modbus, one phase: RTU on a port or behind an RS-485 gateway."""

from devices.meter.eastron import SDM120
from devices.meter.modbus_meter import modbus_meter

DRIVER = modbus_meter("meter/sdm120", SDM120, source=f"{SDM120.document} (unverified)")
