"""The device model of an emulated charging station: components and their variables.

Source: OCPP 2.0.1 edition 3, part 2, B05 to B07, and its appendices (v1.4),
``dm_components_vars.csv``. Names are case-insensitive; only the attribute Actual
exists, and no instances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from devices.ev_chargepoint.metering import MEASURANDS
from devices.ev_chargepoint.options201 import StationOptions201

Payload = dict[str, Any]
Name = tuple[str, str]
"""A component and a variable of it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: its value, and what it may be set to (None: it is read-only)."""

    value: str
    data_type: str = "string"
    allows: Callable[[str], bool] | None = None


class Variables:
    """What the station lets a CSMS read and set."""

    def __init__(self, options: StationOptions201) -> None:
        self._options = options
        self.forget()

    def forget(self) -> None:
        """Return to what the station came with."""
        self._known = _settings() | _smart_charging(self._options)
        self._names = {_folded(name): name for name in self._known}
        self._components = {component for component, _variable in self._names}

    def text(self, component: str, variable: str) -> str:
        """Return a value as it stands."""
        return self._known[component, variable].value

    def whole(self, component: str, variable: str) -> int:
        """Return a value that is a whole number."""
        return int(self.text(component, variable))

    def items(self, component: str, variable: str) -> tuple[str, ...]:
        """Return the items of a comma-separated list."""
        text = self.text(component, variable)
        return tuple(part for part in text.split(",") if part)

    def put(self, component: str, variable: str, value: object) -> None:
        """Set a value from inside the station."""
        name = component, variable
        self._known[name] = replace(self._known[name], value=str(value))

    def get(self, asked: Payload) -> Payload:
        """Answer one item of GetVariables (B06)."""
        name, status = self._find(asked)
        result = {"attributeStatus": status, **_echo(asked)}
        if name is None:
            return result
        return {**result, "attributeValue": self._known[name].value}

    def change(self, asked: Payload) -> Payload:
        """Answer one item of SetVariables (B05)."""
        name, status = self._find(asked)
        if name is None:
            return {"attributeStatus": status, **_echo(asked)}
        variable, value = self._known[name], asked["attributeValue"]
        if variable.allows is None or not variable.allows(value):
            return {"attributeStatus": "Rejected", **_echo(asked)}
        self._known[name] = replace(variable, value=value.replace(" ", ""))
        return {"attributeStatus": "Accepted", **_echo(asked)}

    def report(self) -> list[Payload]:
        """Return every variable as NotifyReport wants it (B07)."""
        return [
            {
                "component": {"name": component},
                "variable": {"name": variable},
                "variableAttribute": [
                    {
                        "value": found.value,
                        "mutability": "ReadWrite" if found.allows else "ReadOnly",
                    }
                ],
                "variableCharacteristics": {
                    "dataType": found.data_type,
                    "supportsMonitoring": False,
                },
            }
            for (component, variable), found in self._known.items()
        ]

    def _find(self, asked: Payload) -> tuple[Name | None, str]:
        """Return the variable meant, or None and why there is none."""
        component, variable = asked["component"], asked["variable"]
        folded = _folded((component["name"], variable["name"]))
        if asked.get("attributeType", "Actual") != "Actual":
            return None, "NotSupportedAttributeType"
        if folded[0] not in self._components or {"evse", "instance"} & {*component}:
            return None, "UnknownComponent"
        if folded not in self._names or "instance" in variable:
            return None, "UnknownVariable"
        return self._names[folded], "Accepted"


def _folded(name: Name) -> Name:
    return name[0].lower(), name[1].lower()


def _echo(asked: Payload) -> Payload:
    kept = ("attributeType", "component", "variable")
    return {name: asked[name] for name in kept if name in asked}


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _above_zero(text: str) -> bool:
    return _whole(text) and int(text) > 0


def _boolean(text: str) -> bool:
    return text in {"true", "false"}


def _measurands(text: str) -> bool:
    return all(part.strip() in MEASURANDS for part in text.split(",")) if text else True


def _settings() -> dict[Name, Variable]:
    register = "Energy.Active.Import.Register"
    listed = (
        ("AlignedDataCtrlr", "Measurands"),
        ("SampledDataCtrlr", "TxStartedMeasurands"),
        ("SampledDataCtrlr", "TxUpdatedMeasurands"),
        ("SampledDataCtrlr", "TxEndedMeasurands"),
    )
    return {
        **{name: Variable(register, "MemberList", _measurands) for name in listed},
        ("AlignedDataCtrlr", "Interval"): Variable("0", "integer", _whole),
        ("AlignedDataCtrlr", "SendDuringIdle"): Variable("false", "boolean", _boolean),
        ("OCPPCommCtrlr", "HeartbeatInterval"): Variable("300", "integer", _above_zero),
        ("OCPPCommCtrlr", "RetryBackOffRandomRange"): Variable("1", "integer", _whole),
        ("OCPPCommCtrlr", "RetryBackOffRepeatTimes"): Variable("6", "integer", _whole),
        ("OCPPCommCtrlr", "RetryBackOffWaitMinimum"): Variable("1", "integer", _whole),
        ("SampledDataCtrlr", "TxUpdatedInterval"): Variable("60", "integer", _whole),
        ("SecurityCtrlr", "SecurityProfile"): Variable("0", "integer"),
        ("TxCtrlr", "StopTxOnEVSideDisconnect"): Variable("true", "boolean"),
        ("TxCtrlr", "TxStartPoint"): Variable("EVConnected", "MemberList"),
        ("TxCtrlr", "TxStopPoint"): Variable("EVConnected", "MemberList"),
    }


def _smart_charging(options: StationOptions201) -> dict[Name, Variable]:
    letters = {"Current": "A", "Power": "W"}
    units = ",".join(letters[unit] for unit in options.rate_units)
    switches = "true" if options.switches_phases else "false"
    smart, station = "SmartChargingCtrlr", "ChargingStation"
    return {
        (smart, "Enabled"): Variable("true", "boolean"),
        (smart, "Entries"): Variable(str(options.max_profiles), "integer"),
        (smart, "PeriodsPerSchedule"): Variable(str(options.max_periods), "integer"),
        (smart, "Phases3to1"): Variable(switches, "boolean"),
        (smart, "ProfileStackLevel"): Variable(str(options.max_stack_level), "integer"),
        (smart, "RateUnit"): Variable(units, "MemberList"),
        (station, "FirmwareVersion"): Variable(options.firmware),
        (station, "Model"): Variable(options.model),
        (station, "SerialNumber"): Variable(options.serial),
        (station, "VendorName"): Variable(options.vendor),
    }
