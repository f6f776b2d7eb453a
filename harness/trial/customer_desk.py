"""A customer on the bench: what it signs, what reaches it, where it moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness.core.clock import BenchClock
from harness.core.recording import LogEntry
from harness.market.actors import Actor
from harness.market.customers import Category, Contract, Customer, RefusedError
from harness.trial.aggregator import Aggregator
from harness.trial.plan import Plan
from harness.trial.planned import CustomerAct, Instruction

Log = Callable[..., LogEntry]
CUSTOMER = "customer"
REACHED, NOT_REACHED = "is instructed", "is not instructed"
SIGNS, ENDS, MOVES, REFUSED = "signs", "ends", "moves to", "is refused"
STANDS = "stands"


@dataclass(slots=True)
class CustomerDesk:
    """Keeps what a plan's customer holds, and lets through what may reach it."""

    plan: Plan
    aggregator: Aggregator
    clock: BenchClock
    log: Log
    customer: Customer | None = field(init=False)

    def __post_init__(self) -> None:
        self.customer = self.plan.customer

    def stand(self) -> None:
        """Note where the customer is, and what it holds: first, and after each act."""
        if self.customer is not None:
            self.log(
                CUSTOMER, STANDS, category=str(self.customer.category),
                holds=sorted(self.customer.contracts),
            )  # fmt: skip

    async def act(self, act: CustomerAct) -> None:
        """Have the customer sign, end or move, if its category lets it."""
        if self.customer is None:
            return
        try:
            if act.kind == SIGNS:
                self.customer = self.customer.signs(Contract(act.what))
            elif act.kind == ENDS:
                self.customer = self.customer.ends(Contract(act.what))
            else:
                self.customer = self.customer.moves_to(Category(act.what))
        except RefusedError as error:
            self.log(CUSTOMER, REFUSED, what=act.what, reason=str(error.reason))
            return
        self.log(CUSTOMER, act.kind, what=act.what)
        self.stand()

    async def instruct(self, instruction: Instruction) -> None:
        """Carry out what an actor asks, if it may reach the customer."""
        if self.customer is None:
            return
        try:
            self.customer.require_reached(instruction.actor, instruction.level_w)
        except RefusedError as error:
            self.log(
                CUSTOMER, NOT_REACHED, actor=instruction.actor,
                reason=str(error.reason),
            )  # fmt: skip
            return
        self.log(CUSTOMER, REACHED, actor=instruction.actor)
        await self.aggregator.carry_out(_on_behalf_of_customer(instruction))


def _on_behalf_of_customer(instruction: Instruction) -> Instruction:
    """Tell who wants it from who carries it out, where both are the aggregator."""
    if instruction.actor != Actor.AGGREGATOR:
        return instruction
    return replace(instruction, actor="the customer's aggregator")
