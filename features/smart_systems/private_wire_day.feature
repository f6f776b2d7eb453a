@P6 @rig:private_wire_day @date:2026-11-26
Feature: P6 A private wire for a whole day
  A developer's village from midnight to midnight: ten devices on the bench, two homes, a workshop, two
  cars, two batteries, a solar farm and two roofs. The controller takes what the sun gives by day and
  gives it back in the evening; what the village draws and makes is counted by independent meters.

  Background:
    Given the private wire "Mill Village" behind a connection of 18 kW
      | on the bench  | is         | moved from | to     |
      | battery       | store      | −4.5 kW    | 4.5 kW |
      | south battery | store      | −4.5 kW    | 4.5 kW |
      | EV            | load       | 1.4 kW     | 7 kW   |
      | van           | load       | –          | –      |
      | north         | load       | –          | –      |
      | south         | load       | –          | –      |
      | workshop      | load       | –          | –      |
      | solar farm    | generation | –          | –      |
      | north roof    | generation | –          | –      |
      | south roof    | generation | –          | –      |
    And the published limits
      | asset   | quantity               | limit | rule                       |
      | network | degree of self-balance | 50 %  | smart/sbn/self-balance-day |
      | network | use of the connection  | 100 % | smart/sbn/connection       |
      | network | import avoided         | 50 %  | smart/sbn/import-avoided   |
    And the van is held at 0 kW
    And the north is held at 0.3 kW
    And the south is held at 0.3 kW
    And the workshop is held at 0.6 kW
    And the bench is watched for 10 minutes before and 10 minutes after

  Scenario: The village keeps most of a day's energy to itself
    When the controller balances the network from 00:10 to 23:50
    Then the network balances itself from 00:15 to 23:45
    And its stores spare it the dear hours from 16:30 to 19:00, at 10 p/kWh and 50 £/kW
    And it stays inside its connection from 00:15 to 23:45
