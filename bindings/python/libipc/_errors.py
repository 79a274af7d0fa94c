"""The exceptions: one class for each error code of the C library.

Every class derives from Error and from the built-in (or standard library's) exception that fits, so that code written
for queue.Queue or multiprocessing catches what it always did.
"""

from __future__ import annotations

import queue
import threading

from . import _core


class Error(Exception):
    """Any error of libipc. code is the C library's number, code_name its name there."""

    code: int = 0
    code_name: str = "IPC_OK"


class AbandonedError(Error, RuntimeError):
    """A lock was acquired, and is held, but its owner before ended without releasing it."""


# What a code is called in Python, and what else it is.
_CLASSES: dict[str, tuple[str, tuple[type[Exception], ...]]] = {
    "IPC_EINVAL": ("InvalidArgument", (ValueError,)),
    "IPC_ENOMEM": ("OutOfMemory", (MemoryError,)),
    "IPC_ESYS": ("SystemCallError", (OSError,)),
    "IPC_ETIMEOUT": ("Timeout", (TimeoutError,)),
    "IPC_EINTR": ("Interrupted", (InterruptedError,)),
    "IPC_EEMPTY": ("Empty", (queue.Empty,)),
    "IPC_EFULL": ("Full", (queue.Full,)),
    # The standard library raises ValueError from a closed queue, OSError from a closed Connection.
    "IPC_ECLOSED": ("Closed", (ValueError, OSError)),
    "IPC_EEOF": ("EndOfPipe", (EOFError,)),
    "IPC_EPIPE": ("BrokenPipe", (BrokenPipeError,)),
    # Python 3.13 and later have a class of their own for it.
    "IPC_ESHUTDOWN": ("ShutDown", (getattr(queue, "ShutDown", Exception),)),
    "IPC_ELOST": ("HubLost", (ConnectionResetError,)),
    "IPC_ENOHUB": ("NoHub", (ConnectionRefusedError,)),
    "IPC_EHUBPROG": ("HubProgramNotFound", (FileNotFoundError,)),
    "IPC_EADDRESS": ("BadAddress", (ValueError,)),
    "IPC_EADDRINUSE": ("AddressInUse", (OSError,)),
    "IPC_EEXIST": ("AlreadyExists", (FileExistsError,)),
    "IPC_ENOENT": ("NotFound", (FileNotFoundError,)),
    "IPC_ETYPE": ("WrongType", (TypeError,)),
    "IPC_EOPTIONS": ("OptionsDiffer", (ValueError,)),
    "IPC_EDELETED": ("Deleted", (OSError,)),
    "IPC_EBUSY": ("Busy", (OSError,)),
    "IPC_ELIMIT": ("LimitReached", (OSError,)),
    "IPC_ETOOBIG": ("TooBig", (ValueError,)),
    "IPC_EBADMSG": ("BadMessage", (ValueError,)),
    "IPC_EPROTO": ("ProtocolError", (ConnectionError,)),
    "IPC_EFORMAT": ("BadFormat", (ValueError,)),
    "IPC_EUNFINISHED": ("NothingUnfinished", (ValueError,)),
    "IPC_EPERM": ("NotPermitted", (PermissionError,)),
    "IPC_ENOTSUP": ("NotSupported", (NotImplementedError,)),
    "IPC_ENAME": ("BadName", (ValueError,)),
    "IPC_EDEPTH": ("TooDeep", (ValueError,)),
    "IPC_EELEMENTS": ("TooManyElements", (ValueError,)),
    "IPC_ESESSIONS": ("TooManySessions", (OSError,)),
    "IPC_EOBJECTS": ("TooManyObjects", (OSError,)),
    "IPC_EMEMORY": ("HubFull", (OSError,)),
    "IPC_ELANE": ("NoLane", (OSError,)),
    # Of a lock threading raises RuntimeError, of a semaphore ValueError, as multiprocessing does of both.
    "IPC_ENOTHELD": ("NotHeld", (RuntimeError, ValueError)),
    "IPC_ENOTOWNER": ("NotOwner", (RuntimeError,)),
    "IPC_EDEADLOCK": ("Deadlock", (RuntimeError,)),
    "IPC_EBROKEN": ("BrokenBarrier", (threading.BrokenBarrierError,)),
    # Of containers, as dict, list and array have them.
    "IPC_EKEY": ("NoSuchKey", (KeyError,)),
    "IPC_EINDEX": ("NoSuchIndex", (IndexError,)),
    "IPC_EABSENT": ("NoSuchValue", (ValueError,)),
    "IPC_ERANGE": ("OutOfRange", (OverflowError,)),
    "IPC_EKIND": ("WrongKind", (TypeError,)),
}


def _make(code_name: str, code: int, text: str) -> type[Error]:
    """The class of a code; a code that the table does not know yet gets one named after it."""
    name, builtin = _CLASSES.get(code_name, (code_name.removeprefix("IPC_E").title(), ()))
    bases: tuple[type, ...] = (Error, *(base for base in builtin if base is not Exception))
    doc = f"{text[0].upper()}{text[1:]}."
    namespace = {"__module__": "libipc", "__doc__": doc, "code": code, "code_name": code_name}
    return type(name, bases, namespace)


def _make_too_short(code: int, text: str) -> type[Error]:
    """BufferTooShort, whose argument is the whole message, as with multiprocessing's."""
    import multiprocessing

    _CLASSES["IPC_ETOOSMALL"] = ("BufferTooShort", (multiprocessing.BufferTooShort,))
    return _make("IPC_ETOOSMALL", code, text)


class _Classes(dict[int, type[Error]]):
    """The classes by their codes. One is made when it is first asked for: multiprocessing takes long to import."""

    def __missing__(self, code: int) -> type[Error]:
        cls = _make_too_short(code, _late[code])
        return self.setdefault(code, cls)


_late: dict[int, str] = {}
_by_code = _Classes()
for _name, _code, _text in _core.errors():
    if _name == "IPC_ETOOSMALL":
        _late[_code] = _text
    elif _code != 0:
        _by_code[_code] = _make(_name, _code, _text)

_core.set_exceptions(_by_code)
globals().update({cls.__name__: cls for cls in _by_code.values()})


def late_class(name: str) -> type[Error]:
    """For the package's __getattr__: what is not made yet."""
    if name != "BufferTooShort":
        raise AttributeError(f"module 'libipc' has no attribute {name!r}")
    return _by_code[next(iter(_late))]


Error.__module__ = AbandonedError.__module__ = "libipc"
__all__ = ["AbandonedError", "Error", *(cls.__name__ for cls in _by_code.values())]
