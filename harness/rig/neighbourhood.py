"""``[neighbourhood]``: the homes that a rig stands for, for a year in half-hours.

What is drawn, made and stored, who coordinates it, and what it costs. Shares are of the
homes. Every default is assumed unless its docstring names a source; a rig file says
otherwise where it knows better.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Coordination(StrEnum):
    """Who coordinates what the homes have: the source's building blocks."""

    NONE = "none"
    MESSAGES = "messages"
    """A virtual power plant that asks people (pathway 1)."""
    PLANT = "virtual power plant"
    """One that moves batteries and cars (pathway 3)."""
    MARKET = "local market"
    BALANCING = "self-balancing"


class HomesTable(_Table):
    """``[neighbourhood.homes]``: what a home has and draws."""

    count: int = Field(default=200, ge=1, le=5000)
    kwh_per_year: float = Field(default=2700.0, gt=0, le=50_000)
    """Of an average home, cars and heat pumps apart. [kWh]"""
    spread: float = Field(default=0.4, ge=0, le=2)
    """How unlike homes are: standard deviation of the logarithm of that."""
    with_pv_percent: float = Field(default=0.0, ge=0, le=100)
    pv_kw: float = Field(default=3.5, gt=0, le=50)
    with_battery_percent: float = Field(default=0.0, ge=0, le=100)
    battery_kwh: float = Field(default=10.0, gt=0, le=100)
    battery_kw: float = Field(default=5.0, gt=0, le=50)
    with_ev_percent: float = Field(default=0.0, ge=0, le=100)
    ev_kwh_per_day: float = Field(default=7.0, gt=0, le=100)
    ev_kw: float = Field(default=7.4, gt=0, le=22)
    at_home_by_day_percent: float = Field(default=40.0, ge=0, le=100)
    """Of the cars, those that may charge in daylight."""
    with_heat_pump_percent: float = Field(default=0.0, ge=0, le=100)
    heat_loss_w_per_k: float = Field(default=150.0, gt=0, le=1000)
    answers_percent: float = Field(default=55.0, ge=0, le=100)
    """Of homes that are asked by message, those that do something."""
    gives_percent: float = Field(default=60.0, ge=0, le=100)
    """Of what such a home draws at tea-time, what it then leaves."""


class AnchorTable(_Table):
    """``[neighbourhood.anchor]``: one asset that is everybody's, or a company's."""

    owner: Literal["", "community", "corporate"] = ""
    pv_kw: float = Field(default=0.0, ge=0, le=100_000)
    wind_kw: float = Field(default=0.0, ge=0, le=1_000_000)
    battery_kwh: float = Field(default=0.0, ge=0, le=1_000_000)
    battery_kw: float = Field(default=0.0, ge=0, le=1_000_000)
    behind_the_boundary: bool = True
    """Whether what it makes counts as the neighbourhood's own; a distant wind farm's
    does not."""
    capital_gbp_per_kw: float = Field(default=1000.0, ge=0, le=10_000)
    """Source 002, C.4: £700 to £1,200 for panels, £1,200 to £2,000 for wind."""
    upkeep_percent: float = Field(default=3.0, ge=0, le=20)
    """Of its capital, a year. Source 002, C.4: 1 to 5 %."""
    lasts_years: float = Field(default=25.0, gt=0, le=60)
    dividend_percent: float = Field(default=0.0, ge=0, le=100)
    """Of its profit, what the community is paid."""


class ChargesTable(_Table):
    """``[neighbourhood.charges]``: prices, before any model of them."""

    tariff_p_per_kwh: float = Field(default=27.0, ge=0, le=200)
    export_p_per_kwh: float = Field(default=8.0, ge=0, le=200)
    """What a supplier pays for what a home feeds in."""
    wholesale_p_per_kwh: float = Field(default=8.0, gt=0, le=200)
    """Mean over years. Source 002, C.4 and C.7: about 8 p."""
    premium_p_per_kwh: float = Field(default=2.0, ge=0, le=50)
    """For energy of known, local provenance. Source 002, C.7: about 2 p."""
    duos_red_p_per_kwh: float = Field(default=10.0, ge=0, le=200)
    """Source 002, C.8."""
    tnuos_gbp_per_kw: float = Field(default=50.0, ge=0, le=500)
    """A year. Source 002, C.8."""
    called_hours: float = Field(default=100.0, ge=0, le=8760)
    """Hours a year in which people are asked by message. [h]"""
    called_gbp_per_mwh: float = Field(default=250.0, ge=0, le=10_000)
    spread_percent: float = Field(default=35.0, ge=0, le=100)
    """How far the price of an ordinary day swings about its mean, each way."""


class NeighbourhoodTable(_Table):
    """``[neighbourhood]``: one of the source's pathways, or another."""

    pathway: str = Field(min_length=1)
    title: str = Field(min_length=1)
    coordination: Coordination = Field(default=Coordination.NONE, strict=False)
    homes: HomesTable = HomesTable()
    anchor: AnchorTable = AnchorTable()
    charges: ChargesTable = ChargesTable()
    portfolio_mw: float = Field(default=10.0, gt=0, le=10_000)
    """The plant that it is a part of: what an optimiser takes depends on it. [MW]"""
