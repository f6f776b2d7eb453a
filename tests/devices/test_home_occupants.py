"""People asked by message: literal messages, receipts, behaviour, faults.

The shape of the messages is this project's own; the literal ones here are those of
``devices/home/README.md``, "The messages".
"""

from __future__ import annotations

import json
import math
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.home.occupants import DRIVER
from devices.home.receipts import parse_receipt
from harness.core.capabilities import Demand, Device, Polled, ShiftsDemand
from harness.core.errors import BenchError, LinkError, RefusedError, RigError
from harness.core.faults import Breakable, Fault, FaultKind
from tests.devices.fuzzing import FRAMES
from tests.devices.http_bench import (
    Bench,
    asked,
    http,
    http_peer,
    raw_http,
    run,
    values,
)

TRANSCRIPTS_OF = ("home/occupants",)

README = Path(__file__).parents[2] / "devices" / "home" / "README.md"
REQUEST = (
    '{"id":"it-20260115T165950-1","kind":"reduce","channel":"push",'
    '"audience":"household",'
    '"wording":"Please use less electricity from now until 18:59.",'
    '"window":{"from":"2026-01-15T16:59:50+00:00","until":"2026-01-15T18:59:50+00:00"}}'
)
QUEUED = '{"id":"it-20260115T165950-1","status":"queued"}'
RECEIPT = (
    '{"id":"it-20260115T165950-1","person":1,"status":"agreed",'
    '"at":"2026-01-15T17:04:00.000+00:00"}'
)
SURE = {"reach": 1.0, "agrees": 1.0, "opts_out": 0.0, "delay_sigma": 0.0}
"""People without a will of their own: half an hour after, all do what they can."""


def told(ask, *replies, **options):
    async def trial():
        bench = Bench(DRIVER)
        async with (
            http_peer(*replies) as (address, requests),
            bench.open(address, **({"callback": False} | options)) as people,
        ):
            return await ask(people), requests, bench

    return run(trial())


# Transcripts


def test_a_request_is_the_message_that_is_written_down():
    answer, ((head, body),), bench = told(
        lambda people: people.shift_demand(Demand.REDUCE), http(QUEUED, "202 Accepted")
    )
    assert head.startswith("POST /messages HTTP/1.1\r\n")
    assert body == REQUEST
    assert answer.accepted
    assert answer.detail == "reduce: queued as it-20260115T165950-1, not delivered yet"
    assert bench.wire == [
        (True, f"POST /messages {REQUEST}"),
        (False, f"HTTP 202 {QUEUED}"),
    ]


def test_the_readme_shows_these_very_messages():
    shown = [
        json.loads(block)
        for block in re.findall(r"```json\n(.*?)```", README.read_text(), re.DOTALL)
    ]
    assert json.loads(QUEUED) in shown
    assert json.loads(RECEIPT) in shown
    request = next(each for each in shown if "wording" in each)
    assert request.pop("reply_url").startswith("https://")
    assert request == json.loads(REQUEST)


def test_receipts_are_counted_when_asked_for():
    answer = f'{{"id":"it-20260115T165950-1","receipts":[{RECEIPT},{RECEIPT}]}}'

    async def ask(people):
        await people.shift_demand(Demand.REDUCE)
        return await people.poll()

    readings, requests, bench = told(ask, http(QUEUED, "202 Accepted"), http(answer))
    assert requests[1][0].startswith("GET /messages/it-20260115T165950-1 HTTP/1.1")
    assert values(readings) == {
        "delivered_people": 0,
        "read_people": 0,
        "agreed_people": 1,
        "declined_people": 0,
    }
    assert [kind for kind, _ in bench.events] == ["status"]


def test_the_token_travels_in_the_header_alone(tmp_path):
    path = tmp_path / "token"
    path.write_text("s3cret-token")
    who = '{"service":"Texts","version":"2"}'

    async def ask(people):
        await people.ready()
        return await people.identify()

    identity, requests, bench = told(ask, http(who), token_file=str(path))
    assert (identity.maker, identity.firmware) == ("Texts", "2")
    assert all("Bearer s3cret-token\r\n" in head for head, _ in requests)
    assert "s3cret-token" not in str(bench.wire)


HOSTILE = {
    "401": (http("{}", "401 Unauthorized"), "a token that is valid"),
    "404": (http("{}", "404 Not Found"), "is this a message gateway?"),
    "422": (http('{"error":"no credit"}', "422 Unprocessable"), "HTTP 422, no credit"),
    "503": (http("busy", "503 Unavailable"), "HTTP 503"),
    "a web page": (http("<html>"), "not a JSON object"),
    "cut in half": (http(QUEUED[:20]), "not a JSON object"),
    "not HTTP": ("220 mail.example ESMTP\r\n", "no whole HTTP answer"),
    "silence": (None, "no answer within 10 s"),
}


@pytest.mark.parametrize(("reply", "fact"), HOSTILE.values(), ids=HOSTILE.keys())
def test_every_bad_answer_is_one_clear_sentence(reply, fact):
    with pytest.raises(LinkError) as raised:
        told(lambda people: people.shift_demand(Demand.REDUCE), reply)
    assert fact in str(raised.value)


def test_a_gateway_that_is_busy_refuses():
    with pytest.raises(RefusedError):
        told(lambda people: people.shift_demand(Demand.BOOST), http("", "503 Busy"))


def test_an_answer_without_receipts_is_no_answer():
    async def ask(people):
        await people.shift_demand(Demand.REDUCE)
        await people.poll()

    with pytest.raises(LinkError, match="has no receipts"):
        told(ask, http(QUEUED, "202 Accepted"), http("{}"))


def test_people_are_not_asked_more_often_than_they_stand():
    async def ask(people):
        for _ in range(2):
            await people.shift_demand(Demand.REDUCE)
            await people.shift_demand(Demand.NORMAL)
        with pytest.raises(BenchError, match="asked 2 times within 24 h"):
            await people.shift_demand(Demand.REDUCE)
        return await people.shift_demand(Demand.NORMAL)

    answer, requests, _ = told(ask, http(QUEUED, "202 Accepted"), messages_per_day=2)
    assert len(requests) == 4
    assert answer.detail == "nobody was asked for anything: nothing sent"


def test_nobody_is_told_that_what_never_began_is_over():
    _, requests, _ = told(lambda people: people.make_safe(), http("{}"))
    assert requests == []


def test_a_taken_callback_port_is_named():
    async def trial():
        bench = Bench(DRIVER)
        async with http_peer(http("{}")) as (address, _):
            port = int(address.rpartition(":")[2])
            with pytest.raises(RigError, match="callback_port: nobody can listen"):
                async with bench.open(address, callback_port=port):
                    pass

    run(trial())


# Receipts that are called back


def called_back(*bodies, path=None):
    """Have a message sent, and its receipts called back; return heads and bench."""

    async def trial():
        bench = Bench(DRIVER)
        heads = []
        async with (
            http_peer(http(QUEUED, "202 Accepted")) as (address, requests),
            bench.open(address) as people,
        ):
            await people.shift_demand(Demand.REDUCE)
            url = json.loads(requests[0][1])["reply_url"]
            base, _, rest = url.removeprefix("http://").partition("/")
            for body in bodies:
                request = asked("POST", path or f"/{rest}", body)
                heads.append((await raw_http(f"http://{base}", request))[0][9:12])
            return heads, bench, url

    return run(trial())


def test_a_receipt_is_taken_once_and_its_secret_is_not_recorded():
    heads, bench, url = called_back(RECEIPT, RECEIPT)
    assert heads == ["204", "204"]
    assert [values(report)["agreed_people"] for report in bench.pushed] == [1, 1]
    assert [detail for _, detail in bench.events] == ["person 1: agreed (-250 s ago)"]
    assert bench.wire[-1] == (False, f"POST /receipts/*** {RECEIPT}")
    assert url.rpartition("/")[2] not in str(bench.wire)
    assert url.split("/")[2] not in str(bench.wire)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        RECEIPT.replace("agreed", "happy"),
        RECEIPT.replace('"person":1', '"person":true'),
        RECEIPT.replace('"person":1', '"person":-1'),
        RECEIPT.replace("-1", "-7"),
        RECEIPT.replace("+00:00", ""),
    ],
)
def test_what_is_no_receipt_is_refused_and_counts_nothing(body):
    heads, bench, _ = called_back(body)
    assert heads == ["422"]
    assert not bench.pushed


def test_nobody_else_can_hand_in_receipts():
    heads, bench, _ = called_back(RECEIPT, path="/receipts/guess")
    assert heads == ["404"]
    assert not bench.events


def test_no_bytes_can_break_the_reading_of_receipts():
    rng = random.Random(1)  # noqa: S311 - reproducible nonsense
    odd = [None, True, -1, 10**30, "x", [], {}, 1.5, "2026-01-15", "9999-99-99"]
    whole = json.loads(RECEIPT)
    for _ in range(FRAMES):
        bent = {key: rng.choice([value, *odd]) for key, value in whole.items()}
        found = parse_receipt(rng.choice([bent, bent, odd, None]))
        assert found is None or (found.at.tzinfo and 0 < found.person <= 10_000)


# The people


def on_bench(work, *, driver=None, seed=1, **emulator):
    async def trial():
        bench = Bench(DRIVER)
        both = bench.both(driver=driver, seed=seed, **emulator)
        async with both as (gateway, people):
            await people.ready()
            await bench.clock.until(0.0)
            return await work(bench, gateway, people)

    return run(trial())


def test_it_offers_what_it_says():
    async def work(_bench, gateway, people):
        assert all(isinstance(people, each) for each in DRIVER.capabilities)
        assert isinstance(gateway, Breakable)
        assert gateway.breaks == DRIVER.faults

    on_bench(work)
    assert set(DRIVER.capabilities) == {Device, Polled, ShiftsDemand}


async def asked_for(bench, people, demand, until_s):
    await people.shift_demand(demand)
    await bench.clock.until(until_s)
    return bench.power_w()


@pytest.mark.parametrize(
    ("demand", "power_w"), [(Demand.REDUCE, 480.0), (Demand.BOOST, 1800.0)]
)
def test_those_who_agree_move_their_share_and_come_back(demand, power_w):
    async def work(bench, _gateway, people):
        at_once = await asked_for(bench, people, demand, 10.0)
        later = await asked_for(bench, people, demand, 1800.0)
        readings = values(await people.poll())
        over = await asked_for(bench, people, Demand.NORMAL, 7200.0)
        return at_once, later, over, readings

    at_once, later, over, readings = on_bench(work, **SURE, fatigue=1.0)
    assert (at_once, later, over) == (1200.0, pytest.approx(power_w), 1200.0)
    assert readings["agreed_people"] == 2


def test_an_accepted_message_is_no_delivery():
    async def work(bench, _gateway, people):
        answer = await people.shift_demand(Demand.REDUCE)
        await bench.clock.until(3600.0)
        return answer.accepted, bench.power_w(), values(await people.poll())

    accepted, power_w, readings = on_bench(work, reach=0.0)
    assert accepted
    assert power_w == 1200.0
    assert (readings["delivered_people"], readings["read_people"]) == (2, 0)


def test_a_request_ends_by_itself_with_its_window():
    async def work(bench, _gateway, people):
        during = await asked_for(bench, people, Demand.REDUCE, 1700.0)
        await bench.clock.until(1800.0 + 119.0)
        still = bench.power_w()
        await bench.clock.until(8000.0)
        return during, still, bench.power_w()

    window = {"window_s": 1800.0}
    during, still, after = on_bench(work, driver=window, **SURE)
    assert during == still == pytest.approx(480.0)
    assert after == 1200.0


def test_what_was_saved_comes_back_in_part():
    async def work(bench, _gateway, people):
        await people.shift_demand(Demand.REDUCE)
        await bench.clock.until(3600.0)
        await people.shift_demand(Demand.NORMAL)
        saved = back = 0.0
        for at_s in range(3600, 9000, 10):
            await bench.clock.until(float(at_s))
            back += max(bench.power_w() - 1200.0, 0.0) / 360.0
        return saved, back

    _, back_wh = on_bench(work, **SURE, rebound=0.5)
    # 720 W for about an hour, less the time until the message was read, and half of it.
    assert back_wh == pytest.approx(0.5 * 720.0, rel=0.05)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), reach=st.floats(0, 1), agrees=st.floats(0, 1))
def test_power_is_never_negative_nor_above_what_could_be(seed, reach, agrees):
    async def work(bench, _gateway, people):
        seen = []
        for number, demand in enumerate((Demand.REDUCE, Demand.BOOST, Demand.NORMAL)):
            await people.shift_demand(demand)
            for step in range(1, 5):
                await bench.clock.until(1800.0 * number + 450.0 * step)
                seen.append(bench.power_w())
        return seen

    seen = on_bench(work, seed=seed, reach=reach, agrees=agrees)
    # At most: all boost, and the rebound of what was saved until the second message was
    # read, which is later than half an hour and sooner than an hour.
    most_w = 1.5 * 1200.0 + 2 * 0.3 * 720.0
    assert all(0.0 <= power_w <= most_w for power_w in seen)


def shares(count, **options):
    """Return how many of a large household read and agreed to the first message."""

    async def work(bench, _gateway, people):
        for _ in range(count):
            await people.shift_demand(Demand.REDUCE)
            await bench.clock.until(bench.clock.now_s() + 7000.0)
        readings = values(await people.poll())
        return readings["read_people"], readings["agreed_people"]

    total = np.zeros(2)
    for seed in range(25):
        driver = {"messages_per_day": 10, "callback": False}
        total += on_bench(work, driver=driver, seed=seed, people=12, **options)
    return total / (25 * 12)


def test_reach_and_agreement_are_what_was_set():
    read, agreed = shares(1, reach=0.8, agrees=0.5, opts_out=0.0)
    assert read == pytest.approx(0.8, abs=0.07)
    assert agreed == pytest.approx(0.4, abs=0.09)


def test_people_tire_of_messages():
    fresh, _ = shares(1, reach=0.9, fatigue=0.6, opts_out=0.0)
    tired, _ = shares(4, reach=0.9, fatigue=0.6, opts_out=0.0)
    assert fresh == pytest.approx(0.9, abs=0.06)
    assert tired == pytest.approx(0.9 * 0.6**3, abs=0.08)


def test_those_who_opt_out_are_not_reached_again():
    async def work(bench, _gateway, people):
        await people.shift_demand(Demand.REDUCE)
        await bench.clock.until(3600.0)
        await people.shift_demand(Demand.REDUCE)
        await bench.clock.until(7200.0)
        return bench.events, values(await people.poll())

    events, readings = on_bench(work, **(SURE | {"opts_out": 1.0}))
    assert sum("opted_out" in detail for _, detail in events) == 2
    assert readings["delivered_people"] == 0


def test_delays_are_lognormal_about_their_median():
    async def work(bench, _gateway, people):
        await people.shift_demand(Demand.REDUCE)
        await bench.clock.until(7200.0)
        return [
            message for sent, message in bench.wire if not sent and '"read"' in message
        ]

    delays = []
    for seed in range(25):
        for message in on_bench(work, seed=seed, people=12, reach=1.0):
            at = datetime.fromisoformat(json.loads(message.split(" ", 2)[2])["at"])
            delays.append((at - datetime(2026, 1, 15, 17, tzinfo=UTC)).total_seconds())
    assert np.median(delays) == pytest.approx(308.0, rel=0.15)
    assert np.std(np.log(delays)) == pytest.approx(0.7, abs=0.12)


def test_somebody_can_answer_by_hand():
    async def work(bench, gateway, people):
        with pytest.raises(ValueError, match="no message"):
            gateway.operate("answer the message")
        await people.shift_demand(Demand.REDUCE)
        gateway.operate("answer the message")
        with pytest.raises(ValueError, match="people can: answer the message"):
            gateway.operate("shout")
        await bench.clock.until(1.0)
        return bench.power_w()

    assert on_bench(work, reach=0.0) == pytest.approx(840.0)


def test_their_load_can_follow_the_day():
    async def work(bench, _gateway, _people):
        seen = []
        for at_s in range(0, 7200, 60):
            await bench.clock.until(float(at_s))
            seen.append(bench.power_w())
        return seen

    constant = on_bench(work)
    lively = on_bench(work, discretionary_profile="appliances")
    assert set(constant) == {1200.0}
    assert len(set(lively)) > 5


def test_the_same_seed_gives_the_same_people():
    async def work(bench, _gateway, people):
        await people.shift_demand(Demand.REDUCE)
        await bench.clock.until(3600.0)
        return bench.wire, bench.power_w()

    assert on_bench(work, seed=3, people=5) == on_bench(work, seed=3, people=5)
    assert on_bench(work, seed=3, people=5) != on_bench(work, seed=4, people=5)


# The gateway


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        REQUEST.replace("reduce", "stop"),
        REQUEST.replace("push", "fax"),
        REQUEST.replace("+00:00", ""),
        REQUEST.replace('"id":"it-20260115T165950-1"', '"id":""'),
        REQUEST.replace('"until"', '"til"'),
        REQUEST.replace('"window":{', '"window":7,"w":{'),
    ],
)
def test_the_gateway_refuses_what_is_no_message(body):
    async def work(_bench, gateway, _people):
        return await raw_http(gateway.address, asked("POST", "/messages", body))

    head, said = on_bench(work)
    assert head.startswith("HTTP/1.1 422 ")
    assert "not a message" in said


def test_the_gateway_takes_a_message_once_and_wants_its_token():
    async def work(_bench, gateway, _people):
        request = asked("POST", "/messages", REQUEST)
        return [(await raw_http(gateway.address, request))[0][9:12] for _ in range(2)]

    assert on_bench(work) == ["202", "409"]
    with pytest.raises(LinkError, match="the token is not valid"):
        on_bench(work, token="right")  # noqa: S106


# Faults


def test_accepts_and_ignores():
    async def work(bench, gateway, people):
        gateway.impose(Fault(FaultKind.IGNORES))
        ignored = await asked_for(bench, people, Demand.REDUCE, 1800.0)
        agreed = values(await people.poll())["agreed_people"]
        gateway.lift(FaultKind.IGNORES)
        return ignored, agreed, await asked_for(bench, people, Demand.REDUCE, 3600.0)

    options = SURE | {"fatigue": 1.0}
    assert on_bench(work, **options) == (1200.0, 2, pytest.approx(480.0))


def test_receipts_stop():
    async def work(bench, gateway, people):
        gateway.impose(Fault(FaultKind.GAP))
        power_w = await asked_for(bench, people, Demand.REDUCE, 1800.0)
        silent = values(await people.poll())["delivered_people"]
        gateway.lift(FaultKind.GAP)
        await asked_for(bench, people, Demand.REDUCE, 3600.0)
        return power_w, silent, values(await people.poll())["delivered_people"]

    assert on_bench(work, **SURE, fatigue=1.0) == (pytest.approx(480.0), 0, 2)


def test_what_was_asked_is_forgotten():
    async def work(bench, gateway, people):
        before = await asked_for(bench, people, Demand.REDUCE, 1800.0)
        gateway.impose(Fault(FaultKind.FORGETS_SCHEDULE))
        forgotten = bench.power_w()
        gateway.lift(FaultKind.FORGETS_SCHEDULE)
        return before, forgotten, await asked_for(bench, people, Demand.REDUCE, 3600.0)

    again = pytest.approx(480.0)
    assert on_bench(work, **SURE, fatigue=1.0) == (again, 1200.0, again)


def callbacks(bench):
    return [
        message for sent, message in bench.wire if "/receipts/" in message and not sent
    ]


def test_old_receipts_are_given_again_as_new():
    async def work(bench, gateway, people):
        await asked_for(bench, people, Demand.REDUCE, 1800.0)
        first = callbacks(bench)
        gateway.impose(Fault(FaultKind.REPLAYED_BACKLOG, 3600.0))
        await bench.clock.until(1801.0)
        again = callbacks(bench)[len(first) :]
        return first, again, values(await people.poll())["agreed_people"]

    first, again, agreed = on_bench(work, **SURE)
    assert (len(first), len(again), agreed) == (6, 6, 2)
    assert all('"at":"2026-01-15T17:30:00.000+00:00"' in each for each in again)


def test_receipts_come_late_with_their_old_times():
    async def work(bench, gateway, people):
        gateway.impose(Fault(FaultKind.LATE_BACKLOG, 900.0))
        counts = []
        await people.shift_demand(Demand.REDUCE)
        for at_s in (890.0, 910.0):
            await bench.clock.until(at_s)
            counts.append(len(callbacks(bench)))
        gateway.lift(FaultKind.LATE_BACKLOG)
        await people.shift_demand(Demand.NORMAL)
        await bench.clock.until(1500.0)
        return counts, len(callbacks(bench)), bench.events

    counts, at_last, events = on_bench(work, **SURE)
    assert counts == [0, 6]
    assert at_last == 6 + 4
    late = [detail for _, detail in events if "delivered (8" in detail]
    assert late


def test_a_fault_that_it_cannot_have_is_refused():
    async def work(_bench, gateway, _people):
        with pytest.raises(ValueError, match="a household cannot have"):
            gateway.impose(Fault(FaultKind.FROZEN))
        for amount in (math.nan, 0.0, -5.0):
            with pytest.raises(ValueError, match="needs"):
                gateway.impose(Fault(FaultKind.LATE_BACKLOG, amount))
        for kind in FaultKind:
            gateway.lift(kind)

    on_bench(work)
