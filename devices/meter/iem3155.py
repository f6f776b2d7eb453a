"""Schneider Electric iEM3155, three phases: RTU on a port or behind a gateway.

Function 03; singles in kW, energy in whole watt-hours over four registers. The maker's
list counts registers from 1: its 3060, total active power, is 0BF3 (3059) on the wire.
"""

from devices.meter.emulator import ThreePhaseOptions
from devices.meter.modbus_meter import modbus_meter
from devices.meter.registers import F32, Encoding, MeterMap, Parameter, Rules, Word

_S64 = Encoding("q")


def _listed(number: int, quantity: str, factor: float = 1.0) -> Parameter:
    """A row by the number that the maker's list gives it."""
    return Parameter(number - 1, quantity, factor, F32)


_PARAMETERS = (
    *(_listed(3000 + 2 * n, f"current_l{n + 1}_a") for n in range(3)),
    _listed(3010, "current_average_a"),
    *(_listed(3028 + 2 * n, f"voltage_l{n + 1}_v") for n in range(3)),
    _listed(3028, "voltage_v"),
    _listed(3036, "voltage_average_v"),
    *(_listed(3054 + 2 * n, f"power_l{n + 1}_w", 1000.0) for n in range(3)),
    _listed(3060, "power_w", 1000.0),
    _listed(3068, "reactive_var", 1000.0),
    _listed(3076, "apparent_va", 1000.0),
    _listed(3110, "frequency_hz"),
    Parameter(3204 - 1, "energy_import_wh", 1.0, _S64),
    Parameter(3208 - 1, "energy_export_wh", 1.0, _S64),
)
"""The total power factor, 3084, is left out: it is four-quadrant coded."""

IEM3155 = MeterMap(
    maker="Schneider Electric",
    model="iEM3155",
    document="Schneider Electric iEM3100/3200/3300 user manual DOCA0005EN, Modbus list",
    function=3,
    parameters=_PARAMETERS,
    fast=("voltage_v", "current_l1_a", "current_l2_a", "current_l3_a", "power_w"),
    slow=("frequency_hz", "energy_import_wh", "energy_export_wh"),
    # Source of the functions: DOCA0005EN-04, p. 52. 43/14 is not emulated.
    rules=Rules(functions=frozenset({3, 16}), spans=((2999, 3299),)),
    identity=(
        Word("model", 0x0031, 20, is_text=True, emulated="iEM3155"),
        Word("serial", 130 - 1, 2),
    ),
)

DRIVER = modbus_meter(
    "meter/iem3155",
    IEM3155,
    source=f"{IEM3155.document} (numbers read; addresses one lower: unverified)",
    emulator_options=ThreePhaseOptions,
)
