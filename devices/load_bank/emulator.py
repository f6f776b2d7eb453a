"""An emulated AC load on its real wire: SCPI over TCP, with the model behind it."""

from __future__ import annotations

import math
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

from pydantic import Field

from devices.links.scpi_server import (
    EXTRA_PARAMETER,
    ILLEGAL_VALUE,
    MISSING_PARAMETER,
    OUT_OF_RANGE,
    SYNTAX,
    Act,
    Instrument,
    ScpiError,
    serve_scpi,
)
from devices.links.standing_faults import StandingFaults
from devices.load_bank.model import LoadBank, LoadBankOptions, LoadPoint
from harness.core.bench import EmulatorContext
from harness.core.faults import Fault, FaultKind

FAULTS = (
    FaultKind.GAP,
    FaultKind.IGNORES,
    FaultKind.RAMPS_WRONG,
    FaultKind.TRIPS,
)
NOMINAL_HZ = 50.0


class EmulatorOptions(LoadBankOptions):
    """The model's options, and what the load says of itself."""

    product: str = Field("IT8615", pattern=r"^IT86[0-9A-Z]{1,12}$")
    leading_sign: Literal["-", "+"] = "-"
    """The sign of a power factor that leads."""
    own_meter_gain_percent: float = Field(0.0, gt=-100, le=100)
    """How much too high its own measurements of current and power read. [%]"""
    reply_delay_s: float = Field(0.0, ge=0, le=60)
    """How long it takes to answer. [s]"""


class LoadBankEmulator:
    """The commands of an AC load over a `LoadBank`."""

    def __init__(self, context: EmulatorContext, options: EmulatorOptions) -> None:
        self._options, self._now_s = options, context.clock.now_s
        self._voltage_v = context.circuit.voltage_v
        self.bank = LoadBank(options, self._voltage_v)
        self._set, self._is_on = LoadPoint(), False
        self._faults = StandingFaults(
            "an electronic load", FAULTS, amounts=(FaultKind.RAMPS_WRONG,)
        )
        serial = zlib.crc32(context.role.encode()) % 10**9
        self._identity = f"ITECH Ltd.,{options.product},8{serial:09d},emulated"
        self.instrument = Instrument(self._commands())
        self.address = ""

    @property
    def breaks(self) -> tuple[FaultKind, ...]:
        """The device faults that it can have."""
        return self._faults.kinds

    @property
    def is_silent(self) -> bool:
        """Whether it answers nothing now."""
        return FaultKind.GAP in self._faults

    def impose(self, fault: Fault) -> None:
        """Have a fault from now on; see `Breakable`."""
        if fault.kind is FaultKind.RAMPS_WRONG and not fault.amount > 0:
            raise ValueError(f"a load that {fault.kind.value!r} needs a factor above 0")
        self._faults.impose(fault)
        self._break(fault.kind, fault.amount)

    def lift(self, kind: FaultKind) -> None:
        """Be well again; see `Breakable`."""
        if self._faults.lift(kind):
            self._break(kind, 1.0)

    def operate(self, action: str) -> None:
        """Refuse: nobody does anything to a load but over its wire."""
        raise ValueError(f"nobody can {action!r} with an electronic load")

    def _break(self, kind: FaultKind, amount: float) -> None:
        if kind is FaultKind.RAMPS_WRONG:
            self.bank.pace(amount, at_s=self._now_s())
        elif kind in (FaultKind.TRIPS, FaultKind.IGNORES):
            self._follow()

    def _follow(self) -> None:
        """Have the model head for what is set, unless it ignores that."""
        tripped = FaultKind.TRIPS in self._faults
        if FaultKind.IGNORES in self._faults and not tripped:
            return
        point = self._set if self._is_on and not tripped else LoadPoint()
        self.bank.go_to(point, at_s=self._now_s())

    def _commands(self) -> dict[str, Act]:
        level = "[:LEVel][:IMMediate][:AMPLitude]"
        return {
            "*IDN?": _asked(lambda: self._identity),
            "*RST": self._reset,
            "SYSTem:REMote": _nothing,
            "SYSTem:LOCal": _nothing,
            "SYSTem:MODE": _one_of("AC"),
            "SYSTem:MODE?": _asked(lambda: "AC"),
            "[SOURce:]FUNCtion": _one_of("CURR", "CURRENT"),
            "[SOURce:]FUNCtion?": _asked(lambda: "CURRENT"),
            "SYSTem:CFPF:MODE": _one_of("PF"),
            "SYSTem:CFPF:MODE?": _asked(lambda: "PF"),
            f"[SOURce:]CURRent{level}": self._set_current,
            f"[SOURce:]CURRent{level}?": self._tell_current,
            f"[SOURce:]PFACtor{level}": self._set_factor,
            f"[SOURce:]PFACtor{level}?": _asked(lambda: f"{self._factor():.3f}"),
            "INPut[:STATe]": self._switch,
            "INPut[:STATe]?": _asked(lambda: str(int(self._is_on_now))),
            **{header: _asked(answer) for header, answer in self._measured().items()},
        }

    def _measured(self) -> dict[str, Callable[[], str]]:
        """What it measures of itself, by the header that asks for it."""
        gain = 1.0 + self._options.own_meter_gain_percent / 100
        bank, now_s = self.bank, self._now_s

        def current_a() -> float:
            return bank.current_a(now_s()) * gain

        return {
            "MEASure:POWer?": lambda: f"{bank.power_w(now_s()) * gain:.4f}",
            "MEASure:VOLTage:RMS?": lambda: f"{self._voltage_v(now_s()):.4f}",
            "MEASure:CURRent:RMS?": lambda: f"{current_a():.5f}",
            "MEASure:CURRent:AMPLitude:MAXimum?": lambda: (
                f"{current_a() * math.sqrt(2):.5f}"
            ),
            "MEASure:POWer:PFACtor?": lambda: f"{self._drawn_factor():.4f}",
            "MEASure:FREQuency?": lambda: f"{NOMINAL_HZ:.3f}",
        }

    @property
    def _is_on_now(self) -> bool:
        return self._is_on and FaultKind.TRIPS not in self._faults

    def _reset(self, parameter: str) -> None:
        _nothing(parameter)
        self._set, self._is_on = LoadPoint(), False
        self._follow()

    def _set_current(self, parameter: str) -> None:
        current_a = _number(parameter)
        if not 0 <= current_a <= self._options.max_current_a:
            raise ScpiError(*OUT_OF_RANGE)
        self._set = replace(self._set, current_a=round(current_a, 4))
        self._follow()

    def _tell_current(self, parameter: str) -> str:
        ends = {"MIN": 0.0, "MAX": self._options.max_current_a}
        if parameter and parameter.upper() not in ends:
            raise ScpiError(*ILLEGAL_VALUE)
        return f"{ends.get(parameter.upper(), self._set.current_a):.4f}"

    def _set_factor(self, parameter: str) -> None:
        factor = _number(parameter)
        if not self._options.least_power_factor <= abs(factor) <= 1:
            raise ScpiError(*OUT_OF_RANGE)
        leads = (factor < 0) == (self._options.leading_sign == "-")
        self._set = replace(
            self._set, power_factor=round(abs(factor), 4), leading=leads
        )
        self._follow()

    def _factor(self) -> float:
        sign = 1 if self._set.leading == (self._options.leading_sign == "+") else -1
        return sign * self._set.power_factor

    def _drawn_factor(self) -> float:
        in_step_a, behind_a = self.bank.parts_a(self._now_s())
        size_a = math.hypot(in_step_a, behind_a)
        leads = behind_a < 0
        sign = 1 if leads == (self._options.leading_sign == "+") else -1
        return sign * in_step_a / size_a if size_a else 0.0

    def _switch(self, parameter: str) -> None:
        if parameter.upper() not in ("0", "1", "OFF", "ON"):
            raise ScpiError(*(ILLEGAL_VALUE if parameter else MISSING_PARAMETER))
        self._is_on = parameter.upper() in ("1", "ON")
        self._follow()


def _asked(answer: Callable[[], str]) -> Act:
    def act(parameter: str) -> str:
        _nothing(parameter)
        return answer()

    return act


def _nothing(parameter: str) -> None:
    """Take no parameter."""
    if parameter:
        raise ScpiError(*EXTRA_PARAMETER)


def _one_of(*words: str) -> Act:
    """Take the one setting that the emulated load has; the others are not modelled."""

    def act(parameter: str) -> None:
        if not parameter:
            raise ScpiError(*MISSING_PARAMETER)
        if parameter.upper() not in words:
            raise ScpiError(*ILLEGAL_VALUE)

    return act


def _number(parameter: str) -> float:
    if not parameter:
        raise ScpiError(*MISSING_PARAMETER)
    try:
        value = float(parameter)
    except ValueError:
        raise ScpiError(*SYNTAX) from None
    return value


@asynccontextmanager
async def emulate(
    context: EmulatorContext, options: EmulatorOptions
) -> AsyncIterator[LoadBankEmulator]:
    """Wire a load into the circuit and serve its commands."""
    emulator = LoadBankEmulator(context, options)
    context.circuit.attach(context.role, emulator.bank)
    async with serve_scpi(
        emulator.instrument,
        lambda: emulator.is_silent,
        port=context.port,
        reply_delay_s=options.reply_delay_s,
    ) as address:
        emulator.address = address
        yield emulator
