"""What becomes of items that their takers did not finish: the options of joinable queues.

Touches one hub, started by name, and worker processes that it ends itself. Locks nothing.
"""

import signal

import libipc
import pytest
from python_support import PATIENCE, eventually, script, unique


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


WORKER = """
import sys, libipc
jobs = libipc.connect(sys.argv[1]).JoinableQueue(sys.argv[2], mode="attach")
item = jobs.take()
print(item.value, flush=True)
sys.stdin.readline()
"""


class Worker:
    """A process that takes one item and never finishes it; the hub knows that it did."""

    def __init__(self, hub, name):
        self.process = script(WORKER, hub, name)
        assert self.process.stdout.readline().strip()
        with libipc.connect(hub) as conn:
            eventually(lambda: conn.info(name)["state"]["leased"] == 1, "the lease")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE)

    def end(self):
        self.process.communicate("\n", timeout=PATIENCE)
        assert self.process.returncode == 0


def lost(q):
    """Whether the queue's one item stays unfinished, with nobody who could finish it."""
    with pytest.raises(libipc.Empty):
        q.take(timeout=0.3)
    with pytest.raises(libipc.Timeout):
        q.join(timeout=0)
    return True


def test_redeliver__crash(hub, conn):
    for redeliver in ({}, {"redeliver": "crash"}):
        q = conn.JoinableQueue(unique(), **redeliver)
        q.put("job")
        Worker(hub, q.name).kill()
        Worker(hub, q.name).end()
        assert lost(q)


def test_redeliver__always(hub, conn):
    q = conn.JoinableQueue(unique(), redeliver="always")
    q.put("job")
    Worker(hub, q.name).kill()
    Worker(hub, q.name).end()
    item = q.take(timeout=PATIENCE)
    assert item.attempt == 3
    item.done()
    q.join(timeout=PATIENCE)


def test_redeliver__never(hub, conn):
    q = conn.JoinableQueue(unique(), redeliver="never")
    q.put("job")
    Worker(hub, q.name).kill()
    assert lost(q)


def test_max_deliveries__then_it_is_dropped(hub, conn):
    q = conn.JoinableQueue(unique(), max_deliveries=2)
    q.put("job")
    for _ in range(2):
        Worker(hub, q.name).kill()
    q.join(timeout=PATIENCE)
    assert q.empty()


def test_max_deliveries__then_it_goes_to_the_dead_letters(hub, conn):
    dead = unique("dead")
    q = conn.JoinableQueue(unique(), max_deliveries=1, dead_letter=dead)
    q.put({"id": 1})
    Worker(hub, q.name).kill()
    q.join(timeout=PATIENCE)
    assert conn.Queue(dead, mode="attach").get(timeout=PATIENCE) == {"id": 1}


def test_max_deliveries__a_release_counts(conn):
    q = conn.JoinableQueue(max_deliveries=3)
    q.put("job")
    for attempt in (1, 2, 3):
        item = q.take(timeout=PATIENCE)
        assert item.attempt == attempt
        item.release()
    q.join(timeout=PATIENCE)


def test_options__those_of_the_first_opener_count(conn):
    name = unique()
    conn.JoinableQueue(name, redeliver="always", max_deliveries=3)
    conn.JoinableQueue(name)
    conn.JoinableQueue(name, redeliver="always", max_deliveries=3)
    for other in ({"redeliver": "never"}, {"max_deliveries": 4}):
        with pytest.raises(libipc.OptionsDiffer):
            conn.JoinableQueue(name, **other)


def test_options__are_shown(conn):
    name, dead = unique(), unique("dead")
    q = conn.JoinableQueue(name, 7, redeliver="always", max_deliveries=3, dead_letter=dead)
    q.put("x", confirm=True)
    state = conn.info(name)["state"]
    assert state["maxsize"] == 7
    assert state["max_deliveries"] == 3
    assert state["dead_letter"] == dead
    assert state["unfinished"] == 1


@pytest.mark.parametrize("open_queue", [libipc.JoinableQueue, "conn"])
@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"redeliver": "sometimes"}, ValueError, "redeliver is 'crash', 'always' or 'never', not 'sometimes'"),
        ({"redeliver": ["crash"]}, ValueError, "redeliver is"),
        ({"redeliver": None}, ValueError, "redeliver is"),
        ({"max_deliveries": 1001}, ValueError, "1 to 1000"),
        ({"max_deliveries": -1}, ValueError, "1 to 1000"),
        ({"max_deliveries": 2.5}, TypeError, "max_deliveries is an int, not float"),
        ({"max_deliveries": 1, "dead_letter": 5}, TypeError, "dead_letter is a queue's name, a str, not int"),
        ({"max_deliveries": 1, "dead_letter": ""}, ValueError, "dead_letter"),
        ({"dead_letter": "dead"}, ValueError, "needs max_deliveries"),
        ({"maxsize": "many"}, TypeError, "maxsize is an int, not str"),
    ],
)
def test_options__wrong_ones(conn, open_queue, options, error, text):
    open_queue = conn.JoinableQueue if open_queue == "conn" else open_queue
    with pytest.raises(error, match=text):
        open_queue("never", **options)


def test_options__its_own_dead_letters(conn):
    name = unique()
    with pytest.raises(ValueError, match="its own dead_letter"):
        conn.JoinableQueue(name, max_deliveries=1, dead_letter=name)


def test_options__a_plain_queue_has_none(conn):
    with pytest.raises(TypeError):
        conn.Queue("x", redeliver="always")


# ---- a process that fails ----


def test_with__an_exception_gives_back_what_was_taken(hub, conn):
    q = conn.JoinableQueue(unique())
    q.put("job")
    with pytest.raises(LookupError):
        with libipc.connect(hub) as other:
            assert other.JoinableQueue(q.name).get(timeout=PATIENCE) == "job"
            raise LookupError
    item = q.take(timeout=PATIENCE)
    assert (item.value, item.attempt) == ("job", 2)


@pytest.mark.parametrize("end", [None, SystemExit])
def test_with__a_clean_end_does_not(hub, conn, end):
    q = conn.JoinableQueue(unique())
    q.put("job")
    try:
        with libipc.connect(hub) as other:
            assert other.JoinableQueue(q.name).get(timeout=PATIENCE) == "job"
            if end is not None:
                raise end
    except SystemExit:
        pass
    assert lost(q)


def test_fail__gives_back_what_was_taken_and_delivers_what_was_put(hub, conn):
    q = conn.JoinableQueue(unique())
    q.put("job")
    other = libipc.connect(hub)
    theirs = other.JoinableQueue(q.name)
    assert theirs.get(timeout=PATIENCE) == "job"
    theirs.put("result")
    other.fail()
    assert other.closed
    with pytest.raises(libipc.Closed):
        theirs.put("late")
    got = sorted((item.value, item.attempt) for item in (q.take(timeout=PATIENCE), q.take(timeout=PATIENCE)))
    assert got == [("job", 2), ("result", 1)]
    other.fail()
    eventually(q.empty)
