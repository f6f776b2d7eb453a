@OVERRIDE @heat_pump @rig:home_half_hours
Feature: An occupant overrides what the aggregator asks
  A heat pump gives way, somebody is cold and turns the thermostat up. The house is theirs: it heats
  again while the call still runs, and nobody calls it back.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the published limits
      | asset     | quantity     | limit          | rule                 |
      | heat pump | override     | 900 s          | respect/override     |
      | heat pump | called again | 0 instructions | respect/called-again |
    And the bench is watched for 5 minutes before and 10 minutes after

  Scenario: Somebody turns the thermostat up while the heat pump gives way
    When the ESO instructs the heat pump to turn down to 0.6 kW from 17:00 to 17:40
    And somebody turns the thermostat up at 17:15
    Then the heat pump does what its occupant wants, in spite of the call
    And nobody calls the heat pump again before its call is over
