"""Functions of an inverter that let go by themselves when nobody refreshes them.

A function (a power setpoint, a limit, a reactive setpoint) has settings, an enable
point and a reversion time. While it is enabled and its reversion time is not 0, a
timer runs; when it runs out, the device takes the reversion settings, and here those
disable the function. Source: SunSpec DER Information Model Specification 3.2, by way
of the maintainers' answers in github.com/sunspec/models, issues 193, 213 and 215:
unverified. Whether it is enough to write the same values again is left open there, so
that a refresh writes the settings and the enable point: one of them restarts it.

Of a harness that dies, the device is rid after the reversion time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devices.links.sunspec import SunSpecLink
from devices.links.sunspec_map import Raw
from harness.core.errors import LinkError

REFRESHES = 3
"""Refreshes in each reversion time: two may be lost before the device lets go."""
SLACK_S = 3.0
"""What a remaining time may lack, counted in whole seconds, before it is remarked."""


@dataclass(frozen=True, slots=True)
class Function:
    """The points of one function, by name."""

    model: int
    enable: str
    revert_after: str
    """Reversion time. [s]"""
    revert_enable: str = ""
    """What `enable` becomes by reversion; empty where the model has no such point."""
    remaining: str = ""
    """Reversion time that is left, if the model has it. [s]"""


SET_POWER = Function(704, "WSetEna", "WSetRvrtTms", "WSetEnaRvrt", "WSetRvrtRem")
SET_REACTIVE = Function(
    704, "VarSetEna", "VarSetRvrtTms", "VarSetEnaRvrt", "VarSetRvrtRem"
)
LIMIT_EXPORT = Function(
    704, "WMaxLimPctEna", "WMaxLimPctRvrtTms", "WMaxLimPctEnaRvrt", "WMaxLimPctRvrtRem"
)
LIMIT_EXPORT_123 = Function(123, "WMaxLim_Ena", "WMaxLimPct_RvrtTms")
"""The older model of the same; it says nothing of the time that is left."""


class HeldFunction:
    """One function, engaged and then refreshed until it is released.

    Parameters
    ----------
    link : SunSpecLink
        The device.
    function : Function
        Its points.
    reversion_s : int
        After so long without a refresh the device lets go. [s]
    remark : callable
        Hears, in one sentence, what the device did unasked.
    """

    def __init__(
        self,
        link: SunSpecLink,
        function: Function,
        *,
        reversion_s: int,
        remark: Callable[[str], None],
    ) -> None:
        self._link, self._points = link, function
        self._reversion_s, self._remark = reversion_s, remark
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def is_held(self) -> bool:
        """Whether it is being refreshed."""
        return self._task is not None and not self._task.done()

    async def engage(self, settings: Mapping[str, float]) -> tuple[bool, str]:
        """Set it, enable it, read it back, and refresh it from now on.

        The reversion time goes first and the enable point last, so that at no
        moment a value stands that nothing would undo.

        Returns
        -------
        tuple of bool and str
            Whether the device holds what was written, and what it holds, in its own
            words.

        Raises
        ------
        LinkError
            If the wire fails or the device refuses; nothing is refreshed then.
        """
        await self.stop()
        points = self._points
        timer = {points.revert_enable: 0.0} if points.revert_enable else {}
        timer[points.revert_after] = float(self._reversion_s)
        wanted = await self._link.write(points.model, timer)
        written = await self._write(settings)
        wanted |= written
        held = await self._link.read(points.model, wanted)
        taken = _same(held, wanted)
        if taken:
            self._task = asyncio.create_task(self._refresh(settings, written))
        else:
            # Nothing may stay in force that nobody refreshes.
            await self._link.write(points.model, {points.enable: 0.0})
        return taken, f"{_shown(held)}, read back"

    async def release(self) -> tuple[bool, str]:
        """Disable it, unless it is disabled already, and refresh it no more."""
        await self.stop()
        points = self._points
        held = await self._link.read(points.model, (points.enable,))
        if held[points.enable] not in (0, None):
            await self._link.write(points.model, {points.enable: 0.0})
            held = await self._link.read(points.model, (points.enable,))
        return held[points.enable] in (0, None), f"{_shown(held)}, read back"

    async def stop(self) -> None:
        """Refresh it no more: the device lets go after the reversion time.

        Waits for a refresh that is under way: a request that is given up leaves a
        reply behind that the next one would have to sit out.
        """
        task, self._task = self._task, None
        if task is not None:
            async with self._turn:
                task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def _write(self, settings: Mapping[str, float]) -> dict[str, float]:
        """Write the settings, then the enable point; return what was written."""
        written = await self._link.write(self._points.model, settings)
        return written | await self._link.write(
            self._points.model, {self._points.enable: 1.0}
        )

    async def _refresh(
        self, settings: Mapping[str, float], written: Mapping[str, float]
    ) -> None:
        """Write it again and again; stop, and say so, once the device undid it."""
        interval_s = self._reversion_s / REFRESHES
        told = False
        while True:
            await asyncio.sleep(interval_s)
            async with self._turn:
                try:
                    held = await self._read_held(written)
                    if not _same(held, written):
                        # Setting it again would hide from the meters what it does.
                        self._remark(f"undone unasked: {_shown(held)}")
                        return
                    told = self._watch(held, interval_s, told)
                    await self._write(settings)
                except LinkError as error:
                    # A later refresh may get through; if none does, it lets go.
                    self._remark(f"not refreshed: {error.fact}")

    async def _read_held(self, written: Mapping[str, float]) -> dict[str, Raw | None]:
        points = self._points
        names = [*written, points.remaining] if points.remaining else list(written)
        return await self._link.read(points.model, names)

    def _watch(
        self, held: Mapping[str, Raw | None], interval_s: float, told: bool
    ) -> bool:
        """Remark, once, that the timer goes on in spite of refreshes."""
        left_s = held.get(self._points.remaining)
        if told or not isinstance(left_s, int | float):
            return told
        if left_s >= self._reversion_s - interval_s - SLACK_S:
            return False
        meaning = (
            "its watchdog does not see the refresh"
            if left_s
            else "its reversion timer does not run, so that it would never let go"
        )
        self._remark(
            f"{self._points.remaining} = {left_s:g} s {interval_s:g} s after a refresh "
            f"to {self._reversion_s} s: {meaning}"
        )
        return True


def _same(held: Mapping[str, Raw | None], wanted: Mapping[str, float]) -> bool:
    return all(held[name] == number for name, number in wanted.items())


def _shown(held: Mapping[str, Raw | None]) -> str:
    return ", ".join(f"{name} = {_text(value)}" for name, value in held.items())


def _text(value: Raw | None) -> str:
    if value is None:
        return "not implemented"
    return f"{value:g}" if isinstance(value, int | float) else value
