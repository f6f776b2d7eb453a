@SEC @rig:home_half_hours
Feature: Secure, called by messages
  A DSO forecasts a day ahead where its network will be full, and calls what it accepted by the messages
  of Flexible Power: a start, a stop, an emergency stop. Broadband is enough; readings go back.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the home offers
      | asset     | usually | down to |
      | EV        | 7.4 kW  | 1.4 kW  |
      | heat pump | 2.0 kW  | 0.6 kW  |
    And the DSO and the aggregator have agreed
      | capacity | window        | arming period | full delivery within | notice within | price     |
      | 7 kW     | 16:00 - 20:00 | 15 minutes    | 2 minutes            | 1 minute      | 300 £/MWh |
    And the DSO speaks to the aggregator over HTTP
      | service | zone   | unit        |
      | Secure  | CMZ T2 | HOME-000001 |
    And the published limits
      | asset | quantity              | limit      | rule                                  |
      | home  | delivery time         | 2 minutes  | transition/uc1/delivery-within        |
      | home  | release time          | 5 minutes  | transition/uc1/release-within         |
      | home  | start ahead           | 15 minutes | flexible_power_pages/start-ahead      |
      | home  | readings received     | 95 %       | flexible_power_pages/readings         |
      | home  | reading against meter | 2 %        | flexible_power_pages/reading-of-meter |
    And the bench's own expectations
      | asset | quantity           | limit | rule                      |
      | home  | undisturbed demand | 10 %  | agreement/undisturbed     |
      | home  | delivered share    | 95 %  | agreement/delivered-share |
    And the bench is watched for 5 minutes before and 15 minutes after

  Scenario: A start calls the home as it was accepted, and a stop lets it go
    Given the DSO armed the service at 17:00
    When the DSO sends a start at 17:15 for 17:30 to 18:00
    And the DSO sends a stop at 17:45
    Then the start came as far ahead as Flexible Power has it
    And the home delivers the agreed capacity in the agreed time
    And the home is back at its usual demand by 17:50
    And the DSO holds a reading for every minute from 17:16 to 17:55

  Scenario: An emergency stop ends it, and nothing more can be called
    Given the DSO armed the service at 17:00
    When the DSO sends a start at 17:15 for 17:30 to 18:00
    And the DSO sends an emergency stop at 17:35
    And the DSO sends a start at 17:36 for 17:51 to 17:55
    Then the home is back at its usual demand by 17:40
    And the last signal is answered with 409
