@BM @quick
Feature: Balancing Mechanism in a quarter of an hour
  The same instructions as a full event, short enough to prove a bench before a day is spent on it.
  It proves nothing about the event period.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 3 minutes before and 6 minutes after
    And the published limits
      | asset     | quantity                | limit     | rule                                   |
      | EV        | turn-down response time | 10 s      | crowdflex/table4/ev-turn-down-response |
      | EV        | turn-up response time   | 30 s      | crowdflex/table4/ev-turn-up-response   |
      | heat pump | turn-down response time | 2 minutes | crowdflex/table4/heat-response         |
    And the bench's own expectations
      | asset     | quantity                  | limit         | rule                          |
      | EV        | ramp rate                 | 100 W/s       | agreement/ev-ramp             |
      | EV        | delivered share           | 95 %          | agreement/delivered-share     |
      | EV        | overshoot on return       | 10 %          | agreement/overshoot-on-return |
      | EV        | own meter error           | +2.5 / −3.5 % | cop11/type5/accuracy          |
      | heat pump | ramp rate                 | 8 W/s         | agreement/heat-ramp           |
      | heat pump | delivered share           | 95 %          | agreement/delivered-share     |
      | heat pump | rebound                   | 100 %         | agreement/rebound             |
      | heat pump | lowest indoor temperature | 18 °C         | heat_pump/comfort-floor       |
      | heat pump | starts per hour           | 6 per hour    | heat_pump/starts-per-hour     |
      | heat pump | shortest run              | 5 minutes     | heat_pump/min-run-time        |
      | heat pump | shortest rest             | 3 minutes     | heat_pump/min-off-time        |

  @EVCP @ev @turn_down
  Scenario: The car gives way and comes back
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00 to 17:15
    Then the EV responds in the published time
    And the EV ramps as agreed
    And the EV holds its level until 17:15
    And the EV returns without overshoot
    And the EV's own meter agrees with the independent meter

  @EVCP @ev @turn_up
  Scenario: The car takes more and comes back
    Given the EV is held at 1.4 kW
    When the ESO instructs the EV to turn up to 4.6 kW from 17:00 to 17:15
    Then the EV responds in the published time
    And the EV ramps as agreed
    And the EV holds its level until 17:15
    And the EV returns without overshoot
    And the EV's own meter agrees with the independent meter

  @HP @COMFORT @heat_pump @turn_down
  Scenario: The heat pump gives way and comes back
    When the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to 17:20
    Then the heat pump responds in the published time
    And the heat pump ramps as agreed
    And the heat pump holds its level until 17:20
    And the house stays at or above its comfort limit
    And the compressor keeps its minimum run and rest times
    And the heat pump's rebound stays within its bound
