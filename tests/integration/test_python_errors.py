"""The exceptions and the stubs: one class for each code, and the package's names as the stubs have them.

Touches a hub of its own in one test. Locks nothing.
"""

import ast
import pathlib
import pickle
import queue
import threading

import libipc
import pytest
from libipc import _core
from python_support import unique

FITTING = [
    (libipc.Empty, queue.Empty),
    (libipc.Full, queue.Full),
    (libipc.EndOfPipe, EOFError),
    (libipc.BrokenPipe, BrokenPipeError),
    (libipc.Timeout, TimeoutError),
    (libipc.Interrupted, InterruptedError),
    (libipc.HubLost, ConnectionError),
    (libipc.NoHub, ConnectionError),
    (libipc.Closed, ValueError),
    (libipc.Closed, OSError),
    (libipc.NotFound, FileNotFoundError),
    (libipc.AlreadyExists, FileExistsError),
    (libipc.NothingUnfinished, ValueError),
    (libipc.OptionsDiffer, ValueError),
    (libipc.WrongType, TypeError),
    (libipc.OutOfMemory, MemoryError),
    (libipc.NotPermitted, PermissionError),
    (libipc.NotHeld, RuntimeError),
    (libipc.NotHeld, ValueError),
    (libipc.NotOwner, RuntimeError),
    (libipc.Deadlock, RuntimeError),
    (libipc.BrokenBarrier, threading.BrokenBarrierError),
    (libipc.AbandonedError, RuntimeError),
    (libipc.NoSuchKey, KeyError),
    (libipc.NoSuchIndex, IndexError),
    (libipc.NoSuchValue, ValueError),
    (libipc.OutOfRange, OverflowError),
    (libipc.WrongKind, TypeError),
]


@pytest.mark.parametrize("cls, builtin", FITTING, ids=lambda cls: cls.__name__)
def test_errors__fit_the_standard_library(cls, builtin):
    assert issubclass(cls, libipc.Error)
    assert issubclass(cls, builtin)


def test_errors__a_class_for_each_code():
    codes = {code: name for name, code, _text in _core.errors()}
    assert codes.pop(0) == "IPC_OK"
    exported = [getattr(libipc, name) for name in libipc.__all__]
    classes = {cls.code: cls for cls in exported if isinstance(cls, type) and issubclass(cls, libipc.Error)}
    classes.pop(0)
    assert {code: cls.code_name for code, cls in classes.items()} == codes
    assert len({cls.__name__ for cls in classes.values()}) == len(codes)


def test_errors__every_code_has_a_name_of_its_own():
    from libipc import _errors

    assert {name for name, _code, _text in _core.errors()} - {"IPC_OK"} == set(_errors._CLASSES)


def test_errors__can_be_pickled():
    for cls in (libipc.Empty, libipc.Closed, libipc.HubLost):
        error = pickle.loads(pickle.dumps(cls("words")))
        assert type(error) is cls
        assert str(error) == "words"


def test_errors__carry_code_and_words():
    with pytest.raises(libipc.BadMessage) as caught:
        libipc.unpack(b"\xc1")
    assert caught.value.code == -25
    assert caught.value.code_name == "IPC_EBADMSG"
    assert "0xc1" in str(caught.value)


# ---- objects that were never opened ----


SYNC = [libipc.Lock, libipc.RLock, libipc.Semaphore, libipc.BoundedSemaphore, libipc.Event, libipc.Condition]
SYNC.append(libipc.Barrier)
CONTAINERS = [libipc.Dict, libipc.List, libipc.Namespace, libipc.Value, libipc.Array]


HANDLES = [libipc.Queue, libipc.JoinableQueue, libipc.Connection, libipc.Conn, libipc.Hub, *SYNC, *CONTAINERS]


@pytest.mark.parametrize("cls", HANDLES)
def test_errors__an_object_that_was_never_opened(cls):
    blank = cls.__new__(cls)
    names = ("close", "qsize", "get_nowait", "recv", "poll", "flush", "stop", "list", "locked", "set", "abort")
    for name in (*names, "notify_all"):
        if hasattr(cls, name) and (cls, name) != (libipc.Value, "set"):  # that one takes a value
            with pytest.raises(ValueError, match="never opened"):
                getattr(blank, name)()


def test_errors__a_connection_that_was_never_opened_opens_nothing():
    blank = libipc.Conn.__new__(libipc.Conn)
    with pytest.raises(ValueError, match="never opened"):
        libipc.Queue(conn=blank)


# ---- what SWIG's own classes would have ----


@pytest.mark.parametrize("cls", HANDLES)
def test_handles__have_no_methods_of_swigs(cls):
    ours = {"acquire": {libipc.Value, libipc.Array, *SYNC} - {libipc.Event, libipc.Barrier}, "append": {libipc.List}}
    for name in ("acquire", "append", "next", "own", "disown", "this", "thisown"):
        has = cls in ours.get(name, ())
        assert hasattr(cls, name) == (name in dir(cls)) == has, name
        if not has and cls is not libipc.Namespace:  # where it would be an attribute, which the hub is asked for
            assert not hasattr(cls.__new__(cls), name)


def test_handles__say_that_they_have_none():
    with libipc.connect(unique("hub")) as conn:
        for handle in (conn, conn.Dict(), conn.Namespace(), conn.Queue(), conn.Event(), *conn.Pipe()):
            for name in ("acquire", "append", "next", "own", "disown", "this", "thisown"):
                with pytest.raises(AttributeError, match=name):
                    getattr(handle, name)
                assert name not in dir(handle)


# ---- arguments ----


@pytest.mark.parametrize("mode", ["", "Either", None, 1, []])
def test_errors__mode(mode):
    with pytest.raises(ValueError, match="mode is 'either', 'create' or 'attach'"):
        libipc.Queue("x", mode=mode)


def test_errors__a_bound_is_not_a_name():
    with pytest.raises(TypeError, match="maxsize="):
        libipc.Queue(10)


def test_errors__pipe_arguments():
    with pytest.raises(ValueError, match="end is 'a', 'b' or None"):
        libipc.Pipe("x", "c")
    with pytest.raises(ValueError, match="without a name"):
        libipc.Pipe(end="a")
    with pytest.raises(ValueError, match="without a name"):
        libipc.Pipe(mode="create")


# ---- the stubs ----


def stub_tree():
    stub = pathlib.Path(libipc.__file__).with_name("__init__.pyi")
    return ast.parse(stub.read_text(encoding="utf-8"))


def test_stubs__name_what_the_package_exports():
    named = {
        node.name
        for node in stub_tree().body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
    }
    values = {node.target.id for node in stub_tree().body if isinstance(node, ast.AnnAssign)}
    named |= {name for name in values if not name.startswith("_")}
    assert named == set(libipc.__all__)


def public(names):
    return {name for name in names if not name.startswith("_")}


def test_stubs__name_every_public_method():
    stubbed = {}
    for node in stub_tree().body:
        if isinstance(node, ast.ClassDef):
            names = {each.name for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))}
            names |= {each.target.id for each in node.body if isinstance(each, ast.AnnAssign)}
            bases = [stubbed.get(getattr(base, "id", None), set()) for base in node.bases]
            stubbed[node.name] = names.union(*bases)
    classes = [libipc.Conn, libipc.Queue, libipc.JoinableQueue, libipc.Item, libipc.Connection, libipc.Hub]
    containers = [cls for cls in CONTAINERS if cls is not libipc.Namespace]  # whose handles hide what the class has
    for cls in [*classes, libipc.Manager, *SYNC, *containers]:
        assert public(stubbed[cls.__name__]) == public(dir(cls)), cls
