@BENCH @faults
Feature: A device that does not do as it was told is noticed
  Devices accept and ignore, fall back, trip, restart and forget. The independent meter shows it, and the
  bench says which of these it was.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 60 s before and 30 s after

  Scenario: A device that does as it was told is not suspected
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench does not notice that the EV accepts and ignores
    And the bench does not notice that the EV ramps at a wrong pace
    And the bench does not notice that the EV trips
    And the bench does not notice that the EV reboots
    And the bench does not notice that the EV forgets its schedule

  Scenario Outline: A charging station that <finding> is found out
    When the EV <fault>
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV <finding>

    Examples:
      | fault                                                                      | finding               |
      | accepts and ignores from 16:59:10 to 17:02:10                              | accepts and ignores   |
      | ramps at a wrong pace, 0.02 times its own from 16:59:10 to 17:02:10        | ramps at a wrong pace |
      | trips from 17:01:00 to 17:01:40                                            | trips                 |
      | reboots for 20 s from 17:00:50 to 17:01:30                                 | reboots               |
      | forgets its schedule from 17:00:50 to 17:01:50                             | forgets its schedule  |

  Scenario: A heat pump falls back to what it was
    When the heat pump reverts what was written after 60 s from 16:59:30 to 17:05
    And the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to 17:06
    Then the bench notices that the heat pump reverts what was written

  Scenario: A heat pump's own values stand still
    When the heat pump serves stale values from 16:59:30 to 17:05
    And the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to 17:06
    Then the bench notices that the heat pump serves stale values
