@TCM @rig:home_half_hours
Feature: Thermal Constraint Management
  Wind behind a full boundary is curtailed unless somebody there draws more; behind another, demand
  has to fall. A day ahead the ESO asks homes by where they are. Who is on the wrong side, or would
  overload something else, is not called. Half-hours say what was delivered.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And postcodes belong to grid supply points
      | postcode | grid supply point |
      | CA6 4    | Harker            |
      | IV1 3    | Beauly            |
      | SE1 9    | Wimbledon         |
    And 300 homes at each grid supply point with assets like
      | asset     | MPAN          | postcode | usually | participant |
      | EV        | 2000000000024 | IV1 3    | 1.4 kW  | ours        |
      | heat pump | 2000000000042 | SE1 9    | 2.0 kW  | ours        |
    And the ESO pays 150 £/MWh for what half-hours deliver
    And the published limits
      | asset     | quantity           | limit | rule                             |
      | EV        | half-hours paid for | 95 % | crowdflex/thermal/half-hours-paid  |
      | heat pump | half-hours paid for | 95 % | crowdflex/thermal/half-hours-paid  |
    And the bench's own expectations
      | asset     | quantity        | limit | rule                      |
      | EV        | delivered share | 95 %  | agreement/delivered-share |
      | heat pump | delivered share | 95 %  | agreement/delivered-share |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario: Behind a full boundary cars take up wind that would be curtailed
    Given the export constraint "B1", with behind it
      | grid supply point | room   |
      | Beauly            | 1.0 MW |
      | Harker            | 1.0 MW |
    And the EV is held at 1.4 kW
    When the ESO asks the EV a day ahead to turn up to 4.6 kW from 02:00 to 02:30
    Then the EV's half-hours deliver what was asked
    And the ESO pays for what the EV's half-hours delivered

  Scenario: Where too much is drawn heat pumps give way
    Given the import constraint "LE1", with behind it
      | grid supply point | room   |
      | Wimbledon         | 2.0 MW |
    When the ESO asks the heat pump a day ahead to turn down to 0.6 kW from 17:00 to 17:30
    Then the heat pump's half-hours deliver what was asked
    And the ESO pays for what the heat pump's half-hours delivered

  Scenario: An asset on the other side of the constraint is not called
    Given the export constraint "B1", with behind it
      | grid supply point | room   |
      | Beauly            | 1.0 MW |
    When the ESO asks the heat pump a day ahead to turn up to 2.4 kW from 02:00 to 02:30
    Then the aggregator does not call the heat pump, because it is on the other side of the constraint

  Scenario: Drawing less behind an export constraint would make it worse
    Given the export constraint "B1", with behind it
      | grid supply point | room   |
      | Beauly            | 1.0 MW |
    When the ESO asks the EV a day ahead to turn down to 0 kW from 02:00 to 02:30
    Then the aggregator does not call the EV, because that way makes the constraint worse

  Scenario: Turning up more than a grid supply point has room for would make a new constraint
    Given the export constraint "B1", with behind it
      | grid supply point | room   |
      | Beauly            | 0.9 MW |
    When the ESO asks the EV a day ahead to turn up to 4.6 kW from 02:00 to 02:30
    Then the aggregator does not call the EV, because it would make a new constraint at its grid supply point

  Scenario: An asset whose postcode maps to nothing is not called
    Given the export constraint "B1", with behind it
      | grid supply point | room   |
      | Beauly            | 1.0 MW |
    And 300 homes at each grid supply point with assets like
      | asset | MPAN          | postcode | usually | participant |
      | EV    | 2000000000024 | ZZ9 9    | 1.4 kW  | ours        |
    When the ESO asks the EV a day ahead to turn up to 4.6 kW from 02:00 to 02:30
    Then the aggregator does not call the EV, because nobody knows its grid supply point

  Scenario: An MPAN that is another participant's is not called
    Given the export constraint "B1", with behind it
      | grid supply point | room   |
      | Beauly            | 1.0 MW |
    And 300 homes at each grid supply point with assets like
      | asset | MPAN          | postcode | usually | participant   |
      | EV    | 2000000000024 | IV1 3    | 1.4 kW  | Bright Supply |
    When the ESO asks the EV a day ahead to turn up to 4.6 kW from 02:00 to 02:30
    Then the aggregator does not call the EV, because its MPAN is another participant's
