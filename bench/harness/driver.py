"""Drivers: the processes that do the work, and the line protocol with them.

Touches processes, the files of a stage's own run directory, and /proc. Each driver has a thread that reads its output,
so that a line has the time at which it came.
"""

import fcntl
import os
import queue
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time


class Failed(Exception):
    """A driver said that it cannot, or said nothing in time."""


def python():
    """The interpreter of the scripts."""
    return os.environ.get("PYTHON") or sys.executable


class Driver:
    """A process that says "ready", waits for a line, and writes its numbers, "NAME VALUE" a line."""

    def __init__(self, stage, command):
        self.stage = stage
        self.what = " ".join(os.path.basename(word) for word in command[:3])
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=stage.env,
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(f"cannot run {command[0]}: {error.strerror}") from error
        self.pid = self.process.pid
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic_ns(), line.decode()))
        self.lines.put((time.monotonic_ns(), None))

    def _next(self):
        try:
            return self.lines.get(timeout=self.stage.time_left())
        except queue.Empty:
            raise Failed(f"{self.what}: nothing came from it in {self.stage.timeout:.0f} s") from None

    def _fail(self):
        """It broke off, or broke the line protocol: say why."""
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            self._kill()
        self.errors.seek(0)
        reason = self.errors.read().decode(errors="replace").strip().splitlines()
        raise Failed(f"{self.what}: {reason[-1] if reason else f'ended with status {self.process.returncode}'}")

    def wait_ready(self):
        _, line = self._next()
        if line != "ready\n":
            self._fail()

    def go(self):
        try:
            self.process.stdin.write(b"go\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def numbers(self):
        """All its numbers, once it has ended. A name without a value is a moment: that of its line, in nanoseconds."""
        numbers = {}
        while True:
            at, line = self._next()
            if line is None:
                break
            name, *value = line.split()
            if len(value) > 1:
                self._fail()
            numbers[name] = float(value[0]) if value else float(at)
        try:
            status = self.process.wait(self.stage.time_left())
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.what}: did not end in {self.stage.timeout:.0f} s") from None
        if status != 0:
            self._fail()
        return numbers

    def _kill(self):
        """It, and what it has forked."""
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self._kill()
        self.process.stdin.close()
        self.errors.close()


class Stage:
    """Where one run takes place: a run directory of its own, so a hub of its own, and a time by which it is over.

    lane: that of our sessions. cpus: where those run who are pinned; the one who asks, the one who answers, the hub.
    """

    HUB = "bench"

    def __init__(self, build, timeout, lane=None, cpus=None):
        self.build = build
        self.timeout = timeout
        self.lane = lane
        self.cpus = cpus

    def __enter__(self):
        self.deadline = time.monotonic() + self.timeout
        self.directory = tempfile.mkdtemp(prefix="libipc-bench-", dir="/tmp")
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.directory, LIBIPC_ADDRESS=self.HUB)
        if self.lane:
            self.env["LIBIPC_LANE"] = self.lane
        self.drivers = []
        return self

    def __exit__(self, *exc_info):
        for driver in self.drivers:
            driver.end()
        hub = self.hub_pid()
        if hub:
            os.kill(hub, signal.SIGTERM)
            self._wait_gone(hub)
        shutil.rmtree(self.directory, ignore_errors=True)

    def time_left(self):
        return max(self.deadline - time.monotonic(), 0.01)

    def address(self, over, name):
        """Of one end of a transport: the hub's for ours, an endpoint for ZeroMQ's, a path for others."""
        if over in ("queue", "pipe"):
            return self.HUB
        path = f"{self.directory}/{name}"
        return f"ipc://{path}" if over in ("pushpull", "pair") else path

    def start(self, *command):
        driver = Driver(self, [str(word) for word in command])
        self.drivers.append(driver)
        return driver

    def program(self, name, *args):
        """Start one of the C programs."""
        return self.start(os.path.join(self.build, "bench", name), *args)

    def script(self, name, *args):
        """Start one of the scripts."""
        path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), name)
        interpreter = os.environ.get("LUA", "lua5.4") if name.endswith(".lua") else python()
        return self.start(interpreter, path, *args)

    def hub_pid(self):
        """The process that holds the hub's lock; None when there is no hub."""
        try:
            with open(f"{self.directory}/libipc/{self.HUB}.lock", "r+b") as lock:
                question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(lock, fcntl.F_GETLK, question))
        except FileNotFoundError:
            return None
        return pid if kind != fcntl.F_UNLCK else None

    def _wait_gone(self, hub):
        until = time.monotonic() + 10
        while self.hub_pid() == hub:
            if time.monotonic() > until:
                raise Failed(f"the hub (pid {hub}) did not end when it was told to")
            time.sleep(0.005)
