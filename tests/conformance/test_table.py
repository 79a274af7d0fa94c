"""table.json in Python: every case over every transport, its two actors being connections of this process.

Touches hubs of its own. Locks nothing.
"""

import itertools
import os
import re
from pathlib import Path

import pytest
from interpreter import Actor
from notation import load
from script import TCP_ALLOWED, run

import libipc

_numbers = itertools.count(1)


def fresh(transport):
    name = f"table-{os.getpid()}-{next(_numbers)}"
    return {"ipc": name, "inproc": f"inproc://{name}", "tcp": "tcp://127.0.0.1:*"}[transport]


class Stage:
    """A hub, and the actors of a case."""

    def __init__(self, transport, limits):
        self._limits = limits
        self._hub = libipc.Hub(fresh(transport), **limits)
        self.address = self._hub.address
        self._actors = {}

    def perform(self, step):
        who = step["by"]
        if who == "hub":
            return self._hub_step(step)
        if who not in self._actors:
            self._actors[who] = Actor(self.address)
        return self._actors[who].step(step)

    def _hub_step(self, step):
        if step["do"] == "stop":
            self._hub.stop()
        else:
            self._hub = libipc.Hub(self.address, **self._limits)
        return {}

    def close(self):
        for actor in self._actors.values():
            actor.close()
        self._hub.stop()


TABLE = load("table.json")["cases"]
CASES = [case for case in TABLE if not case.get("processes")]
TRANSPORTS = ["ipc", "inproc", *(["tcp"] if TCP_ALLOWED else [])]
SEMANTICS = Path(__file__).parents[2] / "docs" / "semantics.md"


def over_transports():
    for case in CASES:
        for transport in (one for one in TRANSPORTS if one in case.get("over", TRANSPORTS)):
            yield pytest.param(case, transport, id=f"{case['name']}, over {transport}")


@pytest.mark.parametrize("case, transport", over_transports())
def test_table(case, transport):
    stage = Stage(transport, case.get("hub", {}))
    try:
        run(case, stage.perform)
    finally:
        stage.close()


def test_table__holds_rows_of_the_semantics():
    rows = set(re.findall(r"^\| (.+?) \|", SEMANTICS.read_text(encoding="utf-8"), re.MULTILINE))
    assert {case["says"] for case in TABLE} <= rows


def test_table__names_are_names():
    names = [case["name"] for case in TABLE]
    assert len(names) == len(set(names))
