"""Setting a station up over the device model of OCPP 2.0.1.

Source: OCPP 2.0.1 edition 3, part 2: B05 (SetVariables), B06 (GetVariables), and the
referenced components and variables of chapter 2 of the appendix to block B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from devices.ev_chargepoint.csms import Csms
from devices.links.ocpp import Payload
from harness.core.errors import LinkError, RigError

Name = tuple[str, str]
"""A component and a variable of it."""

RATE_UNIT: Name = ("SmartChargingCtrlr", "RateUnit")
STACK_LEVEL: Name = ("SmartChargingCtrlr", "ProfileStackLevel")
PERIODS: Name = ("SmartChargingCtrlr", "PeriodsPerSchedule")
_LIMITS = (RATE_UNIT, STACK_LEVEL, PERIODS)
_MEASURANDS = (
    ("SampledDataCtrlr", "TxUpdatedMeasurands"),
    ("SampledDataCtrlr", "TxStartedMeasurands"),
    ("SampledDataCtrlr", "TxEndedMeasurands"),
    ("AlignedDataCtrlr", "Measurands"),
)
"""The last is also what TriggerMessage brings (F06)."""
_IDENTITY = {
    "VendorName": "vendorName",
    "Model": "model",
    "SerialNumber": "serialNumber",
    "FirmwareVersion": "firmwareVersion",
}
"""Variables of ChargingStation, and what BootNotification calls them."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the harness wants of a station."""

    rate_unit: Literal["A", "W"]
    stack_level: int
    sample_interval_s: int
    aligned_interval_s: int
    heartbeat_interval_s: int
    ping_interval_s: int
    measurands: tuple[str, ...]


class Setup:
    """Reads what the station can do, and sets what it shall do."""

    def __init__(self, line: Csms, wishes: Wishes) -> None:
        self._line, self._wishes = line, wishes

    async def carry_out(self) -> None:
        """Check the station's limits, then set its meter values and intervals.

        Raises
        ------
        RigError
            If the options ask for what the station does not have.
        """
        self._check(await self.read(_LIMITS))
        for component, variable in _MEASURANDS:
            await self._set_measurands(component, variable)
        wishes = self._wishes
        for name, value in (
            (("SampledDataCtrlr", "TxUpdatedInterval"), wishes.sample_interval_s),
            # true would mean: only while nothing charges (J01.FR.19)
            (("AlignedDataCtrlr", "SendDuringIdle"), "false"),
            (("AlignedDataCtrlr", "Interval"), wishes.aligned_interval_s),
            (("OCPPCommCtrlr", "HeartbeatInterval"), wishes.heartbeat_interval_s),
            (("OCPPCommCtrlr", "WebSocketPingInterval"), wishes.ping_interval_s),
        ):
            await self._set(name, value)

    async def read_identity(self) -> Payload:
        """Return what a BootNotification would say, from the device model."""
        found = await self.read([("ChargingStation", name) for name in _IDENTITY])
        station = {
            key: found["ChargingStation", name]
            for name, key in _IDENTITY.items()
            if found.get(("ChargingStation", name))
        }
        missing = {"vendorName", "model"} - {*station}
        if missing:
            fact = f"the station does not tell its {' nor '.join(sorted(missing))}"
            raise LinkError(self._line.where, fact, "restarting the station")
        return {"chargingStation": station}

    def _check(self, found: dict[Name, str]) -> None:
        wishes, where = self._wishes, self._line.where
        units = [part.strip() for part in found.get(RATE_UNIT, "").split(",")]
        if any(units) and wishes.rate_unit not in units:
            fact = f'rate_unit "{wishes.rate_unit}" is not among the station\'s'
            raise RigError(where, f"{fact} {', '.join(units)}", f'"{units[0]}"')
        highest = found.get(STACK_LEVEL, "")
        if highest.isdecimal() and wishes.stack_level > int(highest):
            fact = f"stack_level {wishes.stack_level} is above the station's"
            raise RigError(where, f"{fact} {highest}", f"{highest} or less")
        if found.get(PERIODS) == "0":
            fact = "the station's schedules have no periods (PeriodsPerSchedule = 0)"
            raise RigError(where, fact, "a station with smart charging")

    async def read(self, names: Sequence[Name]) -> dict[Name, str]:
        """Read variables; one that the station does not have is left out."""
        request = {"getVariableData": [_named(name) for name in names]}
        answer = await self._line.call("GetVariables", request)
        return {
            (item["component"]["name"], item["variable"]["name"]): item.get(
                "attributeValue", ""
            )
            for item in answer["getVariableResult"]
            if item["attributeStatus"] == "Accepted"
        }

    async def _set(self, name: Name, value: object) -> bool:
        """Set one variable; stations differ in how many they take at once."""
        item = {"attributeValue": str(value), **_named(name)}
        answer = await self._line.call("SetVariables", {"setVariableData": [item]})
        status = answer["setVariableResult"][0]["attributeStatus"]
        if status != "Accepted":
            self._line.tell("status", f"{'.'.join(name)} = {value}: {status}")
        return status in {"Accepted", "RebootRequired"}

    async def _set_measurands(self, component: str, variable: str) -> None:
        measurands = self._wishes.measurands
        while measurands and not await self._set(
            (component, variable), ",".join(measurands)
        ):
            measurands = measurands[:-1]


def _named(name: Name) -> Payload:
    return {"component": {"name": name[0]}, "variable": {"name": name[1]}}
