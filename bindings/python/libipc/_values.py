"""Values that Python has no type of its own for, and exceptions on their way between processes.

The extension module imports this one; it must not import anything else of the package.
"""

from __future__ import annotations

import builtins
from collections import namedtuple


class Ext(namedtuple("Ext", ("code", "data"))):
    """An extension value (msgpack ext) that Python has no type for. It is sent on as it came."""

    __slots__ = ()


class RemoteError(Exception):
    """An exception that came as a value, of a type that is not built into Python."""

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(type_name, text)
        self.type_name = type_name
        self.text = text

    def __str__(self) -> str:
        return f"{self.type_name}: {self.text}" if self.text else self.type_name


def error_parts(error: BaseException) -> tuple[str, str]:
    """What is sent of an exception: its type's name and its text."""
    if isinstance(error, RemoteError):
        return error.type_name, error.text
    if len(error.args) == 1 and isinstance(error.args[0], str):
        text = error.args[0]  # str(KeyError('x')) would be quoted once more on every way
    else:
        text = str(error)
    return type(error).__name__, text.encode("utf-8", "backslashreplace").decode("utf-8")


def error_rebuild(parts: object) -> Exception:
    """The exception that error_parts() described; RemoteError if no built-in one of that name takes a text."""
    if not (isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, str) for part in parts)):
        raise ValueError("an error is [type name, text]")
    type_name, text = parts
    cls = getattr(builtins, type_name, None)
    if isinstance(cls, type) and issubclass(cls, Exception):
        try:
            return cls(text) if text else cls()
        except TypeError:  # UnicodeDecodeError and its like want more than a text
            pass
    return RemoteError(type_name, text)
