"""Every driver of ours against the conformance kit."""

import pytest

from harness.checks.verdict import Outcome
from harness.kit.conformance import check_driver
from harness.rig.drivers import all_drivers


@pytest.mark.parametrize("driver", all_drivers(), ids=lambda driver: driver.name)
def test_a_driver_of_ours_conforms(driver):
    found = [one for one in check_driver(driver) if one.outcome is Outcome.FAIL]
    assert [f"{one.check}: {one.detail}" for one in found] == []
