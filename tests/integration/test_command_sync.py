"""The command ipc: looking at locks and their kin, who has them and who waits for them.

Touches processes and hubs of its own, and the library in threads. Locks what it looks at.
"""

import ctypes
import re
import threading
from pathlib import Path

import pytest
from command_support import Hub, Library, eventually, unique, values

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "command.md"
FOR_EVER = ctypes.c_int64(-1)


class BarrierOptions(ctypes.Structure):
    _fields_ = (("size", ctypes.c_size_t), ("mode", ctypes.c_int), ("parties", ctypes.c_uint32))


@pytest.fixture
def hub():
    hub = Hub(unique("hub"))
    yield hub
    hub.end()


class Session:
    """A connection of this program, and handles on it, which are freed in the end."""

    def __init__(self, address):
        self.library = Library().library
        self.conn = ctypes.c_void_p()
        assert self.library.ipc_connect(ctypes.byref(self.conn), address.encode(), None) == 0
        self.handles = []

    def open(self, kind, name, options=None):
        handle = ctypes.c_void_p()
        opened = getattr(self.library, f"ipc_{kind}_open")(ctypes.byref(handle), self.conn, name.encode(), options)
        assert opened == 0
        self.handles.append((kind, handle))
        return handle

    def call(self, function, *args):
        return getattr(self.library, function)(*args)

    def close(self):
        for kind, handle in self.handles:
            self.call(f"ipc_{kind}_free", handle)
        self.library.ipc_conn_free(self.conn)


@pytest.fixture
def session(hub):
    session = Session(hub.address)
    yield session
    session.close()


def cross(session, has, wants):
    """Have one lock, and wait for another; in a thread that ends when the handle is closed on which it waits."""
    held, wanted = session.open("lock", has), session.open("lock", wants)
    ready = threading.Event()

    def run():
        assert session.call("ipc_lock_acquire", held, FOR_EVER, None) == 0
        ready.set()
        go.wait()
        if session.call("ipc_lock_acquire", wanted, FOR_EVER, None) == 0:
            session.call("ipc_lock_release", wanted)
        session.call("ipc_lock_release", held)

    go = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    return thread, go, wanted


def looked(hub, name):
    done = hub.run("info", name, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return values(done.stdout)[0]["state"]


def test_info__text_of_a_deadlock(hub, session):
    one, go_one, given_up = cross(session, "a", "b")
    two, go_two, _ = cross(session, "b", "a")
    try:
        go_one.set()
        go_two.set()
        eventually(lambda: len(looked(hub, "a")["deadlock"]) == 2, "a deadlock")
        done = hub.run("info", "a")
        assert (done.returncode, done.stderr) == (0, "")
        lines, handles, waiters, deadlock = done.stdout.split("\n\n")
        said = dict(line.split(None, 1) for line in lines.splitlines())
        assert (said["locked"], said["waiting"], said["owner.language"]) == ("yes", "1", "c")
        assert re.fullmatch(r"\d+ \(\d+\.\ds\)", said["owner.held_us"])
        assert handles.split()[:6] == ["SESSION", "PID", "LANGUAGE", "PROGRAM", "LANE", "HANDLE"]
        title, heads, row = waiters.splitlines()
        assert (title, heads.split()) == (
            "waiters:", ["SESSION", "PID", "LANGUAGE", "PROGRAM", "LANE", "THREAD", "WAITING_US"])
        title, heads, *rows = deadlock.splitlines()
        assert (title, heads.split()) == (
            "deadlock:", ["LOCK", "SESSION", "PID", "LANGUAGE", "PROGRAM", "LANE", "THREAD", "WAITS_FOR"])
        assert [(row.split()[0], row.split()[-1]) for row in rows] == [("a", "b"), ("b", "a")]
    finally:
        session.call("ipc_lock_close", given_up)
        one.join(30)
        two.join(30)
    assert looked(hub, "a")["deadlock"] == []
    assert re.search(r"^deadlock +-$", hub.run("info", "a").stdout, re.MULTILINE)


def keys(said, prefix=""):
    """The labels of all that is said: of lists the keys of their maps."""
    for key, value in said.items():
        label = key if prefix in ("", "state.") else prefix + key
        if isinstance(value, dict):
            yield from keys(value, "" if key == "state" else key + ".")
            continue
        yield label
        for one in value if isinstance(value, list) else ():
            yield from keys(one)


@pytest.mark.parametrize("kind", ["lock", "semaphore", "event", "condition", "barrier"])
def test_document__explains_every_field_of(hub, session, kind):
    options = None
    if kind == "barrier":
        options = ctypes.byref(BarrierOptions(ctypes.sizeof(BarrierOptions), 0, 1))
    handle = session.open(kind, "it", options)
    if kind == "barrier":
        acts = ctypes.c_bool()
        assert session.call("ipc_barrier_wait", handle, FOR_EVER, ctypes.c_bool(True), None, ctypes.byref(acts)) == 0
        assert acts
    elif kind == "semaphore":
        assert session.call("ipc_semaphore_acquire", handle, FOR_EVER) == 0
    elif kind != "event":
        assert session.call(f"ipc_{kind}_acquire", handle, FOR_EVER, None) == 0
        waiter = threading.Thread(target=session.call, args=(f"ipc_{kind}_acquire", handle, FOR_EVER, None))
        waiter.start()
        eventually(lambda: looked(hub, "it")["waiting"] == 1, "a thread that waits")
    done = hub.run("info", "it", "--json")
    if kind in ("lock", "condition"):
        assert session.call(f"ipc_{kind}_release", handle) == 0
        waiter.join(30)
    explained = set(re.findall(r"`([a-z_.]+)`", DOCUMENT.read_text(encoding="utf-8")))
    named = set(keys(values(done.stdout)[0]))
    assert len(named) >= 10 and named - explained == set()
