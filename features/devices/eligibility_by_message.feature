@ELIG @rig:whole_house
Feature: Which service people serve, who are asked by message
  White goods are moved by people, and people by messages: in time for the day ahead and for what is
  scheduled, never for the Balancing Mechanism. What they did the boundary meter says.

  Background:
    Given a home whose people can be reached by message
    And the bench is watched for 30 minutes before and 10 minutes after
    And the bench's own expectations
      | asset | quantity        | limit | rule                  |
      | home  | dispatch proved | 300 W | whole_house/reduction |

  Scenario Outline: <kind>, moved by people who are asked by message
    Given the home is said to be <kind>, dispatched by message
    When the ESO asks the home by message to use less from 10:30 to 12:00
    Then the home is dispatched as it is said to be
    And the home may take part in
      | service                       | may |
      | Balancing Mechanism           | no  |
      | Thermal Constraint Management | yes |
      | Demand Flexibility Service    | yes |
      | Sustain                       | yes |
      | Secure                        | yes |

    Examples:
      | kind             |
      | white goods      |
      | EV               |
      | electrified heat |
