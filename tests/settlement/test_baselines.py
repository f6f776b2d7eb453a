"""Baselines: the right days, their plain mean, a refusal where there are too few."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.rulebook.loader import load_rulebook
from harness.settlement.baselines import (
    Bl01Terms,
    adjusted,
    bl01,
    bl01_terms,
    deemed,
    in_day_offsets,
    nominated,
)
from harness.settlement.daytypes import Country, is_working, working_days
from harness.settlement.periods import grid

ENGLAND, SCOTLAND = Country.ENGLAND_AND_WALES, Country.SCOTLAND
DAYS = grid(date(2026, 8, 1), date(2026, 11, 30))
WORKING = working_days(DAYS.days, ENGLAND)
NO_EVENTS = np.zeros((1, len(DAYS.days)), dtype=bool)
FORWARD, BACK = date(2027, 3, 28), date(2026, 10, 25)


def place(day, days=DAYS):
    return (day - days.days[0]).days


def energies(seed=1, mpans=1, days=DAYS):
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 3000, (mpans, len(days.days), 50)).astype(float)
    return np.where(days.has, found, np.nan)


def plain_bl01(energy_wh, days, working, event, day, terms):
    """The rule once more, day by day, as a person would work it out."""
    chosen = []
    for back in range(1, terms.look_back_days + 1):
        other = day - back
        if other < 0 or working[other] != working[day] or event[other]:
            continue
        if days.counts[other] != 48 or np.isnan(energy_wh[other, :48]).any():
            continue
        chosen.append(other)
        most = terms.working if working[day] else terms.non_working
        if len(chosen) == most:
            break
    least = terms.least_working if working[day] else terms.least_non_working
    if len(chosen) < least:
        return np.full(50, np.nan), len(chosen)
    usual = energy_wh[chosen, :48].mean(axis=0)
    slots = days.slots[day]
    return np.where(slots >= 0, usual[slots.clip(0)], np.nan), len(chosen)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.7), st.floats(0, 0.01))
def test_every_baseline_is_what_a_person_would_work_out(seed, busy, lost):
    rng = np.random.default_rng(seed)
    energy_wh = energies(seed, mpans=3)
    energy_wh[rng.random(energy_wh.shape) < lost] = np.nan
    event = rng.random(energy_wh.shape[:2]) < busy
    found = bl01(
        energy_wh, DAYS, working=WORKING, event_days=event, settled=slice(None)
    )
    for mpan in range(3):
        for day in range(len(DAYS.days)):
            mean_wh, count = plain_bl01(
                energy_wh[mpan], DAYS, WORKING, event[mpan], day, Bl01Terms()
            )
            assert found.averaged[mpan, day] == count
            np.testing.assert_allclose(found.energy_wh[mpan, day], mean_wh, rtol=1e-12)


def test_ten_working_days_are_averaged_and_an_event_day_moves_one_further_back():
    energy_wh = energies()
    day, gone = place(date(2026, 9, 30)), place(date(2026, 9, 29))
    one = slice(day, day + 1)
    plain = bl01(energy_wh, DAYS, working=WORKING, event_days=NO_EVENTS, settled=one)
    last_ten = [d for d in range(day) if WORKING[d]][-10:]
    np.testing.assert_allclose(
        plain.energy_wh[0, 0, :48], energy_wh[0, last_ten, :48].mean(axis=0)
    )
    event = NO_EVENTS.copy()
    event[0, gone] = True
    moved = bl01(energy_wh, DAYS, working=WORKING, event_days=event, settled=one)
    last_ten = [d for d in range(day) if WORKING[d] and d != gone][-10:]
    np.testing.assert_allclose(
        moved.energy_wh[0, 0, :48], energy_wh[0, last_ten, :48].mean(axis=0)
    )


@pytest.mark.parametrize(("known", "good"), [(5, True), (4, False)])
def test_too_few_days_are_refused_by_name_and_just_enough_are_not(known, good):
    energy_wh = energies()
    day = place(date(2026, 9, 30))
    missing = [d for d in range(day) if WORKING[d]][:-known]
    energy_wh[0, missing, 7] = np.nan
    found = bl01(
        energy_wh, DAYS, working=WORKING, event_days=NO_EVENTS,
        settled=slice(day, day + 1),
    )  # fmt: skip
    says = list(found.refusals(["2000"], ["2026-09-30"]))
    assert np.isfinite(found.energy_wh[0, 0, :48]).all() == good
    assert (
        says == []
        if good
        else says == ["MPAN 2000, 2026-09-30: too few days for a baseline, 4 of 5"]
    )


def test_a_day_of_a_clock_change_is_never_averaged_and_is_settled_by_local_clocks():
    energy_wh = energies()
    energy_wh[0, place(BACK)] = 1e9
    found = bl01(
        energy_wh, DAYS, working=WORKING, event_days=NO_EVENTS, settled=slice(None)
    )
    assert np.nanmax(found.energy_wh) < 3000
    back = found.energy_wh[0, place(BACK)]
    assert np.isfinite(back).all()
    assert back[2:4].tolist() == back[4:6].tolist()  # 01:00 and 01:30, shown twice


def test_bank_holidays_differ_between_the_countries():
    st_andrew, late_summer = date(2026, 11, 30), date(2026, 8, 31)
    assert is_working(st_andrew, ENGLAND)
    assert not is_working(st_andrew, SCOTLAND)
    assert not is_working(late_summer, ENGLAND)
    assert is_working(late_summer, SCOTLAND)
    assert not is_working(date(2026, 12, 28), ENGLAND)  # Boxing Day in lieu
    assert not is_working(date(2026, 6, 15), SCOTLAND, also={date(2026, 6, 15)})


def test_the_in_day_adjustment_is_the_mean_miss_over_its_window():
    days = grid(date(2026, 9, 29), date(2026, 9, 30))
    metered = np.where(days.has, 1000.0, np.nan)[None]
    base = metered - 100.0
    metered[0, 1, 22:28] += np.arange(6) * 10.0  # periods 23 to 28, 11:00 to 14:00
    first = np.array([[0, 31]])  # an event from 15:00; gate closure an hour before
    offsets = in_day_offsets(metered, base, days, first)
    assert offsets.tolist() == [[0.0, 125.0]]
    later = in_day_offsets(metered, base, days, first, Bl01Terms(ahead=0))
    assert later[0, 1] == pytest.approx((120 + 130 + 140 + 150 + 100 + 100) / 6)
    assert adjusted(base, offsets)[0, 1, 30] == 1025.0
    assert adjusted(base, offsets)[0, 0, 30] == 900.0


def test_the_window_reaches_into_the_day_before_in_real_time():
    days = grid(FORWARD - timedelta(days=1), FORWARD)
    metered = np.where(days.has, 1000.0, np.nan)[None]
    base = metered.copy()
    metered[0, 0, 46:48] += 60.0  # 23:00 to midnight
    first = np.array([[0, 7]])  # window: periods 47, 48 and 1 to 4
    assert in_day_offsets(metered, base, days, first)[0, 1] == pytest.approx(20.0)
    metered[0, 0, 47] = np.nan
    assert np.isnan(in_day_offsets(metered, base, days, first)[0, 1])
    assert np.isnan(in_day_offsets(metered, base, days, np.array([[7, 0]]))[0, 0])


def test_a_nominated_week_is_read_by_local_clocks():
    week = np.arange(7 * 48, dtype=float).reshape(7, 48)
    days = grid(FORWARD, FORWARD + timedelta(days=1))
    found = nominated(week, days)
    assert found[0, :4].tolist() == [288 / 2, 289 / 2, 292 / 2, 293 / 2]
    assert np.isnan(found[0, 46:]).all()
    assert found[1, 0] == 0.0
    with pytest.raises(UsageError, match="nominated baseline"):
        nominated(week[:5], days)


def test_a_deemed_baseline_is_units_times_power():
    days = grid(FORWARD, FORWARD)
    # 150 chargepoints deemed at 0.083 kW: 12.45 kW, 6.225 kWh in each half-hour
    assert deemed(83.0, 150, days)[0, :46].tolist() == [6225.0] * 46
    with pytest.raises(UsageError, match="deemed baseline"):
        deemed(83.0, 0, days)


def test_the_terms_are_the_rulebooks():
    assert bl01_terms(load_rulebook(), date(2026, 1, 15)) == Bl01Terms()


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="not"):
        bl01(energies()[:, :3], DAYS, working=WORKING, event_days=NO_EVENTS,
             settled=slice(None))  # fmt: skip
    with pytest.raises(ValueError, match="do not fit"):
        bl01(energies(), DAYS, working=WORKING[:3], event_days=NO_EVENTS,
             settled=slice(None))  # fmt: skip
