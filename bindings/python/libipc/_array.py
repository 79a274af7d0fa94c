"""Arrays and values: numbers of one type that live in the hub, each with a lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import _conn, _core, _errors, _sync
from ._container import COMPARE_SET, COPY, GET, INCREMENT, SET, SET_SLICE

_TYPECODES = "bBhHiIlLqQfd"


def _check_typecode(typecode: object) -> str | None:
    """One of the letters; a ctypes type is as good as its letter."""
    code = getattr(typecode, "_type_", typecode)
    if code is None or (isinstance(code, str) and len(code) == 1 and code in _TYPECODES):
        return code
    hint = "; the name is a keyword: name=..." if isinstance(code, str) else ""
    raise ValueError(f"a typecode is one of {' '.join(_TYPECODES)}, not {typecode!r}{hint}")


class ArrayLock:
    """The lock of an array or a value: one that its owner, a thread, may acquire again. See libipc.Lock."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: _Numbers) -> None:
        self._numbers = numbers

    def acquire(self, blocking: bool = True, timeout: float | None = -1, *, block: bool | None = None) -> bool:
        """Acquire it; False if that takes longer than so many seconds, for which -1 and None are for ever."""
        return self._numbers.acquire(blocking, timeout, block=block)

    def release(self) -> None:
        """Release it."""
        self._numbers.release()

    def locked(self) -> bool:
        """Whether anybody has it."""
        return self._numbers._peek()[0]

    fence = property(lambda self: self._numbers.fence, doc="A number that grows with every owner.")
    abandoned = property(lambda self: self._numbers.abandoned, doc="Whether its owner before died with it.")

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._numbers.__exit__(*exc_info)

    def __repr__(self) -> str:
        return f"<the lock of {self._numbers!r}>"


class _Numbers(_sync._Guard, _core.Array):
    """What both have. With acquires the lock, as with those of multiprocessing's."""

    __slots__ = ("_conn", "_session", "_reference", "_raise_abandoned", "fence", "abandoned", "__weakref__")

    _make = staticmethod(_core.attach_array)

    name = property(_core.Array.name, doc="Its name; None for one without.")
    typecode = property(_core.Array.typecode, doc="Its typecode, as the module array has it.")

    def get_lock(self) -> ArrayLock:
        """Its lock, for steps that belong together. It keeps nobody out who does not ask for it."""
        return ArrayLock(self)


class Value(_Numbers):
    """A number that lives in the hub, with a lock: as multiprocessing's Value. The name is a keyword.

    Its typecode is one of the module array's; a value of that name which exists already is taken as it is, and needs
    none. Each method is one step; v.value += 1 is two: for that there is incr(), or the lock.
    """

    __slots__ = ()

    def __init__(
        self,
        typecode: object = None,
        value: float = 0,
        *,
        name: str | None = None,
        mode: str = "either",
        raise_abandoned: bool = False,
        conn: _conn.Conn | None = None,
    ) -> None:
        self.__setstate__((bool(raise_abandoned),))
        code = _check_typecode(typecode)
        self._open(name, mode, conn, code, True, 0, None if code is None else [value])

    def get(self):
        """The number."""
        return self._call(GET, 0)

    def set(self, value: float) -> None:
        """Store a number. OverflowError: it does not fit the typecode. TypeError: a float where integers are."""
        self._call(SET, 0, value)

    value = property(get, set, doc="The number.")

    def incr(self, by: float = 1):
        """Add to it, and return the sum, in one step. OverflowError, and nothing is added, where it does not fit."""
        return self._call(INCREMENT, 0, by)

    def compare_set(self, old: float, new: float) -> bool:
        """Store new, if old is what is there; whether it was."""
        return self._call(COMPARE_SET, 0, (old,), (new,))


class Array(_Numbers):
    """Numbers of one type that live in the hub, with a lock: as multiprocessing's Array. The name is a keyword.

    Made of a length, or of an iterable of what is in it at first. An array of that name which exists already is taken
    as it is: it needs neither. Its length never changes. Each method is one step; a[0] += 1 is two: for that there is
    incr(), or the lock.
    """

    __slots__ = ()

    def __init__(
        self,
        typecode: object = None,
        size_or_initializer: int | Iterable | None = None,
        *,
        name: str | None = None,
        mode: str = "either",
        raise_abandoned: bool = False,
        conn: _conn.Conn | None = None,
    ) -> None:
        self.__setstate__((bool(raise_abandoned),))
        code = _check_typecode(typecode)
        if size_or_initializer is None or hasattr(size_or_initializer, "__index__"):
            self._open(name, mode, conn, code, False, size_or_initializer or 0, None)
            return
        values = list(size_or_initializer)
        try:
            self._open(name, mode, conn, code, False, len(values), values)
        except _errors.TooBig:
            self._open_large(name, mode, conn, code, values)

    def _open_large(self, name, mode, conn, code, values: list) -> None:
        """More than what can go along with the opening is set afterwards, by who makes it: zeros until then."""
        made = mode != "attach"
        if mode == "either":
            try:
                self._open(name, "create", conn, code, False, len(values), None)
            except _errors.AlreadyExists:
                made = False
        if mode != "either" or not made:
            self._open(name, mode, conn, code, False, len(values), None)
        if made:
            self._call(SET_SLICE, None, None, None, values)

    def __len__(self) -> int:
        return self._length()

    def __iter__(self) -> Iterator:
        return iter(self._call(COPY))

    def __reversed__(self) -> Iterator:
        return reversed(self._call(COPY))

    def __contains__(self, value: object) -> bool:
        return value in self._call(COPY)

    def __delitem__(self, index: object) -> None:
        raise TypeError("an array's length never changes: its numbers cannot be deleted")

    def tolist(self) -> list:
        """All numbers, as a plain list."""
        return self._call(COPY)

    def incr(self, index: int, by: float = 1):
        """Add to a number, and return the sum, in one step. OverflowError where it does not fit: nothing is added."""
        return self._call(INCREMENT, index, by)

    def compare_set(self, index: int, old: float, new: float) -> bool:
        """Replace a number by new if it is old; whether it was."""
        return self._call(COMPARE_SET, index, (old,), (new,))
