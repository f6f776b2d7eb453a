"""Figures are small, the same every time, and lose no extreme and no gap."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.core.calendar import LONDON
from harness.reporting.figures import (
    Band,
    FigureSpec,
    describe,
    draw,
)
from harness.reporting.plotting import decimate, spread

START = datetime(2027, 1, 14, 16, 0, tzinfo=LONDON)
MARKS = (
    ("sent", 0.0),
    ("acknowledged", 0.1),
    ("first movement", 2.0),
    ("90 %", 7.0),
    ("settled", 8.3),
)


def four_hours() -> FigureSpec:
    """A noisy event of four hours on three lines, the largest there is."""
    rng = np.random.default_rng(1)
    time_s = np.arange(-600.0, 15300.0)
    true_w = np.where(
        (time_s < 0) | (time_s >= 14400),
        7360.0,
        np.maximum(1400.0, 7360.0 - 800.0 * np.clip(time_s, 0, None)),
    )
    return FigureSpec(
        "EV: turn-down response time 8.3 ± 0.7 s",
        START,
        (time_s, true_w + rng.normal(0, 60, time_s.size)),
        truth=(time_s, true_w),
        own=(time_s[::10], true_w[::10] * 1.05 + rng.normal(0, 60, 1590)),
        band=Band(1100, 1700, 10, 14400),
        uncertainty_w=80.0,
        marks=MARKS,
    )


def texts(svg: bytes) -> list[str]:
    """Every text in the figure."""
    root = ET.fromstring(svg)  # noqa: S314 - our own figure
    return [
        "".join(node.itertext()).strip()
        for node in root.iter("{http://www.w3.org/2000/svg}text")
    ]


def test_the_same_input_gives_the_same_bytes() -> None:
    assert draw(four_hours()) == draw(four_hours())


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import sys, numpy as np; from datetime import datetime;"
        "from harness.core.calendar import LONDON;"
        "from harness.reporting.figures import FigureSpec, draw;"
        "t = np.arange(100.0); s = datetime(2027, 1, 14, 16, 0, tzinfo=LONDON);"
        "m = (('sent', 3.0), ('settled', 9.0));"
        "sys.stdout.buffer.write(draw(FigureSpec('x', s, (t, t), marks=m)))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    ).stdout
    time_s = np.arange(100.0)
    marks = (("sent", 3.0), ("settled", 9.0))
    assert there == draw(FigureSpec("x", START, (time_s, time_s), marks=marks))


def test_the_largest_figure_stays_small() -> None:
    assert len(draw(four_hours())) < 120_000


def test_a_changed_sample_changes_the_figure() -> None:
    spec = four_hours()
    time_s, values = spec.meter
    spike = values.copy()
    spike[8000] = 9000.0
    assert draw(spec) != draw(dataclasses.replace(spec, meter=(time_s, spike)))


def test_nothing_in_it_tells_when_or_where_it_was_drawn() -> None:
    svg = draw(four_hours()).decode()
    assert "dc:date" not in svg
    assert "Matplotlib" not in svg
    assert re.findall(r"https?://(?!www\.w3\.org/)", svg) == []


def test_axes_are_civil_time_and_kilowatts_and_everything_is_named() -> None:
    seen = texts(draw(four_hours()))
    assert {"16:00", "18:00", "20:00", "Power / kW (import +)"} <= set(seen)
    assert "Local time, Thursday 14 January 2027" in seen
    for name in ("allowed", "± U of the meter", "true power (emulated)",
                 "device's own meter", "independent meter"):  # fmt: skip
        assert name in seen


def test_close_marks_get_a_panel_of_their_own_and_all_their_names() -> None:
    seen = " ".join(texts(draw(four_hours())))
    assert "Enlarged. Local time" in seen
    assert "16:00:05" in seen
    for name, _at in MARKS:
        assert name in seen
    assert "+8.3 s" in seen


def test_wide_marks_need_no_second_panel() -> None:
    spec = dataclasses.replace(four_hours(), marks=(("from", 0.0), ("until", 14400.0)))
    assert "Enlarged" not in " ".join(texts(draw(spec)))


def test_clock_times_follow_summer_time() -> None:
    """On 28 March 2027 clocks went from 00:59 straight to 02:00."""
    start = datetime(2027, 3, 28, 0, 30, tzinfo=LONDON)
    time_s = np.arange(0.0, 7200.0)
    seen = texts(draw(FigureSpec("night", start, (time_s, time_s))))
    assert {"00:50", "02:00", "03:20"} <= set(seen)
    assert not any(text.startswith("01:") for text in seen)


def test_signs_that_mean_mathematics_elsewhere_are_text_here() -> None:
    spec = dataclasses.replace(four_hours(), title="price $5 to $6, <b> & co")
    assert "price $5 to $6, <b> & co" in texts(draw(spec))


def test_a_start_without_a_time_zone_is_refused() -> None:
    spec = dataclasses.replace(four_hours(), starts_at=datetime(2027, 1, 14))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        draw(spec)


def test_a_meter_that_saw_nothing_is_refused() -> None:
    none = np.array([], dtype=np.float64)
    with pytest.raises(ValueError, match="0 samples"):
        draw(dataclasses.replace(four_hours(), meter=(none, none)))


def test_a_meter_that_is_all_gaps_can_be_drawn() -> None:
    time_s = np.arange(0.0, 5000.0)
    gaps = np.full(5000, np.nan)
    spec = FigureSpec("silent", START, (time_s, gaps), uncertainty_w=5.0)
    assert b"<svg" in draw(spec)
    assert "kW" not in describe(spec)


def test_the_words_for_those_who_cannot_see_it_say_what_it_shows() -> None:
    words = describe(four_hours())
    assert "from 15:50 to 20:14" in words
    assert "allowed 1.10 to 1.70 kW" in words
    assert "settled at 8.3 s" in words


series = hnp.arrays(
    np.float64,
    st.integers(1, 3000),
    elements=st.one_of(st.floats(-1e5, 1e5), st.just(float("nan"))),
)


@given(series, st.integers(1, 200))
def test_decimation_keeps_every_extreme_and_every_gap(
    values: np.ndarray, buckets: int
) -> None:
    time_s = np.arange(values.size, dtype=np.float64)
    kept_s, kept = decimate(time_s, values, buckets)
    assert kept_s.size <= 3 * buckets + 2
    assert np.all(np.diff(kept_s) > 0)
    assert np.array_equal(values[kept_s.astype(int)], kept, equal_nan=True)
    assert kept_s[0] == time_s[0]
    assert kept_s[-1] == time_s[-1]
    assert np.isnan(kept).any() == np.isnan(values).any()
    if not np.isnan(values).all():
        assert np.nanmax(kept) == np.nanmax(values)
        assert np.nanmin(kept) == np.nanmin(values)


@given(
    st.lists(st.tuples(st.floats(0, 700), st.floats(10, 120)), min_size=1, max_size=8),
)
def test_labels_never_overlap_and_keep_their_order(
    marks: list[tuple[float, float]],
) -> None:
    ordered = sorted(marks)
    widths = [width for _at, width in ordered]
    centres = spread([at for at, _width in ordered], widths, 700.0)
    ends = [
        (centre - width / 2, centre + width / 2)
        for centre, width in zip(centres, widths, strict=True)
    ]
    for (_a, end), (start, _b) in itertools.pairwise(ends):
        assert start >= end - 1e-6
    assert ends[0][0] >= -1e-6
    assert ends[-1][1] <= max(700.0, sum(widths)) + 1e-6
