"""Eastron SDM230-Modbus, one phase: RTU on a port or behind an RS-485 gateway."""

from devices.meter.eastron import SDM230
from devices.meter.modbus_meter import modbus_meter

DRIVER = modbus_meter("meter/sdm230", SDM230, source=f"{SDM230.document} (unverified)")
