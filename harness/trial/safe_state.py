"""A bench is left safe, and that it is so is measured."""

from __future__ import annotations

import asyncio
import math

from harness.core.capabilities import Device, Polled
from harness.core.errors import FlexrigError, LinkError
from harness.rig.assemble import Bench
from harness.rig.file import DeviceTable
from harness.trial.recorder import Recorder

SAFE_WITHIN_S = 60.0
"""How long the bench is watched for its safe state after the plan. [s]"""


async def make_safe(
    bench: Bench, recorder: Recorder, results: dict[str, object]
) -> None:
    """Send every device to its safe state, whatever the others do.

    How each ended is in `results`, by role, also if this raises.
    """
    unforeseen: list[Exception] = []
    for role, device in bench.devices.items():
        if role in bench.rig.device:
            bound_s = bench.drivers[role].safe_within_s
            results[role] = await _one_safe(role, device, bound_s, unforeseen)
            recorder.log(role, "made safe", result=results[role])
    if unforeseen:
        raise unforeseen[0]


async def _one_safe(
    role: str, device: Device, bound_s: float, unforeseen: list[Exception]
) -> str:
    try:
        await asyncio.wait_for(device.make_safe(), bound_s)
    except TimeoutError:
        return f"{role}: no answer within {bound_s:.0f} s"
    except FlexrigError as error:
        return str(error)
    except Exception as error:  # a driver's defect must not keep others unsafe
        unforeseen.append(error)
        return f"{role}: {type(error).__name__}: {error}"
    return "done"


async def prove_safe(bench: Bench, recorder: Recorder) -> dict[str, object]:
    """Measure that the bench is safe: each device's own meter, against its bound."""
    proof: dict[str, object] = {}
    for role, entry in bench.rig.device.items():
        if entry.safe_power_w is None:
            proof[role] = "not measured: no safe_power_w in the rig file"
            continue
        proof[role] = await _measure_safe(
            role, entry, entry.safe_power_w, bench, recorder
        )
        recorder.log(role, "safe state", result=proof[role])
    return proof


async def _measure_safe(
    role: str, entry: DeviceTable, bound_w: float, bench: Bench, recorder: Recorder
) -> str:
    name = bench.rig.reference_meter(role)
    meter = bench.devices.get(name or "")
    if not isinstance(meter, Polled):
        return "not measured: no meter of its own"
    until_s = bench.clock.now_s() + SAFE_WITHIN_S
    power_w = math.nan
    while bench.clock.now_s() < until_s:
        asked_s = bench.clock.now_s()
        try:
            readings = await meter.poll()
        except LinkError as error:
            return f"not proven: {error}"
        arrival_s = bench.clock.now_s()
        recorder.samples(str(name), readings, asked_s=asked_s, arrival_s=arrival_s)
        power_w = next((r.value for r in readings if r.quantity == "power_w"), math.nan)
        if power_w <= bound_w:
            return (
                f"proven: {power_w:.0f} W, bound {bound_w:.0f} W ({entry.safe_state})"
            )
        await bench.clock.until(bench.clock.now_s() + 1.0)
    return f"NOT PROVEN: {power_w:.0f} W, bound {bound_w:.0f} W"
