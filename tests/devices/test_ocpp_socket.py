"""OCPP-J 1.6 connections: subprotocol, identity in the URL, messages, endings.

The far end is the ``websockets`` library's own client and server, or bytes by hand.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from devices.links.ocpp_session import dial, listen, parse_endpoint
from harness.core.errors import LinkError, RigError
from tests.devices.ocpp_bench import play

PLAIN = {"compression": None, "ping_interval": None}


class Heard:
    """Notes what comes out of a websocket; echoes text back."""

    def __init__(self):
        self.log, self.end = [], None
        self.news = asyncio.Event()

    def _note(self, *what):
        self.log.append(what)
        self.news.set()

    def opened(self, end):
        self.end = end
        self._note("opened")

    def received(self, text):
        self._note("received", text)
        self.end.send(f"echo {text}")

    def unreadable(self, data, why):
        self._note("unreadable", data, why)

    def closed(self, why):
        self._note("closed", why)

    async def until(self, what):
        while not any(entry[0] == what for entry in self.log):
            self.news.clear()
            await self.news.wait()


@asynccontextmanager
async def csms(station="CP001"):
    heard, refused = Heard(), []
    endpoint = parse_endpoint("rig", f"ws://127.0.0.1:0/ocpp/{station}")
    server = await listen(
        "rig",
        endpoint,
        admit=lambda name: heard if name == endpoint.station else None,
        refused=refused.append,
    )
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}", heard, refused
    finally:
        if heard.end is not None:
            heard.end.close("done")
            await heard.end.over
        server.close()
        await server.wait_closed()


@play
async def test_a_station_that_speaks_1_6_is_taken_among_its_offers():
    """3.1.3: "Sec-WebSocket-Protocol: ocpp1.6, ocpp1.5"."""
    async with (
        csms() as (base, heard, refused),
        connect(
            f"{base}/ocpp/CP001", subprotocols=["ocpp1.6", "ocpp1.5"], **PLAIN
        ) as far,
    ):
        assert far.subprotocol == "ocpp1.6"
        assert far.protocol.extensions == []
        await far.send("hello")
        assert await far.recv() == "echo hello"
        assert heard.log == [("opened",), ("received", "hello")]
        assert refused == []


@pytest.mark.parametrize("offered", [["ocpp2.0.1"], ["ocpp1.5", "ocpp2.0"], None])
def test_another_subprotocol_is_told_so_and_closed(offered):
    """3.2: complete the handshake without a subprotocol, then close at once."""

    async def test():
        async with csms() as (base, heard, refused):
            url = f"{base}/ocpp/CP001"
            async with connect(url, subprotocols=offered, **PLAIN) as far:
                assert far.subprotocol is None
                with pytest.raises(ConnectionClosed) as caught:
                    await far.recv()
            names = ", ".join(offered) if offered else "none"
            says = f"subprotocol ocpp1.6 needed, offered: {names}"
            assert caught.value.rcvd.reason == says
            assert refused == [says]
            assert heard.log == []

    play(test)()


@play
async def test_a_stranger_gets_404():
    """3.2: "does not recognize the charge point identifier … status 404"."""
    async with csms() as (base, heard, refused):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"{base}/ocpp/CP999", subprotocols=["ocpp1.6"], **PLAIN)
        assert caught.value.response.status_code == 404
        assert refused == ["a station dialled /ocpp/CP999, which is not this device"]
        assert heard.log == []


@play
async def test_an_identity_is_percent_decoded():
    """3.1.1, example 2: "RDAM 123" is dialled as RDAM%20123."""
    async with (
        csms("RDAM%20123") as (base, heard, _refused),
        connect(f"{base}/ocpp/RDAM%20123", subprotocols=["ocpp1.6"], **PLAIN),
    ):
        await heard.until("opened")


@play
async def test_something_that_is_no_websocket_is_refused_and_told():
    async with csms() as (base, heard, refused):
        port = int(base.rpartition(":")[2])
        for garbage in (b"\x00\x01\x02\r\n\r\n", b"GET /ocpp/CP001 HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(garbage)
            writer.write_eof()
            await reader.read()
            writer.close()
            await writer.wait_closed()
        assert len(refused) == 2
        assert all("no websocket handshake" in why for why in refused)
        assert heard.log == []


@play
async def test_fragments_make_one_message_and_a_ping_is_answered():
    async with (
        csms() as (base, heard, _refused),
        connect(f"{base}/CP001", subprotocols=["ocpp1.6"], **PLAIN) as far,
    ):
        await far.send(["[2,", '"1",', '"Heartbeat",{}]'])
        assert await far.recv() == 'echo [2,"1","Heartbeat",{}]'
        await (await far.ping())
        assert heard.log[1:] == [("received", '[2,"1","Heartbeat",{}]')]


@play
async def test_what_is_not_text_is_kept_and_the_connection_stays():
    async with (
        csms() as (base, heard, _refused),
        connect(f"{base}/CP001", subprotocols=["ocpp1.6"], **PLAIN) as far,
    ):
        await far.send(b"\x01\x02")
        await far.send(b"\xff\xfe", text=True)
        await far.send("after")
        assert await far.recv() == "echo after"
        assert heard.log[1:3] == [
            ("unreadable", b"\x01\x02", "a binary message"),
            ("unreadable", b"\xff\xfe", "not UTF-8 (OCPP-J 1.6, 4.1.2)"),
        ]


@play
async def test_an_oversized_message_ends_the_connection_with_its_reason():
    async with csms() as (base, heard, _refused):
        far = await connect(f"{base}/CP001", subprotocols=["ocpp1.6"], **PLAIN)
        header = bytes([0x81, 0xFF]) + (2**21).to_bytes(8, "big") + bytes(4)
        far.transport.write(header)
        with pytest.raises(ConnectionClosed) as caught:
            await far.recv()
        assert caught.value.rcvd.code == 1009
        await far.close()
        await heard.until("closed")


@play
async def test_a_polite_end_tells_the_peers_reason():
    async with csms() as (base, heard, _refused):
        far = await connect(f"{base}/CP001", subprotocols=["ocpp1.6"], **PLAIN)
        await far.close(1001, "rebooting")
        await heard.until("closed")
        assert heard.log[-1] == ("closed", "close 1001 rebooting")


@play
async def test_a_cut_cable_is_noticed():
    async with csms() as (base, heard, _refused):
        far = await connect(f"{base}/CP001", subprotocols=["ocpp1.6"], **PLAIN)
        far.transport.abort()
        await heard.until("closed")
        assert len([entry for entry in heard.log if entry[0] == "closed"]) == 1


@play
async def test_a_peer_that_never_closes_is_cut_after_5_s():
    async with csms() as (base, heard, _refused):
        port = int(base.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /CP001 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        # RFC 6455, 4.2.2: SHA-1 of key and GUID, worked out apart from this code.
        assert b"Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n" in answer
        assert b"Sec-WebSocket-Protocol: ocpp1.6\r\n" in answer
        heard.end.close("bye")
        assert not heard.end.send("too late")
        await heard.end.over
        assert asyncio.get_running_loop().time() == 5
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@play
async def test_a_station_talks_to_another_csms_and_hears_its_refusal():
    async def echo(far):
        async for text in far:
            await far.send(text.upper())

    async with serve(echo, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/CP001"
        heard = Heard()
        end = await dial(url, heard)
        await heard.until("opened")
        assert end.is_open
        end.close("done")
        await end.over
    async with serve(echo, "127.0.0.1", 0, subprotocols=["ocpp2.0.1"]) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/CP001"
        refused = Heard()
        end = await dial(url, refused)
        await end.over
        assert "handshake refused" in refused.log[-1][1]


@play
async def test_a_busy_port_is_one_sentence():
    async with csms() as (base, _heard, _refused):
        endpoint = parse_endpoint("rig [device.ev]", f"{base}/CP001")
        with pytest.raises(LinkError, match="cannot listen on 127"):
            await listen("rig", endpoint, admit=lambda _n: None, refused=print)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("wss://host/EV1", "does not name"),
        ("http://host:1/EV1", "does not name"),
        ("ws://host/EV1", "does not name"),
        ("ws://host:9000", "does not name"),
        ("ws://host:9000/", "does not name"),
        ("ws://host:99999/EV1", "99999"),
        ("EV1", "does not name"),
    ],
)
def test_a_wrong_address_is_one_sentence_with_the_right_form(address, says):
    with pytest.raises(RigError) as caught:
        parse_endpoint("home.toml [device.ev]", address)
    assert str(caught.value).startswith("home.toml [device.ev]: ")
    assert says in str(caught.value) or says in caught.value.fact.lower()


def test_an_address_survives_being_read():
    for scheme in ("ws", "wss"):
        url = f"{scheme}://127.0.0.1:9000/ocpp/RDAM%20123"
        assert parse_endpoint("rig", url).url == url
        assert parse_endpoint("rig", url).station == "RDAM 123"
