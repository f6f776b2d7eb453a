@rig:feeder_end
Feature: Reactive power for the network
  Fifteen homes hang on the end of a long feeder. What their inverters take or give in reactive power
  moves the power factor, the losses and the voltage of all of them. Drawn power counts positive, active
  as import and reactive as an inductor takes it; a power factor has no sign.

  Background:
    Given a home with a load bank, a battery and solar inverter
    And the published limits
      | asset | quantity             | limit      | rule                                   |
      | home  | power factor         | 95 %       | transition/table6/power-factor         |
      | home  | voltage              | +10 / −6 % | esqcr/low-voltage                      |
      | home  | voltage moved        | 5 V        | transition/table6/voltage-moved        |
      | home  | losses saved         | 20 %       | transition/table6/losses-saved         |
      | home  | apparent power saved | 10 %       | transition/table6/apparent-power-saved |
      | home  | voltage back         | 60 s       | transition/table6/voltage-back         |
    And the bench is watched for 5 minutes before and 3 minutes after

  @CM2
  Scenario: An inverter gives what a motor takes, and the power factor is good
    Given the solar inverter is held at 0 kW
    When from 12:00 to 12:20 the load bank takes 10 A at power factor 0.8 inductive
    And the DSO has the battery give 1.38 kvar from 12:05 to 12:15
    Then the power factor at the boundary is good from 12:05 to 12:15

  @CM3
  Scenario: An inverter takes reactive power, and the voltage falls by as much as asked
    Given the solar inverter is held at 0 kW
    When the DSO has the battery take 3 kvar from 12:05 to 12:15
    Then the voltage at the boundary falls by as much as asked from 12:05 to 12:15

  @CM9
  Scenario: Panels lift the voltage out of its limits, and inverters bring it back
    When the DSO has the battery take 3 kvar from 12:05 to 12:15
    Then the voltage at the boundary is inside its limits from 12:05 to 12:15

  @CM5
  Scenario: After a fault load is moved onto the feeder, and real and reactive power hold it up
    Given the solar inverter is held at 0 kW
    When from 12:05 to 12:20 the load bank takes 18 A at power factor 1
    And the DSO instructs the battery to turn down to −3 kW from 12:05:20 to 12:18
    And the DSO has the battery give 3 kvar from 12:05:20 to 12:18
    Then the voltage at the boundary is back inside its limits after 12:05
    And the voltage at the boundary is inside its limits from 12:06 to 12:18

  @PM3
  Scenario: At the peak an inverter gives what motors take, and the feeder loses less
    Given the solar inverter is held at 0 kW
    When from 17:00 to 17:25 the load bank takes 10 A at power factor 0.7 inductive
    And the DSO has the battery give 1.6 kvar from 17:10 to 17:20
    Then the feeder loses less from 17:10 to 17:20

  @PM4
  Scenario: At the peak the power factor is good, and apparent power is lower
    Given the solar inverter is held at 0 kW
    When from 17:00 to 17:25 the load bank takes 10 A at power factor 0.7 inductive
    And the DSO has the battery give 1.6 kvar from 17:10 to 17:20
    Then the power factor at the boundary is good from 17:10 to 17:20
    And the home's apparent power is lower from 17:10 to 17:20
