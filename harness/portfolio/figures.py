"""Figures of a portfolio, as SVG: the same answer gives the same bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from harness.core.recording import Series
from harness.portfolio.answer import Answer
from harness.reporting.figures import BLUE, GREEN, INK, STYLE, VERMILION
from harness.reporting.plotting import compact, decimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

BUCKETS = 500
"""Pieces of a curve in which only the extremes are kept."""
AROUND_S = 3600.0
"""How much of the day is shown before and after the event. [s]"""
STEP_S = (-60.0, 240.0)
"""How much is shown around the step. [s]"""
LIMITS = (1.0, 1.5, 2.5)
"""Limits of accuracy that editions of operational metering have set. [%]"""
HALF_HOUR = 0.5


def figures(answer: Answer) -> dict[str, bytes]:
    """Return every figure by name, each with a title that says what to see."""
    return {
        "unit": _drawn(lambda axes: _unit(axes, answer)),
        "step": _drawn(lambda axes: _step(axes, answer)),
        "accuracy": _drawn(lambda axes: _accuracy(axes, answer)),
        "by_hour": _drawn(lambda axes: _by_hour(axes, answer)),
    }


CAPTIONS = {
    "unit": "What the unit draws, what is sent of it, and what it would have drawn.",
    "step": "The step: a unit is seen to move as late as its reads come, whatever its "
    "size.",
    "accuracy": "Accuracy at rest by size of the unit: errors of each meter's own "
    "average out, errors in common do not.",
    "by_hour": "Homes that make the target if they are told in that half-hour.",
}


def _drawn(draw: Callable[[Axes], None]) -> bytes:
    import matplotlib as mpl  # costs 0.7 s: only those who draw pay for it
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.6, 3.8), layout="constrained")
        draw(figure.subplots())
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return compact(out.getvalue().decode()).encode()


def _hours(answer: Answer, at_s: Series) -> Series:
    hours: Series = (answer.file.begins_s + at_s) / 3600
    return hours


def _unit(axes: Axes, answer: Answer) -> None:
    from_s, until_s = answer.file.event_s
    shown = (from_s - AROUND_S, until_s + 2 * AROUND_S)
    _power(axes, answer, shown)
    axes.axvspan(
        *_hours(answer, np.array([from_s, until_s])), color="#f1f1f1", zorder=0
    )
    axes.set_title(f"{answer.unit.homes:,} homes through the event", loc="left")


def _step(axes: Axes, answer: Answer) -> None:
    from_s = answer.file.event_s[0]
    shown = (from_s + STEP_S[0], from_s + STEP_S[1])
    _power(axes, answer, shown)
    axes.axvline(float(_hours(answer, np.array([from_s]))[0]), color=INK, lw=0.8)
    lag = answer.view.lag
    words = f"{lag.value:.0f} s" if math.isfinite(lag.value) else lag.why or "never"
    axes.set_title(f"The instruction, and the truth reached after: {words}", loc="left")


def _power(axes: Axes, answer: Answer, shown: tuple[float, float]) -> None:
    sent = answer.view.sent
    at_s, every_s = sent.time_s, np.arange(float(answer.unit.usual_w.size))
    lines = (
        (every_s, answer.unit.usual_w, "without the event", INK, ":"),
        (at_s, answer.view.true_w, "true", GREEN, "--"),
        (at_s, sent.power_w, "sent, ± U", BLUE, "-"),
    )
    for time_s, power_w, name, colour, style in lines:
        here = (time_s >= shown[0]) & (time_s <= shown[1])
        t, p = decimate(time_s[here], power_w[here] / 1e6, BUCKETS)
        axes.plot(_hours(answer, t), p, style, color=colour, lw=1.2, label=name)
    here = (at_s >= shown[0]) & (at_s <= shown[1])
    thin = slice(None, None, max(int(here.sum()) // BUCKETS, 1))
    t, p, u = (
        each[here][thin] for each in (at_s, sent.power_w / 1e6, 2 * sent.u_w / 1e6)
    )
    axes.fill_between(_hours(answer, t), p - u, p + u, color=BLUE, alpha=0.2, lw=0)
    axes.set_ylabel("power / MW")
    axes.set_ylim(bottom=min(0.0, float(np.nanmin(p))))
    _clock(axes)
    axes.legend(loc="best", frameon=False)


def _clock(axes: Axes) -> None:
    def text(hours: float, _place: object) -> str:
        seconds = round(hours * 3600) % 86_400
        words = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
        return f"{words}:{seconds % 60:02d}" if seconds % 60 else words

    axes.xaxis.set_major_formatter(text)
    low, high = axes.get_xlim()
    for step in (1 / 60, 1 / 30, 1 / 12, 0.25, 0.5, 1, 2, 3, 6):
        if (high - low) / step <= 13:
            from matplotlib.ticker import MultipleLocator

            axes.xaxis.set_major_locator(MultipleLocator(step))
            break


def _plain_logs(*scales: Axis) -> None:
    """Write 1,000 instead of a power of ten, which needs a font of its own."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for scale in scales:
        scale.set_major_locator(LogLocator(subs=(1, 2, 5)))
        scale.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,g}"))
        scale.set_minor_formatter(NullFormatter())


def _accuracy(axes: Axes, answer: Answer) -> None:
    homes = [size.homes for size in answer.sizes]
    curves = (
        ("expected, U", [s.expected_percent for s in answer.sizes], BLUE, "o-"),
        ("found against the truth", [abs(s.error_percent) for s in answer.sizes],
         VERMILION, "s"),
        ("errors in common", [s.floor_percent for s in answer.sizes], GREEN, "--"),
    )  # fmt: skip
    for name, values, colour, style in curves:
        axes.plot(homes, values, style, color=colour, label=name, ms=4, lw=1.2)
    for limit in LIMITS:
        axes.axhline(limit, color=INK, lw=0.8, ls=":")
        axes.annotate(f"±{limit:g} %", (homes[-1], limit), fontsize=9, va="bottom",
                      ha="right")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain_logs(axes.xaxis, axes.yaxis)
    axes.set_xlabel("homes")
    axes.set_ylabel("error / %")
    axes.set_title("Accuracy at rest", loc="left")
    axes.legend(loc="best", frameon=False)


def _by_hour(axes: Axes, answer: Answer) -> None:
    needed = np.array(answer.by_hour)
    begins = _hours(answer, np.arange(float(needed.size)) * HALF_HOUR * 3600)
    known = np.where(np.isfinite(needed), needed, np.nan)
    axes.bar(begins, known, width=HALF_HOUR * 0.9, align="edge", color=BLUE)
    axes.set_yscale("log")
    _plain_logs(axes.yaxis)
    axes.set_ylabel("homes")
    axes.set_title(
        f"Homes for {answer.file.target.mw:g} MW in one half-hour at "
        f"{answer.file.target.confidence_percent:g} %",
        loc="left",
    )
    _clock(axes)
