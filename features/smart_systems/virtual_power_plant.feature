@VPP @P3 @rig:neighbourhoods/p3_advanced_vpp
Feature: A virtual power plant
  Two hundred and fifty homes with batteries are sold together. One of them is on the bench: what its
  meter sees stands for all. A DSO's market takes ten kilowatts, national markets a megawatt; the same
  kilowatt is sold once at a time; of what it earns an optimiser and an aggregator take their shares.

  Background:
    Given a virtual power plant of 250 homes whose battery gives 4.5 kW, in a portfolio of 10 MW
      | buyer | limit | rule                     |
      | DSO   | 10 kW | smart/vpp/dso-entry      |
      | ESO   | 1 MW  | smart/vpp/national-entry |
    And the published limits
      | asset | quantity          | limit         | rule                        |
      | plant | entry to the DSO  | 10 kW         | smart/vpp/dso-entry         |
      | plant | entry to the ESO  | 1 MW          | smart/vpp/national-entry    |
      | plant | delivered share   | 95 %          | smart/vpp/delivered-share   |
      | plant | sold twice        | 0 kW          | smart/vpp/sold-twice        |
      | plant | refused otherwise | 0 offers      | smart/vpp/refused-otherwise |
      | plant | owners' part      | 57 %          | smart/vpp/owners-part       |
      | plant | earnings          | 20 to 80 £/kW | smart/vpp/earnings          |
    And the bench is watched for 5 minutes before and 3 minutes after

  Scenario: It is large enough for a DSO and for national markets, and stacks the two
    When the plant offers the DSO 500 kW from 17:00 to 17:30 at 300 £/MWh
    And the plant offers the ESO 1.1 MW from 17:30 to 18:00 at 250 £/MWh
    Then it is large enough for the market of the DSO
    And it is large enough for the market of the ESO
    And it delivers what it sold
    And nothing of it is sold twice

  Scenario: What it earns is shared, and a year of it is worth a home's while
    When the plant offers the ESO 1.1 MW from 17:00 to 17:30 at 300 £/MWh
    Then it delivers what it sold
    And its owners have their part of the revenue, and 250 such days a year earn what they should
      | who                 | limit | rule                            |
      | optimiser, at 1 MW  | 33 %  | smart/vpp/optimiser-share-small |
      | optimiser, at 10 MW | 10 %  | smart/vpp/optimiser-share-large |
      | aggregator          | 10 %  | smart/vpp/aggregator-share      |

  Scenario: The same kilowatts are not sold twice
    When the plant offers the DSO 500 kW from 17:00 to 17:30 at 300 £/MWh
    And the plant offers the ESO 1 MW from 17:10 to 17:30 at 250 £/MWh
    Then the offer to the ESO is refused, because 625 kW are left then
    And nothing of it is sold twice
    And it delivers what it sold

  Scenario: What is too small for a market is not offered there
    When the plant offers the ESO 400 kW from 17:00 to 17:30 at 250 £/MWh
    And the plant offers the DSO 400 kW from 17:00 to 17:30 at 300 £/MWh
    Then the offer to the ESO is refused, because the market takes no less than 1000 kW
    And it delivers what it sold
