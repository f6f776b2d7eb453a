"""Who may connect: the security profiles of OCPP, for either end and either edition.

Profile 1 is HTTP basic authentication over a plain websocket, 2 the same over TLS with
a certificate of the CSMS, 3 TLS with a certificate of each end and no password; 0 is
none of these. Source: OCPP 1.6 security whitepaper edition 3, and OCPP 2.0.1 part 2,
A00 (both unverified: read in others' implementations); the header is that of OCPP-J
1.6, 6.2 (its example, as quoted by others, is a test).

A password is read from a file and kept out of every message, log and text: a rig file
is part of the evidence, so the password cannot stand in it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from devices.links.tls import (
    Certificate,
    Trust,
    client_context,
    common_name,
    read_certificate,
    read_trust,
    server_context,
    throwaway,
)
from harness.core.bench import Options
from harness.core.errors import RigError

LEAST_OCTETS, MOST_OCTETS = 16, 40
"""Length of a password (whitepaper edition 3, AuthorizationKey; unverified)."""
LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})

QUIET = logging.getLogger(f"{__name__}.quiet")
"""For the websocket library, which would log the Authorization header."""
QUIET.disabled = True


class SecurityFiles(Options):
    """Where the secrets are; paths count from the working directory."""

    password_file: str = ""
    """Holds the password, 16 to 40 octets: as they are, or ``hex:`` and digits."""
    certificate: str = ""
    """PEM: this end's certificate, and its chain."""
    private_key: str = ""
    """PEM, without a passphrase."""
    ca: str = ""
    """PEM: who must have signed the other end's certificate."""


class CsmsSecurity(SecurityFiles):
    """What the harness asks of a station that connects."""

    security_profile: Literal[0, 1, 2, 3] = 0
    certificate_name: str = ""
    """commonName of the station's certificate, profile 3; empty for its identity."""


class StationSecurity(SecurityFiles):
    """How an emulated station connects.

    By default as the harness has arranged it, if that is in the same process.
    """

    security_profile: Literal[0, 1, 2, 3] | None = None


@dataclass(frozen=True, slots=True)
class Password:
    """A station's secret; it does not show itself."""

    octets: bytes = field(repr=False)

    def header(self, station: str) -> str:
        """Return ``Basic base64(identity:password)``."""
        return "Basic " + base64.b64encode(
            station.encode() + b":" + self.octets
        ).decode("ascii")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a station brings to its connection."""

    profile: int = 0
    authorization: str = field(default="", repr=False)
    context: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """What a CSMS checks on each connection."""

    profile: int = 0
    password: Password | None = None
    context: ssl.SSLContext | None = None
    certificate_name: str = ""
    stations: Credentials | None = None
    """What an emulated station of this process may bring."""

    def objection(
        self, station: str, authorization: str, peer: dict[str, object] | None
    ) -> tuple[int, str] | None:
        """Return the HTTP status and the reason for which a station is refused."""
        if self.password is not None:
            return _password_objection(self.password, station, authorization)
        name = self.certificate_name or station
        if self.profile == 3 and common_name(peer) != name:
            found = common_name(peer)
            return 403, f"station {station!r} has a certificate for {found!r}"
        return None

    @contextmanager
    def arranged(self, url: str) -> Iterator[None]:
        """Let emulated stations of this process connect to this address."""
        if self.stations is not None:
            _ARRANGED[url] = self.stations
        try:
            yield
        finally:
            _ARRANGED.pop(url, None)


OPEN = Guard()
"""Everybody may connect."""
NONE_NEEDED = Credentials()
"""For those."""
_ARRANGED: dict[str, Credentials] = {}


def _password_objection(
    password: Password, station: str, authorization: str
) -> tuple[int, str] | None:
    if not authorization:
        return 401, f"station {station!r} gave no password"
    try:
        kind, _space, code = authorization.partition(" ")
        given = base64.b64decode(code.strip(), validate=True)
    except (binascii.Error, ValueError):
        return 401, f"station {station!r} gave an Authorization that is not base64"
    if kind.lower() != "basic":
        return 401, f"station {station!r} gave no basic authentication"
    if not hmac.compare_digest(given, station.encode() + b":" + password.octets):
        return 401, f"station {station!r} gave a wrong user or password"
    return None


def read_password(where: str, path: str) -> Password:
    """Read a password file.

    Raises
    ------
    RigError
        If it cannot be read or is no password; what is in it is not told.
    """
    try:
        text = Path(path).read_bytes().rstrip(b"\r\n")
        octets = bytes.fromhex(text[4:].decode()) if text[:4] == b"hex:" else text
    except OSError as error:
        fact = f"password file {path!r} cannot be read ({error.strerror})"
        raise RigError(where, fact, "a file that this user can read") from None
    except ValueError:
        fact = f"password file {path!r} says hex: and is not hexadecimal"
        raise RigError(where, fact, "two digits for each octet") from None
    if not LEAST_OCTETS <= len(octets) <= MOST_OCTETS:
        fact = f"password file {path!r} holds {len(octets)} octets"
        raise RigError(where, fact, f"{LEAST_OCTETS} to {MOST_OCTETS} octets")
    return Password(octets)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a host."""
    return host in LOOPBACK


def must_be_secure(where: str, host: str, *, secure: bool, profile: int) -> bool:
    """Return whether the address is TLS, given what it says and the profile.

    On loopback ``ws`` with profile 2 or 3 means ``wss``: emulated rigs have no
    address of their own to say so.

    Raises
    ------
    RigError
        If the two contradict each other.
    """
    if secure and profile < 2:
        fact = f"the address is wss, which is TLS, and security_profile is {profile}"
        raise RigError(where, fact, "security_profile = 2 or 3, or a ws address")
    if profile >= 2 and not secure and not is_loopback(host):
        fact = f"security_profile {profile} is TLS, and the address is ws"
        raise RigError(where, fact, "a wss address")
    return profile >= 2


# The CSMS's end


def make_guard(where: str, host: str, station: str, options: CsmsSecurity) -> Guard:
    """Return what a CSMS on `host` checks of its station.

    On loopback what no file gives is made up for this process alone.

    Raises
    ------
    RigError
        If a file that the profile needs is missing or useless.
    """
    profile = options.security_profile
    if profile == 0:
        return OPEN
    invented = is_loopback(host)
    password = None
    if profile < 3:
        password = _server_password(where, options, invented)
    authorization = "" if password is None else password.header(station)
    if profile == 1:
        stations = Credentials(profile, authorization)
        return Guard(profile, password, stations=stations)
    own, trust = _server_certificate(where, host, options, invented)
    clients, station_own = None, None
    if profile == 3:
        clients, station_own = _clients(where, station, options, invented)
    name = options.certificate_name
    context = server_context(where, own, clients=clients)
    trusting = client_context(where, trust, own=station_own)
    stations = Credentials(profile, authorization, trusting)
    return Guard(profile, password, context, name, stations)


def _server_password(where: str, options: CsmsSecurity, invented: bool) -> Password:
    if options.password_file:
        return read_password(where, options.password_file)
    if invented:
        return Password(secrets.token_urlsafe(24).encode())
    raise _lacking(where, options.security_profile, "password_file")


def _server_certificate(
    where: str, host: str, options: CsmsSecurity, invented: bool
) -> tuple[Certificate, Trust]:
    """Return the CSMS's certificate, and what accepts it."""
    if options.certificate:
        key = options.private_key or options.certificate
        own = read_certificate(where, options.certificate, key)
        return own, Trust(own.chain.decode("ascii", "replace"))
    if invented:
        return throwaway().sign(host.strip("[]")), throwaway().trust
    raise _lacking(where, options.security_profile, "certificate and private_key")


def _clients(
    where: str, station: str, options: CsmsSecurity, invented: bool
) -> tuple[Trust, Certificate | None]:
    """Return what accepts stations, and a certificate for an emulated one."""
    if options.ca:
        return read_trust(where, options.ca), None
    if invented:
        name = options.certificate_name or station
        return throwaway().trust, throwaway().sign(name)
    raise _lacking(where, options.security_profile, "ca")


def _lacking(where: str, profile: int, what: str) -> RigError:
    fact = f"security_profile {profile} needs {what}"
    hint = "these options; only a bench on loopback can do without"
    return RigError(where, fact, hint)


# The station's end


def credentials(
    where: str, url: str, station: str, options: StationSecurity
) -> Credentials:
    """Return what an emulated station brings to the CSMS at `url`.

    What its options leave out is what the driver arranged, if that is in the same
    process.

    Raises
    ------
    RigError
        If neither gives what the profile needs.
    """
    arranged = _ARRANGED.get(url)
    profile = options.security_profile
    if profile is None:
        found = arranged or _plain(where, url)
    else:
        found = _by_profile(where, profile, arranged, options)
    if options.password_file:
        password = read_password(where, options.password_file)
        found = replace(found, authorization=password.header(station))
    if options.ca or options.certificate:
        found = replace(found, context=_own_context(where, options))
    return found


def _plain(where: str, url: str) -> Credentials:
    """Return what it takes to dial a CSMS of another process without any files."""
    if not url.startswith("wss:"):
        return NONE_NEEDED
    return Credentials(context=client_context(where, Trust("")))


def _by_profile(
    where: str,
    profile: int,
    arranged: Credentials | None,
    options: StationSecurity,
) -> Credentials:
    known = arranged or Credentials()
    if profile in {1, 2} and not (known.authorization or options.password_file):
        raise _lacking(where, profile, "password_file")
    authorization = known.authorization if profile in {1, 2} else ""
    if profile < 2:
        return Credentials(profile, authorization)
    if known.context is None and not options.ca:
        raise _lacking(where, profile, "ca")
    return Credentials(profile, authorization, known.context)


def _own_context(where: str, options: StationSecurity) -> ssl.SSLContext:
    trust = read_trust(where, options.ca) if options.ca else throwaway().trust
    own = None
    if options.certificate:
        key = options.private_key or options.certificate
        own = read_certificate(where, options.certificate, key)
    return client_context(where, trust, own=own)
