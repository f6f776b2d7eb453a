"""python -m harness.capture record | decode | check | inside: see ``--help``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.capture.interfaces import LOOPBACK, bring_up
from harness.capture.record import open_socket, record
from harness.capture.wanted import tap_of
from harness.core.errors import FlexrigError, UsageError

REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; an error is one JSON line and exit code 2."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as head(1) expects of us
    given = _parser().parse_args(arguments)
    try:
        given.do(given)
    except FlexrigError as error:
        said = {"where": error.where, "fact": error.fact, "hint": error.hint}
        sys.stdout.write(json.dumps({"error": said}) + "\n")
        return REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.capture")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("record", help="frames into FILE until input is closed")
    one.add_argument("file", type=Path)
    one.add_argument(
        "--interface", action="append", required=True, type=tap_of,
        metavar="NAME[=HOST:PORT,…]", help="all, or only TCP of these (* for any)",
    )  # fmt: skip
    one.add_argument("--comment", default="", help="names the run in the file")
    one.set_defaults(do=_record)
    one = commands.add_parser("decode", help="FILE as JSON lines, one a message")
    one.add_argument("file", type=Path)
    one.set_defaults(do=_decode)
    one = commands.add_parser("check", help="whether interfaces may be read")
    one.add_argument("interface", nargs="+")
    one.set_defaults(do=_check)
    one = commands.add_parser("inside", help="a command, with loopback switched on")
    one.add_argument("command", nargs="+")
    one.set_defaults(do=_inside)
    return parser


def _record(given: argparse.Namespace) -> None:
    record(given.file, given.interface, comment=given.comment)


def _decode(given: argparse.Namespace) -> None:
    # scapy's licence holds for the process that imports it: no other command does.
    try:
        from harness.capture.decode import decode
    except ModuleNotFoundError as error:
        raise UsageError(
            str(given.file), f"cannot be read without {error.name}", "pip install scapy"
        ) from error
    decode(given.file)


def _check(given: argparse.Namespace) -> None:
    for name in given.interface:
        open_socket(name).close()


def _inside(given: argparse.Namespace) -> None:
    bring_up(LOOPBACK)
    os.execvp(given.command[0], given.command)  # noqa: S606 - our own command line


if __name__ == "__main__":
    sys.exit(main())
