"""A use case, unedited, on a wall-clock bench that is another process; and its death.

The scenario is the shipped one; the bench is `flexrig emulate`, known by its addresses.
"""

import asyncio
import re
from pathlib import Path

from harness.reporting.record_json import read_records
from tests.peers.ports import free_ports
from tests.peers.test_emulate import FLEXRIG, Served

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "rigs/constrained_area.toml"
ELSEWHERE = ROOT / "rigs/constrained_elsewhere.toml"
FEATURE = ROOT / "features/use_cases/uc07_optimise_reduce.feature"
FIRST_PORT, PARTS = 15020, 9
BEGUN = '"on_behalf_of": "energy trader"'


async def has_begun(run):
    """Wait until the trader's order has reached the device."""
    async with asyncio.timeout(200):
        while not any(  # noqa: ASYNC110 - another process writes it
            BEGUN in log.read_text() for log in run.glob("*/log.jsonl")
        ):
            await asyncio.sleep(0.5)


async def ran(folder, *, killed=False):
    """Serve the bench in one process, run the scenario in another."""
    base = free_ports(PARTS)
    rig = folder / "elsewhere.toml"

    def moved(found):
        return f":{base + int(found[1]) - FIRST_PORT}"

    text = re.sub(r":(150\d\d)\b", moved, ELSEWHERE.read_text(encoding="utf-8"))
    rig.write_text(text, encoding="utf-8")
    piped = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
    serving = await asyncio.create_subprocess_exec(
        FLEXRIG, "emulate", str(BENCH), "--base-port", str(base), **piped
    )
    bench = Served(serving, base)
    try:
        await bench.started()
        running = await asyncio.create_subprocess_exec(
            FLEXRIG, "run", str(FEATURE), "--rig", str(rig), "-k", "wall_clock",
            "--no-allure", "--run-folder", str(folder / "run"), **piped,
        )  # fmt: skip
        if killed:
            await has_begun(folder / "run")
            serving.kill()
        async with asyncio.timeout(400):
            said, _ = await running.communicate()
    finally:
        if serving.returncode is None:
            serving.kill()
        await serving.communicate()
    return running.returncode, said.decode(), read_records(folder / "run")


def test_a_use_case_passes_on_a_bench_that_is_another_process(tmp_path):
    code, said, records = asyncio.run(ran(tmp_path))
    assert code == 0, said
    (record,) = records
    assert {str(one.outcome) for one in record.verdicts} == {"pass"}
    assert {str(one.grade) for one in record.verdicts} == {"real"}
    assert len(record.verdicts) == 4


def test_a_bench_that_is_killed_half_way_proves_nothing(tmp_path):
    code, said, records = asyncio.run(ran(tmp_path, killed=True))
    assert code != 0, said
    assert "Traceback" not in said
    (record,) = records
    assert "pass" not in {str(one.outcome) for one in record.verdicts}
    assert list((tmp_path / "run").glob("*/manifest.json")), "nothing was kept"
