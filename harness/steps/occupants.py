"""The whole house by message: people are asked, the boundary meter decides.

Source: CrowdFlex WP5 technical specification, 4.1.2 "Whole house": the signal is a
text, an app or an e-mail; the response is verified with the boundary meter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.delivery import delivered_power, level, mean_power
from harness.analysis.estimate import Estimate
from harness.analysis.quality import difference, scaled, share_of
from harness.core.errors import FeatureError
from harness.steps.trial import Trial
from harness.steps.words import HOME, span_s
from harness.trial.plan import Plan
from harness.trial.planned import Instruction, Move
from harness.trial.view import Dispatched, MeterView, dispatched

OCCUPANTS = "occupants"
HOUR_S = 3600.0
_MOVES = {"less": Move.DOWN, "more": Move.UP}


@given("a home whose people can be reached by message")
def _(plan: Plan) -> None:
    """The bench holds people whom a text, an app or an e-mail reaches."""
    plan.need(OCCUPANTS)


@when(
    parsers.parse(
        "the {actor:w} asks the home by message to use {amount:w} from {start} to {end}"
    )
)
def _(plan: Plan, actor: str, amount: str, start: str, end: str) -> None:
    """People are asked to use less, or more, and told when it is over."""
    if amount not in _MOVES:
        raise FeatureError(f"“use {amount}”", "there is no such wish", "less, or more")
    plan.need(OCCUPANTS)
    from_s, until_s = span_s(start, end)
    # Nobody can ask people for a level: what they are asked for is a direction.
    plan.instructions.append(
        Instruction(actor, OCCUPANTS, _MOVES[amount], 0.0, from_s, until_s)
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the people were asked, and the boundary meter around it."""

    sent: Dispatched
    view: MeterView
    before: Estimate
    """Mean power at the boundary for as long as it was watched before. [W]"""

    @property
    def upwards(self) -> bool:
        return self.sent.move is Move.UP

    def moved(self) -> Estimate:
        """Return the mean change while they were asked, in the direction asked. [W]"""
        if math.isnan(self.before.value):
            return Estimate(math.nan, "W", why=self.before.why)
        return delivered_power(
            self.view.time_s,
            self.view.power_w,
            from_s=self.sent.sent_s,
            until_s=self.sent.until_s,
            baseline=self.before,
            upwards=self.upwards,
            meter=self.view.quality,
        )


def _asked(trial: Trial, quantity: str) -> _Asked | None:
    """Return what was asked, or judge that nothing was, or that no meter saw it."""
    view = trial.view(HOME)
    sent = [one for one in dispatched(trial.recording) if one.role == OCCUPANTS]
    if view is None or not sent:
        why = "no boundary meter saw it" if view is None else "nobody was asked"
        channel = f"{HOME}.power_w" if view is None else view.channel
        rule = trial.rule(HOME, quantity)
        nothing = Estimate(math.nan, rule.unit, why=why)
        trial.judge(HOME, nothing, rule, channels=(channel,))
        return None
    return _seen(trial, sent[0], view)


def _seen(trial: Trial, first: Dispatched, view: MeterView) -> _Asked:
    trouble = trial.trouble(view, first.sent_s)
    if trouble or first.sent_s <= 0:
        why = trouble or "the bench was not watched before the message"
        return _Asked(first, view, Estimate(math.nan, "W", why=why))
    before = level(
        view.time_s, view.power_w, from_s=0.0, until_s=first.sent_s, meter=view.quality
    )
    return _Asked(first, view, before)


def reduction(trial: Trial) -> Estimate | None:
    """Return the mean change at the boundary that people were asked for. [W]

    None if nobody was asked, or no boundary meter saw it.
    """
    view = trial.view(HOME)
    sent = [one for one in dispatched(trial.recording) if one.role == OCCUPANTS]
    return None if view is None or not sent else _seen(trial, sent[0], view).moved()


@then("the home moves its demand while it is asked")
def _(trial: Trial) -> None:
    """Mean change at the boundary from message to end, in the direction asked."""
    quantity = "reduction"
    asked = _asked(trial, quantity)
    if asked is None:
        return
    rule, moved = trial.rule(HOME, quantity), asked.moved()
    trial.judge(
        HOME,
        moved,
        rule,
        channels=(asked.view.channel,),
        reason=_word_against_meter(trial, asked, moved),
        details={
            "answer": asked.sent.answer,
            "before_w": asked.before.value,
            **_said(trial),
        },
    )
    sent = asked.sent
    trial.draw(
        HOME,
        asked.view,
        "Home: asked by message",
        marks=(("asked", sent.sent_s), ("over", sent.until_s)),
    )


def _word_against_meter(trial: Trial, asked: _Asked, moved: Estimate) -> str:
    """Say what the gateway and the people said, beside what the meter saw."""
    if math.isnan(moved.value):
        return ""
    taken = "accepted" if asked.sent.accepted else "refused"
    agreed = _said(trial).get("agreed_people")
    said = "" if agreed is None else f", {agreed:.0f} of the people agreed"
    return f"the message was {taken}{said}; the meter saw {moved.value:.0f} W"


def _said(trial: Trial) -> dict[str, float]:
    """Return the most people who had read, agreed and declined at any time."""
    found = {}
    for quantity in ("read_people", "agreed_people", "declined_people"):
        channel = trial.recording.channel(OCCUPANTS, quantity)
        if channel is not None and np.isfinite(channel.values).any():
            found[quantity] = float(np.nanmax(channel.values))
    return found


@then("the home makes up for no more than it gave")
def _(trial: Trial) -> None:
    """Net energy beyond the level before, after the end, against what was moved."""
    quantity = "net rebound"
    asked = _asked(trial, quantity)
    if asked is None:
        return
    rule, view, moved = trial.rule(HOME, quantity), asked.view, asked.moved()
    from_s, until_s = asked.sent.until_s, trial.plan.duration_s
    if math.isnan(moved.value):
        measured = replace(moved, unit="%")
    else:
        after = mean_power(
            view.time_s,
            view.power_w,
            from_s=from_s,
            until_s=until_s,
            meter=view.quality,
        )
        pair = (asked.before, after) if asked.upwards else (after, asked.before)
        back = scaled(difference(*pair), (until_s - from_s) / HOUR_S, "Wh")
        asked_h = (asked.sent.until_s - asked.sent.sent_s) / HOUR_S
        measured = share_of(back, scaled(moved, asked_h, "Wh"))
    trial.judge(HOME, measured, rule, channels=(view.channel,))
