"""The same tests everywhere: how a machine starts them changes nothing.

A CI service sets ``CI``, and pytest then words its summary otherwise, also in the
runs that tests start. A shell that starts tests in the background has them ignore
Ctrl-C, and so would every run that a test interrupts.
"""

import gc
import os
import signal
import threading
from collections import Counter

for _name in ("CI", "BUILD_NUMBER"):
    os.environ.pop(_name, None)

if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

TWINS = {
    "steps/test_answers": 24, "steps/test_dfs": 24, "steps/test_eligibility": 24,
    "steps/test_money": 24, "steps/test_monthly": 24, "steps/test_reserve": 24,
    "steps/test_reactive": 24, "steps/test_customers": 24, "steps/test_harmonics": 24,
    "steps/test_balancing": 24, "steps/test_local_market": 24,
    "steps/test_plant": 24, "steps/test_community": 24, "steps/test_pathways": 24,
    "steps/test_respect": 24, "steps/test_asset_life": 24, "steps/test_bm_unit": 24,
    "steps/test_offsetting": 24,
    "steps/test_over_http": 24, "steps/test_peak": 24,
    "steps/test_private_network": 24, "steps/test_sites": 24, "steps/test_stacking": 24,
    "steps/test_table6": 24,
    "steps/test_thermal": 24, "steps/test_trader": 24,
    "tests/test_aggregation_features": 8, "tests/test_device_features": 8,
    "tests/test_metering_features": 8, "tests/test_operational_features": 8,
}  # fmt: skip
"""Whole runs with one thing wrong, and of how many one is tried where time is short."""
CHEAP = ("bad", "cell", "called", "service_has", "refused", "price")
SLOW = ("test_wall_clock", "test_fault_table", "test_emulate", "test_interrupted")


def pytest_collection_modifyitems(config, items):
    """Begin with what waits longest: begun last, it would leave a core idle.

    ``FLEXRIG_TWINS=some`` leaves out most of the twins; `make nightly` runs them all.
    """
    if os.environ.get("FLEXRIG_TWINS") == "some":
        left_out = _left_out(items)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    items.sort(key=lambda item: not item.path.stem.startswith(SLOW))


def _left_out(items):
    """All but each so-manyth whole run of a file of twins; what is cheap stays."""
    found, seen = [], Counter()
    for item in items:
        every = TWINS.get(f"{item.path.parent.name}/{item.path.stem}", 1)
        if every > 1 and not any(word in item.name for word in CHEAP):
            if seen[item.path] % every:
                found.append(item)
            seen[item.path] += 1
    return found


def pytest_collection_finish():
    """Spare thousands of collected tests the search for garbage after every run."""
    gc.collect()
    gc.freeze()
