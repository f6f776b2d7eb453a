@BENCH @faults
Feature: A meter that errs grossly is noticed
  The independent meter decides every verdict on power. One that is frozen, silent, reversed, wired to a
  wrong factor or out of step must not, and the bench has to find that out by itself: from the meter's
  values, from its clock, and from the other meter that sees the same step.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 60 s before and 30 s after

  Scenario: A good meter is not suspected
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench does not notice that the EV meter is frozen
    And the bench does not notice that the EV meter is silent
    And the bench does not notice that the EV meter answers with an exception
    And the bench does not notice that the EV meter serves stale values
    And the bench does not notice that the EV meter swaps its words
    And the bench does not notice that the EV meter's clock is stepped
    And the bench does not notice that the EV meter's clock drifts
    And the bench does not notice that the EV meter has its current transformer reversed
    And the bench does not notice that the EV meter reads by a wrong factor
    And the bench does not notice that the EV meter replays old values
    And the bench does not notice that the boundary meter reads by a wrong factor
    And the bench does not notice that the EV delivers late

  Scenario Outline: A meter that <finding> for fifty seconds is found out
    When the EV meter <fault> from 17:00:20 to 17:01:10
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV meter <finding>

    Examples:
      | fault                                  | finding                              |
      | is frozen                              | is frozen                            |
      | is silent                              | is silent                            |
      | answers with an exception of code 6    | answers with an exception            |
      | serves stale values                    | serves stale values                  |
      | swaps its words                        | swaps its words                      |
      | has its current transformer reversed   | has its current transformer reversed |
      | reads by a wrong factor of 1000        | reads by a wrong factor              |
      | replays old values, 40 s old           | replays old values                   |

  Scenario: A meter's clock is behind
    When the EV meter's clock is stepped by -40 s from 16:59:10 to 17:02:10
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV meter's clock is stepped

  Scenario: A meter's clock runs wrong
    When the EV meter's clock drifts by 400 s an hour from 16:59:10
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV meter's clock drifts

  Scenario: The boundary meter is the one that is reversed
    When the boundary meter has its current transformer reversed from 16:59:00
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the boundary meter has its current transformer reversed

  Scenario: A charging station keeps its values back
    When the EV delivers late, every 50 s from 16:59:10 to 17:02:10
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV delivers late
