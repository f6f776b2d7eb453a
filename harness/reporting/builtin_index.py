"""The first page of the built-in report: what did not pass, and where everything is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.reporting import wording
from harness.reporting.builtin_card import pill
from harness.reporting.record import QUIET, ScenarioRecord, worst_of

FEW_RIGS = 3
"""So many are named in a sentence; more are a list to be opened."""


Feature = tuple[str, str]
"""File and title."""


def by_feature(
    records: Sequence[ScenarioRecord],
) -> dict[Feature, list[ScenarioRecord]]:
    """Return each feature with its scenarios, in their order."""
    found: dict[Feature, list[ScenarioRecord]] = {}
    for one in records:
        found.setdefault((one.feature_file, one.feature), []).append(one)
    return found


def anchor(feature: Feature) -> str:
    """Return where in the page a feature's scenarios are."""
    return f"feature-{feature[0].rpartition('/')[2].removesuffix('.feature')}"


def index(records: Sequence[ScenarioRecord]) -> str:
    """Return what did not pass with its reason, and the features with their outcomes.

    Empty for a single feature of which everything passed: its verdicts follow.
    """
    return _not_passed(records) + _contents(records)


def rigs(records: Sequence[ScenarioRecord]) -> str:
    """Return the rigs as words, or as a list to be opened if there are many."""
    names = sorted({r.trial.rig for r in records if r.trial.rig}) or ["unknown rig"]
    if len(names) <= FEW_RIGS:
        return f"<p>On {escape(', '.join(names))}.</p>"
    items = "".join(f"<li>{escape(name)}</li>" for name in names)
    return f"<details><summary>On {len(names)} rigs</summary><ul>{items}</ul></details>"


def _not_passed(records: Sequence[ScenarioRecord]) -> str:
    open_ones = [one for one in records if one.outcome not in QUIET]
    if not open_ones or len(records) == 1:
        return ""
    rows = "".join(
        f"<tr><td>{pill(one.outcome)}</td>"
        f'<th scope="row"><a href="#{escape(one.slug)}">{escape(one.title)}</a></th>'
        f"<td>{escape(one.feature)}</td><td>{escape(_why(one))}</td></tr>"
        for one in open_ones
    )
    names = ("Outcome", "Scenario", "Feature", "Why")
    heads = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        '<section id="not-passed"><h2>What did not pass</h2>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _why(record: ScenarioRecord) -> str:
    """The error, or what is said of the worst verdicts."""
    if record.error:
        return record.error.split("\n")[0]
    worst = [one for one in record.verdicts if str(one.outcome) == str(record.outcome)]
    return "; ".join(
        f"{one.subject}: {one.judged}, {wording.result(one)} "
        f"against {wording.bound(one)}" + (f" ({one.reason})" if one.reason else "")
        for one in worst
    )


def _contents(records: Sequence[ScenarioRecord]) -> str:
    found = by_feature(records)
    if len(found) < 2:
        return ""
    items = [
        f'<li><a href="#{escape(anchor(feature))}">{escape(feature[1])}</a>'
        f'<span><span class="soft">{len(mine)}</span> '
        f"{pill(str(worst_of(one.outcome for one in mine)))}</span></li>"
        for feature, mine in found.items()
    ]
    return (
        '<nav id="contents" aria-labelledby="contents-title">'
        '<h2 id="contents-title">Features</h2>'
        f'<ul class="columns">{"".join(items)}</ul></nav>'
    )
