@LEM @P4 @rig:neighbourhoods/p4_community_energy
Feature: A local energy market
  Those who live around a solar farm buy its energy, and each other's, at prices that they set
  themselves. Before each half-hour their agents trade what they expect; after it every trade is
  settled against the meters, and what is left goes through a supplier. What members get out of it is
  a price for energy that they know: a couple of pence a kilowatt-hour.

  Background:
    Given the local market "Common Land", whose supplier asks 27 p/kWh and pays 8 p/kWh
      | member | on the bench  | sells from | buys up to | wants |
      | farm   | solar farm    | 8 p/kWh    | –          | –     |
      | Ann    | ann, ann roof | 8 p/kWh    | 12 p/kWh   | –     |
      | Bob    | bob           | –          | 12 p/kWh   | Ann   |
      | school | school        | –          | 12 p/kWh   | farm  |
    And the published limits
      | asset  | quantity           | limit        | rule                     |
      | market | trades             | 0 trades     | smart/lem/trades         |
      | market | unaccounted energy | 2 %          | smart/lem/adds-up        |
      | market | bought locally     | 50 %         | smart/lem/bought-locally |
      | market | premium            | 1 to 3 p/kWh | smart/lem/premium        |
      | market | worse off          | 0 p          | smart/lem/worse-off      |
    And the ann is held at 0.6 kW
    And the bob is held at 1.5 kW
    And the school is held at 3.4 kW
    And the bench is watched for 5 minutes before and 3 minutes after

  Scenario: At noon neighbours buy of the farm and of each other
    When the local market trades from 12:00 to 13:00
    Then every trade keeps to what both sides asked for
    And what the members' meters counted adds up to the boundary
    And most of what they draw is bought of each other
    And the farm earns a premium for what it sells
    And nobody pays more than with the supplier alone

  Scenario: A cloud takes what was sold, and the farm makes up for it with its supplier
    When the local market trades from 12:00 to 13:00
    And the solar farm trips from 12:40 to 12:50
    Then what the members' meters counted adds up to the boundary
    And most of what they draw is bought of each other
