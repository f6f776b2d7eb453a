@OPM @CAP @meter @rig:meters
Feature: A smart meter as operational metering
  Every home has one, and nobody has to buy it. What its consumer access device passes on comes every
  ten seconds or so, and late.

  Background:
    Given a home with an EV
    And the SMETS2 meter is tested against the SDM120 meter
    And the published limits
      | asset        | quantity                   | limit     | rule                                       |
      | SMETS2 meter | operational metering error | ±1 %      | crowdflex/table3/smart-meter-accuracy      |
      | SMETS2 meter | read interval              | 10 - 20 s | crowdflex/table3/smart-meter-read-interval |
      | SMETS2 meter | latency                    | 13 s      | crowdflex/table3/smart-meter-latency       |
      | SMETS2 meter | data completeness          | 99 %      | opmetering/completeness                    |

  Scenario: It shows what the home draws, every ten to twenty seconds
    When the bench is left alone from 17:00 to 17:20
    Then the SMETS2 meter's readings are as accurate as asked
    And the SMETS2 meter's readings come as often as asked
    And the SMETS2 meter's readings arrive as soon as asked
    And the SMETS2 meter's readings are as complete as asked
    And the SMETS2 meter is held against every edition of operational metering
