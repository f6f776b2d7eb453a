"""Emulated HTTP devices answer a client that is not ours: Debian's curl."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.peers.ports import free_ports

RIG = str(Path(__file__).parents[2] / "rigs" / "whole_house.toml")
FLEXRIG = str(Path(sys.executable).with_name("flexrig"))
PARTS = 5
PATIENCE_S = 60.0
VIN = "LRWFLEXR1G0000001"


async def curl(*arguments: str) -> tuple[int, dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "-m", "20", "-w", "\n%{http_code}", *arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    body, _, status = said.decode().rpartition("\n")
    return int(status), json.loads(body)


async def ask_everybody() -> None:
    base = free_ports(PARTS)
    process = await asyncio.create_subprocess_exec(
        FLEXRIG, "emulate", RIG, "--base-port", str(base),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while b"Ctrl-C stops" not in await process.stdout.readline():
                assert process.returncode is None
        gateway, cloud = f"http://127.0.0.1:{base}", f"http://127.0.0.1:{base + 1}"
        status, said = await curl(f"{gateway}/")
        assert (status, said["service"]) == (200, "Flexrig messages")
        car = f"{cloud}/api/1/vehicles/{VIN}"
        status, said = await curl(
            "-H", "Content-Type: application/json", "-d", '{"charging_amps": 6}',
            f"{car}/command/set_charging_amps",
        )  # fmt: skip
        assert (status, said) == (200, {"response": {"result": True, "reason": ""}})
        status, said = await curl(f"{car}/vehicle_data?endpoints=charge_state")
        state = said["response"]
        assert isinstance(state, dict)
        assert state["charge_state"]["charge_current_request"] == 6
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def test_curl_reads_the_gateway_and_limits_the_car():
    asyncio.run(ask_everybody())
