"""What an emulated car says, and what it makes of a command: the Fleet API's members.

Source: see `devices.ev_direct.emulator`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from devices.ev_direct.car import Car

Body = Mapping[str, Any]


def charge_state(
    car: Car, *, at_s: float, voltage_v: float, timestamp_ms: int
) -> dict[str, Any]:
    """Return what the car says of its charging, in its own coarse steps."""
    current_a, power_w = car.vehicle.current_a(at_s), car.power_w(at_s)
    charging, highest_a = current_a > 0.0, round(car.highest_a)
    return {
        "battery_level": int(car.vehicle.soc_percent(at_s)),
        "charge_amps": round(car.shown_a),
        "charge_current_request": round(car.shown_a),
        "charge_current_request_max": highest_a,
        "charge_energy_added": round(car.vehicle.drawn_wh(at_s) / 1000.0, 2),
        "charge_limit_soc": car.limit_percent,
        "charge_port_latch": "Engaged" if car.plugged else "Disengaged",
        "charger_actual_current": round(current_a),
        "charger_phases": car.vehicle.phases if charging else None,
        "charger_pilot_current": highest_a,
        "charger_power": round(power_w / 1000.0),
        "charger_voltage": round(voltage_v) if charging else 2,
        "charging_state": _charging_state(car, charging, at_s),
        "conn_charge_cable": "IEC" if car.plugged else "<invalid>",
        **_departure(car),
        "timestamp": timestamp_ms,
    }


def _charging_state(car: Car, charging: bool, at_s: float) -> str:
    if not car.plugged:
        return "Disconnected"
    if car.tripped:
        return "NoPower"
    if charging:
        return "Charging"
    if car.charges:
        return "Starting"
    return "Complete" if car.is_full(at_s) else "Stopped"


def _departure(car: Car) -> dict[str, Any]:
    departs = car.departs_at
    return {
        "off_peak_charging_enabled": departs is not None,
        "scheduled_charging_mode": "DepartBy" if departs else "Off",
        "scheduled_charging_pending": car.waits,
        "scheduled_departure_time": int(departs.timestamp()) if departs else None,
        "scheduled_departure_time_minutes": (
            departs.hour * 60 + departs.minute if departs else 0
        ),
    }


# Commands: each returns why it did nothing, or ""; one that does not obey, the same.


def _charge_start(car: Car, _body: Body, *, obeys: bool, at_s: float) -> str:
    if not car.plugged:
        return "disconnected"
    if car.is_full(at_s):
        return "complete"
    if car.charges:
        return "is_charging"
    if obeys:
        car.enabled = True
        car.stop_waiting()
    return ""


def _charge_stop(car: Car, _body: Body, *, obeys: bool, at_s: float) -> str:
    del at_s
    if not car.charges:
        return "not_charging"
    if obeys:
        car.enabled = False
    return ""


def _set_charging_amps(car: Car, body: Body, *, obeys: bool, at_s: float) -> str:
    del at_s
    car.shown_a = min(float(_whole(body["charging_amps"], 0, 80)), car.highest_a)
    if obeys:
        car.requested_a = car.shown_a
    return ""


def _set_charge_limit(car: Car, body: Body, *, obeys: bool, at_s: float) -> str:
    del at_s
    percent = _whole(body["percent"], 50, 100)
    if percent == car.limit_percent:
        return "already_set"
    if obeys:
        car.limit_percent = percent
    return ""


def _set_scheduled_departure(car: Car, body: Body, *, obeys: bool, at_s: float) -> str:
    del at_s
    enable = body["enable"]
    if not isinstance(enable, bool):
        raise TypeError("enable")
    if not enable:
        car.forget_departure()
        car.stop_waiting()
        return ""
    minute = _whole(body["departure_time"], 0, 1439)
    if obeys and body.get("off_peak_charging_enabled") is True:
        car.depart(minute)
    return ""


COMMANDS: Mapping[str, Callable[..., str]] = {
    "charge_start": _charge_start,
    "charge_stop": _charge_stop,
    "set_charging_amps": _set_charging_amps,
    "set_charge_limit": _set_charge_limit,
    "set_scheduled_departure": _set_scheduled_departure,
}
"""By name. They raise KeyError, TypeError or ValueError for a body that will not do."""


def _whole(value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    if not least <= value <= most:
        raise ValueError(value)
    return value
