"""ABB B21, one phase: RTU on a port or behind an RS-485 gateway.

Function 03, addresses as they stand in the manual ("expressed exactly as it is sent on
the bus", 9.4). What a model or its wiring does not have is not an exception but a code:
all bits set where a number has no sign, the highest number where it has one. It becomes
a missing value.
"""

from devices.meter.emulator import EmulatorOptions
from devices.meter.modbus_meter import modbus_meter
from devices.meter.registers import Encoding, MeterMap, Parameter, Rules, Word

_U16 = Encoding("H", missing=0xFFFF)
_S16 = Encoding("h", missing=0x7FFF)
_U32 = Encoding("I", missing=0xFFFF_FFFF)
_S32 = Encoding("i", missing=0x7FFF_FFFF)
_U64 = Encoding("Q", missing=0xFFFF_FFFF_FFFF_FFFF)


class OptionsB21(EmulatorOptions):
    """Also which functions were bought with it."""

    import_only: bool = False
    """Whether it has no export register, as the simpler versions (steel)."""

    def absent(self) -> frozenset[str]:
        """Return the values that this version does not have."""
        return frozenset({"energy_export_wh"} if self.import_only else ())


_PARAMETERS = (
    Parameter(0x5000, "energy_import_wh", 10.0, _U64),
    Parameter(0x5004, "energy_export_wh", 10.0, _U64),
    Parameter(0x5B00, "voltage_v", 0.1, _U32),
    Parameter(0x5B0C, "current_a", 0.01, _U32),
    Parameter(0x5B14, "power_w", 0.01, _S32),
    *(Parameter(0x5B16 + 2 * n, "nothing", 0.01, _S32) for n in range(3)),
    Parameter(0x5B1C, "reactive_var", 0.01, _S32),
    *(Parameter(0x5B1E + 2 * n, "nothing", 0.01, _S32) for n in range(3)),
    Parameter(0x5B24, "apparent_va", 0.01, _S32),
    *(Parameter(0x5B26 + 2 * n, "nothing", 0.01, _S32) for n in range(3)),
    Parameter(0x5B2C, "frequency_hz", 0.01, _U16),
    Parameter(0x5B3A, "power_factor", 0.001, _S16),
)
"""Power of L1 by itself has no value in a meter of one phase: its total has."""

B21 = MeterMap(
    maker="ABB",
    model="B21",
    document="ABB B21 User Manual 2CMC485004M0201, 9.4",
    function=3,
    parameters=_PARAMETERS,
    fast=("voltage_v", "current_a", "power_w", "frequency_hz"),
    slow=("energy_import_wh", "energy_export_wh"),
    rules=Rules(
        functions=frozenset({3, 6, 16}),
        spans=((0x5000, 0x5047), (0x5B00, 0x5B40)),
        # "FF FF ... means no data available at these addresses" (A43 manual, 9.11).
        gap=0xFFFF,
    ),
    identity=(
        Word("serial", 0x8900, 2),
        Word("firmware", 0x8908, 8, is_text=True, emulated="emulated"),
        Word("model", 0x8960, 6, is_text=True, emulated="B21 112-100"),
    ),
)

DRIVER = modbus_meter(
    "meter/b21",
    B21,
    source=f"{B21.document} (read in its sister, A43/A44 User Manual 2CMC48001M0201)",
    emulator_options=OptionsB21,
)
