@CoP10 @meter_test @rig:meter_bench
Feature: CoP3, a meter behind current transformers, up to 10 MVA
  Difference metering on a private network needs meters of this code at the boundary.

  Scenario: It is inside the limits of every load and power factor
    Given a bench with a load bank
    And the DLMS under test is tested against the standard
    And the published limits
      | asset           | quantity                | limit  | rule                               |
      | DLMS under test | meter error             | ±1.5 % | cop3/accuracy/unity/10-to-120      |
      | DLMS under test | meter error, low load   | ±2 %   | cop3/accuracy/unity/5-to-10        |
      | DLMS under test | meter error, inductive  | ±2.5 % | cop3/accuracy/inductive/10-to-120  |
      | DLMS under test | meter error, capacitive | ±2.5 % | cop3/accuracy/capacitive/10-to-120 |
    When the load bank draws 0.25 A at power factor 1
    And the load bank draws 0.5 A at power factor 1
    And the load bank draws 6 A at power factor 1
    And the load bank draws 0.5 A at power factor 0.5 inductive
    And the load bank draws 5 A at power factor 0.8 capacitive
    Then the DLMS under test's register agrees with the standard
