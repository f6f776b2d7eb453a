@SBN @P6 @rig:neighbourhoods/p6_private_wire @date:2026-11-26
Feature: A network that balances itself
  A village on a private wire uses what it makes. Its controller moves a battery and the cars so that
  next to nothing crosses the boundary, and the connection to the wider grid can be small. What is made
  and what is used count by their own meters; whatever is stored counts as neither.

  Background:
    Given the private wire "Mill Village" behind a connection of 6 kW
      | on the bench  | is         | moved from | to     |
      | EV            | load       | 1.4 kW     | 7 kW   |
      | battery       | store      | −4.5 kW    | 4.5 kW |
      | south battery | store      | −4.5 kW    | 4.5 kW |
      | van           | load       | –          | –      |
      | north         | load       | –          | –      |
      | south         | load       | –          | –      |
      | workshop      | load       | –          | –      |
      | solar farm    | generation | –          | –      |
      | north roof    | generation | –          | –      |
      | south roof    | generation | –          | –      |
    And the published limits
      | asset   | quantity                   | limit | rule                      |
      | network | degree of self-balance     | 80 %  | smart/sbn/self-balance    |
      | network | use of the connection      | 100 % | smart/sbn/connection      |
      | network | balanced again             | 120 s | smart/sbn/balanced-again  |
      | network | lets go                    | 120 s | smart/sbn/lets-go         |
      | network | supply kept                | 90 %  | smart/sbn/supply-kept     |
      | network | crosses an open connection | 5 W   | smart/sbn/open-connection |
      | network | import avoided             | 50 %  | smart/sbn/import-avoided  |
    And the van is held at 0 kW
    And the north is held at 0.9 kW
    And the south is held at 0.8 kW
    And the workshop is held at 1.6 kW
    And the bench is watched for 3 minutes before and 3 minutes after

  Scenario: At noon what is made is used or stored, and next to nothing crosses the boundary
    When the controller balances the network from 12:00 to 12:30
    Then the network balances itself from 12:01 to 12:30
    And it stays inside its connection from 12:01 to 12:30

  Scenario: At tea-time the stores spare the village the dear hours
    Given the EV is held at 0 kW
    When the controller balances the network from 17:00 to 17:40
    Then its stores spare it the dear hours from 17:01 to 17:40, at 10 p/kWh and 50 £/kW
    And it stays inside its connection from 17:01 to 17:40

  Scenario: A source is lost, and the controller makes up for it
    When the controller balances the network from 12:00 to 12:30
    And the solar farm trips from 12:10 to 12:20
    Then it is balanced again in time after 12:10
    And it is balanced again in time after 12:20
    And it stays inside its connection from 12:01 to 12:30

  Scenario: A car drives off, and a store takes what it would have
    When the controller balances the network from 12:00 to 12:30
    And the EV is unplugged at 12:10
    Then it is balanced again in time after 12:10

  Scenario: The controller is lost, and what it told lets go by itself
    When the controller balances the network from 12:00 to 12:30
    And the controller is lost at 12:15
    Then without the controller the battery lets go in time
    And it stays inside its connection from 12:01 to 12:30

  Scenario: The grid connection is lost, and the homes keep their supply
    When the controller balances the network from 12:00 to 12:30
    And the grid connection is lost from 12:10 to 12:20
    Then the north keeps its supply without the grid
    And the workshop keeps its supply without the grid
    And nothing crosses the boundary without the grid
    And it stays inside its connection from 12:01 to 12:30
