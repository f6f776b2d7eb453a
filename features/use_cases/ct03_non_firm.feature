@CT3 @CM6 @rig:constrained_area
Feature: A wind farm is connected early, and not firm
  A cable that is full at some hours of some days need not keep a wind farm waiting for years: it is
  connected now, gives way whenever the cable has no room, and so takes part in managing it.

  Background:
    Given the sites on cable "N3", rated 660 kW
      | site     | is a                          | MPAN          | on the bench   | like it | usually | MIC      | MEC      |
      | store    | Directly-Connected Storage    | 2000000000033 | battery        | 200     | 0 kW    | 1,000 kW | 1,000 kW |
      | windfarm | Directly-Connected Generation | 2000000000042 | solar inverter | 200     | −600 kW | 10 kW    | 1,000 kW |
    And an ANM scheme holds the export of cable "N3" at 600 kW, by the windfarm
    And the published limits
      | asset    | quantity               | limit       | rule                               |
      | windfarm | use of export capacity | 100 %       | transition/uc5/within-capacity     |
      | store    | use of export capacity | 100 %       | transition/uc5/within-capacity     |
      | cable N3 | loading                | 100 %       | transition/uc5/asset-within-rating |
      | windfarm | room made              | 90 to 115 % | transition/table6/room-made        |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: A store that was there first feeds in, and the wind farm gives way to it
    When the store feeds in 300 kW from 12:00 to 12:15
    Then the store stays inside what it may export
    And cable "N3" stays inside its rating
    And the windfarm makes room for the store from 12:02 to 12:15

  Scenario: What the store takes in the wind farm may feed in
    When the store draws 200 kW from 12:00 to 12:15
    Then cable "N3" stays inside its rating
    And the windfarm makes room for the store from 12:02 to 12:15
