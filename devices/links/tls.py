"""TLS over asyncio: contexts, what a failed handshake means, a throwaway authority.

TLS 1.2 is the least (OCPP 1.6 security whitepaper edition 3 and OCPP 2.0.1 part 2,
A00; unverified). A server's failed handshakes are told, which asyncio's own servers do
not do. It works on virtual time as it is: the bytes are counted below TLS.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.core.errors import RigError

HANDSHAKE_WITHIN_S = 10.0
"""How long a TLS handshake may take. [s]"""
VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
VALID_TO = datetime(2099, 12, 31, tzinfo=UTC)
"""A throwaway certificate's dates are fixed: no clock is read to make one."""

_MEANINGS = {
    "HTTP_REQUEST": "it speaks without TLS, which is needed here",
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it brought no certificate of its own",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know who signed the certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says the certificate has expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept the certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept the certificate",
    "UNSUPPORTED_PROTOCOL": "it speaks a TLS older than 1.2",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it does not speak TLS 1.2 or later",
}
"""OpenSSL's reasons, in words; "it" is the other end."""
CLOSED = (
    "it closed the connection during the TLS handshake; it may not accept the "
    "certificate that it was shown"
)
"""asyncio (Python 3.11) closes without the alert that would say why."""


def meaning(error: BaseException) -> str:
    """Return in one clause why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        return _MEANINGS.get(reason, reason.replace("_", " ").lower() or "TLS failed")
    if isinstance(error, ConnectionAbortedError):
        return f"no TLS handshake within {HANDSHAKE_WITHIN_S:g} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or CLOSED


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its chain, and its private key, as PEM text."""

    chain: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Trust:
    """Which certificates of the other end are accepted."""

    authorities: str
    """PEM text; empty for those that the operating system trusts."""


def read_certificate(where: str, certificate: str, private_key: str) -> Certificate:
    """Read PEM files.

    Raises
    ------
    RigError
        If one cannot be read.
    """
    return Certificate(
        _read(where, "certificate", certificate), _read(where, "key", private_key)
    )


def read_trust(where: str, ca: str) -> Trust:
    """Read the PEM file of an authority."""
    return Trust(_read(where, "ca", ca).decode("ascii", "replace"))


def _read(where: str, what: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        fact = f"{what} file {path!r} cannot be read ({error.strerror})"
        raise RigError(where, fact, "a PEM file that this user can read") from None


def server_context(
    where: str, own: Certificate, *, clients: Trust | None = None
) -> ssl.SSLContext:
    """Return a server's side; with `clients`, each must bring a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _show(where, context, own)
    if clients is not None:
        _trust(where, context, clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    where: str, servers: Trust, *, own: Certificate | None = None
) -> ssl.SSLContext:
    """Return a client's side, which checks the server's name and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _trust(where, context, servers)
    if own is not None:
        _show(where, context, own)
    return context


def _show(where: str, context: ssl.SSLContext, own: Certificate) -> None:
    # OpenSSL reads these from files alone; the folder is the user's and soon gone.
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain.write_bytes(own.chain)
        key.write_bytes(own.key)
        try:
            context.load_cert_chain(chain, key, password="")  # asks nobody
        except (ssl.SSLError, ValueError) as error:
            fact = f"certificate and private key cannot be used ({_reason(error)})"
            hint = "PEM files that belong together, the key without a passphrase"
            raise RigError(where, fact, hint) from None


def _trust(where: str, context: ssl.SSLContext, trust: Trust) -> None:
    if not trust.authorities:
        context.load_default_certs()
        return
    # A server's own certificate may be named as what to trust.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=trust.authorities)
    except (ssl.SSLError, ValueError) as error:
        fact = f"the ca file holds no certificate ({_reason(error)})"
        raise RigError(where, fact, "a PEM file of the authority") from None


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)


# A server that tells of failed handshakes


class TlsDoor(asyncio.Protocol):
    """Shakes hands over TLS on an accepted connection, then steps aside.

    Parameters
    ----------
    room : callable
        Makes the protocol behind the door.
    context : SSLContext
        The server's side.
    failed : callable
        Told in one clause why a handshake failed.
    """

    def __init__(
        self,
        room: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext,
        failed: Callable[[str], None],
    ) -> None:
        self._room, self._context, self._failed = room, context, failed
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the TCP connection stands."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        transport.pause_reading()  # what comes is TLS's, not ours
        self._opening = asyncio.create_task(self._open(transport))

    async def _open(self, raw: asyncio.Transport) -> None:
        early = _Early()
        try:
            transport = await asyncio.get_running_loop().start_tls(
                raw,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_WITHIN_S,
            )
        except OSError as error:
            self._failed(meaning(error))
            return
        if transport is None:
            self._failed(CLOSED)
            return
        room = self._room()
        transport.set_protocol(room)
        room.connection_made(transport)
        early.hand_over(room)


class _Early(asyncio.Protocol):
    """Keeps what came with the end of the handshake, before anybody was there."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.append(exc)

    def hand_over(self, room: asyncio.Protocol) -> None:
        for data in self._data:
            room.data_received(data)
        for exc in self._lost:
            room.connection_lost(exc)


# A throwaway authority, for benches where both ends are in one process


class Authority:
    """Signs certificates that nobody outside this process trusts.

    Parameters
    ----------
    valid_to : datetime
        When what it signs expires, unless said otherwise.
    """

    def __init__(self, valid_to: datetime = VALID_TO) -> None:
        self._valid_to = valid_to
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Flexrig throwaway authority")
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        self._own = (
            self._draft(self._name, self._key.public_key(), VALID_TO)
            .add_extension(constraint, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def trust(self) -> Trust:
        """What accepts the certificates that it signs."""
        return Trust(self._own.public_bytes(serialization.Encoding.PEM).decode())

    def sign(self, name: str, *, valid_to: datetime | None = None) -> Certificate:
        """Return a certificate for a host name, an address or a station."""
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        signed = (
            self._draft(_name(name), key.public_key(), valid_to or self._valid_to)
            .add_extension(x509.SubjectAlternativeName([_alias(name)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Certificate(signed.public_bytes(serialization.Encoding.PEM), private)

    def _draft(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, valid_to: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(VALID_FROM)
            .not_valid_after(valid_to)
        )


@cache
def throwaway() -> Authority:
    """Return this process's authority; made when first asked for."""
    return Authority()


def common_name(peer: dict[str, object] | None) -> str:
    """Return the subject's commonName of a certificate as ``ssl`` gives it."""
    subject = (peer or {}).get("subject", ())
    assert isinstance(subject, tuple)  # noqa: S101 - for the type
    names = dict(pair for group in subject for pair in group)
    return str(names.get("commonName", ""))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _alias(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        plain = name.encode("ascii", "replace").decode().replace("?", "-")
        return x509.DNSName(plain)
