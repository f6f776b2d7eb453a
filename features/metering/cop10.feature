@CoP10 @meter_test @rig:meter_bench
Feature: CoP10, a boundary meter on whole current
  Settlement believes a home's meter at every load, from a charger's trickle to a full house. Its
  register is compared with a reference standard in the same current, for as long as it takes
  until the register's own steps can no longer hide an error.

  Background:
    Given a bench with a load bank
    And the SDM230 meter is tested against the reference standard
    And the published limits
      | asset        | quantity               | limit  | rule                                    |
      | SDM230 meter | meter error            | ±1.9 % | cop10/accuracy/whole-current/unity      |
      | SDM230 meter | meter error, inductive | ±1.9 % | cop10/accuracy/whole-current/inductive  |

  Scenario: It is inside its limits at every load
    When the load bank draws 0.25 A at power factor 1
    And the load bank draws 1 A at power factor 1
    And the load bank draws 5 A at power factor 1
    And the load bank draws 20 A at power factor 1
    And the load bank draws 5 A at power factor 0.5 inductive
    And the load bank draws 20 A at power factor 0.5 inductive
    Then the SDM230 meter's register agrees with the reference standard
