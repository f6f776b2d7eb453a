"""The DNO's monitoring: told once of what is, and not at all of a meter's noise."""

import numpy as np
import pytest

from harness.core.parties import Party
from harness.core.recording import Reading
from harness.market.facilitator import Register
from harness.market.sites import Area, Site
from harness.trial.desk import Monitor
from harness.trial.plan import Plan

METERS = {"load_bank": "load_meter"}


def told_of(powers_w):
    """Let a site of a hundred devices draw so much, second by second; what is told?"""
    site = Site(
        "coldstore", Party.NON_DOMESTIC, "2000000000015", "load_bank", 100,
        100_000.0, 400_000.0, 0.0,
    )  # fmt: skip
    plan = Plan()
    plan.areas.append(Area("O6", 250_000.0, (site,)))
    notices = []

    def log(_actor, what, /, to, **_detail):
        notices.append((what.removeprefix("notice: "), to))

    monitor = Monitor(Register(plan.areas), plan, log, METERS)
    for second, power_w in enumerate(powers_w):
        monitor.hear("load_meter", [Reading("power_w", power_w)], float(second))
    return [what for what, to in notices if to == "DNO"]


def test_noise_around_nothing_is_told_to_nobody():
    noise_w = np.random.default_rng(1).normal(0, 0.3, 1200)
    assert told_of([1000.0] * 120 + list(noise_w)) == []


@pytest.mark.parametrize("fed_in_w", [90.0, 200.0])
def test_feeding_in_what_it_may_not_is_told_once(fed_in_w):
    powers_w = [1000.0] * 120 + [-fed_in_w] * 300 + [0.0] * 300
    assert told_of(powers_w) == ["beyond what it may", "inside again"]


def test_an_asset_at_its_rating_is_told_of_once():
    noise_w = np.random.default_rng(1).normal(0, 10, 1200)
    found = told_of([1000.0] * 120 + list(2500 + noise_w) + [1000.0] * 120)
    assert found == ["above its rating", "inside its rating again"]
