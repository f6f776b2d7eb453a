"""Read a feature file and check it before anything runs.

Every step must be a known phrase, every number that names a rule must be that
rule's number, and every Given and When is carried out once, on a plan that is
thrown away: a time or a power that cannot be read is found before anything is
switched.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from gherkin.errors import CompositeParserException
from gherkin.parser import Parser
from pytest_bdd.exceptions import GherkinParseError
from pytest_bdd.feature import get_feature
from pytest_bdd.parser import Feature, ScenarioTemplate, Step

from harness.core.errors import FeatureError, RuleError
from harness.rulebook.agree import require_agreement
from harness.rulebook.book import Rulebook
from harness.steps.guard import refuse_async
from harness.steps.phrases import Phrase, library
from harness.steps.trial import Trial
from harness.steps.words import EDITIONS, UNSAID, asset_name, role_of
from harness.trial.plan import Plan
from harness.trial.session import Session

_RIG_TAG = re.compile(r"^\s*@.*?rig:([\w./-]+)", re.MULTILINE)
_DATE_TAG = re.compile(r"^\s*@.*?date:(\S+)", re.MULTILINE)
GHERKIN = "a line that begins with Feature:, Scenario:, Given, When, Then, @ or |"


def read_feature(path: Path, rulebook: Rulebook, on: date) -> Feature:
    """Parse and check a feature file; nothing of it runs if anything is wrong.

    Raises
    ------
    FeatureError, RuleError
        Naming the line that would not be carried out as it reads.
    """
    document = _document(path)
    if document is None:
        raise FeatureError(path.name, "there is no feature in it", "Feature: a title")
    _check_titles(path.name, document)
    try:
        feature = get_feature(str(path.parent), path.name)
    except GherkinParseError as error:
        raise FeatureError(
            f"{path.name}:{error.line}", f"not Gherkin: {error.message}", GHERKIN
        ) from error
    check_feature(feature, rulebook, on)
    return feature


def _document(path: Path) -> dict[str, Any] | None:
    """Return the feature as Gherkin's own parser sees it, None if there is none."""
    text = _text(path)
    try:
        parsed: dict[str, Any] = dict(Parser().parse(text))
    except CompositeParserException as error:
        problem = error.errors[0]
        line = int(problem.location["line"])
        fact, _, got = str(problem).partition("): ")[2].partition(", got ")
        lines = text.splitlines()
        if got and line <= len(lines):
            fact = f"“{lines[line - 1].strip()}” cannot stand here"
        raise FeatureError(
            f"{path.name}:{line}", f"not Gherkin: {fact}", GHERKIN
        ) from error
    return parsed.get("feature")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise FeatureError(
            str(path), f"cannot be read: {reason}", "a path to a feature file"
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fact = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise FeatureError(
            f"{path.name}:{line}", fact, "saving the file as UTF-8"
        ) from error


def scenario_name(title: str) -> str:
    """Return a scenario's title as the name of a test."""
    return re.sub(r"\W+", "_", title.lower()).strip("_")


def _check_titles(where: str, document: Mapping[str, Any]) -> None:
    """Refuse two scenarios of one name: only the last of them would run."""
    seen: dict[str, str] = {}
    for scenario in _scenarios(document):
        title, name = scenario["name"], scenario_name(scenario["name"])
        here = f"{where}:{scenario['location']['line']}"
        if not name:
            raise FeatureError(here, "a scenario without a title", "Scenario: a title")
        if name in seen:
            fact = f"two scenarios are titled {title!r}"
            if seen[name] != title:
                fact = f"{title!r} and {seen[name]!r} differ by signs alone"
            raise FeatureError(here, fact, "a title of its own for each")
        seen[name] = title
        _check_description(where, scenario)


def _scenarios(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every scenario of a feature, those beneath a ``Rule:`` too."""
    for child in document.get("children", []):
        if "scenario" in child:
            yield child["scenario"]
        if "rule" in child:
            yield from _scenarios(child["rule"])


def _check_description(where: str, scenario: Mapping[str, Any]) -> None:
    """Refuse a step with a misspelt keyword: Gherkin takes it for a description."""
    lines = str(scenario.get("description") or "").splitlines()
    for line in filter(None, map(str.strip, lines)):
        word, _, rest = line.partition(" ")
        if any(phrase.matches(rest) for phrase in library().phrases):
            raise FeatureError(
                f"{where}:{scenario['location']['line']}",
                f"“{line}” looks like a step, but {word!r} begins none",
                "Given, When, Then, And, But",
            )


def refuse_namesakes(paths: Iterable[Path]) -> None:
    """Refuse two feature files of one name in one run: their evidence would be mixed.

    Raises
    ------
    FeatureError
        Naming both.
    """
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(path.name, path)
        if other != path:
            fact = f"has the name of {other}, and evidence is kept by that name"
            raise FeatureError(str(path), fact, "another name, or two runs")


def rig_named_by(path: Path) -> str | None:
    """Return the rig that a feature file is written for: its tag ``@rig:NAME``."""
    found = _RIG_TAG.search(_text(path))
    return None if found is None else found[1]


def date_named_by(path: Path) -> date | None:
    """Return the day that a feature file is written for: its tag ``@date:YYYY-MM-DD``.

    The sun, and a teleswitch that knows no summer time, are not alike all year. On the
    wall clock a trial takes place when it does, and the tag says nothing.

    Raises
    ------
    FeatureError
        If it is no date.
    """
    found = _DATE_TAG.search(_text(path))
    if found is None:
        return None
    try:
        return date.fromisoformat(found[1])
    except ValueError as error:
        fact = f"{found[1]!r} is no date"
        raise FeatureError(f"{path.name} @date:", fact, "YYYY-MM-DD") from error


def day_of(
    path: Path, clock: str = "virtual", *, on: date | None = None, today: date
) -> date:
    """Return the day on which a feature's trial takes place, and its numbers hold.

    Parameters
    ----------
    path : Path
        The feature file; on virtual time its tag may name the day.
    clock : str
        The rig's: ``virtual`` or ``wall``.
    on : date, optional
        What the command line says, which has the last word.
    today : date
        If nobody says anything.

    Raises
    ------
    FeatureError
        If the tag's is no date.
    """
    named = date_named_by(path) if clock == "virtual" and on is None else None
    return on or named or today


def plans_of(feature: Feature) -> list[Plan]:
    """Return what each scenario of a checked feature would plan, in its order."""
    plans = []
    where = Path(feature.filename).name
    for scenario in feature.scenarios.values():
        for known in _known_steps(where, scenario):
            plans.append(_rehearse(where, known))
    return plans


def check_feature(feature: Feature, rulebook: Rulebook, on: date) -> None:
    """Refuse a feature file that would not be carried out as it reads.

    Raises
    ------
    FeatureError
        For a phrase nobody knows, or a step that cannot be planned.
    RuleError
        For a number that is not the number of the rule beside it.
    """
    where = Path(feature.filename).name
    if not feature.scenarios:
        raise FeatureError(where, "no scenario in it", "a Scenario: with steps")
    for scenario in feature.scenarios.values():
        if not scenario.steps:
            raise FeatureError(
                f"{where}:{scenario.line_number}",
                f"scenario {scenario.name!r} has no steps",
                "a When and a Then",
            )
        for known in _known_steps(where, scenario):
            for step, _phrase in known:
                _check_table(where, step, rulebook, on)
            _rehearse(where, known)


def _known_steps(
    where: str, scenario: ScenarioTemplate
) -> Iterator[list[tuple[Step, Phrase]]]:
    """The steps of each example, each with its phrase; of a plain scenario, once."""
    for row in _example_rows(scenario.examples):
        # Filling in an example copies every table: only where there is one.
        steps = scenario.render(row).steps if row else scenario.steps
        yield [(step, _phrase_of(where, step)) for step in steps]


def _example_rows(examples: Sequence[object]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for table in examples:
        rows += list(table.as_contexts())  # type: ignore[attr-defined]
    return rows or [{}]


def _phrase_of(where: str, step: Step) -> Phrase:
    """Return the phrase that a step uses, or say which one is nearest."""
    phrase = library().meaning(step.type, step.name)
    if phrase is not None:
        return phrase
    texts = [one.text for one in library().of_kind(step.type)]
    near = difflib.get_close_matches(step.name, texts, n=1, cutoff=0.3)
    raise FeatureError(
        f"{where}:{step.line_number}",
        f"nobody knows the phrase “{step.keyword} {step.name}”",
        f"“{near[0]}”" if near else "the list that `flexrig steps` prints",
    )


def _rehearse(where: str, known: Sequence[tuple[Step, Phrase]]) -> Plan:
    """Plan a scenario once, for its errors and its needs; what judges comes later."""
    plan = Plan()
    # Givens and Whens only write: there is no test yet, and no session.
    trial = Trial(cast(pytest.Item, None), plan, cast(Session, None))
    for step, phrase in known:
        here, plain = f"{where}:{step.line_number}", phrase.context.step_func
        refuse_async(plain, step.name, here)
        if step.type == "then":
            continue
        offered = {"plan": plan, "trial": trial} | _arguments(step, phrase)
        wanted = inspect.signature(plain).parameters
        if "datatable" in wanted and "datatable" not in offered:
            fact = f"“{step.name}” needs a table beneath it"
            raise FeatureError(here, fact, "rows that begin with |")
        try:
            plain(**{name: offered[name] for name in wanted})
        except FeatureError as error:
            raise FeatureError(
                f"{here} {error.where}", error.fact, error.hint
            ) from error
    _require_subjects(where, plan, {subject for subject, _ in trial.limits})
    return plan


def _require_subjects(where: str, plan: Plan, limited: set[str]) -> None:
    """Refuse a limit that was published for a site, cable or device nobody has."""
    if not plan.areas:
        return
    known = {site.name for area in plan.areas for site in area.sites}
    known |= {role_of(f"cable {area.name}") for area in plan.areas}
    for subject in sorted(limited - known - set(plan.roles)):
        names = ", ".join(asset_name(one) for one in sorted(known | set(plan.roles)))
        fact = f"has a limit and is not there: the {asset_name(subject)}"
        raise FeatureError(f"{where}, the published limits", fact, f"one of: {names}")


def _arguments(step: Step, phrase: Phrase) -> dict[str, object]:
    arguments: dict[str, object] = {}
    arguments |= phrase.context.parser.parse_arguments(step.name) or {}
    if step.datatable is not None:
        arguments["datatable"] = _rows(step)
    return arguments


def _rows(step: Step) -> list[list[str]]:
    raw = step.datatable.raw() if step.datatable is not None else ()
    return [[str(cell) for cell in row] for row in raw]


def _require_unsaid(rulebook: Rulebook, rule_id: str, edition: str, here: str) -> None:
    """Refuse a table that leaves out what an edition does say."""
    editions = rulebook.editions.get(rule_id)
    if editions is None:
        raise RuleError(here, f"there is no rule {rule_id!r}", "flexrig rules")
    for rule in editions:
        if rule.edition == edition:
            fact = f"it leaves out what {rule_id} says in {edition!r}, {rule.bound}"
            raise RuleError(here, fact, "the rule's number")


def _check_table(where: str, step: Step, rulebook: Rulebook, on: date) -> None:
    if step.datatable is None:
        return
    header, *rows = _rows(step)
    if "rule" not in header or not {"limit", EDITIONS} & set(header):
        return
    # Of a table of editions every other column is headed by the edition it quotes.
    by_edition = [c for c in header if c not in ("rule", EDITIONS)]
    columns = ["limit"] if "limit" in header else by_edition
    for number, row in enumerate(rows, start=1):
        cells = dict(zip(header, row, strict=True))
        here = f"{where}:{step.line_number + number + 1}"
        for column in columns:
            edition = None if column == "limit" else column
            if edition is not None and cells[column].strip() == UNSAID:
                _require_unsaid(rulebook, cells["rule"], edition, here)
                continue
            try:
                rule = rulebook.rule(cells["rule"], on=on, edition=edition)
            except RuleError as error:
                raise RuleError(here, error.fact, error.hint) from error
            require_agreement(rule, cells[column], where=here)
