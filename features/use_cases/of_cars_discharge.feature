@OF6 @rig:battery_home
Feature: Offsetting, cars discharge
  A depot's stores could charge faster than its connection allows, if cars behind the same cable gave
  back what they hold. They do so first; if they are lost, the depot is back inside its own.

  Background:
    Given the sites on cable "O2", rated 100 kW
      | site  | is a                    | MPAN          | on the bench | like it | usually | MIC    | MEC   |
      | depot | Consumer (Non-Domestic) | 2000000000015 | battery      | 50      | 0 kW    | 50 kW  | 0 kW  |
      | fleet | Consumer (Non-Domestic) | 2000000000042 | V2G charger  | 40      | 0 kW    | 100 kW | 90 kW |
    And trades between sites are settled by
      | price    | penalty   | tariff   | imbalance price |
      | 20 £/MWh | 400 £/MWh | 60 £/MWh | 90 £/MWh        |
    And the published limits
      | asset    | quantity               | limit | rule                                 |
      | depot    | generation first       | 0 s   | transition/table6/generation-first   |
      | depot    | demand falls first     | 0 s   | transition/table6/demand-falls-first |
      | depot    | equal levels           | ±5 %  | transition/uc6/equal-levels          |
      | depot    | fail-safe time         | 15 s  | transition/table6/fail-safe-time     |
      | depot    | time not covered       | 15 s  | transition/table6/time-not-covered   |
      | depot    | use of import capacity | 100 % | transition/uc6/within-capacity       |
      | fleet    | use of export capacity | 100 % | transition/uc6/within-capacity       |
      | depot    | offset paid for        | 90 %  | transition/uc6/offset-paid-for       |
      | cable O2 | loading                | 100 % | transition/uc6/asset-within-rating   |
    And the bench is watched for 5 minutes before and 5 minutes after
    And the fail-safe of the fleet and the depot trips within 15 s, was verified 10 days ago and is to be every 30 days
    And the DNO approved the scheme in outline

  Scenario: Cars give back, and the depot draws beyond its own for as long as they do
    Given the fleet agreed at 11:50 to feed in 80 kW more from 12:00 to 12:15, for the depot to draw
    When the DNO approves it at 11:55
    Then the fleet rises before the depot does
    And both are up by the same
    And the fleet stays inside what it may export
    And the depot stays inside what it may import
    And the depot is never beyond its own without the fleet
    And cable "O2" stays inside its rating
    And the depot falls before the fleet does

  Scenario: The cars stop, and the depot is back inside its own in seconds
    Given the fleet agreed at 11:50 to feed in 80 kW more from 12:00 to 12:15, for the depot to draw
    When the DNO approves it at 11:55
    And the V2G charger trips from 12:08
    Then the fail-safe brings the depot back inside its own
    And the depot is never beyond its own without the fleet
