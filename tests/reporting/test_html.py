"""Both reports are one file, call nobody, count the same, and escape everything."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import EvidenceError, UsageError
from harness.reporting import allure_html
from harness.reporting.allure_html import generate, silence
from harness.reporting.builtin_html import page, write_report
from harness.reporting.record import (
    STEP_STATUS,
    FigureRecord,
    ScenarioOutcome,
    ScenarioRecord,
    StepRecord,
    StepStatus,
)

Make = Callable[..., ScenarioRecord]
HOSTILE = "\"><script>alert('x')</script>&<img src=x onerror=alert(1)>"


class Outline(HTMLParser):
    """Elements with their attributes, in order, and whether they nest properly."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def count(self, tag: str) -> int:
        """How many elements there are of a kind."""
        return sum(name == tag for name, _attributes in self.elements)


def asked(requests: tuple[str, ...], page: Path) -> list[str]:
    """What a page asked for, apart from itself and what it carries within."""
    own = (page.as_uri(), "data:", "blob:")
    return [url for url in requests if not url.startswith(own)]


def test_the_builtin_report_calls_nobody(
    builtin_report: Path, builtin_page: Any
) -> None:
    assert asked(builtin_page.requests, builtin_report) == []


def test_the_allure_report_calls_nobody(allure_report: Path, allure_page: Any) -> None:
    assert asked(allure_page.requests, allure_report) == []
    text = allure_report.read_text(encoding="utf-8")
    assert "googletagmanager" not in text
    assert "gtag(" not in text


def test_a_page_that_calls_somebody_is_noticed(tmp_path: Path, browser: Any) -> None:
    loud = tmp_path / "loud.html"
    loud.write_text('<img src="http://loud.invalid/x.png"><p>shown</p>')
    opened = browser.open(loud, until="shown")
    assert asked(opened.requests, loud) == ["http://loud.invalid/x.png"]


def test_both_reports_show_the_same_counts(
    sample: Any, builtin_page: Any, allure_page: Any
) -> None:
    allure = {
        status: int(number)
        for status, number in re.findall(
            r'data-testid="metadata-item-(passed|failed|broken|skipped)".*?'
            r"<span[^>]*>(\d+)</span>",
            allure_page.html,
            flags=re.S,
        )
    }
    shown = re.findall(r'<li class="([a-z-]+)"><b>(\d+)</b>', builtin_page.html)
    builtin = dict.fromkeys(allure, 0)
    for css, number in shown:
        builtin[STEP_STATUS[ScenarioOutcome(css.replace("-", " "))]] += int(number)
    assert allure == builtin
    assert sum(allure.values()) == sum(sample.counts.values())


def test_the_builtin_report_fits_a_page_of_1280_pixels(
    builtin_report: Path, browser: Any, tmp_path: Path
) -> None:
    measured = tmp_path / "measured.html"
    script = (
        "<script>document.title = document.documentElement.scrollWidth "
        "<= innerWidth ? 'fits' : 'too wide'; document.body.append("
        "'measured: ' + document.title)</script></body>"
    )
    text = builtin_report.read_text(encoding="utf-8").replace("</body>", script)
    measured.write_text(re.sub("<meta http-equiv[^>]*>", "", text), encoding="utf-8")
    opened = browser.open(measured, until="measured:")
    assert opened.text.endswith("measured: fits")
    assert len(opened.png) > 50_000, "the page is (nearly) empty"


def test_the_builtin_report_forbids_itself_scripts_and_addresses(
    builtin_report: Path,
) -> None:
    text = builtin_report.read_text(encoding="utf-8")
    outline = Outline(text)
    metas = [attributes for tag, attributes in outline.elements if tag == "meta"]
    policies = [a["content"] for a in metas if a.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert outline.count("script") == outline.count("link") == 0
    assert outline.count("iframe") == 0
    sources = [a["src"] or "" for tag, a in outline.elements if "src" in a]
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert re.findall(r"https?://", text) == []


def test_those_who_cannot_see_it_can_read_it(builtin_report: Path) -> None:
    outline = Outline(builtin_report.read_text(encoding="utf-8"))
    assert dict(outline.elements)["html"]["lang"] == "en-GB"
    assert outline.count("h1") == 1
    assert outline.count("main") == 1
    images = [attributes for tag, attributes in outline.elements if tag == "img"]
    assert images
    assert all(image.get("alt") for image in images)
    heads = [attributes for tag, attributes in outline.elements if tag == "th"]
    assert all(head.get("scope") for head in heads)
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize(
    "pair", re.findall(r"--(\w+): (#\w+); --\w+-bg: (#\w+)", (
        Path(allure_html.__file__).parent / "data/report.css").read_text()),
    ids=lambda pair: pair[0],
)  # fmt: skip
def test_outcomes_have_enough_contrast(pair: tuple[str, str, str]) -> None:
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1 for text."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = luminance(pair[1]), luminance(pair[2])
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_everything_that_came_from_outside_is_escaped(
    make_record: Make, make_verdict: Callable[..., Any], tmp_path: Path
) -> None:
    step = StepRecord(
        "Then", HOSTILE, StepStatus.PASSED, 1, ((HOSTILE,), (HOSTILE,)), HOSTILE,
        HOSTILE, (0,), (),
    )  # fmt: skip
    verdict = make_verdict(
        subject=HOSTILE, statement=HOSTILE, reason=HOSTILE, remedy=HOSTILE,
        decision_rule=HOSTILE, channels=(HOSTILE,), details={HOSTILE: HOSTILE},
    )  # fmt: skip
    clean = make_record()
    record = make_record(
        feature=HOSTILE, title=HOSTILE, feature_file=HOSTILE, slug=HOSTILE,
        description=HOSTILE, rule=HOSTILE, tags=(HOSTILE,), example={HOSTILE: HOSTILE},
        error=HOSTILE, steps=(step,), verdicts=(verdict,),
    )  # fmt: skip
    outline = Outline(page([record, clean], tmp_path, title=HOSTILE))
    assert outline.count("script") == outline.count("img") == 0
    assert all("onerror" not in attributes for _tag, attributes in outline.elements)


@pytest.mark.parametrize("outcome", [str(outcome) for outcome in ScenarioOutcome])
def test_every_outcome_has_a_page(
    make_record: Make, tmp_path: Path, outcome: str
) -> None:
    text = page([make_record(outcome)], tmp_path)
    Outline(text)
    assert "Emulated evidence: this certifies nothing." in text
    assert "CrowdFlex WP5, Table 4, winter 2022/23" in text
    assert "Maker Model 1.0" in text


def test_the_page_is_the_same_for_the_same_run(
    sample: Any, builtin_report: Path, tmp_path: Path
) -> None:
    again = write_report(sample.folder, tmp_path / "again.html")
    assert again.read_bytes() == builtin_report.read_bytes()


def test_requirements_are_shown_with_their_scenarios_and_the_worst_outcome(
    make_record: Make, tmp_path: Path
) -> None:
    records = [make_record(), make_record("fail"), make_record(tags=("ev", "Bm"))]
    text = page(records, tmp_path)
    shown = text.partition('id="requirements"')[2].partition("</section>")[0]
    assert "Balancing Mechanism" in shown
    for one in records[:2]:
        assert f'href="#{one.slug}"' in shown
    assert 'class="pill fail"' in shown
    assert 'class="pill pass"' not in shown
    assert 'id="requirements"' not in page([records[2]], tmp_path)


def test_what_did_not_pass_comes_first_with_its_reason(
    make_record: Make, tmp_path: Path
) -> None:
    broken = make_record(
        "broken", verdicts=(), steps=(), error="rig: silence\nand more"
    )
    text = page([make_record(), make_record("fail"), broken], tmp_path)
    Outline(text)
    first = text.partition('id="not-passed"')[2].partition("</section>")[0]
    assert text.index('id="not-passed"') < text.index('id="verdicts"')
    assert "rig: silence" in first
    assert "and more" not in first
    assert "ev: turn-up response time" in first
    assert 'class="pill pass"' not in first
    assert 'id="not-passed"' not in page([make_record(), make_record()], tmp_path)


def test_features_are_listed_with_the_worst_that_happened_in_them(
    make_record: Make, tmp_path: Path
) -> None:
    here = {"feature": "Secure", "feature_file": "features/services/secure.feature"}
    records = [make_record(), make_record(**here), make_record("fail", **here)]
    text = page(records, tmp_path)
    contents = text.partition('id="contents"')[2].partition("</nav>")[0]
    assert '<a href="#feature-secure">Secure</a>' in contents
    assert 'id="feature-secure"' in text
    assert contents.count('class="pill fail"') == 1
    assert contents.count('class="pill pass"') == 1
    assert 'id="contents"' not in page(records[:1], tmp_path)


def test_many_rigs_are_a_list_to_be_opened(make_record: Make, tmp_path: Path) -> None:
    one = make_record()
    records = [
        make_record(trial=replace(one.trial, rig=f"Rig <{name}>")) for name in "abcd"
    ]
    text = page(records, tmp_path)
    assert "<summary>On 4 rigs</summary>" in text
    assert "<li>Rig &lt;d&gt;</li>" in text
    assert "<p>On Rig &lt;a&gt;.</p>" in page(records[:1], tmp_path)


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no scenario was recorded here"):
        write_report(tmp_path, tmp_path / "report.html")


@pytest.mark.parametrize("name", ["gone.svg", "../../secret.svg"])
def test_a_figure_that_is_not_in_the_folder_is_named(
    make_record: Make, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret.svg").write_text("<svg/>")
    figure = FigureRecord("Power", name, "Power")
    step = StepRecord("Then", "x", StepStatus.PASSED, figures=(0,))
    record = make_record(figures=(figure,), steps=(step,))
    with pytest.raises(EvidenceError, match=re.escape(name)):
        page([record], tmp_path)


def test_allure_knows_an_open_question_from_a_bench_fault(
    allure_report: Path, browser: Any
) -> None:
    last = "Bench fault: no device is judged"
    text = browser.open(allure_report, until=last, fragment="#categories").text
    assert "A device missed its bound" in text
    assert "Inconclusive: the evidence does not decide" in text


def test_allure_shows_the_rig(allure_page: Any) -> None:
    assert "emulated home" in allure_page.text


def test_without_node_the_reason_is_said_and_nothing_is_made(
    sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    assert generate(sample.results, tmp_path / "a.html", say=said.append) is None
    assert said == [
        "No Allure report: Node is not installed. Try: npm install in reports/; "
        "the built-in report needs no Node."
    ]
    assert not (tmp_path / "a.html").exists()


def fake_tools(folder: Path, allure: str) -> str:
    """Put a `node` that does nothing and an `allure` of one's own on a PATH."""
    for name, text in (("node", "exit 0"), ("allure", allure)):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be a user with an installed wheel: no clone, so no reports/node_modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        allure_html, "__file__", str(tmp_path / "site/harness/reporting/x.py")
    )
    return tmp_path


def test_the_allure_of_java_is_not_taken_for_allure_3(
    sample: Any, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fake_tools(elsewhere, "echo 2.46.1"))
    said: list[str] = []
    assert generate(sample.results, elsewhere / "a.html", say=said.append) is None
    assert "version 2.46.1, not 3" in said[0]


def test_an_allure_that_fails_is_reported_with_its_last_word(
    sample: Any, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'test "$1" = --version && echo 3.18.0 && exit; echo no space left >&2; exit 1'
    )
    monkeypatch.setenv("PATH", fake_tools(elsewhere, script))
    with pytest.raises(UsageError, match="Allure failed: no space left"):
        generate(sample.results, elsewhere / "a.html")


def test_no_results_is_a_mistake_not_an_empty_report(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no Allure results"):
        generate(tmp_path, tmp_path / "a.html")


TRACKED = (
    '<body><script async src="https://www.googletagmanager.com/gtag/js?id=G-1">'
    "</script>\n<script>\nwindow.dataLayer = [];\n"
    "function gtag(){dataLayer.push(arguments);}\ngtag('js', new Date());\n</script>"
    "<p>kept</p></body>"
)


def test_the_tracker_is_cut_out_and_nothing_else() -> None:
    assert silence(TRACKED) == "<body><p>kept</p></body>"


@pytest.mark.parametrize(
    "page_text",
    [
        '<script src="https://cdn.invalid/x.js"></script>',
        "<img src='http://cdn.invalid/x.png'>",
        '<link rel="stylesheet" href="https://cdn.invalid/x.css">',
        "<script>load('https://www.googletagmanager.com/')</script>",
    ],
)
def test_a_report_that_could_still_call_home_is_refused(page_text: str) -> None:
    with pytest.raises(UsageError, match="loads something from a network"):
        silence(page_text)
