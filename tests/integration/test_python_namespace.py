"""Namespaces: attributes that live in the hub, of any name.

Touches one hub, started by name, and processes that it ends itself. Locks nothing.
"""

import multiprocessing
import pickle
import random

import libipc
import pytest
from python_support import PATIENCE, eventually, unique

NAMES = ["x", "name", "close", "share", "get", "pop", "own", "this", "thisown", "append", "next", "acquire", "é"]


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


@pytest.mark.parametrize("name", NAMES)
def test_namespace__every_name_is_the_users(conn, name):
    ns = conn.Namespace()
    for attempt in (lambda: getattr(ns, name), lambda: delattr(ns, name)):
        with pytest.raises(AttributeError) as info:
            attempt()
        assert info.value.name == name and info.value.obj is ns
    assert not hasattr(ns, name) and name not in ns and getattr(ns, name, 5) == 5
    setattr(ns, name, {"a": [1]})
    assert getattr(ns, name) == {"a": [1]} and name in ns and name in dir(ns)
    setattr(ns, name, 2)
    assert ns._copy() == {name: 2}
    assert pickle.loads(pickle.dumps(ns))._copy() == {name: 2}  # nothing of this took it for the handle's own
    assert repr(ns) == f"<libipc.Namespace without a name at {conn.address}>"
    delattr(ns, name)
    assert ns._copy() == {}
    with ns:
        pass
    with pytest.raises(libipc.Closed):
        getattr(ns, name)


def test_namespace__names_that_are_the_handles_own(conn):
    name = unique()
    ns = conn.Namespace(name, {"name": "the user's"})
    assert ns._name == name and ns.name == "the user's"
    assert repr(ns) == f"<libipc.Namespace {name!r} at {conn.address}>"
    with pytest.raises(AttributeError):
        ns._anything = 1
    with pytest.raises(AttributeError):
        ns._anything
    with pytest.raises(AttributeError):
        del ns._anything
    for refused in (lambda: ns._update(_a=1), lambda: conn.Namespace(None, {"_a": 1})):
        with pytest.raises(AttributeError):
            refused()
    with pytest.raises(TypeError, match="is a str, not int"):
        ns._update({1: 2})
    assert ns._copy() == {"name": "the user's"}
    for wrong in (lambda: ns["name"], lambda: iter(ns), lambda: len(ns)):
        with pytest.raises(TypeError):
            wrong()
    assert libipc.attach(ns._share()).name == "the user's"
    ns._close()
    with pytest.raises(libipc.Closed):
        ns.name


def test_namespace__opening(conn):
    name = unique()
    ns = conn.Namespace(name, {"a": 1})
    assert conn.Namespace(name, {"b": 1})._copy() == {"a": 1}
    assert libipc.Namespace(name, mode="attach", conn=conn)._copy() == {"a": 1}
    with pytest.raises(FileExistsError):
        conn.Namespace(name, mode="create")
    with pytest.raises(TypeError):
        conn.Dict(name)
    conn.unlink(name)
    with pytest.raises(libipc.Deleted):
        ns.a


def test_namespace__steps_that_are_one(conn):
    ns = conn.Namespace()
    ns._update({"a": 1}, b=2)
    assert ns._incr("a", 5) == 6 and ns._incr("n") == 1 and ns._incr("m", 1, start=9) == 10
    assert ns._compare_set("b", 2, 3) and not ns._compare_set("b", 2, 4)
    assert ns._compare_set("new", libipc.ABSENT, 0) and ns._compare_set("new", 0, libipc.ABSENT)
    assert ns._copy() == {"a": 6, "b": 3, "n": 1, "m": 10}
    assert [name for name in dir(ns) if name[0] != "_"] == ["a", "b", "m", "n"]  # dir() sorts


def test_namespace__random_operations_are_those_of_an_object(conn):
    class Plain:
        pass

    def outcome(action, target):
        try:
            return action(target)
        except AttributeError:
            return AttributeError

    rng = random.Random(7)
    ns, plain = conn.Namespace(), Plain()
    for _ in range(1000):
        name, value = rng.choice(NAMES), rng.choice([0, None, "x", [1], {"k": [2]}])
        action = rng.choice([
            lambda target: setattr(target, name, value),
            lambda target: getattr(target, name),
            lambda target: delattr(target, name),
            lambda target: hasattr(target, name),
        ])
        assert outcome(action, ns) == outcome(action, plain)
    assert ns._copy() == vars(plain)


def test_namespace__handles_as_attributes(conn):
    ns = conn.Namespace()
    before = conn.stat()["objects"]
    ns.jobs, ns.lock, ns.deeper = conn.Queue(), conn.Lock(), conn.Namespace()
    ns.deeper.itself = ns
    ns.jobs.put(1)
    with ns.lock:
        assert ns.deeper.itself.jobs.get(timeout=5) == 1
    ns._update(jobs=None, lock=None, deeper=None)
    eventually(lambda: conn.stat()["objects"] == before)


def work(ns):
    ns.close = ns.name + " has been"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_namespace__two_processes(conn, method):
    ns = conn.Namespace(None, {"name": "child"})
    child = multiprocessing.get_context(method).Process(target=work, args=(ns,))
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0 and ns.close == "child has been"


def test_namespace__manager(hub):
    name = unique()
    with libipc.Manager(hub) as m, libipc.connect(hub) as conn:
        assert m.Namespace()._copy() == {}
        ns = m.Namespace({"a": 1}, b=2, name=name)
        ns.c = 3
        assert conn.Namespace(name)._copy() == {"a": 1, "b": 2, "c": 3}
