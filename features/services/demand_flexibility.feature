@DFS @rig:home_half_hours
Feature: Demand Flexibility Service
  When the margin is thin the ESO buys what homes can do without, a day ahead. A week's exchange leads
  to the call; the boundary meter says what was drawn, the home's own days before say what would have
  been, and the unit is paid its bid for the difference.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the Demand Flexibility Service asks
      | by edition         | 2022/23    | 2023/24    | 2026       | rule               |
      | smallest unit      | 1 MW       | 1 MW       | 0.2 MW     | dfs/least-unit     |
      | largest unit       | 100 MW     | 100 MW     | 100 MW     | dfs/most-unit      |
      | shortest response  | 30 minutes | 30 minutes | 30 minutes | dfs/least-response |
      | days ahead         | 1 day      | 0 days     | 0 days     | dfs/days-ahead     |
      | in-day window      | 3 h        | 0 h        | 3 h        | dfs/in-day-window  |
      | largest turn-up    | 0 W        | 0 W        | 100 MW     | dfs/turn-up        |
      | zones              | 1 zone     | 1 zone     | 12 zones   | dfs/zones          |
      | ways to be settled | 1 way      | 2 ways     | 2 ways     | dfs/ways-settled   |
    And a unit of 250 homes like it, each giving 5.9 kW, as of 2022/23
    And each home of the unit is registered with
      | MPAN          | read        | metered at | participants | BM Unit       | other service | responds for |
      | 2000000000015 | half-hourly | boundary   | 1            | supplier base | none          | 1 h          |
    And its boundary meter counted on the days before
      | days    | from  | until | usually | varies by |
      | working | 00:00 | 24:00 | 9.7 kW  | 2 %       |
      | other   | 00:00 | 24:00 | 9.7 kW  | 2 %       |
    And it was called 1 and 2 days before, and drew 3.8 kW on those
    And the unit bids 3,000 £/MWh
    And the week before goes so
      | days before | at    | who        | says                           | power  |
      | 6           | 12:00 | aggregator | forecasts what it can give     | 1.5 MW |
      | 1           | 10:00 | ESO        | expects to call                |        |
      | 1           | 14:30 | ESO        | calls                          | 2.0 MW |
      | 1           | 15:30 | aggregator | accepts the call               | 1.4 MW |
      | 0           | 12:00 | aggregator | brings its forecast up to date | 1.4 MW |
    And the published limits
      | asset | quantity              | limit  | rule                        |
      | home  | working days averaged | 5 days | bl01/least-working-days     |
      | home  | other days averaged   | 2 days | bl01/least-non-working-days |
      | home  | delivered share       | 95 %   | dfs/delivered-share         |
      | home  | payment               | 95 %   | dfs/paid-share              |
    And the bench's own expectations
      | asset | quantity      | limit | rule                    |
      | home  | baseline miss | ±5 %  | agreement/baseline-miss |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: A call goes through the week of Figure 1, is delivered and paid
    Given the bench is watched for 4 hours before and 10 minutes after
    When the ESO's call is from 17:00 to 18:00, for which each home turns its EV down to 1.4 kW
    Then the week goes as Figure 1 has it
    And its baseline has as many days as it needs
    And its baseline is what it drew before the call
    And the unit delivers what it accepted
    And the ESO pays for what the unit delivered

  Scenario: Called within the day, where the edition allows it
    Given a unit of 250 homes like it, each giving 5.9 kW, as of 2023/24
    And the week before goes so
      | days before | at    | who        | says                           | power  |
      | 6           | 12:00 | aggregator | forecasts what it can give     | 1.5 MW |
      | 0           | 09:00 | ESO        | expects to call                |        |
      | 0           | 10:00 | ESO        | calls                          | 2.0 MW |
      | 0           | 10:30 | aggregator | accepts the call               | 1.4 MW |
      | 0           | 12:00 | aggregator | brings its forecast up to date | 1.4 MW |
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the week goes as Figure 1 has it
    And its baseline is what it drew before the call
    And the unit delivers what it accepted

  Scenario: Called within the day, where the edition calls a day ahead
    Given the week before goes so
      | days before | at    | who        | says                           | power  |
      | 6           | 12:00 | aggregator | forecasts what it can give     | 1.5 MW |
      | 1           | 10:00 | ESO        | expects to call                |        |
      | 0           | 09:00 | ESO        | calls                          | 2.0 MW |
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the unit does not take part, because it is called too late for this edition

  Scenario: A cold day's further demand is not paid for where nothing is adjusted
    Given a unit of 250 homes like it, each giving 4.9 kW, as of 2023/24
    And its boundary meter counted on the days before
      | days    | from  | until | usually | varies by |
      | working | 00:00 | 24:00 | 8.7 kW  | 2 %       |
      | other   | 00:00 | 24:00 | 8.7 kW  | 2 %       |
    And the week before goes so
      | days before | at    | who        | says                           | power  |
      | 6           | 12:00 | aggregator | forecasts what it can give     | 1.5 MW |
      | 1           | 10:00 | ESO        | expects to call                |        |
      | 1           | 14:30 | ESO        | calls                          | 2.0 MW |
      | 1           | 15:30 | aggregator | accepts the call               | 1.2 MW |
      | 0           | 12:00 | aggregator | brings its forecast up to date | 1.2 MW |
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the unit delivers what it accepted
    And the ESO pays for what the unit delivered

  Scenario: Homes that draw more count against the rest, if volumes are settled net
    Given 40 more homes of the unit draw 4 kW more than usual
    And a unit of 250 homes like it, each giving 5.9 kW, as of 2023/24
    And the week before goes so
      | days before | at    | who        | says                           | power   |
      | 6           | 12:00 | aggregator | forecasts what it can give     | 1.5 MW  |
      | 1           | 10:00 | ESO        | expects to call                |         |
      | 1           | 14:30 | ESO        | calls                          | 2.0 MW  |
      | 1           | 15:30 | aggregator | accepts the call               | 1.3 MW |
      | 0           | 12:00 | aggregator | brings its forecast up to date | 1.3 MW |
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the unit delivers what it accepted

  Scenario: They count as nothing, if it is settled by positive volumes only
    Given a unit of 250 homes like it, each giving 5.9 kW, as of 2023/24
    And 40 more homes of the unit draw 4 kW more than usual
    And the unit is settled by positive volumes only
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the unit delivers what it accepted
    And the ESO pays for what the unit delivered

  Scenario: A test is paid the guaranteed price
    Given a unit of 250 homes like it, each giving 5.9 kW, as of 2023/24
    And the call is a test, at the guaranteed price
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the unit delivers what it accepted
    And the ESO pays for what the unit delivered

  Scenario: Since 2026 a smaller unit may take more, in a zone that is procured
    Given a unit of 250 homes like it, each taking 3.2 kW, as of 2026
    And the unit lies in zone "Z1", where up to 1 MW is bought
    And its boundary meter counted on the days before
      | days    | from  | until | usually | varies by |
      | working | 00:00 | 24:00 | 3.76 kW | 2 %       |
      | other   | 00:00 | 24:00 | 3.76 kW | 2 %       |
    And the week before goes so
      | days before | at    | who        | says                           | power   |
      | 6           | 12:00 | aggregator | forecasts what it can give     | 0.8 MW  |
      | 1           | 10:00 | ESO        | expects to call                |         |
      | 1           | 14:30 | ESO        | calls                          | 1.0 MW  |
      | 1           | 15:30 | aggregator | accepts the call               | 0.75 MW |
      | 0           | 12:00 | aggregator | brings its forecast up to date | 0.75 MW |
    And the EV is held at 1.4 kW
    And the bench is watched for 4 hours before and 10 minutes after
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV up to 4.6 kW
    Then the week goes as Figure 1 has it
    And the unit delivers what it accepted
    And the ESO pays for what the unit delivered

  Scenario Outline: A home that <is> takes no part
    Given each home of the unit is registered with
      | MPAN          | read   | metered at | participants   | BM Unit   | other service   | responds for |
      | 2000000000015 | <read> | <at>       | <participants> | <BM Unit> | <other service> | <for>        |
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the unit does not take part, because <reason>

    Examples:
      | is                          | read        | at       | participants | BM Unit       | other service   | for        | reason                                     |
      | is read once a quarter      | quarterly   | boundary | 1            | supplier base | none            | 1 h        | it is not half-hourly metered              |
      | is metered at its car       | half-hourly | asset    | 1            | supplier base | none            | 1 h        | it is not metered at its boundary          |
      | has two participants        | half-hourly | boundary | 2            | supplier base | none            | 1 h        | its MPAN is another participant's as well  |
      | is part of a secondary unit | half-hourly | boundary | 1            | secondary     | none            | 1 h        | it is part of a BM Unit                    |
      | serves in STOR              | half-hourly | boundary | 1            | supplier base | STOR            | 1 h        | it provides another service                |
      | has a capacity agreement    | half-hourly | boundary | 1            | supplier base | Capacity Market | 1 h        | it provides another service                |
      | holds for 20 minutes        | half-hourly | boundary | 1            | supplier base | none            | 20 minutes | it cannot respond for long enough          |

  Scenario Outline: A unit of <homes> homes, <way> <power> each, is refused as of <edition>
    Given a unit of <homes> homes like it, each <way> <power>, as of <edition>
    And the unit lies in zone "Z4", where up to <bought> is bought
    When the ESO's call is from 17:00 to 17:30, for which each home turns its EV down to 1.4 kW
    Then the unit does not take part, because <reason>

    Examples:
      | homes | way    | power  | edition | bought | reason                          |
      | 169   | giving | 5.9 kW | 2022/23 | 1 MW   | the unit is too small           |
      | 16950 | giving | 5.9 kW | 2022/23 | 1 MW   | the unit is too large           |
      | 250   | taking | 5.9 kW | 2023/24 | 1 MW   | this edition buys no turn-up    |
      | 250   | giving | 5.9 kW | 2026    | 0 MW   | its zone is not procured        |
      | 250   | giving | 5.9 kW | 2026    | 1 MW   | its zone takes no more          |
      | 33    | giving | 5.9 kW | 2026    | 1 MW   | the unit is too small           |
