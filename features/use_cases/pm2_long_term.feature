@PM2 @rig:month @date:2026-11-26
Feature: A habit that changes for long
  People insulate, or cook with another fuel, and the tea-time peak of their street is lower from then on.
  No service is called: the half-hours of the weeks before and after say what it came to.

  Background:
    Given a bench with a load bank
    And the load bank is held at 2.0 kW
    And the published limits
      | asset     | quantity     | limit | rule                         |
      | load bank | evening peak | 90 %  | transition/table6/peak-lower |
      | home      | evening peak | 90 %  | transition/table6/peak-lower |

  Scenario Outline: The <asset>'s evening peak is lower from the second week on
    When the bench is left alone for 14 days
    And from day 8 to day 14 the load bank draws 1.3 kW from 15:30 to 20:30
    And the <meter> is asked for the last 14 days of half-hours
    Then the <asset>'s evening peak is lower from day 8 on, by the <meter>

    Examples:
      | asset     | meter       |
      | load bank | asset meter |
      | home      | boundary    |
