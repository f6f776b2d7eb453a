@PM5 @rig:battery_home
Feature: Cars and stores give at the peak, and take what they gave when it is over
  A cable carries most at tea time. Vans and a store behind it give back for half an hour and charge
  again later: the peak is lower, and charging makes no new one.

  Background:
    Given the sites on cable "P5", rated 400 kW
      | site  | is a                       | MPAN          | on the bench | like it | usually | MIC    | MEC    |
      | store | Directly-Connected Storage | 2000000000015 | battery      | 20      | 0 kW    | 100 kW | 100 kW |
      | fleet | Consumer (Non-Domestic)    | 2000000000042 | V2G charger  | 20      | 0 kW    | 100 kW | 60 kW  |
    And everybody else on cable "P5" draws
      | at    | load   |
      | 17:00 | 300 kW |
      | 17:15 | 360 kW |
      | 17:45 | 360 kW |
      | 18:00 | 240 kW |
      | 19:00 | 120 kW |
    And the published limits
      | asset    | quantity               | limit | rule                               |
      | cable P5 | loading                | 100 % | transition/uc5/asset-within-rating |
      | cable P5 | peak                   | 90 %  | transition/table6/peak-without     |
      | store    | use of export capacity | 100 % | transition/uc5/within-capacity     |
      | fleet    | use of export capacity | 100 % | transition/uc5/within-capacity     |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: They give while the cable is full, and charge when it is not
    When the store feeds in 60 kW from 17:05 to 17:50
    And the fleet feeds in 40 kW from 17:05 to 17:50
    And the store draws 60 kW from 18:15 to 19:00
    And the fleet draws 40 kW from 18:15 to 19:00
    Then the peak of cable "P5" is lower than without the store and the fleet
    And cable "P5" stays inside its rating
    And the store stays inside what it may export
    And the fleet stays inside what it may export
