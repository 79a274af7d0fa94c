"""Connections: sessions with a hub, and the ones that a process shares."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable

from . import _array, _core, _dict, _list, _pipe, _queue, _sync

CONNECT_TIMEOUT = 10.0

_LANES = {"auto": _core.LANE_AUTO, "shm": _core.LANE_SHM, "zmq": _core.LANE_ZMQ}

# Every connection of this process, for a clean end.
_all: weakref.WeakSet[Conn] = weakref.WeakSet()


def _program() -> str:
    return os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) and sys.argv[0] else "python"


def _lane_number(lane: str) -> int:
    try:
        return _LANES[lane]
    except (KeyError, TypeError):
        raise ValueError(f"lane is 'auto', 'shm' or 'zmq', not {lane!r}") from None


def is_failure(exc_type: type[BaseException] | None) -> bool:
    """Whether what ends with this exception, or without one, has failed: sys.exit() is a decision, not a failure."""
    return exc_type is not None and not issubclass(exc_type, (SystemExit, GeneratorExit))


class Conn(_core.Conn):
    """A session with a hub. Objects are opened through it; closing it closes them.

    As a context manager it is closed at the block's end; when an exception leaves the block, the session has failed.
    """

    __slots__ = ("_closed", "__weakref__")

    def __init__(
        self, address: str | None = None, timeout: float | None = CONNECT_TIMEOUT, *, lane: str = "auto"
    ) -> None:
        self._closed = False
        super().__init__(address, _program(), _lane_number(lane), timeout)
        _all.add(self)

    address = property(_core.Conn.address, doc="The address under which others reach the same hub.")

    @property
    def closed(self) -> bool:
        return self._closed

    def Queue(self, name: str | None = None, maxsize: int = 0, mode: str = "either") -> _queue.Queue:
        """Open a queue; without a name a new one, which lives as long as somebody holds a handle on it."""
        return _queue.Queue(name, maxsize, mode, conn=self)

    def JoinableQueue(
        self,
        name: str | None = None,
        maxsize: int = 0,
        mode: str = "either",
        *,
        redeliver: str = "crash",
        max_deliveries: int = 0,
        dead_letter: str | None = None,
    ) -> _queue.JoinableQueue:
        """Open a queue that knows when its items are finished."""
        return _queue.JoinableQueue(
            name,
            maxsize,
            mode,
            conn=self,
            redeliver=redeliver,
            max_deliveries=max_deliveries,
            dead_letter=dead_letter,
        )

    def Pipe(self, name=None, end: str | None = None, duplex: bool = True, mode: str = "either"):
        """Both ends of a new pipe, or with a name one end: "a", "b", or None for the one that nobody holds."""
        return _pipe.Pipe(name, end, duplex, mode, conn=self)

    def Lock(
        self,
        name: str | None = None,
        *,
        mode: str = "either",
        raise_abandoned: bool = False,
        refuse_deadlock: bool = False,
    ) -> _sync.Lock:
        """Open a lock; without a name a new one, which lives as long as somebody holds a handle on it."""
        return _sync.Lock(
            name, mode=mode, raise_abandoned=raise_abandoned, refuse_deadlock=refuse_deadlock, conn=self
        )

    def RLock(
        self,
        name: str | None = None,
        *,
        mode: str = "either",
        raise_abandoned: bool = False,
        refuse_deadlock: bool = False,
    ) -> _sync.RLock:
        """Open a lock that its owner may acquire again."""
        return _sync.RLock(
            name, mode=mode, raise_abandoned=raise_abandoned, refuse_deadlock=refuse_deadlock, conn=self
        )

    def Semaphore(self, name: str | None = None, value: int = 1, *, mode: str = "either") -> _sync.Semaphore:
        """Open a semaphore."""
        return _sync.Semaphore(name, value, mode=mode, conn=self)

    def BoundedSemaphore(
        self, name: str | None = None, value: int = 1, *, mode: str = "either"
    ) -> _sync.BoundedSemaphore:
        """Open a semaphore that never has more permits than at first."""
        return _sync.BoundedSemaphore(name, value, mode=mode, conn=self)

    def Event(self, name: str | None = None, *, mode: str = "either") -> _sync.Event:
        """Open a flag to wait for."""
        return _sync.Event(name, mode=mode, conn=self)

    def Condition(
        self,
        name: str | None = None,
        *,
        mode: str = "either",
        lock: _sync.Lock | _sync.RLock | None = None,
        raise_abandoned: bool = False,
        refuse_deadlock: bool = False,
    ) -> _sync.Condition:
        """Open a condition, with a lock of its own or the one that is given."""
        options = {"raise_abandoned": raise_abandoned, "refuse_deadlock": refuse_deadlock}
        return _sync.Condition(name, mode=mode, lock=lock, **options, conn=self)

    def Barrier(
        self,
        name: str | None = None,
        parties: int = 0,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        mode: str = "either",
    ) -> _sync.Barrier:
        """Open a barrier."""
        return _sync.Barrier(name, parties, action, timeout, mode=mode, conn=self)

    def Dict(self, name: str | None = None, mapping: object = None, *, mode: str = "either") -> _dict.Dict:
        """Open a dict that lives in the hub. Who makes it stores what it begins with."""
        return _dict.Dict(name, mapping, mode=mode, conn=self)

    def List(self, name: str | None = None, iterable: Iterable | None = None, *, mode: str = "either") -> _list.List:
        """Open a list that lives in the hub. Who makes it stores what it begins with."""
        return _list.List(name, iterable, mode=mode, conn=self)

    def Namespace(
        self, name: str | None = None, attributes: object = None, *, mode: str = "either"
    ) -> _dict.Namespace:
        """Open attributes that live in the hub. Who makes it stores what it begins with."""
        return _dict.Namespace(name, attributes, mode=mode, conn=self)

    def Value(
        self,
        typecode: object = None,
        value: float = 0,
        *,
        name: str | None = None,
        mode: str = "either",
        raise_abandoned: bool = False,
    ) -> _array.Value:
        """Open a number that lives in the hub."""
        return _array.Value(typecode, value, name=name, mode=mode, raise_abandoned=raise_abandoned, conn=self)

    def Array(
        self,
        typecode: object = None,
        size_or_initializer: int | Iterable | None = None,
        *,
        name: str | None = None,
        mode: str = "either",
        raise_abandoned: bool = False,
    ) -> _array.Array:
        """Open numbers of one type that live in the hub."""
        return _array.Array(
            typecode, size_or_initializer, name=name, mode=mode, raise_abandoned=raise_abandoned, conn=self
        )

    def unlink(self, name: str, /) -> None:
        """Delete the object of that name, with all that it holds. Calls that wait on it raise Deleted."""
        super().unlink(name)

    def list(self) -> list:
        """The hub's named objects: a dict each, with "name", "type", "size" and "handles"."""
        return super().list()

    def stat(self) -> dict:
        """Look at the hub: its version, process, sessions, objects, memory, limits, and what it refused."""
        return super().stat()

    def info(self, name: str, /) -> dict:
        """Look at the object of that name: its type, options, what it holds, who holds it, and who waits."""
        return super().info(name)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until the hub owns everything that was put or sent through this connection."""
        super().flush(timeout)

    def close(self) -> None:
        """End the session cleanly. Every call that waits on it raises Closed."""
        self._closed = True
        super().close()

    def fail(self) -> None:
        """End the session as that of a program that failed: what it took and has not finished is handed out again."""
        self._closed = True
        super().fail()

    def __enter__(self) -> Conn:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        if is_failure(exc_type):
            self.fail()
        else:
            self.close()

    def __repr__(self) -> str:
        try:
            state = " closed" if self._closed else ""
            return f"<libipc.Conn {self.address}{state}>"
        except (AttributeError, ValueError):
            return "<libipc.Conn without a hub>"

    def __reduce__(self) -> tuple:
        return connect, (self.address,)


def connect(address: str | None = None, timeout: float | None = CONNECT_TIMEOUT, *, lane: str = "auto") -> Conn:
    """Connect to a hub, starting it where the address allows.

    None: $LIBIPC_ADDRESS, or else this program's own private hub. A bare name: the hub of that name, started if there
    is none. "ipc:///path", "tcp://127.0.0.1:port": connect, never start.

    The lane is how the session reaches the hub: "shm" by shared memory, or NoLane (an OSError); "zmq" by ZeroMQ;
    "auto" as $LIBIPC_LANE says, without it by shared memory where that can be had.
    """
    return Conn(address, timeout, lane=lane)


class _Shared:
    """The connections that handles use which were not opened through one of the program's own."""

    def __init__(self) -> None:
        self.renew_lock()
        self.default: Conn | None = None
        self.by_address: weakref.WeakValueDictionary[str, Conn] = weakref.WeakValueDictionary()

    def renew_lock(self) -> None:
        self.lock = threading.Lock()


_shared = _Shared()
os.register_at_fork(after_in_child=_shared.renew_lock)  # another thread of the parent may have held it


def default() -> Conn:
    """The connection to the default address, made on first use."""
    with _shared.lock:
        if _shared.default is None or _shared.default.closed:
            _shared.default = connect()
        return _shared.default


def to_address(address: str) -> Conn:
    """A connection for a handle that came from another process."""
    with _shared.lock:
        conn = _shared.default
        if conn is None or conn.closed or conn.address != address:
            conn = _shared.by_address.get(address)
        if conn is None or conn.closed:
            conn = _shared.by_address[address] = connect(address)
        return conn


def close_all() -> None:
    """End every session of this process cleanly."""
    for conn in list(_all):
        conn.close()
