"""``[circuit]`` with a base load that follows the day, or does not."""

from datetime import UTC, datetime

import pytest

from harness.core.errors import RigError
from harness.rig.assemble import BASE_LOAD, make_circuit
from harness.rig.file import read_rig

STARTS_AT = datetime(2026, 1, 15, 17, 45, tzinfo=UTC)
RIG = """
[rig]
name = "x"
clock = "virtual"
seed = 4
[device.ev]
driver = "fake/ev"
[device.ev.emulator]
[circuit]
"""


@pytest.fixture
def circuit(tmp_path):
    def made(*lines):
        path = tmp_path / "bench.toml"
        path.write_text(RIG + "\n".join(lines))
        return make_circuit(read_rig(path), STARTS_AT)

    return made


def test_the_base_load_is_constant_unless_said_otherwise(circuit):
    wired = circuit("base_load_w = 350")
    assert [wired.power_w((BASE_LOAD,), at) for at in (0.0, 40_000.0)] == [350, 350]
    assert circuit().roles == ()


def test_a_half_hourly_profile_is_that_of_the_trials_date(circuit):
    wired = circuit('base_load_profile = "half-hourly"')
    # Thursday, winter: 17:30 to 18:00, then 18:00 to 18:30.
    assert wired.power_w((BASE_LOAD,), 0.0) == pytest.approx(920)
    assert wired.power_w((BASE_LOAD,), 900.0) == pytest.approx(920)
    assert wired.power_w((BASE_LOAD,), 2700.0) == pytest.approx(910)


def test_appliances_follow_the_rigs_seed(circuit):
    lines = 'base_load_profile = "appliances"', "base_load_kwh_per_day = 8"
    first, second = circuit(*lines), circuit(*lines)
    day = [first.power_w((BASE_LOAD,), float(at)) for at in range(0, 86_400, 30)]
    assert day == [
        second.power_w((BASE_LOAD,), float(at)) for at in range(0, 86_400, 30)
    ]
    assert max(day) > 1500


@pytest.mark.parametrize(
    ("lines", "fact"),
    [
        (('base_load_profile = "hourly"',), "base_load_profile: "),
        (
            ('base_load_profile = "appliances"', "base_load_w = 100"),
            "exclude each other",
        ),
        (("base_load_kwh_per_day = 8",), "needs a base_load_profile"),
        (
            ('base_load_profile = "appliances"', "base_load_kwh_per_day = 0"),
            "base_load_kwh_per_day",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(circuit, lines, fact):
    with pytest.raises(RigError, match=fact):
        circuit(*lines)
