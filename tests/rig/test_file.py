"""A wrong rig file says which table, which key, and what to try."""

from datetime import date

import pytest

from harness.core.errors import RigError
from harness.rig.file import check_calibration, read_rig

GOOD = """
[rig]
name = "A home"
clock = "virtual"

[device.ev]
driver = "ev_chargepoint/ocpp16"
emulator = {}

[meter.ev_meter]
driver = "meter/sdm230"
sees = ["ev"]
emulator = {}
[meter.ev_meter.calibration]
basis = "certificate"
document = "0001"
expanded_uncertainty_percent = 0.4
due = 2030-01-01
"""


def read(tmp_path, text):
    path = tmp_path / "bench.toml"
    path.write_text(text)
    return read_rig(path)


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_good_rig_says_what_its_evidence_is_worth(tmp_path):
    rig = read(tmp_path, GOOD)
    assert rig.grade == "emulated"
    assert rig.reference_meter("ev") == "ev_meter"
    assert rig.boundary_meter() is None
    assert rig.meter["ev_meter"].calibration.relative_u == pytest.approx(0.002)


WALL = changed('clock = "virtual"', 'clock = "wall"')

WRONG = {
    "not TOML": (GOOD + "\n[", r"bench.toml: not valid TOML: .* Try: quotes"),
    "unknown key": (
        changed('name = "A home"', 'name = "A home"\nsede = 3'),
        r"bench.toml \[rig\] sede: unknown key 'sede'. Try: 'seed'.",
    ),
    "unknown key of a device": (
        changed("emulator = {}\n\n[meter", 'adress = "x"\nemulator = {}\n\n[meter'),
        r"bench.toml \[device.ev\] adress: unknown key 'adress'. Try: 'address'.",
    ),
    "unknown key of a calibration card": (
        GOOD + 'expires = "soon"\n',
        r"\[meter.ev_meter.calibration\] expires: unknown key 'expires'. Try: ",
    ),
    "missing key": (
        changed('sees = ["ev"]\n', ""),
        r"bench.toml \[meter.ev_meter\] sees: 'sees' is missing. Try: add sees = …",
    ),
    "wrong type": (
        changed('name = "A home"', "name = 7"),
        r"bench.toml \[rig\] name: input should be a valid string, not 7",
    ),
    "wrong clock": (
        changed('clock = "virtual"', 'clock = "sundial"'),
        r"\[rig\] clock: input should be 'virtual' or 'wall', not 'sundial'",
    ),
    "role with a capital": (
        GOOD.replace("device.ev]", "device.EV]").replace('["ev"]', '["EV"]'),
        r"bench.toml \[device.EV\]: 'EV' is no name for a role. Try: lower case",
    ),
    "meter sees nothing": (
        changed('sees = ["ev"]', "sees = []"),
        r"bench.toml \[meter.ev_meter\] sees: a meter that sees nothing",
    ),
    "meter sees a stranger": (
        changed('sees = ["ev"]', 'sees = ["sauna"]'),
        r"no device 'sauna' in this rig. Try: one of ev",
    ),
    "no device": (
        GOOD[: GOOD.index("[device")] + GOOD[GOOD.index("[meter") :],
        "bench.toml: no device",
    ),
    "same name for device and meter": (
        GOOD.replace("meter.ev_meter", "meter.ev"),
        r"role 'ev' is a device already. Try: another name, such as ev_meter",
    ),
    "duplicate address": (
        changed(
            "emulator = {}\n\n[meter",
            'address = "modbus://127.0.0.1:502/1"\nemulator = {}\n\n[meter',
        ).replace(
            'sees = ["ev"]\n',
            'sees = ["ev"]\naddress = "modbus://127.0.0.1:502/1"\n',
        ),
        r"modbus://127.0.0.1:502/1 is already the address of 'ev'",
    ),
    "real part on virtual time": (
        changed("emulator = {}\n\n[meter", 'address = "ws://10.0.0.7:80/x"\n\n[meter'),
        r"\[device.ev\]: a part outside the process cannot run on virtual time",
    ),
    "emulated meter on a real device": (
        WALL.replace(
            "emulator = {}\n\n[meter", 'address = "ws://10.0.0.7:80/x"\n\n[meter'
        ),
        r"\[meter.ev_meter\]: an emulated meter cannot see a real device \(ev\)",
    ),
    "neither address nor emulator": (
        WALL.replace("emulator = {}\n\n[meter", "\n[meter"),
        r"\[device.ev\]: neither an address nor an emulator",
    ),
    "card without its number": (
        changed("expanded_uncertainty_percent = 0.4\n", ""),
        r"basis 'certificate' needs expanded_uncertainty_percent",
    ),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_rig_is_refused_in_one_sentence(tmp_path, text, says):
    with pytest.raises(RigError, match=says) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "Try: " in str(caught.value)


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "emulated.toml").write_text(GOOD)
    with pytest.raises(RigError, match=r"no such rig file. Try: .*emulated.toml"):
        read_rig(tmp_path / "emulatd.toml")


def test_calibration_is_good_on_its_last_day_and_overdue_the_day_after(tmp_path):
    rig = read(tmp_path, GOOD)
    check_calibration(rig, date(2030, 1, 1))
    with pytest.raises(RigError, match=r"calibration was due on 2030-01-01"):
        check_calibration(rig, date(2030, 1, 2))


def test_a_class_is_taken_as_a_rectangular_distribution(tmp_path):
    text = changed('basis = "certificate"', 'basis = "class"').replace(
        "expanded_uncertainty_percent = 0.4", "error_percent = 1.0"
    )
    card = read(tmp_path, text).meter["ev_meter"].calibration
    assert card.relative_u == pytest.approx(0.01 / 3**0.5)
