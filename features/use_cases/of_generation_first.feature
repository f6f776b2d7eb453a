@OF2 @rig:sites_that_offset
Feature: Offsetting, generation first
  A cold store could draw more than its connection allows, if somebody behind the same cable fed in as
  much more, within its own. A wind farm agrees to, and does so first; the cold store goes back first.
  If the wind farm is lost, the cold store is back inside its own within seconds.

  Background:
    Given the sites on cable "O2", rated 250 kW
      | site      | is a                          | MPAN          | on the bench   | like it | usually | MIC    | MEC    |
      | coldstore | Consumer (Non-Domestic)       | 2000000000015 | load bank      | 120     | 380 kW  | 400 kW | 0 kW   |
      | windfarm  | Directly-Connected Generation | 2000000000042 | solar inverter | 100     | −200 kW | 10 kW  | 300 kW |
    And trades between sites are settled by
      | price    | penalty   | tariff   | imbalance price |
      | 20 £/MWh | 400 £/MWh | 60 £/MWh | 90 £/MWh        |
    And the published limits
      | asset     | quantity               | limit | rule                                 |
      | coldstore | generation first       | 0 s   | transition/table6/generation-first   |
      | coldstore | demand falls first     | 0 s   | transition/table6/demand-falls-first |
      | coldstore | equal levels           | ±5 %  | transition/uc6/equal-levels          |
      | coldstore | fail-safe time         | 15 s  | transition/table6/fail-safe-time     |
      | coldstore | time not covered       | 15 s  | transition/table6/time-not-covered   |
      | coldstore | use of import capacity | 100 % | transition/uc6/within-capacity       |
      | windfarm  | use of export capacity | 100 % | transition/uc6/within-capacity       |
      | coldstore | offset paid for        | 90 %  | transition/uc6/offset-paid-for       |
      | cable O2  | loading                | 100 % | transition/uc6/asset-within-rating   |
    And the bench is watched for 5 minutes before and 5 minutes after
    And the fail-safe of the windfarm and the coldstore trips within 15 s, was verified 10 days ago and is to be every 30 days
    And the DNO approved the scheme in outline

  Scenario: Generation rises first, demand follows beyond its own, and they end the other way round
    Given the windfarm agreed at 10:40 to feed in 80 kW more from 12:00 to 12:30, for the coldstore to draw
    When the DNO approves it at 10:50
    Then the windfarm rises before the coldstore does
    And both are up by the same
    And the windfarm stays inside what it may export
    And the coldstore stays inside what it may import
    And the coldstore is never beyond its own without the windfarm
    And cable "O2" stays inside its rating
    And the coldstore falls before the windfarm does
    And the coldstore pays the windfarm for the energy that both raised
    And the settlement leaves
      | actor                | position |
      | coldstore            | pays     |
      | windfarm             | gains    |
      | Electricity Supplier | pays     |
      | everyone else        | nothing  |

  Scenario: The wind farm trips, and the cold store is back inside its own in seconds
    Given the windfarm agreed at 11:50 to feed in 80 kW more from 12:00 to 12:30, for the coldstore to draw
    When the DNO approves it at 11:55
    And the solar inverter trips from 12:10
    Then the windfarm rises before the coldstore does
    And the fail-safe brings the coldstore back inside its own
    And the coldstore is never beyond its own without the windfarm

  Scenario: Without an approval the cold store keeps to its own
    Given the windfarm agreed at 11:50 to feed in 80 kW more from 12:00 to 12:10, for the coldstore to draw
    When the DNO refuses it at 11:55
    Then the coldstore stays inside what it may import

  @OF4
  Scenario: The same where no cable constrains them
    Given the sites on cable "O2", rated 2,000 kW
      | site      | is a                          | MPAN          | on the bench   | like it | usually | MIC    | MEC    |
      | coldstore | Consumer (Non-Domestic)       | 2000000000015 | load bank      | 120     | 380 kW  | 400 kW | 0 kW   |
      | windfarm  | Directly-Connected Generation | 2000000000042 | solar inverter | 100     | −200 kW | 10 kW  | 300 kW |
    And the windfarm agreed at 11:50 to feed in 80 kW more from 12:00 to 12:15, for the coldstore to draw
    When the DNO approves it at 11:55
    Then the windfarm rises before the coldstore does
    And the coldstore stays inside what it may import
    And the coldstore is never beyond its own without the windfarm
    And the coldstore falls before the windfarm does
