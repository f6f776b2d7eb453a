@D380-E @rig:private_network
Feature: D/380 Who may use difference metering
  The generic dispensation covers standard arrangements only: half-hourly meters of CoP3 or CoP5 on
  circuits up to 10 MVA that depart from their code in their place alone. Five conditions go with
  it. A declaration that breaks one is refused, by name; a dispensation for the site is another way.

  Background:
    Given the private network "Mill Yard" behind the boundary meter
      | customer | supplier          | MPAN          | on the bench | draws  |
      | landlord | boundary supplier | 2000000000015 | load bank    | 2.3 kW |
      | garage   | Blue Supply       | 2000000000024 | EV           | 5.5 kW |
    And the settlement meters' papers say
      | meter    | code | read        | meter operator | data collector | timeswitch class |
      | boundary | CoP3 | half-hourly | Meter Services | Data Services  | 845              |
      | garage   | CoP5 | half-hourly | Meter Services | Data Services  | 997              |
    And the limits of the dispensation
      | quantity         | limit  | rule                  |
      | circuit capacity | 10 MVA | d380/circuit-capacity |
    And the published limits
      | asset   | quantity | limit           | rule        |
      | network | answer   | 20 working days | d380/answer |
    And the bench is watched for 1 minute before and 1 minute after

  Scenario: Every condition is kept
    When D/380 is declared at 12:00 for a circuit of 10 MVA
    Then D/380 may be used

  Scenario Outline: A meter's papers break a condition: <what> of the <meter>
    Given the papers of the <meter> meter say <value> as its <what>
    When D/380 is declared at 12:00 for a circuit of 0.5 MVA
    Then D/380 may not be used, because <why>

    Examples:
      | meter    | what             | value          | why                                                     |
      | garage   | code             | CoP10          | a meter's Code of Practice is neither CoP3 nor CoP5     |
      | boundary | code             | CoP2           | a meter's Code of Practice is neither CoP3 nor CoP5     |
      | garage   | reading          | monthly        | a meter is not read half-hourly                         |
      | boundary | reading          | monthly        | a meter is not read half-hourly                         |
      | garage   | meter operator   | Other Services | the meter operator is not the boundary's                |
      | garage   | data collector   | Other Services | the data collector is not the boundary's                |
      | garage   | timeswitch class | 845            | its timeswitch class is not 997                         |

  Scenario: A circuit that is too large
    When D/380 is declared at 12:00 for a circuit of 10.1 MVA
    Then D/380 may not be used, because the circuit's capacity is above what D/380 covers

  Scenario Outline: Somebody concerned did not agree: the <party>
    When D/380 is declared at 12:00, without the <party>'s agreement, for a circuit of 0.5 MVA
    Then D/380 may not be used, because not everybody concerned agreed

    Examples:
      | party             |
      | boundary supplier |
      | network owner     |
      | LDSO              |

  Scenario: An MSID was not sent to Elexon
    When D/380 is declared at 12:00, without the garage's MSID, for a circuit of 0.5 MVA
    Then D/380 may not be used, because its MSID was not sent to Elexon

  Scenario Outline: The declaration leaves something out: <what>
    When D/380 is declared at 12:00, without a word of <what>, for a circuit of 0.5 MVA
    Then D/380 may not be used, because <why>

    Examples:
      | what                                              | why                                              |
      | the losses                                        | nothing accounts for the losses                  |
      | compliance                                        | compliance was not declared                      |
      | that only the meters' place departs from the code | more than the meter's place departs from the code |

  Scenario: Everybody has a supplier of their own, so there is nothing to difference
    Given the private network "Mill Yard" behind the boundary meter
      | customer | supplier     | MPAN          | on the bench | draws  |
      | landlord | Green Supply | 2000000000015 | load bank    | 2.3 kW |
      | garage   | Blue Supply  | 2000000000024 | EV           | 5.5 kW |
    And the settlement meters' papers say
      | meter    | code | read        | meter operator | data collector | timeswitch class |
      | boundary | CoP3 | half-hourly | Meter Services | Data Services  | 845              |
      | landlord | CoP5 | half-hourly | Meter Services | Data Services  | 997              |
      | garage   | CoP5 | half-hourly | Meter Services | Data Services  | 997              |
    When D/380 is declared at 12:00 for a circuit of 0.5 MVA
    Then D/380 may not be used, because every customer has a supplier of their own: that is full settlement

  Scenario Outline: The network owner answers within 20 working days, in <country>
    When D/380 is declared at 12:00 for a circuit of 0.5 MVA
    Then the network owner, asked on 2026-12-14, answered in time on <day>, by the working days of <country>

    Examples:
      | country           | day        |
      | England and Wales | 2027-01-14 |
      | Scotland          | 2027-01-14 |
