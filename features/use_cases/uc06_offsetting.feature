@UC6 @rig:sites_that_offset
Feature: UC6 Offsetting
  A wind farm could feed in more than its connection allows, if somebody behind the same cable drew
  as much more. A cold store agrees to, and does so first; the wind farm goes back first. If the
  cold store is lost, or not heard of, the wind farm is back inside its own within seconds.

  Background:
    Given the sites on cable "O6", rated 250 kW
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

  @OF1
  Scenario: Demand rises first, generation follows, and they end the other way round
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 10:40 to draw 100 kW more from 12:00 to 12:30, for the windfarm to feed in
    When the DNO approves it at 10:50
    Then the coldstore rises before the windfarm does
    And both are up by the same
    And the windfarm stays inside what it may export
    And the windfarm is never beyond its own without the coldstore
    And cable "O6" stays inside its rating
    And no site is reported above what it may
    And the windfarm falls before the coldstore does
    And the windfarm pays the coldstore for the energy that both raised
    And the settlement leaves
      | actor                | position |
      | windfarm             | gains    |
      | coldstore            | pays     |
      | Electricity Supplier | gains    |
      | everyone else        | nothing  |

  Scenario: The cold store trips, and the wind farm is back inside its own in seconds
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:30, for the windfarm to feed in
    When the DNO approves it at 11:55
    And the load bank trips from 12:10
    Then the coldstore rises before the windfarm does
    And the fail-safe brings the windfarm back inside its own
    And the windfarm is never beyond its own without the coldstore

  Scenario: Nothing is heard of the cold store, and the wind farm is back inside its own in seconds
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:30, for the windfarm to feed in
    When the DNO approves it at 11:55
    And the load meter is silent from 12:10:00 to 12:10:40
    Then the fail-safe brings the windfarm back inside its own

  Scenario: The cold store's readings stand still, which is as good as silence
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:30, for the windfarm to feed in
    When the DNO approves it at 11:55
    And the load meter is frozen from 12:09:00 to 12:12:00
    And the load bank trips from 12:10
    Then the fail-safe brings the windfarm back inside its own

  Scenario: The fail-safe is verified by taking the demand away
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:30, for the windfarm to feed in
    When the DNO approves it at 11:55
    And the DNO has the fail-safe verified at 12:10
    Then the fail-safe brings the windfarm back inside its own

  Scenario: The DNO unwinds the offset, and it ends in its order
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:20, for the windfarm to feed in
    When the DNO approves it at 11:55
    And the DNO unwinds it at 12:12
    Then the windfarm falls before the coldstore does
    And cable "O6" stays inside its rating

  Scenario: Without an outline approval nothing is registered
    Given the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:10, for the windfarm to feed in
    Then the facilitator refuses it, because no outline approval stands
    And the windfarm stays inside what it may export

  Scenario: Without its own approval a transaction does not begin
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:10, for the windfarm to feed in
    Then the windfarm stays inside what it may export
    And cable "O6" stays inside its rating

  Scenario: A fail-safe that nobody verified for too long keeps the offset from beginning
    Given the fail-safe of the coldstore and the windfarm trips within 15 s, was verified 40 days ago and is to be every 30 days
    And the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:10, for the windfarm to feed in
    When the DNO approves it at 11:55
    Then the facilitator refuses it, because its fail-safe was not verified in time
    And the windfarm stays inside what it may export

  Scenario: A fail-safe that is tried again, and works, lets the offset begin
    Given the fail-safe of the coldstore and the windfarm trips within 15 s, was verified 40 days ago and is to be every 30 days
    And the DNO approved the scheme in outline
    And the coldstore agreed at 11:50 to draw 100 kW more from 12:00 to 12:10, for the windfarm to feed in
    When the DNO has the fail-safe tried with 50 kW at 11:40
    And the DNO approves it at 11:55
    Then the coldstore rises before the windfarm does
    And the windfarm is never beyond its own without the coldstore

  Scenario: A fail-safe that is tried and does not work keeps the offset from beginning
    Given the DNO approved the scheme in outline
    And the coldstore agreed at 11:35 to draw 100 kW more from 12:00 to 12:10, for the windfarm to feed in
    When the DNO has the fail-safe tried with 50 kW at 11:40
    And the solar inverter accepts and ignores from 11:41 to 11:44
    And the DNO approves it at 11:55
    Then the facilitator refuses it, because no outline approval stands
    And nothing is owed for capacity
