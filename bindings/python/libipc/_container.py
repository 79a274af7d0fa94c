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
        if not self._make_new(name, mode, conn, options):
            return
        try:
            fill()
        except BaseException:
            if name is not None:
                self._conn.unlink(name)  # or nobody would fill it any more
            raise

    def _make_new(self, name: str | None, mode: str, conn: _conn.Conn | None, options: tuple) -> bool:
        """Open it; whether it has been made by that."""
        if mode != "either":
            self._open(name, mode, conn, *options)
            return mode == "create"
        while True:
            try:
                self._open(name, "create", conn, *options)
                return True
            except _errors.AlreadyExists:
                pass
            try:
                self._open(name, "attach", conn, *options)
                return False
            except _errors.NotFound:  # somebody has deleted it in between
                pass

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
