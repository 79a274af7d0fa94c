"""Joinable queues from Python: task_done, join, items and their attempts.

Touches one hub, started by name, and worker processes that it ends itself. Locks nothing.
"""

import threading
import time

import libipc
import pytest
from python_support import Background, script, unique, wait_thread_blocked


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


def test_joinable__join_waits_for_task_done(conn):
    q = conn.JoinableQueue()
    for i in range(10):
        q.put(i)
    joining = Background(q.join)
    for _ in range(10):
        assert joining.is_alive()
        q.get()
        q.task_done()
    assert joining.result() is None


def test_joinable__join_of_an_empty_queue(conn):
    assert conn.JoinableQueue().join() is None


def test_joinable__join_times_out(conn):
    q = conn.JoinableQueue()
    q.put(1)
    before = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        q.join(timeout=0.1)
    assert isinstance(caught.value, libipc.Timeout)
    assert time.monotonic() - before >= 0.1
    with pytest.raises(libipc.Timeout):
        q.join(0)
    q.get()
    q.task_done()
    q.join(timeout=5)


def test_joinable__task_done_too_often(conn):
    q = conn.JoinableQueue()
    with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
        q.task_done()
    q.put(1)
    q.get()
    q.task_done()
    with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
        q.task_done()


def test_joinable__a_plain_queue_has_neither(conn):
    q = conn.Queue()
    assert not hasattr(q, "task_done")
    assert not hasattr(q, "join")


def test_joinable__task_done_in_another_thread(conn):
    q = conn.JoinableQueue()
    q.put(1)
    q.get()
    Background(q.task_done).result()
    q.join(timeout=5)


def test_joinable__worker_threads(conn):
    q = conn.JoinableQueue(maxsize=5)
    lock = threading.Lock()
    seen = []

    def work():
        while True:
            value = q.get()
            if value is not None:
                with lock:
                    seen.append(value)
            q.task_done()
            if value is None:
                return

    workers = [Background(work) for _ in range(4)]
    for i in range(200):
        q.put(i)
    q.join(timeout=20)
    assert sorted(seen) == list(range(200))
    for _ in workers:
        q.put(None)
    for worker in workers:
        worker.result()


# ---- items ----


def test_item__done(conn):
    q = conn.JoinableQueue()
    q.put({"id": 1})
    item = q.take()
    assert item.value == {"id": 1}
    assert item.attempt == 1
    assert repr(item) == "<libipc.Item {'id': 1}, attempt 1>"
    item.done()
    item.done()
    q.join(timeout=5)
    with pytest.raises(ValueError):
        q.task_done()


def test_item__release(conn):
    q = conn.JoinableQueue()
    q.put("x")
    q.take().release()
    item = q.take(timeout=5)
    assert (item.value, item.attempt) == ("x", 2)
    item.release()
    item = q.take(timeout=5)
    assert (item.value, item.attempt) == ("x", 3)
    item.done()
    q.join(timeout=5)


def test_item__as_a_context(conn):
    q = conn.JoinableQueue()
    q.put("x")
    with pytest.raises(RuntimeError, match="failed"):
        with q.take() as item:
            raise RuntimeError("failed")
    with q.take(timeout=5) as item:
        assert item.attempt == 2
    q.join(timeout=5)


def test_item__settled_in_its_context(conn):
    q = conn.JoinableQueue()
    q.put("x")
    with q.take() as item:
        item.release()
    with q.take(timeout=5) as item:
        item.done()
    q.join(timeout=5)


def test_item__of_a_plain_queue(conn):
    q = conn.Queue()
    q.put("x")
    with q.take() as item:
        assert (item.value, item.attempt) == ("x", 1)
    assert q.empty()
    with pytest.raises(ValueError):
        item.done()


def test_item__take_has_gets_arguments(conn):
    q = conn.JoinableQueue()
    with pytest.raises(libipc.Empty):
        q.take(block=False)
    with pytest.raises(libipc.Empty):
        q.take(True, 0.01)


def test_item__of_another_queue(conn):
    one, other = conn.JoinableQueue(), conn.JoinableQueue()
    one.put(1)
    item = one.take()
    item._queue = other
    with pytest.raises(ValueError):
        item.done()


# ---- the death of a worker ----

WORKER = """
import sys, libipc
jobs = libipc.connect(sys.argv[1]).JoinableQueue(sys.argv[2])
print(jobs.get(), flush=True)
sys.stdin.read()
"""


def test_joinable__items_of_a_killed_worker_come_back(hub, conn):
    name = unique()
    jobs = conn.JoinableQueue(name)
    jobs.put("job")
    with script(WORKER, hub, name) as worker:
        assert worker.stdout.readline() == "job\n"
        worker.kill()
    item = jobs.take(timeout=10)
    assert (item.value, item.attempt) == ("job", 2)
    item.done()
    jobs.join(timeout=5)


def test_joinable__items_of_a_worker_that_ends_cleanly_stay_unfinished(hub, conn):
    name = unique()
    jobs = conn.JoinableQueue(name)
    jobs.put("job")
    with script(WORKER, hub, name) as worker:
        assert worker.stdout.readline() == "job\n"
        worker.communicate()
        assert worker.returncode == 0
    with pytest.raises(libipc.Empty):
        jobs.take(timeout=0.3)
    with pytest.raises(libipc.Timeout):
        jobs.join(timeout=0)
    jobs.task_done()  # nobody else holds it: the queue's oldest
    jobs.join(timeout=5)


def test_joinable__close_wakes_a_blocked_join(conn):
    q = conn.JoinableQueue()
    q.put(1)
    joining = Background(q.join)
    wait_thread_blocked(joining)
    q.close()
    with pytest.raises(libipc.Closed):
        joining.result()
