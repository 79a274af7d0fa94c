"""A hub inside this program."""

from __future__ import annotations

from . import _core


class Hub(_core.Hub):
    """A hub on a thread of this program; it ends with the program, or when it is stopped.

    The address: a bare name, "ipc:///path", "tcp://127.0.0.1:port" ("*" for any free port) or "inproc://name".
    The limits: how many sessions and objects it takes, how many bytes of values, bytes of one value, bytes of an
    object's name, and waiting calls of one session; 0 is the library's own.
    """

    __slots__ = ()

    def __init__(
        self,
        address: str,
        *,
        max_sessions: int = 0,
        max_objects: int = 0,
        max_memory: int = 0,
        max_message: int = 0,
        max_name: int = 0,
        max_waiting: int = 0,
    ) -> None:
        super().__init__(address, max_sessions, max_objects, max_memory, max_message, max_name, max_waiting)

    address = property(_core.Hub.address, doc="The address under which the hub is reached.")

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        try:
            return f"<libipc.Hub {self.address}>"
        except ValueError:  # it never started
            return "<libipc.Hub that does not run>"
