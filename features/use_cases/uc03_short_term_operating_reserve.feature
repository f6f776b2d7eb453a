@UC3 @rig:sites_of_generation
Feature: UC3 Short-term operating reserve, and its conflict with the DSO
  The ESO wants reserve at tea time; the DSO wants the same batteries for the same hour. Primacy,
  agreed beforehand, decides who is served. Who is not hears of it, sees it on the meter and is
  paid for it; and a service that other generation undoes is found out.

  Background:
    Given its services are settled by
      | curve         | lost opportunity | owner's share | tariff    | imbalance price |
      | in proportion | 50 %             | 80 %          | 270 £/MWh | 90 £/MWh        |
    And the published limits
      | asset   | quantity                | limit      | rule                               |
      | battery | arming period           | 20 minutes | transition/uc3/arming-period       |
      | battery | delivery time           | 2 minutes  | transition/uc3/delivery-within     |
      | battery | delivered share         | 95 %       | transition/uc3/delivered-in-full   |
      | battery | shortfall told          | ±5 %       | transition/uc3/shortfall-told      |
      | battery | notice time             | 1 minute   | transition/uc3/notice-of-shortfall |
      | battery | release time            | 5 minutes  | transition/uc3/release-within      |
      | battery | got past the cable      | 90 %       | transition/uc3/got-past            |
      | battery | got past the ANM scheme | 20 %       | transition/uc3/taken-back          |
      | battery | lost opportunity        | 50 %       | transition/uc3/lost-opportunity    |
      | battery | paid for                | 95 %       | transition/uc3/paid-for            |
      | battery | penalty paid            | ±10 %      | transition/uc3/penalty-paid        |
    And the bench is watched for 5 minutes before and 10 minutes after

  Rule: Two buyers, one battery

    Background:
      Given the sites on cable "C3", rated 1,200 kW
        | site  | is a                | MPAN          | on the bench | like it | usually | MIC      | MEC      |
        | homes | Consumer (Domestic) | 2000000000033 | battery      | 200     | 0 kW    | 1,000 kW | 1,000 kW |
      And the battery can give 5 kW, and was promised to
        | buyer | service         | capacity | window        | arming period | full delivery within | price     | penalty   |
        | ESO   | STOR            | 3 kW     | 16:00 - 20:00 | 20 minutes    | 2 minutes            | 200 £/MWh | 100 £/MWh |
        | DSO   | Peak management | 4 kW     | 17:00 - 19:00 | 20 minutes    | 2 minutes            | 300 £/MWh | 150 £/MWh |

    Scenario: Reserve that nobody else wants is delivered in full and paid for
      Given primacy is agreed as "network first"
      And the ESO armed "STOR" at 16:35
      When the ESO calls "STOR" at 16:50 for 17:00 to 17:30
      Then "STOR" is delivered in the agreed time
      And "STOR" is delivered in full
      And all that the battery gave got past cable "C3"
      And the battery is back at rest by 17:35
      And the ESO pays the aggregator for what "STOR" gave it
      And the settlement leaves
        | actor                       | position |
        | Electricity System Operator | pays     |
        | Aggregator                  | gains    |
        | Consumer (Domestic)         | gains    |
        | Electricity Supplier        | pays     |
        | everyone else               | nothing  |

    @ST3
    Scenario Outline: Both call at once, and primacy is "<primacy>"
      Given primacy is agreed as "<primacy>"
      And the ESO armed "STOR" at 16:35
      And the DSO armed "Peak management" at 16:36
      When the ESO calls "STOR" at 16:50 for 17:00 to 17:30
      And the DSO calls "Peak management" at 16:51 for 17:00 to 17:30
      Then "<winner>" is delivered in the agreed time
      And "<winner>" is delivered in full
      And "<loser>" is <short> short, as its buyer was told
      And the buyer of "<loser>" hears of it in the agreed time
      And the <first> pays the aggregator for what "<winner>" gave it
      And the aggregator pays the <second> a penalty for what "<loser>" lacked

      Examples:
        | primacy       | winner          | loser           | short | first | second |
        | network first | Peak management | STOR            | 2 kW  | DSO   | ESO    |
        | system first  | STOR            | Peak management | 2 kW  | ESO   | DSO    |
        | first come    | STOR            | Peak management | 2 kW  | ESO   | DSO    |

    Scenario: One after the other, both have all of it
      Given primacy is agreed as "network first"
      And the ESO armed "STOR" at 16:05
      And the DSO armed "Peak management" at 16:36
      When the ESO calls "STOR" at 16:20 for 16:30 to 17:00
      And the DSO calls "Peak management" at 16:50 for 17:00 to 17:30
      Then "STOR" is delivered in full
      And "Peak management" is delivered in full
      And the ESO pays the aggregator for what "STOR" gave it
      And the DSO pays the aggregator for what "Peak management" gave it

    Scenario: The DSO overrules the reserve because its own network needs it to
      Given primacy is agreed as "network first"
      And the ESO armed "STOR" at 16:35
      When the ESO calls "STOR" at 16:50 for 17:00 to 18:00
      And the DSO overrules "STOR" at 17:30
      Then "STOR" is delivered in the agreed time
      And the ESO is told at once that the DSO overruled it
      And the battery is back at rest by 17:35
      And the ESO pays the aggregator for what "STOR" gave it
      And the DSO compensates the aggregator for "STOR" unwound

    Scenario: A call inside the arming period is refused
      Given primacy is agreed as "network first"
      And the ESO armed "STOR" at 16:50
      When the ESO calls "STOR" at 16:55 for 17:00 to 17:30
      Then the aggregator refuses "STOR", because the arming period ends at 17:10
      And the battery was asked for nothing
      And no one pays anyone

    Scenario: Without primacy the same hour cannot be promised twice
      Given the ESO armed "STOR" at 16:35
      When the ESO calls "STOR" at 16:50 for 17:00 to 17:30
      And the DSO calls "Peak management" at 16:51 for 17:00 to 17:30
      Then "Peak management" may not be promised, because no primacy was agreed
      And "STOR" is delivered in full

  Rule: Other generation behind the same cable

    Background:
      Given the sites on cable "C5", rated 2,500 kW
        | site     | is a                          | MPAN          | on the bench   | like it | usually | MIC      | MEC      |
        | homes    | Consumer (Domestic)           | 2000000000033 | battery        | 200     | 0 kW    | 1,000 kW | 1,000 kW |
        | windfarm | Directly-Connected Generation | 2000000000042 | solar inverter | 200     | −600 kW | 10 kW    | 1,000 kW |
      And an ANM scheme holds the export of cable "C5" at 600 kW, by the windfarm

    Scenario: Behind a full connection, active network management takes back what batteries give
      Given the battery can give 5 kW, and was promised to
        | buyer | service | capacity | window        | arming period | full delivery within | price     | penalty   |
        | ESO   | STOR    | 2 kW     | 11:00 - 14:00 | 20 minutes    | 2 minutes            | 200 £/MWh | 100 £/MWh |
      And the ESO armed "STOR" at 11:35
      When the ESO calls "STOR" at 11:50 for 12:00 to 12:30
      Then "STOR" is delivered in full
      And the ANM scheme undid what the battery did behind cable "C5"

    Scenario: Headroom that batteries make by charging is taken by the wind farm
      Given the battery can take 5 kW, and was promised to
        | buyer | service          | capacity | window        | arming period | full delivery within | price    | penalty   |
        | ESO   | Negative reserve | 2 kW     | 11:00 - 14:00 | 20 minutes    | 2 minutes            | 50 £/MWh | 100 £/MWh |
      And the ESO armed "Negative reserve" at 11:35
      When the ESO calls "Negative reserve" at 11:50 for 12:00 to 12:30
      Then "Negative reserve" is delivered in full
      And the ANM scheme undid what the battery did behind cable "C5"
