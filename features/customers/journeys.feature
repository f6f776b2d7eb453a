@rig:home_half_hours
Feature: Customers of each category, and their journeys
  Some sell services to system operators, some take part in the market, some own a car or a heat pump and
  let it be, some have a plain tariff. Each can hold its own contracts; through them, and through nothing
  else, somebody's call reaches its devices. Whoever is vulnerable is protected in every category.

  Background:
    Given a home whose car is charging and whose heat pump is heating
    And the published limits
      | asset | quantity | limit | rule                 |
      | EV    | payment  | 95 %  | customers/paid-share |
    And the bench's own expectations
      | asset     | quantity           | limit | rule                  |
      | EV        | undisturbed demand | 10 %  | agreement/undisturbed |
      | heat pump | undisturbed demand | 10 %  | agreement/undisturbed |
    And the customer's contract pays 300 £/MWh
    And the bench is watched for 5 minutes before and 5 minutes after

  @CAT-A
  Scenario: A system service provider signs with the DSO, is called and is paid
    Given a customer of category A who holds a power purchase agreement
    When the customer signs a service agreement at 16:55
    And the DSO calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then the customer is in category A, and holds a service agreement
    And the call reaches the customer
    And the customer is paid for what its EV moved

  @CAT-A
  Scenario: Before it has signed a service agreement the DSO's call does not reach it
    Given a customer of category A who holds a power purchase agreement
    When the DSO calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then nothing reaches the customer, because it holds no contract by which that reaches it
    And the customer's EV goes on as before from 17:00 to 17:15

  @CAT-B
  Scenario: An active participant is called by its aggregator and is paid
    Given a customer of category B who holds a time-of-use tariff
    When the customer signs an aggregator contract at 16:55
    And the aggregator calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then the call reaches the customer
    And the customer is paid for what its EV moved

  @CAT-B
  Scenario: An active participant has no contract for services, and no operator reaches it
    Given a customer of category B who holds an aggregator contract
    When the customer signs a service agreement at 16:55
    And the ESO calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then the customer is refused, because its category cannot hold that contract
    And nothing reaches the customer, because it holds no contract by which that reaches it
    And the customer's EV goes on as before from 17:00 to 17:15

  @CAT-C
  Scenario: A passive participant has its tariff, and nobody calls on its devices
    Given a customer of category C who holds a time-of-use tariff
    When the customer signs an aggregator contract at 16:55
    And the aggregator calls on the customer, whose heat pump is to turn down to 0.6 kW from 17:00 to 17:15
    Then the customer is refused, because its category cannot hold that contract
    And nothing reaches the customer, because it holds no contract by which that reaches it
    And the customer's heat pump goes on as before from 17:00 to 17:15

  @CAT-D
  Scenario: A passive consumer has a plain tariff, and nothing ever happens to it
    Given a customer of category D who holds a standard tariff
    When the customer signs a time-of-use tariff at 16:55
    And the DSO calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then the customer is refused, because its category cannot hold that contract
    And the customer is in category D, and holds a standard tariff
    And nothing reaches the customer, because it holds no contract by which that reaches it
    And the customer's EV goes on as before from 17:00 to 17:15

  @CAT-X
  Scenario: A passive participant becomes active, signs with an aggregator, and is called
    Given a customer of category C who holds a time-of-use tariff
    When the customer moves to category B at 16:50
    And the customer signs an aggregator contract at 16:55
    And the aggregator calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then the customer is in category B, and holds an aggregator contract
    And the call reaches the customer
    And the customer is paid for what its EV moved

  @CAT-X
  Scenario: An active participant becomes a passive consumer only once its contracts have ended
    Given a customer of category B who holds an aggregator contract
    When the customer moves to category D at 16:50
    And the aggregator calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then the customer is refused, because it still holds a contract that the category cannot hold
    And the customer is in category B, and holds an aggregator contract
    And the call reaches the customer

  @CAT-X
  Scenario: Its contract has ended, it moves, and nobody calls on it any more
    Given a customer of category B who holds an aggregator contract
    When the customer ends its aggregator contract at 16:45
    And the customer moves to category D at 16:50
    And the customer signs a standard tariff at 16:52
    And the aggregator calls on the customer, whose EV is to turn down to 1.4 kW from 17:00 to 17:15
    Then the customer is in category D, and holds a standard tariff
    And nothing reaches the customer, because it holds no contract by which that reaches it
    And the customer's EV goes on as before from 17:00 to 17:15

  @CAT-A @CAT-B
  Scenario Outline: Who is vulnerable is protected in category <category>, whoever calls
    Given a customer of category <category> who holds the <contract>
    And the customer is vulnerable, and is left with at least 1.2 kW
    When the <actor> calls on the customer, whose heat pump is to turn down to 0.6 kW from 17:00 to 17:15
    Then nothing reaches the customer, because it is vulnerable and would be left with less than is protected
    And the customer's heat pump is never left with less than is protected

    Examples:
      | category | contract            | actor      |
      | A        | service agreement   | DSO        |
      | B        | aggregator contract | aggregator |
