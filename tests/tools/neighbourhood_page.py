"""The six pathways side by side, as a page of the documentation.

``python -m tests.tools.neighbourhood_page`` works out the shipped neighbourhoods and
writes ``docs/neighbourhoods.md`` with its figure.
"""

from harness.neighbourhood.page import CAPTION, NOTE, figure, held_table, table
from harness.neighbourhood.pathways import compare
from harness.rig.file import read_rig
from harness.rulebook.loader import load_rulebook
from tests.cli.bench import ROOT

PAGE = ROOT / "docs/neighbourhoods.md"
FIGURE = ROOT / "docs/figures/neighbourhoods.svg"
YEAR, SEED = 2027, 1


def worked_out(seed=SEED):
    rigs = [read_rig(p) for p in sorted((ROOT / "rigs/neighbourhoods").glob("*.toml"))]
    return compare(rigs, load_rulebook(), year=YEAR, seed=seed)


def page(found):
    return "\n".join([
        "# Six pathways, side by side",
        "",
        "Made by `python -m tests.tools.neighbourhood_page` from "
        f"`rigs/neighbourhoods` (the year {YEAR}, seed {SEED}); "
        "`flexrig neighbourhood` makes the same of any rig with a `[neighbourhood]` "
        f"table. {NOTE}",
        "",
        f"![{CAPTION}](figures/neighbourhoods.svg)",
        "",
        "Pounds are for each home and year.",
        "",
        *_table(table(found)),
        "## Against the figures of the source",
        "",
        "The source gives most of its figures as estimates. Where a band around one is "
        "this project's, the table says so; what was put into the model agrees with "
        "the source by itself and shows nothing.",
        "",
        *_table(held_table(found)),
    ])  # fmt: skip


def _table(rows):
    head, *body = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in body), ""]


def main():
    found = worked_out()
    PAGE.write_text(page(found), encoding="utf-8")
    FIGURE.write_bytes(figure(found))


if __name__ == "__main__":
    main()
