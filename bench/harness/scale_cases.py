"""Cases of scale: the same operations, in C, beside few others and beside many. The ratio tells whether a cost grows.

Touches nothing.
"""

from . import scenes
from .case import Case, Metric, Peer, some

SECTION = "scale"
BESIDE = (("dict_set", "dict set"), ("dict_get", "dict get"), ("list_append", "list append"),
          ("lock_twice", "lock, acquire and release"), ("open_close", "unnamed list, open and close"),
          ("notify", "condition, notify one"))
KEYED = (("set", "set"), ("get", "get"), ("increment", "incr"), ("new", "set of a new key"), ("delete", "delete"),
         ("pop_item", "popitem"))


def _medians(what):
    return tuple(Metric(f"{key}_p50", f": {words}", "us") for key, words in what)


def _objects():
    def run(what, others, **options):
        def scene(stage, share):
            beside = some(others, share) if others > 1 else others
            return scenes.scale(stage, what, some(2000, share), others=beside, **options)

        return scene

    for what, many, words, options in (
            ("objects", 10_000, "unnamed lists", {}),
            ("objects", 10_000, "named lists", {"named": True}),
            ("objects", 10_000, "lists of another session", {"apart": True}),
            ("handles", 1000, "handles on one list", {})):
        yield Case(f"beside {many:,} {words}", "C", _medians(BESIDE), run(what, many, **options),
                   (Peer("with 1", run(what, 1, **options), laned=True),), lane="shm", section=SECTION)


def _waiters():
    def run(others, sessions):
        def scene(stage, share):
            waiting = some(others, share) if others > 1 else others
            return scenes.scale(stage, "waiters", some(1000, share), others=waiting, sessions=sessions)

        return scene

    metrics = (*_medians((("notify", "notify one"), ("handover", "until it has run and waits again"))),
               Metric("notify_all", ": notify all, for each", "us"))
    for sessions in (1, 100):
        yield Case(f"1,000 wait for a condition, in {sessions} session{'s' if sessions > 1 else ''}", "C", metrics,
                   run(1000, sessions), (Peer("with 1 waiting", run(1, 1), laned=True),), lane="shm", section=SECTION)


def _keys():
    def run(keys):
        return lambda stage, share: scenes.many_keys(stage, some(2000, share), some(keys, share))

    yield Case("dict of 1,000,000 keys", "C", _medians(KEYED), run(1_000_000),
               (Peer("with 1,000 keys", run(1000), laned=True),), lane="shm", section=SECTION)
    filling = (Metric("mean", ": each, 100 a call", "us"),
               Metric("longest_ms", ": CPU of the hub for the longest call", "ms"),
               Metric("bytes", ": hub's memory for a key", "bytes"))
    yield Case("filling a dict with 1,000,000 keys", "C", filling, run(1_000_000), lane="shm", section=SECTION)


def scale_cases():
    return [*_objects(), *_waiters(), *_keys()]
