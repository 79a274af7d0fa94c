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


def looked(hub, name):
    done = hub.run("info", name, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return values(done.stdout)[0]["state"]


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
