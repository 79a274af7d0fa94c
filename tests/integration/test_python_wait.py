"""Waiting for several things: descriptors, selectors, multiprocessing's wait() and ours.

Touches one hub, started by name, and processes that it ends itself. Locks nothing.
"""

import multiprocessing
import multiprocessing.connection
import os
import selectors
import signal
import socket
import threading
import time

import libipc
import pytest
from python_support import PATIENCE, Background, eventually, script, unique, wait_thread_blocked


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


@pytest.fixture(params=["libipc", "multiprocessing"])
def wait(request):
    return libipc.wait if request.param == "libipc" else multiprocessing.connection.wait


# ---- descriptors ----


def readable(thing, timeout=0.0):
    with selectors.DefaultSelector() as selector:
        selector.register(thing, selectors.EVENT_READ)
        return bool(selector.select(timeout))


def test_fileno__stays_readable_while_there_is_something(conn):
    q = conn.Queue()
    assert not readable(q)
    q.put_many([1, 2])
    for expected in (1, 2):
        assert readable(q, PATIENCE)
        assert readable(q)
        assert q.get_nowait() == expected
    assert not readable(q)
    assert q.fileno() == q.fileno()


def test_fileno__ends_are_something(hub, conn):
    a, b = conn.Pipe()
    assert not readable(b)
    a.close()
    assert readable(b, PATIENCE)
    q = conn.Queue()
    assert not readable(q)
    q.shutdown()
    assert readable(q, PATIENCE)
    q = conn.Queue(unique())
    assert not readable(q)
    with libipc.connect(hub) as other:
        other.unlink(q.name)
    assert readable(q, PATIENCE)
    q = conn.Queue()
    assert not readable(q)
    fd = q.fileno()
    q.close()
    assert readable(fd)


def test_fileno__of_what_is_closed(conn):
    q = conn.Queue()
    q.fileno()
    q.close()
    with pytest.raises(ValueError):
        q.fileno()
    with selectors.DefaultSelector() as selector, pytest.raises(ValueError):
        selector.register(q, selectors.EVENT_READ)


def test_fileno__an_end_that_only_sends(conn):
    _reader, writer = conn.Pipe(duplex=False)
    with pytest.raises(PermissionError):
        writer.fileno()


def test_fileno__none_is_left(conn):
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(50):
        with conn.Queue() as q:
            q.fileno()
        del q
        a, b = conn.Pipe()
        a.fileno()
        del a, b
    assert set(os.listdir("/proc/self/fd")) == before


def test_fileno__a_forked_child_has_its_own(conn):
    q, answer = conn.Queue(), conn.Queue()
    q.fileno()
    q.put("for the parent")
    assert readable(q, PATIENCE)
    pid = os.fork()
    if pid == 0:
        try:
            answer.put([readable(q, 0.2), answer.fileno() >= 0])
            answer.flush(PATIENCE)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert answer.get(timeout=PATIENCE)[1] is True
    assert readable(q, PATIENCE)
    assert q.get_nowait() == "for the parent"


def test_fileno__two_that_wait_share(hub, conn):
    """One is shown an item ahead; another one who gets gets it."""
    q = conn.Queue(unique())
    assert not readable(q)
    q.put(1)
    assert readable(q, PATIENCE)
    with libipc.connect(hub) as other:
        assert other.Queue(q.name).get(timeout=PATIENCE) == 1
    eventually(lambda: not readable(q))
    with pytest.raises(libipc.Empty):
        q.get_nowait()


# ---- wait ----


def test_wait__names_the_ready_ones(conn, wait):
    q1, q2 = conn.Queue(), conn.JoinableQueue()
    a, b = conn.Pipe()
    assert wait([q1, q2, b], 0) == []
    q2.put(1)
    assert wait([q1, q2, b], PATIENCE) == [q2]
    a.send(1)
    eventually(lambda: wait([q1, q2, b], 0.1) == [q2, b])
    assert q2.get_nowait() == 1
    assert wait([q1, q2, b]) == [b]


def test_wait__times_out(wait, conn):
    before = time.monotonic()
    assert wait([conn.Queue()], 0.1) == []
    assert time.monotonic() - before >= 0.1
    assert wait([conn.Queue()], -1) == []
    assert wait([], 0.01) == []


def test_wait__wakes_up(conn, wait):
    q = conn.Queue()
    waiting = Background(wait, [q])
    wait_thread_blocked(waiting)
    q.put(1)
    assert waiting.result() == [q]


def test_wait__files_and_sockets_and_numbers(conn, wait):
    q = conn.Queue()
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    end, other_end = multiprocessing.Pipe()
    things = [q, ours, reader, end]
    assert wait(things, 0) == []
    theirs.send(b"x")
    os.write(writer, b"x")
    other_end.send("x")
    assert wait(things, PATIENCE) == [ours, reader, end]
    for each in (ours, theirs, end, other_end):
        each.close()
    os.close(reader)
    os.close(writer)


def test_wait__any_iterable(conn):
    q = conn.Queue()
    q.put(1)
    assert libipc.wait({q}, PATIENCE) == [q]
    assert libipc.wait((each for each in [q]), PATIENCE) == [q]
    assert libipc.wait(object_list=[q, q], timeout=PATIENCE) == [q, q]


def test_wait__what_cannot_be_waited_for(conn):
    with pytest.raises(TypeError):
        libipc.wait(conn.Queue().name)
    for wrong in ("text", None, object(), 2.5):
        with pytest.raises(TypeError):
            libipc.wait([wrong], 0)
    for wrong in (-1, 999_999):
        with pytest.raises(ValueError):
            libipc.wait([wrong], 0)
    with pytest.raises(TypeError):
        libipc.wait([], "soon")
    _reader, writer = conn.Pipe(duplex=False)
    with pytest.raises(PermissionError):
        libipc.wait([writer], 0)
    q = conn.Queue()
    q.close()
    with pytest.raises(libipc.Closed):
        libipc.wait([q], 0)


def test_wait__closed_meanwhile(conn):
    q = conn.Queue()
    waiting = Background(libipc.wait, [q])
    wait_thread_blocked(waiting)
    q.close()
    assert waiting.result() == [q]
    with pytest.raises(libipc.Closed):
        q.get_nowait()


def test_wait__is_interrupted(conn):
    class Stop(Exception):
        pass

    def stop(_number, _frame):
        raise Stop

    q = conn.Queue()
    before = signal.signal(signal.SIGUSR1, stop)
    me = threading.main_thread()
    try:
        sender = Background(lambda: (wait_thread_blocked(me), os.kill(os.getpid(), signal.SIGUSR1)))
        with pytest.raises(Stop):
            libipc.wait([q], PATIENCE)
        sender.result()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_wait__other_threads_go_on(conn):
    """The GIL is free meanwhile."""
    q = conn.Queue()
    waiting = Background(libipc.wait, [q])
    assert sum(range(100_000)) == 4999950000
    q.put(1)
    assert waiting.result() == [q]


SENDER = """
import sys, libipc
conn = libipc.connect(sys.argv[1])
end = conn.Pipe(sys.argv[2], "b")
end.send("ready")
sys.stdin.readline()
"""


def test_wait__a_killed_peer_is_an_end(hub, conn):
    name = unique()
    end, q = conn.Pipe(name, "a"), conn.Queue()
    with script(SENDER, hub, name) as sender:
        assert libipc.wait([q, end], PATIENCE) == [end]
        assert end.recv() == "ready"
        assert libipc.wait([q, end], 0) == []
        sender.kill()
    assert libipc.wait([q, end], PATIENCE) == [end]
    with pytest.raises(EOFError):
        end.recv()


HUB = """
import sys, libipc
hub = libipc.Hub(sys.argv[1])
print(hub.address, flush=True)
sys.stdin.readline()
"""


def test_wait__a_lost_hub_is_an_end():
    with script(HUB, f"ipc://{os.environ.get('XDG_RUNTIME_DIR', '/tmp')}/{unique()}") as process:
        conn = libipc.connect(process.stdout.readline().strip())
        q = conn.Queue()
        assert libipc.wait([q], 0) == []
        process.kill()
        assert libipc.wait([q], PATIENCE) == [q]
        with pytest.raises(libipc.HubLost):
            q.get_nowait()
        conn.close()
