"""Deadlocks among locks: who waits for whom is shown, and refused where that was asked for.

Touches one hub, started by name, and processes that it ends itself. Locks nothing but what it tests.
"""

import contextlib
import multiprocessing
import os

import libipc
import pytest
from python_support import PATIENCE, Background, eventually, script, unique

KINDS = ["Lock", "RLock", "Condition"]


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


def state(conn, name):
    return conn.info(name)["state"]


def hold_and_want(held, wanted):
    """Have one lock and acquire another; what that said, with the first one given back."""
    with held:
        try:
            with wanted:
                return True
        except libipc.Error as error:
            return error


OWNER = """
import sys, libipc
conn = libipc.connect(sys.argv[1])
with conn.Condition(sys.argv[2]):
    print("has it", flush=True)
    sys.stdin.readline()
    with conn.RLock(sys.argv[3]):
        print("has both", flush=True)
"""


@contextlib.contextmanager
def owner(hub, has, wants):
    """A program that has one lock, and wants another when it is told to go on; killed at the latest here."""
    with script(OWNER, hub, has, wants) as program:
        try:
            assert program.stdout.readline() == "has it\n"
            yield program
        finally:
            program.kill()


def test_deadlock__of_two_programs_is_shown_until_one_dies(conn, hub):
    first, second = unique("first"), unique("second")
    with owner(hub, first, second) as one:
        lock, changed = conn.RLock(second), conn.Condition(first)
        waiting = Background(hold_and_want, lock, changed)
        eventually(lambda: state(conn, first)["waiting"] == 1, "a thread that waits")
        assert state(conn, first)["deadlock"] == []
        one.stdin.write("go\n")
        one.stdin.flush()
        eventually(lambda: len(state(conn, first)["deadlock"]) == 2, "the circle")
        theirs, ours = state(conn, first)["deadlock"]
        assert (theirs["lock"], theirs["waits_for"]) == (first, second)
        assert (ours["lock"], ours["waits_for"]) == (second, first)
        assert (theirs["pid"], ours["pid"]) == (one.pid, os.getpid())
        assert theirs["program"] == "-c" and ours["program"]
        assert (theirs["language"], ours["language"]) == ("python", "python")
        assert theirs["session"] != ours["session"]
        assert [step["lock"] for step in state(conn, second)["deadlock"]] == [second, first]
        [waiter] = state(conn, first)["waiters"]
        assert (waiter["pid"], waiter["thread"]) == (os.getpid(), ours["thread"])
        assert 0 <= waiter["waiting_us"] <= PATIENCE * 1e6
        assert state(conn, second)["owner"]["pid"] == os.getpid()
        one.kill()
        assert waiting.result() is True
    assert state(conn, first)["deadlock"] == state(conn, second)["deadlock"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_deadlock__is_refused_where_asked_for(conn, kind):
    first, second = unique("first"), unique("second")
    held = getattr(conn, kind)(first)
    wanted = getattr(conn, kind)(second)
    with held:
        waiting = Background(hold_and_want, wanted, held)
        eventually(lambda: state(conn, first)["waiting"] == 1, "a thread that waits")
        refusing = getattr(conn, kind)(second, refuse_deadlock=True)
        for again in (refusing, libipc.attach(refusing.share(), conn=conn)):
            with pytest.raises(libipc.Deadlock, match="a deadlock") as caught:
                again.acquire(timeout=PATIENCE)
            assert isinstance(caught.value, RuntimeError)
            assert f'"{first}"' in str(caught.value) and f'"{second}"' in str(caught.value)
            assert not again.acquire(False), "what does not wait is only late"
        assert not wanted.acquire(timeout=0.02), "it is the handle that refuses"
    assert waiting.result() is True


def test_deadlock__of_a_thread_with_itself(conn):
    lock = conn.Lock(unique())
    lock.acquire()
    waiting = Background(lock.acquire)
    eventually(lambda: state(conn, lock.name)["waiting"] == 1, "a thread that waits")
    lock.release()
    assert waiting.result(), "a Lock goes from thread to thread"
    strict = conn.Lock(lock.name, refuse_deadlock=True)
    lock.release()
    strict.acquire()
    with pytest.raises(libipc.Deadlock):
        strict.acquire()
    recursive = conn.RLock(unique(), refuse_deadlock=True)
    assert recursive.acquire() and recursive.acquire()


def take_twice(lock):
    with lock:
        try:
            lock.acquire()
        except libipc.Deadlock:
            return
    raise AssertionError("it was not refused")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_deadlock__is_refused_in_children(conn, method):
    lock = conn.Lock(refuse_deadlock=True)
    child = multiprocessing.get_context(method).Process(target=take_twice, args=(lock,))
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0


def test_deadlock__is_refused_of_what_a_manager_makes(hub):
    with libipc.Manager(hub) as manager:
        lock = manager.Lock(refuse_deadlock=True)
        with lock, pytest.raises(libipc.Deadlock):
            lock.acquire()
        assert isinstance(manager.RLock(refuse_deadlock=True), libipc.RLock)
        assert isinstance(manager.Condition(refuse_deadlock=True), libipc.Condition)


def test_deadlock__is_not_to_wait_for_news(conn):
    """Who waits to be notified has given the condition's lock up, and comes back with it whatever it has beside."""
    lock, changed = conn.Lock(unique(), refuse_deadlock=True), conn.Condition(unique(), refuse_deadlock=True)

    def wait_for_news():
        with lock, changed:
            return changed.wait(PATIENCE)

    waiting = Background(wait_for_news)
    eventually(lambda: state(conn, changed.name)["waiting_for_notify"] == 1, "a thread that waits for news")
    with changed:
        assert not lock.acquire(timeout=0.02)
        changed.notify()
        with pytest.raises(libipc.Deadlock):
            lock.acquire()
    assert waiting.result() is True
