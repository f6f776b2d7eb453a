@UC7 @rig:constrained_area
Feature: UC7 Wholesale portfolio optimisation, reduce demand
  A trader in a company that also supplies uses its customers' flexibility: it has them draw less
  while the price is high, sells what that frees until gate closure, and balances with it after.
  Neither DNO nor DSO is part of it, as long as everybody stays inside MIC and MEC.

  Background:
    Given the sites on cable "W7", rated 150 kW
      | site   | is a                    | MPAN          | on the bench | like it | usually | MIC   | MEC  |
      | bakery | Consumer (Non-Domestic) | 2000000000015 | load bank    | 15      | 30 kW   | 60 kW | 0 kW |
      | depot  | Consumer (Non-Domestic) | 2000000000024 | EV           | 10      | 40 kW   | 60 kW | 0 kW |
    And the trader knows, and may
      | price     | usual price | imbalance price | exposed | owners are paid | tariff    | move at most | use prices from | up to     | lose at most |
      | 450 £/MWh | 80 £/MWh    | 600 £/MWh       | 20 kWh  | 40 £/MWh        | 270 £/MWh | 25 kW        | −200 £/MWh      | 900 £/MWh | £20          |
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

  Scenario Outline: The trader declines what it may not do: <why>
    When the trader at <at> has the bakery draw <power> less from 17:00 to <until>, for "<motive>"
    Then the trader declines it, because <why>
    And the load bank was asked for nothing
    And no one pays anyone

    Examples:
      | at    | power | until | motive                   | why                                         |
      | 16:50 | 15 kW | 17:05 | lengthen or shorten      | gate closure has passed                     |
      | 16:50 | 29 kW | 17:05 | forecast imbalance price | more than the trader may move               |
      | 16:50 | 25 kW | 19:30 | forecast imbalance price | more could be lost than the trader may lose |
