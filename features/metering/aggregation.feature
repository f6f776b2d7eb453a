@OPM @AGG @STAG @ev
Feature: Operational metering of an aggregated unit
  The control room wants one trustworthy number a second for a thousand homes, whose chargepoints
  report once a minute. The bench says what one home does and how its readings come; the rest is
  the sum of a thousand such homes, each with its own meter and its own second.

  Background:
    Given a home with an EV
    And the published limits
      | asset | quantity                   | limit  | rule                           |
      | EV    | meter error                | ±2 %   | crowdflex/table3/ev-accuracy   |
      | unit  | operational metering error | ±1 %   | crowdflex/table1/existing-accuracy |
    And the bench's own expectations
      | asset | quantity                    | limit | rule                    |
      | unit  | seconds with an uncertainty | 100 % | agreement/every-second  |
      | unit  | accuracy missed at any size | 0 %   | agreement/more-homes    |
      | unit  | unit lag                    | 75 s  | agreement/unit-lag      |
      | unit  | signal behind the truth     | 60 %  | agreement/unit-behind   |

  Scenario: Steady charging is reported truly
    Given 1,000 homes like it, and the EV of each reports every 60 s, at its own second
    When the bench is left alone from 17:00 to 17:40
    Then the unit's signal is as accurate as asked
    And every second of it carries its own uncertainty
    And the unit stands in a table of every edition of operational metering

  Scenario: A common bias in the meters does not average out
    Given 1,000 homes like it, and the EV of each reports every 60 s, at its own second
    And every meter reads 1.2 % high
    When the bench is left alone from 17:00 to 17:40
    Then the unit's signal misses that accuracy, and more homes would not help

  Scenario: A dispatch shows late, however many homes there are
    Given 10,000 homes like it, and the EV of each reports every 60 s, at its own second
    When the ESO instructs the EV to turn down to 1.4 kW from 17:30 to 18:00
    Then the unit's signal reaches the truth as soon as agreed
    And until then it is no further behind than agreed
    And the unit's signal is as accurate as asked
