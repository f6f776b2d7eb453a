@CAA @rig:neighbourhoods/p4_community_energy
Feature: An asset that belongs to a community
  A solar farm's energy is credited to those who own it, half-hour by half-hour, by their shares and no
  more than each of them draws; the rest is sold for all. The administrator goes by the inverter's own
  register. Independent meters say whether that is right.

  Scenario: Each owner is credited with its share of what the farm made
    Given the solar farm belongs to the community, by shares of
      | member | on the bench | share |
      | Ann    | ann          | 10 %  |
      | Bob    | bob          | 25 %  |
      | school | school       | 65 %  |
    And the published limits
      | asset | quantity           | limit | rule                         |
      | asset | credited otherwise | 2 %   | smart/caa/credited-otherwise |
    And the ann is held at 0.3 kW
    And the bob is held at 1.5 kW
    And the school is held at 3.4 kW
    And the bench is watched for 3 minutes before and 2 minutes after
    When its energy is shared out from 12:00 to 13:00
    Then every member is credited with its share of what it made
