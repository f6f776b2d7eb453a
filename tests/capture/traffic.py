"""Started in a network of its own: capture some traffic on loopback, say what came.

``python -m tests.capture.traffic FILE TAP ROUND_TRIPS``
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from harness.capture.beside import start
from harness.capture.wanted import tap_of

READ = bytes.fromhex("000100000006010400340002")
REPLY = bytes.fromhex("000100000007010404456a0000")


def main(file: str, tap: str, round_trips: str) -> None:
    with socket.create_server(("127.0.0.1", 15020)) as server:
        capture = start(Path(file), [tap_of(tap)], comment="run 7")
        with socket.create_connection(server.getsockname()) as near:
            far, _ = server.accept()
            with far:
                for _ in range(int(round_trips)):
                    near.sendall(READ)
                    far.recv(100)
                    far.sendall(REPLY)
                    near.recv(100)
        sys.stdout.write(json.dumps(capture.stop()) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
