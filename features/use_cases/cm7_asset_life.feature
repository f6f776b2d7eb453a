@CM7 @rig:home_half_hours
Feature: CM7 Loading optimised for the life of an asset
  A transformer may carry its rating and still grow old: its oil warms for hours, and insulation ages
  twice as fast for every few degrees. Flexibility called through a tea-time peak spares it years.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the home offers
      | asset     | usually | down to |
      | EV        | 7.4 kW  | 1.4 kW  |
      | heat pump | 2.0 kW  | 0.6 kW  |
    And the DSO and the aggregator have agreed
      | capacity | window        | arming period | full delivery within | notice within | price     |
      | 7 kW     | 16:00 - 20:00 | 1 hour        | 2 minutes            | 1 minute      | 300 £/MWh |
    And the published limits
      | asset | quantity      | limit     | rule                           |
      | home  | delivery time | 2 minutes | transition/uc2/delivery-within |
      | home  | ageing saved  | 30 %      | transition/table6/ageing-saved |
    And transformer "T7", rated 4.2 MVA, carries 300 homes like it and
      | at    | MVA |
      | 15:30 | 0.7 |
      | 16:30 | 1.0 |
      | 17:30 | 1.4 |
      | 18:30 | 1.2 |
      | 20:00 | 0.8 |
    And the bench is watched for 10 minutes before and 10 minutes after

  Scenario: A peak that is taken off spares the transformer's insulation
    Given the DSO armed the service at 15:40
    When the DSO calls the agreed capacity at 15:50 for 17:00 to 18:00, as planned
    Then the home delivers the agreed capacity in the agreed time
    And transformer "T7" ages less than without the service, at 10 °C outside
