@CT5 @rig:sites_of_generation
Feature: A store is connected earlier, for less, and feeds in what a neighbour leaves
  The cable is full on paper for another two years. The store is connected now, at a reduced export
  capacity, and feeds in more only while a school with panels restricts its own by as much.

  Background:
    Given the sites on cable "N5", rated 95 kW
      | site   | is a                       | MPAN          | on the bench   | like it | usually | MIC   | MEC   |
      | school | Consumer (Non-Domestic)    | 2000000000042 | solar inverter | 15      | −30 kW  | 10 kW | 60 kW |
      | farm   | Directly-Connected Storage | 2000000000051 | battery        | 15      | −10 kW  | 40 kW | 12 kW |
    And trades between sites are settled by
      | price    | penalty   | tariff   | imbalance price |
      | 50 £/MWh | 400 £/MWh | 60 £/MWh | 90 £/MWh        |
    And the published limits
      | asset    | quantity               | limit    | rule                               |
      | school   | use of export capacity | 100 %    | transition/uc5/within-capacity     |
      | farm     | use of export capacity | 100 %    | transition/uc5/within-capacity     |
      | cable N5 | loading                | 100 %    | transition/uc5/asset-within-rating |
      | school   | seen within            | 1 minute | transition/uc5/breach-seen-within  |
      | cable N5 | seen within            | 1 minute | transition/uc5/breach-seen-within  |
      | farm     | back inside            | 1 minute | transition/uc5/back-inside         |
      | school   | capacity paid for      | ±5 %     | transition/uc5/capacity-paid-for   |
      | school   | penalty for use        | ±10 %    | transition/uc5/penalty-for-use     |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: While the school restricts itself the farm feeds in more than it was connected for
    Given the school agreed at 10:40 to lend the farm 20 kW of export from 12:00 to 12:30
    When the DNO approves it at 10:50
    And the farm feeds in 30 kW from 12:00 to 12:29
    Then the farm stays inside what it may export
    And the school stays inside what it may export
    And cable "N5" stays inside its rating
    And no site is reported above what it may
    And the farm pays the school for the capacity that it lent

  Scenario: Without an approval the farm keeps to what it was connected for
    Given the school agreed at 11:50 to lend the farm 20 kW of export from 12:00 to 12:15
    When the DNO refuses it at 11:55
    And the farm keeps to what it may feed in, up to 30 kW, from 12:00 to 12:15
    Then the farm stays inside what it may export
    And no site is reported above what it may
