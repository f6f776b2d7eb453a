"""Pathways side by side: one table, one figure, and a page that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from harness.neighbourhood.money import Worth
from harness.neighbourhood.pathways import Pathway
from harness.reporting.figures import BLUE, GREEN, INK, STYLE, VERMILION
from harness.reporting.plain_page import plain_page, section
from harness.reporting.plotting import compact

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = (
    "What each pathway keeps behind its boundary, what it draws at the winter's peak "
    "with and without coordination, and what a year is worth to a home, by line."
)
NOTE = (
    "A model of a year in half-hours: weather, habits and prices are drawn or assumed, "
    "nothing of it is measured, and it certifies nothing. A figure outside its band "
    "says why."
)


def table(pathways: Sequence[Pathway]) -> list[list[str]]:
    """Return the pathways side by side, a column each, heading first."""
    names = [f"{one.table.pathway} {one.table.title}" for one in pathways]
    rows = [["", *names]]
    for title, read in _ENERGY:
        rows.append([title, *(f"{read(one):,.0f}" for one in pathways)])
    for title, pence in _MONEY:
        gbp = [one.worth.a_home_gbp(pence(one.worth)) for one in pathways]
        rows.append([f"{title} / £", *(f"{each:,.0f}" for each in gbp)])
    return rows


_ENERGY: tuple[tuple[str, Callable[[Pathway], float]], ...] = (
    ("homes", lambda one: one.worth.homes),
    ("drawn / MWh", lambda one: one.flows.demand_kwh / 1000),
    ("made behind the boundary / MWh", lambda one: one.flows.made_kwh / 1000),
    ("degree of self-balance / %", lambda one: one.flows.self_balance),
    ("peak import / kW", lambda one: one.flows.peak_kw),
    ("peak without coordination / kW", lambda one: one.without.peak_kw),
)
_MONEY: tuple[tuple[str, Callable[[Worth], int]], ...] = (
    ("own energy", lambda worth: worth.own_energy_p),
    ("flexibility, after shares", lambda worth: worth.flexibility.owners_p),
    ("premium", lambda worth: worth.premium_p),
    ("dividend", lambda worth: worth.dividend_p),
    ("network charges avoided", lambda worth: worth.avoided_p),
    ("together", lambda worth: worth.total_p),
)
_COLORS = (BLUE, GREEN, "#CC79A7", "#E69F00", VERMILION)


def held_table(pathways: Sequence[Pathway]) -> list[list[str]]:
    """Return every figure that the source has as well, heading first."""
    rows = [["pathway", "figure", "model", "source", "stands", "read in its source"]]
    for one in pathways:
        for held in one.held:
            rule = held.rule
            stands = "inside" if held.inside else f"outside: {held.why}"
            stands = "put in" if held.put_in and held.inside else stands
            rows.append([
                one.table.pathway, held.what, f"{held.value:,.2f} {rule.unit}",
                f"{rule.bound} ({rule.source})", stands,
                "yes" if rule.status == "verified" else "the band is ours",
            ])  # fmt: skip
    return rows


def figure(pathways: Sequence[Pathway]) -> bytes:
    """Return the comparison as SVG: the same pathways give the same bytes."""
    import matplotlib as mpl  # costs 0.7 s: only those who draw pay for it
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(11.6, 4.2), layout="constrained")
        axes = drawing.subplots(1, 3, width_ratios=(1, 1, 1.6))
        names = [one.table.pathway for one in pathways]
        for draw, one in zip((_balance, _peak, _worth), axes, strict=True):
            draw(one, names, pathways)
            one.set_axisbelow(True)
        out = io.BytesIO()
        drawing.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return compact(out.getvalue().decode()).encode()


def _balance(axes: Axes, names: list[str], pathways: Sequence[Pathway]) -> None:
    bars = axes.bar(names, [one.flows.self_balance for one in pathways], color=BLUE)
    axes.bar_label(bars, fmt="%.0f", padding=2, fontsize=8)
    axes.set_ylim(0, 100)
    axes.set_title("Degree of self-balance / %", loc="left")


def _peak(axes: Axes, names: list[str], pathways: Sequence[Pathway]) -> None:
    at = np.arange(len(names))
    for shift, kind, color in ((-0.2, "without", INK), (0.2, "with", BLUE)):
        kws = [
            (one.flows if kind == "with" else one.without).peak_kw / one.worth.homes
            for one in pathways
        ]
        axes.bar(at + shift, kws, 0.4, color=color, label=f"{kind} coordination",
                 alpha=1.0 if kind == "with" else 0.45)  # fmt: skip
    axes.set_xticks(at, names)
    axes.margins(y=0.2)  # room for the legend above the highest bar
    axes.legend(fontsize=8, loc="upper left")
    axes.set_title("Peak import / kW a home", loc="left")


def _worth(axes: Axes, names: list[str], pathways: Sequence[Pathway]) -> None:
    bottom = np.zeros(len(names))
    for (label, pence), color in zip(_MONEY[:-1], _COLORS, strict=True):
        gbp = np.array([one.worth.a_home_gbp(pence(one.worth)) for one in pathways])
        axes.bar(names, gbp, bottom=bottom, color=color, label=label)
        bottom += gbp
    for place, total in enumerate(bottom):
        axes.text(place, total, f"£{total:,.0f}", ha="center", va="bottom", fontsize=8)
    axes.margins(y=0.12)
    axes.legend(fontsize=8, loc="upper left")
    axes.set_title("Worth to a home / £ a year", loc="left")


def page(pathways: Sequence[Pathway], svg: bytes, *, year: int, seed: int) -> str:
    """Return the page as HTML: nothing external, no scripts."""
    data = base64.b64encode(svg).decode()
    shown = (
        f'<figure><img alt="{escape(CAPTION)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{escape(CAPTION)}</figcaption></figure>"
    )
    return plain_page(
        "neighbourhoods",
        header=f'<p class="soft">{escape(NOTE)}</p>',
        main="\n".join((
            shown,
            section("A year, side by side", table(pathways),
                    note="Pounds are for each home and year."),
            section("Against the figures of the source", held_table(pathways)),
        )),
        footer=f"The year {year}, seed {seed}.",
    )  # fmt: skip
