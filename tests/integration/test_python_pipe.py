"""Pipes from Python: the methods and exceptions of multiprocessing's Connection.

Touches one hub, started by name. Locks nothing.
"""

import pickle
import time

import libipc
import pytest
from python_support import Background, unique, wait_thread_blocked


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


def test_pipe__both_ways(conn):
    c1, c2 = conn.Pipe()
    c1.send({"to": "c2"})
    c2.send(["to c1"])
    assert c2.recv() == {"to": "c2"}
    assert c1.recv() == ["to c1"]


def test_pipe__in_order(conn):
    c1, c2 = conn.Pipe()
    for i in range(1000):
        c1.send(i)
    assert [c2.recv() for _ in range(1000)] == list(range(1000))


def test_pipe__simplex(conn):
    for c1, c2 in (conn.Pipe(False), conn.Pipe(duplex=False)):
        assert (c1.readable, c1.writable) == (True, False)
        assert (c2.readable, c2.writable) == (False, True)
        c2.send(1)
        assert c1.recv() == 1
        with pytest.raises(OSError):
            c1.send(1)
        with pytest.raises(OSError):
            c2.recv()


def test_pipe__poll(conn):
    c1, c2 = conn.Pipe()
    assert c2.poll() is False
    before = time.monotonic()
    assert c2.poll(0.1) is False
    assert time.monotonic() - before >= 0.1
    c1.send(1)
    assert c2.poll(timeout=5) is True
    assert c2.poll(None) is True
    assert c2.poll() is True
    assert c2.recv() == 1
    assert c2.poll(0) is False


def test_pipe__poll_waits(conn):
    c1, c2 = conn.Pipe()
    polling = Background(c2.poll, None)
    wait_thread_blocked(polling)
    c1.send(1)
    assert polling.result() is True


def test_pipe__end_of_file(conn):
    c1, c2 = conn.Pipe()
    c1.send("last")
    c1.close()
    assert c2.recv() == "last"
    assert c2.poll(5) is True
    with pytest.raises(EOFError):
        c2.recv()


def test_pipe__end_of_file_wakes_a_blocked_recv(conn):
    c1, c2 = conn.Pipe()
    receiving = Background(c2.recv)
    wait_thread_blocked(receiving)
    c1.close()
    with pytest.raises(EOFError):
        receiving.result()


def test_pipe__broken(conn):
    c1, c2 = conn.Pipe()
    c2.close()

    def send_until_known():
        while True:
            c1.send(1)

    with pytest.raises(BrokenPipeError):
        Background(send_until_known).result()


def test_pipe__close(conn):
    c1, _c2 = conn.Pipe()
    assert not c1.closed
    with c1:
        pass
    assert c1.closed
    c1.close()
    assert "closed" in repr(c1)
    for call in (lambda: c1.send(1), c1.recv, c1.poll):
        with pytest.raises(OSError) as caught:
            call()
        assert isinstance(caught.value, libipc.Closed)


def test_pipe__close_wakes_a_blocked_recv(conn):
    c1, _c2 = conn.Pipe()
    receiving = Background(c1.recv)
    wait_thread_blocked(receiving)
    c1.close()
    with pytest.raises(libipc.Closed):
        receiving.result()


def test_pipe__by_name(hub, conn):
    name = unique()
    with libipc.connect(hub) as other:
        a = conn.Pipe(name, "a")
        receiving = Background(a.recv)  # waits for a peer that comes later
        b = other.Pipe(name, "b")
        b.send("hello")
        assert receiving.result() == "hello"
        assert (a.name, b.name) == (name, name)
        assert repr(name) in repr(a)


def test_pipe__by_name_and_any_end(conn):
    name = unique()
    a = conn.Pipe(name)
    b = conn.Pipe(name)
    a.send(1)
    assert b.recv() == 1
    with pytest.raises(libipc.Busy):
        conn.Pipe(name)


def test_pipe__by_name_simplex(conn):
    name = unique()
    a = conn.Pipe(name, "a", duplex=False)
    b = conn.Pipe(name, "b", duplex=False)
    assert (a.readable, a.writable, b.readable, b.writable) == (True, False, False, True)
    b.send(1)
    assert a.recv() == 1


def test_pipe__modes(conn):
    name = unique()
    with pytest.raises(FileNotFoundError):
        conn.Pipe(name, mode="attach")
    conn.Pipe(name, "a", mode="create")
    with pytest.raises(FileExistsError):
        conn.Pipe(name, "b", mode="create")


def test_pipe__pickled_end(conn):
    c1, c2 = conn.Pipe()
    again = pickle.loads(pickle.dumps(c2))
    assert type(again) is libipc.Connection
    c2.close()  # the other handle holds the end
    c1.send("x")
    assert again.recv() == "x"
    again.send("y")
    assert c1.recv() == "y"
    again.close()


def test_pipe__flush(conn):
    c1, c2 = conn.Pipe()
    c1.send(1)
    c1.flush(timeout=5)
    assert c2.poll(5)
