@CM4 @rig:home_half_hours
Feature: A planned outage
  A transformer is taken out of service for an afternoon's work, and its neighbour carries both feeders.
  The DSO knew it for weeks, and has flexibility in place before the switch is thrown.

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
      | home  | peak loading            | 100 %      | transition/uc2/asset-within-rating      |
      | home  | release time            | 5 minutes  | transition/uc1/release-within           |
      | home  | lost opportunity        | 50 %       | transition/uc1/lost-opportunity         |
    And the bench's own expectations
      | asset | quantity            | limit | rule                          |
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

  Scenario: Flexibility is there before the transformer goes, and its neighbour stays inside its rating
    Given the DSO armed the service at 16:30
    When the DSO dispatches the agreed capacity from 17:25 to 18:30
    And transformer "T1" is taken out of service as planned at 17:30
    Then the home delivers the agreed capacity in the agreed time
    And the home holds it until 18:30
    And transformer "T2" is inside its rating all the outage, to 18:30
    And the DSO pays the aggregator for the energy that the meter saw

  Scenario: A dispatch inside the arming period is refused, and the work has to wait
    Given the DSO armed the service at 17:10
    When the DSO dispatches the agreed capacity from 17:25 to 18:30
    Then the aggregator refuses it, because the arming period ends at 17:40
    And the home's demand does not change
    And no one pays anyone
