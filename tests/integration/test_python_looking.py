"""Looking at a hub, tickets, and limits of values.

Touches one hub, started by name, and processes. Locks nothing.
"""

import os

import libipc
import pytest
from python_support import PATIENCE, script, unique


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


# ---- looking ----


def test_stat__of_a_hub(conn):
    stat = conn.stat()
    assert stat["version"] == libipc.__version__
    assert stat["pid"] != os.getpid()
    assert stat["limits"]["sessions"] > 0
    mine = [each for each in stat["who"] if each["pid"] == os.getpid()]
    assert mine and all(each["language"] == "python" for each in mine)


def test_info__of_an_object(conn):
    q = conn.JoinableQueue(unique(), maxsize=5)
    q.put_many([1, 2], timeout=PATIENCE)
    q.flush()
    info = conn.info(q.name)
    assert (info["name"], info["type"], info["handles"]) == (q.name, "queue", 1)
    assert info["state"]["joinable"] is True
    assert info["state"]["unfinished"] == 2
    assert [each["pid"] for each in info["holders"]] == [os.getpid()]


def test_info__of_what_is_not_there(conn):
    with pytest.raises(libipc.NotFound):
        conn.info(unique())
    with pytest.raises(TypeError):
        conn.info(5)
    with pytest.raises(TypeError):
        conn.info()
    with pytest.raises(ValueError):
        conn.info(None)


def test_looking__at_the_default_connections_hub():
    name = unique()
    q = libipc.Queue(name)
    assert libipc.info(name)["name"] == q.name
    assert libipc.stat()["objects"] >= 1
    with pytest.raises(libipc.NotFound):
        libipc.info(unique())


def test_looking__after_the_end(hub):
    conn = libipc.connect(hub)
    conn.close()
    for call in (conn.stat, conn.list, lambda: conn.info("x")):
        with pytest.raises(libipc.Closed):
            call()


# ---- tickets ----


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
@pytest.mark.parametrize("named", [True, False])
def test_ticket__of_a_queue(conn, kind, named):
    q = getattr(conn, kind)(unique() if named else None)
    again = libipc.attach(q.share())
    assert type(again) is getattr(libipc, kind)
    assert again.name == q.name
    q.put("x")
    assert again.take(timeout=PATIENCE).value == "x"


def test_ticket__of_a_pipes_end(conn):
    a, b = conn.Pipe()
    again = libipc.attach(b.share())
    assert type(again) is libipc.Connection
    b.close()
    a.send(1)
    assert again.recv() == 1
    again.send(2)
    assert a.recv() == 2


def test_ticket__goes_through_any_queue(hub, conn):
    """An answer's queue, sent along with the question."""
    questions = conn.Queue(unique())
    source = """
import sys, libipc
question = libipc.connect(sys.argv[1]).Queue(sys.argv[2]).get()
answers = libipc.attach(question["to"])
answers.put(question["number"] ** 2)
"""
    answers = conn.Queue()
    questions.put({"number": 12, "to": answers.share()})
    with script(source, hub, questions.name) as child:
        assert answers.get(timeout=PATIENCE) == 144
        child.communicate(timeout=PATIENCE)
        assert child.returncode == 0


def test_ticket__through_a_connection_of_choice(hub, conn):
    q = conn.Queue()
    ticket = q.share()
    with libipc.connect(hub) as other:
        again = libipc.attach(ticket, conn=other)
        q.put(1)
        assert again.get(timeout=PATIENCE) == 1
    with pytest.raises(libipc.Closed):
        again.get()


def test_ticket__outlives_the_handle_while_its_session_lives(conn):
    q = conn.Queue()
    q.put("kept")
    ticket = q.share()
    q.close()
    assert libipc.attach(ticket).get(timeout=PATIENCE) == "kept"


def test_ticket__of_what_is_gone(hub):
    with libipc.connect(hub) as conn:
        ticket = conn.Queue(unique()).share()
        conn.unlink(ticket[4])
        with pytest.raises(libipc.NotFound):
            libipc.attach(ticket)


@pytest.mark.parametrize(
    "wrong", [None, 5, "text", [], {}, ["libipc"] * 6, ["libipc", 1, 5, "queue", None, b"x"], b"bytes", object()]
)
def test_ticket__what_is_none(wrong):
    with pytest.raises(libipc.Error) as caught:
        libipc.attach(wrong)
    assert isinstance(caught.value, ValueError)


def test_ticket__of_another_kind(conn):
    ticket = conn.Queue().share()
    ticket[3] = "zoo"
    with pytest.raises(libipc.WrongType):
        libipc.attach(ticket)


# ---- limits of values ----


@pytest.fixture
def limits():
    before = libipc.value_limits()
    yield libipc.set_value_limits
    libipc.set_value_limits(**before._asdict())


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_limits__of_depth(conn, limits):
    assert libipc.value_limits() == (32, 2**24)
    q = conn.Queue()
    q.put(nested(32))
    with pytest.raises(libipc.TooDeep, match="nested deeper than 32 levels"):
        q.put(nested(33))
    limits(max_depth=128)
    assert libipc.value_limits() == libipc.ValueLimits(max_depth=128, max_elements=2**24)
    q.put(nested(128))
    assert q.get() == nested(32)
    assert q.get() == nested(128)
    with pytest.raises(ValueError, match="128 levels"):
        q.put(nested(129))
    with pytest.raises(libipc.TooDeep):
        q.put({"a": nested(128)})


def test_limits__of_elements(conn, limits):
    q = conn.Queue()
    limits(max_elements=10)
    q.put(list(range(9)))
    q.put({i: i for i in range(4)})
    for value in (list(range(10)), {i: i for i in range(5)}, [[1] * 5, [1] * 5]):
        with pytest.raises(libipc.TooManyElements, match="more than 10 values"):
            q.put(value)
    assert q.qsize() == 2


def test_limits__of_what_comes(conn, limits):
    q = conn.Queue()
    limits(max_depth=100)
    deep, many = libipc.pack(nested(100)), libipc.pack([None] * 100)
    q.put(nested(50))
    limits(max_depth=10, max_elements=20)
    with pytest.raises(libipc.TooDeep):
        libipc.unpack(deep)
    with pytest.raises(libipc.TooManyElements):
        libipc.unpack(many)
    with pytest.raises(libipc.TooDeep):
        q.get()


def test_limits__a_cycle(limits):
    limits(max_depth=128)
    value = {}
    value["self"] = [value]
    with pytest.raises(libipc.TooDeep, match="contained in itself"):
        libipc.pack(value)


@pytest.mark.parametrize("wrong", [{"max_depth": 0}, {"max_depth": 129}, {"max_elements": 0}, {"max_depth": -1}])
def test_limits__out_of_range(limits, wrong):
    with pytest.raises(ValueError):
        limits(**wrong)
    with pytest.raises(TypeError):
        limits(max_depth="deep")
    with pytest.raises(TypeError):
        limits(5)
    assert libipc.value_limits() == (32, 2**24)


def test_names__that_are_none(conn):
    for name in ("", "x" * 256):
        with pytest.raises(libipc.BadName):
            conn.Queue(name)


# ---- a hub that is full, and representations ----


def test_hub__that_never_started():
    class Kept(libipc.Hub):
        made = []

        def __init__(self, address):
            self.made.append(self)
            super().__init__(address)

    with pytest.raises(libipc.BadAddress):
        Kept("tcp://nonsense")
    assert repr(Kept.made[0]) == "<libipc.Hub that does not run>"


@pytest.mark.parametrize("cls", [libipc.Hub, libipc.Conn, libipc.Queue, libipc.JoinableQueue, libipc.Connection])
def test_repr__of_what_was_never_opened(cls):
    assert cls.__name__ in repr(cls.__new__(cls))


def test_repr__of_what_is_closed(conn):
    q = conn.Queue("closed")
    q.close()
    assert "closed" in repr(q)


def test_texts__name_the_queue(conn):
    q = conn.Queue(unique(), maxsize=1)
    with pytest.raises(libipc.Empty, match=f'queue "{q.name}" is empty'):
        q.get_nowait()
    q.put(1)
    with pytest.raises(libipc.Full, match=f'queue "{q.name}" is full'):
        q.put_nowait(1)
    with pytest.raises(libipc.Empty, match="the queue is empty"):
        conn.Queue().get(timeout=0)
