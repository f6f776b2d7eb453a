"""What is plugged in: which appliance, and what a person can do to it."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from devices.smart_plug.dehumidifier import DehumidifierOptions, dehumidifier
from devices.smart_plug.freezer import FreezerOptions, freezer
from devices.smart_plug.fridge import Fridge, FridgeOptions
from devices.smart_plug.washing_machine import (
    START,
    WashingMachine,
    WashingMachineOptions,
)
from harness.core.bench import EmulatorContext

OPERATIONS = ("unplug", "plug in", START)


class ApplianceOptions(FridgeOptions):
    """Which appliance; a fridge's figures stand here, the others' in their tables."""

    appliance: Literal["fridge", "freezer", "washing machine", "dehumidifier"] = (
        "fridge"
    )
    freezer: FreezerOptions = Field(
        default_factory=lambda: FreezerOptions.model_validate({})
    )
    washing_machine: WashingMachineOptions = Field(
        default_factory=lambda: WashingMachineOptions.model_validate({})
    )
    dehumidifier: DehumidifierOptions = Field(
        default_factory=lambda: DehumidifierOptions.model_validate({})
    )


class Appliance(Protocol):
    """A load whose changes are known before they happen."""

    @property
    def next_change_s(self) -> float:
        """When its power will change by itself; ``inf`` if never. [s]"""
        ...

    def power_w(self, at_s: float) -> float:
        """Advance to a bench time and return true active power. [W]"""
        ...

    def energy_wh(self, at_s: float) -> float:
        """Energy drawn since the model began. [Wh]"""
        ...

    def feed(self, on: bool, *, at_s: float) -> None:
        """Give or cut supply."""
        ...


def make_appliance(options: ApplianceOptions, context: EmulatorContext) -> Appliance:
    """Return the appliance that the options name, in a state of the rig's seed."""
    now_s = context.clock.now_s()
    if options.appliance == "fridge":
        return Fridge(options, started_at_s=now_s)
    if options.appliance == "washing machine":
        return WashingMachine(
            options.washing_machine, started_at_s=now_s, rng=context.rng
        )
    luck = float(context.rng.random())
    if options.appliance == "freezer":
        return freezer(options.freezer, started_at_s=now_s, luck=luck)
    return dehumidifier(options.dehumidifier, started_at_s=now_s, luck=luck)
