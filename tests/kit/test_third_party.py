"""A driver in a package of its own is found, proved and used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.reporting.record_json import read_records

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "third_party" / "acme_heater"
FLEXRIG = (sys.executable, "-c", "from harness.cli import main; main()")
RIG = """
[rig]
name = "A home with somebody else's heater"
clock = "virtual"

[device.heater]
driver = "acme_heater/modbus"
[device.heater.emulator]

[meter.heater_meter]
driver = "meter/sdm230"
sees = ["heater"]
[meter.heater_meter.emulator]
[meter.heater_meter.calibration]
basis = "certificate"
document = "emulated certificate E-0001"
expanded_uncertainty_percent = 0.4
due = 2099-12-31
"""
FEATURE = """
Feature: A heater that is not ours
  Scenario: It gives way
    Given a home with a heater
    And the bench's own expectations
      | asset  | quantity                | limit     | rule                         |
      | heater | turn-down response time | 2 minutes | crowdflex/table4/heat-response |
    When the ESO instructs the heater to turn down to 1.0 kW from 17:00 to 17:10
    Then the heater responds in the published time
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder on the module path that holds the installed package."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "acme_heater"
    subprocess.run(["cp", "-r", str(PACKAGE), str(source)], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    offline = ["--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, *offline, "--target", str(folder), str(source)], check=True)
    return folder


def flexrig(installed, folder, *args):
    return subprocess.run(
        [*FLEXRIG, *args],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_is_listed_with_its_document(installed, tmp_path):
    done = flexrig(installed, tmp_path, "devices")
    assert done.returncode == 0, done.stderr
    (line,) = [
        line for line in done.stdout.splitlines() if "acme_heater/modbus" in line
    ]
    assert "LimitsPower" in line


def test_it_passes_the_conformance_kit(installed, tmp_path):
    done = flexrig(installed, tmp_path, "check-driver", "acme_heater/modbus")
    assert done.returncode == 0, done.stdout
    assert "Acme WH-3 Modbus sheet, edition 2, example 1" in done.stdout


def test_a_trial_steers_it_and_an_independent_meter_judges(installed, tmp_path):
    (tmp_path / "rig.toml").write_text(RIG)
    (tmp_path / "heater.feature").write_text(FEATURE)
    run = ("run", "--rig", "rig.toml", "heater.feature", "--no-allure")
    done = flexrig(installed, tmp_path, *run, "--run-folder", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = read_records(tmp_path / "out")
    (verdict,) = record.verdicts
    assert verdict.outcome == "pass"
    assert all(name.startswith("heater_meter.") for name in verdict.channels)
