"""The features of single device families fail on rigs that deserve it."""

import pytest

from tests.cli.bench import ROOT, changed, pytest_here

DEVICES = ROOT / "features/devices"


def ended(name, rig, tmp_path, *changes, only):
    """Run scenarios of a family's feature on its rig with changes."""
    path = tmp_path / "rig.toml"
    path.write_text(changed((ROOT / "rigs" / rig).read_text(), *changes))
    options = ("-k", only, "--date", "2026-06-21")
    return pytest_here(DEVICES / name, path, tmp_path / "run", *options)


def failing(run):
    """What failed, by quantity."""
    return {
        verdict.rule.quantity: verdict.reason
        for record in run.records
        for verdict in record.verdicts
        if verdict.outcome != "pass"
    }


def test_a_house_without_its_store_gets_cold(tmp_path):
    without = ('storage = "buffer"\nbuffer_litres = 1000.0', "comfort_floor_c = 5.0")
    rig = "heat_storage.toml"
    run = ended("heat_storage.feature", rig, tmp_path, without, only="20")
    assert set(failing(run)) == {"lowest indoor temperature"}


@pytest.mark.parametrize(
    ("table", "only"),
    [("battery", "battery and gives"), ("v2g_charger", "V2G")],
)
def test_a_battery_that_goes_its_own_way_is_found_out(table, only, tmp_path):
    header = f"[device.{table}.emulator]\n"
    change = (header, f"{header}response_delay_s = 300.0\n")
    run = ended("battery.feature", "battery_home.toml", tmp_path, change, only=only)
    assert "response time" in str(failing(run))


@pytest.mark.parametrize(
    ("table", "fault", "only", "words"),
    [
        (
            "ocpp201_chargepoint",
            "faults.ignores_profiles = true",
            "OCPP201 and not mutual",
            "accepted but not delivered",
        ),
        (
            "ocpp16_tls_chargepoint",
            "faults.response_delay_s = 60.0",
            "OCPP16 and TLS",
            "outside the bound",
        ),
    ],
)
def test_a_chargepoint_that_deserves_it_is_red(table, fault, only, words, tmp_path):
    header = f"[device.{table}.emulator]\n"
    change = (header, f"{header}{fault}\n")
    name = "every_chargepoint.feature"
    run = ended(name, "chargepoints.toml", tmp_path, change, only=only)
    assert words in str(failing(run))


@pytest.mark.parametrize(
    ("meter", "fault"),
    [("b21", "gain_percent = 20.0"), ("smets2", "gain_percent = 20.0")],
)
def test_a_meter_that_flatters_is_not_believed(meter, fault, tmp_path):
    header = f"[meter.{meter}_meter.emulator]\n"
    change = (header, f"{header}{fault}\n")
    only = "B21" if meter == "b21" else "SMETS2"
    run = ended("every_meter.feature", "meters.toml", tmp_path, change, only=only)
    assert "own meter error" in str(failing(run))


def test_the_limits_hold_in_watts_on_three_phases_over_tls(tmp_path):
    rig = "emulated_three_phase.toml"
    run = ended("chargepoint_limits.feature", rig, tmp_path, only="limit")
    assert len(run.records) == 7
    assert failing(run) == {}
