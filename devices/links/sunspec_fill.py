"""What every emulated inverter's registers hold: who it is, what it can, what flows.

Power, reactive power and energy are counted here as drawn, and in models 701 and 704
as fed in; this is the one place of the emulated side where the sign changes over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from devices.links.sunspec_map import Raw, model
from devices.links.sunspec_server import Chain

NOMINAL_V = 230.0
_SCALES_701 = {
    "A_SF": -2, "V_SF": -1, "Hz_SF": -2, "W_SF": 0, "PF_SF": -3, "VA_SF": 0,
    "Var_SF": 0, "TotWh_SF": 0,
}  # fmt: skip
_NAMES = {
    "at work": {"St": "ON", "InvSt": "RUNNING", "ConnSt": "CONNECTED"},
    "held back": {"St": "ON", "InvSt": "THROTTLED", "ConnSt": "CONNECTED"},
    "tripped": {"St": "OFF", "InvSt": "FAULT", "ConnSt": "DISCONNECTED"},
}
_STATES = {
    state: {
        **{point: model(701).symbol(point, name) for point, name in names.items()},
        "Alrm": (state == "tripped") << model(701).symbol("Alrm", "MANUFACTURER_ALRM"),
    }
    for state, names in _NAMES.items()
}
"""Points of model 701 in each state of an inverter."""


class Flow(NamedTuple):
    """What goes through an inverter's AC terminals; drawn is positive."""

    power_w: float
    reactive_var: float
    """Drawn as an inductor does is positive. [var]"""
    voltage_v: float
    frequency_hz: float
    energy_import_wh: float
    energy_export_wh: float


def put_identity(
    chain: Chain, maker: str, product: str, serial: str, unit: int
) -> None:
    """Fill model 1."""
    said: dict[str, Raw | None]
    said = {"Mn": maker, "Md": product, "Vr": "1.0.0", "SN": serial, "DA": unit}
    chain.put(1, said)


def put_capacity(
    chain: Chain,
    *,
    max_w: float,
    max_va: float,
    max_var: float,
    charge_w: float | None = None,
    discharge_w: float | None = None,
) -> None:
    """Fill model 702: each rating, and the setting that may lower it.

    The settings cannot be changed here: nothing would lower the model's limits.
    """
    chain.put(702, {"W_SF": 0, "VA_SF": 0, "Var_SF": 0, "V_SF": 0})
    ratings = {
        "WMax": max_w, "VAMax": max_va, "VarMaxInj": max_var, "VarMaxAbs": max_var,
        "WChaRteMax": charge_w, "WDisChaRteMax": discharge_w, "VNom": NOMINAL_V,
    }  # fmt: skip
    chain.show(702, {f"{name}Rtg": value for name, value in ratings.items()})
    chain.show(702, ratings)


def put_enter_service(chain: Chain) -> None:
    """Fill model 703: may run, at once."""
    chain.put(703, {"ES": 1, "ESDlyTms": 0, "ESRndTms": 0})


def put_function(chain: Chain, prefix: str, settings: Mapping[str, int]) -> None:
    """Fill a function of model 704: its settings, disabled, without reversion."""
    ends = ("Ena", "EnaRvrt", "RvrtTms", "RvrtRem")
    chain.put(704, {**settings, **{prefix + end: 0 for end in ends}})


def put_measured(chain: Chain) -> None:
    """Fill model 701 with what never moves: wiring and scale factors."""
    chain.put(701, {**_SCALES_701, "ACType": 0, "DERMode": 1})


def show_flow(chain: Chain, flow: Flow, state: str) -> None:
    """Fill model 701 with what flows, and with one of `_STATES`."""
    apparent_va = math.hypot(flow.power_w, flow.reactive_var)
    chain.show(
        701,
        {
            **_STATES[state],
            "W": -flow.power_w,
            "VA": apparent_va,
            "Var": -flow.reactive_var,
            "PF": -flow.power_w / apparent_va if apparent_va else 1.0,
            "A": apparent_va / flow.voltage_v,
            "LNV": flow.voltage_v,
            "Hz": flow.frequency_hz,
            "TotWhInj": flow.energy_export_wh,
            "TotWhAbs": flow.energy_import_wh,
        },
    )
