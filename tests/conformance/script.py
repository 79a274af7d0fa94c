"""How a case of table.json is run, whoever its actors are: this process or others.

Touches nothing but its actors and the clock. Locks nothing.
"""

import os
import time

from notation import same

PATIENCE_S = 20.0

# Which lane the actors' sessions have: what they choose by themselves is shared memory.
LANE = "zmq" if os.environ.get("LIBIPC_LANE") == "zmq" else "shm"

# Shared memory is this host's: where the run's sessions are to have nothing else, they do not go over TCP.
TCP_ALLOWED = os.environ.get("LIBIPC_LANE") != "shm"


# What a result may say beside what it gives.
MARKS = ("put", "attempt", "late", "abandoned", "acted")


def matches(step, result):
    if step.get("fails") != result.get("fails"):
        return False
    if any(mark in step and step[mark] != result[mark] for mark in MARKS):
        return False
    return "gives" not in step or same(step["gives"], result["gives"])


def _until_it_matches(perform, step):
    deadline = time.monotonic() + PATIENCE_S
    result = perform(step)
    while not matches(step, result) and time.monotonic() < deadline:
        time.sleep(0.005)
        result = perform(step)
    return result


def run(case, perform):
    """Play a case; perform(step) does one step of its actor's and gives the result."""
    tickets = {}
    for number, step in enumerate(case["steps"], 1):
        if isinstance(step.get("attempt"), dict):  # what one lane knows, and the other must suspect
            step = {**step, "attempt": step["attempt"][LANE]}
        if step["do"] == "attach":
            step = {**step, "ticket": tickets[step["ticket"]]}
        result = _until_it_matches(perform, step) if step.get("eventually") else perform(step)
        if step.get("begin"):
            continue  # a step "end" of the same actor tells the result
        assert matches(step, result), f"step {number}, {step}: {result}"
        if step["do"] == "share":
            tickets[step["as"]] = result.get("gives")
