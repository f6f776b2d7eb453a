"""Demand Flexibility Service: who takes part, and the week that leads to a call."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.market.dfs import (
    Home,
    Offered,
    Reason,
    Said,
    Stage,
    Terms,
    Unit,
    Week,
    refusals,
    why_not_called,
)

FIRST = Terms("2022/23", 1e6, 1e8, 1800, 1, 10_800, 0, 1, 1)
ZONED = Terms("2026", 2e5, 1e8, 1800, 0, 10_800, 1e8, 12, 2)
HOME = Home("2000000000015", responds_for_s=1800)
UNIT = Unit(200, 5_000)
H = 3600.0
FIVE = 17 * H
SAID = (
    Said(Stage.FORECAST, 6, 12 * H, 1.5e6),
    Said(Stage.EXPECTED, 1, 10 * H),
    Said(Stage.REQUIRED, 1, 14.5 * H, 2.0e6),
    Said(Stage.ACCEPTED, 1, 15.5 * H, 1.0e6),
    Said(Stage.UPDATED, 0, 12 * H, 1.0e6),
)
OFFERED = Offered(FIRST, UNIT, HOME, {}, SAID)


@pytest.mark.parametrize(
    ("home", "reason"),
    [
        ({}, None),
        ({"half_hourly": False}, Reason.NOT_HALF_HOURLY),
        ({"at_boundary": False}, Reason.NOT_BOUNDARY),
        ({"participants": 2}, Reason.TWO_PARTICIPANTS),
        ({"bm_unit": "secondary"}, Reason.IN_A_UNIT),
        ({"bm_unit": "none"}, None),
        ({"other_service": "Capacity Market"}, Reason.OTHER_SERVICE),
        ({"responds_for_s": 1799.0}, Reason.TOO_SHORT),
    ],
)
def test_each_criterion_of_a_home_both_ways(home, reason):
    found = refusals(UNIT, replace(HOME, **home), FIRST, zones_w={})
    assert found == (() if reason is None else (reason,))


@pytest.mark.parametrize(
    ("unit", "terms", "zones_w", "reason"),
    [
        (Unit(200, 5_000), FIRST, {}, None),
        (Unit(199, 5_000), FIRST, {}, Reason.TOO_SMALL),
        (Unit(20_000, 5_000), FIRST, {}, None),
        (Unit(20_001, 5_000), FIRST, {}, Reason.TOO_LARGE),
        (Unit(200, -5_000), FIRST, {}, Reason.UPWARDS),
        (Unit(40, 5_000, "Z1"), ZONED, {"Z1": 2e5}, None),
        (Unit(39, 5_000, "Z1"), ZONED, {"Z1": 2e5}, Reason.TOO_SMALL),
        (Unit(41, 5_000, "Z1"), ZONED, {"Z1": 2e5}, Reason.ZONE_FULL),
        (Unit(40, -5_000, "Z1"), ZONED, {"Z1": 2e5}, None),
        (Unit(40, 5_000, "Z1"), ZONED, {"Z1": 0}, Reason.NOT_PROCURED),
        (Unit(40, 5_000, "Z2"), ZONED, {"Z1": 2e5}, Reason.NOT_PROCURED),
    ],
)
def test_each_criterion_of_a_unit_at_its_very_limit(unit, terms, zones_w, reason):
    found = refusals(unit, HOME, terms, zones_w=zones_w)
    assert found == (() if reason is None else (reason,))


def test_a_home_that_nobody_registered_is_refused_before_anything_else():
    found = refusals(UNIT, None, FIRST, zones_w={})
    assert found == (Reason.UNREGISTERED,)


def test_every_reason_is_given_at_once():
    wrong = replace(HOME, half_hourly=False, participants=3)
    found = refusals(Unit(1, 5_000), wrong, FIRST, zones_w={})
    assert set(found) == {
        Reason.NOT_HALF_HOURLY, Reason.TWO_PARTICIPANTS, Reason.TOO_SMALL,
    }  # fmt: skip


def test_an_mpan_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="check digit"):
        Home("2000000000016")


def test_the_week_of_figure_1_leads_to_a_call():
    week, reasons = why_not_called(OFFERED, from_s=FIVE, until_s=FIVE + H)
    assert (week.faults, reasons, week.accepted) == ([], (), True)


@pytest.mark.parametrize(
    ("at", "change", "says", "reason"),
    [
        (0, {"days_before": 1}, "for the week only when", Reason.OUT_OF_TURN),
        (0, {"power_w": 0.0}, "nothing", Reason.OUT_OF_TURN),
        (2, {"at_clock_s": 9 * H}, "no later than", Reason.OUT_OF_TURN),
        (3, {"days_before": 0}, "on the day itself", Reason.TOO_LATE),
        (3, {"power_w": 1.6e6}, "more than the 1.5 MW", Reason.OUT_OF_TURN),
        (4, {"at_clock_s": 17 * H}, "after delivery has begun", None),
    ],
)
def test_a_message_out_of_turn_is_named(at, change, says, reason):
    said = list(SAID)
    said[at] = replace(said[at], **change)
    offered = replace(OFFERED, said=tuple(said))
    week, reasons = why_not_called(offered, from_s=FIVE, until_s=FIVE + H)
    assert says in week.faults[0]
    assert reasons == (() if reason is None else (reason,))


def test_more_than_is_called_for_cannot_be_accepted():
    said = (*SAID[:2], replace(SAID[2], power_w=0.9e6), *SAID[3:])
    week, reasons = why_not_called(
        replace(OFFERED, said=said), from_s=FIVE, until_s=FIVE + H
    )
    assert "more than the 0.9 MW that the ESO calls" in week.faults[0]
    assert reasons == (Reason.OUT_OF_TURN,)


def test_within_the_day_where_the_edition_allows_it():
    said = [replace(one, days_before=min(one.days_before, 6)) for one in SAID]
    said[1:4] = [replace(one, days_before=0, at_clock_s=n * H)
                 for n, one in enumerate(said[1:4], start=8)]  # fmt: skip
    later = replace(OFFERED, terms=replace(FIRST, days_ahead=0), said=tuple(said))
    assert why_not_called(later, from_s=FIVE, until_s=FIVE + H)[1] == ()
    early = replace(later, terms=FIRST)
    assert why_not_called(early, from_s=FIVE, until_s=FIVE + H)[1] == (Reason.TOO_LATE,)


def test_a_call_shorter_than_the_edition_asks_is_refused():
    longer = replace(OFFERED, terms=replace(FIRST, least_response_s=3_600))
    home = replace(HOME, responds_for_s=3_600)
    found = why_not_called(replace(longer, home=home), from_s=FIVE, until_s=FIVE + 1800)
    assert found[1] == (Reason.TOO_SHORT,)


def test_half_hours_begin_at_00_and_30():
    with pytest.raises(ValueError, match=":00 and :30"):
        Week(FIRST, FIVE + 60, FIVE + H)


@given(st.permutations(SAID))
def test_no_other_order_is_accepted_without_a_fault(said):
    """Whatever comes in whatever order: accepted in order, or something is named."""
    week = Week(FIRST, FIVE, FIVE + H)
    for one in said:
        week.hear(one)
    stages = [one.stage for one in week.said]
    assert stages == list(Stage)[: len(stages)]
    assert len(week.said) + len(week.faults) == len(SAID)
    assert (week.faults == []) == (tuple(said) == SAID)
