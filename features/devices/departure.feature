@SOC @EVD @ev @rig:whole_house
Feature: A car is charged when it leaves
  A car may give way for hours and must still be charged when its owner needs it. The aggregator knows
  how far it is charged, as the car says so, and lets go of it in time, whatever it was called for.

  Background:
    Given a home whose people can be reached by message
    And the published limits
      | asset | quantity              | limit | rule                          |
      | EV    | charge at departure   | 97 %  | respect/charge-at-departure   |
      | EV    | held before departure | 600 s | respect/held-before-departure |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: It gives way until it must charge, and leaves as full as it must be
    Given the EV, with a battery of 60 kWh charged at 3.6 kW, leaves at 19:00 with 37 %
    When the DSO instructs the EV to turn down to 1.4 kW from 17:00 to 19:00
    Then the EV gives way until it must charge
    And the EV is charged as far as it must be when it leaves
