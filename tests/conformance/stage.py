"""Where a pair's actors play a case of table.json: a hub of their own.

Touches hubs of its own, and its actors. Locks nothing.
"""

import itertools
import os

import script

import libipc

_numbers = itertools.count(1)


def fresh():
    return f"languages-{os.getpid()}-{next(_numbers)}"


class Stage:
    """A hub, and two actors that are programs."""

    def __init__(self, troupe, limits):
        self._troupe = troupe
        self._limits = limits
        self._hub = libipc.Hub(fresh(), **limits)
        self._address = self._hub.address
        troupe.go_to(self._address)

    def perform(self, step):
        if step["by"] != "hub":
            return self._troupe.perform(step)
        if step["do"] == "stop":
            self._hub.stop()
        else:
            self._hub = libipc.Hub(self._address, **self._limits)
        return {}

    def close(self):
        self._hub.stop()


def play(case, troupe):
    stage = Stage(troupe, case.get("hub", {}))
    try:
        script.run(case, stage.perform)
    except BaseException:
        troupe.abandon()
        raise
    finally:
        stage.close()


def has_classes(case):
    """Whether it is about objects of classes; the others came before these."""
    return any(step["do"] == "open" for step in case["steps"])
