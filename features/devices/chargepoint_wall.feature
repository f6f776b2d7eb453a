@EVCP @ev @quick @wall
Feature: A charging station gives way, in little more than a minute
  The shortest trial that says something: one instruction over the wire, one answer, and an
  independent meter that says what came of it. It runs unedited on an emulated, a mixed and a
  real bench, and is the first thing to run on a new one. It proves nothing about an event period.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 10 s before and 10 s after
    And the published limits
      | asset | quantity                | limit | rule                                  |
      | EV    | turn-down response time | 10 s  | crowdflex/table4/ev-turn-down-response |
    And the bench's own expectations
      | asset     | quantity                  | limit         | rule                          |
      | EV        | ramp rate                 | 100 W/s       | agreement/ev-ramp             |
      | EV        | delivered share           | 95 %          | agreement/delivered-share     |
      | EV        | overshoot on return       | 10 %          | agreement/overshoot-on-return |
      | EV        | own meter error           | +2.5 / −3.5 % | cop11/type5/accuracy          |
      | heat pump | lowest indoor temperature | 18 °C         | heat_pump/comfort-floor       |

  @turn_down
  Scenario: The car gives way for fifty seconds and comes back
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00:00 to 17:00:50
    Then the EV responds in the published time
    And the EV ramps as agreed
    And the EV holds its level until 17:00:50
    And the EV returns without overshoot
    And the EV's own meter agrees with the independent meter
    And the house stays at or above its comfort limit
