"""A step that would never run is an error, never a pass."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
from pytest_bdd import given
from harness.steps.guard import StepGuard

def pytest_configure(config):
    config.pluginmanager.register(StepGuard())

@given("a plain step")
def _(): ...

@given("an async step")
async def _():
    raise AssertionError("this never runs")

@given("an async generator")
async def _():
    yield
"""


def run(pytester: pytest.Pytester, step: str) -> pytest.RunResult:
    """Run one scenario of one step."""
    pytester.makeconftest(CONFTEST)
    pytester.makefile(".feature", a=f"Feature: F\n  Scenario: S\n    Given {step}\n")
    pytester.makepyfile("from pytest_bdd import scenarios\nscenarios('a.feature')\n")
    return pytester.runpytest_inprocess("-p", "no:flexrig", "-p", "no:cacheprovider")


@pytest.mark.parametrize("step", ["an async step", "an async generator"])
def test_an_async_step_turns_the_scenario_red(
    pytester: pytest.Pytester, step: str
) -> None:
    done = run(pytester, step)
    done.assert_outcomes(failed=1)
    output = done.stdout.str()
    assert "is an async function, which never runs. Try:" in output
    assert "line 3" in output


def test_a_plain_step_runs(pytester: pytest.Pytester) -> None:
    run(pytester, "a plain step").assert_outcomes(passed=1)
