"""flexrig devices and steps list all there is, each with what it means."""

import re

import pytest

from harness.rig.drivers import all_drivers
from harness.steps.phrases import library
from tests.cli.bench import flexrig_here


def words(text):
    """Text without the table's lines and breaks."""
    return re.sub(r"[\s│┃|…]+", " ", text)


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


def test_steps_lists_each_phrase_with_its_meaning():
    ended = flexrig_here("steps")
    assert ended.code == 0
    listed = words(ended.text)
    for phrase in library().phrases:
        assert phrase.meaning.endswith(".")
        assert max(re.split(r"[{}()]", phrase.text), key=len)[:40].strip() in listed


def test_steps_are_narrowed_by_words():
    listed = flexrig_here("steps", "OVERRULES").text
    assert "overrules the service" in words(listed)
    assert "ramps" not in listed


def test_devices_lists_each_driver_with_its_wire():
    ended = flexrig_here("devices")
    assert ended.code == 0
    drivers = all_drivers()
    assert {driver.name for driver in drivers} >= {
        "ev_chargepoint/ocpp16",
        "heat_pump/nibe_s",
        "meter/sdm230",
        "smart_plug/shelly",
    }
    for driver in drivers:
        assert driver.name.rpartition("/")[2] in words(ended.text)
