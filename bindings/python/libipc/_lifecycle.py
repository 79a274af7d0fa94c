"""How a process of Python's ends: cleanly, so that the hub need not take it for a crash.

Return from the main program and sys.exit() end in exit(), where the C library closes its sessions by itself. Before
that, daemon threads are called out of the library: Python would end them in the midst of a call. Children of
multiprocessing end in os._exit(): there it is a finalizer of multiprocessing's, made anew in every child. A child of a
bare os.fork() that ends in os._exit() has crashed, as far as the hub is concerned.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading

from . import _conn, _core

# Lower than what anybody else has: other finalizers may still send something.
_LAST = -1000

_watching = False


def _end() -> None:
    """The clean end of this process. The place to say so when an end was none (an uncaught exception)."""
    current = threading.current_thread()
    for thread in threading.enumerate():
        if thread is not current and not thread.daemon:
            thread.join()  # multiprocessing would do so next, and they may still be using their handles
    _core.drain()
    _conn.close_all()


def _in_child(_self: object) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _end, exitpriority=_LAST)


def _watch() -> None:
    """Have multiprocessing call _in_child() in its children; it is not imported only for that."""
    global _watching
    util = sys.modules.get("multiprocessing.util")
    if not _watching and util is not None and hasattr(util, "register_after_fork"):
        util.register_after_fork(_in_child, _in_child)
        _watching = True


def _started_in_child() -> bool:
    """Whether this is a child of multiprocessing already, one that runs its target."""
    process = sys.modules.get("multiprocessing.process")
    return _watching and process is not None and process.parent_process() is not None


_watch()
if _started_in_child():
    _in_child(None)
os.register_at_fork(before=_watch)
atexit.register(_core.drain)
