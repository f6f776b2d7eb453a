@UC5 @rig:sites_of_generation
Feature: UC5 Maximum export capacity trading
  A battery farm could feed in more at noon than its connection allows. A school on the same cable
  has panels and export capacity to spare, and lends some: with the DNO's approval, and on its
  word, which its meter checks, that it does not feed in what it has sold.

  Background:
    Given the sites on cable "E5", rated 95 kW
      | site   | is a                       | MPAN          | on the bench   | like it | usually | MIC   | MEC   |
      | school | Consumer (Non-Domestic)    | 2000000000042 | solar inverter | 15      | −30 kW  | 10 kW | 60 kW |
      | farm   | Directly-Connected Storage | 2000000000051 | battery        | 15      | −20 kW  | 40 kW | 40 kW |
    And trades between sites are settled by
      | price    | penalty   | tariff   | imbalance price |
      | 50 £/MWh | 400 £/MWh | 60 £/MWh | 90 £/MWh        |
    And the published limits
      | asset    | quantity               | limit    | rule                               |
      | school   | use of export capacity | 100 %    | transition/uc5/within-capacity     |
      | farm     | use of export capacity | 100 %    | transition/uc5/within-capacity     |
      | cable E5 | loading                | 100 %    | transition/uc5/asset-within-rating |
      | school   | seen within            | 1 minute | transition/uc5/breach-seen-within  |
      | cable E5 | seen within            | 1 minute | transition/uc5/breach-seen-within  |
      | farm     | back inside            | 1 minute | transition/uc5/back-inside         |
      | school   | capacity paid for      | ±5 %     | transition/uc5/capacity-paid-for   |
      | school   | penalty for use        | ±10 %    | transition/uc5/penalty-for-use     |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: An approved trade lets the farm feed in more than its own, and nobody else notices
    Given the school agreed at 10:40 to lend the farm 20 kW of export from 12:00 to 12:30
    When the DNO approves it at 10:50
    And the farm feeds in 58 kW from 12:00 to 12:29
    Then the farm stays inside what it may export
    And the school stays inside what it may export
    And cable "E5" stays inside its rating
    And no site is reported above what it may
    And the farm pays the school for the capacity that it lent
    And the settlement leaves
      | actor                | position |
      | farm                 | gains    |
      | school               | gains    |
      | Electricity Supplier | pays     |
      | everyone else        | nothing  |

  Scenario: A seller who feeds in what it sold is caught by its meter
    Given the school agreed at 11:40 to lend the farm 20 kW of export from 12:00 to 12:30
    When the DNO approves it at 11:45
    And the farm feeds in 58 kW from 12:00 to 12:29
    And the school feeds in 55 kW from 12:05 to 12:25
    Then the farm stays inside what it may export
    And the school is caught above what it may export from 12:05
    And the DNO, the farm and the neutral market facilitator are told that the school is above what it may
    And cable "E5" is reported above its rating from 12:05
    And the school pays the farm for what it drew of what it sold

  Scenario: A seller who never used it relieves nothing, and the cable is overloaded
    Given everybody else on cable "E5" draws
      | at    | load   |
      | 11:30 | −12 kW |
    And the school never fed in more than 35 kW before
    And the school agreed at 11:50 to lend the farm 20 kW of export from 12:00 to 12:30
    When the DNO approves it at 11:55
    And the farm feeds in 58 kW from 12:00 to 12:15
    Then the DNO was warned before it approved that the school never used 20 kW of it
    And the farm stays inside what it may export
    And cable "E5" is reported above its rating from 12:00

  Scenario: An approval that comes late approves nothing
    Given the school agreed at 11:50 to lend the farm 20 kW of export from 12:00 to 12:30
    When the DNO approves it at 12:02
    And the farm keeps to what it may feed in, up to 58 kW, from 12:00 to 12:15
    Then the facilitator refuses it, because it was not approved in time
    And the farm stays inside what it may export
    And nothing is owed for capacity

  Scenario: The DNO approves on condition that less is moved, and expiry restores the limits
    Given the school agreed at 11:50 to lend the farm 20 kW of export from 12:00 to 12:15
    When the DNO approves 10 kW of it at 11:55
    And the farm keeps to what it may feed in, up to 58 kW, from 12:00 to 12:25
    And the school feeds in 55 kW from 12:16 to 12:25
    Then the farm stays inside what it may export
    And the school stays inside what it may export

  Scenario: The DNO unwinds the trade half-way, and the farm goes back to its own
    Given the school agreed at 11:50 to lend the farm 20 kW of export from 12:00 to 12:30
    When the DNO approves it at 11:55
    And the farm keeps to what it may feed in, up to 58 kW, from 12:00 to 12:25
    And the DNO unwinds it at 12:15
    Then the farm is back inside what it may export by 12:16
    And nothing is owed for capacity

  Scenario: Export capacity that is not held cannot be sold
    Given the school agreed at 11:50 to lend the farm 70 kW of export from 12:00 to 12:30
    When the farm keeps to what it may feed in, up to 58 kW, from 12:00 to 12:10
    Then the facilitator refuses it, because more is sold than is held
    And the farm stays inside what it may export
    And nothing is owed for capacity
