"""Which services a device may serve: what is said of its kind, once it is proved."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pytest_bdd import given, parsers, then

from harness.analysis.estimate import Estimate
from harness.core.errors import FeatureError
from harness.market.eligibility import Dispatch, Technology, open_to, tables
from harness.reporting.record import note_table
from harness.steps.answers import SHARE, answers
from harness.steps.occupants import OCCUPANTS, reduction
from harness.steps.trial import Trial
from harness.steps.words import HOME, asset_name, role_of, table_rows
from harness.trial.plan import Plan

FAMILIES = {
    "ev_chargepoint": Technology.EV,
    "ev_direct": Technology.EV,
    "heat_pump": Technology.HEAT,
    "storage_heater": Technology.HEAT,
    "smart_plug": Technology.WHITE_GOODS,
}
"""What a driver's family drives."""
MAY = {"yes": True, "no": False}


@given(parsers.parse("the {asset} is said to be {technology}, dispatched {how}"))
def _(plan: Plan, asset: str, technology: str, how: str) -> None:
    """What its maker, or its owner, says of it; the trial proves it or does not."""
    role = role_of(asset)
    plan.need(OCCUPANTS if role == HOME else role)
    _of(Technology, technology), _of(Dispatch, how)
    plan.claims[role] = f"{technology}, {how}"


def _of(kind: type[Technology | Dispatch], text: str) -> Technology | Dispatch:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(kind)
        raise FeatureError(f"“{text}”", "is not known", f"one of: {known}") from None


def _claim(trial: Trial, role: str) -> tuple[Technology, Dispatch]:
    if role not in trial.plan.claims:
        fact = f"nobody said what the {asset_name(role)} is"
        hint = "a Given that says what it is, and how it is dispatched"
        raise FeatureError(f"“{trial.step_text}”", fact, hint)
    technology, _, how = trial.plan.claims[role].partition(", ")
    return Technology(technology), Dispatch(how)


def _proof(trial: Trial, role: str, unit: str) -> Estimate:
    """Share of what was asked that the meter saw, the way it is said to be dispatched.

    In percent; of people asked by message the reduction itself, in watts.
    """
    technology, how = _claim(trial, role)
    if how is Dispatch.MESSAGE:
        found = reduction(trial)
        why = "nobody was asked by message, or no meter saw it"
        return Estimate(math.nan, unit, why=why) if found is None else found
    driven = _technology(trial, role)
    if driven is not technology:
        why = f"its driver is of {driven or 'another kind'}, not of {technology}"
        return Estimate(math.nan, unit, why=why)
    given_ = answers(trial, role)
    if not given_:
        why = "it was told nothing over its wire, or no meter of its own saw it"
        return Estimate(math.nan, unit, why=why)
    return min(
        (one.measured[SHARE] for one in given_),
        key=lambda one: -math.inf if math.isnan(one.value) else one.value,
    )


def _technology(trial: Trial, role: str) -> Technology | None:
    """What kind of device a role is, by the family of its driver."""
    drivers = trial.recording.facts.get("drivers")
    known = drivers.get(role, {}) if isinstance(drivers, Mapping) else {}
    return FAMILIES.get(str(known.get("driver", "")).partition("/")[0])


@then(parsers.parse("the {asset} is dispatched as it is said to be"))
def _(trial: Trial, asset: str) -> None:
    """By the meter: what was asked for that way, and moved."""
    role = role_of(asset)
    rule = trial.rule(role, "dispatch proved")
    measured, view = _proof(trial, role, rule.unit), trial.view(role)
    channel = f"{role}.power_w" if view is None else view.channel
    trial.judge(role, measured, rule, channels=(channel,))


@then(parsers.parse("the {asset} may take part in"))
def _(trial: Trial, asset: str, datatable: list[list[str]]) -> None:
    """Services that are open to it otherwise than the table says; unproved, none is."""
    role, rows = role_of(asset), table_rows(datatable, ("service", "may"), "services")
    wanted = {row["service"].strip(): row["may"].strip() for row in rows}
    unknown = [name for name in wanted if name not in tables().timings]
    unsaid = [name for name in tables().timings if name not in wanted]
    if unknown or unsaid or set(wanted.values()) - MAY.keys():
        hint = f"yes or no for each of: {', '.join(tables().timings)}"
        raise FeatureError("the services", "are not all answered", hint)
    technology, how = _claim(trial, role)
    rule = trial.rule(role, "dispatch proved")
    proof = _proof(trial, role, rule.unit)
    proved = math.isfinite(proof.value) and proof.value >= (rule.at_least or 0.0)
    opened = open_to(technology, how) if proved else frozenset()
    otherwise = [name for name, may in wanted.items() if (name in opened) != MAY[may]]
    why = f"otherwise: {', '.join(otherwise)}" if otherwise else ""
    if otherwise and not proved:
        why = f"{why}; it is not proved to be dispatched {how}"
        why = f"{why}: {proof.why}" if proof.why else why
    view = trial.view(role)
    channel = f"{role}.power_w" if view is None else view.channel
    trial.judge(
        role, Estimate(float(len(otherwise)), "services", why=why),
        trial.named_rule("crowdflex/table2/services-otherwise"),
        channels=(channel,), reason=why,
    )  # fmt: skip
    table = [("service", "asked for", "open to it")]
    table += [
        (name, tables().timings[name], "yes" if name in opened else "no")
        for name in tables().timings
    ]
    title = f"{asset_name(role)}: {technology}, dispatched {how}"
    note_table(trial.node, title, table)
