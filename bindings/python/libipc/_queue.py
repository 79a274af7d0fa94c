"""Queues: many producers, many consumers, in any language."""

from __future__ import annotations

from . import _conn, _core

_MODES = {"either": _core.OPEN_EITHER, "create": _core.OPEN_CREATE, "attach": _core.OPEN_ATTACH}


def mode_number(mode: str) -> int:
    try:
        return _MODES[mode]
    except (KeyError, TypeError):
        raise ValueError(f"mode is 'either', 'create' or 'attach', not {mode!r}") from None


def attach(cls, address: str, ticket: object):
    """Open what was pickled in another process."""
    conn = _conn.to_address(address)
    handle = cls._attach(conn, ticket)
    handle._conn = conn
    return handle


class Queue(_core.Queue):
    """A queue with the methods of multiprocessing.Queue: put, get, put_nowait, get_nowait, qsize, empty, full.

    The first opener's maxsize counts; 0 is no bound, and for a queue that exists already: as it is.
    """

    __slots__ = ("_conn", "__weakref__")

    _joinable = False

    def __init__(
        self, name: str | None = None, maxsize: int = 0, mode: str = "either", *, conn: _conn.Conn | None = None
    ) -> None:
        if name is not None and not isinstance(name, str):
            kind = type(name).__name__
            raise TypeError(f"a queue's first argument is its name, a str, not a {kind}; for a bound give maxsize=...")
        if conn is None:
            conn = _conn.default()
        self._conn = conn
        super().__init__(conn, name, mode_number(mode), self._joinable, max(maxsize, 0))

    name = property(_core.Queue.name, doc="Its name; None for a queue without one.")

    def take(self, block: bool = True, timeout: float | None = None) -> Item:
        """Take the oldest item, with its attempt; from a joinable queue it can be finished by itself."""
        return Item(self, *self._take(block, timeout))

    def flush(self, timeout: float | None = None) -> None:
        """Wait until the hub owns everything that was put through this handle."""
        super().flush(timeout)

    def join_thread(self) -> None:
        """Nothing to wait for: no thread feeds this queue. There for programs written for multiprocessing."""

    def cancel_join_thread(self) -> None:
        """Nothing to cancel: see join_thread()."""

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        what = repr(self.name) if self.name is not None else "without a name"
        return f"<libipc.{type(self).__name__} {what} at {self._conn.address}>"

    def __reduce__(self) -> tuple:
        return attach, (type(self), self._conn.address, self._share())


class JoinableQueue(Queue):
    """A queue that knows when its items are finished: task_done() and join(), or take() and done()."""

    __slots__ = ()

    _joinable = True

    task_done = _core.Queue._task_done

    def join(self, timeout: float | None = None) -> None:
        """Wait until every item that was put is done. Timeout (a TimeoutError) if that takes longer."""
        self._join(timeout)


class Item:
    """What take() gave: the value, and the delivery that it came with.

    As a context manager it is done when the block ends, and released when an exception leaves the block.
    """

    __slots__ = ("value", "_queue", "_message", "_settled")

    def __init__(self, queue: Queue, value: object, message: _core.Msg) -> None:
        self.value = value
        self._queue = queue
        self._message = message
        self._settled = not queue._joinable

    @property
    def attempt(self) -> int:
        """How often this item was handed out, 1 for the first time."""
        return self._message.attempt()

    def done(self) -> None:
        """The item is finished. A second time, or after somebody else was given the item, this touches nothing."""
        self._queue._done(self._message)
        self._settled = True

    def release(self) -> None:
        """Give the item back to the head of the queue, for somebody else."""
        self._queue._release(self._message)
        self._settled = True

    def __enter__(self) -> Item:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        if self._settled:
            return
        if exc_type is None:
            self.done()
        else:
            self.release()

    def __repr__(self) -> str:
        return f"<libipc.Item {self.value!r}, attempt {self.attempt}>"
