"""A hub inside this program."""

from __future__ import annotations

from . import _core


class Hub(_core.Hub):
    """A hub on a thread of this program; it ends with the program, or when it is stopped.

    The address: a bare name, "ipc:///path", "tcp://127.0.0.1:port" ("*" for any free port) or "inproc://name".
    """

    __slots__ = ()

    def __init__(self, address: str) -> None:
        super().__init__(address)

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
