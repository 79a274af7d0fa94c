"""Several values at a time, confirmed puts, the end of a queue, and taking until it has come.

Touches one hub, started by name, and processes that it ends itself. Locks nothing.
"""

import datetime
import queue
import signal
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


# ---- put_many ----


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda values: (value for value in values)])
def test_put_many__whatever_can_be_iterated(conn, kind):
    q = conn.Queue()
    values = [{"id": i, "text": "x" * (i % 50)} for i in range(1000)]
    assert q.put_many(kind(values)) == 1000
    assert [q.get() for _ in range(1000)] == values


def test_put_many__nothing(conn):
    assert conn.Queue().put_many([]) == 0


def test_put_many__large_values(conn):
    q = conn.Queue()
    values = [bytes([i]) * 300_000 for i in range(20)]
    assert q.put_many(values) == 20
    assert [q.get() for _ in range(20)] == values


def test_put_many__a_value_that_cannot_be_sent(conn):
    q = conn.Queue()
    with pytest.raises(TypeError, match="cannot send an object of type complex") as caught:
        q.put_many([1, 2, 3 + 4j, 5])
    assert caught.value.put == 2
    assert [q.get(), q.get()] == [1, 2]
    assert q.empty()


def test_put_many__an_iterable_that_fails(conn):
    def failing():
        yield from range(300)
        raise LookupError("no more")

    q = conn.Queue()
    with pytest.raises(LookupError, match="no more") as caught:
        q.put_many(failing())
    assert caught.value.put == 300
    assert q.qsize() == 300


def test_put_many__full(conn):
    q = conn.Queue(maxsize=5)
    with pytest.raises(queue.Full) as caught:
        q.put_many(range(10), block=False)
    assert caught.value.put == 5
    with pytest.raises(libipc.Full) as caught:
        q.put_many([9], timeout=0.05)
    assert caught.value.put == 0
    assert [q.get() for _ in range(5)] == [0, 1, 2, 3, 4]


def test_put_many__the_timeout_is_for_all(conn):
    q = conn.Queue(maxsize=1)
    begin = time.monotonic()
    taker = Background(lambda: [q.get() or time.sleep(0.1) for _ in range(3)])
    with pytest.raises(libipc.Full) as caught:
        q.put_many([None] * 100, timeout=0.5)
    assert 0.5 <= time.monotonic() - begin < 0.5 + PATIENCE / 2
    taker.result()
    assert caught.value.put == 4


def test_put_many__waits_for_room(conn):
    q = conn.Queue(maxsize=3)
    putting = Background(q.put_many, list(range(100)))
    assert [q.get(timeout=PATIENCE) for _ in range(100)] == list(range(100))
    assert putting.result() == 100


def test_put_many__a_slow_iterable_holds_nothing_back(conn):
    q = conn.Queue()

    def slow():
        yield "first"
        assert q.get(timeout=PATIENCE) == "first"  # while put_many() waits for the second
        yield "second"

    assert q.put_many(slow()) == 2
    assert q.get(timeout=PATIENCE) == "second"


def test_put_many__a_value_whose_own_code_puts(conn):
    """The buffer of the call further out is in use."""
    q = conn.Queue()

    class Zone(datetime.tzinfo):
        def utcoffset(self, _when):
            q.put("inner")
            return datetime.timedelta(0)

    q.put_many(["outer", datetime.datetime(2020, 1, 1, tzinfo=Zone()), "last"])
    got = [q.get() for _ in range(q.qsize())]
    assert [value for value in got if value != "inner"] == [
        "outer",
        datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
        "last",
    ]


@pytest.mark.parametrize("args", [(), (1,), ([1], True, "soon"), ([1], True, None, 4)])
def test_put_many__wrong_arguments(conn, args):
    with pytest.raises(TypeError):
        conn.Queue().put_many(*args)


PRODUCER = """
import sys, libipc
q = libipc.connect(sys.argv[1]).Queue(sys.argv[2])
while True:
    q.put_many(list(range(1000)))
"""


def test_put_many__its_process_is_killed(hub, conn):
    q = conn.Queue(unique())
    with script(PRODUCER, hub, q.name) as producer:
        assert q.get(timeout=PATIENCE) == 0
        producer.send_signal(signal.SIGKILL)
    got = [0]
    while values := drain(q):
        got += values
    assert got == [i % 1000 for i in range(len(got))]  # a beginning, without a gap


def drain(q):
    try:
        return q.get_many(10_000, timeout=0.2)
    except libipc.Empty:
        return []


# ---- get_many ----


def test_get_many__at_most_so_many(conn):
    q = conn.Queue()
    q.put_many(range(10))
    first = q.get_many(4, timeout=PATIENCE)
    assert first == list(range(len(first))) and 1 <= len(first) <= 4
    got = first
    while len(got) < 10:
        got += q.get_many(max=100, timeout=PATIENCE)
    assert got == list(range(10))


def test_get_many__waits_for_the_first(conn):
    q = conn.Queue()
    getting = Background(q.get_many, 10**12)
    wait_thread_blocked(getting)
    q.put("x")
    assert getting.result() == ["x"]


def test_get_many__empty(conn):
    q = conn.Queue()
    with pytest.raises(queue.Empty):
        q.get_many(5, block=False)
    with pytest.raises(libipc.Empty):
        q.get_many(5, timeout=0.05)


@pytest.mark.parametrize("count", [0, -1, -(10**30)])
def test_get_many__none_wanted(conn, count):
    with pytest.raises(ValueError, match="max is 1 or more"):
        conn.Queue().get_many(count)


def test_get_many__each_is_to_be_finished(conn):
    q = conn.JoinableQueue()
    q.put_many(range(50))
    left = 50
    while left:
        for _value in q.get_many(8, timeout=PATIENCE):
            q.task_done()
            left -= 1
    q.join(timeout=PATIENCE)


# ---- confirmed puts ----


def test_confirm__the_hub_owns_it(conn):
    q = conn.Queue(maxsize=2)
    q.put(1, confirm=True)
    q.put(2, True, None, confirm=True)
    with pytest.raises(libipc.Full):
        q.put(3, block=False, confirm=True)
    with pytest.raises(TypeError):
        q.put(3, True, None, True)
    assert [q.get(), q.get()] == [1, 2]


def test_confirm__an_earlier_error_comes_first(hub, conn):
    name = unique()
    q = conn.Queue(name)
    with libipc.connect(hub) as other:
        other.unlink(name)
    with pytest.raises(libipc.Deleted):
        q.put(1, confirm=True)


# ---- the end ----


def test_shutdown__what_is_there_can_be_taken(conn):
    q = conn.Queue()
    q.put_many([1, 2])
    q.shutdown()
    with pytest.raises(libipc.ShutDown):
        q.put(3)
    assert [q.get(), q.get()] == [1, 2]
    for get in (q.get, q.get_nowait, q.take, lambda: q.get_many(5)):
        with pytest.raises(libipc.ShutDown):
            get()
    q.shutdown()


def test_shutdown__immediately(conn):
    q = conn.JoinableQueue()
    q.put_many(range(10))
    q.shutdown(immediate=True)
    with pytest.raises(libipc.ShutDown):
        q.get()
    q.join(timeout=PATIENCE)


def test_shutdown__wakes_those_who_wait(hub, conn):
    q = conn.Queue(unique(), maxsize=1)
    with libipc.connect(hub) as other:
        getting = Background(other.Queue(q.name).get)
        wait_thread_blocked(getting)
        q.shutdown()
        with pytest.raises(libipc.ShutDown):
            getting.result()
    q = conn.Queue(maxsize=1)
    q.put(1)
    putting = Background(q.put, 2)
    wait_thread_blocked(putting)
    q.shutdown()
    with pytest.raises(libipc.ShutDown):
        putting.result()


def test_shutdown__put_many_tells_how_many(conn):
    q = conn.Queue(maxsize=3)
    putting = Background(q.put_many, range(10))
    eventually(lambda: q.qsize() == 3)
    q.shutdown()
    with pytest.raises(libipc.ShutDown) as caught:
        putting.result()
    assert caught.value.put == 3


# ---- taking until then ----


def test_iteration__until_the_end(conn):
    q = conn.Queue()
    q.put_many(range(100))
    q.shutdown()
    assert list(q) == list(range(100))
    assert list(q) == []


def test_iteration__several_threads(conn):
    q = conn.Queue()
    takers = [Background(list, q) for _ in range(3)]
    q.put_many(range(300))
    q.shutdown()
    assert sorted(sum((taker.result() for taker in takers), [])) == list(range(300))


def test_iteration__items(conn):
    q = conn.JoinableQueue()
    q.put_many("abc")
    q.shutdown()
    seen = []
    for item in q.items():
        with item:
            seen.append((item.value, item.attempt))
    assert seen == [("a", 1), ("b", 1), ("c", 1)]
    q.join(timeout=PATIENCE)


def test_iteration__leaving_early_takes_no_more(conn):
    q = conn.Queue()
    q.put_many(range(10))
    for value in q:
        if value == 3:
            break
    assert q.get() == 4


def test_iteration__in_takes_nothing(conn):
    q = conn.Queue()
    q.put(1)
    with pytest.raises(TypeError):
        1 in q  # noqa: B015
    assert q.qsize() == 1
