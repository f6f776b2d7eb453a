"""A pytest plugin for tests: a trial says when its first instruction is on its way.

It then stands still until a signal comes, so that a test can interrupt or kill a
trial at one and the same moment, however busy the machine is.
"""

import os
import signal
from pathlib import Path

from harness.trial.recorder import Recorder

FOLDER = "FLEXRIG_TEST_HOLD"
FIFO = "held.fifo"


def pytest_configure():
    """Watch the recorder's log for the first instruction."""
    folder, log = Path(os.environ[FOLDER]), Recorder.log

    def watched(recorder, actor, what, /, **detail):
        entry = log(recorder, actor, what, **detail)
        if what == "accepts" and _first(folder):
            _hold(folder)
        return entry

    Recorder.log = watched


def _hold(folder):
    # The pipe has the signal's byte even if it came before the read: no race.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing)
    with (folder / FIFO).open("w") as told:
        told.write(f"{os.getpid()}\n")
    os.read(reading, 1)
    signal.set_wakeup_fd(before)
    os.close(reading)
    os.close(writing)


def _first(folder):
    try:
        (folder / "first").mkdir()
    except FileExistsError:
        return False
    return True
