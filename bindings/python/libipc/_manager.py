"""What multiprocessing.Manager() gives, over a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from . import _array, _conn, _dict, _list, _queue, _sync


class Manager:
    """Makes objects as multiprocessing's managers do: their arguments are the constructors' own, name= is a keyword.

    It connects to the hub as connect() does, when start() or connect() is called or something is first made.
    As a context manager it is shut down at the block's end, as one that failed when an exception leaves the block.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._conn: _conn.Conn | None = None

    def start(self) -> None:
        """Connect to the hub, and start it if there is none and the address is a name. A second time: nothing."""
        if self._conn is None:
            self._conn = _conn.connect(self._address)

    connect = start

    def shutdown(self) -> None:
        """Close the connection, and with it all that was made here. A hub that nobody uses any more ends by itself."""
        if self._conn is not None:
            self._conn.close()

    def _started(self) -> _conn.Conn:
        self.start()
        return self._conn

    @property
    def address(self) -> str | None:
        """The address under which others reach the same hub."""
        return self._address if self._conn is None else self._conn.address

    def Lock(self, *, name: str | None = None, **options) -> _sync.Lock:
        return self._started().Lock(name, **options)

    def RLock(self, *, name: str | None = None, **options) -> _sync.RLock:
        return self._started().RLock(name, **options)

    def Semaphore(self, value: int = 1, *, name: str | None = None, **options) -> _sync.Semaphore:
        return self._started().Semaphore(name, value, **options)

    def BoundedSemaphore(self, value: int = 1, *, name: str | None = None, **options) -> _sync.BoundedSemaphore:
        return self._started().BoundedSemaphore(name, value, **options)

    def Event(self, *, name: str | None = None, **options) -> _sync.Event:
        return self._started().Event(name, **options)

    def Condition(
        self, lock: _sync.Lock | _sync.RLock | None = None, *, name: str | None = None, **options
    ) -> _sync.Condition:
        return self._started().Condition(name, lock=lock, **options)

    def Barrier(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        name: str | None = None,
        **options,
    ) -> _sync.Barrier:
        return self._started().Barrier(name, parties, action, timeout, **options)

    def Queue(self, maxsize: int = 0, *, name: str | None = None, **options) -> _queue.Queue:
        return self._started().Queue(name, maxsize, **options)

    def JoinableQueue(self, maxsize: int = 0, *, name: str | None = None, **options) -> _queue.JoinableQueue:
        return self._started().JoinableQueue(name, maxsize, **options)

    def dict(self, mapping=(), /, *, name: str | None = None, **pairs) -> _dict.Dict:
        """A dict, of what dict() takes; but name= is its name among programs, and no key of it."""
        return self._started().Dict(name, _dict.pairs(mapping, pairs))

    def list(self, iterable: Iterable = (), /, *, name: str | None = None) -> _list.List:
        return self._started().List(name, iterable)

    def Namespace(self, mapping=(), /, *, name: str | None = None, **attributes) -> _dict.Namespace:
        """Attributes; but name= is its name among programs, and no attribute of it."""
        return self._started().Namespace(name, _dict.pairs(mapping, attributes))

    def Value(
        self, typecode, value: float = 0, lock: bool = True, *, name: str | None = None, **options
    ) -> _array.Value:
        """A value. It has a lock, whatever is asked for."""
        return self._started().Value(typecode, value, name=name, **options)

    def Array(
        self, typecode, size_or_initializer: int | Iterable, lock: bool = True, *, name: str | None = None, **options
    ) -> _array.Array:
        """An array. It has a lock, whatever is asked for."""
        return self._started().Array(typecode, size_or_initializer, name=name, **options)

    def __enter__(self) -> Manager:
        self.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._started().__exit__(*exc_info)

    def __repr__(self) -> str:
        return f"<libipc.Manager at {self.address}>"

    def __reduce__(self) -> tuple:
        return Manager, (self.address,)
