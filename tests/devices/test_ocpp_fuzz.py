"""Malformed frames at each layer of the OCPP link: one clear word each, and it goes on.

Bytes at the websocket, text at the remote calls, payloads at the station; as many as
`tests.devices.fuzzing` says, seeded.
"""

import asyncio
import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.ev_chargepoint.profiles import Situation, composite, parse
from devices.links.ocpp import Rpc
from devices.links.ocpp_schema import request_breach
from devices.links.ocpp_security import Guard, Password
from devices.links.ocpp_socket import ServerEnd
from harness.core.virtual_loop import VirtualLoop
from tests.devices.fuzzing import FRAMES

SHAKE = (
    b"GET /EV1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic RVYxOnNlY3JldA==\r\n\r\n"
)
"""RFC 6455, 1.2 and 1.3: its own key."""
many = settings(
    max_examples=FRAMES // 4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class FakeTransport(asyncio.Transport):
    """Takes what is written; TLS-like, it has no half of a close."""

    def __init__(self):
        super().__init__()
        self.written, self.gone = [], False

    def write(self, data):
        self.written.append(data)

    def can_write_eof(self):
        return False

    def close(self):
        self.gone = True

    def abort(self):
        self.gone = True


class Heard:
    """Notes what comes out; nothing may be raised into it."""

    def __init__(self):
        self.texts, self.odd, self.ended = [], [], []

    def opened(self, end):
        """The handshake is over."""

    def received(self, text):
        self.texts.append(text)

    def unreadable(self, data, why):
        self.odd.append((data, why))

    def closed(self, why):
        self.ended.append(why)


def on_loop(act):
    async def run():
        return act()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


def mutated(good):
    """Cut, stuff, or flip some bytes of a good message."""
    return st.tuples(
        st.integers(0, len(good)), st.integers(0, 30), st.binary(max_size=40)
    ).map(lambda cut: good[: cut[0]] + cut[2] + good[cut[0] + cut[1] :])


@many
@example(b"  HTTP/1.0\r\n!:\r\n\r\n\x00\x00")
@example(SHAKE + b"\x00\x00")
@given(st.one_of(st.binary(max_size=300), mutated(SHAKE)))
def test_any_bytes_for_a_handshake_end_in_a_listener_or_a_reason(data):
    def act():
        heard, refused, transport = Heard(), [], FakeTransport()
        guard = Guard(1, Password(b"secret"))
        end = ServerEnd(lambda _name: heard, refused.append, guard=guard)
        end.connection_made(transport)
        end.data_received(data)
        opened = end.is_open
        end.eof_received()
        end.connection_lost(None)
        assert opened or refused
        assert heard.texts == []

    on_loop(act)


FRAME = bytes([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
"""RFC 6455, 5.7: a single-frame masked text message, "Hello"."""


@many
@given(st.lists(st.one_of(st.just(FRAME), mutated(FRAME)), min_size=1, max_size=4))
def test_any_frames_after_it_are_heard_or_end_the_connection_once(frames):
    def act():
        heard, transport = Heard(), FakeTransport()
        end = ServerEnd(lambda _name: heard, lambda _why: None)
        end.connection_made(transport)
        end.data_received(SHAKE)
        for frame in frames:
            end.data_received(frame)
        end.connection_lost(None)
        assert len(heard.ended) == 1
        if frames[0] == FRAME:
            assert heard.texts[0] == "Hello"

    on_loop(act)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
CALLS = st.tuples(
    st.sampled_from([2, 3, 4, 5, "2", None]),
    st.one_of(st.text(max_size=50), st.integers()),
    st.one_of(st.sampled_from(["Heartbeat", "MeterValues", "Nonsense"]), JSON),
    JSON,
).map(lambda message: json.dumps(list(message)))


@many
@given(st.one_of(st.text(max_size=80), CALLS, JSON.map(json.dumps)))
def test_any_text_is_answered_or_told_and_the_next_call_still_works(text):
    def act():
        sent, told = [], []
        rpc = Rpc(
            where="rig",
            prefix="c",
            send=lambda frame: sent.append(frame) or True,
            handlers={"Heartbeat": lambda _asked: {"currentTime": "2027-01-01T00:00Z"}},
            wire=lambda _sent, _text: None,
            violated=told.append,
        )
        rpc.received(text)
        assert sent or told
        sent.clear()
        rpc.received('[2,"the-next","Heartbeat",{}]')
        assert json.loads(sent[-1])[:2] == [3, "the-next"]

    on_loop(act)


TIMES = st.one_of(
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
)
PROFILES = st.fixed_dictionaries(
    {
        "chargingProfileId": st.integers(-(2**31), 2**31),
        "stackLevel": st.integers(-5, 2**31),
        "chargingProfilePurpose": st.sampled_from(
            ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
        ),
        "chargingProfileKind": st.sampled_from(["Absolute", "Recurring", "Relative"]),
        "chargingSchedule": st.fixed_dictionaries(
            {
                "chargingRateUnit": st.sampled_from(["A", "W"]),
                "chargingSchedulePeriod": st.lists(
                    st.fixed_dictionaries(
                        {
                            "startPeriod": st.integers(-5, 2**40),
                            "limit": st.integers(-10, 10**6).map(lambda n: n / 10),
                        },
                        optional={"numberPhases": st.integers(-1, 4)},
                    ),
                    min_size=1,
                    max_size=3,
                ),
            },
            optional={
                "duration": st.integers(-5, 2**40),
                "startSchedule": TIMES,
                "minChargingRate": st.integers(-10, 1000).map(lambda n: n / 10),
            },
        ),
    },
    optional={
        "recurrencyKind": st.sampled_from(["Daily", "Weekly"]),
        "validFrom": TIMES,
        "validTo": TIMES,
    },
)


@many
@given(PROFILES, st.integers(0, 1))
def test_any_profile_of_the_schema_is_refused_or_gives_a_composite(payload, connector):
    request = {"connectorId": connector, "csChargingProfiles": payload}
    assert request_breach("SetChargingProfile", request) is None
    try:
        profile = parse(connector, payload)
    except (ValueError, OverflowError):
        return
    here = Situation(1, 1_800_000_000.0, 1_800_000_000.0, 3, True)
    steps = composite([profile], here, duration_s=86_400, ceiling_a=32.0)
    assert steps[0].start_s == 0
    assert all(0 <= step.limit_a <= 32 for step in steps)
