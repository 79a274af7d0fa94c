"""Arrays and values: numbers of one type with a lock, as multiprocessing's.

Touches one hub, started by name, and processes that it ends itself. Locks the locks of what it makes.
"""

import array
import ctypes
import math
import multiprocessing
import operator
import os
import pickle
import random
import signal
import threading

import libipc
import pytest
from python_support import PATIENCE, Background, eventually, unique, wait_thread_blocked

BITS = {"b": 8, "h": 16, "i": 32, "l": 64, "q": 64}
LIMITS = {code: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for code, bits in BITS.items()}
LIMITS |= {code.upper(): (0, 2**bits - 1) for code, bits in BITS.items()}


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


# ---- numbers ----


@pytest.mark.parametrize("code", LIMITS)
def test_value__limits_of_integers(conn, code):
    least, most = LIMITS[code]
    v = conn.Value(code)
    assert v.value == 0 and v.typecode == code
    for number in (least, most):
        v.value = number
        assert v.value == v.get() == number
    for number in (least - 1, most + 1, 2**64, -(2**64), 10**30):
        with pytest.raises(OverflowError):
            v.value = number
        with pytest.raises(OverflowError):
            conn.Value(code, number)
    with pytest.raises(OverflowError):
        v.incr()
    for wrong in (1.0, 1.5, math.nan, "1", b"1", None, [1]):
        with pytest.raises(TypeError):
            v.value = wrong
        with pytest.raises(TypeError):
            conn.Value(code, wrong)
    assert v.value == most
    v.set(True)
    assert v.value == 1 and type(v.value) is int


@pytest.mark.parametrize("code", ["f", "d"])
def test_value__floats(conn, code):
    v = conn.Value(code, 1)
    assert v.value == 1.0 and type(v.value) is float
    for number in (0.5, -0.0, math.inf, -math.inf, 1e30, 0.1, 2**53):
        v.value = number
        rounded = ctypes.c_float(number).value if code == "f" else float(number)
        assert repr(v.value) == repr(rounded)
    if code == "f":  # no number becomes an infinity
        with pytest.raises(OverflowError):
            v.value = 1e300
    else:
        v.value = 1e300
    v.value = math.nan
    assert math.isnan(v.value) and not v.compare_set(math.nan, 1)
    with pytest.raises(TypeError):
        v.value = "1"
    v.value = 1.5
    assert v.incr(0.25) == 1.75


def test_value__one_step(conn):
    v = conn.Value("i", 5)
    assert v.incr() == 6 and v.incr(-10) == -4 and v.incr(by=4) == 0
    assert v.compare_set(0, 7) and not v.compare_set(0, 8) and v.compare_set(7.0, 8) and v.value == 8
    v.value += 1
    assert v.value == 9
    with pytest.raises(TypeError):
        v.incr(0.5)


def test_value__opening(conn):
    name = unique()
    v = conn.Value("q", 5, name=name)
    assert v.name == name and repr(v) == f"<libipc.Value {name!r} at {conn.address}>"
    for again in (conn.Value(name=name), conn.Value("q", 9, name=name), conn.Value(name=name, mode="attach")):
        assert again.value == 5 and again.typecode == "q"
    for again in (libipc.attach(v.share()), pickle.loads(pickle.dumps(v)), libipc.Value("q", name=name, conn=conn)):
        assert type(again) is libipc.Value and again.incr(0) == 5 and again.name == name
    with pytest.raises(libipc.OptionsDiffer):
        conn.Value("i", name=name)
    with pytest.raises(TypeError):
        conn.Array("q", 1, name=name)
    with pytest.raises(FileExistsError):
        conn.Value("q", name=name, mode="create")
    with pytest.raises(FileNotFoundError):
        conn.Value("q", name=unique(), mode="attach")
    with pytest.raises(ValueError, match="name=..."):
        conn.Value("hits", 5)
    for wrong in ("c", "", 5, b"i", ctypes.c_char):
        with pytest.raises(ValueError, match="typecode"):
            conn.Value(wrong)
    assert conn.Value(ctypes.c_short, -1).typecode == "h" and conn.Value(ctypes.c_double).typecode == "d"
    conn.unlink(name)


def test_array__as_a_list_of_its_length(conn):
    a = conn.Array("i", 5)
    assert a[:] == a.tolist() == list(a) == [0] * 5 and len(a) == 5 and a.typecode == "i"
    a = conn.Array("h", range(6))
    plain = list(range(6))
    for key in (0, -1, True, 5, -6, slice(1, 3), slice(None, None, -2), slice(10, 20), slice(-3, None)):
        assert a[key] == plain[key]
    assert list(reversed(a)) == plain[::-1] and 5 in a and 6 not in a
    a[0] = 7
    a[1:3] = (8, 9)
    a[::-2] = iter([1, 2, 3])
    plain[0], plain[1:3], plain[::-2] = 7, (8, 9), [1, 2, 3]
    assert a[:] == plain
    a[:] = a
    a[:2] = array.array("h", [-1, -2])
    assert a[:2] == [-1, -2]
    for key in (6, -7, 10**30):
        with pytest.raises(IndexError):
            a[key]
        with pytest.raises(IndexError):
            a[key] = 1
    for wrong in ("a", None, 1.0):
        with pytest.raises(TypeError):
            a[wrong]
    for values in ([], [1], [1, 2, 3]):
        with pytest.raises(ValueError):
            a[:2] = values
    before = a[:]
    for values, error in (([1, 2**15], OverflowError), ([1, 0.5], TypeError), ([1, "x"], TypeError), (5, TypeError)):
        with pytest.raises(error):
            a[:2] = values
    with pytest.raises(TypeError):
        del a[0]
    assert a[:] == before
    assert a.incr(2) == before[2] + 1 and a.incr(-1, 5) == before[-1] + 5
    assert a.compare_set(0, -1, 1) and not a.compare_set(0, -1, 1) and a[0] == 1
    with pytest.raises(IndexError):
        a.incr(6)


def test_array__opening(conn):
    name = unique()
    a = conn.Array("d", [1, 2.5], name=name)
    assert repr(a) == f"<libipc.Array {name!r} at {conn.address}>"
    for again in (conn.Array(name=name), conn.Array("d", 2, name=name), conn.Array("d", [3, 4], name=name)):
        assert again[:] == [1.0, 2.5] and len(again) == 2
    for again in (libipc.attach(a.share()), pickle.loads(pickle.dumps(a))):
        assert type(again) is libipc.Array and again[:] == [1.0, 2.5]
    with pytest.raises(libipc.OptionsDiffer):
        conn.Array("d", 3, name=name)
    for wrong in (lambda: conn.Array("d"), lambda: conn.Array(name=unique()), lambda: conn.Array("d", -1)):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(OverflowError):
        conn.Array("b", [1, 128])
    with pytest.raises(TypeError):
        conn.Array("b", [1, "x"])
    conn.unlink(name)


def test_array__a_large_one(conn):
    numbers = [random.getrandbits(63) for _ in range(300_000)]
    name = unique()
    a = conn.Array("Q", numbers, name=name)
    assert a[:] == numbers and a[-1] == numbers[-1]
    assert conn.Array("Q", [0] * len(numbers), name=name)[:3] == numbers[:3]
    assert conn.Array("Q", [0] * len(numbers), name=name, mode="attach")[0] == numbers[0]
    with pytest.raises(FileExistsError):
        conn.Array("Q", numbers, name=name, mode="create")
    conn.unlink(name)


def test_array__random_operations_are_those_of_an_array(conn):
    rng = random.Random(3)
    real, plain = conn.Array("b", 9), array.array("b", [0] * 9)

    def outcome(action, target):
        try:
            result = action(target)
            return list(result) if isinstance(result, array.array) else result
        except (IndexError, OverflowError) as error:
            return IndexError if isinstance(error, IndexError) else OverflowError

    for _ in range(2000):
        index, number = rng.randrange(-11, 11), rng.choice([0, 1, -128, 127, 128, -129, 2**70])
        cut = slice(rng.choice([None, index]), rng.choice([None, rng.randrange(-11, 11)]), rng.choice([None, 2, -1]))
        some = array.array("b", [rng.randrange(-128, 128) for _ in range(len(plain[cut]))])
        action = rng.choice([
            lambda a: operator.getitem(a, index),
            lambda a: operator.setitem(a, index, number),
            lambda a: operator.getitem(a, cut),
            lambda a: operator.setitem(a, cut, some),
            lambda a: number in a,
        ])
        assert outcome(action, real) == outcome(action, plain)
    assert real.tolist() == plain.tolist()


# ---- the lock ----


@pytest.fixture(params=["Value", "Array"])
def numbers(request, conn):
    return getattr(conn, request.param)("q", 1)


def test_lock__is_one_that_its_owner_may_acquire_again(numbers):
    lock = numbers.get_lock()
    assert not lock.locked()
    with lock, numbers.get_lock(), numbers:
        assert lock.locked() and lock.acquire() and numbers.acquire(False)
        assert not Background(lambda: lock.acquire(timeout=0.02)).result()
        assert not Background(lambda: numbers.acquire(block=False)).result()
        waiting = Background(lambda: (lock.acquire(), lock.release()))
        wait_thread_blocked(waiting)
        lock.release()
        numbers.release()
    waiting.result()
    assert not lock.locked()
    with pytest.raises(RuntimeError):
        numbers.release()
    fence = lock.fence
    with lock:
        assert lock.fence == numbers.fence > fence and not lock.abandoned
    assert "lock of <libipc." in repr(lock)


def hold(numbers, start):
    numbers.acquire()
    start.wait(PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_lock__of_an_owner_that_died(conn, numbers, method):
    start = conn.Barrier(parties=2)
    child = multiprocessing.get_context(method).Process(target=hold, args=(numbers, start))
    child.start()
    start.wait(PATIENCE)
    with numbers.get_lock() as acquired:
        assert acquired and numbers.abandoned and numbers.get_lock().fence == 2
    child.join(PATIENCE)
    assert child.exitcode == -signal.SIGKILL


def test_lock__raise_abandoned(conn):
    name = unique()
    v = conn.Value("i", name=name, raise_abandoned=True)
    with libipc.connect(conn.address) as other:
        other.Value(name=name).acquire()
        other.fail()
    with pytest.raises(libipc.AbandonedError):
        v.acquire()
    assert v.get_lock().locked()
    v.release()
    conn.unlink(name)


# ---- between processes and threads ----


def add(v, a, times):
    for _ in range(times):
        v.incr()
        with a.get_lock():
            a[0] = a[0] + 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_value__processes_count_together(conn, method):
    v, a = conn.Value("q"), conn.Array("d", 2)
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=add, args=(v, a, 100)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
        assert worker.exitcode == 0
    assert v.value == 200 and a[0] == 200.0


def test_value__threads_count_together(conn):
    v, a = conn.Value("q"), conn.Array("d", 2)
    threads = [threading.Thread(target=add, args=(v, a, 100)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert v.value == 400 and a[:] == [400.0, 0.0]


def test_value__in_containers(conn):
    d = conn.Dict()
    before = conn.stat()["objects"]
    d.update(v=conn.Value("i", 5), a=conn.Array("d", [1, 2]))
    assert d["v"].incr() == 6 and d["a"][1] == 2.0 and type(d["a"]) is libipc.Array
    assert conn.stat()["objects"] == before + 2
    d.clear()
    eventually(lambda: conn.stat()["objects"] == before)


def test_value__manager(hub):
    name = unique()
    with libipc.Manager(hub) as m, libipc.connect(hub) as conn:
        v = m.Value("i", 5)
        v.value += 1
        assert v.value == 6 and m.Value("i", 1, lock=False).get() == 1
        assert m.Array("i", [1, 2])[:] == [1, 2] and m.Array("i", 3)[:] == [0, 0, 0]
        m.Value("d", 0.5, name=name)
        assert conn.Value(name=name).value == 0.5
        m.Array("d", [1], name=name + "a")[0] = 2
        assert conn.Array(name=name + "a")[:] == [2.0]
