"""How a process of Python's ends: cleanly, or as one that failed, so that the hub knows what becomes of what it took.

Return from the main program and sys.exit(), with whatever status, are clean: the program has decided to end. They end
in exit(), where the C library closes its sessions by itself. Before that, daemon threads are called out of the library:
Python would end them in the midst of a call. An exception that nobody caught, KeyboardInterrupt included, is a failure.

Children of multiprocessing that were forked end in os._exit(): there it is a finalizer of multiprocessing's, made anew
in every child. Spawned ones end in sys.exit(), whatever happened; what did is seen by a finalizer too. A child of a
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


def _uncaught() -> BaseException | None:
    """The exception that ended the main program.

    Python leaves it in sys before it calls sys.excepthook, which is anybody's to set. So do those who only show an
    exception and go on (an interactive session, a debugger, pytest): theirs did not come out of the outermost frame.
    """
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    traceback = getattr(error, "__traceback__", None)
    if traceback is None or traceback.tb_frame.f_back is not None or hasattr(sys, "ps1"):
        return None
    return error


def _end_program() -> None:
    _core.drain()
    if _uncaught() is not None:
        _core.fail()


def _end() -> None:
    """The end of a child of multiprocessing. An exception that is on its way out is seen from here."""
    error = sys.exc_info()[0]
    current = threading.current_thread()
    for thread in threading.enumerate():
        if thread is not current and not thread.daemon:
            thread.join()  # multiprocessing would do so next, and they may still be using their handles
    _core.drain()
    if _conn.is_failure(error):
        _core.fail()
    _conn.close_all()


def _end_if_failed() -> None:
    """A spawned child's finalizer; in the main program no exception is on its way any more."""
    if _conn.is_failure(sys.exc_info()[0]):
        _end()


def _in_child(_self: object) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _end, exitpriority=_LAST)


def _watch() -> None:
    """Have multiprocessing tell of its children's ends; it is not imported only for that."""
    global _watching
    util = sys.modules.get("multiprocessing.util")
    if not _watching and util is not None and hasattr(util, "register_after_fork"):
        util.register_after_fork(_in_child, _in_child)
        util.Finalize(None, _end_if_failed, exitpriority=_LAST)
        _watching = True


def _started_in_child() -> bool:
    """Whether this is a child of multiprocessing already, one that runs its target."""
    process = sys.modules.get("multiprocessing.process")
    return _watching and process is not None and process.parent_process() is not None


_watch()
if _started_in_child():
    _in_child(None)
os.register_at_fork(before=_watch)
atexit.register(_end_program)
