"""A network that balances itself: its controller, what it loses, and what it saves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from pytest_bdd import given, parsers, then, when

from harness.analysis.balance import (
    Seen,
    balanced_again,
    import_avoided,
    self_balance,
)
from harness.analysis.delivery import mean_power
from harness.analysis.estimate import Contribution, Estimate
from harness.analysis.loading import peak_loading
from harness.analysis.quality import share_of
from harness.analysis.series import between
from harness.core.errors import FeatureError
from harness.market.balancing import Balancing, Kind, Mover
from harness.reporting.record import note_table
from harness.steps.trial import Trial
from harness.steps.words import (
    HOME,
    UNSAID,
    clock_s,
    power_w,
    role_of,
    span_s,
    table_rows,
)
from harness.trial.balancer import BACK, CONTROLLER, LOST, MAINS
from harness.trial.plan import Plan
from harness.trial.view import MeterView, log_of

NETWORK = "network"
NEAR = 0.05
"""What of its connection counts as nothing crossing the boundary."""
STANDS_S = 30.0
"""How long the boundary must be near zero to be balanced again. [s]"""
RESTS_W = 100.0
"""Below this a device that was let go is at rest. [W]"""
DEAD_V = 50.0
"""Below this no home has a supply. [V]"""
REACTS_S = 10.0
"""How long after the mains are lost a device's supply is looked at. [s]"""
COLUMNS = ("on the bench", "is", "moved from", "to")


@given(parsers.parse('the private wire "{name}" behind a connection of {rating}'))
def _(plan: Plan, name: str, rating: str, datatable: list[list[str]]) -> None:
    """Who is on it, what each is, and between which powers the controller moves it."""
    where = f"private wire {name!r}"
    kinds: dict[str, Kind] = {}
    movers = []
    for row in table_rows(datatable, COLUMNS, where):
        role = role_of(row["on the bench"])
        plan.need(role)
        if role in kinds:
            raise FeatureError(where, f"{role!r} is on it twice", "one row for each")
        kinds[role] = _kind(row["is"], where)
        least, most = row["moved from"].strip(), row["to"].strip()
        if (least == UNSAID) != (most == UNSAID):
            raise FeatureError(
                where, f"{role!r} is moved half", "two powers, or – twice"
            )
        if least != UNSAID:
            movers.append(_mover(role, least, most, where))
    try:
        plan.balancing = Balancing(name, power_w(rating), kinds, tuple(movers))
    except ValueError as error:
        raise FeatureError(where, str(error), "a rating, such as 6 kW") from error


def _kind(text: str, where: str) -> Kind:
    try:
        return Kind(text.strip())
    except ValueError as error:
        kinds = ", ".join(Kind)
        raise FeatureError(where, f"{text!r} is no kind of member", kinds) from error


def _mover(role: str, least: str, most: str, where: str) -> Mover:
    try:
        return Mover(role, power_w(least), power_w(most))
    except ValueError as error:
        raise FeatureError(where, str(error), "from −4 kW to 4 kW") from error


def network_of(plan: Plan, text: str) -> Balancing:
    """Return the self-balancing network of a plan.

    Raises
    ------
    FeatureError
        If there is none.
    """
    if plan.balancing is None:
        hint = 'Given the private wire "…" behind a connection of …'
        raise FeatureError(f"“{text}”", "there is no network to balance", hint)
    return plan.balancing


@when(parsers.parse("the controller balances the network from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """It moves what it may so that nothing crosses the boundary."""
    asked = network_of(plan, "the controller balances the network")
    if not asked.movers:
        fact = "the controller may move nothing"
        raise FeatureError(f"private wire {asked.name!r}", fact, "from −4 kW to 4 kW")
    from_s, until_s = span_s(start, end)
    plan.balancing = replace(asked, from_clock_s=from_s, until_clock_s=until_s)


@when(parsers.parse("the controller is lost at {at}"))
def _(plan: Plan, at: str) -> None:
    """From then on nobody tells any device anything, not even that it is over."""
    asked = network_of(plan, "the controller is lost")
    lost_s = clock_s(at)
    if asked.from_clock_s is None or not asked.from_clock_s < lost_s:
        fact = "it is lost before it balances anything"
        raise FeatureError(f"“at {at}”", fact, "a When with the controller, before it")
    plan.balancing = replace(asked, controller_lost_clock_s=lost_s)


@when(parsers.parse("the grid connection is lost from {start} to {end}"))
def _(plan: Plan, start: str, end: str) -> None:
    """The network is an island, if it has what holds one up; else it is dark."""
    asked = network_of(plan, "the grid connection is lost")
    plan.balancing = replace(asked, mains_lost_clock_s=span_s(start, end))


@then(parsers.parse("the network balances itself from {start} to {end}"))
def _(trial: Trial, start: str, end: str) -> None:
    """Share of what was drawn and made that never crossed the boundary."""
    rule, window = (
        trial.rule(NETWORK, "degree of self-balance"),
        _window(trial, start, end),
    )
    seen, why = _all_seen(trial, window, Kind.GENERATION, Kind.STORE)
    measured = Estimate(math.nan, "%", why=why)
    if not why:
        asked = network_of(trial.plan, trial.step_text)
        measured = self_balance(
            seen[HOME], [seen[role] for role in asked.of_kind(Kind.GENERATION)],
            [seen[role] for role in asked.of_kind(Kind.STORE)],
            from_s=window[0], until_s=window[1],
        )  # fmt: skip
    looked_at = trial.channels(*(seen or (HOME,)))
    trial.judge(NETWORK, measured, rule, channels=looked_at)
    view = trial.view(HOME)
    if view is not None:
        trial.draw(NETWORK, view, "What crosses the boundary", span_s=window)


@then(parsers.parse("it stays inside its connection from {start} to {end}"))
def _(trial: Trial, start: str, end: str) -> None:
    """The highest power through the boundary, in or out, against its rating."""
    rule, window = (
        trial.rule(NETWORK, "use of the connection"),
        _window(trial, start, end),
    )
    view, why = trial.seen(HOME, window[0])
    measured = Estimate(math.nan, "%", why=why)
    if view is not None and not why:
        measured = peak_loading(
            view.time_s, np.abs(view.power_w), np.zeros_like(view.power_w), homes=1,
            rating_w=network_of(trial.plan, trial.step_text).connection_w,
            from_s=window[0], until_s=window[1], meter=view.quality,
        )  # fmt: skip
    trial.judge(NETWORK, measured, rule, channels=trial.channels(HOME))


@then(parsers.parse("it is balanced again in time after {at}"))
def _(trial: Trial, at: str) -> None:
    """Until the boundary is near zero and stays so, within what the connection is."""
    rule, from_s = (
        trial.rule(NETWORK, "balanced again"),
        trial.plan.bench_s(clock_s(at)),
    )
    view, why = trial.seen(HOME, from_s)
    measured = Estimate(math.nan, "s", why=why)
    asked = network_of(trial.plan, trial.step_text)
    if view is not None and not why:
        near_w = NEAR * asked.connection_w
        measured = _disturbed(view, from_s, near_w) or balanced_again(
            _seen_by(view), after_s=from_s, until_s=_ends_s(trial),
            within_w=near_w, stands_s=STANDS_S,
        )  # fmt: skip
    trial.judge(NETWORK, measured, rule, channels=trial.channels(HOME))


def _disturbed(view: MeterView, from_s: float, near_w: float) -> Estimate | None:
    """Say that nothing had to be balanced again, if it never went out of balance."""
    _t, soon = between(view.time_s, view.power_w, from_s, from_s + STANDS_S)
    seen = soon[np.isfinite(soon)]
    if seen.size and np.abs(seen).max() > near_w:
        return None
    why = "it never went out of balance: there was nothing to make up for"
    return Estimate(math.nan, "s", why=why)


@then(parsers.parse("without the controller the {asset} lets go in time"))
def _(trial: Trial, asset: str) -> None:
    """From the loss of the controller until its own meter shows it at rest."""
    role, rule = role_of(asset), trial.rule(NETWORK, "lets go")
    lost = log_of(trial.recording, CONTROLLER, LOST)
    at_s = lost[0].time_s if lost else 0.0
    view, why = trial.seen(role, at_s)
    if not lost:
        why = "the controller was never lost"
    measured = Estimate(math.nan, "s", why=why)
    if view is not None and not why:
        measured = _lets_go(view, at_s, trial.plan.duration_s)
    trial.judge(NETWORK, measured, rule, channels=trial.channels(role))


def _lets_go(view: MeterView, at_s: float, until_s: float) -> Estimate:
    _t, before = between(view.time_s, view.power_w, at_s - STANDS_S, at_s)
    held = before[np.isfinite(before)]
    if not held.size or np.abs(held).max() <= RESTS_W:
        return Estimate(
            math.nan, "s", why="it was at rest when the controller was lost"
        )
    return balanced_again(
        _seen_by(view), after_s=at_s, until_s=until_s, within_w=RESTS_W,
        stands_s=STANDS_S,
    )  # fmt: skip


@then(parsers.parse("the {asset} keeps its supply without the grid"))
def _(trial: Trial, asset: str) -> None:
    """The least that its meter showed while the mains were lost, of what it drew."""
    role, rule = role_of(asset), trial.rule(NETWORK, "supply kept")
    view, window = trial.view(role), _lost_s(trial)
    why = "no meter of its own saw it" if view is None else ""
    why = why or ("" if window else "the grid connection was never lost")
    measured = Estimate(math.nan, "%", why=why)
    if view is not None and window:
        # Without voltage there is no supply; the meter's other values say nothing then.
        dark = _dark(trial, view, window)
        why = "" if dark else trial.trouble(view, window[0] - 60.0)
        measured = dark or Estimate(math.nan, "%", why=why)
        if not why and dark is None:
            measured = _kept(view, window)
    trial.judge(NETWORK, measured, rule, channels=trial.channels(role))
    if view is not None and window:
        around = (window[0] - 60.0, window[1] + 60.0)
        trial.draw(role, view, "What it draws without the grid", span_s=around)


def _dark(
    trial: Trial, view: MeterView, window: tuple[float, float]
) -> Estimate | None:
    """Say that there was no supply at all, if the meter saw no voltage to speak of."""
    channel = trial.recording.channel(view.meter, "voltage_v")
    if channel is None:
        return None
    _t, volts = between(channel.time_s, channel.values, window[0] + REACTS_S, window[1])
    seen = volts[np.isfinite(volts)]
    if not seen.size or float(np.median(seen)) > DEAD_V:
        return None
    return Estimate(0.0, "%", why=f"{view.meter} saw no voltage without the grid")


def _kept(view: MeterView, window: tuple[float, float]) -> Estimate:
    """Lowest reading while the mains are lost, of the mean just before. [%]"""
    before = mean_power(
        view.time_s, view.power_w, from_s=window[0] - 60.0, until_s=window[0],
        meter=view.quality,
    )  # fmt: skip
    _t, during = between(view.time_s, view.power_w, window[0] + REACTS_S, window[1])
    if not during.size or not np.isfinite(during).all():
        return Estimate(math.nan, "%", why="its meter has gaps while they are lost")
    if before.value < RESTS_W:
        return Estimate(math.nan, "%", why="it drew nothing before they were lost")
    least = Estimate(
        float(during.min()), "W",
        (Contribution("meter", view.quality.absolute_u_w, "B", view.quality.source),),
    )  # fmt: skip
    return share_of(least, before)


@then("nothing crosses the boundary without the grid")
def _(trial: Trial) -> None:
    """The highest power through the boundary while it is open."""
    rule, window = trial.rule(NETWORK, "crosses an open connection"), _lost_s(trial)
    view, why = trial.seen(HOME, window[0] if window else 0.0)
    why = why or ("" if window else "the grid connection was never lost")
    measured = Estimate(math.nan, "W", why=why)
    if view is not None and window and not why:
        _t, during = between(view.time_s, view.power_w, window[0] + REACTS_S, window[1])
        measured = Estimate(
            float(np.abs(during).max()) if during.size else math.nan, "W",
            (Contribution("meter", view.quality.absolute_u_w, "B",
                          view.quality.source),),
            why="" if during.size else "the boundary's meter saw nothing then",
        )  # fmt: skip
    trial.judge(NETWORK, measured, rule, channels=trial.channels(HOME))


@then(
    parsers.parse(
        "its stores spare it the dear hours from {start} to {end}, "
        "at {duos} and {tnuos}"
    )
)
def _(trial: Trial, start: str, end: str, duos: str, tnuos: str) -> None:
    """Share of the import that stores took away; what it would come to is shown."""
    rule, window = trial.rule(NETWORK, "import avoided"), _window(trial, start, end)
    pence, pounds = (
        _number(text, unit) for text, unit in ((duos, "p/kWh"), (tnuos, "£/kW"))
    )
    seen, why = _all_seen(trial, window, Kind.STORE)
    measured = Estimate(math.nan, "%", why=why)
    if not why:
        asked = network_of(trial.plan, trial.step_text)
        stores = [seen[role] for role in asked.of_kind(Kind.STORE)]
        measured, before_w, after_w = import_avoided(
            seen[HOME], stores, from_s=window[0], until_s=window[1]
        )
        _show_worth(trial, window, (before_w, after_w), (pence, pounds))
    trial.judge(NETWORK, measured, rule, channels=trial.channels(*(seen or (HOME,))))


def _show_worth(
    trial: Trial, window: tuple[float, float], power_w: tuple[float, float],
    prices: tuple[float, float],
) -> None:  # fmt: skip
    """Put what such an evening would be worth into the report."""
    spared_kw = (power_w[0] - power_w[1]) / 1000
    kwh = spared_kw * (window[1] - window[0]) / 3600
    note_table(
        trial.node, "What the network was spared",
        [["what", "value"],
         ["mean import without the stores", f"{power_w[0] / 1000:.2f} kW"],
         ["with them", f"{power_w[1] / 1000:.2f} kW"],
         ["distribution, this evening", f"£{kwh * prices[0] / 100:.2f}"],
         ["transmission, a year, were it the peak", f"£{spared_kw * prices[1]:.2f}"]],
    )  # fmt: skip


def _number(text: str, unit: str) -> float:
    number, _, given_unit = text.partition(" ")
    try:
        value = float(number)
    except ValueError as error:
        raise FeatureError(f"“{text}”", "is no price", f"10 {unit}") from error
    if given_unit != unit or value < 0:
        raise FeatureError(f"“{text}”", f"is no price in {unit}", f"10 {unit}")
    return value


def _window(trial: Trial, start: str, end: str) -> tuple[float, float]:
    from_s, until_s = span_s(start, end)
    return trial.plan.bench_s(from_s), trial.plan.bench_s(until_s)


def _lost_s(trial: Trial) -> tuple[float, float] | None:
    """When the mains were lost and back, by the log."""
    lost, back = (log_of(trial.recording, MAINS, what) for what in (LOST, BACK))
    return (lost[0].time_s, back[0].time_s) if lost and back else None


def _ends_s(trial: Trial) -> float:
    ends = network_of(trial.plan, trial.step_text).until_clock_s
    return trial.plan.duration_s if ends is None else trial.plan.bench_s(ends)


def _seen_by(view: MeterView) -> Seen:
    return Seen(view.time_s, view.power_w, view.quality)


def _all_seen(
    trial: Trial, window: tuple[float, float], *kinds: Kind
) -> tuple[dict[str, Seen], str]:
    """Return the boundary's meter and those of members of some kinds, or why not."""
    asked, seen = network_of(trial.plan, trial.step_text), {}
    for role in (HOME, *(role for kind in kinds for role in asked.of_kind(kind))):
        view, why = trial.watched(role, *window)
        if view is None or why:
            return {}, why
        seen[role] = _seen_by(view)
    return seen, ""
