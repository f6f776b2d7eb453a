"""A sequence chart: who told whom, and when, from top to bottom.

Plain SVG, text kept as text, the same bytes for the same messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from harness.reporting.figures import BLUE, INK

TOP, ROW, LEFT, LINE = 52, 26, 96, 13
WIDEST, NARROWEST, PAGE = 168, 104, 1100
"""How wide a party's column is, so that all of them stand on a page. [px]"""
CHARACTER = 6.1
"""About how wide a character is. [px]"""
FONT = 'font-family="DejaVu Sans, Arial, sans-serif"'


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message, as the chart shows it."""

    when: str
    sender: str
    receiver: str
    text: str


def draw_sequence(arrows: Sequence[Arrow]) -> bytes:
    """Return the chart as SVG.

    Raises
    ------
    ValueError
        If there is no message.
    """
    if not arrows:
        raise ValueError("nobody told anybody anything")
    parties = list(
        dict.fromkeys(name for a in arrows for name in (a.sender, a.receiver))
    )
    column = min(max((PAGE - LEFT) // len(parties), NARROWEST), WIDEST)
    place = {name: LEFT + column * (n + 0.5) for n, name in enumerate(parties)}
    # Names are bold, and so a little wider.
    heads = {name: wrap(name, int(column / CHARACTER / 1.1)) for name in parties}
    top = TOP + LINE * (max(map(len, heads.values())) - 1)
    width = LEFT + column * len(parties)
    height = top + ROW * len(arrows) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">',
        '<defs><marker id="to" markerWidth="8" markerHeight="8" refX="7" refY="4" '
        f'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{BLUE}"/></marker></defs>',
        f'<g {FONT} font-size="11" fill="{INK}">',
    ]
    for name, x in place.items():
        parts.append(_head(heads[name], x))
        parts.append(
            f'<line x1="{x:g}" y1="{top - 22}" x2="{x:g}" y2="{height - 8}" '
            'stroke="#cccccc"/>'
        )
    last = ""
    for number, arrow in enumerate(arrows):
        y = top + ROW * number
        if arrow.when != last:
            parts.append(f'<text x="8" y="{y + 4}">{escape(arrow.when)}</text>')
            last = arrow.when
        parts.append(_message(arrow, place, y))
    return "".join([*parts, "</g></svg>"]).encode()


def _head(lines: Sequence[str], x: float) -> str:
    spans = "".join(
        f'<tspan x="{x:g}" y="{20 + LINE * number}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return f'<text text-anchor="middle" font-weight="bold">{spans}</text>'


def _message(arrow: Arrow, place: dict[str, float], y: int) -> str:
    begin, end = place[arrow.sender], place[arrow.receiver]
    text = escape(arrow.text)
    if begin == end:
        return (
            f'<circle cx="{begin:g}" cy="{y}" r="3.5" fill="{BLUE}"/>'
            f'<text x="{begin + 8:g}" y="{y + 4}">{text}</text>'
        )
    middle = (begin + end) / 2
    half = CHARACTER * len(arrow.text) / 2
    return (
        f'<line x1="{begin:g}" y1="{y}" x2="{end:g}" y2="{y}" stroke="{BLUE}" '
        'marker-end="url(#to)"/>'
        f'<rect x="{middle - half:g}" y="{y - 16}" width="{2 * half:g}" height="14" '
        'fill="#ffffff" fill-opacity="0.85"/>'
        f'<text x="{middle:g}" y="{y - 5}" text-anchor="middle">{text}</text>'
    )


def describe_sequence(arrows: Sequence[Arrow]) -> str:
    """Say in words what the chart shows, for those who cannot see it."""
    return "; ".join(
        f"{a.when} {a.sender}: {a.text}"
        if a.sender == a.receiver
        else f"{a.when} {a.sender} to {a.receiver}: {a.text}"
        for a in arrows
    )
