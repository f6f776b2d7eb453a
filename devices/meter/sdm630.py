"""Eastron SDM630-Modbus, three phases, through a Modbus TCP gateway."""

from typing import Self

from pydantic import model_validator

from devices.meter.eastron import SDM630, SDM630_HARMONICS, SDM630_PER_PHASE
from devices.meter.emulator import ThreePhaseOptions
from devices.meter.modbus_meter import MeterOptions, modbus_meter
from devices.meter.registers import MeterMap


class Options630(MeterOptions):
    """Also whether each phase is recorded."""

    per_phase: bool = False
    """Record power, voltage and current of each phase beside the totals."""
    harmonics: bool = False
    """Record the distortion of phase 1's voltage and current in place of energy."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.per_phase and self.harmonics:
            raise ValueError("per_phase and harmonics exclude each other")
        return self


def _chosen(options: Options630) -> MeterMap:
    if options.harmonics:
        return SDM630_HARMONICS
    return SDM630_PER_PHASE if options.per_phase else SDM630


DRIVER = modbus_meter(
    "meter/sdm630",
    SDM630,
    framing="tcp",
    options=Options630,
    emulator_options=ThreePhaseOptions,
    choose=_chosen,
)
