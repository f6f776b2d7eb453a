@BENCH @battery @rig:battery_home
Feature: A battery, a car that gives back, and panels on the roof do as they are told
  What a battery is told is a power with a sign: drawing is positive, giving is negative. The
  boundary sees all of it, the asset meters each their own; panels can only be told to give less.

  Background:
    Given a home with a battery, a V2G charger and solar inverter
    And the bench is watched for 2 minutes before and 3 minutes after
    And the bench's own expectations
      | asset          | quantity                | limit     | rule                           |
      | battery        | turn-down response time | 2 minutes | agreement/battery-response     |
      | battery        | turn-up response time   | 2 minutes | agreement/battery-response     |
      | V2G charger    | turn-down response time | 2 minutes | agreement/battery-response     |
      | solar inverter | turn-up response time   | 2 minutes | agreement/battery-response     |
      | battery        | delivered share         | 95 %      | agreement/delivered-share      |
      | V2G charger    | delivered share         | 95 %      | agreement/delivered-share      |
      | solar inverter | delivered share         | 95 %      | agreement/delivered-share      |

  @turn_down
  Scenario Outline: The <asset> gives <power> for ten minutes
    When the ESO instructs the <asset> to turn down to −<power> from 12:00 to 12:10
    Then the <asset> responds in the published time
    And the <asset> holds its level until 12:10

    Examples:
      | asset       | power  |
      | battery     | 3 kW   |
      | V2G charger | 2.5 kW |

  @turn_up
  Scenario: The battery takes 2 kW for ten minutes
    When the ESO instructs the battery to turn up to 2 kW from 12:00 to 12:10
    Then the battery responds in the published time
    And the battery holds its level until 12:10

  @turn_up
  Scenario: The solar inverter gives no more than 500 W for ten minutes
    When the ESO instructs the solar inverter to turn up to −0.5 kW from 12:00 to 12:10
    Then the solar inverter responds in the published time
    And the solar inverter holds its level until 12:10
