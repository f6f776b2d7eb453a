@CoP10 @meter_test @rig:meter_bench
Feature: CoP5, a meter behind current transformers, up to 1 MW
  Percent are of the transformers' rated current: 5 A in the meter's own path.

  Scenario: It is inside the limits of every load and power factor
    Given a bench with a load bank
    And the DLMS under test is tested against the standard
    And the published limits
      | asset           | quantity                | limit  | rule                                |
      | DLMS under test | meter error             | ±1.5 % | cop5/accuracy/unity/20-to-120       |
      | DLMS under test | meter error, low load   | ±2.5 % | cop5/accuracy/unity/5-to-20         |
      | DLMS under test | meter error, inductive  | ±2.5 % | cop5/accuracy/inductive/20-to-120  |
      | DLMS under test | meter error, capacitive | ±2.5 % | cop5/accuracy/capacitive/20-to-120 |
    When the load bank draws 0.25 A at power factor 1
    And the load bank draws 1 A at power factor 1
    And the load bank draws 6 A at power factor 1
    And the load bank draws 1 A at power factor 0.5 inductive
    And the load bank draws 5 A at power factor 0.8 capacitive
    Then the DLMS under test's register agrees with the standard
