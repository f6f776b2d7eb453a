"""The sun, the clear sky and the clouds, against places and dates that are known."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.solar.model import Limit, Panels, SolarOptions
from devices.solar.sky import Clouds
from harness.core.sky import Roof, clear_sky_w_m2, sun

settled = settings(deadline=None, derandomize=True)
LONDON = Roof(latitude=51.5, longitude=0.0, tilt=35.0, azimuth=180.0)
MIDSUMMER = datetime(2026, 6, 21, tzinfo=UTC)
MIDWINTER = datetime(2026, 12, 21, tzinfo=UTC)


def highest(day):
    heights = [
        (sun(day + timedelta(minutes=minute), LONDON), minute) for minute in range(1440)
    ]
    (height, azimuth), minute = max(heights)
    return math.degrees(height), math.degrees(azimuth), minute


@pytest.mark.parametrize(
    ("day", "declination"), [(MIDSUMMER, 23.44), (MIDWINTER, -23.44)]
)
def test_at_the_solstices_the_noon_sun_stands_where_geometry_puts_it(day, declination):
    height, azimuth, minute = highest(day)
    assert height == pytest.approx(90 - 51.5 + declination, abs=0.15)
    assert azimuth == pytest.approx(180, abs=0.5)
    assert minute == pytest.approx(720, abs=4)


def test_the_sun_leads_and_lags_the_clock_as_the_equation_of_time_says():
    # Early November 16 minutes early, mid February 14 minutes late.
    assert highest(datetime(2026, 11, 3, tzinfo=UTC))[2] == pytest.approx(704, abs=1.5)
    assert highest(datetime(2026, 2, 11, tzinfo=UTC))[2] == pytest.approx(734, abs=1.5)


@pytest.mark.parametrize(
    ("day", "rises", "sets"), [(MIDSUMMER, 3.8, 20.3), (MIDWINTER, 8.1, 15.85)]
)
def test_days_are_as_long_as_in_london(day, rises, sets):
    up = [h / 60 for h in range(1440) if sun(day + timedelta(minutes=h), LONDON)[0] > 0]
    assert (up[0], up[-1]) == pytest.approx((rises, sets), abs=0.2)


def test_the_morning_sun_is_in_the_east():
    _, azimuth = sun(MIDSUMMER + timedelta(hours=6), LONDON)
    assert 60 < math.degrees(azimuth) < 90


def test_a_clear_noon_gives_about_a_kilowatt_and_a_night_nothing():
    noon = sum(clear_sky_w_m2(MIDSUMMER + timedelta(hours=12), LONDON))
    assert 850 < noon < 1050
    assert clear_sky_w_m2(MIDSUMMER, LONDON) == (0.0, 0.0)


instants = st.integers(0, 15 * 365 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@settled
@given(
    instants,
    st.builds(
        Roof,
        st.floats(-66, 66),
        st.floats(-180, 180),
        st.floats(0, 90),
        st.floats(0, 359),
    ),
)
def test_light_is_never_negative_nor_more_than_the_sun_has(at, roof):
    direct, diffuse = clear_sky_w_m2(at, roof)
    assert 0.0 <= direct <= 1100.0
    assert 0.0 <= diffuse <= 400.0


@pytest.mark.parametrize("cover", [0.0, 0.3, 0.8, 1.0])
def test_clouds_cover_as_much_of_the_time_as_they_should(cover):
    clouds = Clouds(cover, 60.0, 0.25, np.random.default_rng(3))
    shares = []
    for _ in range(40_000):
        clouds.step(1.0)
        shares.append(clouds.share)
    assert sum(shares) / len(shares) == pytest.approx(1 - 0.75 * cover, abs=0.06)
    assert 0.25 - 1e-9 <= min(shares) <= max(shares) <= 1.0


def panels(at=MIDSUMMER + timedelta(hours=12), seed=1, **options):
    return Panels(
        SolarOptions(**{"response_delay_s": 0.0, **options}),
        started_at_s=0.0,
        instant=lambda at_s: at + timedelta(seconds=at_s),
        rng=np.random.default_rng(seed),
    )


def test_a_clear_summer_day_gives_what_such_a_roof_gives():
    roof = panels(MIDSUMMER, cloud_cover=0.0)
    roof.power_w(86_400.0)
    # 4 kW facing south in England, a cloudless June day: some 26 kWh.
    assert 22_000 < roof.energy_export_wh < 30_000
    assert roof.energy_import_wh == pytest.approx(2.0 * 7.5, abs=2.0)


def test_generation_is_negative_and_the_night_draws_a_little():
    assert -3680 <= panels(cloud_cover=0.0).power_w(0.0) < -3000
    assert panels(MIDSUMMER).power_w(0.0) == 2.0


def test_a_limit_is_followed_at_its_ramp_and_lifted_again():
    roof = panels(cloud_cover=0.0)
    before_w = roof.power_w(0.0)
    roof.instruct(Limit(1000.0, 10), at_s=0.0)
    assert roof.power_w(2.0) == pytest.approx(before_w + 368.0, abs=1)
    assert roof.power_w(60.0) == -1000.0
    assert roof.is_held_back
    roof.instruct(Limit(math.inf, 10), at_s=60.0)
    assert roof.power_w(120.0) == pytest.approx(before_w, abs=30)


def test_one_seed_gives_one_sky_however_often_it_is_looked_at():
    often, seldom = panels(seed=9), panels(seed=9)
    for at_s in range(600):
        often.power_w(at_s / 1.7)
    assert often.power_w(600.0) == seldom.power_w(600.0)
    assert often.energy_export_wh == seldom.energy_export_wh
    other = panels(seed=10)
    other.power_w(7200.0)
    seldom.power_w(7200.0)
    assert other.energy_export_wh != seldom.energy_export_wh
