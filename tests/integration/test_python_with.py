"""What comes out of a with block whose lock or item cannot be given back at its end: the hub is lost, or it is deleted.

Touches hubs of its own, which it kills. Locks nothing but what it tests.
"""

import os
import signal

import libipc
import pytest
from python_support import PATIENCE, Background, eventually, unique, wait_thread_blocked

KINDS = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Value", "Array", "ArrayLock"]


@pytest.fixture
def conn():
    with libipc.connect(unique("hub")) as conn:
        yield conn


def make(conn, kind, name):
    """What is entered, and a call of its own that the hub answers."""
    if kind == "Value":
        value = conn.Value("i", name=name)
        return value, value.get
    if kind in ("Array", "ArrayLock"):
        array = conn.Array("i", 3, name=name)
        return (array if kind == "Array" else array.get_lock()), array.tolist
    if kind == "Condition":
        condition = conn.Condition(name)
        return condition, condition.notify
    handle = getattr(conn, kind)(name)
    return handle, getattr(handle, "locked", None) or handle.get_value


def lose_hub(pid, call):
    """Kill it, and call until the call tells."""
    os.kill(pid, signal.SIGKILL)

    def told():
        call()
        return False

    eventually(told, "the hub's loss")


@pytest.mark.parametrize("kind", KINDS)
def test_with__tells_of_a_lost_hub(conn, kind):
    pid = conn.stat()["pid"]
    guard, call = make(conn, kind, unique())
    with pytest.raises(libipc.HubLost), guard:
        lose_hub(pid, call)


def test_with__tells_of_a_hub_that_is_lost_in_wait_for(conn):
    pid = conn.stat()["pid"]
    condition = conn.Condition(unique())

    def wait():
        with condition:
            condition.wait_for(lambda: False, timeout=PATIENCE)

    waiting = Background(wait)
    wait_thread_blocked(waiting)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(libipc.HubLost):
        waiting.result()


@pytest.mark.parametrize("kind", KINDS)
def test_with__an_exception_comes_out_of_a_deleted_one(conn, kind):
    name = unique()
    guard, _call = make(conn, kind, name)
    with pytest.raises(ZeroDivisionError), guard:
        conn.unlink(name)
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", KINDS)
def test_with__without_an_exception_tells_of_a_deleted_one(conn, kind):
    name = unique()
    guard, _call = make(conn, kind, name)
    with pytest.raises(libipc.Deleted), guard:
        conn.unlink(name)


def test_with__an_exception_comes_out_of_a_lock_that_was_released(conn):
    lock = conn.Lock()
    with pytest.raises(ZeroDivisionError), lock:
        lock.release()
        raise ZeroDivisionError
    with pytest.raises(libipc.NotHeld), lock:
        lock.release()


def test_with__an_exception_releases(conn):
    for kind in KINDS:
        guard, _call = make(conn, kind, unique())
        with pytest.raises(ZeroDivisionError), guard:
            raise ZeroDivisionError
        assert Background(guard.acquire, True, PATIENCE).result(), kind


def test_with__an_exception_comes_out_of_an_item_that_cannot_be_given_back(conn):
    jobs = conn.JoinableQueue(unique())
    jobs.put(1)
    with pytest.raises(ZeroDivisionError), jobs.take(timeout=PATIENCE):
        conn.close()
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", ["Lock", "Semaphore", "Condition", "Value"])
def test_with__the_next_hubs_is_another_programs(conn, kind):
    """What was held is gone with its hub: leaving releases nothing of what somebody else has in the next one."""
    name = unique()
    held, call = make(conn, kind, name)
    pid = conn.stat()["pid"]
    with pytest.raises(KeyError), held:
        with pytest.raises(libipc.HubLost):
            lose_hub(pid, call)
        other = libipc.connect(conn.address)
        theirs = make(other, kind, name)[0]
        assert theirs.acquire(timeout=PATIENCE)
        raise KeyError
    assert not held.acquire(timeout=0)
    theirs.release()
    assert held.acquire(timeout=PATIENCE)
    held.release()
    other.close()
