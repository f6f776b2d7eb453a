"""The risks that verdicts state are those that they take; the page says how it is made.

A few hundred devices around one limit of each kind; ``python -m tests.tools.risks``
tries 20,000 around each of five.
"""

import math

import pytest

from tests.tools.risks import LIMITS, PAGE, RULES, rates, simulate

COUNT = 300
ONE_OF_EACH = (LIMITS[0], LIMITS[-1])


@pytest.fixture(scope="module", params=ONE_OF_EACH, ids=lambda limit: limit.rule_id)
def devices(request):
    return simulate(request.param, COUNT, seed=7)


def by_chance(percent, count):
    """Four standard deviations of a share, so that chance alone fails no run. [%]"""
    p = min(max(percent / 100, 0.01), 0.99)
    return 400 * math.sqrt(p * (1 - p) / count) + 0.5


@pytest.mark.parametrize("name", RULES)
def test_the_stated_risk_is_the_measured_one(devices, name):
    found = rates(devices, name)
    for said, came in (
        ("as stated", "of the accepted, not conforming"),
        ("as stated ", "of the rejected, conforming"),
    ):
        if math.isnan(found[said]):
            continue
        assert abs(found[said] - found[came]) <= by_chance(found[said], COUNT / 2)


def test_a_guard_band_lets_hardly_anything_wrong_through(devices):
    simple, guarded = (rates(devices, name) for name in ("simple", "guard-band"))
    assert guarded["false acceptance"] <= 1.0
    assert guarded["false acceptance"] <= simple["false acceptance"]
    assert guarded["false rejection"] >= simple["false rejection"]


def test_the_page_has_a_table_for_every_limit():
    text = PAGE.read_text(encoding="utf-8")
    for limit in LIMITS:
        assert f"`{limit.rule_id}`" in text
    assert "10,000 devices" in text
