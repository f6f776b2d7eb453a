@CoP10 @meter_test @rig:meter_bench
Feature: Meters (Certification) Regulations 1998, first certification
  Before a meter is sealed its error is tested at the loads that the regulations name.

  Scenario: A single-phase meter passes the tests at unity and at half power factor
    Given a bench with a load bank
    And the SDM230 under test is tested against the standard
    And the published limits
      | asset             | quantity               | limit  | rule                                            |
      | SDM230 under test | meter error            | ±1.5 % | si1998_1566/schedule1/whole-current/unity       |
      | SDM230 under test | meter error, inductive | ±1.5 % | si1998_1566/schedule1/whole-current/inductive   |
    When the load bank draws 0.25 A at power factor 1
    And the load bank draws 5 A at power factor 1
    And the load bank draws 100 A at power factor 1
    And the load bank draws 5 A at power factor 0.5 inductive
    Then the SDM230 under test's register agrees with the standard
