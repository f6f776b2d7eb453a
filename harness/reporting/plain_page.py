"""A page of tables in the style of the built-in report, without a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from harness.reporting.builtin_html import POLICY

Rows = Sequence[Sequence[str]]


def plain_page(title: str, *, header: str, main: str, footer: str = "") -> str:
    """Return a page as HTML: nothing external, no scripts.

    Parameters
    ----------
    title : str
        Of the window and of the page.
    header, main, footer : str
        HTML; texts in it are escaped already.
    """
    style = files("harness.reporting").joinpath("data/report.css").read_text("utf-8")
    return f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width">
<title>Flexrig: {escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{header}
</header>
<main>
{main}
</main>
<footer>{footer}</footer>
</body>
</html>
"""


def section(title: str, rows: Rows, *, note: str = "") -> str:
    """Return a table beneath a title; the first row is its heading."""
    head, *body = rows
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in body
    )
    told = f'<p class="soft">{escape(note)}</p>' if note else ""
    return (
        f"<section><h2>{escape(title)}</h2>{told}<table><thead><tr>{heads}</tr>"
        f"</thead><tbody>{lines}</tbody></table></section>"
    )
