"""The relay on real sockets and virtual time: what a faulty wire does to messages."""

import asyncio
import math
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.faults import Fault, FaultKind
from harness.core.virtual_loop import VirtualLoop
from harness.rig.faulty_wire import LOOPBACK, FaultyWire, garbled, require_sound
from harness.rig.message_line import MOMENT_S

WAIT_S = 100.0
SHARES = (
    FaultKind.LOSS,
    FaultKind.DUPLICATE,
    FaultKind.REORDER,
    FaultKind.MALFORMED,
)


def lines(data):
    """A wire whose messages end with a line feed."""
    return data.find(b"\n") + 1


class Device(asyncio.Protocol):
    """What listens behind the wire; keeps what comes and when."""

    def __init__(self):
        self.got, self.at_s, self.lost = b"", [], None
        self.ended = self.speaks_on = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.got += data
        loop = asyncio.get_running_loop()
        self.at_s += [(loop.time(), line) for line in data.splitlines()]

    def eof_received(self):
        self.ended = True
        return self.speaks_on

    def connection_lost(self, exc):
        self.lost = exc or True


@asynccontextmanager
async def bench(cut=lines, **how):
    """A relay, a device behind it, and a connection to the relay."""
    loop, device, client = asyncio.get_running_loop(), Device(), Device()
    server = await loop.create_server(lambda: device, LOOPBACK, 0)
    wire = FaultyWire(cut, **how)
    try:
        async with wire.between((LOOPBACK, 0), server.sockets[0].getsockname()[:2]):
            await loop.create_connection(lambda: client, *wire.address)
            await asyncio.sleep(1.0)
            yield wire, client, device
    finally:
        server.close()
        for end in (client, device):
            if hasattr(end, "transport"):
                end.transport.abort()
        await asyncio.sleep(1.0)


def on_bench(work, **how):
    async def run():
        async with bench(**how) as parts:
            return await work(*parts)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


def numbered(count):
    return [b"message %d\n" % n for n in range(count)]


def sent_through(fault, count=200, seed=1, between_s=1.0):
    """Send so many messages, one a second; return what came, and when."""

    async def work(wire, client, device):
        if fault is not None:
            wire.impose(fault, np.random.default_rng(seed))
        began_s = asyncio.get_running_loop().time()
        for message in numbered(count):
            client.transport.write(message)
            await asyncio.sleep(between_s)
        if fault is not None:
            wire.lift(fault.kind)
        await asyncio.sleep(WAIT_S)
        return device.got, [(at_s - began_s, line) for at_s, line in device.at_s]

    return on_bench(work)


def test_a_good_wire_hands_on_every_byte_at_once():
    got, times = sent_through(None, 20)
    assert got == b"".join(numbered(20))
    assert [at_s for at_s, _line in times] == list(range(20))


def test_a_slow_wire_keeps_order_and_adds_its_time_exactly():
    got, times = sent_through(Fault(FaultKind.LATENCY, 2.5), 20)
    assert got == b"".join(numbered(20))
    assert [at_s for at_s, _line in times] == pytest.approx(np.arange(20) + 2.5)


def test_a_wire_that_becomes_well_lets_no_message_overtake():
    async def work(wire, client, device):
        wire.impose(Fault(FaultKind.LATENCY, 5.0), np.random.default_rng(1))
        client.transport.write(b"first\n")
        await asyncio.sleep(1.0)
        wire.lift(FaultKind.LATENCY)
        client.transport.write(b"second\n")
        await asyncio.sleep(WAIT_S)
        return device.got

    assert on_bench(work) == b"first\nsecond\n"


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_lossy_wire_loses_its_share(share):
    got, _ = sent_through(Fault(FaultKind.LOSS, share), 400)
    kept = got.splitlines()
    assert len(kept) / 400 == pytest.approx(1 - share, abs=0.08)
    assert kept == sorted(kept, key=lambda line: int(line.split()[1]))


def test_the_seed_decides_which_are_lost():
    one, again, other = (
        sent_through(Fault(FaultKind.LOSS, 0.5), 50, seed)[0] for seed in (1, 1, 2)
    )
    assert one == again != other


def test_a_doubling_wire_sends_a_copy_a_moment_later():
    got, times = sent_through(Fault(FaultKind.DUPLICATE, 1.0), 5)
    assert sorted(got.splitlines()) == sorted(2 * [m.strip() for m in numbered(5)])
    assert times[1][0] - times[0][0] == pytest.approx(MOMENT_S)


def test_a_reordering_wire_lets_the_next_go_first_and_loses_nothing():
    got, _ = sent_through(Fault(FaultKind.REORDER, 0.3), 200)
    came = got.splitlines(keepends=True)
    assert came != numbered(200)
    assert sorted(came) == sorted(numbered(200))


def test_what_waits_to_be_overtaken_goes_when_the_wire_is_well():
    got, _ = sent_through(Fault(FaultKind.REORDER, 1.0), 1)
    assert got == b"message 0\n"


def test_a_garbling_wire_changes_bytes_and_not_lengths():
    async def work(wire, client, device):
        wire.impose(Fault(FaultKind.MALFORMED, 1.0), np.random.default_rng(3))
        client.transport.write(b"message\n")
        await asyncio.sleep(1.0)
        return device.got

    got = on_bench(work)
    assert len(got) == len(b"message\n")
    assert got != b"message\n"


def test_a_cut_wire_drops_connections_and_takes_none_until_it_is_whole():
    async def work(wire, client, device):
        loop = asyncio.get_running_loop()
        wire.impose(Fault(FaultKind.DISCONNECT), np.random.default_rng(1))
        await asyncio.sleep(1.0)
        assert client.lost
        assert device.lost
        second, third = Device(), Device()
        await loop.create_connection(lambda: second, *wire.address)
        await asyncio.sleep(1.0)
        assert second.lost
        wire.lift(FaultKind.DISCONNECT)
        await loop.create_connection(lambda: third, *wire.address)
        third.transport.write(b"whole again\n")
        await asyncio.sleep(1.0)
        third.transport.abort()
        return device.got

    assert on_bench(work) == b"whole again\n"


def test_a_fault_happens_in_its_direction_only():
    async def work(wire, client, device):
        to_it = Fault(FaultKind.LOSS, 1.0, "to the device")
        wire.impose(to_it, np.random.default_rng(1))
        client.transport.write(b"there\n")
        device.transport.write(b"back\n")
        await asyncio.sleep(1.0)
        return device.got, client.got

    assert on_bench(work) == (b"", b"back\n")
    # The same, where the device is the one that dialled.
    assert on_bench(work, device_dials=True) == (b"there\n", b"")


def test_a_fault_of_one_action_leaves_the_others_alone():
    async def work(wire, client, device):
        values = Fault(FaultKind.LOSS, 1.0, containing=b"VALUES")
        wire.impose(values, np.random.default_rng(1))
        client.transport.write(b"values 1\nother 1\nvalues 2\n")
        await asyncio.sleep(1.0)
        return device.got

    assert on_bench(work, say=bytes.upper) == b"other 1\n"


def test_a_message_that_began_on_a_good_wire_ends_whole():
    async def work(wire, client, device):
        client.transport.write(b"half of ")
        await asyncio.sleep(1.0)
        assert device.got == b"half of "
        wire.impose(Fault(FaultKind.LOSS, 1.0), np.random.default_rng(1))
        client.transport.write(b"it\nlost\n")
        await asyncio.sleep(1.0)
        return device.got

    assert on_bench(work) == b"half of it\n"


def test_an_end_that_says_it_is_done_is_heard_at_the_other():
    async def work(wire, client, device):
        client.speaks_on = device.speaks_on = True
        client.transport.write(b"last, without an end")
        client.transport.write_eof()
        await asyncio.sleep(1.0)
        device.transport.write(b"answer\n")
        await asyncio.sleep(1.0)
        device.transport.close()
        await asyncio.sleep(1.0)
        return device.got, device.ended, client.got, client.ended

    assert on_bench(work) == (b"last, without an end", True, b"answer\n", True)


def test_a_device_that_nobody_reaches_is_a_lost_connection():
    async def run():
        loop, client, wire = asyncio.get_running_loop(), Device(), FaultyWire(lines)
        unused = await loop.create_server(Device, LOOPBACK, 0)
        nobody = unused.sockets[0].getsockname()[:2]
        unused.close()
        async with wire.between((LOOPBACK, 0), nobody):
            await loop.create_connection(lambda: client, *wire.address)
            await asyncio.sleep(1.0)
            return client.lost

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(run())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=12), st.booleans())
def test_nothing_is_lost_or_doubled_without_a_fault(pieces, framed):
    async def work(_wire, client, device):
        for piece in pieces:
            client.transport.write(piece)
            device.transport.write(piece[::-1])
            await asyncio.sleep(0.1)
        return device.got, client.got

    got, back = on_bench(work, cut=lines if framed else None)
    assert got == b"".join(pieces)
    assert back == b"".join(piece[::-1] for piece in pieces)


@given(st.binary(min_size=1, max_size=400), st.integers(0, 2**32 - 1))
def test_a_garbled_message_has_its_length_and_is_another(message, seed):
    changed = garbled(message, np.random.default_rng(seed))
    assert len(changed) == len(message)
    assert changed != message


@pytest.mark.parametrize("kind", SHARES)
@pytest.mark.parametrize("amount", [math.nan, -0.1, 1.1])
def test_a_share_that_is_none_is_refused(kind, amount):
    with pytest.raises(ValueError, match="needs a share of them, 0 to 1"):
        require_sound(Fault(kind, amount))


@pytest.mark.parametrize("amount", [math.nan, -1.0, math.inf])
def test_a_time_that_is_none_is_refused(amount):
    with pytest.raises(ValueError, match="needs the seconds"):
        require_sound(Fault(FaultKind.LATENCY, amount))


def test_a_fault_of_a_device_is_none_of_a_wire():
    with pytest.raises(ValueError, match="inside a device"):
        require_sound(Fault(FaultKind.FROZEN))
