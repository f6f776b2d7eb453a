@OPM @CAP @ev
Feature: Operational metering of one asset
  The control room wants to see what it dispatches. How accurate, how often, how soon, how fine and
  how complete are five questions: an asset can meet one edition of the requirements and miss the
  next, and the report says by how much.

  Scenario: A chargepoint's own readings are good enough for the cohort of 2024
    Given a home with an EV
    And the published limits
      | asset | quantity                   | limit  | rule                                |
      | EV    | operational metering error | ±2.5 % | opmetering/aggregated-accuracy      |
      | EV    | read interval              | 60 s   | opmetering/aggregated-read-interval |
      | EV    | data completeness          | 99 %   | opmetering/completeness             |
    When the bench is left alone from 17:00 to 17:40
    Then the EV's readings are as accurate as asked
    And the EV's readings come as often as asked
    And the EV's readings are as complete as asked
    And the EV is held against every edition of operational metering

  Scenario: It is as capable as its makers say
    Given a home with an EV
    And the published limits
      | asset | quantity                   | limit      | rule                              |
      | EV    | operational metering error | ±2 %       | crowdflex/table3/ev-accuracy      |
      | EV    | read interval              | 1 minute   | crowdflex/table3/ev-read-interval |
      | EV    | latency                    | 5 s        | crowdflex/table3/ev-latency       |
      | EV    | resolution                 | 3 d.p.     | crowdflex/table1/existing-resolution |
    When the bench is left alone from 17:00 to 17:40
    Then the EV's readings are as accurate as asked
    And the EV's readings come as often as asked
    And the EV's readings arrive as soon as asked
    And the EV's readings are as fine as asked
