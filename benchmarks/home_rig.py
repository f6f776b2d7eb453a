"""A home with three 1 Hz reference meters, a 4 h event: how many times real time?

One process, schema validation on, every frame and sample recorded, figures drawn. Two
ratios come out: bench time against the run of the trial alone, and against the whole
process (imports, judging, figures, sealing). The floor asked for is 300.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FEATURE = ROOT / "features/services/balancing_mechanism.feature"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="flexrig-bench-") as folder:
        began = time.perf_counter()
        subprocess.run(
            [
                sys.executable, "-m", "pytest", str(FEATURE), "-q",
                "-k", "gives_way_at_once", "-p", "no:cacheprovider",
                "--run-folder", folder,
            ],
            check=True, stdout=subprocess.DEVNULL, cwd=ROOT,
        )  # fmt: skip
        took_s = time.perf_counter() - began
        record = json.loads(next(Path(folder).glob("*/scenario.json")).read_text())
    trial = record["trial"]
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"home rig, 4 h event: trial alone {trial['speed']:,.0f} × real time")
    print(f"home rig, 4 h event: whole process {trial['bench_s'] / took_s:,.0f} ×")
    print(f"home rig, 4 h event: peak memory {peak_mb:,.0f} MB (limit 400)")


if __name__ == "__main__":
    main()
