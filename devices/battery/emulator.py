"""An inverter with a battery, as SunSpec clients see it, with the model behind it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field

from devices.battery.model import Battery, BatteryOptions, Controls
from devices.links.sunspec_control import SET_POWER, SET_REACTIVE
from devices.links.sunspec_der import Der
from devices.links.sunspec_fill import (
    Flow,
    put_capacity,
    put_enter_service,
    put_function,
    put_identity,
    put_measured,
    show_flow,
)
from devices.links.sunspec_map import Raw, model
from devices.links.sunspec_server import Chain, Key
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

LOOK_S = 1.0
"""How often self-consumption looks at the home. [s]"""
MODELS = (1, 701, 702, 703, 704, 713, 802)
BATTERY_DISCONNECTED, BATTERY_CONNECTED = 1, 3
"""Model 802, ``State``."""


class EmulatorOptions(BatteryOptions):
    """The model's options, and how the emulator is reached."""

    unit: int = Field(1, ge=1, le=247)
    base_address: Literal[40000, 0, 50000] = 40000
    maker: str = Field("Flexrig", min_length=1, max_length=32)
    product: str = Field("Emulated storage inverter", min_length=1, max_length=32)
    serial: str = Field("FR-0001", min_length=1, max_length=32)
    register_gain_percent: float = Field(0.0, gt=-100, le=100)
    """Error of what the inverter itself shows of power and energy. [%]"""


class VehicleOptions(EmulatorOptions):
    """The same for a vehicle at a bidirectional charger."""

    capacity_wh: float = Field(60_000.0, gt=0, le=500_000)
    max_charge_w: float = Field(7400.0, gt=0, le=30_000)
    max_discharge_w: float = Field(7400.0, gt=0, le=30_000)
    max_apparent_va: float = Field(7400.0, gt=0, le=30_000)
    reserve_soc_percent: float = Field(30.0, ge=0, lt=100)
    """Kept for driving until somebody writes another reserve. [%]"""
    product: str = Field("Emulated V2G charger", min_length=1, max_length=32)
    serial: str = Field("FR-V2G-0001", min_length=1, max_length=32)
    start_plugged: bool = True
    drive_wh: float = Field(8000.0, ge=0)
    """What the vehicle uses between being unplugged and plugged in again. [Wh]"""


class BatteryMachine:
    """What the registers show of a `Battery`, and what they ask of it."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._options, self._circuit = options, context.circuit
        self._gain = 1 + options.register_gain_percent / 100
        self.battery = Battery(
            options, started_at_s=context.clock.now_s(), rng=context.rng
        )

    def show(self, chain: Chain, number: int, at_s: float) -> None:
        """Put power, energy and state of charge into the registers."""
        battery = self.battery
        if number == 701:
            held_back = "held back" if battery.is_held_back else "at work"
            flow = self._flow(at_s)
            show_flow(chain, flow, "tripped" if battery.tripped else held_back)
        elif number in (713, 802):
            battery.advance(at_s)
            self._show_cells(chain, number, at_s)

    def _flow(self, at_s: float) -> Flow:
        battery = self.battery
        return Flow(
            power_w=battery.power_w(at_s) * self._gain,
            reactive_var=battery.reactive_var(at_s),
            voltage_v=self._circuit.voltage_v(at_s),
            frequency_hz=50.0 + 0.01 * math.sin(at_s / 11.0),
            energy_import_wh=battery.energy_import_wh * self._gain,
            energy_export_wh=battery.energy_export_wh * self._gain,
        )

    def _show_cells(self, chain: Chain, number: int, at_s: float) -> None:
        battery = self.battery
        soc = battery.soc_percent if battery.plugged else None
        if number == 713:
            left_wh = battery.stored_wh if battery.plugged else None
            chain.show(713, {"SoC": soc, "WHAvail": left_wh})
            return
        state = BATTERY_CONNECTED if battery.plugged else BATTERY_DISCONNECTED
        power_w = -battery.power_w(at_s)
        chain.show(802, {"State": state, "SoC": soc, "W": power_w})

    def obey(self, chain: Chain, at_s: float) -> None:
        """Hand what the registers ask for to the model."""
        self.battery.instruct(controls_of(chain), at_s=at_s)

    def allows(self, key: Key, raw: Raw) -> bool:
        """Refuse setpoints beyond the ratings."""
        options, value = self._options, float(raw)
        if key in ((704, "WSet"), (704, "WSetRvrt")):
            return -options.max_charge_w <= value <= options.max_discharge_w
        if key in ((704, "VarSet"), (704, "VarSetRvrt")):
            return abs(value) <= options.max_reactive_var
        if key in ((704, "WSetPct"), (704, "WSetPctRvrt")):
            return abs(value) <= 1000
        if key == (802, "SoCRsvMin"):
            return 0 <= value < 1000
        if key == (704, "VarSetMod"):
            return value == model(704).symbol("VarSetMod", "VARS")
        return key != (704, "WRmp") or 0 < value <= 1000

    def trip(self, tripped: bool, at_s: float) -> None:
        """Open or close the contactor."""
        self.battery.trip(tripped, at_s=at_s)

    def pace(self, factor: float, at_s: float) -> None:
        """Ramp at a wrong pace."""
        self.battery.pace(factor, at_s=at_s)


def controls_of(chain: Chain) -> Controls:
    """Read the model's controls from the registers.

    SunSpec counts what is fed in as positive, active (model 704: "may be negative for
    charging") and reactive (model 701: "injected"); here what is drawn is.
    """
    reactive_var = chain.value(704, "VarSet") or 0.0
    return Controls(
        power_w=_asked_w(chain) if chain.raw(704, "WSetEna") == 1 else None,
        reactive_var=-reactive_var if chain.raw(704, "VarSetEna") == 1 else 0.0,
        reactive_first=chain.raw(704, "VarSetPri") == 1,
        ramp_percent_per_s=chain.value(704, "WRmp") or 0.0,
        reserve_soc_percent=chain.value(802, "SoCRsvMin") or 0.0,
    )


def _asked_w(chain: Chain) -> float:
    """Return the setpoint, in watts or as a share of the rating, charging positive."""
    if chain.raw(704, "WSetMod") == model(704).symbol("WSetMod", "WATTS"):
        return -(chain.value(704, "WSet") or 0.0)
    share = (chain.value(704, "WSetPct") or 0.0) / 100
    return -share * (chain.value(702, "WMax") or 0.0)


class BatteryEmulator:
    """The registers and the wire over a `Battery`; a person may unplug a vehicle."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._context, self._options = context, options
        self._now_s = context.clock.now_s
        self._machine = BatteryMachine(context, options)
        self.battery = self._machine.battery
        self._der = Der(
            _chain(options),
            self._machine,
            functions=(SET_POWER, SET_REACTIVE),
            now_s=self._now_s,
        )
        self._look: asyncio.TimerHandle | None = None
        if isinstance(options, VehicleOptions) and not options.start_plugged:
            self.battery.plug(False, at_s=self._now_s())

    @property
    def address(self) -> str:
        """Where a driver finds it."""
        return self._der.address

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return self._der.breaks

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; see `Breakable`."""
        self._der.impose(fault)

    def lift(self, kind: FaultKind) -> None:
        """Be well again; see `Breakable`."""
        self._der.lift(kind)

    def operate(self, action: str) -> None:
        """Plug a vehicle in or out; nobody does anything to a battery on a wall."""
        options = self._options
        if not isinstance(options, VehicleOptions):
            raise ValueError(f"nobody can {action!r} with a battery")
        if action not in OPERATIONS:
            can = ", ".join(OPERATIONS)
            raise ValueError(f"nobody can {action!r} with a V2G charger; can: {can}")
        self.battery.plug(
            OPERATIONS[action], at_s=self._now_s(), used_wh=options.drive_wh
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve the registers, and look at the home if that is what it does."""
        options = self._options
        if options.own_control == "self_consumption":
            self._follow()
        try:
            async with self._der.serving(unit=options.unit, port=self._context.port):
                yield
        finally:
            if self._look is not None:
                self._look.cancel()

    def _follow(self) -> None:
        """Head for the power that would bring the home's import to 0.

        On a timer, as a meter looks: a circuit's time never goes back.
        """
        now_s, circuit = self._now_s(), self._context.circuit
        others = [role for role in circuit.roles if role != self._context.role]
        self.battery.follow(-circuit.power_w(others, now_s), at_s=now_s)
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(LOOK_S, self._follow)


OPERATIONS = {"unplug": False, "plug in": True}
"""What a person can do to a vehicle at a charger."""


def _chain(options: EmulatorOptions) -> Chain:
    """The map with what it holds when the power comes on."""
    chain = Chain(options.base_address, [model(number) for number in MODELS])
    put_identity(chain, options.maker, options.product, options.serial, options.unit)
    put_capacity(
        chain,
        max_w=max(options.max_charge_w, options.max_discharge_w),
        max_va=options.max_apparent_va,
        max_var=options.max_reactive_var,
        charge_w=options.max_charge_w,
        discharge_w=options.max_discharge_w,
    )
    put_enter_service(chain)
    put_measured(chain)
    put_function(chain, "WSet", {"WSetMod": 1, "WSet": 0, "WSetRvrt": 0})
    chain.put(704, {"WSetPct_SF": -1, "WSetPct": 0, "WSetPctRvrt": 0, "WSet_SF": 0})
    vars_mode = model(704).symbol("VarSetMod", "VARS")
    put_function(
        chain, "VarSet", {"VarSetMod": vars_mode, "VarSet": 0, "VarSetRvrt": 0}
    )
    chain.put(704, {"VarSet_SF": 0, "VarSetPri": 0})
    chain.put(704, {"WRmp": options.ramp_percent_per_s, "WRmpRef": 1})
    _put_cells(chain, options)
    return chain


def _put_cells(chain: Chain, options: EmulatorOptions) -> None:
    """Fill models 713 and 802: what the cells can hold, take and give."""
    rated = {"WHRtg": options.capacity_wh}
    chain.put(713, {"WH_SF": 1, "Pct_SF": -1, "Sta": 0})
    chain.show(713, {**rated, "SoH": 100.0})
    scales = ("AHRtg_SF", "V_SF", "CellV_SF", "A_SF", "AMax_SF", "W_SF")
    chain.put(802, dict.fromkeys(scales, 0))
    chain.put(802, {"WHRtg_SF": 1, "WChaDisChaMax_SF": 0, "SoC_SF": -1})
    chain.show(
        802,
        {
            **rated,
            "WChaRteMax": options.max_charge_w,
            "WDisChaRteMax": options.max_discharge_w,
            "SoCMax": 100.0,
            "SoCMin": options.min_soc_percent,
            "SoCRsvMin": options.reserve_soc_percent,
        },
    )
    lithium = model(802).symbol("Typ", "LITHIUM_ION")
    chain.put(802, {"Typ": lithium, "LocRemCtl": 0, "Evt1": 0})


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[BatteryEmulator]:
    """Wire a battery into the circuit and serve its registers."""
    emulator = BatteryEmulator(context, options)
    context.circuit.attach(context.role, emulator.battery)
    async with emulator.running():
        yield emulator
