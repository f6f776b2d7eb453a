"""A run with every kind of ending, made once, and what the tests need to look at it."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from harness.analysis.estimate import Contribution, Estimate
from harness.checks.verdict import Grade, Outcome, Verdict
from harness.core.calendar import LONDON
from harness.reporting.allure_html import generate
from harness.reporting.builtin_html import write_report
from harness.reporting.record import (
    FigureRecord,
    ScenarioOutcome,
    ScenarioRecord,
    StepRecord,
    StepStatus,
    TrialFacts,
)
from harness.rulebook.rule import Rule

RULE = Rule(
    "crowdflex/table4/ev-turn-up-response", "turn-up response time", None, 30.0, "s",
    "CrowdFlex WP5, Table 4", "winter 2022/23", "verified", date(2022, 11, 1),
)  # fmt: skip
BUDGET = (
    Contribution("sampling interval", 0.29, "B", "1 Hz, rectangular"),
    Contribution("meter", 0.2, "B", "SDM630 class 1"),
)
MARKS = (
    ("sent", 0.0),
    ("acknowledged", 0.12),
    ("first movement", 2.0),
    ("90 %", 7.1),
    ("settled", 8.3),
)


@pytest.fixture
def make_verdict() -> Callable[..., Verdict]:
    """Return a maker of verdicts; say only what matters to the test."""

    def make(
        outcome: str = "pass", value: float = 8.3, rule: Rule = RULE, **more: Any
    ) -> Verdict:
        measured = Estimate(value, rule.unit, BUDGET, marks=MARKS)
        known: dict[str, Any] = {
            "subject": "ev",
            "statement": "the EV responds in the published time",
            "measured": measured,
            "rule": rule,
            "decision_rule": "guard-band",
            "outcome": Outcome(outcome),
            "grade": Grade.EMULATED,
            "channels": ("meter_ev.power_w",),
            "probability": 0.9999,
            "margin": 30.0 - value,
        }
        return Verdict(**{**known, **more})

    return make


@pytest.fixture
def make_record(make_verdict: Callable[..., Verdict]) -> Callable[..., ScenarioRecord]:
    """Return a maker of scenario records."""

    def make(outcome: str = "pass", **more: Any) -> ScenarioRecord:
        verdict = make_verdict(
            outcome if outcome != "broken" else "pass",
            value=8.3 if outcome != "inconclusive" else math.nan,
        )
        known: dict[str, Any] = {
            "feature": "Balancing Mechanism",
            "title": f"A scenario that ends as {outcome}",
            "feature_file": "features/services/balancing_mechanism.feature",
            "slug": f"balancing-mechanism--{outcome.replace(' ', '-')}-abcdef",
            "outcome": ScenarioOutcome(outcome),
            "tags": ("BM", "ev"),
            "example": {"limit": "1.4 kW"},
            "trial": TrialFacts(
                rig="emulated home",
                grade=Grade.EMULATED,
                decision_rule="guard-band",
                seed=7,
                starts_at=datetime(2027, 1, 14, 16, 0, tzinfo=LONDON),
                bench_s=16_000.0,
                speed=812.0,
                sections={"Identities": {"ev": "Maker Model 1.0"}},
            ),
            "steps": (
                StepRecord(
                    "Then", "the EV responds", StepStatus.PASSED, 12,
                    (("a", "b"), ("1", "2")), "text", "", (0,), (),
                ),
            ),
            "verdicts": (verdict,),
        }  # fmt: skip
        return ScenarioRecord(**{**known, **more})

    return make


@pytest.fixture
def figure_record() -> FigureRecord:
    """Return what is known of a figure."""
    return FigureRecord("EV power", "figure-01-ev-power.svg", "EV power over time")


CONFTEST = """
import pathlib
from datetime import date, datetime
import numpy as np
import pytest
from pytest_bdd import given, parsers, then, when
from harness.analysis.estimate import Contribution, Estimate
from harness.checks.verdict import Grade, Outcome, Verdict
from harness.core.calendar import LONDON
from harness.core.errors import LinkError
from harness.reporting import figures, record
from harness.reporting.allure_bridge import AllureBridge
from harness.reporting.recorder import ScenarioRecorder
from harness.rulebook.rule import Rule
from harness.steps.guard import StepGuard

def pytest_addoption(parser):
    parser.addoption("--run-folder")

def pytest_configure(config):
    folder = pathlib.Path(config.option.run_folder)
    sealed = lambda folder: (folder / "sealed").write_text("")
    config.pluginmanager.register(ScenarioRecorder(config, folder, written=sealed))
    config.pluginmanager.register(StepGuard())
    if config.option.allure_report_dir:
        config.pluginmanager.register(AllureBridge(config))

RULE = Rule("crowdflex/table4/ev-turn-up-response", "turn-up response time", None,
            30.0, "s", "CrowdFlex WP5, Table 4", "winter 2022/23", "verified",
            date(2022, 11, 1))
SOFT = Rule("flexrig/overshoot", "overshoot on return", None, 10.0, "%",
            "Flexrig definitions", "1", "unverified", date(2026, 1, 1))
BUDGET = (Contribution("sampling interval", 0.29, "B", "1 Hz, rectangular"),
          Contribution("reference meter", 0.2, "B", "SDM630, class 1"))
START = datetime(2027, 1, 14, 16, 0, tzinfo=LONDON)

def verdict(outcome, value, rule=RULE, **more):
    marks = (("sent", 0.0), ("acknowledged", 0.12), ("first movement", 2.0),
             ("90 %", value * 0.8), ("settled", value)) if rule is RULE else ()
    return Verdict("ev", "the EV responds in the published time",
        Estimate(value, rule.unit, BUDGET, marks=marks), rule, "guard-band",
        Outcome(outcome), Grade.EMULATED, ("meter_ev.power_w",), 0.99997,
        rule.at_most - value, **more)

def draw(took_s):
    rng = np.random.default_rng(1)
    t = np.arange(-600.0, 15300.0)
    true = np.where(t < 0, 1400.0, np.minimum(7360.0, 1400 + 5960 * t / took_s))
    true = np.where(t >= 14400, 1400.0, true)
    return figures.draw(figures.FigureSpec(
        f"EV: turn-up response time {took_s:g} s, at most 30 s", START,
        (t, true * 1.003 + rng.normal(0, 15, t.size)), truth=(t, true),
        own=(t[::60], true[::60] * 1.02),
        band=figures.Band(6992, 7728, 30, 14400), uncertainty_w=90.0,
        marks=(("sent", 0.0), ("acknowledged", 0.12), ("first movement", 2.0),
               ("90 %", took_s * 0.9), ("settled", took_s))))

@given("a home whose car is charging")
@given(parsers.parse("the published limits"))
def _(): ...

@given("the operator is told")
def _(docstring): ...

@when(parsers.parse("the ESO instructs the EV to turn up to {kw} kW"))
def _(request, kw):
    record.note_trial(request.node, record.TrialFacts(
        "emulated home", Grade.EMULATED, "guard-band", 7, START, 15900.0, 812.0,
        "reports/runs/x", "sha256:0123456789abcdef",
        {"Identities": {"ev": "Flexrig Emulated AC 1.0, firmware 1",
                        "meter_ev": "Eastron SDM230"},
         "Calibration": {"meter_ev": "class B, U 0.9 %, due 2027-06-30"}}))

@when("the meter falls silent")
def _():
    raise LinkError("emulated.toml [device.meter_ev] modbus://127.0.0.1:1502/1",
                    "nobody answers", "the power and the wiring")

@when("somebody divides by nothing")
def _():
    1 / 0

@when("a step is asynchronous")
async def _(): ...

@then("the EV responds in the published time")
def _(request):
    record.note_verdict(request.node, verdict("pass", 8.3))
    record.note_figure(request.node, "EV power, turn-up", draw(8.3), alt="EV power")

@then("the EV responds too late")
def _(request):
    record.note_verdict(request.node, verdict("fail", 88.0,
        reason="58 s past its bound", remedy="a device that ramps above 250 W/s"))
    record.note_figure(request.node, "EV power, turn-up", draw(88.0), alt="EV power")

@then("the EV returns without overshoot")
def _(request):
    record.note_verdict(request.node, verdict("pass", 2.1, SOFT))

@then(parsers.parse("the EV {outcome} when asked"))
def _(request, outcome):
    words = {"nearly passes": "conditional pass", "passes": "pass"}
    record.note_verdict(request.node, verdict(words[outcome], 29.5,
        reason="inside its bound by less than U"))

@then("nobody can say")
def _(request):
    record.note_verdict(request.node, verdict("inconclusive", float("nan"),
        reason="the meter was frozen for 40 s", remedy="a meter that updates"))

@then("it does not apply")
def _(request):
    record.note_verdict(request.node, verdict("not applicable", float("nan"),
        reason="the rig has no such meter"))
"""

FEATURE = """
@BM @REQ-001 @severity:critical @issue:42
Feature: Balancing Mechanism
  The ESO accepts a bid or an offer from an aggregated unit.

  Background:
    Given a home whose car is charging
    And the published limits
      | quantity              | at most | unit | rule                                 |
      | turn-up response time | 30      | s    | crowdflex/table4/ev-turn-up-response |

  @ev
  Scenario: The car takes more within half a minute
    When the ESO instructs the EV to turn up to 7.2 kW
    Then the EV responds in the published time
    And the EV returns without overshoot

  @ev @late
  Scenario: The car is late, and is judged on its return all the same
    When the ESO instructs the EV to turn up to 7.2 kW
    Then the EV responds too late
    And the EV returns without overshoot

  Scenario: The meter froze
    When the ESO instructs the EV to turn up to 7.2 kW
    Then nobody can say

  Scenario: The meter fell silent
    When the meter falls silent
    Then the EV responds in the published time
    And the EV returns without overshoot

  Scenario: Nothing to ask of this rig
    When the ESO instructs the EV to turn up to 7.2 kW
    Then it does not apply

  Scenario Outline: The car is asked for <kw> kW
    When the ESO instructs the EV to turn up to <kw> kW
    Then the EV <answer> when asked

    Examples:
      | kw  | answer        |
      | 7.2 | passes        |
      | 3.6 | nearly passes |
"""

FAULTS = """
Feature: What people get wrong <b>in a feature file</b>
  Nothing here is a device's fault. <script>alert(1)</script>

  Scenario: A phrase that nobody knows
    Given a home whose car is charging
    When the moon is full
    Then the EV responds in the published time

  Scenario: A defect of the harness itself
    When somebody divides by nothing
    Then the EV responds in the published time

  Scenario: A step that would never run
    When a step is asynchronous
    Then the EV responds in the published time

  Scenario: Nothing is judged
    Given the operator is told
      \"\"\"
      <img src=x onerror=alert(1)>
      \"\"\"
"""

COUNTS = {"pass": 2, "conditional pass": 1, "fail": 1, "inconclusive": 2,
          "broken": 4, "not applicable": 1}  # fmt: skip
"""How the scenarios of the sample end, as its feature files are written."""


OPTIONS = ("-p", "no:flexrig", "-p", "no:cacheprovider", "-W", "error",
           "--strict-markers", "-q")  # fmt: skip
"""The sample registers what it tests itself, so the product's plugin stays out."""


@dataclass(frozen=True, slots=True)
class SampleRun:
    """What a run of the sample left behind."""

    project: Path
    folder: Path
    results: Path
    output: str
    status: int = 1
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many scenarios should end in which outcome."""


def run_pytest(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a small project, as a person would, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *options],
        cwd=project, capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "160"},
    )  # fmt: skip


def write_project(folder: Path, features: dict[str, str]) -> None:
    """Write feature files, the steps of the sample, and a module that binds them."""
    services = folder / "features" / "services"
    services.mkdir(parents=True)
    for name, text in features.items():
        (services / name).write_text(text)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    binding = "from pytest_bdd import scenarios\nscenarios('features')\n"
    (folder / "test_features.py").write_text(binding)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """Run the sample once for all tests."""
    project = tmp_path_factory.mktemp("sample")
    write_project(
        project, {"balancing_mechanism.feature": FEATURE, "faults.feature": FAULTS}
    )
    folder, results = project / "run", project / "allure-results"
    done = run_pytest(project, "--run-folder", str(folder), "--alluredir", str(results))
    output = done.stdout + done.stderr
    return SampleRun(project, folder, results, output, done.returncode, COUNTS)


@pytest.fixture
def run_project(tmp_path: Path) -> Callable[..., SampleRun]:
    """Return a function that runs feature files of one's own with those steps.

    ``run(features, *options, pytester=pytester)`` runs in this process, which is
    quicker; a second call runs the project that the first one wrote. `more` is
    text to add to its Python files.
    """

    def run(
        features: dict[str, str],
        *options: str,
        pytester: pytest.Pytester | None = None,
        more: Mapping[str, str] | None = None,
    ) -> SampleRun:
        project = tmp_path / "project" if pytester is None else pytester.path
        if not (project / "conftest.py").exists():
            write_project(project, features)
        for name, text in (more or {}).items():
            with (project / name).open("a") as file:
                file.write(text)
        folder = project / "run"
        arguments = ("--run-folder", str(folder), *options)
        done: Any
        if pytester is None:
            done = run_pytest(project, *arguments)
            output, status = done.stdout + done.stderr, done.returncode
        else:
            done = pytester.runpytest_inprocess(*OPTIONS, *arguments)
            output, status = done.stdout.str() + done.stderr.str(), int(done.ret)
        return SampleRun(project, folder, project / "results", output, status)

    return run


@pytest.fixture(scope="session")
def builtin_report(sample: SampleRun) -> Path:
    """Return the built-in report of the sample."""
    return write_report(sample.folder, sample.project / "report.html")


@pytest.fixture(scope="session")
def allure_report(sample: SampleRun) -> Path:
    """Return the Allure report of the sample; Node and Allure must be here."""
    reasons: list[str] = []
    made = generate(
        sample.results, sample.project / "allure.html",
        environment={"Rig": "emulated home"}, say=reasons.append,
    )  # fmt: skip
    assert made is not None, f"{reasons} (make test installs both)"
    return made


class _RefusingProxy(socketserver.StreamRequestHandler):
    """Closes every connection, so that no test of ours ever reaches a network."""

    def handle(self) -> None:
        """Answer nothing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page as the browser shows it, and what it asked for to get there."""

    text: str
    html: str
    requests: tuple[str, ...]
    png: bytes


class Browser:
    """Chromium, driven over its DevTools protocol (version 1.3)."""

    PATIENCE_S, TRIES = 20, 2
    WAIT = (
        "new Promise(done => {{ const until = performance.now() + {patience_ms}; "
        "const look = () => document.body && "
        "document.body.innerText.includes({text}) ? done(true) "
        ": performance.now() > until ? done(false) "
        ": setTimeout(look, 50); look(); }})"
    )

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self._events: list[dict[str, Any]] = []

    def open(self, page: Path, until: str, fragment: str = "") -> Opened:
        """Open a file in a tab of its own and wait until it shows some text."""
        self._events.clear()
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        session = self._call(
            "Target.attachToTarget", targetId=target, flatten=True
        )["sessionId"]  # fmt: skip
        for domain in ("Network.enable", "Page.enable", "Runtime.enable"):
            self._call(domain, session)
        self._call("Page.navigate", session, url=page.as_uri() + fragment)
        for more in reversed(range(self.TRIES)):
            if self._shows(session, until):
                break
            shown = self._evaluate(session, "document.body.innerText")
            assert more, f"{until!r} never showed up in: {shown}"
            self._call("Page.reload", session)
        opened = Opened(
            self._evaluate(session, "document.body.innerText"),
            self._evaluate(session, "document.documentElement.outerHTML"),
            tuple(self._requests(session)),
            base64.b64decode(self._call("Page.captureScreenshot", session)["data"]),
        )
        self._call("Target.closeTarget", targetId=target)
        return opened

    def _shows(self, session: str, text: str) -> bool:
        """Wait for a text, as long as a person would before loading the page anew."""
        wait = self.WAIT.format(
            text=json.dumps(text), patience_ms=1000 * self.PATIENCE_S
        )
        while (found := self._evaluate(session, wait, wait=True)) is None:
            """The navigation replaced the document that was waiting."""
        return bool(found)

    def _requests(self, session: str) -> Iterator[str]:
        for event in self._events:
            if (event.get("sessionId"), event["method"]) == (
                session, "Network.requestWillBeSent",
            ):  # fmt: skip
                yield event["params"]["request"]["url"]

    def _evaluate(self, session: str, script: str, *, wait: bool = False) -> Any:
        done = self._call(
            "Runtime.evaluate", session, expression=script, awaitPromise=wait,
            returnByValue=True,
        )  # fmt: skip
        return done.get("result", {}).get("value")

    def _call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        self._sent += 1
        call = {"id": self._sent, "method": method, "params": params}
        self._socket.send(
            json.dumps({**call, "sessionId": session} if session else call)
        )
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == self._sent:
                result: dict[str, Any] = answer.get("result", {})
                return result
            self._events.append(answer)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Run one headless Chromium for a module, behind a proxy that leads nowhere."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    assert binary is not None, "Chromium is missing: make test installs it"
    profile = tmp_path_factory.mktemp("chromium")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _RefusingProxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        with subprocess.Popen(
            [binary, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync",
             f"--user-data-dir={profile}", "--remote-debugging-port=0",
             f"--proxy-server=127.0.0.1:{proxy.server_address[1]}",
             "--proxy-bypass-list=<-loopback>", "--window-size=1280,1600"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        ) as process:  # fmt: skip
            try:
                assert process.stderr is not None
                said = (re.search(r"ws://\S+", line) for line in process.stderr)
                address = next(found.group() for found in said if found)
                with connect(address, max_size=None, proxy=None) as socket:
                    yield Browser(socket)
            finally:
                process.terminate()
        proxy.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def builtin_page(browser: Browser, builtin_report: Path) -> Opened:
    """Return the built-in report as a browser shows it."""
    return browser.open(builtin_report, until="The car takes more within half a")


@pytest.fixture(scope="module")
def allure_page(browser: Browser, allure_report: Path) -> Opened:
    """Return the first page of the Allure report as a browser shows it."""
    return browser.open(allure_report, until="The car takes more within half a")
