"""Queues from Python: the standard library's methods, exceptions and meanings.

Touches one hub, started by name. Locks nothing.
"""

import pickle
import queue
import time

import libipc
import pytest
from python_support import Background, eventually, unique, wait_thread_blocked


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


# ---- put and get ----


def test_queue__first_in_first_out(conn):
    q = conn.Queue()
    for i in range(100):
        q.put(i)
    assert [q.get() for _ in range(100)] == list(range(100))


def test_queue__none_is_a_value(conn):
    q = conn.Queue()
    q.put(None)
    assert q.get(timeout=5) is None


def test_queue__by_name_from_two_connections(hub, conn):
    name = unique()
    with libipc.connect(hub) as other:
        conn.Queue(name).put({"id": 7, "path": "a.png"})
        assert other.Queue(name).get(timeout=5) == {"id": 7, "path": "a.png"}


def test_queue__signatures(conn):
    q = conn.Queue(unique(), 3)
    q.put("a", True, 1)
    q.put(obj="b", block=True, timeout=1.5)
    q.put("c", timeout=None)
    assert q.get(True, 1) == "a"
    assert q.get(block=True, timeout=1) == "b"
    assert q.get(timeout=5) == "c"
    for call in (
        lambda: q.put(),
        lambda: q.put(1, 2, 3, 4),
        lambda: q.put(1, obj=2),
        lambda: q.put(1, wait=2),
        lambda: q.put(1, timeout="soon"),
        lambda: q.get(1, 2, 3),
        lambda: q.get(obj=1),
        lambda: q.put_nowait(),
        lambda: q.get_nowait(1),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="nan"):
        q.get(timeout=float("nan"))
    assert q.empty()


def test_queue__put_of_what_cannot_be_sent_puts_nothing(conn):
    q = conn.Queue()
    with pytest.raises(TypeError, match=r"value\['a'\]"):
        q.put({"a": {1}})
    assert q.qsize() == 0


def test_queue__large_values(conn):
    q = conn.Queue()
    value = {"blob": bytes(range(256)) * 20000, "numbers": list(range(50000))}
    q.put(value)
    assert q.get(timeout=20) == value


# ---- empty and full ----


def test_queue__get_nowait_of_an_empty_queue(conn):
    q = conn.Queue()
    with pytest.raises(queue.Empty):
        q.get_nowait()
    with pytest.raises(queue.Empty):
        q.get(block=False)
    with pytest.raises(libipc.Empty):
        q.get(timeout=0)
    with pytest.raises(queue.Empty):
        q.get(timeout=-1)


def test_queue__get_waits_its_timeout(conn):
    q = conn.Queue()
    before = time.monotonic()
    with pytest.raises(queue.Empty):
        q.get(timeout=0.2)
    assert 0.2 <= time.monotonic() - before < 5


def test_queue__maxsize(conn):
    q = conn.Queue(maxsize=2)
    q.put(1)
    assert not q.full()
    q.put(2)
    assert q.full()
    with pytest.raises(queue.Full):
        q.put_nowait(3)
    with pytest.raises(queue.Full):
        q.put(3, block=False)
    before = time.monotonic()
    with pytest.raises(libipc.Full):
        q.put(3, timeout=0.1)
    assert time.monotonic() - before >= 0.1
    assert q.get() == 1
    q.put(3, timeout=5)
    assert [q.get(), q.get()] == [2, 3]


def test_queue__a_put_waits_for_room(conn):
    q = conn.Queue(maxsize=1)
    q.put(1)
    putting = Background(q.put, 2)
    wait_thread_blocked(putting)
    assert q.get() == 1
    putting.result()
    assert q.get(timeout=5) == 2


def test_queue__maxsize_below_one_is_no_bound(conn):
    q = conn.Queue(maxsize=-1)
    for i in range(50):
        q.put_nowait(i)
    assert not q.full()


def test_queue__qsize_and_empty(conn):
    q = conn.Queue()
    assert q.empty() and q.qsize() == 0
    for i in range(5):
        q.put(i)
    assert not q.empty() and q.qsize() == 5
    taken = []
    while not q.empty():
        taken.append(q.get_nowait())
    assert taken == list(range(5))


def test_queue__a_get_waits_for_a_put(conn):
    q = conn.Queue()
    getting = Background(q.get)
    wait_thread_blocked(getting)
    q.put("here")
    assert getting.result() == "here"


# ---- opening ----


def test_queue__modes(conn):
    name = unique()
    with pytest.raises(FileNotFoundError) as caught:
        conn.Queue(name, mode="attach")
    assert isinstance(caught.value, libipc.NotFound)
    conn.Queue(name, mode="create")
    with pytest.raises(FileExistsError):
        conn.Queue(name, mode="create")
    conn.Queue(name, mode="attach").put(1)
    assert conn.Queue(name).get(timeout=5) == 1


def test_queue__options_differ(conn):
    name = unique()
    conn.Queue(name, maxsize=3)
    with pytest.raises(ValueError, match="3") as caught:
        conn.Queue(name, maxsize=4)
    assert isinstance(caught.value, libipc.OptionsDiffer)
    assert "4" in str(caught.value)
    with pytest.raises(libipc.OptionsDiffer):
        conn.JoinableQueue(name, maxsize=3)


def test_queue__an_existing_bound_need_not_be_named(conn):
    name = unique()
    conn.JoinableQueue(name, maxsize=1).put(1)
    again = conn.JoinableQueue(name)
    assert again.full()


def test_queue__another_type_of_that_name(conn):
    name = unique()
    conn.Queue(name)
    with pytest.raises(libipc.WrongType):
        conn.Pipe(name)


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_queue__names(conn, name):
    with pytest.raises(ValueError):
        conn.Queue(name)


def test_queue__names_with_nul(conn):
    with pytest.raises(ValueError, match="NUL"):
        conn.Queue("a\0b")


def test_queue__names_in_any_script(conn):
    name = unique("очередь")
    q = conn.Queue(name)
    assert q.name == name
    assert name in [each["name"] for each in conn.list()]


# ---- ends ----


def test_queue__close(conn):
    q = conn.Queue()
    q.put(1)
    q.close()
    q.close()
    q.join_thread()
    q.cancel_join_thread()
    for call in (lambda: q.put(1), lambda: q.get(), lambda: q.get_nowait(), lambda: q.qsize(), lambda: q.flush()):
        with pytest.raises(ValueError) as caught:
            call()
        assert isinstance(caught.value, libipc.Closed)


def test_queue__what_was_put_survives_the_handle(conn):
    name = unique()
    with conn.Queue(name) as q:
        q.put("kept")
    assert conn.Queue(name).get(timeout=5) == "kept"


def test_queue__close_wakes_a_blocked_get(conn):
    q = conn.Queue()
    getting = Background(q.get)
    wait_thread_blocked(getting)
    q.close()
    with pytest.raises(libipc.Closed):
        getting.result()


def test_queue__close_wakes_a_blocked_put(conn):
    q = conn.Queue(maxsize=1)
    q.put(1)
    putting = Background(q.put, 2)
    wait_thread_blocked(putting)
    q.close()
    with pytest.raises(libipc.Closed):
        putting.result()


def test_queue__closing_the_connection_wakes_a_blocked_get(hub):
    conn = libipc.connect(hub)
    q = conn.Queue()
    getting = Background(q.get)
    wait_thread_blocked(getting)
    conn.close()
    with pytest.raises(libipc.Closed):
        getting.result()
    with pytest.raises(libipc.Closed):
        q.put(1)
    with pytest.raises(libipc.Closed):
        conn.Queue()
    conn.close()


def test_queue__unlink_wakes_a_blocked_get(hub, conn):
    name = unique()
    q = conn.Queue(name)
    getting = Background(q.get)
    wait_thread_blocked(getting)
    with libipc.connect(hub) as other:
        other.unlink(name)
        with pytest.raises(libipc.Deleted):
            getting.result()
        with pytest.raises(libipc.NotFound):
            other.unlink(name)


def test_queue__handles_outlive_their_names(hub):
    """A handle keeps what it needs, whatever is collected first."""
    q = libipc.connect(hub).Queue()
    q.put(1)
    assert q.get(timeout=5) == 1


# ---- pickling, in one process ----


def test_queue__pickled_handle_of_an_unnamed_queue(conn):
    q = conn.Queue()
    q.put("x")
    again = pickle.loads(pickle.dumps(q))
    assert type(again) is libipc.Queue
    assert again.get(timeout=5) == "x"
    again.put("y")
    assert q.get(timeout=5) == "y"


def test_queue__pickled_handle_of_a_closed_queue(conn):
    q = conn.Queue()
    q.close()
    with pytest.raises(libipc.Closed):
        pickle.dumps(q)


class Own(libipc.Queue):
    """A class of the user's."""


def test_queue__pickled_handle_keeps_its_class(conn):
    again = pickle.loads(pickle.dumps(Own(conn=conn)))
    assert type(again) is Own


def test_queue__a_ticket_for_something_else(conn):
    c1, _c2 = conn.Pipe()
    _attach, (_cls, address, ticket) = c1.__reduce__()
    with pytest.raises(libipc.WrongType):
        _attach(libipc.Queue, address, ticket)
    with pytest.raises(libipc.BadMessage):
        _attach(libipc.Queue, address, {"not": "a ticket"})


# ---- the connection ----


def test_conn__list(conn):
    name = unique()
    q = conn.Queue(name)
    q.put(1)
    q.flush(timeout=5)
    (entry,) = [each for each in conn.list() if each["name"] == name]
    assert entry["type"] == "queue"
    assert entry["size"] == 1


def test_conn__flush(conn):
    q = conn.Queue()
    for i in range(1000):
        q.put(i)
    conn.flush()
    conn.flush(timeout=5)
    assert q.qsize() == 1000


def test_conn__pickled(conn):
    again = pickle.loads(pickle.dumps(conn))
    name = unique()
    again.Queue(name).put(1)
    assert conn.Queue(name).get(timeout=5) == 1
    again.close()


def test_conn__nobody_there(tmp_path):
    with pytest.raises(ConnectionError) as caught:
        libipc.connect(f"ipc://{tmp_path}/nobody", timeout=0.5)
    assert isinstance(caught.value, libipc.NoHub)


def test_conn__not_an_address():
    with pytest.raises(ValueError) as caught:
        libipc.connect("nonsense://x")
    assert isinstance(caught.value, libipc.BadAddress)


def test_hub__inside_this_program(tmp_path):
    with libipc.Hub(f"ipc://{tmp_path}/hub") as hub:
        with libipc.connect(hub.address) as conn:
            conn.Queue("q").put(5)
            assert conn.Queue("q").get(timeout=5) == 5
            with pytest.raises(libipc.AddressInUse):
                libipc.Hub(hub.address)
            assert hub.address in repr(hub)
    with pytest.raises(libipc.NoHub):
        libipc.connect(hub.address, timeout=0.5)


def test_hub__its_end_is_reported(tmp_path):
    hub = libipc.Hub(f"ipc://{tmp_path}/hub")
    conn = libipc.connect(hub.address)
    q = conn.Queue()
    getting = Background(q.get)
    wait_thread_blocked(getting)
    hub.stop()
    with pytest.raises(libipc.HubLost):
        getting.result()
    conn.close()


def test_default__the_programs_own_hub():
    q = libipc.Queue()
    q.put("x")
    assert q.get(timeout=5) == "x"
    c1, c2 = libipc.Pipe()
    c1.send(1)
    assert c2.recv() == 1


def test_repr__tells_what_it_is(conn):
    name = unique()
    q = conn.Queue(name)
    assert repr(q) == f"<libipc.Queue {name!r} at {conn.address}>"
    assert "without a name" in repr(conn.JoinableQueue())
    assert conn.address in repr(conn)
    conn.close()
    assert "closed" in repr(conn)


def test_memory__handles_are_given_up(hub, conn):
    """A handle that is collected is closed: the queue without a name is gone with its last one."""
    q = conn.Queue()
    conn.Queue(unique())
    handles = len(conn.list())
    del q
    eventually(lambda: len(conn.list()) <= handles, "giving the handle up")
