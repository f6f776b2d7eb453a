@HPS @COMFORT @heat_pump @heat_storage @rig:heat_storage
Feature: A store carries a house through the evening
  CrowdFlex allows heat with storage four to six hours of turn-down where heat without has one to two.
  On a day of frost the compressor stops, and the store alone keeps the house warm.

  Background:
    Given a home with a heat pump
    And the published limits
      | asset     | quantity                         | limit     | rule                                                               |
      | heat pump | turn-down response time          | 2 minutes | crowdflex/table4/heat-with-storage-response                        |
      | heat pump | turn-down event period of 4 h    | 4 h       | crowdflex/table4/heat-with-storage-turn-down-event-period-shortest |
      | heat pump | turn-down event period of 6 h    | 6 h       | crowdflex/table4/heat-with-storage-turn-down-event-period-longest  |
    And the bench's own expectations
      | asset     | quantity                  | limit | rule                    |
      | heat pump | lowest indoor temperature | 18 °C | heat_pump/comfort-floor |

  @turn_down
  Scenario Outline: The heat pump stays off for <period> and nobody is cold
    When the ESO instructs the heat pump to turn down to 0.1 kW from 16:00 to <end>
    Then the heat pump responds in the published time
    And the heat pump holds its level for the published event period of <period>
    And the house stays at or above its comfort limit

    Examples:
      | period | end   |
      | 4 h    | 20:00 |
      | 6 h    | 22:00 |
