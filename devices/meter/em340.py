"""Carlo Gavazzi EM340, three phases: RTU on a port or behind an RS-485 gateway.

Every value is a whole number in tenths or thousandths, and numbers of 32 bits come
with their *low* word first. Addresses are those on the wire: the maker's list shows
300041 beside 0028h for the same register. Its energy steps by 100 Wh, too coarse for
a trial of minutes.
"""

from devices.meter.emulator import ThreePhaseOptions
from devices.meter.modbus_meter import modbus_meter
from devices.meter.registers import Encoding, MeterMap, Parameter, Rules, Word

_S32 = Encoding("i", low_first=True)
_S16 = Encoding("h")

_PARAMETERS = (
    *(Parameter(0x0000 + 2 * n, f"voltage_l{n + 1}_v", 0.1, _S32) for n in range(3)),
    Parameter(0x0000, "voltage_v", 0.1, _S32),
    *(Parameter(0x000C + 2 * n, f"current_l{n + 1}_a", 0.001, _S32) for n in range(3)),
    *(Parameter(0x0012 + 2 * n, f"power_l{n + 1}_w", 0.1, _S32) for n in range(3)),
    *(Parameter(0x0018 + 2 * n, f"apparent_l{n + 1}_va", 0.1, _S32) for n in range(3)),
    *(Parameter(0x001E + 2 * n, f"reactive_l{n + 1}_var", 0.1, _S32) for n in range(3)),
    Parameter(0x0024, "voltage_average_v", 0.1, _S32),
    Parameter(0x0028, "power_w", 0.1, _S32),
    Parameter(0x002A, "apparent_va", 0.1, _S32),
    Parameter(0x002C, "reactive_var", 0.1, _S32),
    *(Parameter(0x002E + n, f"power_factor_l{n + 1}", 0.001, _S16) for n in range(3)),
    Parameter(0x0031, "power_factor", 0.001, _S16),
    Parameter(0x0033, "frequency_hz", 0.1, _S16),
    Parameter(0x0034, "energy_import_wh", 100.0, _S32),
    Parameter(0x004E, "energy_export_wh", 100.0, _S32),
)

EM340 = MeterMap(
    maker="Carlo Gavazzi",
    model="EM340",
    document="Carlo Gavazzi EM300/ET300 Series Communication Protocol V2 R17, 2.4",
    function=4,
    parameters=_PARAMETERS,
    fast=("voltage_v", "current_l1_a", "current_l2_a", "current_l3_a", "power_w"),
    slow=("frequency_hz", "energy_import_wh", "energy_export_wh"),
    rules=Rules(functions=frozenset({3, 4, 6, 8}), spans=((0x0000, 0x0055),)),
    # A single register at 000B is the type, inside what is otherwise a voltage.
    identity=(
        Word("model", 0x000B, 1, emulated="340"),
        Word("firmware", 0x0303, 1, emulated="1"),
        Word("serial", 0x5000, 7, is_text=True),
    ),
)

DRIVER = modbus_meter(
    "meter/em340",
    EM340,
    source=f"{EM340.document} (unverified: rows from drivers of others)",
    emulator_options=ThreePhaseOptions,
)
