"""What is asked of the bench's notice and cannot be told is said in words."""

from tests.cli.bench import GOOD_RIG, pytest_here

BRIEF = """Feature: A wire
  Scenario: It is watched for too short a time
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 2 s before and 2 s after
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:00:10
    Then the bench notices that the EV's wire loses messages
"""


def test_what_cannot_be_told_has_a_reason_and_no_number(tmp_path):
    path = tmp_path / "brief.feature"
    path.write_text(BRIEF)
    (verdict,) = pytest_here(path, GOOD_RIG, tmp_path / "run").record.verdicts
    assert verdict.outcome == "inconclusive"
    assert verdict.reason == "it sends too little to miss any of it"
