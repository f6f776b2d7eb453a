"""Network interfaces of this machine: what they carry, which way an address is.

Source: Linux ``netdevice(7)``, ``packet(7)``; ``linux/if_arp.h`` for hardware types.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from harness.core.errors import UsageError

LOOPBACK = "lo"
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
SIOCGIFADDR, SIOCGIFHWADDR = 0x8915, 0x8927
IFF_UP = 1
LINK_TYPES: Mapping[int, int] = MappingProxyType({1: 1, 772: 1, 65534: 101})
"""From the kernel's hardware type (Ethernet, loopback, none as of a tunnel) to the link
type of a capture file (1 Ethernet, 101 raw IP)."""


def link_type(name: str) -> int:
    """Return the link type of an interface's frames.

    Raises
    ------
    UsageError
        If there is no such interface, or it carries what nobody here can read.
    """
    try:
        hardware = struct.unpack_from("<H", _ask(name, SIOCGIFHWADDR), 16)[0]
    except OSError as error:
        known = ", ".join(interface for _, interface in socket.if_nameindex())
        raise UsageError(
            f"--capture-interface {name}",
            "this machine has no such interface",
            f"one of {known}",
        ) from error
    if hardware not in LINK_TYPES:
        raise UsageError(
            f"--capture-interface {name}",
            f"its frames are of a kind that cannot be kept (hardware type {hardware})",
            "the Ethernet interface, or the tunnel, that the bench is on",
        )
    return LINK_TYPES[hardware]


def bring_up(name: str) -> None:
    """Switch an interface on; needs CAP_NET_ADMIN in its network namespace."""
    (flags,) = struct.unpack_from("<H", _ask(name, SIOCGIFFLAGS), 16)
    request = struct.pack("<16sH22x", name.encode(), flags | IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, request)


def route_to(host: str) -> str:
    """Return the interface by which frames to a host leave.

    Raises
    ------
    UsageError
        If the host has no address, or none of this machine's interfaces leads there.
    """
    where = f"--capture: the way to {host}"
    try:
        found = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)
        family, kind, number, _, address = found[0]
        with socket.socket(family, kind, number) as sock:
            sock.connect(address)  # sends nothing: UDP only looks up the route
            own = str(sock.getsockname()[0])
    except OSError as error:
        raise UsageError(
            where, f"there is none ({error.strerror})", "the host's name and cables"
        ) from error
    if ipaddress.ip_address(own).is_loopback:
        return LOOPBACK
    for name, addresses in _own_addresses().items():
        if own in addresses:
            return name
    raise UsageError(
        where, f"no interface has {own}", "naming it with --capture-interface"
    )


def _own_addresses() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for _, name in socket.if_nameindex():
        found[name] = _ip6_of(name)
        try:
            found[name].add(socket.inet_ntoa(_ask(name, SIOCGIFADDR)[20:24]))
        except OSError:
            continue  # an interface without an IPv4 address
    return found


def _ip6_of(name: str) -> set[str]:
    table = Path("/proc/net/if_inet6")  # absent where IPv6 is off
    rows = table.read_text().splitlines() if table.exists() else []
    return {
        str(ipaddress.ip_address(bytes.fromhex(fields[0])))
        for fields in map(str.split, rows)
        if fields[5] == name
    }


def _ask(name: str, request: int) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return fcntl.ioctl(sock, request, struct.pack("<16s24x", name.encode()[:15]))
