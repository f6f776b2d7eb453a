"""How an emulated charging station and its vehicle are set up, faults included."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devices.links.lying_clock import Lie
from devices.links.ocpp_security import StationSecurity
from harness.core.bench import Options


class Faults(Options):
    """What a deliberately bad station does wrong; each is off unless set."""

    ignores_profiles: bool = False
    """Accepts charging profiles, reports them in composites, and offers as before."""
    rejects_profiles: Literal["", "Rejected", "NotSupported"] = ""
    """Answers SetChargingProfile with this status."""
    refuses_profiles: str = ""
    """Answers SetChargingProfile with this CALLERROR code, such as InternalError."""
    watts_as_amperes: bool = False
    """Reads a limit in watts as amperes."""
    draws_at_most_a: float | None = Field(default=None, gt=0)
    """The vehicle draws no more than this, whatever is offered. [A]"""
    response_delay_s: float = Field(default=0.0, ge=0)
    """Follows its profiles this much later, having accepted at once. [s]"""
    drops_profile_after_s: float | None = Field(default=None, gt=0)
    """Forgets a profile this long after accepting it. [s]"""
    overshoot_a: float | None = Field(default=None, gt=0)
    """After a profile is cleared it offers this much, above its own limit. [A]"""
    overshoot_s: float = Field(default=60.0, gt=0)
    """How long the overshoot lasts. [s]"""
    status_delay_s: float = Field(default=0.0, ge=0)
    """Tells of status changes and of ended transactions this much later. [s]"""
    vanishes_at_s: float | None = None
    """Bench time at which the connection drops, for good. [s]"""
    malformed_json_at_s: float | None = None
    """Bench time at which it sends a message cut short. [s]"""
    clock_lie: Lie = ""
    """What the time stamps of meter values tell instead of the station's time: see
    `devices.links.lying_clock`."""


class StationOptions(StationSecurity):
    """A charging station with one connector, and the vehicle behind it."""

    vendor: str = Field(default="Flexrig", max_length=20)
    model: str = Field(default="Emulated AC 1", max_length=20)
    serial: str = Field(default="0001", max_length=25)
    firmware: str = Field(default="1.0", max_length=50)
    phases: Literal[1, 3] = 1
    """Phases of both the station and the vehicle's charger."""
    max_current_a: float = Field(default=32.0, ge=6, le=80)
    """What the station offers when no profile limits it, per phase. [A]"""
    onboard_limit_a: float = Field(default=32.0, gt=0)
    """What the vehicle's charger takes at most, per phase. [A]"""
    battery_kwh: float = Field(default=75.0, gt=0)
    soc_percent: float = Field(default=20.0, ge=0, le=100)
    efficiency: float = Field(default=0.9, gt=0, le=1)
    taper_soc_percent: float = Field(default=90.0, ge=0, lt=100)
    """From here to full the vehicle takes less and less."""
    ramp_a_per_s: float = Field(default=10.0, gt=0)
    """How fast the vehicle changes its current, either way. [A/s]"""
    reaction_s: float = Field(default=2.0, ge=0)
    """The least time from a changed duty to the vehicle's first move. [s]"""
    reaction_spread_s: float = Field(default=1.0, ge=0)
    """On top of it, evenly spread and drawn anew each time; 0 for none. [s]"""
    wake_up_s: float = Field(default=5.0, ge=0)
    """Extra time for the vehicle to start from a pause. [s]"""
    pwm_spacing_s: float = Field(default=5.0, ge=0)
    """The station changes the duty of the control pilot no more often. [s]"""
    plugged_in: bool = True
    """Whether the vehicle is plugged in, and so charging, at the start."""
    knows_soc: bool = True
    """Whether the vehicle tells its state of charge."""
    own_meter_gain_percent: float = Field(default=0.0, gt=-100)
    """How much too high the station's own meter reads."""
    register_start_wh: float = Field(default=0.0, ge=0)
    """What the station's energy register shows at the start. [Wh]"""
    clock_offset_s: float = 0.0
    """How far the station's clock is ahead of the right time at bench second 0. [s]"""
    clock_drift_s_per_day: float = Field(default=0.0, ge=-3600, le=3600)
    """How much the station's clock gains in a day; negative is slow. [s]"""
    reboot_s: float = Field(default=10.0, ge=0)
    """How long a reset takes. [s]"""
    max_stack_level: int = Field(default=8, ge=0)
    """ChargeProfileMaxStackLevel."""
    max_profiles: int = Field(default=20, ge=1)
    """MaxChargingProfilesInstalled."""
    max_periods: int = Field(default=24, ge=1)
    """ChargingScheduleMaxPeriods."""
    rate_units: tuple[Literal["Current", "Power"], ...] = ("Current", "Power")
    """ChargingScheduleAllowedChargingRateUnit."""
    switches_phases: bool = False
    """ConnectorSwitch3to1PhaseSupported: a period's numberPhases is obeyed."""
    phase_switch_s: float = Field(default=10.0, ge=0)
    """How long charging pauses to change its phases. [s]"""
    aligned_values: Literal["averages", "instants"] = "averages"
    """Clock-aligned values: means over the interval, stamped with its start, as 9.1.5
    has them; or, as many stations do, what is at its end, stamped so."""
    random_delay: Literal["off", "schedule", "always"] = "off"
    """What waits a random time before it is followed: changes by schedule, as the
    Smart Charge Points Regulations want it; or instructions too, which is wrong."""
    random_delay_s: int = Field(default=600, ge=1, le=1800)
    """The longest random delay. [s]"""
    default_hours: bool = False
    """Whether it charges in its default hours alone while no profile is in force."""
    faults: Faults = Faults()
