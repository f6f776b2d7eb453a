@CoP10 @meter_test @rig:meter_weeks
Feature: A meter's clock, its half-hours, and how long it remembers them
  Energy is settled by half-hours. They are right if the meter's clock is, if they are half an hour
  long, if they say when they ended, and if the meter still has them when somebody asks.

  Background:
    Given a bench with a load bank
    And the DLMS under test is tested against the standard
    And the published limits
      | asset           | quantity                 | limit         | rule                          |
      | DLMS under test | clock error              | ±20 s         | cop10/clock/offset            |
      | DLMS under test | period length            | ±0.1 %        | cop10/clock/period-length     |
      | DLMS under test | days stored              | 90 days       | cop10/storage                 |
      | DLMS under test | profile against register | ±0.1 %        | cop10/demand-values           |

  Scenario: Nobody sets the clock for twenty days
    When the bench is left alone for 20 days
    And the DLMS under test is asked for the last 20 days of half-hours
    Then the DLMS under test's clock is right
    And the DLMS under test's clock would stay right for 20 days unset
    And the DLMS under test's half-hours are half an hour long
    And the DLMS under test's half-hours add up to its register
    And the DLMS under test's stamps tell the truth

  Scenario: Three months of half-hours are still there
    When the bench is left alone for 1 days
    And the DLMS under test is asked for the last 100 days of half-hours
    Then the DLMS under test gives back what it stored, whole
