"""A scenario record survives JSON byte for byte, and is as bad as its worst part."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checks.verdict import Outcome, Verdict
from harness.core.errors import EvidenceError
from harness.reporting.record import (
    SEVERITY,
    FigureRecord,
    ScenarioOutcome,
    ScenarioRecord,
    TableRecord,
    worst_of,
)
from harness.reporting.record_json import (
    read_records,
    record_from_json,
    record_to_json,
)

Make = Callable[..., ScenarioRecord]


@pytest.mark.parametrize("outcome", [str(outcome) for outcome in ScenarioOutcome])
def test_a_record_comes_back_and_is_written_the_same_again(
    make_record: Make, outcome: str
) -> None:
    text = record_to_json(make_record(outcome))
    assert record_to_json(record_from_json(text)) == text


def test_what_was_measured_comes_back_exactly(
    make_record: Make, make_verdict: Callable[..., Verdict]
) -> None:
    verdict = make_verdict(value=0.1 + 0.2, details={"nearest": 1.5})
    record = make_record(verdicts=(verdict,))
    assert record_from_json(record_to_json(record)) == record


def test_a_value_that_was_never_seen_stays_unseen(make_record: Make) -> None:
    back = record_from_json(record_to_json(make_record("inconclusive")))
    assert math.isnan(back.verdicts[0].measured.value)


def test_no_number_in_the_file_is_nan(make_record: Make) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    json.loads(record_to_json(make_record("inconclusive")), parse_constant=refuse)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', "null", '"text"', "{"]
)
def test_what_is_no_record_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(EvidenceError, match=r"not a scenario record.*Try:"):
        record_from_json(text)


@pytest.mark.parametrize("key", ["outcome", "steps", "verdicts", "trial"])
def test_a_record_with_a_hole_is_refused(make_record: Make, key: str) -> None:
    content = json.loads(record_to_json(make_record()))
    del content[key]
    with pytest.raises(EvidenceError, match=key):
        record_from_json(json.dumps(content))


def test_a_step_that_points_at_no_verdict_is_refused(make_record: Make) -> None:
    text = record_to_json(make_record())
    content = json.loads(text)
    content["verdicts"] = []
    with pytest.raises(EvidenceError, match="points at what is not there"):
        record_from_json(json.dumps(content))


def test_records_come_in_the_order_of_the_feature_file(
    make_record: Make, tmp_path: Path
) -> None:
    for slug, line, row in (("c", 5, 0), ("a", 9, 1), ("b", 9, 0)):
        (tmp_path / slug).mkdir()
        text = record_to_json(make_record(slug=slug, line=line, row=row))
        (tmp_path / slug / "scenario.json").write_text(text, encoding="utf-8")
    assert [record.slug for record in read_records(tmp_path)] == ["c", "b", "a"]


def test_a_spoilt_record_in_a_run_is_named(make_record: Make, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "scenario.json").write_text("{", encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"one.scenario\.json"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        ([], None),
        (["pass"], "pass"),
        (["not applicable"], "not applicable"),
        (["not applicable", "pass"], "pass"),
        (["pass", "conditional pass"], "conditional pass"),
        (["conditional pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "conditional fail"], "conditional fail"),
        (["inconclusive", "fail", "pass"], "fail"),
        (["fail", "broken"], "broken"),
    ],
)
def test_the_worst_outcome_wins(outcomes: list[str], worst: str | None) -> None:
    assert worst_of(map(ScenarioOutcome, outcomes)) == worst


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1), st.randoms())
def test_the_order_of_verdicts_does_not_matter(
    outcomes: list[Outcome], random: st.DrawFn
) -> None:
    shuffled = list(outcomes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert worst_of(shuffled) == worst_of(outcomes)


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1))
def test_another_verdict_never_makes_it_better(outcomes: list[Outcome]) -> None:
    before, after = worst_of(outcomes[:-1]), worst_of(outcomes)
    assert after is not None
    assert before is None or SEVERITY.index(after) >= SEVERITY.index(before)


def test_figures_are_part_of_the_record(
    make_record: Make, figure_record: FigureRecord
) -> None:
    record = make_record(figures=(figure_record,))
    assert record_from_json(record_to_json(record)).figures == (figure_record,)


def test_a_table_that_a_step_made_is_kept_and_must_be_whole(make_record: Make) -> None:
    rows = (("edition", "accuracy"), ("existing", "misses by 0.4 %"))
    table = TableRecord("Against every edition", rows)
    record = make_record("pass")
    step = replace(record.steps[0], made=(table,))
    record = replace(record, steps=(step, *record.steps[1:]))
    assert record_from_json(record_to_json(record)) == record
    with pytest.raises(ValueError, match="differ in length"):
        TableRecord("Torn", (("one", "two"), ("three",)))
