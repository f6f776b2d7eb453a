"""What reports say of a bench beside its verdicts."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.recording import Recording
from harness.trial.capturing import in_report
from harness.trial.clocks import role_clocks


def sections_of(recording: Recording) -> dict[str, dict[str, str]]:
    """Identities, calibration, safe state and clocks as the reports show them."""
    facts = recording.facts
    sections: dict[str, dict[str, str]] = {}
    identities = facts.get("identities")
    if isinstance(identities, Mapping):
        sections["Identities"] = {
            role: " ".join(str(part) for part in who.values() if part)
            for role, who in identities.items()
        }
    meters = facts.get("meters")
    if isinstance(meters, Mapping):
        sections["Calibration"] = {
            role: f"{meter['calibration']['document']}, "
            f"u = {100 * meter['relative_u']:.2g} % of reading, "
            f"due {meter['calibration']['due']}, sees {', '.join(meter['sees'])}"
            for role, meter in meters.items()
        }
    if quiet_s := facts.get("quiet_interval_s"):
        sections["Readings"] = {
            "while nothing of the plan happens": f"every {quiet_s:g} s, or every five "
            "of a meter's own intervals if that is sooner",
        }
    safe = facts.get("safe_state")
    if isinstance(safe, Mapping):
        sections["Safe state"] = {role: str(text) for role, text in safe.items()}
    if captured := in_report(facts):
        sections["Wire capture"] = captured
    if clocks := role_clocks(recording):
        sections["Clocks"] = {role: str(clock) for role, clock in clocks.items()}
    return sections
