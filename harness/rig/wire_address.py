"""The host and port in a device's address, whatever wire it names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from harness.core.errors import FeatureError

Endpoint = tuple[str, int]
"""Host and port."""

PORTS: Mapping[str, int] = MappingProxyType(
    {"http": 80, "ws": 80, "mqtt": 1883, "modbus": 502}
)
"""The port of an address that names none, by its scheme."""
SECURED = ("wss", "https", "mqtts")


def endpoint_of(where: str, address: str) -> Endpoint:
    """Return the host and port that an address names.

    Raises
    ------
    FeatureError
        If no relay can stand there: a serial line, TLS, or no port.
    """
    parts, port = _split(address)
    if parts.scheme in SECURED:
        raise FeatureError(
            f"{where} address",
            f"{address!r} is encrypted: messages cannot be told apart on that wire",
            "the same device without TLS, or a fault of the device",
        )
    port = PORTS.get(parts.scheme) if port is None else port
    if not parts.hostname or port is None:
        raise FeatureError(
            f"{where} address",
            f"{address!r} names no host and port where a relay could stand",
            "a device on TCP (a gateway before a serial line), or a device fault",
        )
    return parts.hostname, port


def with_endpoint(address: str, endpoint: Endpoint) -> str:
    """Return the address with another host and port, all else as it was."""
    parts, _port = _split(address)
    host, port = endpoint
    user, at, _host = parts.netloc.rpartition("@")
    bracketed = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=f"{user}{at}{bracketed}:{port}").geturl()


def _split(address: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(address)
        return parts, parts.port
    except ValueError:
        return urlsplit(""), None
