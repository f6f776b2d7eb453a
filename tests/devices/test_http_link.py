"""The HTTP link: one answer in bounded time, nothing recorded that must not be."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.links.http import (
    LARGEST_BODY,
    HttpLink,
    Reply,
    parse_object,
    parse_url,
    read_token,
    retry_after_s,
    without_private,
)
from devices.links.http_server import Answer, HttpServer
from harness.core.clock import BenchClock
from harness.core.errors import LinkError, RigError
from tests.devices.fuzzing import FRAMES
from tests.devices.http_bench import WHERE, asked, http, http_peer, raw_http, run


def link_to(address, wire=None, timeout_s=3.0):
    record = [] if wire is None else wire
    return HttpLink(
        where=WHERE,
        address=address,
        wire=lambda sent, text: record.append((sent, text)),
        timeout_s=timeout_s,
        what="a cloud",
    )


def over(reply, ask=None, *, secret=""):
    """Return the answer, the requests, the record, and how long it took."""

    async def trial():
        wire, loop = [], asyncio.get_running_loop()
        async with http_peer(reply) as (address, requests):
            link = link_to(address, wire)
            link.hide(secret)
            try:
                got = await (ask or (lambda it: it.request("GET", "/x")))(link)
            except LinkError as error:
                got = error
            await link.close()
        return got, requests, wire, loop.time()

    return run(trial())


def test_a_request_and_its_answer_are_recorded_as_they_were():
    got, ((head, body),), wire, _ = over(
        http('{"a": 1}'), lambda link: link.request("POST", "/x?y=1", {"b": "ä"})
    )
    assert (got.status, got.json) == (200, {"a": 1})
    assert head.startswith("POST /x?y=1 HTTP/1.1\r\n")
    assert body == '{"b":"ä"}'
    assert wire == [(True, 'POST /x {"b":"ä"}'), (False, 'HTTP 200 {"a": 1}')]


def test_tokens_travel_and_are_never_recorded():
    headers = {"Authorization": "Bearer s3cret"}
    answer = '{"access_token":"new","tokens":["a","b"],"latitude":51.5,"ok":"s3cret"}'
    _, ((head, _),), wire, _ = over(
        http(answer),
        lambda link: link.request("POST", "/s3cret", {"at": "s3cret"}, headers=headers),
        secret="s3cret",  # noqa: S106 - none
    )
    assert "Authorization: Bearer s3cret\r\n" in head
    assert wire == [
        (True, 'POST /*** {"at":"***"}'),
        (
            False,
            'HTTP 200 {"access_token":"***","tokens":"***","latitude":"***",'
            '"ok":"***"}',
        ),
    ]


HOSTILE = {
    "not HTTP": ("SSH-2.0-OpenSSH_9.2\r\n", "no whole HTTP answer"),
    "nothing at all": ("", "no whole HTTP answer"),
    "cut short": ("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{}", "no whole HTTP"),
    "a bad length": ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", "no whole HTTP"),
    "a flood": (http("x" * (LARGEST_BODY + 1)), "more than 1048576 bytes"),
    "a head without end": ("HTTP/1.1 200 OK\r\nA: " + "x" * 70_000, "no whole HTTP"),
    "silence": (None, "no answer within 3 s"),
}


@pytest.mark.parametrize(("reply", "fact"), HOSTILE.values(), ids=HOSTILE.keys())
def test_every_bad_answer_is_one_clear_sentence_in_bounded_time(reply, fact):
    error, _, _, took_s = over(reply)
    assert isinstance(error, LinkError)
    assert fact in str(error)
    assert str(error).startswith(f"{WHERE} http://127.0.0.1:")
    assert took_s <= 3.0


def test_a_drip_is_no_answer():
    async def trial():
        async def drip(_reader, writer):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x")
                await asyncio.sleep(1.0)

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with server:
            link = link_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            with pytest.raises(LinkError, match="no answer within 3 s"):
                await link.request("GET", "/")
            await link.close()
        return asyncio.get_running_loop().time()

    assert run(trial()) <= 5.0


def test_nobody_listening_is_said_at_once():
    async def trial():
        async with http_peer(http("{}")) as (address, _):
            pass
        link = link_to(address)
        with pytest.raises(LinkError, match="nobody listens"):
            await link.request("GET", "/")
        await link.close()
        return asyncio.get_running_loop().time()

    assert run(trial()) == 0.0


@pytest.mark.parametrize(
    "address", ["http://1.2.3.4", "https://cloud.example/api", "http://[::1]:81/"]
)
def test_addresses(address):
    assert parse_url(WHERE, address, what="a cloud") == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "1.2.3.4",
        "ws://a",
        "http://",
        "http://a:b",
        "http://[",
        "http://u:p@a",
        "http://a?b",
    ],
)
def test_a_wrong_address_names_the_right_form(address):
    with pytest.raises(RigError, match="http://HOST:PORT or https://HOST/PATH"):
        parse_url(WHERE, address, what="a cloud")


@pytest.mark.parametrize("text", ["", "two words", "ümlaut"])
def test_a_file_without_a_token_is_named(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(RigError, match="token_file: holds no bearer token"):
        read_token(str(path), WHERE)


def test_a_missing_token_file_is_named(tmp_path):
    with pytest.raises(RigError, match="token_file: cannot be read"):
        read_token(str(tmp_path / "none"), WHERE)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("120", 120.0),
        ("Thu, 15 Jan 2026 17:00:30 GMT", 30.0),  # RFC 9110, 10.2.3 and 5.6.7
        ("Thu, 15 Jan 2026 16:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_retry_after(said, wait_s):
    async def trial():
        clock = BenchClock(datetime(2026, 1, 15, 17, tzinfo=UTC))
        return retry_after_s(Reply(429, "", {"retry-after": said}), clock)

    assert run(trial()) == wait_s


@given(value=st.recursive(st.text() | st.integers(), lambda v: st.lists(v, max_size=3)))
def test_no_private_value_survives(value):
    marked = json.dumps({"access_token": "S3CRET" + str(value), "other": 1})
    assert "S3CRET" not in without_private(marked)


def test_no_bytes_can_break_what_reads_an_answer():
    rng = random.Random(1)  # noqa: S311 - reproducible nonsense
    whole = b'{"response":{"state":"online","tokens":["a"],"charge_state":{}}}'
    for _ in range(FRAMES):
        frame = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            frame[rng.randrange(len(frame))] = rng.randrange(256)
        text = bytes(frame[: rng.randrange(len(frame) + 1)]).decode(errors="replace")
        found = parse_object(text)
        assert found is None or isinstance(found, dict)
        without_private(text)


# The server end


@pytest.mark.parametrize(
    "request_bytes",
    [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"{}\r\n\r\n"],
)
def test_a_server_answers_nonsense_with_400_and_goes_on(request_bytes):
    async def answer(request):
        return Answer(body={"path": request.path})

    async def trial():
        async with HttpServer(answer).listening(0) as port:
            address = f"http://127.0.0.1:{port}"
            head, _ = await raw_http(address, request_bytes)
            assert "400" in head.split("\r\n")[0]
            return await raw_http(address, asked("GET", "/still/here"))

    head, body = run(trial())
    assert head.startswith("HTTP/1.1 200 OK")
    assert body == '{"path":"/still/here"}'


def test_a_server_goes_at_once_with_requests_under_way():
    async def answer(_request):
        await asyncio.Event().wait()

    async def trial():
        async with HttpServer(answer).listening(0) as port:
            link = link_to(f"http://127.0.0.1:{port}", timeout_s=1.0)
            with pytest.raises(LinkError, match="no answer within 1 s"):
                await link.request("GET", "/")
            await link.close()
        return asyncio.get_running_loop().time()

    assert run(trial()) <= 3.0
