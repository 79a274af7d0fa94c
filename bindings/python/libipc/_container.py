"""What dicts, namespaces, lists, arrays and values have in common."""

from __future__ import annotations

from . import _conn, _errors, _sync

# The hub's methods: enum ipc_method.
LENGTH, GET, SET, DELETE, CONTAINS, CLEAR, POP, INCREMENT, COMPARE_SET, COPY = range(1, 11)
KEYS, VALUES, ITEMS, POP_ITEM, SET_DEFAULT, UPDATE, GET_MANY = range(16, 23)
GET_SLICE, SET_SLICE, DELETE_SLICE, APPEND, EXTEND, INSERT, REMOVE, INDEX, COUNT, REVERSE, SORT, REPEAT = range(32, 44)


class Container(_sync._Sync):
    """What they all have. The next class behind it is one of _core's."""

    __slots__ = ()

    def _open_filled(self, name: str | None, mode: str, conn: _conn.Conn | None, options: tuple, fill) -> None:
        """Open it; who makes it fills it, in one step, so that others see it empty or whole."""
        if fill is None:
            self._open(name, mode, conn, *options)
            return
        if mode == "either":
            try:
                self._open(name, "create", conn, *options)
            except _errors.AlreadyExists:
                # It is deleted in between only by somebody who does not want it: then it is made here, after all.
                self._open(name, "either", conn, *options)
                return
        else:
            self._open(name, mode, conn, *options)
            if mode == "attach":
                return
        fill()

    def close(self) -> None:
        """Give the handle up. What it is on lives on by its name, by other handles, and in containers that have it."""
        super().close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def arguments(values: object) -> list | tuple:
    """The elements of an iterable, as something that is packed in one go."""
    return values if type(values) in (list, tuple) else list(values)
