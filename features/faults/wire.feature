@BENCH @faults
Feature: A faulty wire is noticed
  Messages between the harness and a device can come late, twice, torn or never. No verdict may rest on
  them then, so the bench has to notice, from what it recorded and nothing else.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 60 s before and 30 s after

  Scenario: A good wire is not suspected
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench does not notice that the EV meter's wire is slow
    And the bench does not notice that the EV meter's wire loses messages
    And the bench does not notice that the EV meter's wire repeats messages
    And the bench does not notice that the EV meter's wire garbles messages
    And the bench does not notice that the EV meter's wire is cut
    And the bench does not notice that the heat pump's wire reorders messages
    And the bench does not notice that the EV's wire is slow
    And the bench does not notice that the EV's wire loses messages

  Scenario Outline: A meter's wire that <finding> for a minute is found out
    When the EV meter's wire <fault> from 17:00:20 to 17:01:20
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV meter's wire <finding>

    Examples:
      | fault                    | finding          |
      | is slow by 0.4 s         | is slow          |
      | loses 20 % of messages   | loses messages   |
      | repeats 20 % of messages | repeats messages |
      | garbles 30 % of messages | garbles messages |

  Scenario: A meter's wire is cut for half a minute
    When the EV meter's wire is cut from 17:00:30 to 17:01:00
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV meter's wire is cut
    And the bench notices that the EV meter is silent

  Scenario: Answers overtake each other
    When the heat pump's wire reorders 10 % of messages from it from 17:00:30 to 17:05
    And the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to 17:06
    Then the bench notices that the heat pump's wire reorders messages

  Scenario: Only the car's own values are lost
    When the EV's wire loses 40 % of messages from it that say "MeterValues" from 17:00:10 to 17:01:50
    And the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:02:00
    Then the bench notices that the EV's wire loses messages
    And the bench does not notice that the EV meter's wire loses messages
