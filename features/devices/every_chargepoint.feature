@ev @every_chargepoint @rig:chargepoints
Feature: Whatever wire leads to the car, it gives way and comes back
  One question for every kind of chargepoint: OCPP 1.6 in amperes and in watts, on one phase and
  on three, in the clear and over TLS, OCPP 2.0.1 with and without certificates, and the car
  itself by its maker's cloud. The same words, the same meters, the same limits.

  @turn_down
  Scenario Outline: The <chargepoint> gives way for five minutes
    Given a home with an <chargepoint>
    And the bench is watched for 1 minute before and 2 minutes after
    And the published limits
      | asset         | quantity                | limit | rule                                   |
      | <chargepoint> | turn-down response time | 10 s  | crowdflex/table4/ev-turn-down-response |
    And the bench's own expectations
      | asset         | quantity            | limit   | rule                          |
      | <chargepoint> | ramp rate           | 100 W/s | agreement/ev-ramp             |
      | <chargepoint> | delivered share     | 95 %    | agreement/delivered-share     |
      | <chargepoint> | overshoot on return | 10 %    | agreement/overshoot-on-return |
    When the ESO instructs the <chargepoint> to turn down to 1.4 kW from 17:00 to 17:05
    Then the <chargepoint> responds in the published time
    And the <chargepoint> ramps as agreed
    And the <chargepoint> holds its level until 17:05
    And the <chargepoint> returns without overshoot

    @EVCP
    Examples:
      | chargepoint                    |
      | OCPP16 chargepoint             |
      | OCPP16 TLS chargepoint         |
      | OCPP16 three-phase chargepoint |
      | OCPP16 daily chargepoint       |
      | OCPP16 relative chargepoint    |
      | OCPP201 chargepoint            |
      | OCPP201 weekly chargepoint     |
      | OCPP201 mutual TLS chargepoint |

    @EVD
    Examples:
      | chargepoint                    |
      | OEM cloud car                  |
