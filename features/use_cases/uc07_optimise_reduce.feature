@UC7 @rig:sites_of_demand
Feature: UC7 Wholesale portfolio optimisation, reduce demand
  A trader in a company that also supplies uses its customers' flexibility: it has them draw less
  while the price is high, sells what that frees until gate closure, and balances with it after.
  Neither DNO nor DSO is part of it, as long as everybody stays inside MIC and MEC.

  Background:
    Given the sites on cable "W7", rated 150 kW
      | site   | is a                    | MPAN          | on the bench | like it | usually | MIC   | MEC  |
      | bakery | Consumer (Non-Domestic) | 2000000000015 | load bank    | 15      | 30 kW   | 60 kW | 0 kW |
      | depot  | Consumer (Non-Domestic) | 2000000000024 | EV           | 10      | 40 kW   | 60 kW | 0 kW |
    And the trader knows
      | price     | usual price | imbalance price | exposed | owners are paid | tariff    |
      | 450 £/MWh | 80 £/MWh    | 600 £/MWh       | 20 kWh  | 40 £/MWh        | 270 £/MWh |
    And the trader may
      | when                | move at most | hold open at most | lose at most | use prices from | up to     | what does not fit |
      | before gate closure | 25 kW        | 12 kWh            | £20          | −200 £/MWh      | 900 £/MWh | is cut            |
      | after gate closure  | 25 kW        | 11 kWh            | £9           | −200 £/MWh      | 900 £/MWh | is declined       |
    And the market's times
      | time         | limit      | rule             |
      | gate closure | 60 minutes | bsc/gate-closure |
    And the published limits
      | asset  | quantity               | limit | rule                           |
      | bakery | delivered share        | 95 %  | transition/uc7/delivered-share |
      | depot  | delivered share        | 95 %  | transition/uc7/delivered-share |
      | bakery | use of import capacity | 100 % | transition/uc7/within-capacity |
      | depot  | use of import capacity | 100 % | transition/uc7/within-capacity |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario Outline: Before gate closure freed energy is sold, for <motive>
    When the trader at 15:55 has the bakery draw 15 kW less from 17:00 to 17:30, for "<motive>"
    Then the bakery moves as ordered
    And it brings more than doing nothing
    And the facilitator hears of it afterwards, in the agreed time
    And neither the DNO nor the DSO is part of it
    And the settlement leaves
      | actor                | position |
      | Energy Trader        | gains    |
      | Electricity Supplier | pays     |
      | bakery               | gains    |
      | everyone else        | nothing  |

    Examples:
      | motive                |
      | exposure to the price |
      | lengthen or shorten   |

  Scenario: Inside gate closure the portfolio is placed for the imbalance price
    When the trader at 16:58 has the depot draw 20 kW less from 17:00 to 17:30, for "forecast imbalance price"
    Then the depot moves as ordered
    And the depot stays inside what it may import
    And it brings more than doing nothing
    And the settlement leaves
      | actor                      | position |
      | Energy Trader              | pays     |
      | Electricity Supplier       | pays     |
      | Balance Responsible Person | gains    |
      | depot                      | gains    |
      | everyone else              | nothing  |

  Scenario: A short order, which a bench on the wall clock has time for
    Given the bench is watched for 15 seconds before and 15 seconds after
    When the trader at 16:59:55 has the bakery draw 15 kW less from 17:00 to 17:01:30, for "forecast imbalance price"
    Then the bakery moves as ordered
    And the bakery stays inside what it may import
    And the facilitator hears of it afterwards, in the agreed time
    And neither the DNO nor the DSO is part of it

  Scenario: Orders add up, and the one that goes beyond a limit is cut to what is left
    When the trader at 15:50 has the depot draw 15 kW less from 17:00 to 17:15, for "lengthen or shorten"
    And the trader at 15:55 has the bakery draw 15 kW less from 17:00 to 17:15, for "lengthen or shorten"
    Then the trader cuts it to 10 kW, because more than the trader may move
    And the bakery moves as ordered
    And the depot moves as ordered

  Scenario: A position that is larger than the trader may hold open is cut
    When the trader at 15:55 has the bakery draw 25 kW less from 17:00 to 17:30, for "lengthen or shorten"
    Then the trader cuts it to 24 kW, because more than the trader may hold open
    And the bakery moves as ordered
    And the bakery stays inside what it may import

  Scenario Outline: The trader declines what it may not do: <why>
    When the trader at <at> has the bakery draw <power> less from <from> to <until>, for "<motive>"
    Then the trader declines it, because <why>
    And the load bank was asked for nothing
    And no one pays anyone

    Examples:
      | at    | power | from  | until | motive                   | why                                         |
      | 16:50 | 15 kW | 17:00 | 17:05 | lengthen or shorten      | gate closure has passed                     |
      | 16:10 | 15 kW | 17:15 | 17:20 | lengthen or shorten      | gate closure has passed                     |
      | 16:50 | 29 kW | 17:00 | 17:05 | forecast imbalance price | more than the trader may move               |
      | 16:50 | 24 kW | 17:00 | 17:30 | forecast imbalance price | more than the trader may hold open          |
      | 16:50 | 20 kW | 17:00 | 18:15 | forecast imbalance price | more could be lost than the trader may lose |

  Scenario Outline: At a price of <price> the trader leaves it be
    Given the trader knows
      | price   | usual price | imbalance price | exposed | owners are paid | tariff    |
      | <price> | 80 £/MWh    | 85 £/MWh        | <open>  | 40 £/MWh        | 270 £/MWh |
    When the trader at 15:55 has the bakery draw 15 kW less from 17:00 to 17:05, for "<motive>"
    Then the trader declines it, because <why>
    And the load bank was asked for nothing

    Examples:
      | price     | open   | motive                | why                                          |
      | 70 £/MWh  | 20 kWh | lengthen or shorten   | the market gives no reason to                |
      | 300 £/MWh | 20 kWh | lengthen or shorten   | it costs more than it brings                 |
      | 950 £/MWh | 20 kWh | lengthen or shorten   | the price is outside what the trader may use |
      | 450 £/MWh | 0 kWh  | exposure to the price | the market gives no reason to                |
