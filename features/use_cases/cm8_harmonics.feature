@CM8 @rig:feeder_harmonics
Feature: CM8 Harmonics monitored and managed at the MPAN
  Rectifiers draw their current in pulses, and at the end of a long feeder the voltage of all homes is no
  sine any more. The meter at the boundary samples ten cycles and groups their harmonics, as IEC 61000-4-7
  has it. The DSO has what distorts give way, and the distortion is inside its limit.

  Background:
    Given a home with a load bank
    And the published limits
      | asset | quantity          | limit | rule                       |
      | home  | distortion        | 8 %   | en50160/voltage-thd        |
      | home  | distortion before | 8 %   | en50160/voltage-thd-before |
    And the load bank is held at 4.2 kW
    And the bench is watched for 5 minutes before and 3 minutes after

  Scenario: What distorts gives way, and the voltage is inside its limit
    When the DSO instructs the load bank to turn down to 1.6 kW from 12:05 to 12:15
    Then the distortion at the boundary was outside it from 12:01 to 12:05
    And the distortion at the boundary is inside its limit from 12:05:30 to 12:15
