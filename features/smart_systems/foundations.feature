@rig:neighbourhoods/p3_advanced_vpp
Feature: Foundations of a smart local energy system
  Before anybody moves anything a community knows what it has, funds what is proven, and buys together.
  Each is put on the bench: a plan's list by one of each kind, a project by what it claims, a purchase by
  what was specified.

  @LAEP
  Scenario: A hyperlocal plan lists what is there, and the substation beneath it carries that
    Given the local plan of "Mill End" lists
      | asset        | on the bench | homes | up to   |
      | chargepoints | EV           | 30    | 7.4 kW  |
      | batteries    | battery      | 20    | 4.5 kW  |
      | roofs        | ann roof     | 80    | 3.68 kW |
    And its substation is rated 500 kW and carries 160 kW already
    And the published limits
      | asset | quantity              | limit | rule                  |
      | plan  | as planned            | 90 %  | smart/laep/as-planned |
      | plan  | use of the substation | 100 % | smart/laep/substation |
    And the bench is watched for 3 minutes before and 2 minutes after
    When the DSO instructs the battery to turn up to 4.5 kW from 12:00 to 12:10
    Then every asset that it lists is there and does what it says
    And its substation carries all of them at once

  @MKT
  Scenario: A marketplace funds what a bench bears out, while there is money
    Given the marketplace "Mill Fund", which holds £10,000 and asks a fee of 4 %
      | project       | asks for | on the bench | claims |
      | hall battery  | £4,000   | battery      | 4.4 kW |
      | magic kettle  | £1,000   | ann          | 9 kW   |
      | fast charger  | £5,000   | EV           | 7 kW   |
      | second garage | £3,000   | EV           | 7 kW   |
    And the published limits
      | asset | quantity         | limit      | rule                       |
      | fund  | funded otherwise | 0 projects | smart/mkt/funded-otherwise |
      | fund  | spent            | 100 %      | smart/mkt/spent            |
    And the ann is held at 0.5 kW
    And the bench is watched for 3 minutes before and 2 minutes after
    When the DSO instructs the battery to turn down to −4.5 kW from 17:00 to 17:10
    Then the marketplace funds "hall battery"
    And the marketplace funds "fast charger"
    And the marketplace does not fund "magic kettle", because its claim is not proven
    And the marketplace does not fund "second garage", because the fund is spent
    And what it grants and keeps is no more than it holds

  @CPU
  Scenario: Homes buy batteries together, and what they bought makes a plant
    Given 60 homes buy the battery of 4.5 kW each, for £4,100 instead of £5,000
    And a virtual power plant of 60 homes whose battery gives 4.5 kW, in a portfolio of 10 MW
      | buyer | limit | rule                |
      | DSO   | 10 kW | smart/vpp/dso-entry |
    And the published limits
      | asset    | quantity         | limit      | rule                      |
      | purchase | as specified     | 95 %       | smart/cpu/as-specified    |
      | purchase | discount         | 10 to 25 % | smart/cpu/discount        |
      | plant    | entry to the DSO | 10 kW      | smart/vpp/dso-entry       |
      | plant    | delivered share  | 95 %       | smart/vpp/delivered-share |
    And the bench is watched for 3 minutes before and 2 minutes after
    When the plant offers the DSO 270 kW from 17:00 to 17:15 at 300 £/MWh
    Then what they bought does what was specified, 4.5 kW
    And each saves what such purchases save
    And it is large enough for the market of the DSO
    And it delivers what it sold
