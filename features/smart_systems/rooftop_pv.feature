@P2 @CPU @rig:neighbourhoods/p2_rooftop_pv
Feature: P2 Rooftop panels, bought together
  Homeowners agree on one thing: panels, from a supplier whom all of them trust. Nobody coordinates what
  they make. What they bought must do what was specified, and the street's cable must carry what its
  roofs feed in at noon.

  Scenario: Panels that were bought together do what was specified, and the street carries them
    Given 80 homes buy the ann roof of 3.6 kW each, for £4,400 instead of £5,300
    And the private wire "Rooftop Row" behind a connection of 10 kW
      | on the bench | is         | moved from | to |
      | ann          | load       | –          | –  |
      | bob          | load       | –          | –  |
      | carol        | load       | –          | –  |
      | ann roof     | generation | –          | –  |
      | bob roof     | generation | –          | –  |
    And the published limits
      | asset    | quantity              | limit      | rule                   |
      | purchase | as specified          | 95 %       | smart/cpu/as-specified |
      | purchase | discount              | 10 to 25 % | smart/cpu/discount     |
      | network  | use of the connection | 100 %      | smart/sbn/connection   |
    And the ann is held at 0.5 kW
    And the bob is held at 0.4 kW
    And the carol is held at 0.7 kW
    And the bench is watched for 3 minutes before and 2 minutes after
    When nobody is asked for anything from 12:00 to 12:30
    Then what they bought does what was specified, 3.6 kW
    And each saves what such purchases save
    And it stays inside its connection from 12:00 to 12:30
