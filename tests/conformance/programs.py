"""Actors that are programs, in any of the languages: actors/actor.*, driven line by line.

Touches the programs that it starts, and /proc to see whether one sleeps. Locks nothing.
"""

import fcntl
import itertools
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ACTORS = Path(__file__).parent / "actors"
BUILD = Path(os.environ.get("LIBIPC_BUILD_DIR", "."))
PATIENCE_S = 60.0

COMMANDS = {
    "c": [str(BUILD / "tests" / "conformance" / "actor")],
    "python": [sys.executable, str(ACTORS / "actor.py")],
    "lua": [os.environ.get("LUA") or "lua5.4", str(ACTORS / "actor.lua")],
}

# Lua's binding may be left out of a build; C and this Python are there.
LANGUAGES = [name for name in COMMANDS if name != "lua" or (BUILD / "lua" / "libipc" / "core.so").exists()]
PAIRS = list(itertools.product(LANGUAGES, repeat=2))


class Program:
    """One actor."""

    def __init__(self, language):
        self._process = subprocess.Popen(COMMANDS[language], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._read = b""

    def begin(self, step):
        self._process.stdin.write(json.dumps(step).encode() + b"\n")
        self._process.stdin.flush()

    def end(self):
        """The result of what was begun."""
        while b"\n" not in self._read:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
            assert ready, "the actor does not answer"
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            assert more, f"the actor ended with {self._process.wait()}"
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return json.loads(line)

    def step(self, step):
        self.begin(step)
        return self.end()

    def wait_blocked(self):
        """Until it has read its step and sleeps in it: seen asleep several times in a row."""
        deadline = time.monotonic() + PATIENCE_S
        seen = 0
        while seen < 5:
            assert time.monotonic() < deadline, "the actor does not come to rest"
            seen = seen + 1 if self._unread() == 0 and self._sleeps() else 0
            time.sleep(0.002)

    def crash(self):
        self._process.send_signal(signal.SIGKILL)
        self._finish()

    def exit(self):
        """The end of its input is the end of its main."""
        self._process.stdin.close()
        assert self._finish() == 0

    def fail(self):
        """It fails in the manner of its language."""
        self.begin({"fail": True})
        assert self._finish() == 1

    def _finish(self):
        status = self._process.wait(PATIENCE_S)
        self._process.stdin.close()
        self._process.stdout.close()
        return status

    def _unread(self):
        count = bytearray(4)
        fcntl.ioctl(self._process.stdin, termios.FIONREAD, count)
        return struct.unpack("i", count)[0]

    def _sleeps(self):
        with open(f"/proc/{self._process.pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "S"


class Troupe:
    """The actors of a pair of languages, kept from case to case, as starting an interpreter takes time.

    "a" is of the first, "b" of the second, and "c", where two are not enough, of the first again.
    """

    def __init__(self, pair):
        self._languages = dict(zip("abc", (*pair, pair[0])))
        self._programs = {}
        self._ready = set()
        self._address = None

    def go_to(self, address):
        """Another hub: actors connect to it with their first step."""
        self._address = address
        self._ready.clear()

    def perform(self, step):
        who = step["by"]
        if step["do"] in ("crash", "exit", "fail"):
            getattr(self._programs.pop(who), step["do"])()
            self._ready.discard(who)
            return {}
        if step["do"] == "end":
            return self._programs[who].end()
        program = self._prepared(who)
        if not step.get("begin"):
            return program.step(step)
        program.begin(step)
        program.wait_blocked()
        return None

    def _prepared(self, who):
        if who not in self._programs:
            self._programs[who] = Program(self._languages[who])
        if who not in self._ready:
            self._programs[who].step({"reset": self._address})
            self._ready.add(who)
        return self._programs[who]

    def abandon(self):
        """After a failure: whatever they wait for, they are not to be used again."""
        for program in self._programs.values():
            program.crash()
        self._programs.clear()

    def close(self):
        while self._programs:
            self._programs.popitem()[1].exit()
