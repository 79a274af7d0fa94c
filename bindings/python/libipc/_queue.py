"""Queues: many producers, many consumers, in any language."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator

from . import _conn, _core, _errors

_MODES = {"either": _core.OPEN_EITHER, "create": _core.OPEN_CREATE, "attach": _core.OPEN_ATTACH}
_REDELIVER = {"crash": _core.REDELIVER_CRASH, "always": _core.REDELIVER_ALWAYS, "never": _core.REDELIVER_NEVER}
_MAX_DELIVERIES = 1000

ShutDown = _errors.ShutDown


def mode_number(mode: str) -> int:
    try:
        return _MODES[mode]
    except (KeyError, TypeError):
        raise ValueError(f"mode is 'either', 'create' or 'attach', not {mode!r}") from None


def _redeliver_number(redeliver: str) -> int:
    try:
        return _REDELIVER[redeliver]
    except (KeyError, TypeError):
        raise ValueError(f"redeliver is 'crash', 'always' or 'never', not {redeliver!r}") from None


def _check_max_deliveries(count: int) -> int:
    if not isinstance(count, int):
        raise TypeError(f"max_deliveries is an int, not {type(count).__name__}")
    if not 0 <= count <= _MAX_DELIVERIES:
        raise ValueError(f"max_deliveries is a number from 1 to {_MAX_DELIVERIES}, or 0 for no bound, not {count}")
    return count


def opened(handle, conn: _conn.Conn):
    """What every handle remembers: its connection, and in which process it was last seen live (for _aio)."""
    handle._conn = conn
    handle._session = os.getpid()
    return handle


def leave(release: Callable[[], None], exc_type: type[BaseException] | None) -> None:
    """Release at a block's end. The exception that leaves the block is the one to tell, whatever the release says."""
    try:
        release()
    except _errors.Error:
        if exc_type is None:
            raise


def attach(cls, address: str, ticket: object):
    """Open what was pickled in another process."""
    conn = _conn.to_address(address)
    return opened(cls._attach(conn, ticket), conn)


def aio():
    """The part that needs asyncio, which is not imported only for that."""
    from . import _aio

    return _aio


class Queue(_core.Queue):
    """A queue with the methods of multiprocessing.Queue: put, get, put_nowait, get_nowait, qsize, empty, full.

    The first opener's maxsize counts; 0 is no bound, and for a queue that exists already: as it is. Iterating takes
    values until the queue is shut down and empty.
    """

    __slots__ = ("_conn", "_bounded", "_session", "_reference", "__weakref__")

    _joinable = False

    def __init__(
        self, name: str | None = None, maxsize: int = 0, mode: str = "either", *, conn: _conn.Conn | None = None
    ) -> None:
        self._open(name, maxsize, mode, conn)

    def _open(self, name: str | None, maxsize: int, mode: str, conn: _conn.Conn | None, *options: object) -> None:
        if name is not None and not isinstance(name, str):
            kind = type(name).__name__
            raise TypeError(f"a queue's first argument is its name, a str, not {kind}; for a bound give maxsize=...")
        if not isinstance(maxsize, int):
            raise TypeError(f"maxsize is an int, not {type(maxsize).__name__}")
        number = mode_number(mode)
        if conn is None:
            conn = _conn.default()
        super().__init__(conn, name, number, self._joinable, max(maxsize, 0), *options)
        if maxsize > 0 or name is None:
            self._bounded = maxsize > 0  # else it may be as another made it
        opened(self, conn)

    name = property(_core.Queue.name, doc="Its name; None for a queue without one.")

    def take(self, block: bool = True, timeout: float | None = None) -> Item:
        """Take the oldest item, with its attempt; from a joinable queue it can be finished by itself."""
        return Item(self, *self._take(block, timeout))

    def items(self) -> Iterator[Item]:
        """Take items, as take() does, until the queue is shut down and empty."""
        while True:
            try:
                item = self.take()
            except ShutDown:
                return
            yield item

    def __iter__(self) -> Iterator[object]:
        while True:
            try:
                value = self.get()
            except ShutDown:
                return
            yield value

    __contains__ = None  # asking whether something is in the queue would take out what is

    def shutdown(self, immediate: bool = False) -> None:
        """Nothing more can be put: put() raises ShutDown, and so does get() when all is taken.

        immediate drops what nobody has taken, and counts it as done.
        """
        super().shutdown(bool(immediate))

    def share(self) -> list:
        """A ticket: a value with which another process, in any language, opens this queue. See libipc.attach()."""
        return super().share()

    def fileno(self) -> int:
        """A descriptor that is readable while a get() would not wait, for selectors and event loops.

        Only to be waited on. Others may be faster: get_nowait() may still raise Empty. A forked child asks anew.
        """
        return super().fileno()

    def qsize(self) -> int:
        """How many items a consumer could take now."""
        return super().qsize()

    def empty(self) -> bool:
        """Whether qsize() is 0."""
        return super().empty()

    def full(self) -> bool:
        """Whether a put() would have to wait for room."""
        return super().full()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until the hub owns everything that was put through this handle."""
        super().flush(timeout)

    def close(self) -> None:
        """Give the handle up. Calls that wait on it raise Closed; what was put stays."""
        super().close()

    def join_thread(self) -> None:
        """Nothing to wait for: no thread feeds this queue. There for programs written for multiprocessing."""

    def cancel_join_thread(self) -> None:
        """Nothing to cancel: see join_thread()."""

    async def aget(self) -> object:
        """get() for asyncio. Cancelled, it has taken nothing."""
        return await aio().receive(self, self._get_here)

    async def atake(self) -> Item:
        """take() for asyncio. Cancelled, it has taken nothing."""
        return Item(self, *await aio().receive(self, self._take_here))

    async def aput(self, obj: object) -> None:
        """put() for asyncio. Cancelled, it has put nothing, unless room came in the same moment."""
        await aio().put(self, obj)

    async def aitems(self) -> AsyncIterator[Item]:
        """items() for asyncio."""
        while True:
            try:
                item = await self.atake()
            except ShutDown:
                return
            yield item

    async def __aiter__(self) -> AsyncIterator[object]:
        while True:
            try:
                value = await self.aget()
            except ShutDown:
                return
            yield value

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            what = repr(self.name) if self.name is not None else "without a name"
            return f"<libipc.{type(self).__name__} {what} at {self._conn.address}>"
        except (AttributeError, ValueError):
            return f"<libipc.{type(self).__name__} that was never opened>"

    def __reduce__(self) -> tuple:
        return attach, (type(self), self._conn.address, self.share())


class JoinableQueue(Queue):
    """A queue that knows when its items are finished: task_done() and join(), or take() and done().

    redeliver tells which ends of a process hand out again what it took and has not finished: "crash" (it was killed,
    or failed), "always", or "never". An item that came back unfinished max_deliveries times goes to the queue
    dead_letter, or is dropped, and counts as done; 0 is no bound. The first opener's options count.
    """

    __slots__ = ()

    _joinable = True

    def __init__(
        self,
        name: str | None = None,
        maxsize: int = 0,
        mode: str = "either",
        *,
        conn: _conn.Conn | None = None,
        redeliver: str = "crash",
        max_deliveries: int = 0,
        dead_letter: str | None = None,
    ) -> None:
        if dead_letter is not None and not isinstance(dead_letter, str):
            raise TypeError(f"dead_letter is a queue's name, a str, not {type(dead_letter).__name__}")
        if dead_letter == "":
            raise ValueError("dead_letter is a queue's name, or None; an empty text is neither")
        options = _redeliver_number(redeliver), _check_max_deliveries(max_deliveries), dead_letter
        self._open(name, maxsize, mode, conn, *options)

    def task_done(self) -> None:
        """Finish one taken item: the oldest of this thread, else of this handle, else of the queue."""
        self._task_done()

    def join(self, timeout: float | None = None) -> None:
        """Wait until every item that was put is done. Timeout (a TimeoutError) if that takes longer."""
        self._join(timeout)

    async def ajoin(self) -> None:
        """join() for asyncio."""
        await aio().call(lambda: self._join(None))


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

    @property
    def late(self) -> bool:
        """Whether it comes behind a younger item that this handle had: another consumer gave it back."""
        return self._message.late()

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
        leave(self.done if exc_type is None else self.release, exc_type)

    def __repr__(self) -> str:
        return f"<libipc.Item {self.value!r}, attempt {self.attempt}>"
