"""What a schema cannot say of a rig file: that its parts make up a bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.circuit import Circuit
from harness.core.errors import RigError

if TYPE_CHECKING:
    from harness.rig.file import CalibrationCard, MeterTable, Rig


def check_fit(rig: Rig) -> None:
    """Refuse a bench that could not prove anything.

    Raises
    ------
    RigError
        Names the table, and the key.
    """
    _check_roles(rig)
    _check_addresses(rig)
    for role, meter in rig.meter.items():
        _check_meter(rig, role, meter)


def _check_roles(rig: Rig) -> None:
    if not rig.device:
        raise RigError(rig.file_name, "no device", "a [device.ROLE] table")
    former = rig.circuit.island_formed_by
    if former is not None and former not in rig.device:
        where = f"{rig.file_name} [circuit] island_formed_by"
        fact = f"there is no device {former!r}"
        raise RigError(where, fact, f"one of {', '.join(rig.device)}")
    for role in rig.meter:
        if role in rig.device:
            raise RigError(
                f"{rig.file_name} [meter.{role}]",
                f"role {role!r} is a device already",
                f"another name, such as {role}_meter",
            )
    for role, entry in rig.entries():
        if rig.rig.clock == "virtual" and entry.emulator is None:
            raise RigError(
                rig.where(role),
                "a part outside the process cannot run on virtual time",
                'clock = "wall" in [rig], or a [….emulator] table here',
            )
        if entry.emulator is None and not entry.address:
            raise RigError(
                rig.where(role),
                "neither an address nor an emulator",
                'address = "…", or an emulator table (it may be empty)',
            )


def _check_addresses(rig: Rig) -> None:
    seen: dict[str, str] = {}
    for role, entry in rig.entries():
        if not entry.address or ":0/" in f"{entry.address}/":
            continue
        if entry.address in seen:
            raise RigError(
                f"{rig.where(role)} address",
                f"{entry.address} is already the address of {seen[entry.address]!r}",
                "another port or unit id",
            )
        seen[entry.address] = role


def _check_meter(rig: Rig, role: str, meter: MeterTable) -> None:
    where = rig.where(role)
    if not meter.sees:
        raise RigError(
            f"{where} sees", "a meter that sees nothing", 'sees = ["ev"] or ["*"]'
        )
    roles = set(meter.sees) - {Circuit.EVERYTHING}
    for unknown in sorted(roles - set(rig.device)):
        raise RigError(
            f"{where} sees",
            f"no device {unknown!r} in this rig",
            f'one of {", ".join(rig.device)}, or "*" for the whole home',
        )
    seen = set(rig.device) if Circuit.EVERYTHING in meter.sees else roles
    for name in sorted(seen):
        device_is_emulated = rig.device[name].emulator is not None
        if device_is_emulated != (meter.emulator is not None):
            kind = "an emulated" if meter.emulator is not None else "a real"
            other = "an emulated" if device_is_emulated else "a real"
            raise RigError(
                where,
                f"{kind} meter cannot see {other} device ({name})",
                "a meter of the same kind as what it sees",
            )
    _check_card(where, meter.calibration)


def _check_card(where: str, card: CalibrationCard) -> None:
    needed = (
        "error_percent" if card.basis == "class" else "expanded_uncertainty_percent"
    )
    if getattr(card, needed) is None:
        raise RigError(
            f"{where} calibration",
            f"basis {card.basis!r} needs {needed}",
            f"{needed} = …, from the {card.basis}",
        )
