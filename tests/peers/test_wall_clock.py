"""The same feature, unedited, on wall-clock benches and against others' programs.

The charging station is npm's `ocpp-rpc` in strict mode, the meter behind it npm's
`modbus-serial`: see ``station/``. An hour takes an hour here, so the three benches
of the long test run side by side.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

from harness.checks.verdict import Outcome
from harness.reporting.record import ScenarioRecord
from harness.reporting.record_json import read_records
from tests.peers.ports import free_ports

ROOT = Path(__file__).parents[2]
STATION = Path(__file__).parent / "station"
FEATURE = ROOT / "features/devices/chargepoint_wall.feature"
FLEXRIG = str(Path(sys.executable).with_name("flexrig"))
PATIENCE_S = 150.0
STRICT_MODE_COMPLAINED = 3


@dataclass(frozen=True)
class Run:
    """What one `flexrig run` came to."""

    code: int | None
    said: str
    record: ScenarioRecord
    plan_digest: str

    def outcome(self, quantity: str) -> Outcome:
        [found] = [
            verdict.outcome
            for verdict in self.record.verdicts
            if quantity in verdict.rule.quantity
        ]
        return found


async def flexrig(*arguments: str) -> tuple[int | None, str]:
    """Call `flexrig`; return its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        FLEXRIG, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode, out.decode()


async def flexrig_run(rig: Path, folder: Path) -> Run:
    code, said = await flexrig(
        "run", str(FEATURE), "--rig", str(rig), "--run-folder", str(folder),
        "--no-allure", "--date", "2026-03-02",
    )  # fmt: skip
    [record] = read_records(folder)
    manifest = json.loads((folder / record.slug / "manifest.json").read_text())
    plan_digest = manifest["before"]["facts"]["plan_digest"]
    return Run(code, said, record, plan_digest)


class Station:
    """The peer's process, and what it had to say in the end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def end(self) -> int | None:
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            rest, _ = await self.process.communicate()
        self.said += rest.decode()
        return self.process.returncode


@asynccontextmanager
async def station(port: int, *options: str) -> AsyncIterator[Station]:
    """A charging station that dials `port`; its meter listens on the next one."""
    process = await asyncio.create_subprocess_exec(
        "node", str(STATION / "station.js"),
        "--csms", f"ws://127.0.0.1:{port}", "--id", "EV1",
        "--meter-port", str(port + 1), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    peer = Station(process)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            peer.said = (await process.stdout.readline()).decode()
        hint = "`make test` installs its packages: npm ci in tests/peers/station"
        assert peer.said.startswith("meter on"), hint
        yield peer
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def mixed_rig(folder: Path, port: int) -> Path:
    """The shipped mixed rig, on ports of its own."""
    text = (ROOT / "rigs/mixed.toml").read_text()
    assert text.count(":9000/") == 1
    assert text.count(":9001/") == 1
    folder.mkdir()
    path = folder / "mixed.toml"
    path.write_text(
        text.replace(":9000/", f":{port}/").replace(":9001/", f":{port + 1}/")
    )
    return path


async def trial_of(folder: Path, *options: str) -> tuple[Run, int | None, str]:
    """Run the feature on the mixed rig; return the run, and how its peer ended."""
    port = free_ports(2)
    async with station(port, *options) as peer:
        run = await flexrig_run(mixed_rig(folder, port), folder / "run")
        return run, await peer.end(), peer.said


async def all_three(folder: Path) -> None:
    async with asyncio.TaskGroup() as group:
        good = group.create_task(trial_of(folder / "good"))
        bad = group.create_task(trial_of(folder / "bad", "--ignore"))
        rig = ROOT / "rigs/wall_emulated.toml"
        emulated = group.create_task(flexrig_run(rig, folder / "emulated"))
    for_good(*good.result())
    for_bad(*bad.result())
    run = emulated.result()
    assert run.code == 0, run.said
    assert set(outcomes(run)) == {Outcome.PASS}
    digests = {run.plan_digest, good.result()[0].plan_digest}
    assert len(digests) == 1, "the feature asked the same of both benches"
    code, said = await flexrig("rejudge", str(folder / "good" / "run"))
    assert code == 0, said
    assert "the same verdicts" in said


def outcomes(run: Run) -> list[Outcome]:
    return [verdict.outcome for verdict in run.record.verdicts]


def for_good(run: Run, peer: int | None, peer_said: str) -> None:
    """A station that obeys passes, and neither side broke the protocol."""
    assert run.code == 0, run.said
    assert outcomes(run) == [Outcome.PASS] * 6
    assert "mixed" in run.said
    assert (peer, peer_said.splitlines()[-1]) == (0, "no complaint"), peer_said


def for_bad(run: Run, peer: int | None, peer_said: str) -> None:
    """A station that accepts and charges on is caught by the independent meter."""
    assert run.code == 1, run.said
    assert run.outcome("response time") is Outcome.FAIL
    assert run.outcome("delivered share") is Outcome.FAIL
    assert run.outcome("indoor temperature") is Outcome.PASS
    reasons = " ".join(verdict.reason for verdict in run.record.verdicts)
    assert "accepted but not delivered" in reasons
    assert peer == 0, peer_said


def test_one_feature_on_a_good_a_bad_and_an_emulated_bench(tmp_path: Path):
    asyncio.run(all_three(tmp_path))


def test_the_same_feature_on_virtual_time(tmp_path: Path):
    run = asyncio.run(flexrig_run(ROOT / "rigs/emulated.toml", tmp_path / "run"))
    assert run.code == 0, run.said
    assert set(outcomes(run)) == {Outcome.PASS}


async def complaints_about(answer_to_boot: dict[str, object]) -> int | None:
    """Play a CSMS that answers BootNotification so; return the station's exit code."""
    answered = asyncio.Event()

    async def csms(connection: ServerConnection) -> None:
        boot = json.loads(await connection.recv())
        await connection.send(json.dumps([3, boot[1], answer_to_boot]))
        # A call that comes after it shows that the answer was taken in.
        await connection.recv()
        answered.set()
        await connection.wait_closed()

    port = free_ports(2)
    protocols = ["ocpp1.6"]
    async with (
        serve(csms, "127.0.0.1", port, subprotocols=protocols),  # type: ignore[arg-type]
        station(port) as peer,
        asyncio.timeout(PATIENCE_S),
    ):
        await answered.wait()
        return await peer.end()


def test_the_peer_complains_of_a_message_that_breaks_the_schema():
    wrong = {"status": "Accepted", "interval": 300}  # currentTime is missing (6.4)
    right = wrong | {"currentTime": "2026-03-02T17:00:00.000Z"}
    assert asyncio.run(complaints_about(wrong)) == STRICT_MODE_COMPLAINED
    assert asyncio.run(complaints_about(right)) == 0
