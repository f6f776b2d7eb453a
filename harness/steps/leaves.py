"""Where a settlement leaves every market actor: Thens that all settlements share."""

from __future__ import annotations

import math

from pytest_bdd import then

from harness.analysis.estimate import Estimate
from harness.checks.judge import Witness
from harness.core.errors import FeatureError
from harness.core.parties import ACTORS
from harness.steps.capacity import settled_sites
from harness.steps.money import settled_event
from harness.steps.settled import GAINS, NOTHING_HAPPENS, PAYS, Settled
from harness.steps.stack_money import settled_stack
from harness.steps.trading import settled_orders
from harness.steps.trial import Trial
from harness.steps.words import HOME, table_rows
from harness.trial.plan import Plan


def settled(trial: Trial) -> Settled | None:
    """Settle what the plan is about; None if no independent meter saw it."""
    if trial.plan.promises:
        return settled_stack(trial)
    if trial.plan.orders:
        return settled_orders(trial)
    return settled_sites(trial) if trial.plan.areas else settled_event(trial)


def _subject(plan: Plan) -> str:
    return "sites" if plan.areas else HOME


@then("no one pays anyone")
def _(trial: Trial) -> None:
    """All that anybody owes anybody, which is nothing."""
    found = settled(trial)
    rule = trial.named_rule("transition/uc1/money-when-refused")
    why = "no independent meter" if found is None else found.trouble
    due = Estimate(float(found.turnover_p) if found else 0.0, "p")
    measured = Estimate(math.nan, "p", why=why) if why else due
    trial.judge(_subject(trial.plan), measured, rule, witness=Witness.LOG)
    if found:
        found.show()


@then("the settlement leaves")
def _(trial: Trial, datatable: list[list[str]]) -> None:
    """Who of the 14 actors gains, who pays, and that nothing happens to the rest."""
    areas = () if trial.plan.promises else trial.plan.areas
    sites = [site.name for area in areas for site in area.sites]
    wanted = wanted_positions(datatable, sites)
    rule = trial.named_rule("transition/uc1/positions-otherwise")
    subject, found = _subject(trial.plan), settled(trial)
    if found is None:
        nothing = Estimate(math.nan, "actors", why="no independent meter saw it")
        trial.judge(subject, nothing, rule, channels=(f"{subject}.power_w",))
        return
    stands = {party: found.stand_of(party) for party in wanted}
    wrong = [
        f"the {party} {_said(stands[party])} where it should be: {wanted[party]}"
        for party in wanted
        if stands[party] != wanted[party]
    ]
    count = Estimate(float(len(wrong)), "actors", why="; ".join(wrong))
    why = found.trouble or "; ".join(found.refused)
    measured = Estimate(math.nan, "actors", why=why) if why else count
    trial.judge(
        subject, measured, rule, channels=found.channels, reason="; ".join(wrong)
    )
    if not why:
        found.show()


def _said(stand: str) -> str:
    return "is left with nothing" if stand == NOTHING_HAPPENS else stand


def wanted_positions(datatable: list[list[str]], sites: list[str]) -> dict[str, str]:
    names = [*map(str, ACTORS), *sites]
    wanted = dict.fromkeys(names, NOTHING_HAPPENS)
    known = {name.lower(): name for name in names}
    for row in table_rows(datatable, ("actor", "position"), "the settlement"):
        actor, stand = row["actor"].strip().lower(), row["position"].strip()
        if stand not in (GAINS, PAYS, NOTHING_HAPPENS):
            raise FeatureError(f"“{stand}”", "is no position", "gains, pays, nothing")
        if actor == "everyone else":
            if stand != NOTHING_HAPPENS:
                fact = "everyone else cannot gain or pay"
                raise FeatureError("the settlement", fact, "nothing")
        elif actor not in known:
            fact = "is no market actor"
            raise FeatureError(f"“{row['actor']}”", fact, ", ".join(names))
        else:
            wanted[known[actor]] = stand
    return wanted
