@whole_house @rig:whole_house
Feature: A whole house is asked by message
  No wire leads to a washing machine or to a cooker: people are asked, by text, app or e-mail, and
  do something or do not. That a message was accepted says nothing; the boundary meter decides,
  and it sees everything else that goes on in the home as well.

  @WH @occupants @turn_down
  Scenario: People are asked to use less for an hour and a half
    Given a home whose people can be reached by message
    And the bench is watched for 30 minutes before and 60 minutes after
    And the bench's own expectations
      | asset | quantity    | limit | rule                    |
      | home  | reduction   | 300 W | whole_house/reduction   |
      | home  | net rebound | 100 % | whole_house/net-rebound |
    When the ESO asks the home by message to use less from 10:30 to 12:00
    Then the home moves its demand while it is asked
    And the home makes up for no more than it gave

  @EVD @ev @turn_down
  Scenario: The car gives way, told by its maker's cloud
    Given a home whose people can be reached by message
    And the bench is watched for 3 minutes before and 6 minutes after
    And the published limits
      | asset | quantity                | limit | rule                                   |
      | EV    | turn-down response time | 10 s  | crowdflex/table4/ev-turn-down-response |
    And the bench's own expectations
      | asset | quantity            | limit   | rule                          |
      | EV    | ramp rate           | 100 W/s | agreement/ev-ramp             |
      | EV    | delivered share     | 95 %    | agreement/delivered-share     |
      | EV    | overshoot on return | 10 %    | agreement/overshoot-on-return |
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00 to 17:15
    Then the EV responds in the published time
    And the EV ramps as agreed
    And the EV holds its level until 17:15
    And the EV returns without overshoot
