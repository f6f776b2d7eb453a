"""A photovoltaic inverter as SunSpec clients see it, with the model behind it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Literal

from pydantic import Field

from devices.links.sunspec_control import LIMIT_EXPORT, LIMIT_EXPORT_123
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
from devices.solar.model import Limit, Panels, SolarOptions
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

NEW_MODELS, OLD_MODELS = (1, 701, 702, 703, 704), (1, 103, 120, 121, 123)
_STATES_103 = {"at work": "MPPT", "held back": "THROTTLED", "tripped": "FAULT"}


class EmulatorOptions(SolarOptions):
    """The model's options, and how the emulator is reached."""

    unit: int = Field(1, ge=1, le=247)
    base_address: Literal[40000, 0, 50000] = 40000
    models: Literal["700", "100"] = "700"
    """Which generation of SunSpec models it speaks: 701 to 704, or 103 with 123."""
    maker: str = Field("Flexrig", min_length=1, max_length=32)
    product: str = Field("Emulated PV inverter", min_length=1, max_length=32)
    serial: str = Field("FR-PV-0001", min_length=1, max_length=32)
    register_gain_percent: float = Field(0.0, gt=-100, le=100)
    """Error of what the inverter itself shows of power and energy. [%]"""


class SolarMachine:
    """What the registers show of `Panels`, and what they ask of them."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._options, self._circuit = options, context.circuit
        self._gain = 1 + options.register_gain_percent / 100
        clock = context.clock
        self.panels = Panels(
            options,
            started_at_s=clock.now_s(),
            instant=lambda at_s: clock.starts_at + timedelta(seconds=at_s),
            rng=context.rng,
        )

    def show(self, chain: Chain, number: int, at_s: float) -> None:
        """Put power, energy and state into the registers."""
        if number not in (701, 103):
            return
        panels = self.panels
        flow = Flow(
            power_w=panels.power_w(at_s) * self._gain,
            reactive_var=0.0,
            voltage_v=self._circuit.voltage_v(at_s),
            frequency_hz=50.0 + 0.01 * math.sin(at_s / 11.0),
            energy_import_wh=panels.energy_import_wh * self._gain,
            energy_export_wh=panels.energy_export_wh * self._gain,
        )
        state = "held back" if panels.is_held_back else "at work"
        show = show_flow if number == 701 else _show_103
        show(chain, flow, "tripped" if panels.tripped else state)

    def obey(self, chain: Chain, at_s: float) -> None:
        """Hand the limit to the model."""
        self.panels.instruct(self._limit(chain), at_s=at_s)

    def _limit(self, chain: Chain) -> Limit:
        new = self._options.models == "700"
        number, enable = (704, "WMaxLimPctEna") if new else (123, "WMaxLim_Ena")
        ramp = chain.value(704, "WRmp") if new else self._options.ramp_percent_per_s
        if chain.raw(number, enable) != 1:
            return Limit(ramp_percent_per_s=ramp or 0.0)
        share = (chain.value(number, "WMaxLimPct") or 0.0) / 100
        return Limit(share * self._options.max_w, ramp or 0.0)

    def allows(self, key: Key, raw: Raw) -> bool:
        """Refuse a limit above 100 % of the rating."""
        if key[1] in ("WMaxLimPct", "WMaxLimPctRvrt"):
            return float(raw) <= 10_000
        return key != (704, "WRmp") or 0 < float(raw) <= 1000

    def trip(self, tripped: bool, at_s: float) -> None:
        """Disconnect, or start again."""
        self.panels.trip(tripped, at_s=at_s)

    def pace(self, factor: float, at_s: float) -> None:
        """Follow limits at a wrong pace."""
        self.panels.pace(factor, at_s=at_s)


class SolarEmulator:
    """The registers and the wire over `Panels`."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._machine = SolarMachine(context, options)
        self.panels = self._machine.panels
        new = options.models == "700"
        self._der = Der(
            _new_chain(options) if new else _old_chain(options),
            self._machine,
            functions=(LIMIT_EXPORT if new else LIMIT_EXPORT_123,),
            now_s=context.clock.now_s,
        )

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
        """Refuse: nobody does anything to panels on a roof."""
        raise ValueError(f"nobody can {action!r} with a PV inverter")

    def serving(self, *, unit: int, port: int) -> AbstractAsyncContextManager[None]:
        """Answer on a loopback port until left."""
        return self._der.serving(unit=unit, port=port)


def _new_chain(options: EmulatorOptions) -> Chain:
    chain = _chain(options, NEW_MODELS)
    put_capacity(chain, max_w=options.max_w, max_va=options.max_w, max_var=0.0)
    put_enter_service(chain)
    put_measured(chain)
    full = {"WMaxLimPct_SF": -2, "WMaxLimPct": 10_000, "WMaxLimPctRvrt": 10_000}
    put_function(chain, "WMaxLimPct", full)
    chain.put(704, {"WRmp": options.ramp_percent_per_s, "WRmpRef": 1})
    return chain


def _old_chain(options: EmulatorOptions) -> Chain:
    chain = _chain(options, OLD_MODELS)
    for number, rating in ((120, "WRtg"), (121, "WMax")):
        chain.put(number, {f"{rating}_SF": 0})
        chain.show(number, {rating: options.max_w})
    chain.put(120, {"DERTyp": model(120).symbol("DERTyp", "PV")})
    scales = {"A_SF": -2, "V_SF": -1, "W_SF": 0, "Hz_SF": -2, "VA_SF": 0}
    chain.put(103, {**scales, "VAr_SF": 0, "WH_SF": 0, "Tmp_SF": 0})
    chain.put(103, {"Evt1": 0, "Evt2": 0})
    limit = {"WMaxLimPct_SF": -2, "WMaxLimPct": 10_000, "WMaxLim_Ena": 0}
    chain.put(123, {**limit, "WMaxLimPct_RvrtTms": 0, "Conn": 1})
    return chain


def _chain(options: EmulatorOptions, numbers: tuple[int, ...]) -> Chain:
    chain = Chain(options.base_address, [model(number) for number in numbers])
    put_identity(chain, options.maker, options.product, options.serial, options.unit)
    return chain


def _show_103(chain: Chain, flow: Flow, state: str) -> None:
    """Fill model 103: all on the first phase, as in most British homes."""
    apparent_va = math.hypot(flow.power_w, flow.reactive_var)
    amperes = apparent_va / flow.voltage_v
    chain.show(
        103,
        {
            "A": amperes,
            "AphA": amperes,
            "PhVphA": flow.voltage_v,
            "W": -flow.power_w,
            "Hz": flow.frequency_hz,
            "VA": apparent_va,
            "VAr": -flow.reactive_var,
            "WH": flow.energy_export_wh,
            "St": model(103).symbol("St", _STATES_103[state]),
        },
    )


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[SolarEmulator]:
    """Wire panels into the circuit and serve their inverter's registers."""
    emulator = SolarEmulator(context, options)
    context.circuit.attach(context.role, emulator.panels)
    async with emulator.serving(unit=options.unit, port=context.port):
        yield emulator
