"""The portfolio answer for the car and the heat pump of the emulated home, as a page.

``python -m tests.tools.portfolio_page`` runs the main job's services on the emulated
rig, works out the shipped portfolios with what the bench taught, and writes
``docs/portfolio.md`` with its figures.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import date
from pathlib import Path

from harness.checks.access import access_table
from harness.portfolio.answer import Answer, answer
from harness.portfolio.figures import CAPTIONS, figures
from harness.portfolio.file import PortfolioFile, read_portfolio
from harness.portfolio.learn import Lessons, learn, scenes_in
from harness.portfolio.page import answer_table, headline, seen_as
from harness.portfolio.workers import threads
from harness.rulebook.loader import load_rulebook
from tests.cli.bench import GOOD_RIG, ROOT, pytest_here

PAGE, FIGURES = ROOT / "docs/portfolio.md", ROOT / "docs/figures"
SERVICES = ROOT / "features/services"
DAY = date(2026, 11, 1)
SAMPLE = 10_000
OUTDOOR_C = (-5.0, 0.0, 3.0, 7.0)
SHOWN = {"ev": ("unit", "step", "accuracy", "by_hour"), "heat_pump": ("unit", "step")}


def worked_out(
    kind: str, lessons: Lessons | None, sample: int = SAMPLE, **options: float
) -> Answer:
    """Work a shipped portfolio out."""
    return answer(
        read_portfolio(ROOT / f"portfolios/{kind}.toml"), sample=sample,
        rulebook=load_rulebook(), on=DAY, decision_rule="simple", lessons=lessons,
        each=threads(2), **options,
    )  # fmt: skip


def lessons_of_a_run() -> dict[str, Lessons]:
    """Run the services on the emulated home, and learn from them."""
    with tempfile.TemporaryDirectory(prefix="flexrig-portfolio-") as folder:
        run = Path(folder) / "run"
        pytest_here(SERVICES, GOOD_RIG, run, "--date", DAY.isoformat())
        scenes = scenes_in(run)
        return {kind: learn(scenes, kind) for kind in SHOWN}


def page(found: dict[str, tuple[Answer, Answer]], colder: dict[float, Answer]) -> str:
    """The page: an answer for each kind, declared and with what the bench taught."""
    lines = [
        "# How many homes make 1 MW, and would the control room see their unit?",
        "",
        f"Made by `python -m tests.tools.portfolio_page`: {SAMPLE:,} homes of each "
        "kind, 24 hours at 1 Hz, of `portfolios/ev.toml` and `heat_pump.toml`. Most of "
        "what those files say of homes is assumed, line by line; what the emulated "
        "home's recordings taught stands in its place in the second answer of each. "
        "Emulated: this certifies nothing.",
        "",
    ]
    for kind, (declared, taught) in found.items():
        lines += [f"## {declared.file.portfolio.name}", "", headline(declared), "",
                  seen_as(declared), "", of_file(declared.file), ""]  # fmt: skip
        lines += _table(answer_table(declared))
        lines += _table(access_table(declared.stands))
        for name in SHOWN[kind]:
            lines += [f"![{CAPTIONS[name]}](figures/portfolio_{kind}_{name}.svg)", "",
                      CAPTIONS[name], ""]  # fmt: skip
        assert taught.lessons is not None
        lines += ["### With what the bench taught of one home", ""]
        lines += [headline(taught), "", seen_as(taught), ""]
        lines += _table(taught.lessons.table())
        lines += _table(access_table(taught.stands))
    lines += ["## Heat pumps by the weather", ""]
    rows = [["mean outdoor temperature", "a home delivers", "homes for 1 MW"]]
    for outdoor_c, one in colder.items():
        homes = one.needed.homes
        rows.append(
            [f"{outdoor_c:g} °C", f"{one.needed.mean_w:.0f} W", f"{homes:,.0f}"]
        )
    return "\n".join([*lines, *_table(rows)])


def of_file(file: PortfolioFile) -> str:
    """Say which file an answer is of: another content, another answer."""
    return f"`portfolios/{file.portfolio.kind}.toml`, SHA-256 {file.digest[:16]}."


def _table(rows: list[list[str]]) -> list[str]:
    head, *rest = rows
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rest), ""]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    lessons = lessons_of_a_run()
    found = {}
    for kind, names in SHOWN.items():
        found[kind] = (worked_out(kind, None), worked_out(kind, lessons[kind]))
        drawn = figures(found[kind][0])
        for name in names:
            (FIGURES / f"portfolio_{kind}_{name}.svg").write_bytes(drawn[name])
    colder = {
        one: worked_out("heat_pump", None, sample=2000, outdoor_c=one)
        for one in OUTDOOR_C
    }
    PAGE.write_text(page(found, colder), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))  # noqa: T201 - a tool says what it wrote


if __name__ == "__main__":
    main()
