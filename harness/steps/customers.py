"""Customers of each category: contracts, what reaches them, what they are paid."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import delivered_power, delivered_share, mean_power
from harness.analysis.estimate import Estimate
from harness.analysis.quality import share_of
from harness.analysis.series import between
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.market.customers import (
    NAMES,
    REACHED_BY,
    Category,
    Contract,
    Customer,
    Refusal,
)
from harness.reporting.record import note_table
from harness.settlement.money import amount_p, pounds, whole_wh
from harness.steps.event import BASELINE_WINDOW_S, instructed_event, unjudgeable
from harness.steps.prices import agreed
from harness.steps.trial import Trial
from harness.steps.words import (
    asset_name,
    clock_s,
    move_of,
    power_w,
    role_of,
    span_s,
)
from harness.trial.customer_desk import (
    CUSTOMER,
    ENDS,
    MOVES,
    NOT_REACHED,
    REACHED,
    REFUSED,
    SIGNS,
    STANDS,
)
from harness.trial.plan import Plan
from harness.trial.planned import CustomerAct, Instruction
from harness.trial.view import log_of

TREATED = "customers/treated-otherwise"


def _contract(text: str) -> Contract:
    try:
        return Contract(text.strip())
    except ValueError:
        known = ", ".join(Contract)
        raise FeatureError(f"“{text}”", "is no contract", known) from None


def _category(text: str) -> Category:
    if text not in tuple(Category):
        known = ", ".join(f"{one} ({NAMES[one]})" for one in Category)
        raise FeatureError(f"“category {text}”", "there is none", known)
    return Category(text)


@given(
    parsers.parse(
        "a customer of category {category:w} who holds {article:w} {contract}"
    )
)
def _(plan: Plan, category: str, article: str, contract: str) -> None:
    """Who the home belongs to, and the contract that it has."""
    customer = Customer(_category(category))
    held = frozenset({_contract(contract)})
    plan.customer = replace(customer, contracts=held)


@given(parsers.parse("the customer is vulnerable, and is left with at least {power}"))
def _(plan: Plan, power: str) -> None:
    """What no instruction may take away, in whatever category."""
    plan.customer = replace(_known(plan), protected_w=power_w(power))


@given(parsers.parse("the customer's contract pays {price}"))
def _(plan: Plan, price: str) -> None:
    """What a megawatt-hour moved is worth to the customer."""
    plan.customer_price = agreed(price)


def _known(plan: Plan) -> Customer:
    if plan.customer is None:
        hint = "a Given with the customer's category and what it holds"
        raise FeatureError("the customer", "there is none", hint)
    return plan.customer


@when(parsers.parse("the customer signs {article:w} {contract} at {at}"))
def _(plan: Plan, article: str, contract: str, at: str) -> None:
    """If its category can hold it."""
    _known(plan)
    plan.customer_acts.append(CustomerAct(SIGNS, _contract(contract), clock_s(at)))


@when(parsers.parse("the customer ends its {contract} at {at}"))
def _(plan: Plan, contract: str, at: str) -> None:
    """What it no longer wants, or can no longer hold where it goes."""
    _known(plan)
    plan.customer_acts.append(CustomerAct(ENDS, _contract(contract), clock_s(at)))


@when(parsers.parse("the customer moves to category {category:w} at {at}"))
def _(plan: Plan, category: str, at: str) -> None:
    """If it holds nothing that the category cannot hold."""
    _known(plan)
    plan.customer_acts.append(CustomerAct(MOVES, _category(category), clock_s(at)))


@when(
    parsers.parse(
        "the {actor:w} calls on the customer, whose {asset} is to turn {way:w} to "
        "{level} from {start} to {end}"
    )
)
def _(
    plan: Plan, actor: str, asset: str, way: str, level: str, start: str, end: str
) -> None:
    """An instruction, which reaches the device only if a contract lets it."""
    _known(plan)
    if actor not in REACHED_BY:
        known = ", ".join(REACHED_BY)
        raise FeatureError(f"“the {actor}”", "calls on no customer", known)
    role = role_of(asset)
    plan.need(role)
    plan.customer_calls.append(
        Instruction(actor, role, move_of(way), power_w(level), *span_s(start, end))
    )


@then(
    parsers.parse(
        "the customer is in category {category:w}, and holds {article:w} {contract}"
    )
)
def _(trial: Trial, category: str, article: str, contract: str) -> None:
    """Where its journey has led, by the log."""
    wanted, held = _category(category), _contract(contract)
    stands = log_of(trial.recording, CUSTOMER, STANDS)
    if not stands:
        _judge(trial, ["nothing is known of it"])
        return
    now = stands[-1].detail
    in_category, holds = str(now["category"]), [str(one) for one in now["holds"]]  # type: ignore[attr-defined]
    wrong = []
    if in_category != wanted:
        wrong.append(f"it is in category {in_category}")
    if held not in holds:
        wrong.append(f"it holds {', '.join(holds) or 'nothing'}")
    _judge(trial, wrong)


@then(parsers.parse("the customer is refused, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether it was refused a contract, or a category, for that reason alone."""
    _judge_reason(trial, REFUSED, why)


@then(parsers.parse("nothing reaches the customer, because {why}"))
def _(trial: Trial, why: str) -> None:
    """Whether a call was kept from it for that reason alone, and nothing was sent."""
    _judge_reason(trial, NOT_REACHED, why)


def _judge_reason(trial: Trial, what: str, why: str) -> None:
    if why not in tuple(Refusal):
        raise FeatureError(f"“{why}”", "is no reason", "; ".join(Refusal))
    found = {
        str(one.detail["reason"]) for one in log_of(trial.recording, CUSTOMER, what)
    }
    wrong = []
    if found != {why}:
        wrong.append(f"reasons given: {'; '.join(sorted(found)) or 'none'}")
    reached = log_of(trial.recording, CUSTOMER, REACHED)
    if what == NOT_REACHED and reached:
        wrong.append("it was instructed")
    _judge(trial, wrong)


@then("the call reaches the customer")
def _(trial: Trial) -> None:
    """Whether what was asked was let through to its device."""
    wrong = []
    for one in log_of(trial.recording, CUSTOMER, NOT_REACHED):
        wrong.append(str(one.detail["reason"]))
    if not log_of(trial.recording, CUSTOMER, REACHED):
        wrong.append("nothing reached it")
    _judge(trial, wrong)


def _judge(trial: Trial, wrong: list[str]) -> None:
    reason = "; ".join(wrong)
    measured = Estimate(float(len(wrong)), "steps", why=reason)
    trial.judge(
        CUSTOMER, measured, trial.named_rule(TREATED), witness=Witness.LOG,
        reason=reason,
    )  # fmt: skip


@then(parsers.parse("the customer's {asset} goes on as before from {start} to {end}"))
def _(trial: Trial, asset: str, start: str, end: str) -> None:
    """Mean power in the time that was asked for, against the two minutes before."""
    role = role_of(asset)
    rule, view = trial.rule(role, "undisturbed demand"), trial.view(role)
    if view is None:
        nothing = Estimate(math.nan, "%", why="no meter of its own saw it")
        trial.judge(role, nothing, rule, channels=(f"{role}.power_w",))
        return
    from_s, until_s = (trial.plan.bench_s(clock_s(at)) for at in (start, end))
    if why := trial.trouble(view, from_s):
        measured = Estimate(math.nan, "%", why=why)
    else:
        spans = ((from_s - BASELINE_WINDOW_S, from_s), (from_s, until_s))
        before, during = (
            mean_power(
                view.time_s, view.power_w, from_s=a, until_s=b, meter=view.quality
            )
            for a, b in spans
        )
        ratio = share_of(during, before)
        measured = replace(ratio, value=abs(ratio.value - 100))
    trial.judge(role, measured, rule, channels=(view.channel,))


@then(parsers.parse("the customer is paid for what its {asset} moved"))
def _(trial: Trial, asset: str) -> None:
    """Energy moved at the contract's price, of what all that was asked would earn."""
    role = role_of(asset)
    rule, event = trial.rule(role, "payment"), instructed_event(trial, role)
    if trial.plan.customer_price is None:
        hint = "a Given with what the customer's contract pays"
        raise FeatureError(f"“{trial.step_text}”", "there is no price", hint)
    if event is None:
        why = "nothing was asked of it, or no meter saw it"
        nothing, view = Estimate(math.nan, "%", why=why), trial.view(role)
        channel = f"{role}.power_w" if view is None else view.channel
        trial.judge(role, nothing, rule, channels=(channel,))
        return
    blocked = unjudgeable(event, "%")
    if blocked is not None:
        trial.judge(role, blocked, rule, channels=(event.view.channel,))
        return
    moved = delivered_power(
        event.view.time_s, event.view.power_w, from_s=event.sent_s,
        until_s=event.until_s, baseline=event.before, upwards=event.upwards,
        meter=event.view.quality,
    )  # fmt: skip
    measured = delivered_share(moved, event.asked_w)
    measured = replace(measured, value=min(max(measured.value, 0.0), 100.0))
    hours = (event.until_s - event.sent_s) / 3600
    asked_wh = event.asked_w * hours
    paid_wh = whole_wh(min(max(moved.value * hours, 0.0), asked_wh))
    paid_p = amount_p(paid_wh, trial.plan.customer_price)
    trial.judge(
        role, measured, rule, channels=(event.view.channel,),
        details={"paid_p": paid_p},
    )  # fmt: skip
    rows = [
        ("what", "energy", "paid"),
        (asset_name(role), f"{paid_wh / 1e3:.3f} kWh", pounds(paid_p)),
    ]
    note_table(trial.node, "What the customer is paid", rows)


@then(parsers.parse("the customer's {asset} is never left with less than is protected"))
def _(trial: Trial, asset: str) -> None:
    """The lowest reading of its meter, of what is protected."""
    role = role_of(asset)
    rule, view = trial.named_rule("customers/left-with"), trial.view(role)
    protected_w = _known(trial.plan).protected_w
    if protected_w is None:
        hint = "a Given with what the customer is left with"
        raise FeatureError(f"“{trial.step_text}”", "nothing is protected", hint)
    why = "no meter of its own saw it" if view is None else trial.trouble(view, 0.0)
    if view is None or why:
        channel = f"{role}.power_w" if view is None else view.channel
        nothing = Estimate(math.nan, "%", why=why)
        trial.judge(role, nothing, rule, channels=(channel,))
        return
    _, seen = between(view.time_s, view.power_w, 0.0, trial.plan.duration_s)
    lowest_w = float(np.nanmin(seen))
    measured = Estimate(100 * lowest_w / protected_w, "%")
    trial.judge(role, measured, rule, channels=(view.channel,))
