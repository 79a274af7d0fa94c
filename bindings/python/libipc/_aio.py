"""Queues and pipes for asyncio: no call here blocks the loop, and none that was cancelled has taken anything.

Receiving waits on the handle's descriptor. What has to wait for room, for a join or for a connection has no descriptor:
it runs in a thread, which ends with the call, or when that is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable

from . import _core, _errors

Empty, Full, HubLost, Timeout = _errors.Empty, _errors.Full, _errors.HubLost, _errors.Timeout


# ---- calls in threads ----


class _Call:
    """A call that blocks, in a thread of its own."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.loop = asyncio.get_running_loop()
        self.future = self.loop.create_future()
        self.cancelled: list[bool] = []
        threading.Thread(target=self.run, name="libipc-call", daemon=True).start()

    def run(self) -> None:
        result, error = None, None
        try:
            result = _core.call_cancellable(self.cancelled, self.function)
        except BaseException as caught:
            error = caught
        try:
            self.loop.call_soon_threadsafe(self.finish, result, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            pass

    def finish(self, result: object, error: BaseException | None) -> None:
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)
            self.future.exception()  # seen: a cancelled caller does not ask

    async def settled(self) -> None:
        """Until the thread is out, however often we are cancelled meanwhile: it looks up every 100 ms."""
        while not self.future.done():
            try:
                await asyncio.wait([self.future])
            except asyncio.CancelledError:
                pass


async def call(function: Callable[[], object]) -> object:
    """Call what blocks. Cancelled, it is over before the cancellation goes on."""
    running = _Call(function)
    try:
        await asyncio.wait([running.future])
    except asyncio.CancelledError:
        running.cancelled.append(True)
        await running.settled()
        raise
    return running.future.result()


# ---- the session ----


def _is_live(handle) -> bool:
    """Whether the handle's session was live when we last looked. Otherwise the next call may have to connect."""
    return getattr(handle, "_session", None) == os.getpid()


async def _make_live(handle) -> int:
    """The handle's descriptor."""
    if _is_live(handle):
        return handle.fileno()
    fd = await call(handle.fileno)
    handle._session = os.getpid()
    return fd


# ---- receiving ----


class _Waiters:
    """Those who wait on one handle in one loop, in order. While there are any, the loop reads the descriptor."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        self.loop = loop
        self.fd = fd
        self.turns: deque[_Turn] = deque()

    def add(self) -> _Turn:
        turn = _Turn(self)
        if not self.turns:
            self.loop.add_reader(self.fd, self.wake)
            _waiters[self.loop, self.fd] = self
        self.turns.append(turn)
        return turn

    def remove(self, turn: _Turn) -> None:
        self.turns.remove(turn)
        if not self.turns:
            del _waiters[self.loop, self.fd]
            if not self.loop.is_closed():  # a task that its loop left behind
                self.loop.remove_reader(self.fd)

    def wake(self) -> None:
        """It is the first one's turn. The next one's comes when that has taken, and there is still something."""
        self.turns[0].future_set()

    def fail(self, error: Exception) -> None:
        """A lost hub is everybody's: who looked again would find a new one, and wait for ever."""
        for turn in self.turns:
            turn.future_set(error)


class _Turn:
    """One who waits."""

    __slots__ = ("waiters", "future")

    def __init__(self, waiters: _Waiters) -> None:
        self.waiters = waiters
        self.future = waiters.loop.create_future()

    def future_set(self, error: Exception | None = None) -> None:
        if not self.future.done():
            self.future.set_result(error)

    async def come(self) -> None:
        error = await self.future
        if error is not None:
            raise error
        self.future = self.waiters.loop.create_future()


# Only a loop's own thread touches what is its.
_waiters: dict[tuple[asyncio.AbstractEventLoop, int], _Waiters] = {}


def _take(handle, here: Callable[[], object], waiters: _Waiters | None) -> object:
    """What is here; Empty. From taking to returning to the task nothing is awaited: no cancel can come between."""
    try:
        return here()
    except HubLost as error:
        handle._session = None
        if waiters is not None:
            waiters.fail(error)
        raise


async def receive(handle, here: Callable[[], object]) -> object:
    """Wait for what here() takes."""
    fd = await _make_live(handle)
    loop = asyncio.get_running_loop()
    waiters = _waiters.get((loop, fd))
    if waiters is None:
        try:
            return _take(handle, here, None)
        except Empty:
            waiters = _Waiters(loop, fd)
    turn = waiters.add()
    try:
        while True:
            await turn.come()
            try:
                return _take(handle, here, waiters)
            except Empty:
                pass
    finally:
        waiters.remove(turn)


# ---- sending ----


def _look_and_put(queue, packed: bytes) -> None:
    _size, maxsize, _unfinished, _joinable = queue._look()
    queue._bounded = maxsize > 0
    queue._put_packed(packed)


async def _send(handle, blocking: Callable[[], object]) -> None:
    """Send where it may have to wait."""
    try:
        await call(blocking)
    except HubLost:
        handle._session = None
        raise
    handle._session = os.getpid()


async def put(queue, obj: object) -> None:
    """Put a value. Where there is no bound that needs no waiting, as a rule."""
    bounded = getattr(queue, "_bounded", None)
    if bounded is False and _is_live(queue):
        try:
            queue.put_nowait(obj)
            return
        except Full:  # of what is on its way
            pass
        except HubLost:
            queue._session = None
            raise
    packed = _core.pack(obj)
    if bounded is None:
        await _send(queue, lambda: _look_and_put(queue, packed))
    else:
        await _send(queue, lambda: queue._put_packed(packed))


async def send(pipe, obj: object) -> None:
    """Send a value."""
    if _is_live(pipe):
        try:
            pipe._send_nowait(obj)
            return
        except Timeout:
            pass
        except HubLost:
            pipe._session = None
            raise
    packed = _core.pack(obj)
    await _send(pipe, lambda: pipe._send_packed(packed))
