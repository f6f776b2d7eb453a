"""What the emulated charging station of OCPP 2.0.1 answers about charging profiles.

Source: OCPP 2.0.1 edition 3, part 2, block K; requirement numbers stand where they
decide. Reason codes are those of its appendices (v1.4), ``reason_codes.csv``.
"""

from __future__ import annotations

import math

from devices.ev_chargepoint import profiles as engine
from devices.ev_chargepoint import profiles201
from devices.ev_chargepoint.profiles201 import EXTERNAL, Installed
from devices.ev_chargepoint.sampling201 import EVSE
from devices.ev_chargepoint.station201 import Station201
from devices.links.ocpp import Payload, Refusal

LONGEST_S = 31 * 86_400
"""The longest composite schedule that it reports; more is Rejected (K08.FR.05). [s]"""
ACCEPTED = {"status": "Accepted"}


class Rejected(Exception):
    """Something that the station answers with the status Rejected, and why."""


class SmartCharging:
    """Block K."""

    def __init__(self, station: Station201) -> None:
        self._station = station

    def install(self, asked: Payload) -> Payload:
        """K01."""
        station, faults = self._station, self._station.faults
        if faults.refuses_profiles:
            raise Refusal(faults.refuses_profiles, "charging profiles are refused")
        if faults.rejects_profiles:
            return rejected("UnsupportedRequest")
        try:
            new = profiles201.read(asked["evseId"], asked["chargingProfile"])
            self._refuse(new)
        except Rejected as why:
            return rejected(str(why))
        except (ValueError, OverflowError) as why:
            return rejected("InvalidProfile", str(why))
        station.installed[new.profile.profile_id] = new
        station.charging.install(new.profile)
        return ACCEPTED

    def _refuse(self, new: Installed) -> None:
        """Raise for what this station cannot hold or must not accept."""
        options, profile, payload = self._station.options, new.profile, new.payload
        units = {"Current": "A", "Power": "W"}
        held = [found for found in self._station.in_force() if found.evse >= 0]
        others = [found for found in held if found.payload["id"] != payload["id"]]
        taken = {found.payload["id"] for found in held if _is_external(found)}
        transaction = self._station.transaction
        known = transaction.ident if transaction is not None else None
        checks = (
            (new.evse not in {0, EVSE}, "UnknownEvse"),  # K01.FR.28
            (_is_external(new) or payload["id"] in taken, "InvalidProfile"),
            (
                profile.unit not in {units[unit] for unit in options.rate_units},
                "UnsupportedRateUnit",  # K01.FR.26
            ),
            (profile.stack_level > options.max_stack_level, "InvalidStackLevel"),
            (len(profile.periods) > options.max_periods, "TooManyElements"),
            (len(others) >= options.max_profiles, "TooManyElements"),
            (self._other_phase(payload), "InvalidSchedule"),
            (profiles201.conflicts(new, others), "DuplicateProfile"),
            (
                profile.purpose == "TxProfile" and payload["transactionId"] != known,
                "TxNotFound",  # K01.FR.09, .33
            ),
        )
        for wrong, why in checks:
            if wrong:
                raise Rejected(why)

    def _other_phase(self, payload: Payload) -> bool:
        """K01.FR.48: it charges on L1 and cannot switch to another phase."""
        periods = payload["chargingSchedule"][0]["chargingSchedulePeriod"]
        return any(period.get("phaseToUse", 1) != 1 for period in periods)

    def clear(self, asked: Payload) -> Payload:
        """K10: by id, or by all criteria; limits from elsewhere stay."""
        criteria = dict(asked.get("chargingProfileCriteria", {}))
        if "chargingProfileId" in asked:
            criteria = {"chargingProfileId": [asked["chargingProfileId"]]}
        gone = [
            found
            for found in self._station.in_force()
            if not _is_external(found) and profiles201.fits(found, criteria)
        ]
        for found in gone:
            ident = found.profile.profile_id
            del self._station.installed[ident]
            self._station.charging.clear(
                profile_id=ident, connector_id=None, purpose=None, stack_level=None
            )
        return ACCEPTED if gone else {"status": "Unknown"}

    def get(self, asked: Payload) -> Payload:
        """K09: one report for each EVSE and source."""
        criteria = dict(asked["chargingProfile"])
        sources = criteria.pop("chargingLimitSource", ["CSO", "EMS"])
        if "evseId" in asked:
            criteria["evseId"] = asked["evseId"]
        found: dict[tuple[str, int], list[Payload]] = {}
        for installed in self._station.in_force():
            source = "EMS" if _is_external(installed) else "CSO"
            if source in sources and profiles201.fits(installed, criteria):
                place = source, installed.evse
                found.setdefault(place, []).append(installed.payload)
        if not found:
            return {"status": "NoProfiles"}
        self._station.timers.after(0.0, lambda: self._report(asked["requestId"], found))
        return ACCEPTED

    def _report(self, ident: int, found: dict[tuple[str, int], list[Payload]]) -> None:
        for number, ((source, evse), profiles) in enumerate(found.items(), 1):
            payload = {
                "requestId": ident,
                "chargingLimitSource": source,
                "chargingProfile": profiles,
                "tbc": number < len(found),
                "evseId": evse,
            }
            self._station.uplink.post("ReportChargingProfiles", payload)

    def composite(self, asked: Payload) -> Payload:
        """K08."""
        station, duration_s = self._station, asked["duration"]
        units = {"A": "Current", "W": "Power"}
        unit, evse = asked.get("chargingRateUnit", "A"), asked["evseId"]
        if evse not in {0, EVSE}:
            return rejected("UnknownEvse")
        if units[unit] not in station.options.rate_units:
            return rejected("UnsupportedRateUnit")
        if not 0 < duration_s <= LONGEST_S:
            return rejected("ValueOutOfRange")
        schedule = {
            "chargingSchedulePeriod": [
                _period(step, unit) for step in station.charging.composite(duration_s)
            ],
            "evseId": evse,
            "duration": duration_s,
            "scheduleStart": station.stamp(),
            "chargingRateUnit": unit,
        }
        return {**ACCEPTED, "schedule": schedule}


def _period(step: engine.Step, unit: str) -> Payload:
    scale = 1.0 if unit == "A" else engine.LINE_V * step.phases
    return {
        "startPeriod": round(step.start_s),
        "limit": math.floor(step.limit_a * scale * 10 + 1e-6) / 10,
        "numberPhases": step.phases,
    }


def _is_external(found: Installed) -> bool:
    return bool(found.payload["chargingProfilePurpose"] == EXTERNAL)


def rejected(reason: str, more: str = "") -> Payload:
    """Return the status Rejected with its reason."""
    info = {"reasonCode": reason, **({"additionalInfo": more[:512]} if more else {})}
    return {"status": "Rejected", "statusInfo": info}
