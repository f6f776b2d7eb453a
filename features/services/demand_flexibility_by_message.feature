@DFS @WH @rig:whole_house
Feature: Demand Flexibility Service, by message
  People are asked to do without for an hour. What they did the boundary meter says, among all else
  that goes on in their homes; what they would have done their own days before say.

  Background:
    Given a home whose people can be reached by message
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
    And a unit of 4000 homes like it, each giving 0.3 kW, as of 2022/23
    And each home of the unit is registered with
      | MPAN          | read        | metered at | participants | BM Unit       | other service | responds for |
      | 2000000000015 | half-hourly | boundary   | 1            | supplier base | none          | 1 h          |
    And its boundary meter counted on the days before
      | days    | from  | until | usually | varies by |
      | working | 00:00 | 24:00 | 5.9 kW  | 5 %       |
      | other   | 00:00 | 24:00 | 5.9 kW  | 5 %       |
    And it was called 1 and 2 days before, and drew 4.8 kW on those
    And the unit bids 3,000 £/MWh
    And the week before goes so
      | days before | at    | who        | says                           | power  |
      | 6           | 12:00 | aggregator | forecasts what it can give     | 1.2 MW |
      | 1           | 10:00 | ESO        | expects to call                |        |
      | 1           | 14:30 | ESO        | calls                          | 2.0 MW |
      | 1           | 15:30 | aggregator | accepts the call               | 1.0 MW |
      | 0           | 12:00 | aggregator | brings its forecast up to date | 1.0 MW |
    And the published limits
      | asset | quantity              | limit  | rule                        |
      | home  | working days averaged | 5 days | bl01/least-working-days     |
      | home  | other days averaged   | 2 days | bl01/least-non-working-days |
      | home  | delivered share       | 95 %   | dfs/delivered-share         |
      | home  | payment               | 95 %   | dfs/paid-share              |
    And the bench's own expectations
      | asset | quantity      | limit | rule                    |
      | home  | baseline miss | ±5 %  | agreement/baseline-miss |
    And the bench is watched for 4 hours before and 10 minutes after

  Scenario: People who do without for an hour are paid as a unit
    When the ESO's call is from 18:00 to 19:00, for which people are asked by message
    Then the week goes as Figure 1 has it
    And its baseline has as many days as it needs
    And the unit delivers what it accepted
    And the ESO pays for what the unit delivered
