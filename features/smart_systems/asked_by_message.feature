@P1 @VPP @rig:neighbourhoods/p1_simple_vpp
Feature: P1 A simple virtual power plant
  Tenants of one landlord have no asset that anybody could move. They are asked by message, and a few
  hundred watts of each of them, read at the boundary meter, make a plant that a DSO's market takes.

  Background:
    Given a home whose people can be reached by message
    And the published limits
      | asset | quantity         | limit | rule                  |
      | home  | reduction        | 300 W | whole_house/reduction |
      | plant | entry to the DSO | 10 kW | smart/vpp/dso-entry   |
    And the bench is watched for 30 minutes before and 15 minutes after

  Scenario: People who do without for an hour make a plant with their neighbours
    When the DSO asks the home by message to use less from 10:30 to 11:30
    Then the home moves its demand while it is asked
    And 60 homes that are asked so are large enough for the market of the DSO
