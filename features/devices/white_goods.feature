@WG @rig:everyday
Feature: White goods behind smart plugs
  A plug can take power away and give it back, and no more. Goods that are always on go on where they
  were; a washing machine has lost its programme and stands by until somebody starts it anew.

  Background:
    Given a home with a washing machine and dehumidifier
    And the published limits
      | asset           | quantity                | limit | rule                         |
      | dehumidifier    | turn-down response time | 10 s  | respect/white-goods-response |
      | dehumidifier    | at work again           | 300 s | respect/at-work-again        |
      | washing machine | standby                 | 10 W  | respect/standby              |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: What is always on gives way and goes on where it was
    When the DSO instructs the dehumidifier to turn down to 0 kW from 17:00 to 17:15
    Then the dehumidifier responds in the published time
    And the dehumidifier is at work again soon after

  Scenario: A washing machine that was cut off stands by when it has power again
    When the DSO instructs the washing machine to turn down to 0 kW from 17:00 to 17:10
    Then the washing machine goes to standby when it has power again
