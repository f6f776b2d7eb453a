"""Whens: what market actors ask of assets, and what people do to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pytest_bdd import parsers, when

from harness.steps.words import DAY_S, clock_s, move_of, power_w, role_of, span_s
from harness.trial.plan import Plan
from harness.trial.planned import Instruction, MarketAct, Operation, Watch


@when(
    parsers.parse(
        "the {actor:w} instructs the {asset} to turn {move:w} to {level} "
        "from {start} to {end}"
    )
)
def _(
    plan: Plan, actor: str, asset: str, move: str, level: str, start: str, end: str
) -> None:
    """An actor has one asset moved to a level between two clock times."""
    role = role_of(asset)
    plan.need(role)
    from_s, until_s = span_s(start, end)
    plan.instructions.append(
        Instruction(actor, role, move_of(move), power_w(level), from_s, until_s)
    )


@when(parsers.parse("nobody is asked for anything from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """The bench is watched as it is."""
    plan.watches.append(Watch(*span_s(start, end)))


def on_days(window: Instruction, days: Iterable[int]) -> list[Instruction]:
    """Return the same window so many days later, for each of the days."""
    return [
        replace(
            window,
            from_clock_s=window.from_clock_s + day * DAY_S,
            until_clock_s=window.until_clock_s + day * DAY_S,
        )
        for day in days
    ]


@when(parsers.parse('transformer "{name}" is taken out of service as planned at {at}'))
@when(parsers.parse('transformer "{name}" trips at {at}'))
def _(plan: Plan, name: str, at: str) -> None:
    """A transformer is lost, or taken out: its neighbour carries its homes then."""
    plan.acts.append(MarketAct("trip", "DNO network", clock_s(at), detail=name))


@when(parsers.parse("the DSO dispatches the agreed capacity from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """The DSO calls what it armed; the call is sent one minute ahead of delivery."""
    from_s, until_s = span_s(start, end)
    plan.acts.append(MarketAct("dispatch", "DSO", from_s - 60, from_s, until_s))


@when(parsers.parse("the ESO overrules the service at {at}"))
def _(plan: Plan, at: str) -> None:
    """The ESO stops the service; the home is released at once."""
    reason = "its use would cause the ESO issues"
    plan.acts.append(MarketAct("overrule", "ESO", clock_s(at), detail=reason))


@when(parsers.parse("the {asset} is unplugged at {at}"))
def _(plan: Plan, asset: str, at: str) -> None:
    """A person unplugs a device."""
    role = role_of(asset)
    plan.need(role)
    plan.operations.append(Operation(role, "unplug", clock_s(at)))
