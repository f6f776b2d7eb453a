"""A SunSpec PV inverter: literal frames, both generations of models, and its faults.

Frames are worked out by hand as in ``test_battery_sunspec.py``. Model 704:
WMaxLimPctEna 14, WMaxLimPct 15, WMaxLimPctEnaRvrt 17, WMaxLimPctRvrtTms 18,
WMaxLimPct_SF 54. Model 123: WMaxLimPct 5, WMaxLimPct_RvrtTms 7, WMaxLim_Ena 9,
WMaxLimPct_SF 23.
"""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime

import pytest

from devices.solar.sunspec import DRIVER
from harness.core.capabilities import Device, LimitsExport, Polled
from harness.core.errors import BenchError, LinkError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.sunspec_bench import Bench, run, values

TRANSCRIPTS_OF = ("solar/sunspec",)

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)
GENERATIONS = pytest.mark.parametrize("models", ["700", "100"])


def lit(act, **options):
    """An inverter under a clear noon sky."""

    async def trial():
        bench = Bench(at=NOON, role="solar")
        options.setdefault("cloud_cover", 0.0)
        async with bench.both(DRIVER, **options) as (emulator, solar):
            return await act(bench, emulator, solar)

    return run(trial())


def test_it_is_what_it_claims_to_be():
    async def act(bench, emulator, solar):
        assert DRIVER.capabilities == (Device, Polled, LimitsExport)
        assert all(isinstance(solar, each) for each in DRIVER.capabilities)
        assert isinstance(emulator, Breakable)
        assert emulator.breaks == DRIVER.faults
        with pytest.raises(ValueError, match="nobody can 'clean'"):
            emulator.operate("clean")
        assert (await solar.identify()).serial == "FR-PV-0001"

    lit(act)


@GENERATIONS
def test_generation_reads_as_negative_power_and_exported_energy(models):
    async def act(bench, emulator, solar):
        await asyncio.sleep(600.0)
        read = await values(solar)
        assert read["power_w"] == pytest.approx(bench.power_w(), abs=1)
        assert -3680 <= read["power_w"] < -3000
        assert read["energy_export_wh"] == pytest.approx(
            emulator.panels.energy_export_wh, abs=1
        )
        assert set(read) == set(solar.quantities)
        assert ("energy_import_wh" in read) == (models == "700")

    lit(act, models=models)


@GENERATIONS
def test_a_limit_is_a_power_and_lets_go_when_the_harness_is_gone(models):
    async def act(bench, emulator, solar):
        free_w = bench.power_w()
        answer = await solar.limit_export_w(1840.0)
        assert answer.accepted
        assert "WMaxLimPct = 50" in answer.detail
        await asyncio.sleep(1800.0)
        assert bench.power_w() == pytest.approx(-1840, abs=1)
        await solar.close()
        await asyncio.sleep(90.0)
        assert bench.power_w() == pytest.approx(free_w, abs=80)

    lit(act, models=models)


@GENERATIONS
def test_make_safe_lifts_the_limit_and_may_be_called_twice(models):
    async def act(bench, emulator, solar):
        free_w = bench.power_w()
        await solar.limit_export_w(0.0)
        await asyncio.sleep(20.0)
        assert bench.power_w() == pytest.approx(2.0, abs=1e-6)
        await solar.make_safe()
        await solar.make_safe()
        await asyncio.sleep(20.0)
        assert bench.power_w() == pytest.approx(free_w, abs=20)

    lit(act, models=models)


FRAMES = {
    # 40296 + 17 is 9D79: not enabled after 60 s; + 15 is 9D77: 50.00 %; + 14: enabled.
    "700": ["9D79 0003 06 0000 0000003C", "9D77 0001 02 1388", "9D76 0001 02 0001"],
    # 40182 + 7 is 9CFD: after 60 s; + 5 is 9CFB; + 9 is 9CFF.
    "100": ["9CFD 0001 02 003C", "9CFB 0001 02 1388", "9CFF 0001 02 0001"],
}


@GENERATIONS
def test_a_limit_is_these_bytes(models):
    async def act(bench, emulator, solar):
        bench.wire.clear()
        await solar.limit_export_w(1840.0)
        # Behind the header: unit, function 10, then what is written.
        return [
            frame[16:] for sent, frame in bench.wire if sent and frame[14:16] == "10"
        ]

    base = {"700": 40296, "100": 40002 + 68 + 52 + 28 + 32}[models]
    assert base + {"700": 17, "100": 7}[models] == int(FRAMES[models][0][:4], 16)
    written = lit(act, models=models)
    assert written == [frame.replace(" ", "").lower() for frame in FRAMES[models]]


@pytest.mark.parametrize("power_w", [500.0, -3700.0, math.nan])
def test_a_power_that_panels_cannot_feed_in_is_refused(power_w):
    async def act(bench, emulator, solar):
        with pytest.raises(BenchError, match=r"it feeds in 0 to 3680 W\. Try:"):
            await solar.limit_export_w(-power_w)

    lit(act)


def test_a_limit_is_rounded_down_to_what_the_register_can_say():
    async def act(bench, emulator, solar):
        answer = await solar.limit_export_w(999.99)
        assert "WMaxLimPct = 27.17," in answer.detail
        await asyncio.sleep(20.0)
        assert -999.99 <= bench.power_w() < -999.0

    lit(act)


def test_a_night_has_nothing_to_limit_and_draws_a_little():
    async def trial():
        bench = Bench(at=datetime(2026, 12, 21, 23, tzinfo=UTC), role="solar")
        async with bench.both(DRIVER) as (_, solar):
            assert (await solar.limit_export_w(1000.0)).accepted
            await asyncio.sleep(60.0)
            return (await values(solar))["power_w"]

    assert run(trial()) == 2.0


# --- faults: the shared ones are tried on the battery; here, that they reach panels


def test_it_ignores_a_limit_until_the_fault_is_lifted():
    async def act(bench, emulator, solar):
        emulator.impose(Fault(FaultKind.IGNORES))
        assert (await solar.limit_export_w(1000.0)).accepted
        await asyncio.sleep(30.0)
        assert bench.power_w() < -3000
        emulator.lift(FaultKind.IGNORES)
        await asyncio.sleep(30.0)
        assert bench.power_w() == pytest.approx(-1000, abs=2)

    lit(act)


@GENERATIONS
def test_it_trips_and_comes_back(models):
    async def act(bench, emulator, solar):
        await values(solar)
        emulator.impose(Fault(FaultKind.TRIPS))
        assert bench.power_w() == 0.0
        assert (await values(solar))["power_w"] == 0.0
        assert any("FAULT" in told for told in bench.told())
        emulator.lift(FaultKind.TRIPS)
        await asyncio.sleep(30.0)
        assert bench.power_w() < -3000

    lit(act, models=models)


def test_it_ramps_at_a_wrong_pace():
    async def act(bench, emulator, solar):
        emulator.impose(Fault(FaultKind.RAMPS_WRONG, 0.05))
        await solar.limit_export_w(1000.0)
        await asyncio.sleep(20.0)
        assert bench.power_w() < -2000
        emulator.lift(FaultKind.RAMPS_WRONG)
        await asyncio.sleep(10.0)
        assert bench.power_w() == pytest.approx(-1000, abs=2)

    lit(act)


@GENERATIONS
def test_it_reboots_and_forgets_its_limit(models):
    async def act(bench, emulator, solar):
        await solar.limit_export_w(1000.0)
        emulator.impose(Fault(FaultKind.REBOOTS, 20.0))
        await asyncio.sleep(5.0)
        with pytest.raises(LinkError, match="nobody listens"):
            await solar.poll()
        await asyncio.sleep(60.0)
        assert (await values(solar))["power_w"] < -3000

    lit(act, models=models)


@GENERATIONS
@pytest.mark.parametrize("kind", [FaultKind.LOST_WATCHDOG, FaultKind.SILENT_REVERT])
def test_a_limit_that_is_lost_shows_in_power_and_is_told(models, kind):
    async def act(bench, emulator, solar):
        if kind is FaultKind.SILENT_REVERT:
            emulator.impose(Fault(kind, 5.0))
        await solar.limit_export_w(1000.0)
        await asyncio.sleep(0.1)
        emulator.impose(Fault(kind, 5.0))
        await asyncio.sleep(100.0)
        assert bench.power_w() < -3000
        assert any("undone unasked" in told for told in bench.told())

    lit(act, models=models)


@pytest.mark.parametrize(
    "kind", [FaultKind.EXCEPTION, FaultKind.GAP, FaultKind.WORD_SWAP]
)
def test_what_cannot_be_read_is_one_clear_error(kind):
    async def act(bench, emulator, solar):
        emulator.impose(Fault(kind))
        with pytest.raises(LinkError, match="Try:"):
            await solar.poll()
        emulator.lift(kind)
        assert (await values(solar))["power_w"] < -3000

    lit(act)


def test_a_stale_reading_stands_still_while_the_sun_goes_on():
    async def act(bench, emulator, solar):
        emulator.impose(Fault(FaultKind.STALE))
        before = await values(solar)
        await asyncio.sleep(1200.0)
        assert await values(solar) == before
        emulator.lift(FaultKind.STALE)
        assert await values(solar) != before

    lit(act)
