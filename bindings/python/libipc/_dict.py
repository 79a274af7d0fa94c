"""Dicts and namespaces: maps that live in the hub, for programs in any language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import _conn, _container, _core
from ._container import (
    CLEAR,
    COMPARE_SET,
    COPY,
    DELETE,
    GET,
    GET_MANY,
    INCREMENT,
    ITEMS,
    KEYS,
    LENGTH,
    POP_ITEM,
    SET,
    SET_DEFAULT,
    UPDATE,
    VALUES,
)


class _Absent:
    """The type of ABSENT: what compare_set() takes for a key that is not there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "libipc.ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()

_call = _core.Dict._call  # for where looking it up is a namespace's business


def _maybe(value: object) -> tuple:
    return () if value is ABSENT else (value,)


def pairs(mapping: object, more: dict) -> dict:
    """What dict.update() was given, as one dict."""
    if isinstance(mapping, Dict):
        mapping = mapping.copy()
    if not more and type(mapping) is dict:
        return mapping
    return dict(mapping, **more)


class Dict(_container.Container, _core.Dict):
    """A dict that lives in the hub, with the methods, operators and exceptions of Python's own.

    Each method is one step, of which nobody sees half; what takes two calls is two steps: for d["n"] += 1 there is
    incr(). Keys are None, bool, int, float, str, bytes and aware datetimes. keys(), values(), items() and iterating are
    of a snapshot. What it begins with is stored by who makes it, in one step: others see it empty, or all of it.
    """

    __slots__ = ("_conn", "_session", "_reference", "__weakref__")

    _make = staticmethod(_core.attach_dict)

    def __init__(
        self,
        name: str | None = None,
        mapping: object = None,
        *,
        mode: str = "either",
        conn: _conn.Conn | None = None,
    ) -> None:
        start = None if mapping is None else pairs(mapping, {})
        fill = None if not start else lambda: self._call(UPDATE, start)
        self._open_filled(name, mode, conn, (False,), fill)

    name = property(_core.Dict.name, doc="Its name; None for one without.")

    def __len__(self) -> int:
        return self._call(LENGTH)

    def __iter__(self) -> Iterator:
        return iter(self._call(KEYS))

    def __reversed__(self) -> Iterator:
        return reversed(self._call(KEYS))

    def keys(self) -> list:
        """Its keys, in the order in which they came: a list."""
        return self._call(KEYS)

    def values(self) -> list:
        """Its values: a list."""
        return self._call(VALUES)

    def items(self) -> list[tuple]:
        """Its keys and values: a list of pairs."""
        return [tuple(pair) for pair in self._call(ITEMS)]

    def copy(self) -> dict:
        """All of it, as a plain dict."""
        return self._call(COPY)

    def clear(self) -> None:
        """Take everything out."""
        self._call(CLEAR)

    def popitem(self) -> tuple:
        """Take out the newest pair; KeyError if there is none."""
        return tuple(self._call(POP_ITEM))

    def setdefault(self, key, default=None, /):
        """The value of a key, which is the default from now on if there is none."""
        return self._call(SET_DEFAULT, key, default)

    def update(self, mapping=(), /, **more) -> None:
        """Store all pairs of a mapping, or of an iterable of pairs, in one step."""
        self._call(UPDATE, pairs(mapping, more))

    set_many = update

    def get_many(self, keys: Iterable, default=None) -> list:
        """The values of several keys, in one step; the default for those that are not there."""
        return self._call(GET_MANY, _container.arguments(keys), default)

    def incr(self, key, by: float = 1, start: float = 0):
        """Add to a number, which begins as start, and return the sum, in one step.

        OverflowError, and nothing is added, where it would be beyond 64 bits.
        """
        return self._call(INCREMENT, key, by, start)

    def compare_set(self, key, old, new) -> bool:
        """Store new, if old is what is there; whether it was. ABSENT, for either, is no such key."""
        return self._call(COMPARE_SET, key, _maybe(old), _maybe(new))

    def __or__(self, other):
        return self.copy() | pairs(other, {}) if _is_mapping(other) else NotImplemented

    def __ror__(self, other):
        return pairs(other, {}) | self.copy() if _is_mapping(other) else NotImplemented

    def __ior__(self, other):
        self.update(other)
        return self


def _is_mapping(other: object) -> bool:
    return isinstance(other, (dict, Dict))


class Namespace(_container.Container, _core.Dict):
    """Attributes that live in the hub: set, get and delete them; each is one step.

    Every name is yours but those that begin with "_", which are the handle's own: _name, _close(), _share(), _copy(),
    _update(), _incr(), _compare_set(). dir() lists what is there.
    """

    __slots__ = ("_conn", "_session", "_reference", "__weakref__")

    _make = staticmethod(_core.attach_dict)

    def __init__(
        self,
        name: str | None = None,
        attributes: object = None,
        *,
        mode: str = "either",
        conn: _conn.Conn | None = None,
    ) -> None:
        start = None if attributes is None else pairs(attributes, {})
        for attribute in start or ():
            _check_attribute(attribute)
        fill = None if not start else lambda: self._call(UPDATE, start)
        self._open_filled(name, mode, conn, (True,), fill)

    # The classes below have methods of common names: they are not to be found here.
    def __getattribute__(self, name: str):
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        try:
            return _call(self, GET, name)
        except KeyError:
            raise AttributeError(f"{self!r} has no attribute {name!r}", name=name, obj=self) from None

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            _call(self, SET, name, value)
            return
        if not hasattr(type(self), name):  # it would be this handle's alone, which nobody expects
            _check_attribute(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name.startswith("_"):
            object.__delattr__(self, name)
            return
        try:
            self._call(DELETE, name)
        except KeyError:
            raise AttributeError(f"{self!r} has no attribute {name!r}", name=name, obj=self) from None

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name.startswith("_")] + self._call(KEYS)

    _name = property(_core.Dict.name, doc="Its name; None for one without.")

    def _own_name(self) -> str | None:
        return self._name

    def _own_ticket(self) -> list:
        return self._share()

    def _copy(self) -> dict:
        """All attributes, as a plain dict."""
        return self._call(COPY)

    def _update(self, mapping=(), /, **more) -> None:
        """Set several attributes in one step."""
        attributes = pairs(mapping, more)
        for name in attributes:
            _check_attribute(name)
        self._call(UPDATE, attributes)

    def _incr(self, name: str, by: float = 1, start: float = 0):
        """Add to a number in one step: see Dict.incr()."""
        return self._call(INCREMENT, name, by, start)

    def _compare_set(self, name: str, old, new) -> bool:
        """Set an attribute if it is what is expected: see Dict.compare_set()."""
        return self._call(COMPARE_SET, name, _maybe(old), _maybe(new))

    def _share(self) -> list:
        """A ticket: a value with which another process, in any language, opens this. See libipc.attach()."""
        return _core.Dict.share(self)

    def _close(self) -> None:
        """Give the handle up."""
        _core.Dict.close(self)

    def __exit__(self, *exc_info: object) -> None:
        self._close()

    def __contains__(self, name: str) -> bool:
        return _core.Dict.__contains__(self, name)

    # What a dict has, and attributes have not.
    __getitem__ = __setitem__ = __delitem__ = __iter__ = None


def _check_attribute(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"an attribute's name is a str, not {type(name).__name__}")
    if name.startswith("_"):
        raise AttributeError(f"names that begin with _ are the handle's own: {name!r}")
