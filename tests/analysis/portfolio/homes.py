"""Small portfolios that the tests share: an hour or three, read as declared."""

from dataclasses import replace

import numpy as np

from harness.analysis.aggregate.power import Missing
from harness.analysis.portfolio.distribution import constant, lognormal, normal, uniform
from harness.analysis.portfolio.ev import EvHomes
from harness.analysis.portfolio.event import Answering, Event
from harness.analysis.portfolio.heat_pump import HeatPumpHomes, Weather
from harness.analysis.portfolio.metering import Metering
from harness.analysis.portfolio.unit import Portfolio

HOUR = 3600.0
EVENT = Event(1.0 * HOUR, 2.0 * HOUR, 0.0)
SECONDS = 3 * 3600

EV = EvHomes(
    plugs_in=0.9,
    plug_in_s=uniform(0.0, 0.9 * HOUR),
    plug_out_s=uniform(1.5 * HOUR, 2.9 * HOUR),
    rating_w=constant(7400.0),
    battery_wh=uniform(4_000.0, 20_000.0),
    arrives_at=uniform(0.2, 0.8),
    charges_to=0.9,
    efficiency=0.9,
)
HEAT_PUMP = HeatPumpHomes(
    weather=Weather(3.0, 3.0, 16 * HOUR),
    loses_w_per_k=lognormal(180.0, 0.3, least=60.0, most=500.0),
    indoor_c=normal(20.5, 1.0, least=17.0, most=24.0),
    gains_w=uniform(300.0, 900.0),
    rating_w=constant(3000.0),
    modulates_to=0.3,
    cop=3.5,
    cop_per_k=0.08,
    cycle_s=uniform(1200.0, 2400.0),
    cools_s=uniform(20 * HOUR, 60 * HOUR),
    comfort_k=1.0,
    makes_up=0.8,
    seconds=SECONDS,
)
ANSWERING = Answering(uniform(2.0, 10.0), uniform(2.0, 20.0), 0.05)
METERING = Metering(
    interval_s=60,
    staggered=True,
    latency_s=uniform(0.5, 4.0),
    error=uniform(-0.02, 0.02),
    own_u=0.02 / 3**0.5,
    common_u=0.0,
    makes=1,
    bias=0.0,
    resolution_w=1.0,
    lost=0.0,
    outages_per_day=0.0,
    outage_s=constant(600.0),
    hold_s=190.0,
    missing=Missing.LAST,
    decimals=3,
)


def steady(level_w=2000.0, **changes):
    """Homes that draw one level for an hour: what is not even comes from metering."""
    from harness.analysis.portfolio.replay import ReplayHomes

    power = np.full(3600, level_w)
    return Portfolio(
        homes=ReplayHomes(power, power, 7400.0),
        answering=Answering(constant(0.0), constant(0.0), 0.0),
        metering=replace(METERING, **changes),
        event=None,
        seconds=power.size,
        seed=4,
    )


def portfolio(homes=EV, *, event=EVENT, answering=ANSWERING, seed=4, **changes):
    return Portfolio(
        homes=homes,
        answering=answering,
        metering=replace(METERING, **changes),
        event=event,
        seconds=SECONDS,
        seed=seed,
    )
