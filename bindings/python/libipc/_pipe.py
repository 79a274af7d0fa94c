"""Pipes: two ends; what one sends the other receives, in order, with an end of file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from . import _conn, _core, _queue

_ENDS = {None: _core.PIPE_ANY, "a": _core.PIPE_A, "b": _core.PIPE_B}


class Connection(_core.Pipe):
    """One end of a pipe, with the methods of multiprocessing.connection.Connection: send, recv, poll, close, fileno,
    send_bytes, recv_bytes, recv_bytes_into.

    Pipe() makes these. Iterating receives values until the other end is gone.
    """

    __slots__ = ("_conn", "_closed", "_session", "__weakref__")

    name = property(_core.Pipe.name, doc="The pipe's name; None for a pipe without one.")
    readable = property(_core.Pipe.readable, doc="Whether this end may receive.")
    writable = property(_core.Pipe.writable, doc="Whether this end may send.")

    @property
    def closed(self) -> bool:
        return getattr(self, "_closed", False) or self._conn.closed

    def __iter__(self) -> Iterator[object]:
        while True:
            try:
                value = self.recv()
            except EOFError:
                return
            yield value

    __contains__ = None  # asking whether something is in the pipe would take out what is

    def fileno(self) -> int:
        """A descriptor that is readable while a recv() would not block, for selectors and event loops.

        Only to be waited on. A forked child asks anew.
        """
        return super().fileno()

    def share(self) -> list:
        """A ticket: a value with which another process, in any language, opens this end. See libipc.attach()."""
        return super().share()

    async def arecv(self) -> object:
        """recv() for asyncio. Cancelled, it has received nothing."""
        return await _queue.aio().receive(self, self._recv_here)

    async def asend(self, obj: object) -> None:
        """send() for asyncio. Cancelled, it has sent nothing, unless room came in the same moment."""
        await _queue.aio().send(self, obj)

    async def __aiter__(self) -> AsyncIterator[object]:
        while True:
            try:
                value = await self.arecv()
            except EOFError:
                return
            yield value

    def flush(self, timeout: float | None = None) -> None:
        """Wait until the hub owns everything that was sent through this handle."""
        super().flush(timeout)

    def close(self) -> None:
        """Give the end up. When its last holder does, the other end meets the end of file."""
        self._closed = True
        super().close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            what = repr(self.name) if self.name is not None else "without a name"
            state = " closed" if self.closed else ""
            return f"<libipc.Connection to pipe {what} at {self._conn.address}{state}>"
        except (AttributeError, ValueError):
            return "<libipc.Connection that was never opened>"

    def __reduce__(self) -> tuple:
        return _queue.attach, (type(self), self._conn.address, self.share())


def Pipe(
    name=None,
    end: str | None = None,
    duplex: bool = True,
    mode: str = "either",
    *,
    conn: _conn.Conn | None = None,
):
    """Both ends (c1, c2) of a new pipe; with a name, one end of the pipe of that name.

    Without duplex c1 (end "a") only receives, c2 (end "b") only sends. Pipe(False) is understood as in
    multiprocessing.
    """
    if isinstance(name, bool):
        name, duplex = None, name
    if end not in _ENDS:
        raise ValueError(f"end is 'a', 'b' or None, not {end!r}")
    if name is None and (end is not None or mode != "either"):
        raise ValueError("a pipe without a name has no mode, and both its ends are given")
    mode_number = _queue.mode_number(mode)
    if conn is None:
        conn = _conn.default()
    if name is None:
        ends = Connection._pair(conn, duplex)
    else:
        ends = (Connection(conn, name, mode_number, _ENDS[end], not duplex),)
    for each in ends:
        _queue.opened(each, conn)
    return ends if name is None else ends[0]
