"""Assembling a bench: who connects first, who goes last, who is named if it fails."""

import asyncio
import dataclasses
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from harness.core.errors import LinkError, RigError
from harness.rig.assemble import assemble, parts_of, role_rng
from tests.trial.fakes import Fake, fake_driver, known, on_virtual_time

NOBODY = SimpleNamespace(wire=None, report=None, notify=None)


def opened(rig, during=lambda bench: None):
    async def work(clock):
        async with assemble(rig, clock, NOBODY) as bench:
            during(bench)

    on_virtual_time(work)


def watched(driver, seen):
    """Return the driver, noting when it and its emulator come and go."""

    def noted(whole, what):
        @asynccontextmanager
        async def inner(context, options):
            seen.append(f"+{what} {context.role}")
            async with whole(context, options) as found:
                yield found
            seen.append(f"-{what} {context.role}")

        return inner

    return dataclasses.replace(
        driver,
        open=noted(driver.open, "driver"),
        emulate=noted(driver.emulate, "emulator"),
    )


def know(monkeypatch, *drivers):
    found = {driver.name: driver for driver in drivers}
    monkeypatch.setattr("harness.rig.drivers._third_party", lambda: found)


def test_parts_connect_in_order_and_are_let_go_in_reverse(monkeypatch):
    seen = []
    rig = known(monkeypatch, ev=Fake(), heat_pump=Fake())
    pair = [fake_driver(f"fake/{role}", Fake()) for role in ("ev", "heat_pump")]
    know(monkeypatch, *(watched(driver, seen) for driver in pair))
    opened(rig, lambda bench: seen.append("ready"))
    come, gone = seen[: seen.index("ready")], seen[seen.index("ready") + 1 :]
    assert come == ["+emulator ev", "+driver ev", "+emulator heat_pump",
                    "+driver heat_pump"]  # fmt: skip
    assert [what[1:] for what in gone] == [what[1:] for what in reversed(come)]


def test_a_device_that_is_never_ready_is_named(monkeypatch):
    class Late(Fake):
        async def ready(self):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()

    rig = known(monkeypatch, ev=Late())
    with pytest.raises(LinkError, match=r"\[device.ev\]: was not ready in time"):
        opened(rig)


def test_a_driver_that_listens_must_say_where(monkeypatch):
    rig = known(monkeypatch, ev=Fake())
    know(monkeypatch, dataclasses.replace(fake_driver("fake/ev", Fake()), listens=True))
    with pytest.raises(RigError, match="listens but has no address"):
        opened(rig)


def test_an_unknown_driver_is_refused_before_anything_connects(monkeypatch):
    seen = []
    rig = known(monkeypatch, ev=Fake(), heat_pump=Fake())
    know(monkeypatch, watched(fake_driver("fake/ev", Fake()), seen))
    with pytest.raises(RigError, match=r"no driver 'fake/heat_pump'"):
        opened(rig)
    assert not seen


def test_options_are_checked_for_every_part(monkeypatch):
    rig = known(monkeypatch, ev=Fake())
    table = rig.device["ev"].model_copy(update={"options": {"speed": 3}})
    odd = rig.model_copy(update={"device": {"ev": table}})
    with pytest.raises(RigError, match=r"\[device.ev\] options speed: unknown key"):
        parts_of(odd)


def test_each_role_has_its_own_luck_and_the_same_every_time():
    draws = {role: role_rng(1, role).random() for role in ("ev", "heat_pump", "fridge")}
    assert len(set(draws.values())) == 3
    assert role_rng(1, "ev").random() == draws["ev"]
    assert role_rng(2, "ev").random() != draws["ev"]
