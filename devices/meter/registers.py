"""Register maps of the Eastron SDM meters, as data.

Every value is an IEEE 754 single in two input registers, high word first, read
with function 04 at an even address; 40 values (80 registers) at most in one
request. Sources:

- SDM630: "Eastron SDM630Modbus Smart Meter Modbus Protocol Implementation V1.8",
  1.1 (format and limits), 1.2.1 (input registers), 1.3.1 (holding registers).
- SDM230: "Eastron SDM230Modbus Smart Meter Modbus Protocol Implementation", 1.2.
- SDM120: "Eastron SDM120Modbus Smart Meter Modbus Protocol Implementation V2.4".

The SDM630 rows were read in the document itself; those of the SDM120 and SDM230 in
transcriptions of theirs (volkszaehler/mbmd, nmakel/sdm_modbus and others agree).
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_REGISTERS = 80
"""Registers in one request. Source: SDM630 V1.8, 1.1; SDM230, 1.2."""

FUNCTIONS = frozenset({3, 4, 8, 16})
"""Source: SDM630 V1.8, 3.8 (its table in 3.6 says 15 where it means 16)."""

SERIAL_NUMBER = 0xFC00
"""Holding register, unsigned 32-bit. Source: SDM630 V1.8, 1.3.1. Documented for the
SDM120 from V2.5 on; answers on the SDM230 without being documented (unverified)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a meter: where it is, what it is, and in what unit it comes."""

    address: int
    """Input register of the high word, 0-based as on the wire."""
    quantity: str
    """Channel that it becomes, with its unit."""
    factor: float = 1.0
    """From the meter's unit to ours: 1,000 for kWh."""


@dataclass(frozen=True, slots=True)
class Block:
    """Parameters that one request reads."""

    parameters: tuple[Parameter, ...]

    @property
    def address(self) -> int:
        """Return the first register."""
        return min(each.address for each in self.parameters)

    @property
    def count(self) -> int:
        """Return the number of registers, gaps and all."""
        return max(each.address for each in self.parameters) + 2 - self.address


@dataclass(frozen=True, slots=True)
class MeterMap:
    """What a driver reads of a model, and how often."""

    model: str
    document: str
    fast: Block
    """Read at every poll."""
    slow: Block
    """Read at every so many polls: energy moves slowly, and 9,600 baud are few."""
    phases: int

    @property
    def quantities(self) -> tuple[str, ...]:
        """Return every quantity, the fast ones first."""
        return tuple(
            each.quantity for each in self.fast.parameters + self.slow.parameters
        )


SLOW = Block(
    (
        Parameter(0x0046, "frequency_hz"),
        Parameter(0x0048, "energy_import_wh", 1000.0),
        Parameter(0x004A, "energy_export_wh", 1000.0),
    )
)
"""The same in all three. Source: SDM630 V1.8, 1.2.1, parameters 36 to 38."""

ONE_PHASE = Block(
    (
        Parameter(0x0000, "voltage_v"),
        Parameter(0x0006, "current_a"),
        Parameter(0x000C, "power_w"),
    )
)
"""Source: SDM230, 1.2, registers 30001, 30007 and 30013; SDM120 V2.4, the same."""

THREE_PHASES = Block(
    (
        Parameter(0x0000, "voltage_v"),
        Parameter(0x0030, "current_a"),
        Parameter(0x0034, "power_w"),
    )
)
"""Phase 1 voltage, sum of line currents, total system power. Source: SDM630 V1.8,
1.2.1, parameters 1, 25 and 27."""

PER_PHASE = Block(
    (
        *THREE_PHASES.parameters,
        *(Parameter(0x0000 + 2 * n, f"voltage_l{n + 1}_v") for n in range(3)),
        *(Parameter(0x0006 + 2 * n, f"current_l{n + 1}_a") for n in range(3)),
        *(Parameter(0x000C + 2 * n, f"power_l{n + 1}_w") for n in range(3)),
    )
)
"""Source: SDM630 V1.8, 1.2.1, parameters 1 to 9; same request as `THREE_PHASES`."""

SDM120 = MeterMap(
    "SDM120-Modbus",
    "Eastron SDM120Modbus protocol V2.4",
    ONE_PHASE,
    SLOW,
    phases=1,
)
SDM230 = MeterMap(
    "SDM230-Modbus",
    "Eastron SDM230Modbus protocol V1.4, 1.2",
    ONE_PHASE,
    SLOW,
    phases=1,
)
SDM630 = MeterMap(
    "SDM630-Modbus",
    "Eastron SDM630Modbus protocol V1.8, 1.2.1",
    THREE_PHASES,
    SLOW,
    phases=3,
)
SDM630_PER_PHASE = MeterMap(
    "SDM630-Modbus",
    "Eastron SDM630Modbus protocol V1.8, 1.2.1",
    PER_PHASE,
    SLOW,
    phases=3,
)
