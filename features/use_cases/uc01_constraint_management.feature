@UC1 @rig:home_half_hours
Feature: UC1 DSO constraint management
  A transformer is lost and its neighbour carries both feeders. The DSO calls the flexibility
  that it armed beforehand, so that the neighbour stays inside its rating and nobody loses supply.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the home offers
      | asset     | usually | down to |
      | EV        | 7.4 kW  | 1.4 kW  |
      | heat pump | 2.0 kW  | 0.6 kW  |
    And the DSO and the aggregator have agreed
      | capacity | window        | arming period | full delivery within | notice within | price     |
      | 7 kW     | 16:00 - 20:00 | 30 minutes    | 2 minutes            | 1 minute      | 300 £/MWh |
    And the published limits
      | asset | quantity                | limit      | rule                                    |
      | EV    | turn-down response time | 10 s       | crowdflex/table4/ev-turn-down-response  |
      | home  | arming period           | 30 minutes | transition/uc1/arming-period            |
      | home  | delivery time           | 2 minutes  | transition/uc1/delivery-within          |
      | home  | notice time             | 1 minute   | transition/uc1/notice-of-unavailability |
      | home  | asset back inside       | 4 minutes  | transition/uc1/asset-back-inside        |
      | home  | release time            | 5 minutes  | transition/uc1/release-within           |
      | home  | lost opportunity        | 50 %       | transition/uc1/lost-opportunity         |
    And the bench's own expectations
      | asset | quantity            | limit | rule                          |
      | EV    | delivered share     | 95 %  | agreement/delivered-share     |
      | home  | delivered share     | 95 %  | agreement/delivered-share     |
      | home  | overshoot on return | 10 %  | agreement/overshoot-on-return |
      | home  | undisturbed demand  | 10 %  | agreement/undisturbed         |
      | home  | settled energy      | 95 %  | agreement/settled-energy      |
      | home  | nominated baseline  | ±5 %  | agreement/baseline-miss       |
      | home  | unaccounted energy  | ±5 %  | agreement/unaccounted-energy  |
    And the money is settled by
      | nominated | curve          | penalty   | lost opportunity | home's share | home's tariff | imbalance price |
      | 9.7 kW    | Flexible Power | 100 £/MWh | 50 %             | 80 %         | 270 £/MWh     | 90 £/MWh        |
    And the bench is watched for 10 minutes before and 30 minutes after
    And 300 homes like it behind transformer "T2", rated 4.0 MVA
    And 300 homes like it behind transformer "T1", which "T2" relieves

  Scenario: An armed home answers the fault in time
    Given the DSO armed the service at 16:30
    When transformer "T1" trips at 17:30
    And the DSO dispatches the agreed capacity from 17:31 to 18:30
    Then the home delivers the agreed capacity in the agreed time
    And the home holds it until 18:30
    And transformer "T2" is back inside its rating by 17:34
    And the home returns without overshoot
    And the aggregator nominated what the home usually draws
    And the DSO pays the aggregator for the energy that the meter saw
    And the assets' own meters account for that energy
    And the settlement leaves
      | actor                      | position |
      | DSO                        | pays     |
      | Aggregator                 | gains    |
      | Consumer (Domestic)        | gains    |
      | Electricity Supplier       | pays     |
      | Balance Responsible Person | gains    |
      | everyone else              | nothing  |

  Scenario: A dispatch inside the arming period is refused
    Given the DSO armed the service at 17:10
    When the DSO dispatches the agreed capacity from 17:31 to 18:30
    Then the aggregator refuses it, because the arming period ends at 17:40
    And the home's demand does not change
    And no one pays anyone

  Scenario: A dispatch of a service that nobody armed is refused
    When the DSO dispatches the agreed capacity from 17:31 to 18:30
    Then the aggregator refuses it, because the service was never armed
    And the home's demand does not change
    And no one pays anyone

  Scenario: The car leaves, and the DSO hears of it before it needs it
    Given the DSO armed the service at 16:30
    When the car is unplugged at 17:00
    Then the aggregator has declared 6 kW unavailable to the DSO by 17:01
    And the neutral market facilitator holds the same notice
    And no one pays anyone

  Scenario: The car leaves before the call, and nobody pays for what it would have given
    Given the DSO armed the service at 16:30
    When the car is unplugged at 17:00
    And the DSO dispatches the agreed capacity from 17:31 to 18:30
    Then the aggregator has declared 6 kW unavailable to the DSO by 17:01
    And the aggregator nominated what the home usually draws
    And the DSO pays the aggregator for the energy that the meter saw
    And the assets' own meters account for that energy

  Scenario: The ESO overrules the DSO, and the home is released
    Given the DSO armed the service at 16:30
    When the DSO dispatches the agreed capacity from 17:00 to 18:30
    And the ESO overrules the service at 17:30
    Then the home delivers the agreed capacity in the agreed time
    And the home holds it until 17:30
    And the DSO is told by 17:31 that the ESO overruled it
    And the home is back at its usual demand by 17:35
    And the DSO pays the aggregator for the energy that the meter saw
    And the ESO compensates the aggregator for what was unwound
    And the settlement leaves
      | actor                       | position |
      | DSO                         | pays     |
      | Electricity System Operator | pays     |
      | Aggregator                  | gains    |
      | Consumer (Domestic)         | gains    |
      | Electricity Supplier        | pays     |
      | Balance Responsible Person  | gains    |
      | everyone else               | nothing  |

  Scenario: Outside the delivery window the home may serve the ESO, armed or not
    Given the DSO armed the service at 19:20
    When the ESO instructs the EV to turn down to 1.4 kW from 20:00 to 20:15
    Then the EV holds its level until 20:15
    And the EV serves the ESO alone

  Scenario: Nobody armed it in time, so the ESO may have it, and the DSO waits until it is free
    Given the DSO armed the service at 17:40
    When the ESO instructs the EV to turn down to 1.4 kW from 17:30 to 18:00
    And the DSO dispatches the agreed capacity from 17:55 to 18:10
    Then the EV holds its level until 18:00
    And the EV serves the ESO alone
    And the aggregator refuses the DSO, because the home serves the ESO until 18:00

  Scenario: While it is armed for the DSO, nobody else may have it
    Given the DSO armed the service at 16:55
    When the ESO instructs the EV to turn down to 1.4 kW from 17:30 to 18:00
    Then the aggregator refuses the ESO, because the home is armed for the DSO
    And nothing was asked of the home
