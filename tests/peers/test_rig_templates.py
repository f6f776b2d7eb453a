"""The shipped wall-clock rigs: they are sound benches, without touching any."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.capabilities import LimitsPower, ShiftsDemand
from harness.core.errors import RigError
from harness.rig.assemble import parts_of
from harness.rig.file import read_rig

RIGS = Path(__file__).parents[2] / "rigs"


@pytest.mark.parametrize(
    ("name", "grade"),
    [("real_example", "real"), ("mixed", "mixed"), ("wall_emulated", "emulated")],
)
def test_a_shipped_rig_is_a_bench_on_which_both_assets_are_judged(
    name: str, grade: str
):
    rig = read_rig(RIGS / f"{name}.toml")
    parts = {part.role: part for part in parts_of(rig)}
    assert (rig.grade, rig.rig.clock) == (grade, "wall")
    for role, can in (("ev", LimitsPower), ("heat_pump", ShiftsDemand)):
        assert can in parts[role].driver.capabilities
        assert rig.reference_meter(role) is not None
        assert rig.device[role].safe_power_w is not None


def test_the_real_template_has_nothing_emulated_and_an_address_for_everything():
    rig = read_rig(RIGS / "real_example.toml")
    assert all(entry.address for _, entry in rig.entries())
    assert all(part.emulated is None for part in parts_of(rig))


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = (RIGS / "real_example.toml").read_text()
    assert text.count(old) == 1
    path = tmp_path / "bench.toml"
    path.write_text(text.replace(old, new))
    return path


def test_a_real_part_on_virtual_time_is_refused(tmp_path: Path):
    path = changed(tmp_path, 'clock = "wall"', 'clock = "virtual"')
    with pytest.raises(RigError, match=r'outside the process.*clock = "wall"'):
        read_rig(path)


def test_an_emulated_device_behind_a_real_meter_is_refused(tmp_path: Path):
    path = changed(
        tmp_path,
        'driver = "heat_pump/nibe_s"\n',
        'driver = "heat_pump/nibe_s"\nemulator = {}\n',
    )
    with pytest.raises(RigError, match="a real meter cannot see an emulated device"):
        read_rig(path)
