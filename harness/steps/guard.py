"""Refuse steps that pytest-bdd would silently not run."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from pytest_bdd.parser import Feature, Step

from harness.core.errors import FeatureError


class StepGuard:
    """A pytest plugin: an ``async def`` step is an error, never a pass.

    pytest-bdd 9 makes the coroutine and drops it, so that such a step passes
    without having done anything (pytest-bdd issue 223).
    """

    def pytest_bdd_before_step_call(
        self, feature: Feature, step: Step, step_func: Callable[..., object]
    ) -> None:
        """Stop before a step that would be dropped."""
        where = f"{feature.rel_filename} line {step.line_number}"
        refuse_async(step_func, step.name, where)


def refuse_async(step_func: Callable[..., object], text: str, where: str) -> None:
    """Refuse a step function that would be dropped.

    Raises
    ------
    FeatureError
        If it is a coroutine function or an asynchronous generator.
    """
    plain = inspect.unwrap(step_func)
    if inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
        raise FeatureError(
            where,
            f"the step {text!r} is an async function, which never runs",
            "a plain function that writes to the plan",
        )
