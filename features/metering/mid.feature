@CoP10 @meter_test @rig:meter_bench
Feature: Measuring Instruments Directive, a meter of class B
  What a meter may be wrong by in use depends on its class and on its load. The limit of the
  directive is wider than the index of the class: the one does not stand for the other.

  Background:
    Given a bench with a load bank
    And the SDM230 under test is tested against the standard

  Scenario: It keeps the directive's limits, below its transitional current and above
    Given the published limits
      | asset             | quantity              | limit | rule                                               |
      | SDM230 under test | meter error, low load | ±2 %  | mid/table2/class-b/balanced/imin-to-itr/5-to-30    |
      | SDM230 under test | meter error           | ±2 %  | mid/table2/class-b/balanced/itr-to-imax/5-to-30    |
    When the load bank draws 0.3 A at power factor 1
    And the load bank draws 0.5 A at power factor 1
    And the load bank draws 100 A at power factor 1
    Then the SDM230 under test's register agrees with the standard

  Scenario: It keeps the index of its class, which is half as wide
    Given the published limits
      | asset             | quantity    | limit | rule                    |
      | SDM230 under test | meter error | ±1 %  | mid/class-index/class-b |
    When the load bank draws 5 A at power factor 1
    And the load bank draws 5 A at power factor 0.8 capacitive
    Then the SDM230 under test's register agrees with the standard
