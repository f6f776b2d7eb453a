@PRIMACY @rig:sites_of_generation
Feature: Primacy across DSO, ESO and market
  One battery was promised to a DSO, to the ESO and to a trader who follows the market. All three call for
  the same half-hour. The aggregator serves them in the order that they agreed, and tells who lacks what.

  Background:
    Given the sites on cable "C3", rated 1,200 kW
      | site  | is a                | MPAN          | on the bench | like it | usually | MIC      | MEC      |
      | homes | Consumer (Domestic) | 2000000000033 | battery      | 200     | 0 kW    | 1,000 kW | 1,000 kW |
    And the battery can give 5 kW, and was promised to
      | buyer  | service         | capacity | window        | arming period | full delivery within | price     | penalty   |
      | trader | Evening price   | 2 kW     | 16:00 - 20:00 | 20 minutes    | 2 minutes            | 150 £/MWh | 50 £/MWh  |
      | ESO    | STOR            | 3 kW     | 16:00 - 20:00 | 20 minutes    | 2 minutes            | 200 £/MWh | 100 £/MWh |
      | DSO    | Peak management | 3 kW     | 17:00 - 19:00 | 20 minutes    | 2 minutes            | 300 £/MWh | 150 £/MWh |
    And the published limits
      | asset   | quantity        | limit     | rule                               |
      | battery | delivery time   | 2 minutes | transition/uc3/delivery-within     |
      | battery | delivered share | 95 %      | transition/uc3/delivered-in-full   |
      | battery | shortfall told  | ±5 %      | transition/uc3/shortfall-told      |
      | battery | notice time     | 1 minute  | transition/uc3/notice-of-shortfall |
    And the trader armed "Evening price" at 16:30
    And the ESO armed "STOR" at 16:31
    And the DSO armed "Peak management" at 16:32
    And the bench is watched for 5 minutes before and 10 minutes after

  Scenario Outline: All three call at once, and primacy is "<primacy>"
    Given primacy is agreed as "<primacy>"
    When the trader calls "Evening price" at 16:52 for 17:00 to 17:30
    And the ESO calls "STOR" at 16:53 for 17:00 to 17:30
    And the DSO calls "Peak management" at 16:54 for 17:00 to 17:30
    Then "<first>" is delivered in full
    And "<second>" is <short> short, as its buyer was told
    And the buyer of "<second>" hears of it in the agreed time

    Examples:
      | primacy                 | first           | second          | short |
      | network, system, market | Peak management | STOR            | 1 kW  |
      | network, system, market | Peak management | Evening price   | 2 kW  |
      | first come              | Evening price   | Peak management | 3 kW  |
