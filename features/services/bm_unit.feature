@BM @rig:neighbourhoods/p3_advanced_vpp
Feature: A secondary unit in the Balancing Mechanism
  Three hundred home batteries in one GSP group are a unit. The ESO accepts a profile of it, up and down
  again at its run rates; the batteries follow it minute by minute, and every half-hour is settled by what
  was accepted and what the meter saw. What the unit cannot follow it refuses and says why.

  Background:
    Given the secondary BM unit "2__FLEX001" of 300 homes whose battery gives 4.5 kW
      | GSP group | half-hourly settled | derogation |
      | _C        | yes                 | –          |
      | _C        | no                  | yes        |
    And its dynamic parameters are
      | NDZ       | MZT        | MNZT       | MEL    | MIL     | run-up     | run-down   |
      | 2 minutes | 10 minutes | 10 minutes | 1.3 MW | −1.3 MW | 600 kW/min | 600 kW/min |
    And it notified 0 MW and bids at a system price of 150 £/MWh
      | band | width  | price     |
      | 1    | 0.8 MW | 120 £/MWh |
      | 2    | 0.5 MW | 180 £/MWh |
      | −1   | 1.3 MW | 40 £/MWh  |
    And the published limits
      | asset | quantity             | limit         | rule                    |
      | unit  | registered otherwise | 0 units       | bm/registered-otherwise |
      | unit  | refused otherwise    | 0 acceptances | bm/refused-otherwise    |
      | unit  | off its profile      | 10 %          | bm/off-profile          |
      | unit  | not delivered        | 5 %           | bm/not-delivered        |
    And the bench is watched for 5 minutes before and 3 minutes after

  Scenario: An offer is accepted, followed up and down, and paid
    When the ESO accepts at 16:55
      | from  | level  |
      | 17:00 | 0 MW   |
      | 17:02 | 1.2 MW |
      | 17:28 | 1.2 MW |
      | 17:30 | 0 MW   |
    Then the unit may be registered
    And the unit follows its acceptances
    And the accepted volume is delivered

  Scenario: A bid is accepted, and the batteries take what is too much
    When the ESO accepts at 12:55
      | from  | level   |
      | 13:00 | 0 MW    |
      | 13:02 | −0.9 MW |
      | 13:28 | −0.9 MW |
      | 13:30 | 0 MW    |
    Then the unit follows its acceptances
    And the accepted volume is delivered

  Scenario: What the unit cannot follow it refuses, each for its own reason
    When the ESO accepts at 16:55
      | from  | level |
      | 17:00 | 0 MW  |
      | 17:02 | 1 MW  |
      | 17:12 | 1 MW  |
      | 17:14 | 0 MW  |
    And the ESO accepts at 16:56
      | from  | level  |
      | 17:30 | 0 MW   |
      | 17:33 | 1.4 MW |
      | 17:45 | 0 MW   |
    And the ESO accepts at 16:57
      | from  | level   |
      | 17:30 | 0 MW    |
      | 17:33 | −1.4 MW |
      | 17:45 | 0 MW    |
    And the ESO accepts at 16:58
      | from  | level |
      | 17:30 | 0 MW  |
      | 17:31 | 1 MW  |
      | 17:45 | 0 MW  |
    And the ESO accepts at 16:59
      | from  | level |
      | 17:30 | 0 MW  |
      | 17:44 | 1 MW  |
      | 17:45 | 0 MW  |
    And the ESO accepts at 17:29
      | from  | level |
      | 17:30 | 0 MW  |
      | 17:32 | 1 MW  |
      | 17:45 | 0 MW  |
    And the ESO accepts at 17:13
      | from  | level |
      | 17:18 | 0 MW  |
      | 17:20 | 1 MW  |
      | 17:35 | 0 MW  |
    And the ESO accepts at 17:15
      | from  | level |
      | 17:30 | 0 MW  |
      | 17:32 | 1 MW  |
      | 17:36 | 0 MW  |
    And the ESO accepts at 17:16
      | from  | level  |
      | 17:30 | 0 MW   |
      | 17:32 | 1 MW   |
      | 17:45 | 0.5 MW |
    Then the acceptance at 16:56 is refused, because it goes beyond MEL
    And the acceptance at 16:57 is refused, because it goes beyond MIL
    And the acceptance at 16:58 is refused, because it runs up too fast
    And the acceptance at 16:59 is refused, because it runs down too fast
    And the acceptance at 17:29 is refused, because NDZ is longer than its notice
    And the acceptance at 17:13 is refused, because it stays at zero for less than MZT
    And the acceptance at 17:15 is refused, because it is away from zero for less than MNZT
    And the acceptance at 17:16 is refused, because it does not begin and end at the physical notification
    And the unit follows its acceptances

  Scenario Outline: Who may not be a unit is told why
    Given the secondary BM unit "2__FLEX002" of <homes> homes whose battery gives 4.5 kW
      | GSP group | half-hourly settled | derogation |
      | _C        | yes                 | –          |
      | <group>   | <settled>           | –          |
    When nobody is asked for anything from 12:00 to 12:05
    Then the unit may not be registered, because <why>

    Examples:
      | homes | group | settled | why                                                     |
      | 300   | _D    | yes     | its sites are in several GSP groups                     |
      | 300   | _C    | no      | a site is not settled half-hourly and has no derogation |
      | 200   | _C    | yes     | it is smaller than the least unit                       |
