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

Signs: power is negative on export, and so is the power factor ("positive refers to
forward current, negative refers to reverse current", SDM630, note 1 below 1.2.1).
Reactive power is positive where the current lags, as behind an inductor (unverified).
"""

from __future__ import annotations

from devices.meter.registers import MeterMap, Parameter, Rules, Word

NETWORK_NODE = 0x0014
"""Holding register of the unit id, a single. Source: SDM630 V1.8, 1.3.1."""

RULES = Rules(
    # Source: SDM630 V1.8, 3.8 (its table in 3.6 says 15 where it means 16).
    functions=frozenset({3, 4, 8, 16}),
    # Up to here registers exist, and read 0 where a wiring or this emulator has no
    # value (SDM630 V1.8, 1.2: "will return the value zero").
    spans=((0x0000, 0x0157),),
    # Source: SDM630 V1.8, 1.1; SDM230, 1.2.
    most=80,
    whole_values=True,
)

IDENTITY = (Word("serial", 0xFC00, 2),)
"""Holding register, unsigned 32-bit. Source: SDM630 V1.8, 1.3.1. Documented for the
SDM120 from V2.5 on; answers on the SDM230 without being documented (unverified)."""

_ENERGY = (
    Parameter(0x0046, "frequency_hz"),
    Parameter(0x0048, "energy_import_wh", 1000.0),
    Parameter(0x004A, "energy_export_wh", 1000.0),
    Parameter(0x0156, "energy_total_wh", 1000.0),
)
"""The same in all three. Source: SDM630 V1.8, 1.2.1, parameters 36 to 38 and 172."""
SLOW = ("frequency_hz", "energy_import_wh", "energy_export_wh")

_ONE_PHASE = (
    Parameter(0x0000, "voltage_v"),
    Parameter(0x0006, "current_a"),
    Parameter(0x000C, "power_w"),
    Parameter(0x0012, "apparent_va"),
    Parameter(0x0018, "reactive_var"),
    Parameter(0x001E, "power_factor"),
    *_ENERGY,
)
"""Source: SDM230, 1.2, registers 30001, 30007 to 30031; SDM120 V2.4, the same."""

_PER_PHASE = (
    (0x0000, "voltage_l{}_v"),
    (0x0006, "current_l{}_a"),
    (0x000C, "power_l{}_w"),
    (0x0012, "apparent_l{}_va"),
    (0x0018, "reactive_l{}_var"),
    (0x001E, "power_factor_l{}"),
)
"""Source: SDM630 V1.8, 1.2.1, parameters 1 to 18."""

_THREE_PHASES = (
    *(
        Parameter(address + 2 * (n - 1), quantity.format(n))
        for address, quantity in _PER_PHASE
        for n in (1, 2, 3)
    ),
    Parameter(0x0000, "voltage_v"),
    Parameter(0x002A, "voltage_average_v"),
    Parameter(0x002E, "current_average_a"),
    Parameter(0x0030, "current_a"),
    Parameter(0x0034, "power_w"),
    Parameter(0x0038, "apparent_va"),
    Parameter(0x003C, "reactive_var"),
    Parameter(0x003E, "power_factor"),
    *_ENERGY,
    Parameter(0x00EA, "voltage_thd_percent"),
    Parameter(0x00F0, "current_thd_percent"),
)
"""`voltage_v` is that of phase 1, `current_a` the sum of line currents, `power_w` the
total system power. Source: SDM630 V1.8, 1.2.1, parameters 1, 22 to 32. The distortion
of phase 1 (30235 and 30241) is from transcriptions of the document, several of which
agree: unverified."""
DISTORTION = ("voltage_thd_percent", "current_thd_percent")

FAST = ("voltage_v", "current_a", "power_w")
PER_PHASE = tuple(
    quantity.format(n) for _, quantity in _PER_PHASE[:3] for n in (1, 2, 3)
)


def _map(
    model: str,
    document: str,
    parameters: tuple[Parameter, ...],
    fast: tuple[str, ...] = FAST,
    slow: tuple[str, ...] = SLOW,
) -> MeterMap:
    return MeterMap(
        maker="Eastron",
        model=model,
        document=f"Eastron {document}",
        function=4,
        parameters=parameters,
        fast=fast,
        slow=slow,
        rules=RULES,
        identity=IDENTITY,
        node_register=NETWORK_NODE,
    )


_TITLE = "Smart Meter Modbus Protocol Implementation"
SDM120 = _map("SDM120-Modbus", f"SDM120Modbus {_TITLE} V2.4", _ONE_PHASE)
SDM230 = _map("SDM230-Modbus", f"SDM230Modbus {_TITLE} V1.4", _ONE_PHASE)
SDM630 = _map("SDM630-Modbus", f"SDM630Modbus {_TITLE} V1.8", _THREE_PHASES)
SDM630_PER_PHASE = _map(
    "SDM630-Modbus", f"SDM630Modbus {_TITLE} V1.8", _THREE_PHASES, FAST + PER_PHASE
)
"""The phases' values are in the same request as the totals."""
SDM630_HARMONICS = _map(
    "SDM630-Modbus", f"SDM630Modbus {_TITLE} V1.8", _THREE_PHASES, slow=DISTORTION
)
"""Distortion is too far from energy for one request: it is read in its place."""
SDM230_REACTIVE = _map(
    "SDM230-Modbus", f"SDM230Modbus {_TITLE} V1.4", _ONE_PHASE,
    (*FAST, "reactive_var"),
)  # fmt: skip
"""Reactive power is in the same request as the others."""
