@BENCH @meter @every_meter @rig:meters
Feature: Whatever meter judges, it tells the same story
  One car gives way for five minutes. Meters by Modbus, by pulses, by an optical port, by
  DLMS and through a consumer access device look at the same current, and each in its turn is the
  only judge. Those that show something new every ten seconds know less about when, and say so:
  what is asked here is what a slow meter, too, can tell.

  Scenario Outline: The <meter> sees the car give way
    Given a home with an EV
    And the EV is judged by the <meter>
    And the bench is watched for 2 minutes before and 2 minutes after
    And the published limits
      | asset | quantity                | limit | rule                                   |
      | EV    | turn-down response time | 10 s  | crowdflex/table4/ev-turn-down-response |
    And the bench's own expectations
      | asset | quantity            | limit         | rule                          |
      | EV    | delivered share     | 95 %          | agreement/delivered-share     |
      | EV    | overshoot on return | 10 %          | agreement/overshoot-on-return |
      | EV    | own meter error     | +2.5 / −3.5 % | cop11/type5/accuracy          |
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00 to 17:05
    Then the EV holds its level until 17:05
    And the EV returns without overshoot
    And the EV's own meter agrees with the independent meter

    Examples:
      | meter              |
      | SDM120 meter       |
      | SDM230 meter       |
      | SDM630 meter       |
      | EM340 meter        |
      | iEM3155 meter      |
      | B21 meter          |
      | S0 meter           |
      | optical port meter |
      | DLMS meter         |
      | SMETS2 meter       |
