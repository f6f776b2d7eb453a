"""Addresses of devices that are found by a host and a port: ``SCHEME://HOST:PORT``."""

from __future__ import annotations

from urllib.parse import urlsplit

from devices.links.byte_wire import Endpoint
from harness.core.errors import RigError


def host_and_port(where: str, text: str, form: str) -> Endpoint:
    """Read an address as a rig file gives it.

    Parameters
    ----------
    where : str
        The section of the rig file.
    text : str
        What stands there.
    form : str
        The right form, which also says the scheme: ``scpi://HOST:PORT``.

    Raises
    ------
    RigError
        Naming the right form.
    """
    scheme = form.partition("://")[0]
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != scheme or not parts.hostname or not port or parts.path:
        fact = f"{text!r} is not a {scheme.upper()} address"
        raise RigError(f"{where} address", fact, form)
    return Endpoint(parts.hostname, port)
