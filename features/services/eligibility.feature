@ELIG
Feature: Which device may serve which service, dispatched over its wire
  The tables speak of kinds: cars and heat that are dispatched automatically serve all five services.
  Of one device that has to be proved: it is told over its wire, and its own meter sees it move.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the bench is watched for 5 minutes before and 5 minutes after
    And the published limits
      | asset     | quantity        | limit | rule                          |
      | EV        | dispatch proved | 95 %  | market_access/delivered-share |
      | heat pump | dispatch proved | 95 %  | market_access/delivered-share |

  Scenario: A car that is dispatched automatically
    Given the EV is said to be EV, dispatched automatically
    When the ESO instructs the EV to turn down to 1.4 kW from 17:00 to 17:10
    Then the EV is dispatched as it is said to be
    And the EV may take part in
      | service                       | may |
      | Balancing Mechanism           | yes |
      | Thermal Constraint Management | yes |
      | Demand Flexibility Service    | yes |
      | Sustain                       | yes |
      | Secure                        | yes |

  Scenario: Heat that is dispatched automatically
    Given the heat pump is said to be electrified heat, dispatched automatically
    When the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to 17:20
    Then the heat pump is dispatched as it is said to be
    And the heat pump may take part in
      | service                       | may |
      | Balancing Mechanism           | yes |
      | Thermal Constraint Management | yes |
      | Demand Flexibility Service    | yes |
      | Sustain                       | yes |
      | Secure                        | yes |
