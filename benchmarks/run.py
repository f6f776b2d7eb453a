"""Run every benchmark in one go; each prints ratios, none passes or fails.

Figures from one machine at one time: compare within a run, not between runs.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "home_rig.py", "big_home.py", "ocpp_stations.py", "ocpp201.py", "modbus_poll.py",
    "recordings.py", "aggregation.py", "portfolio.py", "uncertainty.py",
    "settlement.py", "neighbourhood.py",
)  # fmt: skip


def main() -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    for name in SCRIPTS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, str(HERE / name)], check=False, cwd=HERE.parent)


if __name__ == "__main__":
    main()
