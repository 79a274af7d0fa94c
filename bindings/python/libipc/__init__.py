"""Queues, pipes, locks and what else there is to wait for, between processes, in Python and other languages.

    import libipc

    with libipc.connect("demo") as conn:              # the hub of that name, started if there is none
        jobs = conn.JoinableQueue("jobs", maxsize=1000)
        jobs.put({"id": 7, "path": "a.png"})
        jobs.join(timeout=5)

    q = libipc.Queue()                                # no name: on this program's own hub

Queue, JoinableQueue, Pipe, Lock, RLock, Semaphore, BoundedSemaphore, Event, Condition and Barrier have the standard
library's methods, arguments and exceptions; so have Dict, List, Namespace,
Value and Array, which live in the hub. Values are what every language has: None, bool, int, float, str, bytes,
list, dict, aware datetimes, exceptions. Handles may be used from any thread, pickled at any time, and are inherited by
forked children.
"""

from . import _core, _errors, _lifecycle  # noqa: F401  (_lifecycle acts by being imported)
from ._array import Array, Value
from ._conn import Conn, connect
from ._errors import *  # noqa: F401,F403
from ._errors import __all__ as _error_names
from ._dict import ABSENT, Dict, Namespace
from ._hub import Hub
from ._list import List
from ._manager import Manager
from ._pipe import Connection, Pipe
from ._queue import Item, JoinableQueue, Queue
from ._sync import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from ._toplevel import ValueLimits, attach, info, set_value_limits, stat, value_limits, wait
from ._values import Ext, RemoteError

__version__ = _core.version()

pack = _core.pack
unpack = _core.unpack


def __getattr__(name: str) -> type[Error]:  # noqa: F405
    return _errors.late_class(name)


__all__ = [  # noqa: F405  (BufferTooShort comes by __getattr__)
    "ABSENT",
    "Array",
    "Barrier",
    "BoundedSemaphore",
    "BufferTooShort",
    "Condition",
    "Conn",
    "Connection",
    "Dict",
    "Event",
    "Ext",
    "Hub",
    "Item",
    "JoinableQueue",
    "List",
    "Lock",
    "Manager",
    "Namespace",
    "Pipe",
    "Queue",
    "RLock",
    "RemoteError",
    "Semaphore",
    "Value",
    "ValueLimits",
    "attach",
    "connect",
    "info",
    "pack",
    "set_value_limits",
    "stat",
    "unpack",
    "value_limits",
    "wait",
    *_error_names,
]
