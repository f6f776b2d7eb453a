@EVCP @ev @quick
Feature: A charging station keeps each limit at the edges of what it can offer
  A control pilot cannot offer less than 6 A: a limit below that is a pause, as is none at
  all, and 6 A is the least that charges. Every row runs on any charging station: in amperes
  or in watts, on one phase or three, as the rig's driver is set. The meter judges, in watts
  at 230 V, and from both sides: a station that pauses at 6 A fails as one that ignores 0 A.

  Background:
    Given a home with an EV
    And the bench is watched for 1 minute before and 1 minute after
    And the published limits
      | asset | quantity                | limit | rule                                   |
      | EV    | turn-down response time | 10 s  | crowdflex/table4/ev-turn-down-response |
    And the bench's own expectations
      | asset | quantity        | limit | rule                      |
      | EV    | delivered share | 95 %  | agreement/delivered-share |

  @turn_down
  Scenario Outline: A limit of <limit> A is <drawn> A
    When the ESO limits the EV to <limit> A in each phase from 17:00 to 17:02
    Then the EV responds in the published time
    And the EV draws <drawn> A in each phase until 17:02

    Examples:
      | limit | drawn |
      | 0     | 0     |
      | 5.9   | 0     |
      | 6     | 6     |
      | 6.1   | 6.1   |
      | 10    | 10    |
      | 16    | 16    |
      | 25    | 25    |
