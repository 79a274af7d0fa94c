"""Cases of containers: what is measured beside what, in three languages.

Touches nothing.
"""

from . import scenes
from .case import GAPS, Case, Metric, Peer, some

SECTION = "containers"
KEYS = 1000
BATCH = (Metric("batch", "", "us"),)
MANAGER = "multiprocessing.Manager"

IN_PYTHON = (("dict_set", "dict set"), ("dict_get", "dict get"), ("list_append", "list append"),
             ("value_set", "value set"), ("value_get", "value get"), ("namespace_set", "namespace set"),
             ("namespace_get", "namespace get"))
IN_C = (("dict_set", "dict set"), ("dict_get", "dict get"), ("list_append", "list append"),
        ("lock_twice", "lock, acquire and release"), ("value_set", "value set"), ("value_get", "value get"),
        ("open_close", "unnamed list, open and close"))


def _metrics(operations):
    return tuple(Metric(f"{what}_p{percent}", f": {words} p{percent}", "us")
                 for what, words in operations for percent in (50, 99))


def _single():
    def python(whose, gap, count):
        return lambda stage, share: scenes.python_containers(stage, whose, "operations", some(count, share),
                                                             gap_us=gap or None)

    def in_c(gap, count):
        return lambda stage, share: scenes.containers(stage, "operations", some(count, share), gap_us=gap or None)

    for when, gap, count in GAPS:
        name = f"single operations, {when}"
        yield Case(name, "Python", _metrics(IN_PYTHON), python("libipc", gap, count),
                   (Peer(MANAGER, python("multiprocessing", gap, count)),), section=SECTION)
        yield Case(name, "C", _metrics(IN_C), in_c(gap, count), section=SECTION)


def _many():
    """As many keys at a time as KEYS. Ours is one call; theirs is one call for each key, or theirs for all of them."""
    def python(whose, what, count):
        return lambda stage, share: scenes.python_containers(stage, whose, what, some(count, share), keys=KEYS)

    def in_c(what):
        return lambda stage, share: scenes.containers(stage, what, some(500, share), size=KEYS)

    def in_lua(what):
        return lambda stage, share: scenes.lua_containers(stage, what, some(500, share), KEYS)

    for what, words, each, whole in (("update", "set_many", "set_each", "update"),
                                     ("get_many", "get_many", "get_each", "copy")):
        name = f"dict, {words} of {KEYS} keys"
        yield Case(name, "Python", BATCH, python("libipc", what, 500),
                   (Peer(f"{MANAGER}, one by one", python("multiprocessing", each, 20)),
                    Peer(f"{MANAGER}, {whole}()", python("multiprocessing", whole, 200))), section=SECTION)
        yield Case(name, "C", BATCH, in_c(what), section=SECTION)
        yield Case(name, "Lua", BATCH, in_lua(what), (Peer("libipc in C", in_c(what), laned=True),),
                   section=SECTION)


def _single_in_lua():
    def run(what):
        return lambda stage, share: scenes.lua_containers(stage, what, some(2000, share), 1)

    for what in ("set", "get"):
        yield Case(f"dict {what}, back to back, mean", "Lua", BATCH, run(what), section=SECTION)


def container_cases():
    return [*_single(), *_single_in_lua(), *_many()]
