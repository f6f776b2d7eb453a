"""Accepted volumes fill bands exactly, and non-delivery never pays."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.settlement.acceptance import (
    Band,
    BandVolume,
    Profile,
    accepted_volumes,
    non_delivery,
)
from harness.settlement.money import price_of

LADDER = [
    Band(1, 3e6, price_of("100")), Band(2, 1e9, price_of("150")),
    Band(-1, 2e6, price_of("20")), Band(-2, 1e9, price_of("-40")),
]  # fmt: skip
FLAT = Profile((0.0, 1800.0), (2e6, 2e6))
LEVELS = st.lists(st.floats(-8e6, 8e6), min_size=2, max_size=8)


def volumes(notified, *acceptances, bands=LADDER):
    return accepted_volumes(notified, acceptances, bands, from_s=0.0, until_s=1800.0)


def profile(levels, from_s=0.0, until_s=1800.0):
    times = np.linspace(from_s, until_s, len(levels))
    return Profile(tuple(times.tolist()), tuple(levels))


@example([0.0, 0.0], [0.0, 2.3e-313])
@given(LEVELS, LEVELS)
def test_the_bands_together_are_the_whole_acceptance(notified, accepted):
    found = volumes(profile(notified), profile(accepted))
    time_s = np.linspace(0.0, 1800.0, 200_001)
    change = profile(accepted).at(time_s) - profile(notified).at(time_s)
    whole = np.trapezoid(change, time_s) / 3600
    assert sum(one.energy_wh for one in found) == pytest.approx(whole, abs=4)
    by = {one.band.number: one.energy_wh for one in found}
    assert by[1] >= 0 <= by[2]
    assert by[-1] <= 0 >= by[-2]


def test_the_latest_acceptance_wins_where_it_covers():
    first = Profile((0.0, 1800.0), (4e6, 4e6))
    later = Profile((900.0, 1800.0), (1e6, 1e6))
    by = {one.band.number: one.energy_wh for one in volumes(FLAT, first, later)}
    # 2 MW up for a quarter of an hour, 1 MW down for the next
    assert by == {1: 500_000, 2: 0, -1: -250_000, -2: 0}
    assert [one.energy_wh for one in volumes(FLAT)] == [0, 0, 0, 0]


def test_a_bid_is_paid_for_by_the_unit_unless_its_price_is_negative():
    down = {one.band.number: one for one in volumes(FLAT, profile([-2e6, -2e6]))}
    assert down[-1].cash_p == -2_000  # 1 MWh bought back at £20
    assert down[-2].cash_p == 4_000  # 1 MWh more at −£40


@pytest.mark.parametrize(
    ("notified", "accepted", "says"),
    [
        (Profile((0.0, 900.0), (1.0, 1.0)), None, "does not cover"),
        (FLAT, profile([9e6, 9e6]), "4000000 W beyond the last band"),
        (FLAT, profile([-9e6, -9e6]), "beyond the last band"),
    ],
)
def test_what_has_no_price_or_no_notification_is_refused(notified, accepted, says):
    short = [Band(1, 3e6, price_of("100")), Band(-1, 2e6, price_of("20"))]
    given_too = [] if accepted is None else [accepted]
    with pytest.raises(UsageError, match=says):
        volumes(notified, *given_too, bands=short)


@pytest.mark.parametrize(
    ("times", "levels", "says"),
    [((0.0,), (1.0,), "1 moments"), ((1.0, 0.0), (1.0, 1.0), "go backwards")],
)
def test_a_profile_that_is_none_is_refused(times, levels, says):
    with pytest.raises(UsageError, match=says):
        Profile(times, levels)


OFFERS = [BandVolume(LADDER[0], 1_000_000), BandVolume(LADDER[1], 500_000)]
BIDS = [BandVolume(LADDER[2], -1_000_000), BandVolume(LADDER[3], -500_000)]


@pytest.mark.parametrize(
    ("accepted", "metered_wh", "energy_wh", "charge_p"),
    [
        (OFFERS, 2_500_000, 0, 0),  # all there
        (OFFERS, 2_600_000, 0, 0),  # more than asked
        (OFFERS, 2_250_000, 250_000, 1_750),  # of the dear band: £70/MWh
        (OFFERS, 0, 1_500_000, 3_500 + 2_000),  # all of both
        (BIDS, -500_000, 0, 0),
        (BIDS, 0, 500_000, 6_000),  # the bid at −£40 first: £120/MWh
        (BIDS, 9_000_000, 1_500_000, 6_000 + 6_000),
        ([], 0, 0, 0),
    ],
)
def test_non_delivery_is_taken_from_the_worst_band_first(
    accepted, metered_wh, energy_wh, charge_p
):
    found = non_delivery(
        accepted, notified_wh=1_000_000, metered_wh=metered_wh, system=price_of("80")
    )
    assert (found.energy_wh, found.charge_p) == (energy_wh, charge_p)


@given(st.integers(-(10**7), 10**7), st.integers(-200, 200))
def test_non_delivery_never_pays(metered_wh, system):
    for accepted in (OFFERS, BIDS):
        found = non_delivery(
            accepted, notified_wh=0, metered_wh=metered_wh, system=price_of(system)
        )
        assert 0 <= found.energy_wh <= 1_500_000
        assert found.charge_p >= 0
