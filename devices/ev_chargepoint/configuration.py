"""A charging station's configuration keys (OCPP 1.6 edition 2: 5.3, 5.8, 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from devices.ev_chargepoint.metering import MEASURANDS
from devices.ev_chargepoint.options import StationOptions

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its value, and what it may be set to (None: it is read-only)."""

    value: str
    allows: Callable[[str], bool] | None = None


class Configuration:
    """The station's keys; names are case-insensitive (7.15 to 7.19, 7.29)."""

    def __init__(self, options: StationOptions) -> None:
        self._settings = {**_core(options), **_smart_charging(options)}
        self._names = {name.lower(): name for name in self._settings}

    def text(self, name: str) -> str:
        """Return a value as it stands."""
        return self._settings[name].value

    def whole(self, name: str) -> int:
        """Return a value that is a whole number."""
        return int(self._settings[name].value)

    def items(self, name: str) -> tuple[str, ...]:
        """Return the items of a comma-separated list."""
        return tuple(part for part in self.text(name).split(",") if part)

    def put(self, name: str, value: str) -> None:
        """Set a key as the station itself does, read-only or not."""
        self._settings[name] = replace(self._settings[name], value=value)

    def get(self, wanted: Sequence[str]) -> Payload:
        """Answer GetConfiguration: all keys if none is named (5.8)."""
        known = [self._names.get(name.lower()) for name in wanted] or [*self._settings]
        answer: Payload = {
            "configurationKey": [self._entry(name) for name in known if name]
        }
        unknown = [name for name in wanted if name.lower() not in self._names]
        return {**answer, "unknownKey": unknown} if unknown else answer

    def _entry(self, name: str) -> Payload:
        setting = self._settings[name]
        readonly = setting.allows is None
        return {"key": name, "readonly": readonly, "value": setting.value}

    def change(self, key: str, value: str) -> str:
        """Answer ChangeConfiguration with a status (5.3)."""
        name = self._names.get(key.lower())
        if name is None:
            return "NotSupported"
        setting = self._settings[name]
        if setting.allows is None or not setting.allows(value):
            return "Rejected"
        self._settings[name] = replace(setting, value=value.replace(" ", ""))
        return "Accepted"


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _above_zero(text: str) -> bool:
    return _whole(text) and int(text) > 0


def _measurands(text: str) -> bool:
    """3.16.4: a list with one measurand that is not supported changes nothing."""
    return all(part.strip() in MEASURANDS for part in text.split(",")) if text else True


def _boolean(text: str) -> bool:
    return text in {"true", "false"}


def _core(options: StationOptions) -> dict[str, Setting]:
    register = "Energy.Active.Import.Register"  # the default of 9.1.17
    return {
        "AuthorizeRemoteTxRequests": Setting("false"),
        "ClockAlignedDataInterval": Setting("0", _whole),
        "ConnectionTimeOut": Setting("60", _whole),
        "ConnectorPhaseRotation": Setting(
            "1.RST" if options.phases == 3 else "1.NotApplicable"
        ),
        "GetConfigurationMaxKeys": Setting("50"),
        "HeartbeatInterval": Setting("300", _above_zero),
        "LocalAuthorizeOffline": Setting("true"),
        "LocalPreAuthorize": Setting("true"),
        "MeterValuesAlignedData": Setting(register, _measurands),
        "MeterValuesSampledData": Setting(register, _measurands),
        "MeterValueSampleInterval": Setting("60", _whole),
        "NumberOfConnectors": Setting("1"),
        "ResetRetries": Setting("0", _whole),
        "SecurityProfile": Setting("0"),
        "StopTransactionOnEVSideDisconnect": Setting("true"),
        "StopTransactionOnInvalidId": Setting("true"),
        "StopTxnAlignedData": Setting("", _measurands),
        "StopTxnSampledData": Setting("", _measurands),
        "SupportedFeatureProfiles": Setting("Core,SmartCharging,RemoteTrigger"),
        "TransactionMessageAttempts": Setting("3", _above_zero),
        "TransactionMessageRetryInterval": Setting("60", _whole),
        "UnlockConnectorOnEVSideDisconnect": Setting("false", _boolean),
    }


def _smart_charging(options: StationOptions) -> dict[str, Setting]:
    return {
        "ChargeProfileMaxStackLevel": Setting(str(options.max_stack_level)),
        "ChargingScheduleAllowedChargingRateUnit": Setting(
            ",".join(options.rate_units)
        ),
        "ChargingScheduleMaxPeriods": Setting(str(options.max_periods)),
        "ConnectorSwitch3to1PhaseSupported": Setting(
            "true" if options.switches_phases else "false"
        ),
        "MaxChargingProfilesInstalled": Setting(str(options.max_profiles)),
    }
