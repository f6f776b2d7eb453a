"""The bench notices from the recording alone, and says when it cannot tell."""

import dataclasses
from datetime import date

import numpy as np
import pytest

from harness.core.faults import FaultKind
from harness.core.recording import LogEntry, Recording
from harness.rulebook.loader import load_rulebook
from harness.steps.device_notices import OF_EVENTS
from harness.trial.breaking import IMPOSED, LIFTED
from harness.trial.notice import DETECTORS, EXPLAINS, notice, unexplained
from harness.trial.witnesses import Witnesses, is_beyond
from tests.trial.test_view import STEP_S, VOLTS, T, recording, step

BOOK = load_rulebook()


def rules(rule_id):
    return BOOK.rule(rule_id, on=date(2026, 11, 22))


def bench(asset_w=None, boundary_w=None, volts=VOLTS, log=(), **facts):
    """A car's meter that sees one step, and the boundary if it is given."""
    asset_w = step() if asset_w is None else asset_w
    meters = {"ev_meter": (["ev"], asset_w, volts)}
    if boundary_w is not None:
        meters["boundary"] = (["*"], boundary_w, VOLTS)
    ends = LogEntry(T[-1], "bench", "ends")
    told = LogEntry(STEP_S, "aggregator", "instructs", {"role": "ev"})
    whole = recording(meters, (told, *log, ends))
    starts = {"starts_at": "2026-11-22T17:00:00+00:00"}
    facts = whole.facts | starts | facts
    return Witnesses(dataclasses.replace(whole, facts=facts), rules)


def finding(by, kind, role="ev_meter"):
    found = notice(by, role, kind)
    return found, is_beyond(found, rules(found.rule_id))


HOME_W = 2000 + 20 * np.sin(T / 50)
METERS = (
    FaultKind.FROZEN,
    FaultKind.GAP,
    FaultKind.STALE,
    FaultKind.WORD_SWAP,
    FaultKind.CLOCK_STEP,
    FaultKind.REVERSED,
    FaultKind.SCALED,
    FaultKind.REPLAYED_BACKLOG,
)


def test_every_kind_has_a_detector():
    assert set(DETECTORS) | set(OF_EVENTS) == set(FaultKind)
    assert not set(DETECTORS) & set(OF_EVENTS)


@pytest.mark.parametrize("kind", METERS)
def test_a_good_meter_is_not_suspected(kind):
    found, noticed = finding(bench(boundary_w=step() + HOME_W), kind)
    assert np.isfinite(found.estimate.value)
    assert not noticed


def after(value, good):
    return np.where(STEP_S - 100 < T, value, good)


BROKEN = {
    FaultKind.FROZEN: (np.full(T.size, 7400.0), np.full(T.size, 230.0)),
    FaultKind.GAP: (np.where((T > 700) & (T < 720), np.nan, step()), VOLTS),
    FaultKind.WORD_SWAP: (step(), after(2e-41, VOLTS)),
    FaultKind.CLOCK_STEP: (step(STEP_S + 30), VOLTS),
    FaultKind.REVERSED: (-step(), VOLTS),
    FaultKind.SCALED: (1000 * step(), VOLTS),
    FaultKind.REPLAYED_BACKLOG: (
        np.r_[step()[:800], step()[700:800], step()[900:]],
        np.r_[VOLTS[:800], VOLTS[700:800], VOLTS[900:]],
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_meter_that_errs_is_noticed_and_it_is_said_when(kind):
    asset_w, volts = BROKEN[kind]
    found, noticed = finding(bench(asset_w, step() + HOME_W, volts), kind)
    assert noticed, found
    assert "ev_meter" in found.says


@pytest.mark.parametrize("factor", [-1.0, 1000.0, 10.0])
def test_a_meter_that_begins_to_err_while_power_rests_is_noticed(factor):
    kind = FaultKind.REVERSED if factor < 0 else FaultKind.SCALED
    asset_w = np.where(T > 900, factor, 1.0) * step()
    found, noticed = finding(bench(asset_w, step() + HOME_W), kind)
    assert noticed, found


@pytest.mark.parametrize("kind", [FaultKind.REVERSED, FaultKind.SCALED])
def test_a_boundary_meter_that_errs_is_noticed_by_the_others(kind):
    factor = -1.0 if kind is FaultKind.REVERSED else 100.0
    by = bench(boundary_w=factor * (step() + HOME_W))
    assert finding(by, kind, "boundary")[1]


def test_a_load_that_no_other_meter_sees_accuses_nobody():
    kettle = np.where((T > 300) & (T < 420), 3000.0, 0.0)
    shower = np.where((T > STEP_S - 40) & (T < STEP_S + 300), 2500.0, 0.0)
    by = bench(boundary_w=step() + HOME_W + kettle + shower)
    for kind in (FaultKind.REVERSED, FaultKind.SCALED, FaultKind.CLOCK_STEP):
        for role in ("ev_meter", "boundary"):
            assert not finding(by, kind, role)[1], (kind, role)


NEEDS_ANOTHER = (
    FaultKind.REVERSED,
    FaultKind.SCALED,
    FaultKind.CLOCK_STEP,
    FaultKind.CLOCK_DRIFT,
)


@pytest.mark.parametrize("kind", NEEDS_ANOTHER)
def test_without_another_meter_it_cannot_tell_and_says_so(kind):
    found, noticed = finding(bench(-step()), kind)
    assert not noticed
    assert np.isnan(found.estimate.value)
    assert "no other meter" in found.estimate.why


def test_without_a_time_of_its_own_lateness_cannot_be_told():
    found, _ = finding(bench(), FaultKind.LATE_BACKLOG)
    assert found.estimate.why == "the device gives no time of its own"


def test_a_device_without_a_meter_cannot_be_caught_standing_still():
    found, _ = finding(bench(), FaultKind.STALE, "heat_pump")
    assert "no meter to compare" in found.estimate.why


def test_nothing_said_is_nothing_known_of_a_wire():
    for kind in (FaultKind.LATENCY, FaultKind.LOSS, FaultKind.DUPLICATE):
        assert np.isnan(finding(bench(), kind, "heat_pump")[0].estimate.value)


@pytest.mark.parametrize("kind", list(DETECTORS), ids=lambda kind: kind.name)
def test_no_detector_reads_what_was_imposed(kind):
    detail = {"role": "ev_meter", "kind": str(kind)}
    told = [LogEntry(400.0, "bench", what, detail) for what in (IMPOSED, LIFTED)]
    blind = notice(bench(boundary_w=step() + HOME_W), "ev_meter", kind)
    seeing = notice(bench(boundary_w=step() + HOME_W, log=told), "ev_meter", kind)
    assert repr(blind) == repr(seeing)


def test_a_connection_lost_before_or_after_the_plan_is_no_fault():
    lost = [LogEntry(at_s, "ev_meter", "lost") for at_s in (-5.0, T[-1] + 1)]
    assert finding(bench(log=lost), FaultKind.DISCONNECT)[0].estimate.value == 0
    lost += [LogEntry(700.0, "ev_meter", "lost")]
    assert finding(bench(log=lost), FaultKind.DISCONNECT)[1]


def test_consequences_go_without_saying():
    noticed = (FaultKind.REPLAYED_BACKLOG, FaultKind.SCALED, FaultKind.CLOCK_STEP)
    kept = (FaultKind.REPLAYED_BACKLOG, FaultKind.CLOCK_STEP)
    assert unexplained(noticed) == kept
    for cause, consequences in EXPLAINS.items():
        assert cause not in consequences


def test_an_empty_recording_accuses_nobody():
    facts = {"starts_at": "2026-11-22T17:00:00+00:00", "meters": {}}
    by = Witnesses(Recording({}, (), (), facts), rules)
    for kind in DETECTORS:
        assert not finding(by, kind)[1]
