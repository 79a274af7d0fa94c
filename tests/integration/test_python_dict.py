"""Dicts: as Python's own, between processes, with handles in them.

Touches one hub, started by name, and processes that it ends itself. Locks nothing.
"""

import datetime
import math
import multiprocessing
import operator
import os
import pickle
import random
import threading

import libipc
import pytest
from python_support import PATIENCE, Background, eventually, unique

OPERATIONS = int(os.environ.get("LIBIPC_CONTAINER_OPERATIONS", "3000"))
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)


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
    except (KeyError, IndexError, ValueError, TypeError, OverflowError) as error:
        kinds = (KeyError, IndexError, OverflowError, ValueError, TypeError)
        return next(kind for kind in kinds if isinstance(error, kind))


# ---- as Python's own ----


def test_dict__opening(conn):
    name = unique()
    first = conn.Dict(name)
    assert repr(first) == f"<libipc.Dict {name!r} at {conn.address}>"
    assert first.name == name and conn.Dict().name is None
    first["a"] = 1
    assert libipc.Dict(name, mode="attach", conn=conn)["a"] == 1
    with pytest.raises(FileExistsError):
        conn.Dict(name, mode="create")
    with pytest.raises(FileNotFoundError):
        conn.Dict(unique(), mode="attach")
    with pytest.raises(TypeError):
        conn.Namespace(name)
    with pytest.raises(TypeError, match="is a name, a str, not dict"):
        conn.Dict({"a": 1})
    conn.unlink(name)
    with pytest.raises(libipc.Deleted):
        first["a"]


def test_dict__who_makes_it_fills_it(conn):
    name = unique()
    first = conn.Dict(name, {"a": 1})
    second = conn.Dict(name, {"b": 2})
    assert first.copy() == second.copy() == {"a": 1}
    assert conn.Dict(name, [("b", 2)], mode="attach").copy() == {"a": 1}
    assert conn.Dict(None, [("b", 2)]).copy() == {"b": 2}
    assert conn.Dict(unique(), first, mode="create").copy() == {"a": 1}


def test_dict__what_cannot_be_filled_is_not_left_there(conn):
    name = unique()
    with pytest.raises(TypeError):
        conn.Dict(name, {"a": object()})
    assert conn.Dict(name, {"a": 1}, mode="create").copy() == {"a": 1}


def test_dict__nobody_sees_it_half_filled(hub):
    whole = {str(i): i for i in range(500)}
    names = [unique() for _ in range(20)]

    def look(conn, name):
        seen = set()
        while len(whole) not in seen:
            seen.add(len(conn.Dict(name)))
        return seen

    with libipc.connect(hub) as ours, libipc.connect(hub) as theirs:
        for name in names:
            # Made empty, as by who fills it, and filled in one step while somebody looks.
            made = ours.Dict(name, mode="create")
            looker = Background(look, theirs, name)
            made.update(whole)
            assert looker.result() <= {0, len(whole)}


def test_dict__methods(conn):
    d = conn.Dict()
    assert len(d) == 0 and not d and list(d) == []
    d["a"] = 1
    d.update({"b": 2}, c=3)
    d.update([("d", 4)])
    d |= {"e": 5}
    d.set_many(f=6)
    plain = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}
    assert d.copy() == plain == dict(d) and type(d.copy()) is dict
    assert d.keys() == list(plain) == list(d) and list(reversed(d)) == list(reversed(plain))
    assert d.values() == list(plain.values()) and d.items() == list(plain.items())
    assert "a" in d and "x" not in d
    assert d.get("a") == 1 and d.get("x") is None and d.get("x", (1,)) == (1,)
    assert d.get_many(["f", "x", "a"]) == [6, None, 1] and d.get_many(("x",), default=0) == [0]
    assert d.pop("f") == 6 and d.pop("f", ...) is ... and d.popitem() == ("e", 5)
    assert d.setdefault("a", 9) == 1 and d.setdefault("z") is None and d["z"] is None
    assert d | {"z": 1} == {"a": 1, "b": 2, "c": 3, "d": 4, "z": 1}
    assert {"q": 0, "a": 0} | d == {"q": 0, "a": 1, "b": 2, "c": 3, "d": 4, "z": None}
    assert (d | conn.Dict(None, {"z": 2}))["z"] == 2
    for wrong in (lambda: d | [("a", 1)], lambda: [("a", 1)] | d, lambda: d.get(), lambda: d.pop("a", 1, 2)):
        with pytest.raises(TypeError):
            wrong()
    del d["a"]
    for missing in (lambda: d["a"], lambda: d.pop("a"), lambda: operator.delitem(d, "a")):
        with pytest.raises(KeyError) as info:
            missing()
        assert info.value.args == ("a",) and isinstance(info.value, libipc.NoSuchKey)
    d.clear()
    with pytest.raises(KeyError):
        d.popitem()
    with conn.Dict() as closed:
        closed["a"] = 1
    with pytest.raises(ValueError):
        closed["a"]


def test_dict__incr_and_compare_set(conn):
    d = conn.Dict()
    assert d.incr("n") == 1 and d.incr("n", 5) == 6 and d.incr("m", -1, start=10) == 9
    assert d.incr("f", 0.5) == 0.5
    assert d.incr("n", 2**63 - 7) == 2**63 - 1
    with pytest.raises(OverflowError):
        d.incr("n")
    assert d["n"] == 2**63 - 1
    d["s"] = "text"
    with pytest.raises(TypeError):
        d.incr("s")
    assert not d.compare_set("k", 1, 2)
    assert d.compare_set("k", libipc.ABSENT, 1) and not d.compare_set("k", libipc.ABSENT, 1)
    assert d.compare_set("k", 1.0, [1, {"a": None}]) and d.compare_set("k", (1, {"a": None}), None)
    assert not d.compare_set("k", False, 1) and d.compare_set("k", None, libipc.ABSENT)
    assert "k" not in d and d.compare_set("k", libipc.ABSENT, libipc.ABSENT)
    assert pickle.loads(pickle.dumps(libipc.ABSENT)) is libipc.ABSENT and repr(libipc.ABSENT) == "libipc.ABSENT"


def test_dict__keys_that_are_equal(conn):
    d = conn.Dict()
    for key in (1, 1.0, True):
        d[key] = key
    d[10**30], d[1e30], d[b"1"], d["1"], d[None], d[MOMENT] = range(6)
    plain = {1: True, 10**30: 0, 1e30: 1, b"1": 2, "1": 3, None: 4, MOMENT: 5}
    assert d.items() == list(plain.items()) and list(map(repr, d)) == list(map(repr, plain))
    assert d[True] is True and d[float(10**30)] == plain[float(10**30)]
    for key in ([1], {}, (1, 2), math.nan, object()):
        with pytest.raises(TypeError):
            d[key] = 1
        with pytest.raises(TypeError):
            d[key]


def test_dict__values_of_all_sizes(conn):
    d = conn.Dict()
    values = [2**63 - 1, -(2**63), 2**64, 10**40, math.inf, "\U0001f600", b"\0", [], {}, [{"a": [None]}], MOMENT]
    for value in (*values, os.urandom(3_000_000), "x" * 3_000_000):
        d["v"] = value
        assert d["v"] == value and d.copy() == {"v": value}
    d["nan"] = math.nan
    assert math.isnan(d["nan"]) and not d.compare_set("nan", math.nan, 1)
    deep = []
    for _ in range(libipc.value_limits().max_depth - 1):
        deep = [deep]
    d["deep"] = deep
    assert d["deep"] == deep and dict(d.items())["deep"] == d.copy()["deep"] == deep
    d.update({"deeper": deep})
    assert d.compare_set("deeper", deep, deep)
    for refused in (lambda: d.update(x=[deep]), lambda: operator.setitem(d, "x", [deep])):
        with pytest.raises(libipc.TooDeep):
            refused()
    with pytest.raises(TypeError, match=r"at value\['a'\]\[1\]"):
        d["x"] = {"a": [1, object()]}


KEYS = [0, 1, 1.0, True, False, "a", "b", b"a", None, 10**30, 1e30, -1, 2.5, "long" * 20]
VALUES = [0, 1.5, "x", b"y", None, True, [1, [2]], {"k": 1}, 2**70]


def step(rng, real, plain):
    """One operation, on both; what came of it, twice."""
    key, value = rng.choice(KEYS), rng.choice(VALUES)
    some = {rng.choice(KEYS): rng.choice(VALUES) for _ in range(rng.randrange(4))}
    action = rng.choice([
        lambda d: operator.setitem(d, key, value),
        lambda d: operator.getitem(d, key),
        lambda d: operator.delitem(d, key),
        lambda d: d.get(key, value),
        lambda d: d.pop(key),
        lambda d: d.pop(key, value),
        lambda d: d.setdefault(key, value),
        lambda d: d.update(some),
        lambda d: d.popitem(),
        lambda d: key in d,
        lambda d: len(d),
        lambda d: list(d.items()),
        lambda d: repr(list(reversed(d))),
        lambda d: d | some,
        lambda d: some | (d if isinstance(d, libipc.Dict) else dict(d)),
        lambda d: d.clear() if rng.random() < 0.05 else None,
    ])
    state = rng.getstate()
    first = outcome(action, real)
    rng.setstate(state)
    return first, outcome(action, plain)


@pytest.mark.parametrize("seed", range(2))
def test_dict__random_operations_are_those_of_a_dict(conn, seed):
    rng = random.Random(seed)
    real, plain = conn.Dict(), {}
    for number in range(OPERATIONS):
        got, wanted = step(rng, real, plain)
        assert repr(got) == repr(wanted), number
    assert repr(real.copy()) == repr(plain)


# ---- handles as values ----


def test_dict__keeps_handles(conn):
    d = conn.Dict()
    makers = (conn.Queue, conn.JoinableQueue, conn.Lock, conn.RLock, conn.Semaphore, conn.BoundedSemaphore)
    makers += (conn.Event, conn.Condition, conn.Dict, conn.List, conn.Namespace)
    handles = {f"{i}": make() for i, make in enumerate(makers)}
    handles |= {"b": conn.Barrier(parties=2), "v": conn.Value("i"), "a": conn.Array("d", 3)}
    handles["named"] = conn.List(unique())
    d["all"] = [handles, {"deeper": handles}]
    d.update(handles)
    for found in (d.copy(), d["all"][0], d["all"][1]["deeper"], dict(zip(d, d.values()))):
        for key, handle in handles.items():
            # What it began with is not an option that a reference tells.
            kind = libipc.Semaphore if isinstance(handle, libipc.Semaphore) else type(handle)
            assert type(found[key]) is kind
    handles["9"].append("there")
    assert d["9"].copy() == ["there"] and d["all"][0]["9"][0] == "there" and d.get_many(["9"])[0][-1] == "there"
    d["named"].append(1)
    assert d["named"].name == handles["named"].name and handles["named"].copy() == [1]
    assert d.compare_set("9", handles["9"], None) and d["9"] is None
    for end in conn.Pipe():
        with pytest.raises(TypeError, match="pipe"):
            d["pipe"] = [end]


def test_dict__only_containers_take_handles(conn):
    inner = conn.Dict()
    for send in (conn.Queue().put, conn.Pipe()[0].send, libipc.pack):
        with pytest.raises(TypeError, match=r"send its share\(\).*at value\['d'\]"):
            send({"d": inner})
    q = conn.Queue()
    q.put({"d": inner.share()})
    libipc.attach(q.get()["d"])["x"] = 1
    assert inner["x"] == 1


def objects(conn):
    return conn.stat()["objects"]


def test_dict__keeps_handles_alive_and_lets_go(conn):
    d = conn.Dict()
    before = objects(conn)
    with conn.List(None, [1]) as inner:
        d["l"] = [inner]
    with d["l"][0] as again:
        assert again.copy() == [1]
    assert objects(conn) == before + 1
    d["l"] = None
    eventually(lambda: objects(conn) == before)


def test_dict__cycles_are_collected(conn):
    before = objects(conn)
    first, second = conn.Dict(), conn.List()
    first["second"], first["self"] = second, first
    second.append({"first": first})
    assert first["second"][0]["first"]["self"].keys() == ["second", "self"]
    first.close()
    second.close()
    eventually(lambda: objects(conn) == before)


def test_dict__a_handle_whose_object_is_gone(conn):
    d, name = conn.Dict(), unique()
    d["l"] = [conn.List(name), 1]
    conn.unlink(name)
    (reference, one) = d["l"]
    assert type(reference) is libipc.Ext and reference.code == 66 and one == 1
    with pytest.raises(libipc.NotFound):
        d["again"] = reference
    with libipc.Hub(f"inproc://{unique()}") as other, libipc.connect(other.address) as theirs:
        with pytest.raises(libipc.NotFound):
            d["foreign"] = theirs.List()


# ---- between processes and threads ----


def add(shared, start, times):
    start.wait()
    for _ in range(times):
        shared["counts"].incr("n")
    shared["done"].set()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_dict__two_processes(conn, method):
    context = multiprocessing.get_context(method)
    shared = conn.Dict(None, {"counts": conn.Dict(), "done": conn.Event()})
    start = conn.Barrier(parties=3)
    workers = [context.Process(target=add, args=(shared, start, 200)) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.wait(PATIENCE)
    assert shared["done"].wait(PATIENCE)
    for worker in workers:
        worker.join(PATIENCE)
        assert worker.exitcode == 0
    assert shared["counts"]["n"] == 400


def test_dict__threads_increment_at_once(conn):
    d = conn.Dict(None, {"cas": 0})

    def work():
        for _ in range(200):
            d.incr("n")
            old = d["cas"]
            while not d.compare_set("cas", old, old + 1):
                old = d["cas"]

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert d.copy() == {"cas": 800, "n": 800}


def test_dict__manager(hub):
    name = unique()
    with libipc.Manager(hub) as m, libipc.connect(hub) as conn:
        assert m.dict().copy() == {} and m.dict({"a": 1}, b=2).copy() == {"a": 1, "b": 2}
        assert m.dict([("a", 1)]).copy() == {"a": 1} and m.dict(mapping=1, self=2).copy() == {"mapping": 1, "self": 2}
        m.dict(name=name, a=1)["b"] = [m.dict(c=3)]
        d = conn.Dict(name)
        assert d["a"] == 1 and d["b"][0]["c"] == 3 and "name" not in d


def test_dict__the_hub_is_lost():
    with libipc.Hub(f"inproc://{unique()}") as hub:
        d = libipc.connect(hub.address).Dict()
        d["a"] = 1
    for call in (lambda: d["a"], lambda: operator.setitem(d, "a", 1), d.copy, lambda: len(d)):
        with pytest.raises(ConnectionError):
            call()
    assert repr(d).startswith("<libipc.Dict without a name")
