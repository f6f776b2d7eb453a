"""Eastron SDM230-Modbus, one phase: RTU on a port or behind an RS-485 gateway."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from devices.meter.eastron import EastronMeter, MeterOptions, open_meter
from devices.meter.emulator import EmulatorOptions, MeterEmulator, emulate_meter
from devices.meter.registers import SDM230
from harness.core.bench import DeviceContext, Driver, EmulatorContext
from harness.core.capabilities import Device, Polled


def open_device(
    context: DeviceContext, options: MeterOptions
) -> AbstractAsyncContextManager[EastronMeter]:
    """Open the meter."""
    return open_meter(context, options, SDM230)


def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AbstractAsyncContextManager[MeterEmulator]:
    """Emulate the meter: RTU over TCP, or on a pseudo-terminal."""
    return emulate_meter(context, options, SDM230, "rtu")


DRIVER = Driver(
    name="meter/sdm230",
    maker="Eastron",
    wire="Modbus RTU",
    source="Eastron SDM230Modbus Smart Meter Modbus Protocol Implementation V1.4",
    options=MeterOptions,
    open=open_device,
    emulator_options=EmulatorOptions,
    emulate=emulate,
    capabilities=(Device, Polled),
    address_form="serial:/dev/ttyUSB0?baud=9600&unit=1 or rtu+tcp://HOST:PORT/UNIT",
    serial_capable=True,
)
