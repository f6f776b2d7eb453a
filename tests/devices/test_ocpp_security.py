"""Security profiles 1 to 3: who is let in, who is not, and what each is told.

The header is OCPP-J 1.6, 6.2's own example (as implementations quote it). Certificates
of the far ends come from ``trustme``, not from our own authority, where files are used.
"""

import asyncio
import logging
import re
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from devices.ev_chargepoint.ocpp16 import DRIVER
from devices.links.ocpp_security import (
    CsmsSecurity,
    Guard,
    Password,
    StationSecurity,
    credentials,
    make_guard,
    read_password,
)
from devices.links.tls import Authority, read_certificate, server_context, throwaway
from harness.core.bench import DeviceContext, EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.errors import LinkError, RigError
from tests.devices.ocpp_bench import play

KEY = bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")
HEADER = "Basic QUwxMDAwOgABAgMEBQYH////////////////"
"""OCPP-J 1.6, 6.2: station AL1000 with this key."""
SECRET = "correct-horse-battery"  # noqa: S105 - of a test


class Bench:
    def __init__(self):
        self.clock, self.circuit = BenchClock(datetime(2026, 1, 5, tzinfo=UTC)), None
        self.wire, self.events = [], []

    def device(self, address):
        return DeviceContext(
            where="home.toml [device.ev]",
            role="ev",
            address=address,
            clock=self.clock,
            wire=lambda sent, text: self.wire.append(text),
            report=lambda _found: None,
            notify=lambda event: self.events.append(f"{event.kind} {event.detail}"),
        )

    def refusals(self):
        return [text for text in self.events if "connection refused" in text]


@asynccontextmanager
async def harness(*, address="ws://127.0.0.1:0/AL1000", **options):
    bench = Bench()
    options = {"ready_timeout_s": 20.0, **options}
    async with DRIVER.open(bench.device(address), DRIVER.options(**options)) as driver:
        yield bench, driver


@asynccontextmanager
async def bench_with(driver_options, **station_options):
    async with harness(**driver_options) as (bench, driver):
        context = EmulatorContext(
            where="home.toml [device.ev]",
            role="ev",
            clock=bench.clock,
            rng=np.random.default_rng(1),
            circuit=Circuit(),
            dial=driver.address,
        )
        record = DRIVER.emulator_options(**station_options)
        async with DRIVER.emulate(context, record) as station:
            yield bench, driver, station


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "password"
    path.write_text(SECRET + "\n")
    return str(path)


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "wrong"
    path.write_text("wrong-horse-battery\n")
    return str(path)


@pytest.fixture
def our_ca(tmp_path):
    path = tmp_path / "throwaway.pem"
    path.write_text(throwaway().trust.authorities)
    return str(path)


# The header


def test_the_specifications_example_is_what_a_station_sends():
    assert Password(KEY).header("AL1000") == HEADER


def test_and_what_the_csms_accepts():
    guard = Guard(1, Password(KEY))
    assert guard.objection("AL1000", HEADER, None) is None
    assert guard.objection("AL1000", HEADER.replace("Basic", "basic"), None) is None


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", "gave no password"),
        (HEADER[:-4] + "AAAA", "wrong user or password"),
        ("Basic %%%", "not base64"),
        ("Basic", "wrong user or password"),
        ("Bearer QUwxMDAw", "no basic authentication"),
        (Password(KEY).header("AL1001"), "wrong user or password"),
    ],
)
def test_anything_else_is_401_and_says_no_secret(header, says):
    status, why = Guard(1, Password(KEY)).objection("AL1000", header, None)
    assert status == 401
    assert says in why
    assert "////" not in why


@given(st.text(max_size=80))
def test_no_header_gets_in_or_breaks_the_check_but_the_right_one(text):
    objection = Guard(1, Password(KEY)).objection("AL1000", text, None)
    assert objection is not None
    assert objection[0] == 401


@given(st.binary(min_size=16, max_size=40))
def test_any_octets_are_a_password(octets):
    guard = Guard(1, Password(octets))
    assert guard.objection("EV1", Password(octets).header("EV1"), None) is None


def test_a_password_file_is_text_or_octets(tmp_path):
    path = tmp_path / "key"
    path.write_text("hex:0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF\n")
    assert read_password("rig", str(path)).octets == KEY
    path.write_text(SECRET)
    assert read_password("rig", str(path)).octets == SECRET.encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("tooshort", "8 octets"),
        ("x" * 41, "41 octets"),
        ("hex:00zz", "not hexadecimal"),
        ("", "0 octets"),
        (None, "cannot be read"),
    ],
)
def test_a_useless_password_file_is_one_sentence_without_the_password(
    tmp_path, content, says
):
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RigError, match=says) as caught:
        read_password("rig", str(path))
    assert not content or content not in str(caught.value)


# Emulated rigs need no files


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
def test_a_profile_alone_is_enough_on_an_emulated_rig(profile):
    @play
    async def test():
        async with bench_with({"security_profile": profile}) as (bench, driver, _ev):
            scheme = "wss" if profile > 1 else "ws"
            assert driver.address.startswith(f"{scheme}://127.0.0.1:")
            await driver.ready()
            assert (await driver.limit_power_w(1400)).accepted
            assert bench.refusals() == []

    test()


def test_an_hour_over_tls_has_the_messages_and_times_of_one_without():
    heard = {}

    @play
    async def hour(profile):
        async with bench_with({"security_profile": profile}) as (bench, driver, _ev):
            await driver.ready()
            await bench.clock.until(3600)
            heard[profile] = bench.wire

    hour(0)
    hour(2)
    plain, secure = heard[0], heard[2]
    assert len(plain) > 700
    assert '"SecurityProfile","readonly":true,"value":"2"' in secure[5]
    assert [*secure[:5], *secure[6:]] == [*plain[:5], *plain[6:]]


# Files


@play
async def test_profile_2_with_files_and_an_independent_client(tmp_path, secret):
    authority = trustme.CA()
    cert = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    key.write_bytes(cert.private_key_pem.bytes())
    files = {"certificate": str(chain), "private_key": str(key)}
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    async with (
        harness(security_profile=2, password_file=secret, **files) as (_bench, driver),
        connect(
            driver.address,
            subprotocols=["ocpp1.6"],
            ssl=trust,
            additional_headers={
                "Authorization": Password(SECRET.encode()).header("AL1000")
            },
            compression=None,
            ping_interval=None,
        ) as far,
    ):
        assert far.subprotocol == "ocpp1.6"
        assert far.transport.get_extra_info("ssl_object").version() == "TLSv1.2"


@play
async def test_an_emulated_station_trusts_the_drivers_own_files(tmp_path, secret):
    own = Authority().sign("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(own.chain)
    key.write_bytes(own.key)
    options = {
        "security_profile": 2,
        "password_file": secret,
        "certificate": str(chain),
        "private_key": str(key),
    }
    async with bench_with(options) as (_bench, driver, _station):
        await driver.ready()


# Those who are not let in

EARLY = "the CSMS closed the connection before the websocket was open"


async def turned_away(driver_options, server_says, station_says, **station_options):
    async with bench_with(driver_options, **station_options) as (bench, driver, ev):
        with pytest.raises(LinkError) as caught:
            await driver.ready()
        assert bench.clock.now_s() <= 21
        assert re.search(server_says, str(caught.value)), str(caught.value)
        assert re.search(station_says, ev.trouble), ev.trouble
        told = [str(caught.value), ev.trouble, *bench.events, *bench.wire]
        assert not [text for text in told if "horse" in text]


@pytest.mark.parametrize("profile", [1, 2])
@play
async def test_a_wrong_password_is_401(profile, secret, wrong):
    await turned_away(
        {"security_profile": profile, "password_file": secret},
        r"wrong user or password \(401\)",
        "HTTP 401",
        password_file=wrong,
    )


@play
async def test_no_password_is_401(secret):
    await turned_away(
        {"security_profile": 1, "password_file": secret},
        r"gave no password \(401\)",
        "HTTP 401",
        security_profile=0,
    )


@play
async def test_plain_ws_to_a_tls_address():
    await turned_away(
        {"security_profile": 2},
        "no TLS handshake: it speaks without TLS, which is needed here",
        EARLY,
        security_profile=0,
    )


@play
async def test_no_client_certificate(our_ca):
    await turned_away(
        {"security_profile": 3},
        "no TLS handshake: it brought no certificate of its own",
        EARLY,
        ca=our_ca,
    )


@play
async def test_a_client_certificate_of_a_stranger(tmp_path, our_ca):
    await turned_away(
        {"security_profile": 3},
        "no TLS handshake: its certificate is not accepted: ",
        EARLY,
        ca=our_ca,
        **files(tmp_path, Authority().sign("AL1000")),
    )


@play
async def test_a_client_certificate_for_another_station(tmp_path, our_ca):
    await turned_away(
        {"security_profile": 3},
        r"has a certificate for 'AL2000' \(403\)",
        "HTTP 403",
        ca=our_ca,
        **files(tmp_path, throwaway().sign("AL2000")),
    )


@play
async def test_an_expired_client_certificate(tmp_path, our_ca):
    old = throwaway().sign("AL1000", valid_to=datetime(2021, 1, 1, tzinfo=UTC))
    await turned_away(
        {"security_profile": 3},
        "not accepted: certificate has expired",
        EARLY,
        ca=our_ca,
        **files(tmp_path, old),
    )


def files(tmp_path, own):
    chain, key = tmp_path / "own.pem", tmp_path / "own.key"
    chain.write_bytes(own.chain)
    key.write_bytes(own.key)
    return {"certificate": str(chain), "private_key": str(key)}


@pytest.mark.parametrize(
    ("name", "valid_to", "server_says", "station_says"),
    [
        (
            "127.0.0.1",
            datetime(2021, 1, 1, tzinfo=UTC),
            "may not accept the certificate that it was shown",
            "its certificate is not accepted: certificate has expired",
        ),
        (
            "csms.example",
            None,
            "may not accept the certificate that it was shown",
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
    ],
)
@play
async def test_a_csms_certificate_that_a_station_must_not_accept(
    tmp_path, our_ca, secret, name, valid_to, server_says, station_says
):
    own = files(tmp_path, throwaway().sign(name, valid_to=valid_to))
    await turned_away(
        {"security_profile": 2, "password_file": secret, **own},
        server_says,
        station_says,
        ca=our_ca,
        password_file=secret,
    )


@play
async def test_tls_to_a_plain_address(our_ca, secret):
    await turned_away(
        {"security_profile": 0},
        "it speaks TLS, and this address does not",
        "it does not speak TLS|during the TLS handshake",
        security_profile=2,
        ca=our_ca,
        password_file=secret,
    )


@play
async def test_somebody_who_connects_and_says_nothing_is_let_go_after_10_s():
    async with harness(security_profile=2) as (bench, driver):
        port = int(driver.address.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        assert bench.clock.now_s() == 10
        assert bench.refusals() == [
            "status connection refused: no TLS handshake: no TLS handshake within 10 s"
        ]
        writer.close()
        await writer.wait_closed()


@play
async def test_tls_1_1_is_too_old():
    async with harness(security_profile=2) as (bench, driver):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = ssl.TLSVersion.TLSv1_1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        port = int(driver.address.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match=r"^$|alert"):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)
        await bench.clock.until(1)
        assert "it speaks a TLS older than 1.2" in bench.refusals()[0]


# Rigs that cannot be


@pytest.mark.parametrize(
    ("address", "options", "says"),
    [
        ("wss://127.0.0.1:0/EV1", {}, "security_profile is 0"),
        ("wss://127.0.0.1:0/EV1", {"security_profile": 1}, "security_profile is 1"),
        ("ws://192.0.2.1:0/EV1", {"security_profile": 2}, "the address is ws"),
        ("ws://192.0.2.1:0/EV1", {"security_profile": 1}, "needs password_file"),
        ("wss://192.0.2.1:0/EV1", {"security_profile": 3}, "needs certificate"),
        (
            "wss://127.0.0.1:0/EV1",
            {"security_profile": 2, "certificate": "/nowhere.pem"},
            "certificate file '/nowhere.pem' cannot be read",
        ),
        (
            "wss://127.0.0.1:0/EV1",
            {"security_profile": 3, "ca": __file__},
            "the ca file holds no certificate",
        ),
        (
            "wss://127.0.0.1:0/EV1",
            {"security_profile": 2, "certificate": __file__},
            "cannot be used",
        ),
    ],
)
@play
async def test_a_rig_that_contradicts_itself_is_refused_at_once(address, options, says):
    with pytest.raises(RigError) as caught:
        async with harness(address=address, **options):
            raise AssertionError("it was opened")
    assert says in str(caught.value)


def test_a_station_of_another_process_needs_its_own_files(secret):
    url = "wss://127.0.0.1:9/EV1"
    for options, says in (
        ({"security_profile": 1}, "password_file"),
        ({"security_profile": 3}, "ca"),
    ):
        with pytest.raises(RigError, match=f"needs {says}"):
            credentials("rig", url, "EV1", StationSecurity(**options))


# Secrets stay secret


def test_nothing_that_can_be_printed_shows_the_password(secret):
    options = CsmsSecurity(security_profile=1, password_file=secret)
    guard = make_guard("rig", "127.0.0.1", "EV1", options)
    for text in (repr(guard), str(guard), repr(guard.password), repr(guard.stations)):
        assert "horse" not in text
        assert Password(SECRET.encode()).header("EV1")[6:] not in text


@play
async def test_not_even_a_debug_log_has_it(caplog, secret):
    caplog.set_level(logging.DEBUG)
    options = {"security_profile": 1, "password_file": secret}
    async with bench_with(options) as (_bench, driver, _station):
        await driver.ready()
    code = Password(SECRET.encode()).header("AL1000")[6:]
    assert code not in caplog.text
    assert "Authorization" not in caplog.text


def test_a_key_with_a_passphrase_asks_nobody(tmp_path):
    own = files(tmp_path, throwaway().sign("127.0.0.1"))
    locked = tmp_path / "own.key"
    key = serialization.load_pem_private_key(locked.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"horse"),
        )
    )
    pair = read_certificate("rig", own["certificate"], own["private_key"])
    with pytest.raises(RigError, match="cannot be used"):
        server_context("rig", pair)
