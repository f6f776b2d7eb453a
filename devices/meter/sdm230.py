"""Eastron SDM230-Modbus, one phase: RTU on a port or behind an RS-485 gateway."""

from devices.meter.eastron import SDM230, SDM230_REACTIVE
from devices.meter.modbus_meter import MeterOptions, modbus_meter
from devices.meter.registers import MeterMap


class Options230(MeterOptions):
    """Also whether reactive power is recorded."""

    reactive: bool = False
    """Record reactive power beside power, voltage and current."""


def _chosen(options: Options230) -> MeterMap:
    return SDM230_REACTIVE if options.reactive else SDM230


DRIVER = modbus_meter(
    "meter/sdm230",
    SDM230,
    source=f"{SDM230.document} (unverified)",
    options=Options230,
    choose=_chosen,
)
