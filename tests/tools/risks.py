"""Are the risks that a verdict states the risks that it takes?

``python -m tests.tools.risks`` simulates, around each of a few published limits, 10,000
devices that conform and as many that do not, measures each as the bench would (its
register or its power, a reference with an error of its own, steps, refresh, sampling),
judges it, and writes ``docs/risks.md`` with ``docs/figures/risks.svg``: false
acceptance and false rejection as they came out, beside what the verdicts said.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from harness.analysis.estimate import Estimate
from harness.analysis.quality import MeterQuality
from harness.analysis.registers import RegisterQuality, dwell_needed, register_error
from harness.analysis.response import response_time
from harness.analysis.series import band_around
from harness.checks.decide import decide, decision_rule_of
from harness.reporting.figures import STYLE
from harness.rulebook.loader import load_rulebook
from harness.rulebook.rule import Rule

ROOT = Path(__file__).resolve().parents[2]
PAGE, FIGURE = ROOT / "docs/risks.md", ROOT / "docs/figures/risks.svg"
ON = date(2026, 11, 1)
DEVICES = 10_000
DRAWS = 2_000
REACH = 3.0
"""Devices lie up to so many U beyond the limit, either way."""
RULES = ("simple", "guard-band", "guard-band:0.83", "non-binary")
GOOD = ("pass", "conditional pass")


@dataclass(frozen=True)
class Limit:
    """One published limit, and how a device near it is measured."""

    rule_id: str
    reference_u: float
    """Standard uncertainty of the reference's gain, or 0 for a limit on time."""


LIMITS = (
    Limit("cop10/accuracy/whole-current/unity", 0.002),
    Limit("cop11/type5/accuracy", 0.002),
    Limit("mid/class-index/class-b", 0.00025),
    Limit("si1998_1566/schedule1/whole-current/unity", 0.001),
    Limit("crowdflex/table4/ev-turn-up-response", 0.0),
)
STEP_WH, POWER_W = 1.0, 2300.0


@dataclass(frozen=True)
class Judged:
    """One device: what was true, and what each decision rule made of it."""

    distance: float
    """From the nearest bound, positive inside, in units of U."""
    conforms: bool
    probability: float
    outcomes: tuple[str, ...]
    """By `RULES`."""


def measured_error(error: float, limit: Limit, rule: Rule, rng) -> Estimate:
    """A meter's register, as read twice beside a reference that is itself wrong."""
    own = RegisterQuality("register under test", STEP_WH, 1.0)
    known = RegisterQuality("reference", 0.01, 1.0, limit.reference_u)
    bound = min(abs(one) for one in (rule.at_least, rule.at_most) if one is not None)
    lasts_s = dwell_needed(POWER_W, bound, meter=own, reference=known)
    ends = []
    for factor, quality in (
        (1 + error / 100, own),
        (1 + rng.normal(0, limit.reference_u), known),
    ):
        start_wh = rng.random() * quality.step_wh
        late_s = rng.random(2) * quality.refresh_s
        at_s = np.array([0.0, lasts_s]) - late_s
        wh = start_wh + 10 + POWER_W * factor * at_s / 3600
        ends.append(np.floor(wh / quality.step_wh) * quality.step_wh)
    asked_s = np.array([0.0, lasts_s])
    return register_error(
        asked_s, asked_s + 0.05, ends[0], asked_s, asked_s + 0.05, ends[1],
        from_s=0.0, until_s=lasts_s + 1, meter=own, reference=known, draws=DRAWS,
    )  # fmt: skip


def measured_time(took_s: float, _limit: Limit, _rule: Rule, rng) -> Estimate:
    """A step of power, seen once a second by a meter that renews once a second."""
    meter = MeterQuality("reference", 0.002, 0.5, 1.0, 0.0, 0.1, 0.05)
    asked_s = np.arange(-30.0, took_s + 60.0)
    renewed_s = np.floor(asked_s - rng.random()) + rng.random()
    late_s = rng.normal(0, meter.latency_u_s)
    shown = np.where(renewed_s - late_s < took_s, 1400.0, 7200.0)
    shown = shown * (1 + rng.normal(0, meter.relative_u))
    return response_time(
        asked_s, shown, sent_at_s=0.0, band=band_around(7200.0, 360.0), dwell_s=30.0,
        meter=meter, draws=DRAWS,
    )  # fmt: skip


def scale(limit: Limit, rule: Rule) -> float:
    """U of a measurement near the limit: the unit in which distances are told."""
    measure = _measure(rule)
    rng = np.random.default_rng(0)
    near = [one for one in (rule.at_least, rule.at_most) if one is not None]
    return max(measure(bound, limit, rule, rng).expanded for bound in near)


def _measure(rule: Rule) -> Callable[..., Estimate]:
    return measured_time if rule.unit == "s" else measured_error


def judged(limit: Limit, rule: Rule, inside: bool, count: int, seed: int):
    """Devices on one side of each bound, evenly up to `REACH` times U away."""
    rng = np.random.default_rng([seed, inside, *map(ord, limit.rule_id)])
    bounds = [
        (bound, sign)
        for bound, sign in ((rule.at_least, -1.0), (rule.at_most, 1.0))
        if bound is not None
    ]
    unit, measure, found = scale(limit, rule), _measure(rule), []
    for number in range(count):
        bound, sign = bounds[number % len(bounds)]
        away = rng.random() * REACH * unit * (-1 if inside else 1)
        measured = measure(bound + sign * away, limit, rule, rng)
        decided = [decide(measured, rule, decision_rule=name) for name in RULES]
        found.append(
            Judged(
                -away / unit, inside, decided[0].probability,
                tuple(str(one.outcome) for one in decided),
            )
        )  # fmt: skip
    return found


def simulate(limit: Limit, count: int, seed: int = 1) -> list[Judged]:
    """Devices around one limit: as many that conform as do not."""
    rule = load_rulebook().rule(limit.rule_id, on=ON)
    found = []
    for inside in (True, False):
        found += judged(limit, rule, inside, count, seed)
    return found


def rates(devices: list[Judged], name: str) -> dict[str, float]:
    """What came out under one decision rule, and what the verdicts had said. [%]"""
    at = RULES.index(name)
    passes = ("pass",) if name == "non-binary" else GOOD
    accepted = [one for one in devices if one.outcomes[at] in passes]
    rejected = [one for one in devices if one.outcomes[at] in ("fail",)]
    edge = [one for one in devices if -0.1 < one.distance < 0]
    share = _share
    return {
        "false acceptance": share(
            [one.outcomes[at] in passes for one in devices if not one.conforms]
        ),
        "false rejection": share(
            [one.outcomes[at] == "fail" for one in devices if one.conforms]
        ),
        "accepted just outside": share([one.outcomes[at] in passes for one in edge]),
        "of the accepted, not conforming": share([not o.conforms for o in accepted]),
        "as stated": share([1 - one.probability for one in accepted]),
        "of the rejected, conforming": share([one.conforms for one in rejected]),
        "as stated ": share([one.probability for one in rejected]),
    }


def _share(values: list) -> float:
    return 100 * float(np.mean(values)) if values else math.nan


def page(found: dict[Limit, list[Judged]]) -> str:
    """The page, with a table for each limit."""
    book, count = load_rulebook(), len(next(iter(found.values()))) // 2
    lines = [
        "# Are the stated risks the risks taken?",
        "",
        f"Made by `python -m tests.tools.risks`: around each limit {count:,} devices "
        f"that conform and {count:,} that do not, evenly up to {REACH:g} U away from "
        "a bound on either side, each measured as the bench measures (register steps, "
        "refresh, sampling, a reference with an error of its own drawn from its "
        "certificate) and judged under each decision rule.",
        "",
        "*Just outside* means by less than 0.1 U. *As stated* is the mean of the "
        "specific risks that the verdicts printed (JCGM 106:2012): it should be the "
        "share beside it. For `non-binary` only a plain pass counts as accepted and a "
        "plain fail as rejected. The guard band of a two-sided limit is taken at the "
        "nearer bound. A response time is uncertain to one side: a sample shows an "
        "arrival late, by up to its spacing and one renewal of the meter, and hardly "
        "ever early. So simple acceptance takes little risk there, and a guard band "
        "adds nothing.",
        "",
        "![stated against measured risk](figures/risks.svg)",
        "",
    ]
    for limit, devices in found.items():
        rule = book.rule(limit.rule_id, on=ON)
        unit = scale(limit, rule)
        lines += [
            f"## `{limit.rule_id}`: {rule.bound}",
            "",
            f"{rule.source}, {rule.edition} ({rule.status}). U is about {unit:.2g} "
            f"{rule.unit}.",
            "",
        ]
        rows = {name: rates(devices, name) for name in RULES}
        heads = list(next(iter(rows.values())))
        lines += [
            "| decision rule | risk at a bound, at most | "
            + " | ".join(head.strip() for head in heads)
            + " |",
            "|---" * (len(heads) + 2) + "|",
        ]
        for name, row in rows.items():
            worst = 100 * decision_rule_of(name).worst_false_accept
            cells = " | ".join(_percent(row[head]) for head in heads)
            lines.append(f"| `{name}` | {worst:.1f} % | {cells} |")
        lines.append("")
    return "\n".join(lines)


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f} %"


def draw(found: dict[Limit, list[Judged]]) -> bytes:
    """Left: what is accepted by distance. Right: stated against measured."""
    import io

    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_accepted(left, found)
        _draw_stated(right, found)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
MARKS = ("o", "s", "^", "D", "v")


def _draw_accepted(axes, found) -> None:
    devices = [one for each in found.values() for one in each]
    distance = np.array([one.distance for one in devices])
    edges = np.linspace(-REACH, REACH, 41)
    middles = (edges[1:] + edges[:-1]) / 2
    for number, name in enumerate(RULES):
        passes = ("pass",) if name == "non-binary" else GOOD
        good = np.array([one.outcomes[number] in passes for one in devices])
        part = [
            100 * good[(distance >= low) & (distance < high)].mean()
            for low, high in itertools.pairwise(edges)
        ]
        style = (0, (4, 2)) if name == "non-binary" else "-"
        axes.plot(middles, part, color=COLOURS[number], ls=style, label=name)
    axes.axvline(0, color="#444444", lw=0.8)
    axes.set_xlabel("distance of the truth from the limit / U (inside is positive)")
    axes.set_ylabel("accepted / %")
    axes.set_title("What each decision rule accepts", fontsize=10.5, loc="left")
    axes.legend(frameon=False, fontsize=8.5)


def _draw_stated(axes, found) -> None:
    edges = np.array([0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98, 1])
    axes.plot([0, 100], [0, 100], color="#444444", lw=0.8, label="stated = measured")
    for (limit, devices), colour, mark in zip(
        found.items(), COLOURS, MARKS, strict=False
    ):
        stated = np.array([one.probability for one in devices])
        conforms = np.array([one.conforms for one in devices])
        place = np.digitize(stated, edges[1:-1])
        seen = [n for n in range(edges.size - 1) if (place == n).sum() >= 20]
        x = [100 * stated[place == n].mean() for n in seen]
        y = [100 * conforms[place == n].mean() for n in seen]
        axes.plot(x, y, mark, color=colour, ms=4.5, label=limit.rule_id)
    axes.set_xlabel("probability of conformity as the verdicts stated it / %")
    axes.set_ylabel("devices that do conform / %")
    axes.set_title("Stated against measured", fontsize=10.5, loc="left")
    axes.legend(frameon=False, fontsize=7.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=DEVICES)
    count = parser.parse_args().devices
    with ProcessPoolExecutor(2) as pool:
        each = pool.map(simulate, LIMITS, [count] * len(LIMITS))
        found = dict(zip(LIMITS, each, strict=True))
    FIGURE.parent.mkdir(exist_ok=True)
    FIGURE.write_bytes(draw(found))
    PAGE.write_text(page(found), encoding="utf-8")
    print(PAGE.read_text())  # noqa: T201 - a tool says what it wrote


if __name__ == "__main__":
    main()
