@D380 @rig:private_network
Feature: D/380 Difference metering
  A landlord takes supply for a whole private network. Some behind it choose suppliers of their own:
  what their meters count is deducted from the boundary's reading, as it is or scaled up for what the
  wires lose. Whoever bears the losses, all that crossed the boundary enters Settlement, once.

  Background:
    Given the private network "Mill Yard" behind the boundary meter
      | customer | supplier          | MPAN          | on the bench | draws  |
      | landlord | boundary supplier | 2000000000015 | load bank    | 2.3 kW |
      | garage   | Blue Supply       | 2000000000024 | EV           | 5.5 kW |
      | workshop | Green Supply      | 2000000000042 | battery      | 2.0 kW |
    And the published limits
      | asset    | quantity               | limit | rule                 |
      | network  | unaccounted energy     | 0 Wh  | d380/adds-up         |
      | network  | losses beyond declared | ±1 %  | d380/declared-losses |
      | garage   | advance                | 1 Wh  | d380/advance         |
      | workshop | advance                | 1 Wh  | d380/advance         |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: Readings are scaled up, and third parties bear the losses that they cause
    Given third parties' readings are scaled up by 2 % for losses
    When the half-hours from 16:00 to 17:00 are settled
    Then the garage enters Settlement with its meter's reading scaled up by 2 %
    And the workshop enters Settlement with its meter's reading scaled up by 2 %
    And what enters Settlement adds up to the boundary reading
    And the network's wires lose what was declared, 2 %

  Scenario: Readings are left as they are, and all losses stay with the network owner
    Given the losses stay with the network owner
    When the half-hours from 16:00 to 16:30 are settled
    Then the garage enters Settlement with its meter's reading
    And the workshop enters Settlement with its meter's reading
    And what enters Settlement adds up to the boundary reading

  Scenario: A third party feeds in, and the boundary still adds up
    Given the private network "Mill Yard" behind the boundary meter
      | customer | supplier          | MPAN          | on the bench | draws   |
      | landlord | boundary supplier | 2000000000015 | load bank    | 2.3 kW  |
      | garage   | Blue Supply       | 2000000000024 | EV           | 5.5 kW  |
      | workshop | Green Supply      | 2000000000042 | battery      | −3.0 kW |
    And third parties' readings are scaled up by 2 % for losses
    When the half-hours from 16:00 to 16:30 are settled
    Then the workshop enters Settlement with its meter's reading scaled up by 2 %
    And what enters Settlement adds up to the boundary reading

  Scenario: More is fed in than is drawn, and the owner's share is as it should be
    Given the private network "Mill Yard" behind the boundary meter
      | customer | supplier          | MPAN          | on the bench | draws   |
      | landlord | boundary supplier | 2000000000015 | battery      | −3.0 kW |
      | garage   | Blue Supply       | 2000000000024 | EV           | 1.5 kW  |
      | workshop | Green Supply      | 2000000000042 | load bank    | 0.5 kW  |
    And the losses stay with the network owner
    When the half-hours from 16:00 to 16:30 are settled
    Then the half-hour from 16:00 is marked, because the network owner's share is negative
    And what enters Settlement adds up to the boundary reading

  Scenario: A third party's reading is missing, and that half-hour waits for it
    Given the losses stay with the network owner
    When the half-hours from 16:00 to 17:30 are settled
    And the EV meter is silent from 16:29:30 to 16:30:25
    Then the half-hour from 16:00 is marked, because a reading is missing
    And the half-hour from 16:30 is marked, because a reading is missing
    And every other half-hour is settled
