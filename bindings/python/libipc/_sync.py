"""Locks, semaphores, events, conditions and barriers, between threads of programs in any language.

They have the methods, arguments and exceptions of threading's. What a program holds when it dies passes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from . import _conn, _core, _errors, _queue

_MOST = 2**32 - 1


def _lock_timeout(blocking: bool, timeout: float | None) -> float | None:
    """Seconds, None for ever, of what threading.Lock's or multiprocessing.Lock's acquire() was given."""
    if timeout is None or timeout == -1:
        return None if blocking else 0
    if not blocking:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    return timeout


class _Sync:
    """What they all have. The next class behind it is one of _core's."""

    __slots__ = ()

    _attach_number = _core.OPEN_ATTACH

    def _open(self, name: str | None, mode: str, conn: _conn.Conn | None, *options: object) -> None:
        if name is not None and not isinstance(name, str):
            kind = type(self).__name__
            raise TypeError(f"the first argument of {kind} is a name, a str, not {type(name).__name__}")
        number = _queue.mode_number(mode)
        if number == _core.OPEN_ATTACH:
            number = self._attach_number
        if conn is None:
            conn = _conn.default()
        super().__init__(conn, name, number, *options)
        _queue.opened(self, conn)

    @classmethod
    def _attach(cls, conn: _conn.Conn, ticket: object):
        self = cls._make(cls, conn, ticket)
        self.__setstate__()
        return self

    def __setstate__(self, state: tuple = ()) -> None:
        """What a handle has of its own, which a ticket does not tell."""

    def _state(self) -> tuple:
        return ()

    def share(self) -> list:
        """A ticket: a value with which another process, in any language, opens this. See libipc.attach()."""
        return super().share()

    def close(self) -> None:
        """Give the handle up. Calls that wait on it raise Closed. What is held stays held."""
        super().close()

    # By what a handle of another class does these: a namespace's own name and share() are its user's.
    def _own_name(self) -> str | None:
        return self.name

    def _own_ticket(self) -> list:
        return self.share()

    def __repr__(self) -> str:
        try:
            name = self._own_name()
            what = repr(name) if name is not None else "without a name"
            return f"<libipc.{type(self).__name__} {what} at {self._conn.address}>"
        except (AttributeError, ValueError):
            return f"<libipc.{type(self).__name__} that was never opened>"

    def __reduce__(self) -> tuple:
        whole = _queue.attach, (type(self), self._conn.address, self._own_ticket())
        return (*whole, self._state()) if self._state() else whole


class _Guard(_Sync):
    """What locks and conditions have."""

    __slots__ = ()

    def __setstate__(self, state: tuple = (False,)) -> None:
        (self._raise_abandoned,) = state
        self.fence = 0
        self.abandoned = False

    def _state(self) -> tuple:
        return (self._raise_abandoned,)

    def _granted(self, fence: int, abandoned: bool) -> None:
        if abandoned or fence != self.fence:  # its owner may acquire it again: then nothing is new
            self.fence, self.abandoned = fence, abandoned
        if abandoned and self._raise_abandoned:
            raise _errors.AbandonedError(f"{self!r} is held, but its owner before ended without releasing it")

    def acquire(self, blocking: bool = True, timeout: float | None = -1, *, block: bool | None = None) -> bool:
        """Acquire it; False if that takes longer than so many seconds, for which -1 and None are for ever.

        block is blocking, for programs written for multiprocessing.
        """
        timeout = _lock_timeout(blocking if block is None else block, timeout)
        acquired, fence, abandoned = super().acquire(timeout)
        if acquired:
            self._granted(fence, abandoned)
        return acquired

    def release(self) -> None:
        """Release it. NotHeld and NotOwner (each a RuntimeError) where there is nothing to release."""
        super().release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, exc_type: type[BaseException] | None = None, *exc_info: object) -> None:
        _queue.leave(self.release, exc_type)


class _Lock(_Guard, _core.Lock):
    """What both kinds of locks have."""

    __slots__ = ("_conn", "_session", "_reference", "_raise_abandoned", "fence", "abandoned", "__weakref__")

    _make = staticmethod(_core.attach_lock)
    _recursive = False

    def __init__(
        self,
        name: str | None = None,
        *,
        mode: str = "either",
        raise_abandoned: bool = False,
        refuse_deadlock: bool = False,
        conn: _conn.Conn | None = None,
    ) -> None:
        self.__setstate__((bool(raise_abandoned),))
        self._open(name, mode, conn, self._recursive, bool(refuse_deadlock))

    name = property(_core.Lock.name, doc="Its name; None for one without.")

    def locked(self) -> bool:
        """Whether anybody has it."""
        return self._peek()[0]


class Lock(_Lock):
    """A lock with the methods of threading.Lock: acquire, release, locked. Anybody may release it.

    Of the last acquisition through this handle, fence is a number that grows with every owner, and abandoned tells
    whether the owner before ended without releasing it: what the lock guards may be half done. With raise_abandoned
    that acquisition raises AbandonedError, and the lock is held then. With refuse_deadlock acquire() raises Deadlock
    where it would wait for an owner that waits, in a circle of owners, for what this thread has.
    """

    __slots__ = ()


class RLock(_Lock):
    """A lock with the methods of threading.RLock: its owner, a thread, may acquire it again; it alone releases it."""

    __slots__ = ()

    _recursive = True


class Semaphore(_Sync, _core.Semaphore):
    """A semaphore with the methods of threading.Semaphore: acquire, release.

    The permits of a program that dies come back. value is how many there are at first; for mode="attach": as it is.
    """

    __slots__ = ("_conn", "_session", "_reference", "__weakref__")

    _make = staticmethod(_core.attach_semaphore)
    _bounded = False
    _attach_number = _core.OPEN_AS_IS

    def __init__(
        self, name: str | None = None, value: int = 1, *, mode: str = "either", conn: _conn.Conn | None = None
    ) -> None:
        self._open(name, mode, conn, value, self._bounded)

    name = property(_core.Semaphore.name, doc="Its name; None for one without.")

    def acquire(self, blocking: bool = True, timeout: float | None = None, *, block: bool | None = None) -> bool:
        """Take a permit; False if none comes within so many seconds, for which None is for ever.

        block is blocking, for programs written for multiprocessing.
        """
        blocking = blocking if block is None else block
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        return super().acquire(timeout if blocking else 0)

    def release(self, n: int = 1) -> None:
        """Give back permits. NotHeld (a ValueError) where a bounded semaphore would have more than at first."""
        if n < 1:
            raise ValueError("n must be one or more")
        super().release(n)

    def get_value(self) -> int:
        """How many permits there are."""
        return self._value()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, exc_type: type[BaseException] | None = None, *exc_info: object) -> None:
        _queue.leave(self.release, exc_type)


class BoundedSemaphore(Semaphore):
    """A semaphore that never has more permits than at first."""

    __slots__ = ()

    _bounded = True


class Event(_Sync, _core.Event):
    """A flag with the methods of threading.Event: set, clear, is_set, wait."""

    __slots__ = ("_conn", "_session", "_reference", "__weakref__")

    _make = staticmethod(_core.attach_event)

    def __init__(self, name: str | None = None, *, mode: str = "either", conn: _conn.Conn | None = None) -> None:
        self._open(name, mode, conn)

    name = property(_core.Event.name, doc="Its name; None for one without.")

    def set(self) -> None:
        """Set the flag: all who wait go on."""
        super().set()

    def clear(self) -> None:
        """Clear the flag."""
        super().clear()

    def is_set(self) -> bool:
        """Whether it is set."""
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; False if that takes longer than so many seconds."""
        return super().wait(timeout)


class _Held(threading.local):
    """How often a thread has a condition's lock through one handle, and by which fence."""

    count = 0
    fence: int | None = 0  # None: as often as before, but the fence was not told

    def acquired(self, fence: int) -> None:
        self.count = self.count + 1 if self.fence in (fence, None) else 1
        self.fence = fence


class Condition(_Guard, _core.Condition):
    """A condition with the methods of threading.Condition: acquire, release, wait, wait_for, notify, notify_all.

    Its lock is the one that is given, a Lock or an RLock of the same hub, which several conditions may share; without
    one it is its own, which its owner may acquire again. For fence, abandoned, raise_abandoned and refuse_deadlock see
    Lock; wait() has the lock back in any case.
    """

    __slots__ = ("_conn", "_session", "_held", "_reference", "_raise_abandoned", "fence", "abandoned", "__weakref__")

    _make = staticmethod(_core.attach_condition)

    def __init__(
        self,
        name: str | None = None,
        *,
        mode: str = "either",
        lock: _Lock | None = None,
        raise_abandoned: bool = False,
        refuse_deadlock: bool = False,
        conn: _conn.Conn | None = None,
    ) -> None:
        if lock is not None and not isinstance(lock, _Lock):
            raise TypeError(f"a condition's lock is a Lock or an RLock of libipc, not {type(lock).__name__}")
        self.__setstate__((bool(raise_abandoned),))
        self._open(name, mode, lock._conn if conn is None and lock is not None else conn, bool(refuse_deadlock), lock)

    def __setstate__(self, state: tuple = (False,)) -> None:
        super().__setstate__(state)
        self._held = _Held()

    name = property(_core.Condition.name, doc="Its name; None for one without.")

    def _granted(self, fence: int, abandoned: bool) -> None:
        self._held.acquired(fence)
        super()._granted(fence, abandoned)

    def release(self) -> None:
        """Release the lock. NotHeld and NotOwner (each a RuntimeError) where there is nothing to release."""
        held = self._held
        try:
            super().release()
        except RuntimeError:
            held.count = 0
            raise
        held.count = max(held.count - 1, 0)

    def wait(self, timeout: float | None = None) -> bool:
        """Give up the lock until notified, and have it again; False if no notification comes in so many seconds.

        The lock is held afterwards in any case, also when a signal's handler raised.
        """
        held = self._held
        held.fence = None
        notified, fence, abandoned = self._wait(timeout, max(held.count, 1))
        held.fence = fence
        _Guard._granted(self, fence, abandoned)
        return notified

    def wait_for(self, predicate: Callable[[], object], timeout: float | None = None):
        """Wait until the predicate is true, and return what it returned; the last it did if that takes too long."""
        end = None if timeout is None else time.monotonic() + timeout
        result = predicate()
        while not result:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Notify so many of those who wait longest."""
        if n > 0:  # 0 would be all
            super().notify(min(n, _MOST))

    def notify_all(self) -> None:
        """Notify all who wait."""
        super().notify(0)


class Barrier(_Sync, _core.Barrier):
    """A barrier with the methods of threading.Barrier: wait, reset, abort.

    parties is how many wait for each other; 0, for a barrier that exists already: as it is. The action is called by
    the last one to come, before the others go on: each party has its own. timeout is wait()'s where it has none.
    """

    __slots__ = ("_conn", "_session", "_reference", "_action", "_timeout", "__weakref__")

    _make = staticmethod(_core.attach_barrier)

    def __init__(
        self,
        name: str | None = None,
        parties: int = 0,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        mode: str = "either",
        conn: _conn.Conn | None = None,
    ) -> None:
        self.__setstate__((action, timeout))
        self._open(name, mode, conn, parties)

    def __setstate__(self, state: tuple = (None, None)) -> None:
        self._action, self._timeout = state

    def _state(self) -> tuple:
        return self._action, self._timeout

    name = property(_core.Barrier.name, doc="Its name; None for one without.")

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all parties have come; which one this was, from 0 on. BrokenBarrier if it is or gets broken."""
        index, acts = super().wait(self._timeout if timeout is None else timeout, self._action is not None)
        if acts:
            try:
                self._action()
            except BaseException:
                self._fail()
                raise
            self._pass(True)
        return index

    def _fail(self) -> None:
        try:
            self._pass(False)
        except _errors.Error:  # it is broken, or gone: the action's own exception is what matters
            pass

    def reset(self) -> None:
        """Begin anew: wait() raises BrokenBarrier in those who wait."""
        super().reset()

    def abort(self) -> None:
        """Break it: wait() raises BrokenBarrier in those who wait and who come, until it is reset."""
        super().abort()

    @property
    def parties(self) -> int:
        """How many wait for each other."""
        return self._look()[0]

    @property
    def n_waiting(self) -> int:
        """How many wait now."""
        return self._look()[1]

    @property
    def broken(self) -> bool:
        """Whether somebody was late, died or aborted it."""
        return self._look()[2]


BY_TYPE = {
    "lock": Lock,
    "rlock": RLock,
    "semaphore": Semaphore,
    "event": Event,
    "condition": Condition,
    "barrier": Barrier,
}
