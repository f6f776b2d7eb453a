@UC7 @rig:constrained_day
Feature: UC7 A trader's whole day
  From midnight to midnight: what the trader frees in the morning and at tea-time it sells before
  gate closure, and everything between is as it always is. Half-hours are settled, so meters that
  are read every ten seconds do.

  Background:
    Given the sites on cable "W7", rated 150 kW
      | site   | is a                    | MPAN          | on the bench | like it | usually | MIC   | MEC  |
      | bakery | Consumer (Non-Domestic) | 2000000000015 | load bank    | 15      | 30 kW   | 60 kW | 0 kW |
    And the trader knows
      | price     | usual price | imbalance price | exposed | owners are paid | tariff    |
      | 450 £/MWh | 80 £/MWh    | 600 £/MWh       | 20 kWh  | 40 £/MWh        | 270 £/MWh |
    And the trader may
      | when                | move at most | hold open at most | lose at most | use prices from | up to     | what does not fit |
      | before gate closure | 25 kW        | 120 kWh           | £200         | −200 £/MWh      | 900 £/MWh | is cut            |
      | after gate closure  | 25 kW        | 11 kWh            | £9           | −200 £/MWh      | 900 £/MWh | is declined       |
    And the market's times
      | time         | limit      | rule             |
      | gate closure | 60 minutes | bsc/gate-closure |
    And the published limits
      | asset  | quantity               | limit | rule                           |
      | bakery | delivered share        | 95 %  | transition/uc7/delivered-share |
      | bakery | use of import capacity | 100 % | transition/uc7/within-capacity |
    And the bench is watched for 5 hours before and 4 hours after

  Scenario: Morning and tea-time are sold, and the day is seen whole
    When the trader at 05:00 has the bakery draw 15 kW less from 07:00 to 09:00, for "lengthen or shorten"
    And the trader at 14:00 has the bakery draw 15 kW less from 17:00 to 20:00, for "lengthen or shorten"
    Then the bakery moves as ordered
    And the bakery stays inside what it may import
    And it brings more than doing nothing
    And the facilitator hears of it afterwards, in the agreed time
    And neither the DNO nor the DSO is part of it
