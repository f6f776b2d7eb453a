"""One figure per judged quantity: what the meters saw against what was allowed.

The same input gives the same bytes: no dates, fixed identifiers, text kept as text
(so that it is small, can be searched, and is set in the reader's own sans serif).
Colours are those of Okabe and Ito, "Color universal design" (2008), and every line
has a pattern of its own, so that no meaning hangs on colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.calendar import LONDON
from harness.core.recording import Series
from harness.reporting.plotting import compact, decimate, spread
from harness.reporting.wording import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Trace = tuple[Series, Series]
"""Bench times [s] and values, both of shape ``(n,)``; ``nan`` is a gap."""

BLUE, VERMILION, GREEN, INK = "#0072B2", "#D55E00", "#009E73", "#333333"
WIDTH_IN, HEIGHT_IN, POINTS_PER_INCH = 11.6, 4.2, 72
MOST_POINTS = 1_950
"""Over all lines of one figure; about 2 points per horizontal pixel at 1280 px."""
FEW_SAMPLES = 60
"""Fewer than this in a panel are shown as points, so that the sampling is seen."""
ZOOM_BELOW = 0.2
"""Marks closer together than this part of the figure get a panel of their own."""
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600)

STYLE: Any = {
    "svg.hashsalt": "flexrig",
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Arial", "sans-serif"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "xtick.bottom": False,
    "ytick.left": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "path.simplify": False,
    "text.parse_math": False,
}


@dataclass(frozen=True, slots=True)
class Band:
    """The allowed range of power over a span of time. [W, s]"""

    low_w: float
    high_w: float
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """Everything a figure shows. Import is positive; times are bench time."""

    title: str
    starts_at: datetime
    """Civil time of bench second 0; carries a time zone."""
    meter: Trace
    """The independent meter's active power. [s, W]"""
    truth: Trace | None = None
    """True power; emulated rigs only."""
    own: Trace | None = None
    """What the device said of itself."""
    band: Band | None = None
    uncertainty_w: float | Series | None = None
    """Expanded uncertainty U of the meter's values: one, or one per sample. [W]"""
    marks: Sequence[tuple[str, float]] = ()
    """Instants of the waterfall, by name."""
    span_s: tuple[float, float] | None = None
    """Part of the trial to show; all of it if None."""
    zoom_s: tuple[float, float] | None = None
    """Part to show enlarged; None chooses it when the marks lie close together."""


def draw(spec: FigureSpec) -> bytes:
    """Return the figure as SVG, byte for byte the same for the same input.

    Raises
    ------
    ValueError
        If the start has no time zone, or there is nothing to show in the span.
    """
    if spec.starts_at.tzinfo is None:
        raise ValueError(f"starts_at {spec.starts_at} has no time zone")
    span = spec.span_s or _extent(spec.meter)
    zoom = spec.zoom_s or _zoom(spec.marks, span)
    import matplotlib as mpl  # costs 0.7 s: only those who draw pay for it

    with mpl.rc_context(STYLE):
        figure = _figure(spec, span, zoom)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return compact(out.getvalue().decode()).encode()


def _extent(trace: Trace) -> tuple[float, float]:
    time_s = trace[0]
    if len(time_s) < 2:
        raise ValueError(f"the meter has {len(time_s)} samples, a figure needs two")
    return float(time_s[0]), float(time_s[-1])


def _zoom(
    marks: Sequence[tuple[str, float]], span: tuple[float, float]
) -> tuple[float, float] | None:
    """Return the stretch around marks that a plain figure would squeeze together."""
    at_s = [at for _name, at in marks if span[0] <= at <= span[1]]
    if len(at_s) < 2:
        return None
    length = max(at_s) - min(at_s)
    if length >= ZOOM_BELOW * (span[1] - span[0]):
        return None
    margin = max(0.35 * length, 2.0)
    return max(span[0], min(at_s) - margin), min(span[1], max(at_s) + 2 * margin)


def _figure(
    spec: FigureSpec, span: tuple[float, float], zoom: tuple[float, float] | None
) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN))
    left, right, bottom, top = 0.062, 0.968, 0.13, 0.72
    panels = [span] if zoom is None else [span, zoom]
    width = (right - left - 0.055 * (len(panels) - 1)) / len(panels)
    for number, panel in enumerate(panels):
        x = left + number * (width + 0.055)
        axes = figure.add_axes((x, bottom, width, top - bottom))
        last = number == len(panels) - 1
        _panel(axes, spec, panel, len(panels), marks=last)
    _power_limits(figure.axes)
    figure.axes[0].set_ylabel("Power / kW (import +)")
    if zoom is not None:
        figure.axes[0].axvspan(*zoom, facecolor="none", edgecolor=INK, lw=0.8, ls=":")
        axes.set_xlabel(f"Enlarged. {axes.get_xlabel()}")
    figure.text(left, 0.93, spec.title, size=12.5, weight="bold")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(left - 0.006, 0.73),
        ncols=3 if zoom else 5, frameon=False, fontsize=9, borderaxespad=0,
        handlelength=2.4, columnspacing=1.4,
    )  # fmt: skip
    return figure


def _panel(
    axes: Axes,
    spec: FigureSpec,
    span: tuple[float, float],
    panels: int,
    *,
    marks: bool,
) -> None:
    budget = MOST_POINTS // panels
    lines = [
        (spec.truth, "true power (emulated)", INK, (0, (1, 1.2)), 1.3, 4),
        (spec.own, "device's own meter", VERMILION, (0, (5, 2)), 1.3, 3),
        (spec.meter, "independent meter", BLUE, "-", 1.5, 5),
    ]
    shown = [line for line in lines if line[0] is not None]
    _band(axes, spec.band)
    _ribbon(axes, spec, span, budget // 8)
    for trace, label, colour, pattern, width, order in shown:
        time_s, values = _clip(trace, span)
        time_s, values = decimate(time_s, values, budget // (3 * (len(shown) + 1)))
        axes.plot(
            time_s, values / 1e3, color=colour, ls=pattern, lw=width, label=label,
            zorder=order, marker="." if len(time_s) < FEW_SAMPLES else None,
            drawstyle="steps-post" if trace is spec.own else "default",
        )  # fmt: skip
    axes.set_xlim(span)
    _civil_ticks(axes, spec.starts_at, span, panels)
    if marks:
        _marks(axes, [m for m in spec.marks if span[0] <= m[1] <= span[1]], span)


def _clip(trace: Trace | None, span: tuple[float, float]) -> Trace:
    """Keep the samples of the span and one on either side of it."""
    assert trace is not None  # noqa: S101 - the caller shows only what is there
    time_s, values = trace
    first = max(int(np.searchsorted(time_s, span[0])) - 1, 0)
    last = int(np.searchsorted(time_s, span[1], side="right")) + 1
    return time_s[first:last], values[first:last]


def _band(axes: Axes, band: Band | None) -> None:
    if band is None:
        return
    x = [band.from_s, band.to_s]
    low, high = band.low_w / 1e3, band.high_w / 1e3
    axes.fill_between(
        x, low, high, color=GREEN, alpha=0.16, lw=0, label="allowed", zorder=1
    )
    for edge in (low, high):
        axes.plot(x, [edge, edge], color=GREEN, lw=1.0, zorder=2)


def _ribbon(
    axes: Axes, spec: FigureSpec, span: tuple[float, float], buckets: int
) -> None:
    if spec.uncertainty_w is None:
        return
    time_s, values = spec.meter
    half_w = np.broadcast_to(np.asarray(spec.uncertainty_w, float), values.shape)
    low = decimate(*_clip((time_s, values - half_w), span), buckets // 3)
    high = decimate(*_clip((time_s, values + half_w), span), buckets // 3)
    both_s = np.union1d(low[0], high[0])
    axes.fill_between(
        both_s,
        np.interp(both_s, *low) / 1e3,
        np.interp(both_s, *high) / 1e3,
        color=BLUE, alpha=0.2, lw=0, label="± U of the meter", zorder=2,
    )  # fmt: skip


def _power_limits(panels: Sequence[Axes]) -> None:
    """Give all panels one scale, with zero in sight and air above."""
    low = min(0.0, *(axes.dataLim.y0 for axes in panels))
    high = max(0.1, *(axes.dataLim.y1 for axes in panels))
    air = 0.06 * (high - low)
    for axes in panels:
        axes.set_ylim(low - (air if low < 0 else 0), high + air)


def _civil_ticks(
    axes: Axes, starts_at: datetime, span: tuple[float, float], panels: int
) -> None:
    """Label civil time at round times; seconds only where they are needed."""
    wanted = 12 / panels
    step_s = next((s for s in TICKS_S if (span[1] - span[0]) / s <= wanted), 43200)
    zero = starts_at.timestamp() % 86400
    first = np.ceil((zero + span[0]) / step_s) * step_s - zero
    ticks = np.arange(first, span[1] + 1e-6, step_s)
    form = "%H:%M:%S" if step_s < 60 else "%H:%M"
    axes.set_xticks(ticks, [_civil(starts_at, tick).strftime(form) for tick in ticks])
    date = _civil(starts_at, span[0])
    axes.set_xlabel(f"Local time, {date:%A} {date.day} {date:%B %Y}")


def _civil(starts_at: datetime, bench_s: float) -> datetime:
    # In UTC, because adding to a local time ignores that clocks change.
    at = starts_at.astimezone(UTC) + timedelta(seconds=float(bench_s))
    return at.astimezone(LONDON)


def _marks(
    axes: Axes, marks: Sequence[tuple[str, float]], span: tuple[float, float]
) -> None:
    """Name instants above the axes, spread so that no two labels touch."""
    from matplotlib.lines import Line2D

    ordered = sorted(marks, key=lambda mark: mark[1])
    if not ordered:
        return
    box = axes.get_position()
    width_pt = box.width * WIDTH_IN * POINTS_PER_INCH
    at_pt = [(at - span[0]) / (span[1] - span[0]) * width_pt for _name, at in ordered]
    labels = _mark_labels(ordered)
    widths = [4.9 * max(map(len, label.split("\n"))) + 12 for label in labels]
    for (_name, at_s), label, x_pt in zip(
        ordered, labels, spread(at_pt, widths, width_pt), strict=True
    ):
        axes.axvline(at_s, color=INK, lw=0.8, ls=(0, (2, 2)), zorder=3.5)
        from_x, to_x = (at_s - span[0]) / (span[1] - span[0]), x_pt / width_pt
        in_axes: Any = {"transform": axes.transAxes, "clip_on": False}
        axes.add_line(Line2D([from_x, to_x], [1.0, 1.08], color=INK, lw=0.7, **in_axes))
        axes.text(
            to_x, 1.085, label, ha="center", va="bottom", fontsize=8.5,
            linespacing=1.15, **in_axes,
        )  # fmt: skip


def _mark_labels(marks: Sequence[tuple[str, float]]) -> list[str]:
    """Return each mark's name, with the time since the first for all others."""
    (first, zero_s), *others = marks
    since = [(name, plain(at_s - zero_s, 3)) for name, at_s in others]
    return [first, *(f"{name}\n+{after} s" for name, after in since)]


def describe(spec: FigureSpec) -> str:
    """Return the figure in words, for readers who cannot see it."""
    span = spec.span_s or _extent(spec.meter)
    _time, values = _clip(spec.meter, span)
    start, end = (_civil(spec.starts_at, at).strftime("%H:%M") for at in span)
    seen = values[~np.isnan(values)]
    text = f"{spec.title}. Power from {start} to {end}"
    if seen.size:
        low, high = (float(v) / 1e3 for v in (seen.min(), seen.max()))
        text += f", between {low:.2f} and {high:.2f} kW on the independent meter"
    if spec.band is not None:
        low_kw, high_kw = spec.band.low_w / 1e3, spec.band.high_w / 1e3
        text += f"; allowed {low_kw:.2f} to {high_kw:.2f} kW"
    if spec.marks:
        first = spec.marks[0][1]
        text += "; " + ", ".join(
            f"{n} at {plain(at - first, 3)} s" for n, at in spec.marks
        )
    return text + "."
