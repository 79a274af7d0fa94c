"""Lists: sequences that live in the hub, for programs in any language."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator

from . import _conn, _container, _core, _errors
from ._container import (
    CLEAR,
    COMPARE_SET,
    CONTAINS,
    COPY,
    COUNT,
    EXTEND,
    INCREMENT,
    INDEX,
    INSERT,
    LENGTH,
    POP,
    REMOVE,
    REPEAT,
    REVERSE,
    SORT,
)

_LEAST, _MOST = -(2**63), 2**63 - 1


def _whole(index: object) -> int:
    """An index as an int of 64 bits, of what Python takes for one."""
    number = operator.index(index)
    if not _LEAST <= number <= _MOST:
        raise _errors.OutOfRange("Python int too large to convert to C ssize_t")
    return int(number)


def _bound(index: object) -> int:
    """A slice's bound: beyond 64 bits is as good as at their end."""
    return int(max(_LEAST, min(operator.index(index), _MOST)))


class List(_container.Container, _core.List):
    """A list that lives in the hub, with the methods, operators and exceptions of Python's own, slices included.

    Each method is one step, of which nobody sees half; what takes two calls is two steps: for l[0] += 1 there is
    incr(). Iterating is over a snapshot. What it begins with is stored by who makes it, in one step: others see it
    empty, or all of it.
    """

    __slots__ = ("_conn", "_session", "_reference", "__weakref__")

    _make = staticmethod(_core.attach_list)

    def __init__(
        self,
        name: str | None = None,
        iterable: Iterable | None = None,
        *,
        mode: str = "either",
        conn: _conn.Conn | None = None,
    ) -> None:
        values = None if iterable is None else _container.arguments(iterable)
        fill = None if not values else lambda: self._call(EXTEND, values)
        self._open_filled(name, mode, conn, (), fill)

    name = property(_core.List.name, doc="Its name; None for one without.")

    def __len__(self) -> int:
        return self._call(LENGTH)

    def __iter__(self) -> Iterator:
        return iter(self._call(COPY))

    def __reversed__(self) -> Iterator:
        return reversed(self._call(COPY))

    def __contains__(self, value: object) -> bool:
        return self._call(CONTAINS, value)

    def copy(self) -> list:
        """All of it, as a plain list."""
        return self._call(COPY)

    def extend(self, iterable: Iterable, /) -> None:
        """Add all values of an iterable at the end, in one step."""
        self._call(EXTEND, _container.arguments(iterable))

    def insert(self, index: int, value, /) -> None:
        """Add a value before an index."""
        self._call(INSERT, _whole(index), value)

    def pop(self, index: int = -1, /):
        """Take a value out; IndexError if there is none."""
        return self._call(POP, _whole(index))

    def remove(self, value, /) -> None:
        """Drop the first value that equals this one; ValueError if none does."""
        self._call(REMOVE, value)

    def index(self, value, start: int = 0, stop: int = _MOST, /) -> int:
        """Where the first value is that equals this one; ValueError if none does."""
        return self._call(INDEX, value, _bound(start), _bound(stop))

    def count(self, value, /) -> int:
        """How many values equal this one."""
        return self._call(COUNT, value)

    def clear(self) -> None:
        """Take everything out."""
        self._call(CLEAR)

    def reverse(self) -> None:
        """Turn the order round."""
        self._call(REVERSE)

    def sort(self, *, key: None = None, reverse: bool = False) -> None:
        """Put the values in order, in one step: numbers, texts, bytes, booleans, moments and lists of these.

        There is no key: the hub sorts, and calls no function of a program's.
        """
        if key is not None:
            raise TypeError(
                "the hub sorts, and cannot call a key function; under a lock: values = l.copy(); "
                "values.sort(key=...); l[:] = values"
            )
        self._call(SORT, bool(reverse))

    def incr(self, index: int, by: float = 1):
        """Add to a number, and return the sum, in one step. OverflowError beyond 64 bits: nothing is added."""
        return self._call(INCREMENT, _whole(index), by)

    def compare_set(self, index: int, old, new) -> bool:
        """Replace a value by new if it is old; whether it was."""
        return self._call(COMPARE_SET, _whole(index), (old,), (new,))

    def __add__(self, other: object):
        return self.copy() + list(other) if isinstance(other, (list, List)) else NotImplemented

    def __radd__(self, other: object):
        return other + self.copy() if isinstance(other, list) else NotImplemented

    def __mul__(self, times: int):
        return self.copy() * times if hasattr(times, "__index__") else NotImplemented

    __rmul__ = __mul__

    def __iadd__(self, other: Iterable):
        self.extend(other)
        return self

    def __imul__(self, times: int):
        self._call(REPEAT, _bound(times))
        return self
