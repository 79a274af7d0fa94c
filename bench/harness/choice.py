"""Choosing: which cases, over which lanes, beside which peers; what cannot be had here is left out, and said.

Touches standard error, and stages to try things out.
"""

import argparse
import dataclasses
import functools
import os
import subprocess
import sys

from . import driver, scenes

LANES = ("shm", "zmq")
QUICK_GRID = (1, 16)  # its corners


def default_cpus():
    ours = sorted(os.sched_getaffinity(0))
    return ours[0], ours[-1], ours[0]


def cpus(text):
    """A,B or A,B,HUB."""
    try:
        numbers = tuple(map(int, text.split(",")))
    except ValueError:
        numbers = ()
    if len(numbers) not in (2, 3) or not os.sched_getaffinity(0).issuperset(numbers):
        raise argparse.ArgumentTypeError(f"two or three cores of {sorted(os.sched_getaffinity(0))}, not {text!r}")
    return numbers if len(numbers) == 3 else (*numbers, numbers[0])


def _wanted(case, options):
    if options.quick and case.cell and not {case.cell.producers, case.cell.consumers} <= set(QUICK_GRID):
        return False
    if options.grid and not case.cell:
        return False
    if options.only:
        return any(text.lower() in case.label.lower() or text == case.section for text in options.only)
    return options.all or options.grid or not case.extra


def _on_lane(case, options):
    return not options.lane or case.lane in (options.lane, None)


def choose(cases, options):
    return [case for case in cases if _wanted(case, options) and _on_lane(case, options)]


def line(case, lane):
    """What --list says of a case."""
    peers = " and ".join(peer.name + (" where it is installed" if peer.module else "") for peer in case.peers)
    return f"{case.label} ({lane or case.lane or ', '.join(LANES)}{'; beside ' if peers else ''}{peers})"


def _leave_out(what, reason):
    print(f"left out: {what}: {reason}", file=sys.stderr, flush=True)


def lanes(wanted, build, timeout):
    """Those of LANES that there are. The one that was asked for must be there, or it is driver.Failed."""
    if wanted == "zmq":
        return ("zmq",)
    try:
        with driver.Stage(build, timeout, "shm") as stage:
            missing = None if scenes.has_shared_memory(stage) else "its sessions share no memory with the hub"
    except driver.Failed as reason:
        missing = str(reason)
    if not missing:
        return (wanted,) if wanted else LANES
    if wanted:
        raise driver.Failed(f"no lane {wanted}: {missing}")
    _leave_out("lane shm", missing)
    return ("zmq",)


@functools.lru_cache(maxsize=None)
def _has_module(name):
    """Whether the scripts can import it."""
    done = subprocess.run([driver.python(), "-c", f"import {name}"], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def with_modules(cases):
    """The cases without the peers that are not installed."""
    missing = {}
    for peer in (peer for case in cases for peer in case.peers):
        if peer.module and not _has_module(peer.module):
            missing[peer.name] = peer.module
    for name, module in missing.items():
        _leave_out(name, f"no module {module}")
    return [
        dataclasses.replace(case, peers=tuple(peer for peer in case.peers if peer.name not in missing))
        for case in cases
    ]
