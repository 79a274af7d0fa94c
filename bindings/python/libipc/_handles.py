"""Handles as values: what containers keep of them, and what comes out."""

from __future__ import annotations

from . import _array, _core, _dict, _errors, _list, _queue, _sync, _values

_HANDLE = 66  # the extension that is a reference
_TYPE = 2  # in its body: [epoch, number, type, name]

_CLASSES = {
    **_sync.BY_TYPE,
    "dict": _dict.Dict,
    "namespace": _dict.Namespace,
    "list": _list.List,
    "array": _array.Array,
    "value": _array.Value,
}


def attach(conn, ticket: object, kind: str):
    """A handle of the class that fits, on what a ticket or a reference is for."""
    if kind in _CLASSES:
        handle = _CLASSES[kind]._attach(conn, ticket)
    else:
        handle = _queue.Queue._attach(conn, ticket, _queue.JoinableQueue)
    return _queue.opened(handle, conn)


def _refer(handle) -> bytes:
    """The body of a handle's reference. It never changes: it is asked for once."""
    try:
        return handle._reference
    except AttributeError:
        handle._reference = handle._refer().data
        return handle._reference


def _kind(body: bytes) -> str:
    try:
        kind = _core.unpack(body)[_TYPE]
    except (_errors.Error, LookupError, TypeError):
        kind = None
    return kind if isinstance(kind, str) else ""


def _open(holder, body: bytes):
    """The handle that a reference in a container stands for; the reference itself where its object is gone."""
    reference = _values.Ext(_HANDLE, body)
    try:
        return attach(holder._conn, reference, _kind(body))
    except (_errors.NotFound, _errors.Deleted, _errors.WrongType, _errors.BadMessage):
        return reference


_core.set_handles(_refer, _open)
