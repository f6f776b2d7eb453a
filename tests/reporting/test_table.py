"""The table says what was judged; the exit code says what it amounts to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.analysis.estimate import QUANTILES_AT, Contribution, Estimate, Spread
from harness.checks.verdict import Grade, Verdict
from harness.reporting import wording
from harness.reporting.builtin_card import card
from harness.reporting.record import ScenarioRecord, TableRecord, TrialFacts
from harness.reporting.table import exit_code, verdict_table

Make = Callable[..., ScenarioRecord]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["pass"], 0),
        (["pass", "conditional pass", "not applicable"], 0),
        (["pass", "fail"], 1),
        (["conditional fail"], 1),
        (["pass", "inconclusive"], 3),
        (["inconclusive", "fail"], 1),
        (["pass", "broken"], 2),
        (["fail", "broken", "inconclusive"], 2),
        (["not applicable"], 2),
        ([], 2),
    ],
)
def test_the_exit_code_is_the_worst_of_the_run(
    make_record: Make, outcomes: list[str], code: int
) -> None:
    assert exit_code([make_record(outcome) for outcome in outcomes]) == code


def printed(records: list[ScenarioRecord], width: int = 100) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(verdict_table(records))
    return capture.get()


def test_every_verdict_has_a_line_with_its_number_and_its_source(
    make_record: Make,
) -> None:
    text = printed([make_record("pass"), make_record("fail")])
    assert text.count("8.30 ± 0.70 s") == 2
    assert "at most 30 s" in text
    assert "+21.7 s" in text
    assert text.count("CrowdFlex WP5, Table 4") == 1, "sources are listed once"
    assert "at most 30 s [1]" in text
    assert "Scenarios: 1 pass, 1 fail" in text
    assert "Emulated evidence: this certifies nothing." in text


def test_a_miss_says_why_and_what_would_change_it(
    make_record: Make, make_verdict: Callable[..., Verdict]
) -> None:
    verdict = make_verdict("fail", 88.0, reason="58 s too late", remedy="a ramp")
    text = printed([make_record("fail", verdicts=(verdict,))])
    assert "58 s too late. Try: a ramp" in text


def test_what_did_not_pass_is_named_again_at_the_end_of_a_long_table(
    make_record: Make,
) -> None:
    missed = make_record("fail", title="The car takes more")
    few = printed([make_record(), missed])
    many = printed([missed, *(make_record() for _ in range(10))])
    assert few.count("The car takes more") == 1
    assert many.count("The car takes more") == 2
    assert "The car takes more" in many.partition("Scenarios: ")[2]


def test_a_scenario_without_verdict_says_why(make_record: Make) -> None:
    record = make_record("broken", verdicts=(), steps=(), error="rig: silence. Try: on")
    assert "rig: silence. Try: on" in printed([record])


def test_square_brackets_in_an_error_are_shown_as_they_are(make_record: Make) -> None:
    record = make_record("broken", verdicts=(), steps=(), error="[device.ev] is mute")
    assert "[device.ev] is mute" in printed([record])


def test_the_table_reads_well_in_80_columns(make_record: Make) -> None:
    lines = printed([make_record("pass"), make_record("fail")], width=80).splitlines()
    rows = [line for line in lines if "8.30 ± 0.70 s" in line]
    assert [line.split()[0] for line in rows] == ["pass", "fail"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("number", "text"),
    [(1481.4, "1480"), (0.001234, "0.00123"), (14400.0, "14400"), (0.0, "0"),
     (94.1, "94.1"), (5.0, "5")],
)  # fmt: skip
def test_no_number_has_an_exponent_that_a_person_must_decode(
    number: float, text: str
) -> None:
    assert wording.plain(number, 3) in {text, str(round(number))}


@pytest.mark.parametrize(
    ("value", "u", "text"),
    [
        (8.3, 0.35, "8.30 ± 0.70 s"),
        (88.0, 4.0, "88.0 ± 8.0 s"),
        (1234.4, 61.0, "1234 ± 122 s"),
        (0.01234, 0.00021, "0.01234 ± 0.00042 s"),
        (8.3, 0.0, "8.3 s"),
        (-0.04, 0.9, "0.0 ± 1.8 s"),
        (-0.06, 0.9, "−0.1 ± 1.8 s"),
        (float("nan"), 0.3, "not seen"),
        (float("inf"), 0.3, "never happened"),
        (8.3, float("inf"), "8.3 s"),
    ],
)
def test_a_number_is_as_long_as_its_uncertainty_allows(
    value: float, u: float, text: str
) -> None:
    estimate = Estimate(value, "s", (Contribution("meter", u),))
    assert wording.measured(estimate) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.0, "≤ 9.0 (0.0 to 7.9) s"),  # the reading that first shows it
        (7.93, "7.9 (0.0 to 7.9) s"),  # no further beyond than is written
        (3.0, "3.0 (0.0 to 7.9) s"),
    ],
)
def test_a_value_beyond_its_interval_is_written_as_a_bound(
    value: float, text: str
) -> None:
    ends = np.interp(QUANTILES_AT, [QUANTILES_AT[0], QUANTILES_AT[-1]], [0.0, 7.9])
    spread = Spread(tuple(ends), 100_000)
    low, high = spread.interval
    scaled = Spread(tuple((ends - low) * 7.9 / (high - low)), 100_000)
    assert wording.measured(Estimate(value, "s", spread=scaled)) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.975, "97.5 %"), (0.99999, "> 99.9 %"), (0.0, "< 0.1 %"), (float("nan"), "–")],
)
def test_a_probability_is_never_rounded_to_certainty(
    make_verdict: Callable[..., Verdict], p: float, text: str
) -> None:
    assert wording.probability(make_verdict(probability=p)) == text


def test_one_emulated_scenario_makes_the_run_emulated(make_record: Make) -> None:
    real = make_record(trial=TrialFacts(grade=Grade.REAL), verdicts=(), steps=())
    assert wording.grade_of([real]) is Grade.REAL
    assert wording.grade_of([real, make_record()]) is Grade.EMULATED
    assert "certifies nothing" in wording.banner(Grade.MIXED)
    assert "certifies nothing" in wording.banner(None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (8.25, "8.25 s"), (75.0, "1 min 15 s"), (15900.0, "4 h 25 min")],
)
def test_lengths_of_time_read_as_a_person_says_them(
    seconds: float | None, text: str
) -> None:
    assert wording.duration(seconds) == text


def test_a_table_that_a_step_made_stands_beneath_its_scenario(
    make_record: Make, tmp_path: Path
) -> None:
    rows = (("edition", "accuracy [1]"), ("trial-60s", "meets <it>"))
    record = make_record("pass")
    step = replace(record.steps[0], made=(TableRecord("Every edition", rows),))
    record = replace(record, steps=(step, *record.steps[1:]), figures=())
    record = replace(
        record, steps=tuple(replace(one, figures=()) for one in record.steps)
    )
    text = printed([record], 80)
    for cell in ("Every edition", "accuracy [1]", "trial-60s", "meets <it>"):
        assert cell in text
    page = card(record, tmp_path)
    assert "<caption>Every edition</caption>" in page
    assert "meets &lt;it&gt;" in page
