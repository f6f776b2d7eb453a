@SUS @rig:month
Feature: Sustain-H
  A DSO whose feeder is full at tea-time buys the same hours every day, for a season. Homes draw less by
  schedule; their smart meters keep half-hours; the provider submits a month at a time, zone by zone.

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

  Scenario: A month by the meter of the asset
    When the DSO has the load bank draw 0.6 kW from 17:00 to 19:00 on each of 28 days
    And the asset meter is asked for its half-hours at the month's end
    Then the asset meter's month is half-hourly or finer
    And the asset meter's month is complete
    And every home is located down to its HV substation
    And the asset meter's month is submitted zone by zone
    And the load bank delivers its month, by the asset meter
    And the DSO pays the load bank for its month, by the asset meter

  Scenario: The same month by the meter of the home
    When the DSO has the load bank draw 0.6 kW from 17:00 to 19:00 on each of 28 days
    And the boundary is asked for its half-hours at the month's end
    Then the boundary's month is complete
    And the boundary's month is submitted zone by zone
    And the home delivers its month, by the boundary
    And the DSO pays the home for its month, by the boundary
