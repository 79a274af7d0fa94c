"""What the Python tests share: names of their own, and waiting on conditions.

Touches /proc, to see whether a thread or a process sleeps. Locks nothing.
"""

import itertools
import os
import subprocess
import sys
import threading
import time

PATIENCE = 20.0  # seconds that a condition may take on a loaded machine; what works takes milliseconds

_numbers = itertools.count(1)


def unique(what="t"):
    """A name that nobody else uses."""
    return f"{what}-{os.getpid()}-{next(_numbers)}"


def eventually(condition, what="the condition"):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.002)


def _sleeps(stat_path):
    with open(stat_path, encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"


def _wait_asleep(stat_path):
    """Until it is seen asleep several times in a row, while it has the GIL to itself."""
    seen = 0

    def asleep():
        nonlocal seen
        seen = seen + 1 if _sleeps(stat_path) else 0
        return seen >= 5

    eventually(asleep, "falling asleep")


def wait_thread_blocked(thread):
    _wait_asleep(f"/proc/self/task/{thread.native_id}/stat")


def wait_process_blocked(pid):
    _wait_asleep(f"/proc/{pid}/stat")


class Background(threading.Thread):
    """A call in a thread, whose result or exception is asked for later."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self._call = function, args
        self._result = None
        self._error = None
        self.start()

    def run(self):
        function, args = self._call
        try:
            self._result = function(*args)
        except BaseException as error:  # handed on by result()
            self._error = error

    def result(self):
        self.join(PATIENCE)
        assert not self.is_alive(), "the call did not return"
        if self._error is not None:
            raise self._error
        return self._result


def script(source, *args, **kwargs):
    """Start a Python program of its own, with the same packages."""
    return subprocess.Popen(
        [sys.executable, "-c", source, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **kwargs,
    )
