"""Values as the tables in this folder write them (README.md), to Python's own and back.

Touches nothing but values. Locks nothing.
"""

import builtins
import datetime
import json
import re
from pathlib import Path

import libipc

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def load(name):
    return json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))


def hex_bytes(parts):
    """Hex digits; or a list of parts, a part being digits or [digits, times]."""
    if isinstance(parts, str):
        return bytes.fromhex(parts)
    pairs = ((part, 1) if isinstance(part, str) else part for part in parts)
    return b"".join(bytes.fromhex(digits) * times for digits, times in pairs)


def expand(notation):
    """In full: a number is {"int": …}, a list {"array": …}, and what is repeated is there so often."""
    if type(notation) is int:
        return {"int": str(notation)}
    if isinstance(notation, list):
        return {"array": [expand(element) for element in notation]}
    if not isinstance(notation, dict):
        return notation
    ((kind, body),) = notation.items()
    if kind == "repeat":
        inner, times = body
        if isinstance(inner, (str, list)):
            return expand(inner * times)
        ((kind, body),) = inner.items()
        return expand({kind: body * times})
    if kind == "array":
        return {kind: [expand(element) for element in body]}
    if kind == "map":
        return {kind: [[expand(key), expand(value)] for key, value in body]}
    return notation


def _in_order(notation):
    if not isinstance(notation, dict):
        return notation
    ((kind, body),) = notation.items()
    if kind == "array":
        return {kind: [_in_order(element) for element in body]}
    if kind == "map":
        return {kind: sorted(([_in_order(key), _in_order(value)] for key, value in body), key=json.dumps)}
    return notation


def _kind(notation):
    """What a value in full is called in a pattern."""
    if isinstance(notation, dict):
        return next(iter(notation))
    return {str: "text", bool: "bool", type(None): "null"}[type(notation)]


def _fits(pattern, found):
    if isinstance(pattern, dict) and "any" in pattern:
        return pattern["any"] == _kind(found)
    if isinstance(pattern, dict) and isinstance(found, dict):
        return pattern.keys() == found.keys() and all(_fits(body, found[kind]) for kind, body in pattern.items())
    if isinstance(pattern, list) and isinstance(found, list):
        return len(pattern) == len(found) and all(map(_fits, pattern, found))
    return pattern == found


def same(pattern, found):
    """Whether they are written alike; the order of a map's pairs is nobody's business.

    {"any": kind} in the pattern stands for every value of a kind.
    """
    return _fits(_in_order(expand(pattern)), _in_order(expand(found)))


def _make_error(type_name, text):
    cls = getattr(builtins, type_name, None)
    return cls(text) if cls else libipc.RemoteError(type_name, text)


_READERS = {
    "int": int,
    "float": float.fromhex,
    "bin": bytes.fromhex,
    "timestamp": lambda body: EPOCH + datetime.timedelta(seconds=body[0], microseconds=body[1] // 1000),
    "ext": lambda body: libipc.Ext(body[0], bytes.fromhex(body[1])),
    "error": lambda body: _make_error(*body),
    "absent": lambda _body: libipc.ABSENT,
}


def _read(notation, handles):
    if not isinstance(notation, dict):
        return notation
    ((kind, body),) = notation.items()
    if kind == "array":
        return [_read(element, handles) for element in body]
    if kind == "map":
        return {_read(key, handles): _read(value, handles) for key, value in body}
    return handles[body] if kind == "handle" else _READERS[kind](body)


def from_notation(notation, handles=None):
    """The value; handles are those that it may have in it, by name."""
    return _read(expand(notation), handles)


def _write_float(value):
    return re.sub(r"\.?0*p", "p", value.hex(), count=1)


def _write_moment(value):
    since = value - EPOCH
    return [since.days * 86400 + since.seconds, since.microseconds * 1000]


def to_notation(value):
    """How a value is written; the exact type decides, so that what only compares equal is not taken for the same."""
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        return {"int": str(value)}
    if type(value) is float:
        return {"float": _write_float(value)}
    if type(value) is bytes:
        return {"bin": value.hex()}
    if type(value) is list:
        return {"array": [to_notation(element) for element in value]}
    if type(value) is dict:
        return {"map": [[to_notation(key), to_notation(element)] for key, element in value.items()]}
    if type(value) is datetime.datetime:
        return {"timestamp": _write_moment(value)}
    if type(value) is libipc.Ext:
        return {"ext": [value.code, value.data.hex()]}
    if hasattr(type(value), "_attach"):
        return {"handle": True}
    if isinstance(value, libipc.RemoteError):
        return {"error": [value.type_name, value.text]}
    if isinstance(value, Exception):
        return {"error": [type(value).__name__, value.args[0]]}
    raise TypeError(f"no way to write a {type(value).__name__}")
