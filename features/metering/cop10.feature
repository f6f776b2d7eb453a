@CoP10 @meter_test @rig:meter_bench
Feature: CoP10, a boundary meter on whole current
  Settlement believes a home's meter at every load, from a trickle to a full house. Its register is
  compared with a reference standard in the same current, for as long as it takes until the steps
  of the register can no longer hide an error.

  Background:
    Given a bench with a load bank
    And the SDM230 under test is tested against the standard
    And the published limits
      | asset             | quantity               | limit  | rule                                   |
      | SDM230 under test | meter error            | ±1.9 % | cop10/accuracy/whole-current/unity     |
      | SDM230 under test | meter error, inductive | ±1.9 % | cop10/accuracy/whole-current/inductive |

  Scenario: It is right from a twentieth of its basic current to a full house
    When the load bank draws 0.25 A at power factor 1
    And the load bank draws 1 A at power factor 1
    And the load bank draws 5 A at power factor 1
    And the load bank draws 60 A at power factor 1
    Then the SDM230 under test's register agrees with the standard

  Scenario: It is right where the current lags
    When the load bank draws 5 A at power factor 0.5 inductive
    And the load bank draws 60 A at power factor 0.5 inductive
    Then the SDM230 under test's register agrees with the standard
