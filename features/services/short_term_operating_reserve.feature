@STOR @ST2 @rig:home_half_hours
Feature: Short-Term Operating Reserve
  When a power station trips the ESO calls reserve that it contracted: of a certain size, within minutes
  or hours, held for two hours, and there again by the next day. Two pages of the service differ, and the
  same delivery is held against both.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the reserve service asks
      | by edition               | older page  | later page   | rule                                  |
      | least unit               | 3 MW        | 3 MW         | market_access/stor-least-unit         |
      | full delivery            | 240 minutes | 20 minutes   | market_access/stor-full-delivery      |
      | full delivery, preferred | 20 minutes  | –            | market_access/stor-preferred-delivery |
      | event held               | 2 h         | 2 h          | market_access/stor-event-held         |
      | recovery                 | –           | 1200 minutes | market_access/stor-recovery           |
    And the bench is watched for 5 minutes before and 5 minutes after

  Scenario Outline: Less demand of the <asset> serves as reserve, called twice in an evening
    When the ESO instructs the <asset> to turn down to <level> from 16:00 to 18:00
    And the ESO instructs the <asset> to turn down to <level> from 19:00 to 19:30
    Then by the later page <homes> such <asset>s make a unit
    And by the later page the <asset> delivers in full in time
    And by the later page the <asset> holds for long enough
    And by the later page the <asset> is there again in time
    And by the older page <homes> such <asset>s make a unit
    And by the older page the <asset> delivers in full in time
    And by the older page the <asset> delivers as soon as is preferred
    And by the older page the <asset> holds for long enough

    Examples:
      | asset     | level  | homes |
      | EV        | 1.4 kW | 520   |
      | heat pump | 0.6 kW | 2300  |
