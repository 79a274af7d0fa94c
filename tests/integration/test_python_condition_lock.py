"""Conditions on a lock that they share, as threading.Condition(lock) has them.

Touches hubs of its own, which it ends, and threads. Locks nothing but what it tests.
"""

import os
import pickle
import signal
import threading
from collections import deque

import libipc
import pytest
from python_support import PATIENCE, Background, eventually, unique

ROOM, ITEMS = 3, 200


@pytest.fixture
def conn():
    with libipc.connect(unique("hub")) as conn:
        yield conn


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_condition_lock__a_bounded_buffer(conn, kind):
    lock = getattr(conn, kind)(unique())
    not_full, not_empty = conn.Condition(lock=lock), conn.Condition(lock=lock)
    buffer, taken = deque(), []

    def put():
        for i in range(ITEMS):
            with lock:
                assert not_full.wait_for(lambda: len(buffer) < ROOM, PATIENCE)
                buffer.append(i)
                not_empty.notify()

    def take():
        for _ in range(ITEMS):
            with not_empty:
                assert not_empty.wait_for(lambda: buffer, PATIENCE)
                taken.append(buffer.popleft())
                not_full.notify()

    threads = [Background(put), Background(take)]
    for thread in threads:
        thread.result()
    assert taken == list(range(ITEMS))


def test_condition_lock__whose_lock_it_is(conn):
    lock, condition = conn.Lock(), conn.Condition(lock=conn.Lock("guard"))
    with condition:
        assert conn.Lock("guard").locked()
        assert not condition.acquire(timeout=0)
    with pytest.raises(RuntimeError):
        condition.notify()
    with pytest.raises(libipc.OptionsDiffer):
        conn.Condition("news", lock=lock) and conn.Condition("news", lock=conn.Lock())
    for wrong in (conn.Event(), threading.Lock(), "guard"):
        with pytest.raises(TypeError, match="a Lock or an RLock of libipc"):
            conn.Condition(lock=wrong)


def test_condition_lock__pickled(conn):
    lock = conn.Lock()
    condition = conn.Condition(lock=lock)
    again = pickle.loads(pickle.dumps(condition))
    with again:
        assert lock.locked()
    assert not lock.locked()


def test_condition_lock__manager():
    with libipc.Manager() as manager:
        lock = manager.Lock()
        with manager.Condition(lock) as held:
            assert held and lock.locked()
        assert not lock.locked()


def test_condition_lock__the_hub_is_lost(conn):
    """What has a name begins anew, the condition with the lock that it had."""
    name = unique()
    lock, condition = conn.Lock(name), conn.Condition(unique(), lock=conn.Lock(name))
    with condition:
        pass
    os.kill(conn.stat()["pid"], signal.SIGKILL)
    for handle in (condition, lock):
        with pytest.raises(libipc.HubLost):
            eventually(lambda handle=handle: handle.acquire(timeout=0) and handle.release())
    with condition:
        assert lock.locked()
    assert not lock.locked()
