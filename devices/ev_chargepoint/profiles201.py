"""Charging profiles of OCPP 2.0.1 for the engine that weighs those of 1.6.

The data differ, the meaning does not: identity is ``id``, a profile carries a list
of schedules, a transaction's id is a string, and the station's maximum has another
name. Source: OCPP 2.0.1 edition 3, part 2, block K and sections 2.11 to 2.15.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from devices.ev_chargepoint import profiles as engine
from devices.ev_chargepoint.limits import ProfileForm, charging_profile

Payload = dict[str, Any]

EXTERNAL = "ChargingStationExternalConstraints"
"""What somebody else than the CSMS asked for; the CSMS may only read it (3.2)."""
_PURPOSES = {
    "ChargingStationMaxProfile": "ChargePointMaxProfile",
    EXTERNAL: "ChargePointMaxProfile",  # alike: it only ever lowers (3.5)
}
"""Purposes by the names that the engine knows; the others are called the same."""
_SCHEDULE_ID = 1
EXTERNAL_ID = -1
"""K11.FR.06 recommends negative ids for limits from elsewhere."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile as the CSMS sent it, and as the engine weighs it."""

    evse: int
    payload: Payload
    profile: engine.Profile


def read(evse: int, payload: Payload) -> Installed:
    """Read a ``ChargingProfile`` that its JSON schema has passed.

    Raises
    ------
    ValueError
        If it breaks a rule that the schema cannot say; names its requirement.
    """
    schedules = payload["chargingSchedule"]
    if len(schedules) != 1:
        raise ValueError("more than one chargingSchedule without ISO 15118 (K01.FR.34)")
    _refuse_nonsense(payload, schedules[0])
    purpose = payload["chargingProfilePurpose"]
    as_before = {
        "chargingProfileId": payload["id"],
        "stackLevel": payload["stackLevel"],
        "chargingProfilePurpose": _PURPOSES.get(purpose, purpose),
        "chargingProfileKind": payload["chargingProfileKind"],
        "chargingSchedule": schedules[0],
    }
    for name in ("recurrencyKind", "validFrom", "validTo"):
        if name in payload:
            as_before[name] = payload[name]
    return Installed(evse, payload, engine.parse(evse, as_before))


def _refuse_nonsense(payload: Payload, schedule: Payload) -> None:
    kind, purpose = payload["chargingProfileKind"], payload["chargingProfilePurpose"]
    if purpose == "TxProfile" and "transactionId" not in payload:
        raise ValueError("a TxProfile has no transactionId (K01.FR.03)")
    if purpose == "ChargingStationMaxProfile" and kind == "Relative":
        raise ValueError("a ChargingStationMaxProfile is Relative (K01.FR.38)")
    if kind == "Relative" and "startSchedule" in schedule:
        raise ValueError("a Relative profile has a startSchedule (K01.FR.41)")
    if kind != "Relative" and "startSchedule" not in schedule:
        raise ValueError(f"an {kind} profile has no startSchedule (K01.FR.40)")
    for period in schedule["chargingSchedulePeriod"]:
        if "phaseToUse" in period and period.get("numberPhases") != 1:
            raise ValueError("phaseToUse without numberPhases = 1 (K01.FR.19)")


def conflicts(new: Installed, others: Iterable[Installed]) -> bool:
    """Whether another profile of its purpose and level may be in force with it.

    K01.FR.06, .39, .52 and .53; a TxDefaultProfile on EVSE 0 is on all of them.
    """
    return any(
        other.profile.profile_id != new.profile.profile_id
        and other.profile.purpose == new.profile.purpose
        and other.profile.stack_level == new.profile.stack_level
        and (other.evse == new.evse or 0 in {other.evse, new.evse})
        and other.profile.valid_from_s < new.profile.valid_to_s
        and new.profile.valid_from_s < other.profile.valid_to_s
        for other in others
    )


def fits(installed: Installed, asked: Payload) -> bool:
    """Whether a profile meets every criterion of a request (K09, K10.FR.04).

    ``asked`` may have ``evseId``, ``chargingProfilePurpose``, ``stackLevel``, and a
    list ``chargingProfileId``.
    """
    payload = installed.payload
    ids = asked.get("chargingProfileId")
    return (
        asked.get("evseId", installed.evse) == installed.evse
        and (ids is None or payload["id"] in ids)
        and all(
            asked.get(name, payload[name]) == payload[name]
            for name in ("chargingProfilePurpose", "stackLevel")
        )
    )


_KIND = ("chargingProfileKind", "recurrencyKind")


def limit_profile(
    limit_w: float, form: ProfileForm, *, transaction: str | None, start: str
) -> Payload:
    """Return the ChargingProfile that limits an EVSE from now on.

    The limit and its rounding are those of 1.6 (`limits.charging_profile`); in
    amperes it is per phase (K01.FR.51).

    Parameters
    ----------
    limit_w : float
        Total active power, all phases. [W]
    form : ProfileForm
        Identity, stack level, unit and phases.
    transaction : str or None
        The transaction that runs: it gets a TxProfile, else the next transactions
        get a TxDefaultProfile.
    start : str
        startSchedule, ISO 8601.
    """
    before = charging_profile(limit_w, form, transaction=None, start=start)
    profile = {
        "id": form.profile_id,
        "stackLevel": form.stack_level,
        "chargingProfilePurpose": "TxProfile" if transaction else "TxDefaultProfile",
        **{name: before[name] for name in _KIND if name in before},
        "chargingSchedule": [{"id": _SCHEDULE_ID, **before["chargingSchedule"]}],
    }
    return {**profile, "transactionId": transaction} if transaction else profile


def external_profile(limit_a: float, since: str) -> Installed:
    """Return the limit that somebody else than the CSMS asked for, per phase. [A]"""
    period = {"startPeriod": 0, "limit": limit_a}
    schedule = {
        "id": 1,
        "startSchedule": since,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [period],
    }
    payload = {
        "id": EXTERNAL_ID,
        "stackLevel": 0,
        "chargingProfilePurpose": EXTERNAL,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    return read(0, payload)
