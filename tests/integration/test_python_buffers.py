"""Bytes that are taken without a copy: get_buffer().

Touches one hub, started by name, its own mappings in /proc, and a forked child. Locks nothing.
"""

import array
import ctypes
import gc
import os
import signal

import libipc
import pytest
from python_support import PATIENCE, Background, script, unique, wait_thread_blocked

LARGE = 5_000_000  # lies in the producer's segment
HUGE = 20_000_000  # has a segment of its own
MANY = 1024  # loans of a session: beyond, what comes is a copy


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


@pytest.fixture
def q(conn):
    with conn.Queue() as q:
        yield q


def segments():
    with open("/proc/self/maps", encoding="ascii") as maps:
        return sum("libipc-segment" in line for line in maps)


def lies_in_segment(view):
    """Whether the bytes are where their producer wrote them, mapped to be read."""
    fields = (ctypes.c_void_p * 20)()  # a Py_buffer, which begins with the address
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), fields, 0)
    address = fields[0]
    ctypes.pythonapi.PyBuffer_Release(fields)
    with open("/proc/self/maps", encoding="ascii") as maps:
        for line in maps:
            begin, end = (int(each, 16) for each in line.split()[0].split("-"))
            if begin <= address < end:
                return "libipc-segment" in line and line.split()[1] == "r--s"
    return False


# ---- beyond the connection ----


def test_buffer__outlives_its_connection(hub, conn):
    name = unique("queue")
    data = os.urandom(LARGE)
    with conn.Queue(name) as q:
        with libipc.connect(hub) as reader, reader.Queue(name) as there:
            q.put(data)
            view = there.get_buffer(timeout=PATIENCE)
        sessions = libipc_sessions(conn)
        # More than the producer's segment holds: what nobody has any more is used again.
        for i in range(40):
            q.put(bytes([i]) * LARGE)
            assert q.get(timeout=PATIENCE)[:1] == bytes([i])
        assert view == data
        view.release()
        assert libipc_sessions(conn) == sessions  # it was none any more


def libipc_sessions(conn):
    return conn.stat()["sessions"]


# ---- what one gets ----


@pytest.mark.parametrize("length", [0, 1, 255, 256, 65_535, 65_536, 40_000, LARGE, HUGE])
def test_buffer__of_any_length(q, length):
    data = os.urandom(length)
    q.put(data)
    with q.get_buffer(timeout=PATIENCE) as view:
        assert isinstance(view, memoryview)
        assert (view.readonly, view.format, view.ndim, view.nbytes) == (True, "B", 1, length)
        assert view == data


def test_buffer__cannot_be_written(q):
    q.put(b"x" * LARGE)
    view = q.get_buffer(timeout=PATIENCE)
    with pytest.raises(TypeError):
        view[0] = 1
    with pytest.raises(TypeError):
        view[1:3] = b"ab"


@pytest.mark.parametrize("length", [100, 40_000, LARGE, HUGE])
def test_buffer__is_no_copy_of_what_is_large(hub, length):
    with libipc.connect(hub, lane="shm") as conn:
        q = conn.Queue()
        q.put(b"x" * length)
        with q.get_buffer(timeout=PATIENCE) as view:
            assert lies_in_segment(view) == (length > 32 * 1024)


def test_buffer__as_numbers(q):
    numbers = array.array("d", range(100_000))
    q.put(numbers)
    view = q.get_buffer(timeout=PATIENCE)
    assert view.cast("d")[99_999] == 99_999.0
    assert array.array("d", view.cast("d")) == numbers


def test_buffer__in_numpy(q):
    numpy = pytest.importorskip("numpy")
    q.put(numpy.arange(100_000, dtype=numpy.float64))
    view = q.get_buffer(timeout=PATIENCE)
    numbers = numpy.frombuffer(view, dtype=numpy.float64)
    assert not numbers.flags.writeable
    del view
    assert numbers.sum() == sum(range(100_000))


def test_buffer__can_be_put_again(q):
    q.put(b"x" * LARGE)
    with q.get_buffer(timeout=PATIENCE) as view:
        q.put(view)
    assert q.get(timeout=PATIENCE) == b"x" * LARGE


# ---- how long it lasts ----


@pytest.mark.parametrize("length", [100, LARGE, HUGE])
def test_buffer__stays_while_others_come_and_go(conn, length):
    q = conn.Queue()
    q.put(b"a" * length)
    first = q.get_buffer(timeout=PATIENCE)
    for _ in range(30):  # more than the producer's memory
        q.put(b"b" * length)
        with q.get_buffer(timeout=PATIENCE) as view:
            assert view[-1] == ord("b")
    assert first == b"a" * length
    q.close()
    del q
    gc.collect()
    assert first == b"a" * length


@pytest.mark.parametrize("length", [100, LARGE, HUGE])
def test_buffer__can_be_read_when_the_connection_is_gone(hub, length):
    conn = libipc.connect(hub)
    q = conn.Queue()
    q.put(b"a" * length)
    view = q.get_buffer(timeout=PATIENCE)
    conn.close()
    del q, conn
    gc.collect()
    assert view.nbytes == length and view[length // 2] is not None  # but it may be another value's
    view.release()


def test_buffer__outlives_its_producer(conn):
    q = conn.Queue(unique())
    source = 'import sys, libipc\nlibipc.connect(sys.argv[1]).Queue(sys.argv[2]).put(b"p" * int(sys.argv[3]))'
    with script(source, conn.address, q.name, str(LARGE)) as producer:
        view = q.get_buffer(timeout=PATIENCE)
        producer.communicate(timeout=PATIENCE)
    conn.list()
    assert view == b"p" * LARGE


def test_buffer__released_is_nobodys(q):
    q.put(b"x" * LARGE)
    view = q.get_buffer(timeout=PATIENCE)
    part = view[10:20]
    view.release()
    with pytest.raises(ValueError):
        view[0]
    assert part == b"x" * 10
    part.release()


def test_buffer__its_memory_is_used_again(q):
    for _ in range(100):  # far more than a producer may have out at a time
        q.put(b"x" * LARGE, timeout=PATIENCE)
        assert q.get_buffer(timeout=PATIENCE)[0] == ord("x")


def test_buffer__a_huge_one_is_unmapped(conn):
    conn.list()
    before = segments()
    q = conn.Queue()
    q.put(b"x" * HUGE)
    view = q.get_buffer(timeout=PATIENCE)
    assert view[HUGE - 1] == ord("x")
    view.release()
    for _ in range(20):
        q.put(b"y" * HUGE)
        q.get_buffer(timeout=PATIENCE).release()
    conn.flush(PATIENCE)
    assert segments() <= before + 8


def test_buffer__more_than_there_are_loans(q):
    data = b"x" * 40_000
    views = []
    for number in range(MANY + 50):
        q.put(data)
        views.append(q.get_buffer(timeout=PATIENCE))
    assert all(view == data for view in views)


def test_buffer__in_a_forked_child(q):
    q.put(b"x" * LARGE)
    view = q.get_buffer(timeout=PATIENCE)
    child = os.fork()
    if child == 0:
        signal.alarm(int(PATIENCE))
        status = 1
        try:
            status = 0 if view == b"x" * LARGE else 2
            view.release()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert view == b"x" * LARGE  # what the child released was the child's


# ---- what it is not ----


@pytest.mark.parametrize("value", ["text", 7, None, [b"bytes"], {"a": 1}, "x" * 100_000, ["y" * LARGE]])
def test_buffer__another_value_is_not_lost(q, value):
    q.put(value)
    q.put(b"next")
    with pytest.raises(libipc.WrongType, match="get_buffer") as caught:
        q.get_buffer(timeout=PATIENCE)
    assert isinstance(caught.value, TypeError)
    assert caught.value.value == value
    assert q.get_buffer(timeout=PATIENCE) == b"next"


def test_buffer__of_a_joinable_queue_is_finished_as_others(conn):
    q = conn.JoinableQueue()
    q.put(b"x" * LARGE)
    with q.get_buffer(timeout=PATIENCE):
        with pytest.raises(libipc.Timeout):
            q.join(timeout=0)
        q.task_done()
    q.join(timeout=PATIENCE)


def test_buffer__waits_as_get_does(q):
    with pytest.raises(libipc.Empty):
        q.get_buffer(False)
    with pytest.raises(libipc.Empty):
        q.get_buffer(timeout=0.01)
    with pytest.raises(TypeError):
        q.get_buffer(True, 1, 2)
    waiting = Background(q.get_buffer)
    wait_thread_blocked(waiting)
    q.put(b"late")
    assert waiting.result() == b"late"
    q.shutdown()
    with pytest.raises(libipc.ShutDown):
        q.get_buffer()
    q.close()
    with pytest.raises(libipc.Closed):
        q.get_buffer()
