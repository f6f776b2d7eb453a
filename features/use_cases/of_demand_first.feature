@OF3 @rig:constrained_area
Feature: Offsetting where no cable constrains, demand first
  Two connections bind, and nothing between them: a cold store draws more within its own, and a wind farm
  feeds in as much beyond its own, in that order and back in reverse.

  Background:
    Given the sites on cable "O6", rated 2,000 kW
      | site      | is a                          | MPAN          | on the bench   | like it | usually | MIC    | MEC    |
      | coldstore | Consumer (Non-Domestic)       | 2000000000015 | load bank      | 100     | 100 kW  | 400 kW | 0 kW   |
      | windfarm  | Directly-Connected Generation | 2000000000042 | solar inverter | 100     | −290 kW | 10 kW  | 300 kW |
    And trades between sites are settled by
      | price    | penalty   | tariff   | imbalance price |
      | 20 £/MWh | 400 £/MWh | 60 £/MWh | 90 £/MWh        |
    And the published limits
      | asset    | quantity               | limit | rule                                  |
      | windfarm | demand first           | 0 s   | transition/uc6/demand-first           |
      | windfarm | generation falls first | 0 s   | transition/uc6/generation-falls-first |
      | windfarm | equal levels           | ±5 %  | transition/uc6/equal-levels           |
      | windfarm | fail-safe time         | 15 s  | transition/uc6/fail-safe-time         |
      | windfarm | time not covered       | 15 s  | transition/uc6/time-not-covered       |
      | windfarm | use of export capacity | 100 % | transition/uc6/within-capacity        |
      | windfarm | offset paid for        | 90 %  | transition/uc6/offset-paid-for        |
      | cable O6 | loading                | 100 % | transition/uc6/asset-within-rating    |
    And the bench is watched for 5 minutes before and 5 minutes after
    And the fail-safe of the coldstore and the windfarm trips within 15 s, was verified 10 days ago and is to be every 30 days

    And the DNO approved the scheme in outline

  Scenario: Demand rises first, generation follows, and no cable was ever near its rating
    Given the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:15, for the windfarm to feed in
    When the DNO approves it at 11:55
    Then the coldstore rises before the windfarm does
    And both are up by the same
    And the windfarm stays inside what it may export
    And the windfarm is never beyond its own without the coldstore
    And cable "O6" stays inside its rating
    And the windfarm falls before the coldstore does

  @OF5
  Scenario: Vans charge, and a wind farm feeds in what they take
    Given the sites on cable "O6", rated 250 kW
      | site     | is a                          | MPAN          | on the bench   | like it | usually | MIC    | MEC    |
      | vans     | Consumer (Non-Domestic)       | 2000000000024 | EV             | 20      | 28 kW   | 150 kW | 0 kW   |
      | windfarm | Directly-Connected Generation | 2000000000042 | solar inverter | 100     | −290 kW | 10 kW  | 300 kW |
    And the fail-safe of the vans and the windfarm trips within 15 s, was verified 10 days ago and is to be every 30 days
    And the DNO approved the scheme in outline
    And the vans agreed at 11:50 to draw 100 kW more from 12:00 to 12:15, for the windfarm to feed in
    When the DNO approves it at 11:55
    Then the vans rises before the windfarm does
    And both are up by the same
    And the windfarm stays inside what it may export
    And the windfarm is never beyond its own without the vans
    And the windfarm falls before the vans does
