"""The conformance kit: everything that a driver must be, looked at on its emulator."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from harness.core.bench import Driver
from harness.core.capabilities import Polled
from harness.core.clock import BenchClock
from harness.core.errors import FlexrigError
from harness.core.faults import Breakable, Fault, FaultKind
from harness.core.virtual_loop import VirtualLoop
from harness.kit.badpeers import Manner, loses_its_device, meets
from harness.kit.stand import Stand, begins, is_meter, standing
from harness.kit.steering import (
    PROBES,
    ask_for_less,
    ask_for_some,
    draws,
    steady_w,
    until,
)
from harness.kit.transcript import replay
from harness.rig.drivers import folder_of
from harness.rig.findings import Finding, failed, not_applicable, passed

UNITS = (
    "_w",
    "_wh",
    "_v",
    "_a",
    "_hz",
    "_var",
    "_va",
    "_c",
    "_percent",
    "_s",
    "_min",
    "_people",
)
"""How a quantity's name must end, so that its unit is in it; a bare ratio or a state
is named in `UNITLESS`, and states say so."""
UNITLESS = ("power_factor", "on", "pulses")
STATES = ("_state", "_status", "_mode")
OWN_WORD_PERCENT = 15.0
"""How far a device's own power may be from the truth: it is no meter. [%]"""
METER_PERCENT = 3.0
AMOUNTS = {
    FaultKind.EXCEPTION: 4.0,
    FaultKind.SILENT_REVERT: 30.0,
    FaultKind.CLOCK_STEP: 60.0,
    FaultKind.CLOCK_DRIFT: 60.0,
    FaultKind.SCALED: 1000.0,
    FaultKind.REPLAYED_BACKLOG: 60.0,
    FaultKind.LATE_BACKLOG: 30.0,
    FaultKind.RAMPS_WRONG: 0.1,
    FaultKind.REBOOTS: 30.0,
}
Check = Callable[[Driver, BenchClock], Awaitable[Finding]]


def check_driver(driver: Driver) -> Iterator[Finding]:
    """Look at a driver from every side, on virtual time; findings as they come."""
    yield _describes_itself(driver)
    yield from transcripts(driver)
    for check in CHECKS:
        yield _on_virtual_time(check, driver)
    for manner in Manner:
        yield _on_virtual_time(_met(manner), driver)
    for capability in driver.capabilities:
        probe = PROBES.get(capability)
        if probe is not None:
            yield _on_virtual_time(_probed(probe), driver)


def _probed(probe: Callable[..., Awaitable[Finding]]) -> Check:
    async def check(driver: Driver, clock: BenchClock) -> Finding:
        async with standing(driver, clock) as stand:
            return await probe(stand)

    check.__name__ = probe.__name__
    return check


def _met(manner: Manner) -> Check:
    async def check(driver: Driver, clock: BenchClock) -> Finding:
        return await meets(driver, manner, clock)

    return check


def _replayed(path: Path) -> Check:
    async def check(driver: Driver, clock: BenchClock) -> Finding:
        address = driver.address_form.replace("HOST:PORT", "127.0.0.1:{port}")
        return await replay(driver, path, address.replace("UNIT", "1"), clock)

    return check


def _on_virtual_time(check: Check, driver: Driver) -> Finding:
    """Carry out one check; whatever it raises is a finding too."""

    async def begun() -> Finding:
        return await check(driver, BenchClock(begins(driver)))

    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(begun())
    except FlexrigError as error:
        return failed(_name(check), str(error), error.hint)
    except Exception as error:  # a defect of the driver, and what is looked for
        fact = f"{type(error).__name__}: {error}"
        return failed(_name(check), fact, "the driver's own tests")


def _name(check: Check) -> str:
    return getattr(check, "__name__", "check").strip("_").replace("_", " ")


def _describes_itself(driver: Driver) -> Finding:
    """Whether ``flexrig devices`` can show it."""
    check = "describes itself"
    needed = ("maker", "wire", "source")
    missing = [name for name in needed if not getattr(driver, name)]
    missing += [name for name in needed if "TODO" in getattr(driver, name)]
    if not driver.address_form and not driver.not_dispatchable:
        missing.append("address_form")
    if missing:
        return failed(
            check, f"{', '.join(missing)} is not said", "say so in its DRIVER object"
        )
    if driver.kindness.source == "" and driver.kindness != type(driver.kindness)():
        return failed(
            check, "its kindness has no source", "the document, or unverified"
        )
    return passed(check, f"{driver.maker}, {driver.wire}: {driver.source}")


def transcripts(driver: Driver) -> Iterator[Finding]:
    """Replay every transcript beside the driver's module; none is a finding."""
    folder, name = folder_of(driver), driver.name.rpartition("/")[2]
    found = sorted(folder.glob(f"transcripts/{name}*.toml"))
    for path in found:
        yield _on_virtual_time(_replayed(path), driver)
    if found or (driver.not_dispatchable and Polled not in driver.capabilities):
        return
    tests = _tests_with_bytes(driver, folder)
    if tests:
        yield passed("transcripts", f"in {', '.join(path.name for path in tests)}")
    else:
        yield failed(
            "transcripts",
            "no bytes from the maker's document were ever shown to it",
            f"transcripts/{name}.toml beside the driver, see `flexrig new-device`",
        )


def _tests_with_bytes(driver: Driver, folder: Path) -> list[Path]:
    """Test files of a clone that say they show this driver the document's bytes.

    Such a file holds ``TRANSCRIPTS_OF = ("family/name", …)``.
    """
    said = re.compile(rf"^TRANSCRIPTS_OF = .*\"{re.escape(driver.name)}\"", re.M)
    tests = folder.parent.parent / "tests" / "devices"
    return [
        path for path in sorted(tests.glob("*.py")) if said.search(path.read_text())
    ]


async def _claims_what_it_can(driver: Driver, clock: BenchClock) -> Finding:
    """Claimed capabilities are there, and none is there unclaimed."""
    check = "claims what it can"
    async with standing(driver, clock) as stand:
        every = {*PROBES, Polled}
        has = {one for one in every if isinstance(stand.device, one)}
        claimed = set(driver.capabilities) & every
    for one in sorted(claimed - has, key=lambda kind: kind.__name__):
        return failed(check, f"{one.__name__} is claimed, not there", "its methods")
    for one in sorted(has - claimed, key=lambda kind: kind.__name__):
        return failed(
            check, f"{one.__name__} is there, not claimed", "DRIVER.capabilities"
        )
    return passed(check, ", ".join(sorted(one.__name__ for one in has)) or "nothing")


async def _says_who_it_is(driver: Driver, clock: BenchClock) -> Finding:
    """Maker and model, the same before and after."""
    check = "says who it is"
    async with standing(driver, clock) as stand:
        first = await stand.device.identify()
        if not stand.ear.heard and not driver.not_dispatchable:
            return failed(
                check, "ready and identified, it recorded nothing of the wire",
                "context.wire for each message",
            )  # fmt: skip
        second = await stand.device.identify()
    if not first.maker or not first.model:
        return failed(check, f"maker {first.maker!r}, model {first.model!r}", "both")
    if first != second:
        return failed(check, f"{first} became {second}", "the same answer each time")
    return passed(check, f"{first.maker} {first.model} {first.serial}".strip())


async def _names_units(driver: Driver, clock: BenchClock) -> Finding:
    """Readings are finite, named with their unit, and those that were announced."""
    check = "names units"
    async with standing(driver, clock) as stand:
        if isinstance(stand.device, Polled):
            readings = list(await stand.device.poll())
            strange = {one.quantity for one in readings} - set(stand.device.quantities)
            if strange:
                return failed(
                    check, f"{', '.join(sorted(strange))} not in quantities", "add it"
                )
        else:
            await stand.own_reading("power_w", 120.0)
            readings = stand.ear.pushed
    if not readings:
        return not_applicable(check, "it gives no readings")
    for one in readings:
        if not one.quantity.endswith(UNITS + STATES) and one.quantity not in UNITLESS:
            return failed(check, f"{one.quantity!r} has no unit", f"one of {UNITS}")
        if math.isinf(one.value):
            return failed(check, f"{one.quantity} is {one.value}", "a LinkError")
    return passed(check, ", ".join(sorted({one.quantity for one in readings})))


async def _tells_the_truth(driver: Driver, clock: BenchClock) -> Finding:
    """Its power has the unit, the size and the sign of what truly flows."""
    check = "tells the truth"
    async with standing(driver, clock) as stand:
        if is_meter(driver):
            return await _meter_tells(check, stand)
        await ask_for_some(stand)
        if not await draws(stand):
            return not_applicable(check, "the emulator draws nothing")
        await steady_w(stand)
        own_w = await stand.own_reading("power_w", 120.0)
        true_w = stand.true_w()
    if own_w is None:
        return not_applicable(check, "it gives no power of its own")
    if abs(own_w - true_w) > OWN_WORD_PERCENT / 100 * abs(true_w) + 50:
        return failed(
            check, f"it says {own_w:.0f} W, {true_w:.0f} W flow", "unit, sign, scale"
        )
    return passed(check, f"it says {own_w:.0f} W, {true_w:.0f} W flow")


async def _meter_tells(check: str, stand: Stand) -> Finding:
    said = []
    for true_w in (1000.0, 3000.0, -500.0):
        stand.load.watts = true_w
        await stand.watch(120.0)
        shown_w = await stand.own_reading("power_w", 120.0)
        if shown_w is None:
            return failed(check, "a meter that gives no power_w", "power_w in poll()")
        feeds_in = true_w < 0
        silent = math.isnan(shown_w) or abs(shown_w) < 0.1 * abs(true_w)
        if feeds_in and silent:
            said.append("export is not shown")
            continue
        if not abs(shown_w - true_w) <= METER_PERCENT / 100 * abs(true_w) + 5:
            return failed(
                check, f"it shows {shown_w:.1f} W at {true_w:.0f} W",
                "unit, sign, scale and word order; import is positive",
            )  # fmt: skip
        said.append(f"{shown_w:.0f} W at {true_w:.0f} W")
    return passed(check, ", ".join(said))


async def _counts_energy(driver: Driver, clock: BenchClock) -> Finding:
    """An hour at a kilowatt is a kilowatt-hour."""
    check = "counts energy"
    if not is_meter(driver):
        return not_applicable(check, "not a meter")
    async with standing(driver, clock) as stand:
        stand.load.watts = 1000.0
        await stand.wait(120.0)
        before = await _energy_wh(stand)
        if before is None:
            return not_applicable(check, "it gives no energy")
        from_s = clock.now_s()
        await stand.wait(3600.0)
        after = await _energy_wh(stand)
        hours = (clock.now_s() - from_s) / 3600
    assert after is not None  # noqa: S101 - it was there an hour ago
    if abs(after - before - 1000 * hours) > 20:
        fact = f"an hour at 1,000 W counted {after - before:.1f} Wh"
        return failed(check, fact, "the unit of the energy register")
    return passed(check, f"{after - before:.1f} Wh in an hour at 1,000 W")


async def _energy_wh(stand: Stand) -> float | None:
    """Newest import energy: some meters give it only with every tenth poll."""
    return await stand.own_reading("energy_import_wh", 120.0)


async def _lets_go(driver: Driver, clock: BenchClock) -> Finding:
    """Its safe state undoes what was asked, and can be asked for twice."""
    check = "lets go"
    async with standing(driver, clock) as stand:
        before_w = stand.true_w()
        if await ask_for_some(stand):
            return await _rests_again(check, stand, before_w)
        if not await draws(stand):
            await stand.device.make_safe()
            return not_applicable(check, "the emulator draws nothing")
        before_w = await steady_w(stand)
        answer = await ask_for_less(stand)
        if answer is None:
            await stand.device.make_safe()
            return not_applicable(check, "nobody can ask it for anything")
        await stand.wait(300.0)
        await stand.device.make_safe()
        await stand.device.make_safe()

        def back() -> bool:
            return abs(stand.true_w()) >= 0.8 * abs(before_w)

        if not await until(stand, back, 2 * 3600.0):
            return failed(
                check, f"safe, it stayed at {stand.true_w():.0f} W", "make_safe()"
            )
    return passed(check, f"back at {before_w:.0f} W, asked twice")


async def _rests_again(check: str, stand: Stand, before_w: float) -> Finding:
    """What was told to draw does what it did before, once it is safe."""
    await stand.wait(300.0)
    await stand.device.make_safe()
    await stand.device.make_safe()

    def rests() -> bool:
        return abs(stand.true_w() - before_w) < 100.0

    if not await until(stand, rests, 900.0):
        return failed(
            check, f"safe, it stayed at {stand.true_w():.0f} W", "make_safe()"
        )
    return passed(check, f"back at {before_w:.0f} W, asked twice")


async def _has_the_faults_it_names(driver: Driver, clock: BenchClock) -> Finding:
    """Each fault can be imposed and lifted; unknown ones are refused."""
    check = "has the faults it names"
    async with standing(driver, clock) as stand:
        emulator = stand.emulator
        if not isinstance(emulator, Breakable):
            return failed(check, "its emulator cannot be made faulty", "Breakable")
        if set(emulator.breaks) != set(driver.faults):
            differ = set(emulator.breaks) ^ set(driver.faults)
            names = ", ".join(sorted(differ))
            return failed(check, f"named at one end only: {names}", "DRIVER.faults")
        for kind in emulator.breaks:
            emulator.impose(Fault(kind, AMOUNTS.get(kind, math.nan)))
            await stand.wait(5.0)
            emulator.lift(kind)
        others = [kind for kind in FaultKind if kind not in emulator.breaks]
        for kind in others:
            try:
                emulator.impose(Fault(kind, AMOUNTS.get(kind, 1.0)))
            except ValueError:
                continue
            return failed(check, f"it took {kind.name}, which it has not", "ValueError")
    return passed(check, ", ".join(kind.name.lower() for kind in driver.faults))


CHECKS: tuple[Check, ...] = (
    _claims_what_it_can,
    _says_who_it_is,
    _names_units,
    _tells_the_truth,
    _counts_energy,
    _lets_go,
    _has_the_faults_it_names,
    loses_its_device,
)
