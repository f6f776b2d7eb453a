"""Show every scenario in Allure as it was written and judged.

allure-pytest knows nothing of Gherkin. This plugin waits until a scenario's record
is complete, then fills allure-pytest's own result from it: title, labels, example
row, every step with its verdicts beneath it, figures, and the status. Because it
reads the record that all reports read, Allure cannot say something else.
"""

from __future__ import annotations

from collections.abc import Generator
from importlib.metadata import entry_points
from typing import Any

import allure_commons
import pytest
from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Status, TestResultContainer

from harness.core.errors import UsageError
from harness.reporting.allure_writer import AllureWriter, now_ms
from harness.reporting.record import record_of
from harness.reporting.recorder import scenario_folder

RIVAL = "allure_pytest_bdd"


def refuse_rival(plugins: pytest.PytestPluginManager) -> None:
    """Refuse to run beside allure-pytest-bdd, which reports the same scenarios.

    Call it in ``pytest_addoption``: with both installed, pytest would otherwise
    stop at "option names {'--alluredir'} already added".

    Raises
    ------
    pytest.UsageError
        If that plugin is loaded or about to be.
    """
    installed = any(one.name == RIVAL for one in entry_points(group="pytest11"))
    if plugins.has_plugin(RIVAL) or (installed and not plugins.is_blocked(RIVAL)):
        raise pytest.UsageError(
            str(
                UsageError(
                    "pytest plugins",
                    "allure-pytest-bdd reports the same scenarios as Flexrig does",
                    "pip uninstall allure-pytest-bdd, or -p no:allure_pytest_bdd",
                )
            )
        )


class AllureBridge:
    """A pytest plugin that fills Allure's results from scenario records.

    Register it when ``--alluredir`` is given, beside `ScenarioRecorder`.
    """

    def __init__(self, config: pytest.Config) -> None:
        refuse_rival(config.pluginmanager)
        self._config = config
        self._times: list[tuple[int, int]] = []
        self._began = 0

    def pytest_sessionstart(self) -> None:
        """Keep fixtures that went well out of the report: every step is one."""
        for logger in allure_commons.plugin_manager.get_plugins():
            if isinstance(logger, AllureFileLogger):
                _keep_only_troubled_fixtures(logger)

    def pytest_runtest_setup(self) -> None:
        """Forget the steps of the scenario before."""
        self._times = []

    def pytest_bdd_before_step(self) -> None:
        """Note when a step began, on the wall clock that Allure shows."""
        self._began = now_ms()

    def pytest_bdd_after_step(self) -> None:
        """Note when a step ended."""
        self._times.append((self._began, now_ms()))

    def pytest_bdd_step_error(self) -> None:
        """Note when a step ended."""
        self._times.append((self._began, now_ms()))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fill the result once the record is complete; runs after all others."""
        report = yield
        record = record_of(item) if call.when == "teardown" else None
        if record is not None:
            listener: Any = self._config.pluginmanager.get_plugin("allure_listener")
            writer = AllureWriter(listener.allure_logger, scenario_folder(item))
            writer.write(record, self._times, self._config.option.allure_link_pattern)
        return report


def _keep_only_troubled_fixtures(logger: Any) -> None:  # noqa: ANN401 - untyped
    """Drop set-ups that passed: one file each, and every step definition is one."""
    write = logger._report_item  # noqa: SLF001 - the only place where all are written

    def write_if_told(item: object) -> None:
        if isinstance(item, TestResultContainer):
            parts = [*item.befores, *item.afters]  # codespell:ignore befores
            # A finalizer that ended well has no status at all.
            if all(part.status in (None, Status.PASSED) for part in parts):
                return
        write(item)

    logger._report_item = write_if_told  # noqa: SLF001
