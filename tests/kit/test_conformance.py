"""The kit says no to every driver that deserves it, and says why."""

import asyncio
import dataclasses
import math
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.checks.verdict import Outcome
from harness.core.capabilities import Acknowledgement
from harness.core.faults import Fault, FaultKind
from harness.core.recording import Reading
from harness.kit.conformance import check_driver, transcripts

PACKAGE = Path(__file__).resolve().parents[1] / "third_party" / "acme_heater"


@pytest.fixture
def acme(monkeypatch, tmp_path):
    """The separate package's modules, from a copy that a test may change."""
    folder = tmp_path / "acme_heater"
    shutil.copytree(PACKAGE, folder)
    monkeypatch.syspath_prepend(str(folder))
    for name in ("acme_heater", "acme_heater.modbus", "acme_heater.emulator"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    import acme_heater.modbus as module

    inside = folder / "acme_heater"
    monkeypatch.setattr("harness.kit.conformance.folder_of", lambda driver: inside)
    return module


def with_device(acme, **methods):
    """The good driver, whose device differs in these methods."""
    device = type("Bad", (acme.Device,), methods)

    @asynccontextmanager
    async def opened(context, options):
        one = device(context, options)
        try:
            yield one
        finally:
            one.close()

    return dataclasses.replace(acme.DRIVER, open=opened)


def failures(driver):
    found = check_driver(driver)
    return {one.check: one.detail for one in found if one.outcome is Outcome.FAIL}


def test_the_good_driver_has_nothing_against_it(acme):
    assert failures(acme.DRIVER) == {}


async def _kilowatts(self):
    (reading,) = await type(self).__mro__[1].poll(self)
    return [Reading("power_w", reading.value / 1000)]


async def _backwards(self):
    (reading,) = await type(self).__mro__[1].poll(self)
    return [Reading("power_w", -reading.value)]


async def _without_unit(self):
    await type(self).__mro__[1].poll(self)
    return [Reading("power", 1.0)]


async def _infinite(self):
    await type(self).__mro__[1].poll(self)
    return [Reading("power_w", math.inf)]


async def _last_known(self):
    try:
        self.last = await type(self).__mro__[1].poll(self)
    except Exception:
        return getattr(self, "last", [Reading("power_w", 0.0)])
    return self.last


async def _waits_for_ever(self):
    await asyncio.get_running_loop().create_future()


async def _raises_what_it_gets(self):
    raise OSError("socket said 111")


async def _is_always_ready(self):
    return None


async def _nothing(self):
    return None


async def _yes(self, limit_w):
    return Acknowledgement(True, "of course")


async def _no(self, limit_w):
    return Acknowledgement(False, "not today")


@pytest.mark.parametrize(
    ("check", "words", "methods"),
    [
        ("tells the truth", "it says 2 W, 2000 W flow", {"poll": _kilowatts}),
        ("tells the truth", "it says -2000 W", {"poll": _backwards}),
        (
            "names units",
            "'power' has no unit",
            {"poll": _without_unit, "quantities": ("power",)},
        ),
        ("names units", "power not in quantities", {"poll": _without_unit}),
        ("names units", "power_w is inf", {"poll": _infinite}),
        ("device vanishes", "a device that was gone", {"poll": _last_known}),
        (
            "peer: nobody there",
            "OSError: socket said 111",
            {"ready": _raises_what_it_gets},
        ),
        (
            "peer: takes the connection and says nothing",
            "still waiting after 600 s",
            {"ready": _waits_for_ever},
        ),
        (
            "peer: sends half of each reply",
            "still waiting after 600 s",
            {"ready": _waits_for_ever},
        ),
        (
            "peer: never stops talking",
            "OSError: socket said 111",
            {"ready": _raises_what_it_gets},
        ),
        (
            "peer: nobody there",
            "ready without a device",
            {"ready": _is_always_ready},
        ),
        ("lets go", "safe, it stayed at 1000 W", {"make_safe": _nothing}),
        ("LimitsPower", "accepted, not delivered", {"limit_power_w": _yes}),
        ("LimitsPower", "it refused a limit of 1000 W", {"limit_power_w": _no}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_driver_that_deserves_it_is_told_so(acme, check, words, methods):
    assert words in failures(with_device(acme, **methods))[check]


def test_a_capability_is_neither_claimed_in_vain_nor_hidden(acme):
    hidden = dataclasses.replace(acme.DRIVER, capabilities=(acme.LimitsPower,))
    assert "Polled is there, not claimed" in failures(hidden)["claims what it can"]
    vain = with_device(acme, limit_power_w=None)
    assert "LimitsPower is claimed" in str(failures(vain))


def test_a_driver_must_say_what_it_is(acme):
    nobody = dataclasses.replace(acme.DRIVER, maker="", source="TODO: the document")
    assert failures(nobody)["describes itself"] == "maker, source is not said"


def test_an_emulator_has_exactly_the_faults_that_are_named(acme):
    named = dataclasses.replace(acme.DRIVER, faults=(FaultKind.TRIPS,))
    assert "named at one end only" in failures(named)["has the faults it names"]


def test_an_emulator_that_takes_any_fault_is_told_so(acme, monkeypatch):
    monkeypatch.setattr(
        acme.emulate.__wrapped__.__globals__["Emulator"],
        "impose",
        lambda self, fault: Fault(fault.kind),
    )
    assert "it took LATENCY" in failures(acme.DRIVER)["has the faults it names"]


def test_an_emulator_that_ignores_is_not_taken_at_its_word(acme, monkeypatch):
    emulator = acme.emulate.__wrapped__.__globals__["Emulator"]
    monkeypatch.setattr(emulator, "write_holding", lambda self, address, values: None)
    found = failures(acme.DRIVER)
    assert "accepted, not delivered" in found["LimitsPower"]


def said_of_transcript(acme, old, new):
    """What the kit says of the transcript after one change."""
    path = Path(acme.__file__).parent / "transcripts" / "modbus.toml"
    path.write_text(path.read_text().replace(old, new))
    (finding,) = transcripts(acme.DRIVER)
    return finding


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "01 04 00 C8 00 02",
            "01 03 00 C8 00 02",
            "byte 7 is 04, the document says 03",
        ),
        ("00 00 40 40", "40 40 00 00", "power_w is"),
        ("power_w = 3000.0", "power_w = 3.0", "the document's bytes mean 3.0"),
        ("source = ", "sauce = ", "validation error"),
        ("57 48", "57 4X", "invalid literal"),
        ("57 48", "00 01", "register 0 holds 1"),
        ('source = "Acme', 'source = "TODO', "nobody knows whose bytes"),
        (
            "[expect]",
            '[[exchange]]\nsent = "00"\nreply = "00"\n[expect]',
            "exchange 3 of 3 never came",
        ),
    ],
)
def test_a_transcript_that_does_not_fit_is_a_finding(acme, old, new, words):
    finding = said_of_transcript(acme, old, new)
    assert finding.outcome is Outcome.FAIL
    assert words in finding.detail


def test_a_driver_that_was_shown_no_bytes_is_told_so(acme):
    shutil.rmtree(Path(acme.__file__).parent / "transcripts")
    (finding,) = transcripts(acme.DRIVER)
    assert finding.outcome is Outcome.FAIL
    assert "no bytes from the maker's document" in finding.detail
