"""What homes draw: energy is conserved, levels are kept, comfort comes first."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.portfolio.distribution import constant
from harness.analysis.portfolio.ev import EvDay
from harness.analysis.portfolio.event import Answer, Event
from harness.analysis.portfolio.power_steps import PowerSteps
from tests.analysis.portfolio.homes import EV, EVENT, HEAT_PUMP, HOUR

LONG_S = 60 * HOUR
WHOLE = st.integers(0, 3000).map(float)


@st.composite
def steps(draw):
    count = draw(st.integers(1, 6))
    begins = [0.0, *sorted(draw(st.lists(WHOLE, min_size=count, max_size=count)))]
    powers = draw(
        st.lists(st.floats(-5e3, 9e3), min_size=count + 1, max_size=count + 1)
    )
    return PowerSteps(np.array([begins]), np.array([powers]))


@given(one=steps(), at=st.lists(st.floats(0, 3000), min_size=1, max_size=3))
def test_table_total_and_energy_are_of_one_power_and_a_cut_changes_nothing(one, at):
    table = one.table(3000)
    assert one.total(3000) == pytest.approx(table[0], abs=1e-6)
    assert one.energy_wh(0.0, 3000.0)[0] == pytest.approx(table.sum() / 3600, abs=1e-6)
    cut = one.cut_at(*(np.array([when]) for when in at))
    assert (np.diff(cut.begin_s, axis=1) >= 0).all()
    assert cut.table(3000) == pytest.approx(table)
    above = one.energy_wh(0.0, 3000.0, above_w=1000.0)[0]
    assert above == pytest.approx(np.maximum(table - 1000, 0).sum() / 3600, abs=1e-6)


@st.composite
def cars(draw):
    plug_in = draw(st.floats(0, 3 * HOUR))
    stays = draw(st.floats(0, 8 * HOUR))
    need = draw(st.floats(0, 40_000))
    day = EvDay(
        np.array([draw(st.booleans())]),
        np.array([plug_in]),
        np.array([plug_in + stays]),
        np.array([draw(st.sampled_from([3600.0, 7400.0]))]),
        np.array([need]),
        np.array([0.0]),
    )
    level = draw(st.sampled_from([0.0, 1400.0, 9000.0]))
    begins = draw(st.floats(0, 6 * HOUR))
    event = Event(begins, begins + draw(st.floats(60, 4 * HOUR)), level)
    late, back = draw(st.floats(0, 60)), draw(st.floats(0, 60))
    answer = Answer(np.array([late]), np.array([back]), np.array([draw(st.booleans())]))
    return day, event, answer


@given(car=cars())
@settings(max_examples=300)
def test_a_car_gets_what_it_needs_unless_it_leaves_and_keeps_to_its_level(car):
    day, event, answer = car
    usual, told = day.steps(), day.steps(event, answer)
    need = day.need_wh[0] if day.there[0] else 0.0
    stays_h = (day.plug_out_s[0] - day.plug_in_s[0]) / 3600
    could = min(need, stays_h * day.rating_w[0])
    assert usual.energy_wh(0, LONG_S)[0] == pytest.approx(could, abs=1e-3)
    got = told.energy_wh(0, LONG_S)[0]
    assert got <= could + 1e-3
    up = event.until_s + answer.back_s[0]
    if got < could - 1e-3 and day.plug_in_s[0] <= up <= day.plug_out_s[0]:
        # What is missing was missing for want of time: full power to the very end.
        most = (day.plug_out_s[0] - up) / 3600 * day.rating_w[0]
        rest = told.energy_wh(up, day.plug_out_s[0])[0]
        assert rest == pytest.approx(most, abs=1e-2)
    assert (np.diff(told.begin_s, axis=1) >= 0).all()
    assert told.power_w.max() <= day.rating_w[0]
    assert told.energy_wh(0, day.plug_in_s[0])[0] == 0
    assert told.energy_wh(day.plug_out_s[0], LONG_S)[0] == pytest.approx(0, abs=1e-6)
    if answer.answers[0]:
        down = event.from_s + answer.late_s[0]
        up = max(event.until_s + answer.back_s[0], down)
        over = told.energy_wh(down, up, above_w=min(event.down_to_w, day.rating_w[0]))
        assert over[0] == pytest.approx(0, abs=1e-6)
    else:
        assert got == pytest.approx(could, abs=1e-3)


def test_charging_stops_at_the_state_that_was_declared_and_few_stay_away():
    day = EV.draw(np.random.default_rng(2), 5000)
    assert day.there.mean() == pytest.approx(0.9, abs=0.02)
    assert (day.need_wh <= 0.7 * 20_000 / 0.9).all()
    assert (day.need_wh >= 0.1 * 4_000 / 0.9).all()
    full = dataclasses.replace(EV, arrives_at=constant(0.95))
    assert not full.draw(np.random.default_rng(2), 50).need_wh.any()


def test_heat_pumps_draw_what_the_weather_asks_for():
    day = HEAT_PUMP.draw(np.random.default_rng(3), 400)
    end_s = float(HEAT_PUMP.seconds)
    at_s = np.broadcast_to(np.arange(0, end_s, 60.0), (400, int(end_s / 60)))
    asked = day.needs_w(at_s).mean(axis=1)
    drawn = day.steps().energy_wh(0, end_s) * 3600 / end_s
    assert drawn.mean() == pytest.approx(asked.mean(), rel=0.02)
    colder = dataclasses.replace(
        HEAT_PUMP, weather=dataclasses.replace(HEAT_PUMP.weather, mean_c=-5.0)
    )
    more = colder.draw(np.random.default_rng(3), 400).steps().energy_wh(0, end_s)
    assert more.mean() * 3600 / end_s > 1.5 * drawn.mean()
    table = day.steps().table(HEAT_PUMP.seconds)
    running = table[table > 0]
    assert running.min() >= 0.3 * 3000 - 1e-6
    assert running.max() <= 3000 + 1e-6


def test_a_heat_pump_keeps_to_its_level_makes_up_for_it_and_minds_the_cold():
    level = Event(EVENT.from_s, EVENT.until_s, 300.0)
    homes = 300
    day = HEAT_PUMP.draw(np.random.default_rng(3), homes)
    answer = Answer(
        np.full(homes, 60.0), np.full(homes, 30.0), np.ones(homes, dtype=np.bool_)
    )
    usual, told = day.steps(), day.steps(level, answer)
    down, up = level.from_s + 60, level.until_s + 30
    assert told.energy_wh(down, up, above_w=300.0) == pytest.approx(np.zeros(homes))
    missed = usual.energy_wh(down, up) - told.energy_wh(down, up)
    later = told.energy_wh(up, up + 1800) - usual.energy_wh(up, up + 1800)
    assert later.sum() == pytest.approx(0.8 * missed.sum(), rel=0.1)
    tender = dataclasses.replace(HEAT_PUMP, comfort_k=0.1)
    soon = tender.draw(np.random.default_rng(3), homes).steps(level, answer)
    assert soon.energy_wh(down, up, above_w=300.0).sum() > 1000
    deaf = Answer(answer.late_s, answer.back_s, np.zeros(homes, dtype=np.bool_))
    same = day.steps(level, deaf).table(HEAT_PUMP.seconds)
    assert (same == usual.table(HEAT_PUMP.seconds)).all()
