@GROUPS @rig:neighbourhoods/p6_private_wire @date:2026-11-26
Feature: A group gives way in turn
  No car may be held for longer than ten minutes, and the event lasts half an hour. Two take turns, each
  beginning before the other is let go: the boundary sees one reduction, each car its own short one.

  Background:
    Given the published limits
      | asset | quantity       | limit | rule                    |
      | group | reduction held | 5 kW  | respect/group-reduction |
      | group | own period     | 100 % | respect/own-period      |
    And the battery is held at 0 kW
    And the south battery is held at 0 kW
    And the bench is watched for 5 minutes before and 3 minutes after

  Scenario: Two cars hold an event of half an hour that neither could hold alone
    When the DSO has a group give way in turn from 20:00 to 20:30
      | asset | down to | for        |
      | EV    | 1.4 kW  | 10 minutes |
      | van   | 1.4 kW  | 10 minutes |
    Then the group holds its reduction for the whole of the event
    And no member of it gives way for longer than its own period
