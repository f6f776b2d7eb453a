"""A charging station's limits in amperes, as its control pilot offers them.

What is instructed goes over the same wire as any other limit, in the unit and for
the phases that the rig's driver is set to; the meter judges what comes of it, in watts.
"""

from __future__ import annotations

from pytest_bdd import parsers, then, when

from harness.analysis.hold import share_in_band
from harness.analysis.series import band_around
from harness.core.circuit import NOMINAL_V
from harness.core.errors import FeatureError
from harness.steps.delivery import event_or_verdict
from harness.steps.event import reasons, unjudgeable
from harness.steps.trial import Trial
from harness.steps.words import clock_s, role_of, span_s
from harness.trial.planned import Instruction, Move


@when(
    parsers.parse(
        "the {actor:w} limits the {asset} to {current} A in each phase "
        "from {start} to {end}"
    )
)
def _(trial: Trial, actor: str, asset: str, current: str, start: str, end: str) -> None:
    """A charging station may offer so many amperes between two clock times."""
    role = role_of(asset)
    trial.plan.need(role)
    from_s, until_s = span_s(start, end)
    level_w = _watts(trial, role, current)
    trial.plan.instructions.append(
        Instruction(actor, role, Move.DOWN, level_w, from_s, until_s)
    )


@then(parsers.parse("the {asset} draws {current} A in each phase until {end}"))
def _(trial: Trial, asset: str, current: str, end: str) -> None:
    """Share of the event in which power was what these amperes are, from both sides."""
    role = role_of(asset)
    event = event_or_verdict(trial, role, "delivered share")
    if event is None:
        return
    expected_w = _watts(trial, role, current)
    allowed_s = trial.rule(role, "turn-down response time").at_most or 0.0
    measured = unjudgeable(event, "%") or share_in_band(
        event.view.time_s,
        event.view.power_w,
        from_s=event.sent_s + allowed_s,
        until_s=trial.plan.bench_s(clock_s(end)),
        band=band_around(expected_w, event.tolerance_w),
        meter=event.view.quality,
    )
    trial.judge(
        role,
        measured,
        trial.rule(role, "delivered share"),
        channels=(event.view.channel,),
        reason=reasons(trial, event),
        details={"expected_w": expected_w, "tolerance_w": event.tolerance_w},
    )


def _watts(trial: Trial, role: str, current: str) -> float:
    """Watts at nominal voltage on the phases that the rig says the vehicle uses."""
    try:
        amperes = float(current)
    except ValueError as error:
        raise FeatureError(f"“{current} A”", "is no current", "6 A or 5.9 A") from error
    return amperes * NOMINAL_V * _phases(trial, role)


def _phases(trial: Trial, role: str) -> int:
    # While a feature file is only being read there is no session, and no rig.
    assignment = getattr(trial.session, "assignment", None)
    entry = None if assignment is None else assignment.rig.device.get(role)
    return 1 if entry is None else int(entry.options.get("phases", 1))
