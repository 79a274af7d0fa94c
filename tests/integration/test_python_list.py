"""Lists: as Python's own, slices included, between processes.

Touches one hub, started by name, and processes that it ends itself. Locks nothing.
"""

import math
import multiprocessing
import operator
import os
import random
import signal
import threading

import libipc
import pytest
from python_support import PATIENCE, eventually, script, unique, wait_process_blocked

OPERATIONS = int(os.environ.get("LIBIPC_CONTAINER_OPERATIONS", "3000"))
HUGE = 10**30


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


def outcome(function, *args):
    """What a call gives: its value, or the built-in exception that it raises."""
    try:
        return function(*args)
    except (IndexError, ValueError, TypeError, OverflowError) as error:
        kinds = (IndexError, OverflowError, ValueError, TypeError)
        return next(kind for kind in kinds if isinstance(error, kind))


def test_list__opening(conn):
    name = unique()
    first = conn.List(name, (1, 2))
    assert repr(first) == f"<libipc.List {name!r} at {conn.address}>" and first.name == name
    assert conn.List(name, [3]).copy() == conn.List(name, [3], mode="attach").copy() == [1, 2]
    assert libipc.attach(first.share()).copy() == [1, 2]
    assert conn.List(None, range(3)).copy() == [0, 1, 2] and conn.List(None, "ab", mode="create").copy() == ["a", "b"]
    with pytest.raises(FileExistsError):
        conn.List(name, mode="create")
    with pytest.raises(TypeError, match="is a name, a str, not list"):
        conn.List([1, 2])
    with pytest.raises(TypeError):
        conn.List(None, 5)
    conn.unlink(name)


def test_list__methods(conn):
    li = conn.List()
    assert len(li) == 0 and not li and list(li) == []
    li.append(1)
    li.extend(x for x in (2, 3))
    li += (4,)
    li += li
    assert li.copy() == [1, 2, 3, 4, 1, 2, 3, 4] and type(li.copy()) is list
    li.insert(0, "a")
    li.insert(-1, "b")
    li.insert(100, "c")
    assert li[:] == ["a", 1, 2, 3, 4, 1, 2, 3, "b", 4, "c"] == list(li)
    assert list(reversed(li)) == li[::-1] == list(reversed(li[:]))
    assert li.pop() == "c" and li.pop(0) == "a" and li.pop(-2) == "b"
    assert li.index(1) == 0 and li.index(1, 1) == 4 and li.index(1, -4, 100) == 4 and li.count(1.0) == 2
    assert 4 in li and "4" not in li and li.index(4, -HUGE, HUGE) == 3
    li.remove(True)
    assert li[0] == 2
    li.sort()
    assert li[:] == [1, 2, 2, 3, 3, 4, 4]
    li.sort(reverse=True)
    li.reverse()
    assert li[:] == [1, 2, 2, 3, 3, 4, 4]
    assert li + [5] == [*li, 5] and [5] + li == [5, *li] and li + li == li[:] * 2 == li * 2 == 2 * li
    li *= 2
    assert len(li) == 14
    li *= 0
    assert li[:] == []
    li.append(1)
    li.clear()
    for call in (li.pop, lambda: li[0], lambda: operator.setitem(li, 0, 1), lambda: operator.delitem(li, -1)):
        with pytest.raises(IndexError):
            call()
    for call in (lambda: li.remove(1), lambda: li.index(1)):
        with pytest.raises(libipc.NoSuchValue):
            call()
    with pytest.raises(TypeError, match="the hub sorts"):
        li.sort(key=len)
    li += [1, "a"]
    with pytest.raises(TypeError):
        li.sort()
    assert li[:] == [1, "a"]
    with li:
        pass
    with pytest.raises(ValueError):
        li.append(1)


def test_list__indexes_and_slices_of_all_kinds(conn):
    real, plain = conn.List(None, range(5)), list(range(5))

    class Two:
        def __index__(self):
            return 2

    for index in (True, Two(), -5, 4, 5, -6, HUGE, -HUGE, 2**63 - 1, -(2**63), "a", None, 1.0):
        assert outcome(lambda: real[index]) == outcome(lambda: plain[index]), index
        assert outcome(real.pop, index) == outcome(plain.pop, index), index
        real[:] = plain[:] = range(5)
    for index in (True, Two(), 100, -100):
        real.insert(index, "x")
        plain.insert(index, "x")
        assert real[:] == plain
    for start in (None, 0, 2, -2, HUGE, -HUGE):
        for step in (None, 1, 2, -1, -3, 2**63 - 1, HUGE, -HUGE, 0):
            cut = slice(start, None, step)
            assert outcome(lambda: real[cut]) == outcome(lambda: plain[cut]), cut
            assert outcome(lambda: real[slice(None, start, step)]) == outcome(lambda: plain[slice(None, start, step)])
    for values in ("ab", (1, 2), {"k": 1}, iter([1]), 5, None, conn.List(None, [7, 8])):
        for cut in (slice(1, 3), slice(3, 1), slice(None, None, 2), slice(0, 0)):
            some = list(values) if hasattr(values, "__iter__") else values
            assert outcome(operator.setitem, real, cut, some) == outcome(operator.setitem, plain, cut, some)
            assert real[:] == plain
    real[:] = real
    real[1:1] = real
    plain[1:1] = plain
    assert real[:] == plain
    with pytest.raises(ValueError):
        real[::2] = [1]


def test_list__incr_and_compare_set(conn):
    li = conn.List(None, [1, 2.5, "x", 2**63 - 1])
    assert li.incr(0) == 2 and li.incr(-4, -7) == -5 and li.incr(1, 0.5) == 3.0
    with pytest.raises(OverflowError):
        li.incr(3)
    with pytest.raises(TypeError):
        li.incr(2)
    with pytest.raises(IndexError):
        li.incr(4)
    assert li.compare_set(2, "x", {"y": [1]}) and not li.compare_set(2, "x", 1)
    assert li.compare_set(2, {"y": (1.0,)}, None) and li[2] is None
    assert li[:] == [-5, 3.0, None, 2**63 - 1]


def test_list__values_that_are_equal(conn):
    li = conn.List(None, [1, 1.0, True, HUGE, 1e30, "1", b"1", math.nan, [1, 2], {"a": 1, "b": 2}, 2**64])
    assert li.count(1) == 3 and li.count(HUGE) == 1 and li.count(float(HUGE)) == 1 and li.count(2.0**64) == 1
    assert math.nan not in li and (1.0, 2) in li and {"b": 2, "a": True} in li
    li[:] = [3, math.inf, -(2**80), 2.5, -1, 2**80, True]
    li.sort()
    assert li[:] == sorted(li[:]) and li[0] == -(2**80)
    big = os.urandom(3_000_000)
    li[0] = big
    assert li[0] == big and li.pop(0) == big and big not in li


VALUES = [0, 1, 1.0, True, 1.5, "x", b"y", None, [1, [2]], {"k": 1}, 2**70]


def step(rng, real, plain):
    """One operation, on both; what came of it, twice."""
    value, index = rng.choice(VALUES), rng.randrange(-12, 12)
    some = [rng.choice(VALUES) for _ in range(rng.randrange(5))]
    bounds = [rng.choice([None, rng.randrange(-12, 12)]) for _ in range(2)]
    cut = slice(*bounds, rng.choice([None, 1, 1, 2, -1, -2, 3, 0]))
    numbers = [rng.choice([0, 1, 2.5, -3, 2**70, True]) for _ in range(4)]
    return rng.choice([
        lambda li: li.append(value),
        lambda li: li.insert(index, value),
        lambda li: li.extend(some),
        lambda li: (operator.iadd(li, some), None)[1],
        lambda li: li.pop(index),
        lambda li: li.pop(),
        lambda li: li.remove(value),
        lambda li: li.index(value, *(bound or 0 for bound in bounds)),
        lambda li: li.count(value),
        lambda li: value in li,
        lambda li: operator.setitem(li, index, value),
        lambda li: operator.getitem(li, index),
        lambda li: operator.delitem(li, index),
        lambda li: operator.getitem(li, cut),
        lambda li: operator.setitem(li, cut, some),
        lambda li: operator.delitem(li, cut),
        lambda li: li.reverse(),
        lambda li: li + some,
        lambda li: some + li if isinstance(li, libipc.List) else some + li,
        lambda li: li * 2,
        lambda li: list(reversed(li)),
        lambda li: operator.setitem(li, slice(None), numbers),
        lambda li: li.sort(reverse=bool(index % 2)) if all(isinstance(x, (int, float)) for x in li) else None,
        lambda li: (operator.imul(li, index % 3), None)[1] if len(li) < 20 else li.clear(),
    ])


@pytest.mark.parametrize("seed", range(2))
def test_list__random_operations_are_those_of_a_list(conn, seed):
    rng = random.Random(seed)
    real, plain = conn.List(), []
    for number in range(OPERATIONS):
        action = step(rng, real, plain)
        assert repr(outcome(action, real)) == repr(outcome(action, plain)), number
        if number % 16 == 0:
            assert repr(real.copy()) == repr(plain), number
    assert repr(real.copy()) == repr(plain)


def test_list__handles_in_snapshots(conn):
    inner = conn.List(None, ["there"])
    li = conn.List(None, [inner, [inner]])
    assert [type(value) for value in li] == [libipc.List, list]
    assert li[0][0] == li[1][0][0] == li[::-1][0][0].pop() == "there"
    assert inner in li and li.index(inner) == 0 and li.count(inner) == 1
    before = conn.stat()["objects"]
    li.append(conn.List(None, [li]))
    li[-1].append(li[-1])
    eventually(lambda: conn.stat()["objects"] == before + 1)
    del li[-1]
    eventually(lambda: conn.stat()["objects"] == before)


def test_list__threads_and_snapshots(conn):
    li = conn.List(None, [0])
    stop = threading.Event()

    def grow():
        for _ in range(300):
            li.incr(0)
            li.append("x")
            li.extend(["a", "b"])

    threads = [threading.Thread(target=grow) for _ in range(3)]

    def look():
        while not stop.is_set():
            seen = li.copy()
            assert seen.count("a") == seen.count("b")

    looker = threading.Thread(target=look)
    for thread in (*threads, looker):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    looker.join()
    assert li[0] == 900 and len(li) == 1 + 900 * 3


def work(li):
    try:
        li.append(li.pop(0) * 2)
    finally:
        li.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_list__two_processes(conn, method):
    li = conn.List(None, [21])
    worker = multiprocessing.get_context(method).Process(target=work, args=(li,))
    worker.start()
    worker.join(PATIENCE)
    assert worker.exitcode == 0 and li.copy() == [42]


def test_list__manager(hub):
    name = unique()
    with libipc.Manager(hub) as m, libipc.connect(hub) as conn:
        assert m.list().copy() == [] and m.list("ab").copy() == ["a", "b"]
        m.list([1], name=name).append(m.list([2]))
        assert conn.List(name)[1][0] == 2


INTERRUPTED = """
import libipc, sys
li = libipc.connect(sys.argv[1]).List(sys.argv[2])
try:
    print("ready", flush=True)
    while True:
        li.append(1)
        li.clear()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    assert len(li) in (0, 1)
"""


def test_list__ctrl_c_gets_through(hub):
    with script(INTERRUPTED, hub, unique()) as program:
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == "interrupted\n"
        assert program.wait(PATIENCE) == 0


def test_list__a_call_to_a_hub_that_does_not_answer_is_interrupted(tmp_path):
    name = unique("hub")
    with libipc.connect(name) as conn:
        hub_pid = conn.stat()["pid"]
        with script(INTERRUPTED, name, unique()) as program:
            assert program.stdout.readline() == "ready\n"
            os.kill(hub_pid, signal.SIGSTOP)
            wait_process_blocked(program.pid)
            program.send_signal(signal.SIGINT)
            assert program.stdout.readline() == "interrupted\n"
            os.kill(hub_pid, signal.SIGCONT)
            assert program.wait(PATIENCE) == 0


def test_list__the_hub_dies():
    name = unique()
    with libipc.connect(unique("hub")) as conn:
        li, unnamed = conn.List(name, [1]), conn.List(None, [2])
        os.kill(conn.stat()["pid"], signal.SIGKILL)
        with pytest.raises((libipc.HubLost, IndexError)):  # the latter in the next hub, where it is empty
            for _ in range(1000):
                li[0]
        assert li.copy() == []  # that of the next hub
        li.append(3)
        assert conn.List(name)[0] == 3
        with pytest.raises(libipc.Error):
            unnamed.copy()
