"""The aggregator's end, called by curl; readings that go again until they arrive."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from harness.core.clock import BenchClock
from harness.core.errors import RigError
from harness.core.recording import LogEntry, Reading
from harness.core.virtual_loop import VirtualLoop
from harness.market.constraint import Agreement, Offer
from harness.market.flexible_power import Asset, readings_of, stamp
from harness.rig.file import DsoTable
from harness.trial.aggregator import Aggregator
from harness.trial.participant import LOOPBACK, Participant, dso_link
from harness.trial.plan import Plan
from harness.trial.planned import MarketAct

BEGINS = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
TOKEN = "s3cret"  # noqa: S105 - a test's
NAME = "FLEXRIG_TEST_TOKEN"
BODY = {"service": "Dynamic", "zone": "CMZ T2", "unit": "HOME-000001"}


def plan_of():
    window = (17 * 3600.0, 20 * 3600.0)
    plan = Plan(baseline_s=0.0, aftermath_s=600.0)
    plan.over_http = Asset(**BODY)
    plan.agreement = Agreement(7000.0, *window, 900.0, 120.0, 60.0)
    plan.offers = [Offer("ev", 7400.0, 1400.0)]
    plan.acts = [MarketAct("arm", "DSO", 17 * 3600.0)]
    return plan


class Bench:
    """A participant with an armed aggregator that has no devices."""

    def __init__(self, readings_to=""):
        self.clock, self.entries, self.wire = BenchClock(BEGINS), [], []
        self.plan = plan_of()
        self.aggregator = Aggregator(self.plan, {}, self.clock, self.log)
        self.participant = Participant(
            self.plan, self.aggregator, self.clock, self.log,
            lambda *said: self.wire.append(said), TOKEN, "boundary", readings_to,
        )  # fmt: skip

    def log(self, actor, what, **detail):
        entry = LogEntry(self.clock.now_s(), str(actor), what, detail)
        self.entries.append(entry)
        return entry

    def said(self, what):
        return [one for one in self.entries if one.what == what]


async def curl(address, path, body, *options, token=TOKEN, method="POST"):
    """Call like somebody who does not know our code."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-X", method, f"{address}/{path}", "-w", "\n%{http_code}",
        "-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json",
        "-d", body if isinstance(body, str) else json.dumps(body), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, why = await process.communicate()
    assert process.returncode == 0, why.decode()
    text, _, status = said.decode().rpartition("\n")
    return int(status), json.loads(text)


def start_body(minutes, **more):
    """A start that is so far ahead on the real clock."""
    at = datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: TID251 - curl's clock
    return BODY | {"start": stamp(at), "end": stamp(at + timedelta(minutes=5))} | more


def called(*calls):
    """Call an armed participant on the wall clock; return its answers and the bench."""

    async def work():
        bench = Bench()
        await bench.aggregator.market_act(bench.plan.acts[0])
        answers = []
        async with asyncio.TaskGroup() as group:
            bench.participant.group = group
            before = asyncio.all_tasks()
            async with bench.participant.listening(LOOPBACK, 0) as address:
                for path, told, options in calls:
                    body = told() if callable(told) else told
                    answers.append(await curl(address, path, body, **options))
            for task in asyncio.all_tasks() - before - {asyncio.current_task()}:
                task.cancel()
        return answers, bench

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "body", "options", "status", "says"),
    [
        ("start", lambda: start_body(20), {}, 202, {"accepted": True}),
        ("start", lambda: start_body(10), {}, 409, "arming period"),
        ("start", lambda: start_body(300), {}, 409, "window"),
        ("stop", BODY, {}, 202, {"accepted": True}),
        ("emergency-stop", BODY, {}, 202, {"accepted": True}),
        ("start", lambda: start_body(20), {"token": "guessed"}, 401, "credentials"),
        ("start", lambda: start_body(20), {"token": ""}, 401, "credentials"),
        ("start", '{"service": "Dyn', {}, 400, "no JSON object"),
        ("start", "[" * 30_000, {}, 400, "no JSON object"),
        ("start", BODY, {}, 400, "start"),
        ("stop", BODY | {"zone": 3}, {}, 400, "zone"),
        ("start", lambda: start_body(20, unit="HOME-2"), {}, 404, "HOME-2"),
        ("stop", BODY | {"service": "Secure"}, {}, 404, "Secure"),
        ("begin", lambda: start_body(20), {}, 404, "/emergency-stop"),
        ("start", lambda: start_body(20), {"method": "PUT"}, 405, "posted"),
    ],
)
def test_every_call_has_its_answer_and_only_a_good_one_is_heard(
    path, body, options, status, says
):
    [(answered, said)], bench = called((path, body, options))
    assert answered == status
    if isinstance(says, dict):
        assert said == says
    else:
        assert says in json.dumps(said)
    heard = [one.what for one in bench.entries if one.actor == "DSO"]
    assert (heard[1:] != []) is (status in (202, 409))
    assert bench.wire[0][:2] == ("dso", False)
    assert TOKEN not in str(bench.wire)
    assert not bench.said("instructs")


def test_after_an_emergency_stop_nothing_can_be_called():
    answers, _ = called(
        ("emergency-stop", BODY, {}), ("start", lambda: start_body(20), {})
    )
    assert [status for status, _ in answers] == [202, 409]
    assert "emergency" in answers[1][1]["reason"]


def reported(takes, powers=lambda now_s: 1000.0):
    """Let a participant report on virtual time; return what arrived, and the bench."""

    async def work():
        taken = []

        async def take(request):
            unit, readings = readings_of(json.loads(await request.text()))
            if not takes(bench.clock.now_s()):
                return web.json_response({}, status=503)
            taken.extend((unit, one.ends_at, one.export_kw) for one in readings)
            return web.json_response({})

        app = web.Application()
        app.router.add_post("/readings", take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        bench = Bench(f"http://{LOOPBACK}:{runner.addresses[0][1]}/readings")

        async def meter():
            while True:
                now_s = bench.clock.now_s()
                reading = Reading("power_w", powers(now_s))
                bench.participant.hear("boundary", [reading])
                bench.participant.hear("another", [Reading("power_w", 9e9)])
                await bench.clock.until(now_s + 1.0)

        metering = asyncio.create_task(meter())
        await bench.participant.report()
        metering.cancel()
        await runner.cleanup()
        return taken, bench

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


def test_each_minute_goes_back_as_export_with_its_end():
    taken, _ = reported(lambda _: True, lambda now_s: 100.0 * (now_s // 60))
    minutes = [at for _, at, _ in taken]
    first = minutes[0]
    assert minutes == [first + timedelta(minutes=n) for n in range(len(minutes))]
    assert len(minutes) >= 9
    by_end = {at: kw for _, at, kw in taken}
    ends = BEGINS + timedelta(minutes=3)
    # 17:02 to 17:03: 59 readings of 200 W and, at its very end, one of 300 W.
    assert by_end[ends] == pytest.approx(-(59 * 0.2 + 0.3) / 60, abs=6e-4)
    assert {unit for unit, _, _ in taken} == {"HOME-000001"}


def test_what_nobody_took_goes_again_and_nothing_goes_twice():
    taken, bench = reported(lambda now_s: not 100 < now_s < 310)
    minutes = [at for _, at, _ in taken]
    assert len(minutes) == len(set(minutes))
    assert minutes == sorted(minutes)
    assert max(one.detail["waiting"] for one in bench.said("reports")) >= 3
    assert bench.said("reports")[-1].detail["waiting"] == 0


def test_a_minute_without_a_reading_is_no_reading():
    gap = (120.0, 240.0)

    def powers(now_s):
        return float("nan") if gap[0] < now_s <= gap[1] else 1000.0

    minutes = [at for _, at, _ in reported(lambda _: True, powers)[0]]
    for number in (3, 4):
        assert BEGINS + timedelta(minutes=number) not in minutes
    assert BEGINS + timedelta(minutes=5) in minutes


def test_a_dso_outside_needs_its_token(monkeypatch):
    table = DsoTable(readings_to="http://127.0.0.1:1/", token_from=NAME)
    plan = plan_of()
    arguments = (plan, table, None, None, None, None, "boundary")
    monkeypatch.delenv(NAME, raising=False)
    with pytest.raises(RigError, match=NAME):
        dso_link(*arguments)
    known = "known"
    monkeypatch.setenv(NAME, known)
    link = dso_link(*arguments)
    assert link.room is None
    assert link.participant.token == known
    plan.over_http = None
    assert dso_link(*arguments) is None
