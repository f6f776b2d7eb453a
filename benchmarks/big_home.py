"""A home with twenty devices and meters of every family, each asked once a second.

How many times real time, in one process, with everything recorded? The floor asked
for is 100.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MINUTES = 30
DEVICES = {
    "ev": ("ev_chargepoint/ocpp16", "sample_interval_s = 1", ""),
    "second_ev": ("ev_chargepoint/ocpp201", "sample_interval_s = 1", ""),
    "heat_pump": ("heat_pump/nibe_s", "poll_interval_s = 1.0", ""),
    "second_pump": ("heat_pump/stiebel_isg", "poll_interval_s = 1.0", ""),
    "third_pump": ("heat_pump/lambda_eu", "poll_interval_s = 1.0", ""),
    "battery": ("battery/sunspec", "poll_interval_s = 1.0", ""),
    "solar": ("solar/sunspec", "poll_interval_s = 1.0", ""),
    "fridge": ("smart_plug/shelly", "poll_interval_s = 1.0", ""),
    "freezer": ("smart_plug/tasmota", "poll_interval_s = 1.0", 'appliance = "freezer"'),
    "dryer": (
        "smart_plug/shelly_mqtt",
        "poll_interval_s = 1.0",
        'appliance = "dehumidifier"',
    ),
    "storage_heater": ("storage_heater/radio_teleswitch", "", ""),
}
METERS = {
    "ev_meter": ("meter/sdm230", '["ev"]'),
    "second_ev_meter": ("meter/sdm120", '["second_ev"]'),
    "heat_pump_meter": ("meter/em340", '["heat_pump"]'),
    "second_pump_meter": ("meter/iem3155", '["second_pump"]'),
    "third_pump_meter": ("meter/b21", '["third_pump"]'),
    "battery_meter": ("meter/sdm230", '["battery"]'),
    "solar_meter": ("meter/dlms", '["solar"]'),
    "plug_meter": ("meter/sdm120", '["fridge", "freezer", "dryer"]'),
    "boundary": ("meter/sdm630", '["*"]'),
}
FEATURE = """
Feature: A busy home
  Scenario: The car gives way
    Given a home with an EV
    And the bench is watched for 5 minutes before and 5 minutes after
    And the published limits
      | asset | quantity                | limit | rule               |
      | EV    | turn-down response time | 10 s  | {rule} |
    When the ESO instructs the EV to turn down to 1.4 kW from 12:00 to 12:20
    Then the EV responds in the published time
""".replace("{rule}", "crowdflex/table4/ev-turn-down-response")


def rig() -> str:
    """The rig file: twenty parts, every one emulated."""
    text = '[rig]\nname = "Twenty"\nclock = "virtual"\n[circuit]\nbase_load_w = 300\n'
    for role, (driver, options, emulator) in DEVICES.items():
        text += f'\n[device.{role}]\ndriver = "{driver}"\n'
        text += f"[device.{role}.options]\n{options}\n" if options else ""
        text += f"[device.{role}.emulator]\n{emulator}\n"
    for role, (driver, sees) in METERS.items():
        text += f'\n[meter.{role}]\ndriver = "{driver}"\nsees = {sees}\n'
        text += f"[meter.{role}.emulator]\n[meter.{role}.calibration]\n"
        text += 'basis = "class"\ndocument = "emulated class B"\n'
        text += "error_percent = 1.0\ndue = 2099-12-31\n"
    return text


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="flexrig-bench-") as name:
        folder = Path(name)
        (folder / "rig.toml").write_text(rig())
        (folder / "busy.feature").write_text(FEATURE)
        began = time.perf_counter()
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", "busy.feature", "-q",
                "-p", "no:cacheprovider", "--rig", "rig.toml", "--run-folder", "out",
            ],
            check=False, stdout=subprocess.PIPE, cwd=folder, text=True,
        )  # fmt: skip
        took_s = time.perf_counter() - began
        found = list(folder.glob("out/*/scenario.json"))
        if done.returncode or not found:
            print(done.stdout[-2000:])
            return
        trial = json.loads(found[0].read_text())["trial"]
    parts = len(DEVICES) + len(METERS)
    print(f"{parts} parts at 1 Hz: trial alone {trial['speed']:,.0f} × real time")
    print(f"{parts} parts at 1 Hz: whole process {trial['bench_s'] / took_s:,.0f} ×")


if __name__ == "__main__":
    main()
