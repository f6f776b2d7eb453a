"""Eastron SDM630-Modbus, three phases, through a Modbus TCP gateway."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from devices.meter.eastron import EastronMeter, MeterOptions, open_meter
from devices.meter.emulator import MeterEmulator, ThreePhaseOptions, emulate_meter
from devices.meter.registers import SDM630, SDM630_PER_PHASE
from harness.core.bench import DeviceContext, Driver, EmulatorContext
from harness.core.capabilities import Device, Polled


class Options630(MeterOptions):
    """Also whether each phase is recorded."""

    per_phase: bool = False
    """Record power, voltage and current of each phase beside the totals."""


def open_device(
    context: DeviceContext, options: Options630
) -> AbstractAsyncContextManager[EastronMeter]:
    """Open the meter."""
    meter = SDM630_PER_PHASE if options.per_phase else SDM630
    return open_meter(context, options, meter)


def emulate(
    context: EmulatorContext, options: ThreePhaseOptions
) -> AbstractAsyncContextManager[MeterEmulator]:
    """Emulate the meter and its gateway: Modbus TCP, or RTU on a pseudo-terminal."""
    return emulate_meter(context, options, SDM630, "tcp")


DRIVER = Driver(
    name="meter/sdm630",
    maker="Eastron",
    wire="Modbus TCP",
    source="Eastron SDM630Modbus Smart Meter Modbus Protocol Implementation V1.8",
    options=Options630,
    open=open_device,
    emulator_options=ThreePhaseOptions,
    emulate=emulate,
    capabilities=(Device, Polled),
    address_form="modbus://HOST:502/UNIT",
    serial_capable=True,
)
