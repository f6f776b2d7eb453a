"""flexrig emulate: a rig's emulators on wall clock and fixed ports, for any client."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.table import Table

from harness.core.bench import EmulatorContext
from harness.core.circuit import Circuit
from harness.core.clock import BenchClock
from harness.core.errors import BenchError, RigError
from harness.rig.assemble import Part, make_circuit, parts_of, role_rng
from harness.rig.file import Rig, read_rig
from harness.rig.shipped import find_file


@click.command()
@click.argument("rig")
@click.option(
    "--base-port",
    default=15020,
    show_default=True,
    type=click.IntRange(1024, 65000),
    help="Port of the first emulator; the others follow in the order of the file.",
)
@click.option("--csms", default="", help="ws://HOST:PORT that charging stations dial.")
@click.option("--serial", is_flag=True, help="RTU meters on pseudo-terminals.")
@click.option("--for", "for_s", type=float, help="Stop after so many seconds.")
def emulate(
    rig: str, base_port: int, csms: str, serial: bool, for_s: float | None
) -> None:
    r"""Serve the emulators of RIG until interrupted.

    \b
    flexrig emulate rigs/emulated.toml
    mbpoll -m tcp -p 15021 -a 1 -t 3 -r 2 -c 1 127.0.0.1     (another terminal)
    """
    rig_file = read_rig(find_file(rig, "rigs"))
    parts = parts_of(rig_file)
    if not any(part.emulated is not None for part in parts):
        raise RigError(rig_file.file_name, "nothing in it is emulated", "another rig")
    try:
        asyncio.run(_serve(rig_file, parts, base_port, csms, serial, for_s))
    except KeyboardInterrupt:
        click.echo("stopped")


async def _serve(
    rig: Rig, parts: list[Part], base_port: int, csms: str, serial: bool,
    for_s: float | None,
) -> None:  # fmt: skip
    clock = BenchClock(datetime.now(UTC))  # noqa: TID251 - what devices show
    circuit = make_circuit(rig, clock.starts_at)
    ports = itertools.count(base_port)
    table = Table("role", "driver", "address")
    async with AsyncExitStack() as stack:
        for part in parts:
            if part.emulated is None:
                continue
            port = next(ports)
            context = _context(rig, part, clock, circuit, port, csms, serial)
            try:
                emulator = await stack.enter_async_context(
                    part.driver.emulate(context, part.emulated)
                )
            except OSError as error:
                raise BenchError(
                    part.where, f"port {port}: {error.strerror}", "another --base-port"
                ) from error
            where = emulator.address or f"dials {context.dial}"
            table.add_row(part.role, part.driver.name, where)
        console = Console()
        wide = None if console.is_terminal else 160  # addresses stay whole in a log
        Console(width=wide).print(table)
        click.echo("serving; Ctrl-C stops")
        await asyncio.sleep(for_s if for_s is not None else float("inf"))


def _context(
    rig: Rig, part: Part, clock: BenchClock, circuit: Circuit, port: int, csms: str,
    serial: bool,
) -> EmulatorContext:  # fmt: skip
    base = csms.rstrip("/") or f"ws://127.0.0.1:{port}"
    context = EmulatorContext(
        where=part.where,
        role=part.role,
        clock=clock,
        rng=role_rng(rig.rig.seed, part.role),
        circuit=circuit,
        sees=part.sees,
        port=0 if part.driver.listens else port,
        dial=f"{base}/{part.role}" if part.driver.listens else "",
    )
    if serial and part.driver.serial_capable:
        return dataclasses.replace(context, serial=True)
    return context
