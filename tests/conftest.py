"""The same tests everywhere: how a machine starts them changes nothing.

A CI service sets ``CI``, and pytest then words its summary otherwise, also in the
runs that tests start. A shell that starts tests in the background has them ignore
Ctrl-C, and so would every run that a test interrupts.
"""

import gc
import os
import signal
import threading

for _name in ("CI", "BUILD_NUMBER"):
    os.environ.pop(_name, None)

if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW = ("test_wall_clock", "test_fault_table", "test_emulate", "test_interrupted")


def pytest_collection_modifyitems(items):
    """Begin with what waits longest: begun last, it would leave a core idle."""
    items.sort(key=lambda item: not item.path.stem.startswith(SLOW))


def pytest_collection_finish():
    """Spare thousands of collected tests the search for garbage after every run."""
    gc.collect()
    gc.freeze()
