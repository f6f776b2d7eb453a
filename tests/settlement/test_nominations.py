"""A nominated week is read as written, and what is wrong in it is named by its line."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.settlement.baselines import nominated
from harness.settlement.nominations import DAYS, nominated_week
from harness.settlement.periods import grid

HEAD = "day_of_week,local_time,power_kw\n"


def rows(power_kw=lambda day, slot: -2.4):
    return [
        f"{name.capitalize()},{slot // 2:02d}:{slot % 2 * 30:02d},{power_kw(day, slot)}"
        for day, name in enumerate(DAYS)
        for slot in range(48)
    ]


def text(lines):
    return HEAD + "\n".join(lines) + "\n"


@given(st.lists(st.integers(-9_000, 9_000), min_size=336, max_size=336))
def test_what_is_written_comes_back_with_import_positive(watts):
    lines = rows(lambda day, slot: watts[48 * day + slot] / 1000)
    found = nominated_week(text(lines))
    np.testing.assert_allclose(found.ravel(), -np.array(watts), atol=1e-9)
    assert nominated_week(text(reversed(lines))).tolist() == found.tolist()


def test_a_week_becomes_a_baseline_by_local_clocks():
    week = nominated_week(text(rows(lambda day, slot: -(day + slot / 100))))
    # 2 August 2026 is a Sunday; its SP 35 begins at 17:00
    day = nominated(week, grid(date(2026, 8, 2), date(2026, 8, 2)))
    assert day[0, 34] == pytest.approx(6_340 / 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.replace("power_kw", "power"), "no column power_kw"),
        (lambda t: t.replace("Monday,00:30", "Moonday,00:30"), "csv:3: 'Moonday'"),
        (lambda t: t.replace("Monday,00:30", "Monday,00:15"), "'00:15' begins no half"),
        (lambda t: t.replace("Monday,00:30", "Monday,24:00"), "'24:00' begins no half"),
        (lambda t: t.replace("Monday,00:30,-2.4", "Monday,00:30,"), "no power in kW"),
        (lambda t: t.replace("Monday,00:30,-2.4", "Monday,00:30,nan"), "no power"),
        (lambda t: t.replace("Monday,00:30,-2.4", "Monday,00:30"), "no power in kW"),
        (lambda t: t.replace("Monday,00:30", "Monday,00:00"), "csv:3: that half-hour"),
        (lambda t: t.replace("Tuesday,17:30,-2.4\n", ""), "the first is Tuesday 17:30"),
        (lambda t: "", "no column"),
    ],
)
def test_what_is_wrong_in_a_week_is_named(change, says):
    with pytest.raises(UsageError, match=says):
        nominated_week(change(text(rows())), where="week.csv")
