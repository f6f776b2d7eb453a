"""A register against a reference standard: right numbers, honest doubt, enough time."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.registers import RegisterQuality, dwell_needed, register_error
from harness.analysis.uncertainty import Shape
from harness.checks.decide import decide
from harness.rulebook.loader import load_rulebook

COARSE = RegisterQuality("1 Wh register", 1.0, 1.0)
STANDARD = RegisterQuality("certificate, U = 0.05 %", 0.01, 1.0, 0.00025)
EVERY_S = 10.0


def read(power_w, lasts_s, quality, *, error=0.0, start_wh=0.37, phase_s=0.0):
    """A register at a steady load, read every ten seconds."""
    asked_s = np.arange(0.0, lasts_s + EVERY_S, EVERY_S)
    refreshed_s = asked_s
    if quality.refresh_s:
        refreshed_s = (
            np.floor((asked_s - phase_s) / quality.refresh_s) * quality.refresh_s
            + phase_s
        )
    wh = start_wh + power_w * (1 + error) * refreshed_s / 3600
    shown = np.floor(wh / quality.step_wh + 1e-9) * quality.step_wh
    return asked_s, asked_s + 0.1, shown


def compared(error, power_w=2300.0, lasts_s=3600.0, *, quality=COARSE, phase_s=0.0,
             start_wh=0.37, reference=STANDARD, standard_error=0.0):  # fmt: skip
    own = read(
        power_w, lasts_s, quality, error=error, start_wh=start_wh, phase_s=phase_s
    )
    known = read(power_w, lasts_s, reference, error=standard_error)
    return register_error(
        *own, *known, from_s=0.0, until_s=lasts_s + 1, meter=quality,
        reference=reference,
    )  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    st.floats(-0.05, 0.05),
    st.floats(60.0, 23_000.0),
    st.floats(0.0, 0.999),
    st.floats(0.0, 1.0),
)
def test_an_error_is_found_within_its_uncertainty(error, power_w, start_wh, phase_s):
    lasts_s = math.ceil(
        dwell_needed(power_w, 2.0, meter=COARSE, reference=STANDARD) / EVERY_S
    ) * EVERY_S  # fmt: skip
    got = compared(error, power_w, lasts_s, start_wh=start_wh, phase_s=phase_s)
    low, high = got.reach
    # Within the very ends that steps and refresh allow: √6 u each, together.
    most = sum(math.sqrt(6) * line.u for line in got.budget if "gain" not in line.name)
    assert abs(got.value - 100 * error) <= most + 1e-6
    assert max(low, high) <= 0.1 * 2.0 + 0.06


def test_the_dwell_grows_with_the_step_and_shrinks_with_the_load():
    def dwell(power_w, step_wh=1.0, bound=3.5):
        quality = RegisterQuality("r", step_wh, 1.0)
        return dwell_needed(power_w, bound, meter=quality, reference=STANDARD)

    # 1 Wh at 57.5 W is 62.6 s; over √6, twice, in a tenth of 3.5 %: 4.06 h.
    assert dwell(57.5) == pytest.approx(14_606, rel=0.01)
    assert dwell(57.5, step_wh=0.1) < 0.11 * dwell(57.5)
    assert dwell(2300.0) < 0.05 * dwell(57.5)
    assert dwell(57.5, bound=1.0) == pytest.approx(3.5 * dwell(57.5), rel=1e-9)


@pytest.mark.parametrize(
    ("power_w", "bound"), [(0.0, 1.0), (-5.0, 1.0), (math.nan, 1.0), (100.0, 0.0)]
)
def test_no_wait_is_long_enough_without_a_load_or_a_bound(power_w, bound):
    with pytest.raises(ValueError, match="no wait is long enough"):
        dwell_needed(power_w, bound, meter=COARSE, reference=STANDARD)


@pytest.fixture(scope="module")
def book():
    return load_rulebook()


@pytest.mark.parametrize(
    ("rule_id", "bound"),
    [
        ("cop10/accuracy/whole-current/unity", 1.9),
        ("cop11/type5/accuracy", 2.5),
        ("cop11/type5/accuracy", -3.5),
    ],
)
def test_just_inside_just_outside_and_within_u(book, rule_id, bound):
    rule = book.rule(rule_id, on=date(2026, 1, 15))
    sign = math.copysign(1.0, bound)
    fine = RegisterQuality("fine", 0.001, 0.0)
    dead = {"quality": fine, "lasts_s": 36_000.0}
    outcomes = [
        decide(
            compared((bound + sign * off) / 100, **dead),
            rule,
            decision_rule="non-binary",
        ).outcome
        for off in (-0.1, -0.02, 0.02, 0.1)
    ]
    assert outcomes == ["pass", "conditional pass", "conditional fail", "fail"]


def test_a_class_b_reference_certifies_no_one_percent_meter(book):
    class_b = RegisterQuality(
        "class B", 0.01, 1.0, 0.01 / math.sqrt(3), Shape.RECTANGULAR
    )
    got = compared(0.002, reference=class_b, lasts_s=36_000.0)
    assert got.spread is not None  # an even error is no normal one: draws speak
    assert got.reach[1] == pytest.approx(0.96, abs=0.03)
    one_percent = book.rule("mid/class-index/class-b", on=date(2026, 1, 15))
    decided = decide(got, one_percent, decision_rule="guard-band")
    assert decided.outcome == "fail"
    assert "a meter certified to" in decided.remedy


def test_a_frozen_meter_is_wholly_wrong_and_a_frozen_reference_tells_nothing():
    own, known = read(2300.0, 3600.0, COARSE), read(2300.0, 3600.0, STANDARD)
    window = {"from_s": 0.0, "until_s": 3601.0, "meter": COARSE, "reference": STANDARD}
    still = (own[0], own[1], np.full(own[2].size, 17.0))
    assert register_error(*still, *known, **window).value == -100.0
    got = register_error(*own, *(known[0], known[1], still[2]), **window)
    assert math.isnan(got.value)
    assert got.why == "the reference counted nothing"


def test_what_a_register_cannot_have_done_is_said():
    own, known = read(2300.0, 3600.0, COARSE), read(2300.0, 3600.0, STANDARD)
    window = {"from_s": 0.0, "until_s": 3601.0, "meter": COARSE, "reference": STANDARD}

    def error(*columns, **changed):
        return register_error(*columns, *known, **(window | changed))

    back = own[2].copy()
    back[100:] -= 500
    assert error(own[0], own[1], back).why == "the register went backwards"
    lost = np.full(own[2].size, np.nan)
    lost[5] = 3.0
    assert "read 1 times" in error(own[0], own[1], lost).why
    assert "read 0 times" in error(*(np.array([]),) * 3).why
    assert "read 0 times" in error(*own, from_s=9e5, until_s=9e6).why
    gaps = own[2].copy()
    gaps[10:300] = np.nan
    assert error(own[0], own[1], gaps).value == pytest.approx(0.0, abs=0.1)
    with pytest.raises(ValueError, match="differ in shape"):
        error(own[0], own[1], own[2][1:])
    with pytest.raises(ValueError, match="infinite"):
        error(own[0], own[1], np.where(own[2] > 9, np.inf, own[2]))


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(0.1, 10.0), st.floats(0.0, 1e5))
def test_shift_scale_and_start_change_nothing(shift_s, scale, start_wh):
    own, known = (
        read(2300.0, 3600.0, COARSE, error=0.013),
        read(2300.0, 3600.0, STANDARD),
    )
    plain = register_error(
        *own, *known, from_s=0.0, until_s=3601.0, meter=COARSE, reference=STANDARD
    )

    def stretched(quality):
        return RegisterQuality(
            quality.source, quality.step_wh * scale, quality.refresh_s,
            quality.relative_u,
        )  # fmt: skip

    moved = register_error(
        own[0] + shift_s, own[1] + shift_s, own[2] * scale + start_wh,
        known[0] + shift_s, known[1] + shift_s, known[2] * scale,
        from_s=shift_s - 0.01, until_s=shift_s + 3601.0,
        meter=stretched(COARSE), reference=stretched(STANDARD),
    )  # fmt: skip
    assert moved.value == pytest.approx(plain.value, abs=1e-6)
    assert moved.u == pytest.approx(plain.u, rel=1e-6)
