@BM
Feature: Balancing Mechanism
  The ESO accepts a bid or an offer from an aggregated unit. The home's charger and heat pump
  move within the published response times, hold for the whole event, and come back quietly.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the published limits
      | asset     | quantity                         | limit     | rule                                                     |
      | EV        | turn-down response time          | 10 s      | crowdflex/table4/ev-turn-down-response                   |
      | EV        | turn-up response time            | 30 s      | crowdflex/table4/ev-turn-up-response                     |
      | EV        | turn-down event period of 4 h    | 4 h       | crowdflex/table4/ev-turn-down-event-period               |
      | EV        | turn-up event period of 4 h      | 4 h       | crowdflex/table4/ev-turn-up-event-period                 |
      | heat pump | turn-down response time          | 2 minutes | crowdflex/table4/heat-response                           |
      | heat pump | turn-up response time            | 2 minutes | crowdflex/table4/heat-response                           |
      | heat pump | turn-down event period of 1 h    | 1 h       | crowdflex/table4/heat-turn-down-event-period-shortest    |
      | heat pump | turn-down event period of 2 h    | 2 h       | crowdflex/table4/heat-turn-down-event-period-longest     |
      | heat pump | turn-up event period of 1 h      | 1 h       | crowdflex/table4/heat-turn-up-event-period-shortest      |
      | heat pump | turn-up event period of 2 h      | 2 h       | crowdflex/table4/heat-turn-up-event-period-longest       |
    And the bench's own expectations
      | asset     | quantity                | limit    | rule                          |
      | EV        | ramp rate               | 100 W/s  | agreement/ev-ramp             |
      | EV        | overshoot on return     | 10 %     | agreement/overshoot-on-return |
      | EV        | own meter error         | +2.5 / −3.5 % | cop11/type5/accuracy     |
      | heat pump | ramp rate               | 8 W/s    | agreement/heat-ramp           |
      | heat pump | rebound                 | 100 %    | agreement/rebound             |
      | heat pump | lowest indoor temperature | 18 °C  | heat_pump/comfort-floor       |
      | heat pump | starts per hour         | 6 per hour | heat_pump/starts-per-hour   |
      | heat pump | shortest run            | 5 minutes | heat_pump/min-run-time       |
      | heat pump | shortest rest           | 3 minutes | heat_pump/min-off-time       |

  @EVCP @ev @turn_down
  Scenario: The car gives way at once and stays down for four hours
    When the ESO instructs the EV to turn down to 1.4 kW from 16:00 to 20:00
    Then the EV responds in the published time
    And the EV ramps as agreed
    And the EV holds its level for the published event period of 4 h
    And the EV returns without overshoot
    And the EV's own meter agrees with the independent meter
    And the EV's answers are held against every service

  @EVCP @ev @turn_up
  Scenario: The car takes more within half a minute and for four hours
    Given the EV is held at 1.4 kW
    When the ESO instructs the EV to turn up to 4.6 kW from 00:00 to 04:00
    Then the EV responds in the published time
    And the EV ramps as agreed
    And the EV holds its level for the published event period of 4 h
    And the EV returns without overshoot
    And the EV's own meter agrees with the independent meter

  @HP @COMFORT @heat_pump @turn_down
  Scenario Outline: The heat pump gives way for <time>
    When the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to <end>
    Then the heat pump responds in the published time
    And the heat pump ramps as agreed
    And the heat pump holds its level for the published event period of <period>
    And the house stays at or above its comfort limit
    And the compressor keeps its minimum run and rest times
    And the heat pump's rebound stays within its bound
    And the heat pump's answers are held against every service

    Examples:
      | time      | period | end   |
      | one hour  | 1 h    | 18:00 |
      | two hours | 2 h    | 19:00 |

  @HP @heat_pump @turn_up
  Scenario Outline: The heat pump takes more for <time>
    When the ESO instructs the heat pump to turn up to 2.4 kW from 02:00 to <end>
    Then the heat pump responds in the published time
    And the heat pump ramps as agreed
    And the heat pump holds its level for the published event period of <period>
    And the compressor keeps its minimum run and rest times
    And the heat pump's rebound stays within its bound

    Examples:
      | time      | period | end   |
      | one hour  | 1 h    | 03:00 |
      | two hours | 2 h    | 04:00 |
