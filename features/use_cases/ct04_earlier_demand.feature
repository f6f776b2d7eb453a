@CT4 @rig:sites_of_demand
Feature: A depot is connected earlier, for less, and grows by what a neighbour leaves
  The cable is full on paper for another two years. The depot is connected now, at a reduced import
  capacity, and draws more only while a bakery restricts its own by as much: agreed, approved, metered.

  Background:
    Given the sites on cable "N4", rated 95 kW
      | site   | is a                    | MPAN          | on the bench | like it | usually | MIC   | MEC  |
      | bakery | Consumer (Non-Domestic) | 2000000000015 | load bank    | 15      | 30 kW   | 60 kW | 0 kW |
      | depot  | Consumer (Non-Domestic) | 2000000000024 | EV           | 10      | 14 kW   | 15 kW | 0 kW |
    And trades between sites are settled by
      | price    | penalty   | tariff    | imbalance price |
      | 50 £/MWh | 400 £/MWh | 270 £/MWh | 90 £/MWh        |
    And the published limits
      | asset    | quantity               | limit    | rule                               |
      | bakery   | use of import capacity | 100 %    | transition/uc4/within-capacity     |
      | depot    | use of import capacity | 100 %    | transition/uc4/within-capacity     |
      | cable N4 | loading                | 100 %    | transition/uc4/asset-within-rating |
      | bakery   | seen within            | 1 minute | transition/uc4/breach-seen-within  |
      | depot    | seen within            | 1 minute | transition/uc4/breach-seen-within  |
      | cable N4 | seen within            | 1 minute | transition/uc4/breach-seen-within  |
      | depot    | back inside            | 1 minute | transition/uc4/back-inside         |
      | bakery   | capacity paid for      | ±5 %     | transition/uc4/capacity-paid-for   |
      | bakery   | penalty for use        | ±10 %    | transition/uc4/penalty-for-use     |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: While the bakery restricts itself the depot draws more than it was connected for
    Given the bakery agreed at 20:40 to lend the depot 25 kW of import from 22:00 to 22:30
    When the DNO approves it at 20:50
    And the depot draws 38 kW from 22:00 to 22:29
    Then the depot stays inside what it may import
    And the bakery stays inside what it may import
    And cable "N4" stays inside its rating
    And no site is reported above what it may
    And the depot pays the bakery for the capacity that it lent

  Scenario: Without an approval the depot keeps to what it was connected for
    Given the bakery agreed at 21:50 to lend the depot 25 kW of import from 22:00 to 22:15
    When the DNO refuses it at 21:55
    And the depot keeps to what it may draw, up to 38 kW, from 22:00 to 22:15
    And the bakery draws 55 kW from 22:00 to 22:15
    Then the depot stays inside what it may import
    And the bakery stays inside what it may import
    And cable "N4" stays inside its rating
    And no site is reported above what it may
