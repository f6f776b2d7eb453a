import math

import numpy as np
import pytest

from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.quality import MeterQuality
from harness.analysis.series import band_around
from harness.analysis.waterfall import (
    Delivery,
    accepted_against_delivered,
    elapsed,
    waterfall,
)

PERFECT = MeterQuality("a perfect meter")
ASKED = {
    "sent_at_s": 10,
    "before_w": 3000,
    "target_w": 1000,
    "band": band_around(1000, 50),
    "dwell_s": 5,
    "meter": PERFECT,
}
T = np.arange(100.0)


def test_the_waterfall_runs_from_sent_to_settled():
    p = np.clip(3000 - 100 * (T - 20), 1000, 3000)
    got = waterfall(T, p, acknowledged_at_s=10.2, **ASKED)
    assert got.marks() == (
        ("sent", 10.0),
        ("acknowledged", 10.2),
        ("first movement", 22.0),
        ("90 %", 38.0),
        ("settled", 40.0),
    )
    assert got.details()["settled_after_s"] == 30.0


def test_what_never_came_is_never_drawn():
    got = waterfall(
        T, np.full(100, 3000.0), acknowledged_at_s=None, until_s=99, **ASKED
    )
    assert got.marks() == (("sent", 10),)
    assert got.settled_s == math.inf
    assert got.details()["acknowledged_after_s"] == math.inf


def share(percent, u=1.0):
    return Estimate(percent, "%", (Contribution("meter gain", u),))


@pytest.mark.parametrize(
    ("accepted", "percent", "expected"),
    [
        (True, 100.0, Delivery.DELIVERED),
        (True, 95.0, Delivery.DELIVERED),
        (True, 94.9, Delivery.PARTLY),
        (True, 8.0, Delivery.PARTLY),
        (True, 7.9, Delivery.ACCEPTED_NOT_DELIVERED),
        (True, 0.0, Delivery.ACCEPTED_NOT_DELIVERED),
        (True, -40.0, Delivery.ACCEPTED_NOT_DELIVERED),
        (False, 0.0, Delivery.REFUSED),
        (False, 90.0, Delivery.REFUSED_YET_MOVED),
        (True, math.nan, Delivery.UNSEEN),
    ],
)
def test_the_devices_word_against_the_meter(accepted, percent, expected):
    got = accepted_against_delivered(accepted=accepted, share=share(percent))
    assert got is expected


def test_elapsed_time_between_two_entries_of_the_log():
    got = elapsed(100.0, 160.0, what="the notice", resolution_s=1.0)
    assert got.value == 60.0
    assert got.u == pytest.approx(0.5 / math.sqrt(3))
    never = elapsed(100.0, None, what="the notice")
    assert never.value == math.inf
    assert never.why == "the notice never came"
