"""Virtual time: real sockets, no guessing, the same every time."""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from harness.core import virtual_loop
from harness.core.errors import StalledError
from harness.core.virtual_loop import VirtualLoop


def on_virtual_time(coroutine):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


async def echo_server(delay_s=0.0):
    async def serve(reader, writer):
        while data := await reader.read(1000):
            await asyncio.sleep(delay_s)
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def test_a_day_of_sleep_takes_no_time_and_is_exact():
    async def day():
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    assert on_virtual_time(day()) == 86_400


def test_a_round_trip_over_a_socket_takes_no_virtual_time():
    async def trips():
        loop = asyncio.get_running_loop()
        server, port = await echo_server()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        took = []
        for _ in range(200):
            began = loop.time()
            writer.write(b"hello")
            assert await asyncio.wait_for(reader.read(100), 1.0) == b"hello"
            took.append(loop.time() - began)
            await asyncio.sleep(1)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return set(took)

    assert on_virtual_time(trips()) == {0.0}


def test_a_timeout_still_fires_when_the_peer_is_slow_in_virtual_time():
    async def slow():
        server, port = await echo_server(delay_s=60)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(100), 30)
        at_s = asyncio.get_running_loop().time()
        writer.close()
        await asyncio.sleep(60)
        server.close()
        await server.wait_closed()
        return at_s

    assert on_virtual_time(slow()) == 30


def test_time_stands_still_while_a_thread_works():
    release = threading.Event()

    async def job():
        loop = asyncio.get_running_loop()
        ticking = asyncio.create_task(asyncio.sleep(3600))
        working = asyncio.ensure_future(
            loop.run_in_executor(None, lambda: release.wait(5))
        )
        threading.Timer(0.1, release.set).start()
        await working
        before = loop.time()
        await ticking
        return before

    assert on_virtual_time(job()) == 0.0


def interleaving(seed_port_count=6):
    """Many clients speaking in the same virtual instants; return who came when."""

    async def talk():
        loop, log = asyncio.get_running_loop(), []
        servers = [await echo_server() for _ in range(seed_port_count)]

        async def client(number, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for beat in range(40):
                writer.write(bytes([beat]) * (1 + number))
                await reader.readexactly(1 + number)
                log.append((loop.time(), number, beat))
                await asyncio.sleep(1.0)
            writer.close()
            await writer.wait_closed()

        async with asyncio.TaskGroup() as group:
            for number, (_, port) in enumerate(servers):
                group.create_task(client(number, port))
        for server, _ in servers:
            server.close()
            await server.wait_closed()
        return log

    return on_virtual_time(talk())


def test_interleaving_is_the_same_twenty_times_with_both_cores_busy():
    burn = "import time\nt = time.time() + 60\nwhile time.time() < t: pass"
    hogs = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(3)]
    try:
        logs = [interleaving() for _ in range(20)]
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert len(logs[0]) == 240
    assert all(log == logs[0] for log in logs)


def test_a_large_message_arrives_whole_before_time_moves():
    async def bulk():
        loop = asyncio.get_running_loop()
        server, port = await echo_server()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        payload = b"x" * 5_000_000
        writer.write(payload)
        got = await asyncio.wait_for(reader.readexactly(len(payload)), 5)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return got == payload, loop.time()

    assert on_virtual_time(bulk()) == (True, 0.0)


def test_a_closed_peer_is_seen_before_time_moves():
    async def hang_up():
        loop = asyncio.get_running_loop()

        async def serve(_reader, writer):
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return loop.time()

    assert on_virtual_time(hang_up()) == 0.0


def test_a_part_outside_the_process_is_reported_not_guessed(monkeypatch):
    monkeypatch.setattr(virtual_loop, "STALL_AFTER_S", 0.3)
    outside = socket.create_server(("127.0.0.1", 0))
    with outside:

        async def call_outside():
            port = outside.getsockname()[1]
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.sleep(1)
            finally:
                writer.transport.abort()

        with pytest.raises(StalledError, match=r"lead out of this process.*wall"):
            on_virtual_time(call_outside())


def test_a_connection_from_outside_is_noticed_while_nothing_is_on_the_wires():
    class Guest(asyncio.Protocol):
        def connection_made(self, transport):
            noticed.append(asyncio.get_running_loop().time())
            transport.close()

    async def trial():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Guest, "127.0.0.1", 0)
        # Not by the loop: nothing of it is in the ledger.
        with socket.create_connection(server.sockets[0].getsockname()):
            for _ in range(500):
                await asyncio.sleep(1.0)
        server.close()

    noticed = []
    on_virtual_time(trial())
    assert noticed
    assert noticed[0] < 100


def test_the_kernel_is_not_asked_while_nothing_is_on_the_wires(monkeypatch):
    async def trial():
        real = asyncio.get_running_loop()._selector._real
        select = real.select
        monkeypatch.setattr(
            real, "select", lambda timeout: asked.append(1) or select(timeout)
        )
        for _ in range(640):
            await asyncio.sleep(1.0)

    asked = []
    on_virtual_time(trial())
    assert 10 <= len(asked) <= 64


def test_waiting_for_nothing_is_reported(monkeypatch):
    monkeypatch.setattr(virtual_loop, "STALL_AFTER_S", 0.2)

    async def forever():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(StalledError, match="everything waits for everything"):
        on_virtual_time(forever())


def test_a_serial_port_is_refused():
    async def watch():
        asyncio.get_running_loop().add_reader(0, print)

    with pytest.raises(StalledError, match="file descriptor 0"):
        on_virtual_time(watch())


class LateSocket:
    """A socket whose bytes are still on their way when they are first asked for."""

    def __init__(self, sock, on_its_way):
        self.sock, self.on_its_way = sock, on_its_way

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def recv(self, size):
        if self.on_its_way:
            self.on_its_way.pop()()
        return self.sock.recv(size)


def test_what_is_owed_is_awaited_even_if_the_kernel_is_late():
    """Else the order of events would hang on how busy the machine is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ledger = virtual_loop.Ledger()
    ours.setblocking(False)
    sender = virtual_loop._CountedSocket(theirs, ledger)

    def later():
        threading.Timer(0.05, theirs.send, [b"hello"]).start()
        raise BlockingIOError

    receiver = virtual_loop._CountedSocket(LateSocket(ours, [later]), ledger)
    ledger.sent(sender._end, 5)
    assert receiver.recv(100) == b"hello"
    assert not ledger.owed
    with pytest.raises(BlockingIOError):
        receiver.recv(100)  # nothing is owed: nothing is waited for
    sender.close()
    receiver.close()


def test_what_is_owed_and_never_comes_is_a_stall_and_not_a_wait_for_ever(monkeypatch):
    monkeypatch.setattr(virtual_loop, "STALL_AFTER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ledger = virtual_loop.Ledger()
    ours.setblocking(False)
    sender = virtual_loop._CountedSocket(theirs, ledger)
    receiver = virtual_loop._CountedSocket(ours, ledger)
    ledger.sent(sender._end, 5)
    with pytest.raises(StalledError, match="never got its bytes"):
        receiver.recv(100)
    sender.close()
    receiver.close()
