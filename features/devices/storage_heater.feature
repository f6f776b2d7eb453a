@SH @rig:everyday @date:2026-11-26
Feature: A storage heater on a radio teleswitch
  Nobody can dispatch it: it hears a signal on long wave and nothing else. It is refused as an asset with
  that reason, and its meter shows that it charges by its schedule, whoever wants what.

  Scenario: It is refused as an asset, and charges at night all the same
    Given the published limits
      | asset          | quantity          | limit     | rule                      |
      | storage heater | dispatched anyway | 0 devices | respect/dispatched-anyway |
      | storage heater | by its schedule   | 3 kW      | respect/by-its-schedule   |
    And the bench is watched for 5 minutes before and 5 minutes after
    When the storage heater runs by its own schedule from 00:15 to 00:50
    Then the storage heater cannot be dispatched, because radio teleswitch
    And the storage heater turned itself on by 00:40, whoever wants what
