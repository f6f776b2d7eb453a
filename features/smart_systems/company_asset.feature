@COA @P5 @rig:neighbourhoods/p5_wind_farm_dividend
Feature: A company's asset that pays the community a dividend
  A wind farm's profit is the company's, and a part of it the community's. The company goes by the farm's
  own register; an independent meter says what it really made.

  Scenario: The community is paid its part of what the farm really made
    Given a company owns the wind farm, 1000 times as large, sells its energy at 80 £/MWh, bears £40 each half-hour and pays a dividend of 5 %
    And the published limits
      | asset | quantity           | limit | rule                         |
      | asset | dividend otherwise | 3 %   | smart/coa/dividend-otherwise |
    And the wind farm is held at −3 kW
    And the bench is watched for 3 minutes before and 2 minutes after
    When the company states what it made from 12:00 to 13:00
    Then the community is paid its dividend of what was really made
