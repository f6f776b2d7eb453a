"""A home asked by message, judged at its boundary: short trials, and their verdicts."""

import pytest

from tests.cli.bench import ROOT, pytest_here

FEATURE = """Feature: By message
  Scenario: People are asked
    Given a home whose people can be reached by message
    And the bench is watched for 1 minute before and 2 minutes after
    And the bench's own expectations
      | asset | quantity    | limit | rule                    |
      | home  | reduction   | 300 W | whole_house/reduction   |
      | home  | net rebound | 100 % | whole_house/net-rebound |
    When the ESO asks the home by message to use less from 10:30 to 10:36
    Then the home moves its demand while it is asked
    And the home makes up for no more than it gave
"""
WILLING = "reach = 1.0\nagrees = 1.0\nopts_out = 0.0\ndelay_median_s = 20.0\n"


@pytest.fixture
def trial(tmp_path):
    def run(people, feature=FEATURE):
        text = (ROOT / "rigs/whole_house.toml").read_text()
        # An even home and no car: what is seen is what the people do.
        text = text.replace('base_load_profile = "appliances"\n', "base_load_w = 300\n")
        text = text.replace("base_load_kwh_per_day = 6.0\n", "")
        before, rest = text.split("[device.ev]")
        rest = rest[rest.index("[device.fridge]") :]
        meters = rest[rest.index("[meter.boundary]") :]
        rest = rest[: rest.index("[meter.ev_meter]")]
        path, features = tmp_path / "home.toml", tmp_path / "home.feature"
        path.write_text(before.replace("people = 4\n", people) + rest + meters)
        features.write_text(feature)
        return pytest_here(features, path, tmp_path / "run")

    return run


def outcomes(ended):
    return [(each.subject, str(each.outcome)) for each in ended.record.verdicts]


def test_willing_people_are_seen_at_the_boundary(trial):
    ended = trial(f"people = 4\n{WILLING}")
    assert outcomes(ended) == [("home", "pass"), ("home", "pass")], ended.text
    reduction = ended.record.verdicts[0]
    # 60 % of 2 kW, less the half minute in which they had not seen it.
    assert reduction.measured.value == pytest.approx(1100, abs=60)


def test_an_accepted_message_that_nobody_reads_fails_and_says_so(trial):
    ended = trial("people = 4\nreach = 0.0\n")
    reduction = ended.record.verdicts[0]
    assert str(reduction.outcome) == "fail"
    assert "the message was accepted, 0 of the people agreed" in reduction.reason


def test_people_who_agree_and_do_nothing_fail_too(trial):
    ended = trial(f"people = 4\nignores_messages = true\n{WILLING}")
    assert "4 of the people agreed; the meter saw" in ended.record.verdicts[0].reason


def test_what_people_cannot_be_asked_for_is_refused(trial):
    ended = trial("people = 1\n", FEATURE.replace("to use less", "to use nothing"))
    assert "there is no such wish" in ended.text
