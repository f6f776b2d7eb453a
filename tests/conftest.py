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

from hypothesis import settings

for _name in ("CI", "BUILD_NUMBER"):
    os.environ.pop(_name, None)

if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("same", derandomize=True)
if os.environ.get("FLEXRIG_TWINS") == "some":
    # A change is judged by the same examples as the one before it; `make nightly`
    # looks for others.
    settings.load_profile("same")

TWINS = {
    "steps/test_answers": 48, "steps/test_dfs": 48, "steps/test_eligibility": 48,
    "steps/test_money": 48, "steps/test_monthly": 48, "steps/test_reserve": 48,
    "steps/test_reactive": 48, "steps/test_customers": 48, "steps/test_harmonics": 48,
    "steps/test_balancing": 48, "steps/test_local_market": 48,
    "steps/test_plant": 48, "steps/test_community": 48, "steps/test_pathways": 48,
    "steps/test_respect": 48, "steps/test_asset_life": 48, "steps/test_bm_unit": 48,
    "steps/test_offsetting": 48,
    "steps/test_over_http": 48, "steps/test_peak": 48,
    "steps/test_private_network": 48, "steps/test_sites": 48, "steps/test_stacking": 48,
    "steps/test_table6": 48,
    "steps/test_thermal": 48, "steps/test_trader": 48,
    "tests/test_aggregation_features": 16, "tests/test_device_features": 16,
    "tests/test_metering_features": 16, "tests/test_operational_features": 16,
}  # fmt: skip
"""Whole runs with one thing wrong, and of how many one is tried where time is short."""
CHEAP = ("bad", "cell", "called", "service_has", "refused", "price")
DEAR = ("never_passes",)
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
        if every > 1 and not _cheap(item.name):
            if seen[item.path] % every:
                found.append(item)
            seen[item.path] += 1
    return found


def pytest_collection_finish():
    """Spare thousands of collected tests the search for garbage after every run."""
    gc.collect()
    gc.freeze()


def _cheap(name):
    """It runs nothing to its end: what it feeds is refused before anything moves."""
    test, _, _ = name.partition("[")
    return any(word in test for word in CHEAP) and not any(
        word in test for word in DEAR
    )
