@UC2 @rig:home_half_hours
Feature: UC2 Peak management
  On a winter afternoon a transformer will carry more than its rating at tea time. The DSO knows it
  hours ahead and plans for it: flexibility takes the top off the peak, and a larger transformer
  can wait.

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
      | asset | quantity                         | limit     | rule                                    |
      | home  | called ahead                     | 1 hour    | transition/uc2/called-ahead             |
      | home  | arming period                    | 1 hour    | transition/uc2/arming-period            |
      | home  | delivery time                    | 2 minutes | transition/uc2/delivery-within          |
      | home  | peak loading                     | 100 %     | transition/uc2/asset-within-rating      |
      | home  | peak loading without the service | 100 %     | transition/uc2/forecast-overload        |
      | home  | notice time                      | 1 minute  | transition/uc2/notice-of-unavailability |
      | home  | release time                     | 5 minutes | transition/uc2/release-within           |
      | home  | lost opportunity                 | 50 %      | transition/uc2/lost-opportunity         |
    And the bench's own expectations
      | asset | quantity            | limit | rule                          |
      | home  | delivered share     | 95 %  | agreement/delivered-share     |
      | home  | overshoot on return | 10 %  | agreement/overshoot-on-return |
      | home  | undisturbed demand  | 10 %  | agreement/undisturbed         |
      | home  | settled energy      | 95 %  | agreement/settled-energy      |
      | home  | nominated baseline  | ±5 %  | agreement/baseline-miss       |
    And the money is settled by
      | nominated | curve          | penalty   | lost opportunity | home's share | home's tariff | imbalance price |
      | 9.7 kW    | Flexible Power | 100 £/MWh | 50 %             | 80 %         | 270 £/MWh     | 90 £/MWh        |
    And the bench is watched for 10 minutes before and 30 minutes after
    And transformer "T3", rated 4.0 MVA, carries 300 homes like it and
      | at    | MVA |
      | 15:30 | 0.7 |
      | 16:30 | 1.0 |
      | 17:30 | 1.4 |
      | 18:30 | 1.2 |
      | 20:00 | 0.8 |

  Scenario: Flexibility called in the afternoon takes the top off the tea-time peak
    Given the DSO armed the service at 15:40
    When the DSO calls the agreed capacity at 15:50 for 17:00 to 18:30, as planned
    Then the DSO called it as far ahead as planned
    And the home delivers the agreed capacity in the agreed time
    And the home holds it until 18:30
    And transformer "T3" stays inside its rating through the peak
    And without the service transformer "T3" would have left it
    And the home returns without overshoot
    And the aggregator nominated what the home usually draws
    And the DSO pays the aggregator for the energy that the meter saw
    And the settlement leaves
      | actor                      | position |
      | DSO                        | pays     |
      | Aggregator                 | gains    |
      | Consumer (Domestic)        | gains    |
      | Electricity Supplier       | pays     |
      | Balance Responsible Person | gains    |
      | everyone else              | nothing  |

  Scenario: A call inside the arming period is refused, planned or not
    Given the DSO armed the service at 16:20
    When the DSO calls the agreed capacity at 16:25 for 17:00 to 18:30, as planned
    Then the aggregator refuses it, because the arming period ends at 17:20
    And the home's demand does not change
    And no one pays anyone

  Scenario: The car leaves before the peak, and the DSO hears of it in time to plan anew
    Given the DSO armed the service at 15:40
    When the car is unplugged at 16:30
    Then the aggregator has declared 6 kW unavailable to the DSO by 16:31
    And the neutral market facilitator holds the same notice
    And no one pays anyone

  Scenario: The ESO overrules the DSO in the middle of the peak, and the service is unwound
    Given the DSO armed the service at 15:40
    When the DSO calls the agreed capacity at 15:50 for 17:00 to 18:30, as planned
    And the ESO overrules the service at 17:30
    Then the home delivers the agreed capacity in the agreed time
    And the home holds it until 17:30
    And the DSO is told by 17:31 that the ESO overruled it
    And the home is back at its usual demand by 17:35
    And the DSO pays the aggregator for the energy that the meter saw
    And the ESO compensates the aggregator for what was unwound

  Scenario: Nobody armed it in time, so the ESO may have it, and the DSO waits until it is free
    Given the DSO armed the service at 17:31
    When the ESO instructs the EV to turn down to 1.4 kW from 17:30 to 18:00
    And the DSO calls the agreed capacity at 17:35 for 17:50 to 18:30, as planned
    Then the EV serves the ESO alone
    And the aggregator refuses the DSO, because the home serves the ESO until 18:00

  Scenario: While it is armed for the DSO, nobody else may have it
    Given the DSO armed the service at 15:40
    When the ESO instructs the EV to turn down to 1.4 kW from 16:45 to 17:00
    Then the aggregator refuses the ESO, because the home is armed for the DSO
    And nothing was asked of the home
