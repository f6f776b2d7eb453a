@UC4 @rig:sites_of_demand
Feature: UC4 Maximum import capacity trading
  A depot wants to charge its vans faster than its connection allows, for half an hour. A bakery
  on the same cable has import capacity to spare, and lends it: with the DNO's approval, and on
  its word, which its meter checks, that it does not use what it has sold.

  Background:
    Given the sites on cable "C4", rated 95 kW
      | site   | is a                    | MPAN          | on the bench | like it | usually | MIC   | MEC  |
      | bakery | Consumer (Non-Domestic) | 2000000000015 | load bank    | 15      | 30 kW   | 60 kW | 0 kW |
      | depot  | Consumer (Non-Domestic) | 2000000000024 | EV           | 10      | 20 kW   | 40 kW | 0 kW |
    And trades between sites are settled by
      | price    | penalty   | tariff    | imbalance price |
      | 50 £/MWh | 400 £/MWh | 270 £/MWh | 90 £/MWh        |
    And the published limits
      | asset    | quantity               | limit    | rule                               |
      | bakery   | use of import capacity | 100 %    | transition/uc4/within-capacity     |
      | depot    | use of import capacity | 100 %    | transition/uc4/within-capacity     |
      | cable C4 | loading                | 100 %    | transition/uc4/asset-within-rating |
      | bakery   | seen within            | 1 minute | transition/uc4/breach-seen-within  |
      | depot    | seen within            | 1 minute | transition/uc4/breach-seen-within  |
      | cable C4 | seen within            | 1 minute | transition/uc4/breach-seen-within  |
      | depot    | back inside            | 1 minute | transition/uc4/back-inside         |
      | bakery   | capacity paid for      | ±5 %     | transition/uc4/capacity-paid-for   |
      | bakery   | penalty for use        | ±10 %    | transition/uc4/penalty-for-use     |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: An approved trade lets the depot draw more than its own, and nobody else notices
    Given the bakery agreed at 20:40 to lend the depot 20 kW of import from 22:00 to 22:30
    When the DNO approves it at 20:50
    And the depot draws 58 kW from 22:00 to 22:29
    Then the depot stays inside what it may import
    And the bakery stays inside what it may import
    And cable "C4" stays inside its rating
    And no site is reported above what it may
    And the depot pays the bakery for the capacity that it lent
    And the settlement leaves
      | actor                | position |
      | depot                | pays     |
      | bakery               | gains    |
      | Electricity Supplier | gains    |
      | everyone else        | nothing  |

  Scenario: A seller who uses what it sold is caught by its meter
    Given the bakery agreed at 21:40 to lend the depot 20 kW of import from 22:00 to 22:30
    When the DNO approves it at 21:45
    And the depot draws 58 kW from 22:00 to 22:29
    And the bakery draws 55 kW from 22:05 to 22:25
    Then the depot stays inside what it may import
    And the bakery is caught above what it may import from 22:05
    And the DNO, the depot and the neutral market facilitator are told that the bakery is above what it may
    And cable "C4" is reported above its rating from 22:05
    And the bakery pays the depot for what it drew of what it sold

  Scenario: A seller who never used it relieves nothing, and the cable is overloaded
    Given everybody else on cable "C4" draws
      | at    | load  |
      | 21:30 | 12 kW |
    And the bakery never drew more than 35 kW before
    And the bakery agreed at 21:50 to lend the depot 20 kW of import from 22:00 to 22:30
    When the DNO approves it at 21:55
    And the depot draws 58 kW from 22:00 to 22:15
    Then the DNO was warned before it approved that the bakery never used 20 kW of it
    And the depot stays inside what it may import
    And the bakery stays inside what it may import
    And cable "C4" is reported above its rating from 22:00

  Scenario: An approval that comes late approves nothing
    Given the bakery agreed at 21:50 to lend the depot 20 kW of import from 22:00 to 22:30
    When the DNO approves it at 22:02
    And the depot keeps to what it may draw, up to 58 kW, from 22:00 to 22:15
    Then the facilitator refuses it, because it was not approved in time
    And the depot stays inside what it may import
    And nothing is owed for capacity

  Scenario: The DNO refuses, and the depot keeps to its own
    Given the bakery agreed at 21:50 to lend the depot 20 kW of import from 22:00 to 22:30
    When the DNO refuses it at 21:55
    And the depot keeps to what it may draw, up to 58 kW, from 22:00 to 22:15
    Then the depot stays inside what it may import
    And no site is reported above what it may
    And nothing is owed for capacity

  Scenario: The DNO approves on condition that less is moved
    Given the bakery agreed at 21:50 to lend the depot 20 kW of import from 22:00 to 22:30
    When the DNO approves 10 kW of it at 21:55
    And the depot keeps to what it may draw, up to 58 kW, from 22:00 to 22:15
    Then the depot stays inside what it may import
    And the bakery stays inside what it may import
    And no site is reported above what it may

  Scenario: When the trade expires the depot is inside its own again
    Given the bakery agreed at 21:50 to lend the depot 20 kW of import from 22:00 to 22:15
    When the DNO approves it at 21:55
    And the depot keeps to what it may draw, up to 58 kW, from 22:00 to 22:25
    And the bakery draws 55 kW from 22:16 to 22:25
    Then the depot stays inside what it may import
    And the bakery stays inside what it may import

  Scenario: The DNO unwinds the trade half-way, and only what stood is paid for
    Given the bakery agreed at 21:50 to lend the depot 20 kW of import from 22:00 to 23:00
    When the DNO approves it at 21:55
    And the depot keeps to what it may draw, up to 58 kW, from 22:00 to 22:50
    And the DNO unwinds it at 22:30
    Then the depot is back inside what it may import by 22:31
    And the settlement leaves
      | actor                      | position |
      | depot                      | pays     |
      | bakery                     | gains    |
      | Electricity Supplier       | gains    |
      | Balance Responsible Person | pays     |
      | everyone else              | nothing  |

  Scenario Outline: A trade that may not be is refused by name
    Given the bakery agreed at 21:40 to lend the depot <first> of import from 22:00 to 22:30
    And the bakery agreed at 21:50 to lend the depot <second> of import from 22:00 to 22:30
    When the depot keeps to what it may draw, up to 58 kW, from 22:00 to 22:10
    Then the facilitator refuses it, because more is sold than is held
    And the depot stays inside what it may import
    And nothing is owed for capacity

    Examples:
      | first | second |
      | 1 kW  | 70 kW  |
      | 40 kW | 30 kW  |
