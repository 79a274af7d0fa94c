"""Dicts, namespaces, lists, arrays and values in Python: how they are opened, and their methods in Python's idiom.

Touches the handles that it is given. Locks what it is told to.
"""

from notation import from_notation, to_notation

import libipc


def own(thing, name):
    """What a handle has of its own: a namespace's other names are its user's."""
    return getattr(thing, f"_{name}" if isinstance(thing, libipc.Namespace) else name)


# ---- opening ----


def maker(conn, class_name):
    """What opens an object of a class by its name, which is a keyword where numbers are made."""
    make = getattr(conn, class_name)
    return (lambda name, **options: make(name=name, **options)) if class_name in ("Array", "Value") else make


def options(given):
    """A table's options, in Python's form."""
    named = dict(given)
    if "value" in named:
        named["value"] = from_notation(named["value"])
    for name in ("length", "values"):
        if name in named:
            named["size_or_initializer"] = from_notation(named.pop(name)) if name == "values" else named.pop(name)
    return named


# ---- methods ----

# Each is called with the handle, the seconds that it may take, and the step's arguments.


def _of(method):
    """A method that needs no more than its arguments, and what it gives, null for nothing."""
    return lambda thing, _seconds, *args: {"value": method(thing, *args)}


def _named(name):
    return _of(lambda thing, *args: getattr(thing, name)(*args))


def _get(thing, key, *default):
    return thing.get(key, *default) if default else thing[key]


def _set(thing, key, value):
    thing[key] = value


def _delete(thing, key):
    del thing[key]


def _get_slice(thing, start, stop, step):
    return thing[start:stop:step]


def _set_slice(thing, start, stop, step, values):
    thing[start:stop:step] = values


def _delete_slice(thing, start, stop, step):
    del thing[start:stop:step]


def _items(thing):
    return [list(pair) for pair in thing.items()]


def _pop_item(thing):
    return list(thing.popitem())


def _repeat(thing, times):
    thing *= times


def _get_attribute(space, _seconds, name):
    try:
        return {"value": getattr(space, name)}
    except AttributeError:
        return {"fails": "IPC_EKEY"}


def _delete_attribute(space, _seconds, name):
    try:
        delattr(space, name)
    except AttributeError:
        return {"fails": "IPC_EKEY"}
    return {}


def _acquire(numbers, seconds):
    if not numbers.acquire(timeout=seconds):
        return {"fails": "IPC_ETIMEOUT"}
    return {"gives": to_notation(numbers.fence), "abandoned": numbers.abandoned}


_LOCK = {"acquire": _acquire, "release": _named("release"), "locked": _of(lambda numbers: numbers.get_lock().locked())}

_INDEXED = {
    "get": _of(_get),
    "set": _of(_set),
    "increment": _named("incr"),
    "compare_set": _named("compare_set"),
    "slice": _of(_get_slice),
    "set_slice": _of(_set_slice),
    "length": _of(len),
}

# By class and method.
METHODS = {
    "Dict": {
        "get": _of(_get),
        "set": _of(_set),
        "delete": _of(_delete),
        "contains": _of(lambda table, key: key in table),
        "length": _of(len),
        "keys": _named("keys"),
        "values": _named("values"),
        "items": _of(_items),
        "copy": _named("copy"),
        "pop": _named("pop"),
        "pop_item": _of(_pop_item),
        "set_default": _named("setdefault"),
        "update": _named("update"),
        "get_many": _named("get_many"),
        "increment": _named("incr"),
        "compare_set": _named("compare_set"),
        "clear": _named("clear"),
    },
    "Namespace": {
        "get": _get_attribute,
        "set": _of(setattr),
        "delete": _delete_attribute,
        "contains": _of(hasattr),
        "keys": _of(lambda space: list(space._copy())),
        "copy": _named("_copy"),
        "update": _named("_update"),
        "increment": _named("_incr"),
        "compare_set": _named("_compare_set"),
    },
    "List": {
        **_INDEXED,
        "delete": _of(_delete),
        "append": _named("append"),
        "extend": _named("extend"),
        "insert": _named("insert"),
        "pop": _named("pop"),
        "remove": _named("remove"),
        "index": _named("index"),
        "count": _named("count"),
        "contains": _of(lambda values, value: value in values),
        "delete_slice": _of(_delete_slice),
        "reverse": _named("reverse"),
        "sort": _of(lambda values, descending=False: values.sort(reverse=descending)),
        "repeat": _of(_repeat),
        "copy": _named("copy"),
        "clear": _named("clear"),
    },
    "Array": {**_INDEXED, **_LOCK, "copy": _named("tolist"), "typecode": _of(lambda numbers: numbers.typecode)},
    "Value": {
        **_LOCK,
        "get": _named("get"),
        "set": _named("set"),
        "increment": _named("incr"),
        "compare_set": _named("compare_set"),
        "typecode": _of(lambda numbers: numbers.typecode),
    },
}
