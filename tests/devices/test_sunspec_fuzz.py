"""Any registers through the point reader: a number, a text, nothing, or a refusal."""

from __future__ import annotations

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.links.sunspec_map import Picker, model
from tests.devices.fuzzing import FRAMES

PICKERS = [
    Picker(model(1), ("Mn", "Md", "Vr", "SN")),
    Picker(model(103), ("W", "Hz", "WH", "St")),
    Picker(model(213), ("W", "Hz", "TotWhExp")),
    Picker(model(701), ("W", "Var", "LNV", "Hz", "TotWhInj", "TotWhAbs", "InvSt")),
    Picker(model(702), ("WMaxRtg", "CtrlModes")),
    Picker(model(704), ("WSetEna", "WSet", "WSetRvrtTms", "WSetRvrtRem")),
    Picker(model(802), ("SoC", "State", "SoCRsvMin")),
]
ODD = (0, 1, 0x7FC0, 0x7F80, 0x7FFF, 0x8000, 0xFFFF, 0xFFF6, 0x000A, 0x4142)
"""Patterns that mean something, more often than chance would have them."""


def word(byte):
    return ODD[byte % len(ODD)] if byte < 128 else byte * 0x0101


@settings(
    max_examples=FRAMES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.sampled_from(PICKERS), st.binary(min_size=1, max_size=24))
def test_no_registers_become_a_number_that_is_none(picker, pattern):
    words = [word(pattern[at % len(pattern)]) for at in range(picker.count)]
    try:
        values, said = picker.pick(words)[0], "has no scale"
    except ValueError as error:
        values, said = {}, str(error)
    assert "has no scale" in said
    for value in values.values():
        assert value is None or isinstance(value, str) or math.isfinite(value)
