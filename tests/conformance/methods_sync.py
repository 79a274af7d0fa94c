"""Locks, semaphores, events, conditions and barriers in Python: their methods, where those of the table are others.

Touches the handles that it is given. Locks what it is told to.
"""

from notation import to_notation

TIMED_OUT = {"fails": "IPC_ETIMEOUT"}

_acted = []  # by the actions of barriers, since a wait began: an actor has one thread


class ActionError(Exception):
    """What a barrier's action raises that is to fail."""


def _passes():
    _acted.append(True)


def _fails():
    raise ActionError


def options(given):
    """A table's options, in Python's form."""
    if "action" not in given:
        return given
    return {**given, "action": {"passes": _passes, "fails": _fails}[given["action"]]}


def _acquire_lock(lock, seconds):
    if not lock.acquire(timeout=seconds):
        return TIMED_OUT
    return {"gives": to_notation(lock.fence), "abandoned": lock.abandoned}


def _acquire_permit(permits, seconds):
    return {} if permits.acquire(timeout=seconds) else TIMED_OUT


def _value(permits, _seconds):
    return {"gives": to_notation(permits.get_value())}


def _wait_for_event(event, seconds):
    return {} if event.wait(seconds) else TIMED_OUT


def _wait_for_notification(condition, seconds):
    return {"gives": condition.wait(seconds), "abandoned": condition.abandoned}


def _meet(barrier, seconds):
    _acted.clear()
    try:
        index = barrier.wait(seconds)
    except ActionError:
        return {"fails": "action"}
    return {"gives": to_notation(index), "acted": bool(_acted)}


def _property(name):
    return lambda barrier, _seconds: {"gives": to_notation(getattr(barrier, name))}


_LOCK = {"acquire": _acquire_lock}
_SEMAPHORE = {"acquire": _acquire_permit, "value": _value}

# By class and method: each is called with the handle, the seconds that it may take, and the step's arguments.
METHODS = {
    "Lock": _LOCK,
    "RLock": _LOCK,
    "Semaphore": _SEMAPHORE,
    "BoundedSemaphore": _SEMAPHORE,
    "Event": {"wait": _wait_for_event},
    "Condition": {"acquire": _acquire_lock, "wait": _wait_for_notification},
    "Barrier": {
        "wait": _meet,
        "parties": _property("parties"),
        "waiting": _property("n_waiting"),
        "broken": _property("broken"),
    },
}
