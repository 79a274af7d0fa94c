"""The functions of the package that belong to no class."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable

from . import _conn, _core, _errors, _handles, _pipe, _queue

_ADDRESS, _TYPE, _TICKET_FIELDS = 2, 3, 6


def stat() -> dict:
    """Look at the default connection's hub: see Conn.stat()."""
    return _conn.default().stat()


def info(name: str, /) -> dict:
    """Look at one object of the default connection's hub: see Conn.info()."""
    return _conn.default().info(name)


def wait(object_list: Iterable, timeout: float | None = None) -> list:
    """Wait until one or more of several objects are ready, and return a list of these; empty when none is in time.

    An object is a queue, a pipe's end, or anything that has a fileno() or is a descriptor: a file, a socket, a
    Connection of multiprocessing's. It is ready when a get(), recv() or read() would not wait; an end or an error
    counts. As others may be faster, follow it with get_nowait().
    """
    return _core.wait(object_list, timeout)


def attach(ticket: object, *, conn: _conn.Conn | None = None):
    """Open what a share() gave a ticket for: a Queue, a JoinableQueue, a Connection, a Lock, an RLock, a Semaphore,
    an Event, a Condition, a Barrier, a Dict, a List, a Namespace, a Value or an Array.

    Without a connection it is opened through one to the ticket's hub, which all such handles share.
    """
    if not isinstance(ticket, (list, tuple)) or len(ticket) != _TICKET_FIELDS or not isinstance(ticket[_ADDRESS], str):
        raise _errors.BadMessage("that is no ticket of this libipc: attach() takes what a share() returned")
    if conn is None:
        conn = _conn.to_address(ticket[_ADDRESS])
    if ticket[_TYPE] == "pipe":
        return _queue.opened(_pipe.Connection._attach(conn, ticket), conn)
    return _handles.attach(conn, ticket, ticket[_TYPE])


class ValueLimits(namedtuple("ValueLimits", ("max_depth", "max_elements"))):
    """What this process accepts of a value: how deep it is nested, and how many values it consists of."""

    __slots__ = ()


def value_limits() -> ValueLimits:
    """What this process accepts of a value."""
    return ValueLimits(_core.max_depth(), _core.max_elements())


def set_value_limits(*, max_depth: int | None = None, max_elements: int | None = None) -> None:
    """Set what this process accepts of a value that it sends or takes; what is not given stays as it is.

    max_depth: 1 to 128, 32 at first. max_elements: 1 or more, 2**24 at first. Beyond: TooDeep and TooManyElements.
    """
    limits = value_limits()
    _core.set_value_limits(
        limits.max_depth if max_depth is None else max_depth,
        limits.max_elements if max_elements is None else max_elements,
    )
