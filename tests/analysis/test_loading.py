"""How heavily a transformer is loaded: the peak, its gaps, its uncertainty."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.loading import Part, busiest_minute, peak_loading
from harness.analysis.quality import MeterQuality
from harness.market.network import CriticalAsset, LoadPointOfDay

METER = MeterQuality("a certificate", relative_u=0.002)
AT_S = np.arange(0.0, 600.0)


def loading(home_w, others_w=0.0, *, homes=100, rating_w=1e6, meter=METER, **window):
    span = {"from_s": 0.0, "until_s": 600.0} | window
    others = np.broadcast_to(np.asarray(others_w, dtype=float), AT_S.shape)
    return peak_loading(
        AT_S, home_w, others, homes=homes, rating_w=rating_w, meter=meter, **span
    )


@given(
    level=st.floats(100, 9000),
    others=st.floats(0, 1e6),
    homes=st.integers(1, 500),
    at=st.integers(0, 599),
)
def test_the_peak_is_that_of_homes_and_others_together(level, others, homes, at):
    home = np.full(600, level)
    home[at] += 50.0
    found = loading(home, others, homes=homes)
    want = 100 * (homes * (level + 50) + others) / 1e6
    assert found.value == pytest.approx(want)
    assert found.marks == (("peak", float(at)),)
    assert found.u == pytest.approx(100 * homes * (level + 50) * 0.002 / 1e6)
    twice = loading(home, others, homes=homes, rating_w=2e6)
    assert twice.value == pytest.approx(found.value / 2)


def test_only_the_window_counts():
    home = np.where(AT_S < 60, 9000.0, 1000.0)
    assert loading(home).value == pytest.approx(90)
    assert loading(home, from_s=60.0).value == pytest.approx(10)


def test_a_gap_may_have_held_any_load():
    home = np.full(600, 1000.0)
    home[200:260] = np.nan
    assert loading(home).unseen == (pytest.approx(10), math.inf)
    assert math.isnan(loading(np.full(600, np.nan)).value)


def test_others_are_as_declared_and_straight_lines_in_between():
    asset = CriticalAsset(
        "T3", 4e6, 300, (LoadPointOfDay(3600.0, 1e6), LoadPointOfDay(7200.0, 2e6))
    )
    at_s = np.array([0.0, 3600.0, 5400.0, 9000.0])
    assert asset.others_w(at_s) == pytest.approx([1e6, 1e6, 1.5e6, 2e6])
    assert not CriticalAsset("T3", 4e6, 300).others_w(at_s).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: CriticalAsset("T", 0.0, 3),
        lambda: CriticalAsset("T", 1.0, 0),
        lambda: CriticalAsset("T", 1.0, 1, (LoadPointOfDay(0.0, -1.0),)),
        lambda: CriticalAsset(
            "T", 1.0, 1, (LoadPointOfDay(9.0, 1.0), LoadPointOfDay(5.0, 1.0))
        ),
        lambda: loading(np.ones(600), rating_w=0.0),
    ],
)
def test_an_asset_that_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"rating|order"):
        make()


MINUTES_S = np.arange(0.0, 600.0, 60.0)
OTHER = MeterQuality("another certificate", relative_u=0.004)


def busiest(*parts, may_w=1e4, others_w=0.0):
    whole = np.full(MINUTES_S.size, float(may_w))
    others = np.full(MINUTES_S.size, float(others_w))
    return busiest_minute(parts, whole, MINUTES_S, others_w=others)


def part(power_w, like=1, meter=METER):
    return Part(
        AT_S, np.broadcast_to(np.asarray(power_w, float), AT_S.shape), like, meter
    )


@given(
    level=st.floats(-5000, 5000), minute=st.integers(0, 9),
    more=st.floats(1.0, 5000), like=st.integers(1, 50), others=st.floats(-1e4, 1e4),
)  # fmt: skip
def test_the_busiest_minute_is_the_one_with_most_in_it(
    level, minute, more, like, others
):
    power = level + more * (minute == AT_S // 60)
    found = busiest(part(power, like), may_w=2e4, others_w=others)
    want = (like * (level + more) + others) / 200
    edge = like * more / 200 / 60  # half of a step each side of the minute
    assert found.value == pytest.approx(want, rel=1e-6, abs=1.01 * edge)
    assert found.marks == (("busiest minute", 60.0 * minute),)
    mirrored = busiest(part(-power, like), may_w=-2e4, others_w=-others)
    assert mirrored.value == pytest.approx(found.value)


def test_two_sites_add_up_and_their_meters_err_apart():
    found = busiest(part(3000.0), part(4000.0, meter=OTHER))
    assert found.value == pytest.approx(70)
    assert found.u == pytest.approx(math.hypot(30 * 0.002, 40 * 0.004), rel=0.01)
    assert busiest(part(3000.0), part(-4000.0), may_w=-1e4).value == pytest.approx(10)


def test_a_minute_nobody_saw_may_have_been_the_busiest():
    power = np.full(600, 3000.0)
    power[120:180] = np.nan
    assert busiest(part(power)).unseen == (pytest.approx(30), math.inf)
    nothing = busiest(part(np.full(600, np.nan)))
    assert math.isnan(nothing.value)
    assert nothing.why


def test_nothing_carried_or_nothing_allowed_is_no_question():
    with pytest.raises(ValueError, match="nothing"):
        busiest()
    with pytest.raises(ValueError, match="nothing"):
        busiest(part(1.0), may_w=0.0)
