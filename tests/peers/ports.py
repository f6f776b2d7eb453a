"""Loopback ports for programs that must be told theirs."""

from __future__ import annotations

import itertools
import os
import socket

_BASES = itertools.count(20_000 + os.getpid() % 500 * 20, 20)
"""Below the kernel's own range, and elsewhere in each process that tests run in."""


def free_ports(count: int) -> int:
    """Return a port from which on `count` are free, another one at each call."""
    for base in itertools.islice(_BASES, 100):
        if all(is_free(base + offset) for offset in range(count)):
            return base
    raise AssertionError("no free ports between 20,000 and 32,000")


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
