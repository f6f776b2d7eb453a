@SEC @rig:month
Feature: Secure, a month's performance
  What was called day by day is settled by the month: half-hours of the homes' meters, by the HV
  substations that feed them, reconciled by a curve that takes more than was missed.

  Background:
    Given a bench with a load bank
    And homes like it are located at
      | zone  | HV substation | homes |
      | CMZ A | Cowley Road   | 120   |
      | CMZ A | Rose Hill     | 45    |
      | CMZ B | Wallingford   | 80    |
    And the load bank is held at 2.0 kW
    And the deemed baseline of the load bank is 2.0 kW
    And the deemed baseline of the home is 2.85 kW
    And the DSO pays 300 £/MWh for a month, by the Flexible Power curve
    And the published limits
      | asset     | quantity        | limit | rule                         |
      | load bank | payment         | 95 %  | crowdflex/monthly/paid-share |
      | home      | payment         | 95 %  | crowdflex/monthly/paid-share |
    And the bench's own expectations
      | asset     | quantity        | limit | rule                      |
      | load bank | delivered share | 95 %  | agreement/delivered-share |
      | home      | delivered share | 95 %  | agreement/delivered-share |
    And the bench is watched for 1 h before and 10 minutes after

  Scenario: A month of calls a day ahead is submitted and paid
    When the DSO has the load bank draw 0.4 kW from 16:30 to 18:30 on each of 28 days
    And the asset meter is asked for its half-hours at the month's end
    Then the asset meter's month is half-hourly or finer
    And the asset meter's month is complete
    And every home is located down to its HV substation
    And the asset meter's month is submitted zone by zone
    And the load bank delivers its month, by the asset meter
    And the DSO pays the load bank for its month, by the asset meter
