@UC8 @rig:sites_of_demand
Feature: UC8 Wholesale portfolio optimisation, increase demand
  The mirror of UC7: while the price is low the trader has its customers draw more, buys what
  that takes until gate closure, and balances with it after. Who would leave its MIC is not asked.

  Background:
    Given the sites on cable "W7", rated 150 kW
      | site   | is a                    | MPAN          | on the bench | like it | usually | MIC   | MEC  |
      | bakery | Consumer (Non-Domestic) | 2000000000015 | load bank    | 15      | 30 kW   | 60 kW | 0 kW |
      | depot  | Consumer (Non-Domestic) | 2000000000024 | EV           | 10      | 40 kW   | 60 kW | 0 kW |
    And the trader knows
      | price    | usual price | imbalance price | exposed | owners are paid | tariff    |
      | 20 £/MWh | 80 £/MWh    | −50 £/MWh       | 20 kWh  | 40 £/MWh        | 270 £/MWh |
    And the trader may
      | when                | move at most | hold open at most | lose at most | use prices from | up to     | what does not fit |
      | before gate closure | 25 kW        | 12 kWh            | £20          | −200 £/MWh      | 900 £/MWh | is cut            |
      | after gate closure  | 25 kW        | 11 kWh            | £9           | −200 £/MWh      | 900 £/MWh | is declined       |
    And the market's times
      | time         | limit      | rule             |
      | gate closure | 60 minutes | bsc/gate-closure |
    And the published limits
      | asset  | quantity               | limit | rule                           |
      | bakery | delivered share        | 95 %  | transition/uc8/delivered-share |
      | depot  | delivered share        | 95 %  | transition/uc8/delivered-share |
      | bakery | use of import capacity | 100 % | transition/uc8/within-capacity |
      | depot  | use of import capacity | 100 % | transition/uc8/within-capacity |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario Outline: Before gate closure cheap energy is bought, for <motive>
    When the trader at 01:55 has the bakery draw 15 kW more from 03:00 to 03:30, for "<motive>"
    Then the bakery moves as ordered
    And the bakery stays inside what it may import
    And it brings more than doing nothing
    And the settlement leaves
      | actor                | position |
      | Energy Trader        | pays     |
      | Electricity Supplier | gains    |
      | bakery               | pays     |
      | everyone else        | nothing  |

    Examples:
      | motive                |
      | exposure to the price |
      | lengthen or shorten   |

  Scenario: Inside gate closure the portfolio is placed for a negative imbalance price
    When the trader at 02:58 has the depot draw 18 kW more from 03:00 to 03:30, for "forecast imbalance price"
    Then the depot moves as ordered
    And it brings more than doing nothing
    And the facilitator hears of it afterwards, in the agreed time
    And neither the DNO nor the DSO is part of it

  Scenario Outline: The trader declines what it may not do: <why>
    When the trader at 02:50 has the depot draw <power> more from 03:00 to 03:05, for "<motive>"
    Then the trader declines it, because <why>
    And the EV was asked for nothing
    And no one pays anyone

    Examples:
      | power | motive                   | why                                          |
      | 15 kW | lengthen or shorten      | gate closure has passed                      |
      | 22 kW | forecast imbalance price | the site may not draw, or feed in, that much |
