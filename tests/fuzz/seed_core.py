"""Write the seeds of corpus/core, which core_say.c reads. Run it after a change: python3 seed_core.py"""

from pathlib import Path

OPS = ("open open open open put put put put put_wait put_wait flow flow flow poll poll recalled recalled done done "
       "done_any release join size uncredited close unlink list ping cancel pin bye bind shutdown stat info acquire "
       "acquire unlock peek set wait wait notify pass reset invoke invoke invoke invoke invoke invoke refer "
       "refer").split()
TIMEOUTS = {-1: 0, 0: 1, 1: 2, 20: 3, 100: 4, 1000: 5, "long": 6, "none": 7}
NO_SEQ = 250
FEW, PLENTY = 0, 1
LARGE = 255  # a value with a frame of its own

# What a step is; the session that it concerns stands above.
COME, PASS, TAKE, FORK, LEAVE, GARBLE, BABBLE, COLLECT, SAY = 0, 1, 2, 3, 4, 5, 6, 7, 9


def life(memory, *steps, unlink=True):
    return bytes([memory + 4 * unlink]) + b"".join(steps)


def come(exact=False):
    return bytes([COME | 16 * exact])


def said(session, op, handle, *fields, later=False, seq=True):
    number = handle if seq else NO_SEQ + handle
    return bytes([(COLLECT if later else SAY) | session << 4, OPS.index(op), number, *fields])


def queue(session, handle, name=0, joinable=False, maxsize=0, redelivery=0):
    """One that is neither joinable nor bounded asks for nothing, and attaches to any."""
    return said(session, "open", handle, 0, 4 * name, 17 * joinable | (2 | maxsize << 5 if maxsize else 0),
                redelivery)


def unnamed(session, handle):
    return said(session, "open", handle, 0, 1, 0, 0)


def pipe(session, handle, name=1, end=0, simplex=False):
    return said(session, "open", handle, 2, 4 * name, 4 | 8 | 32 * simplex | end << 6, 0)


def sibling(session, handle, of):
    return said(session, "open", handle, 0, 3 + 4 * of, 0, 0)


def pinned(session, handle, pin=0):
    return said(session, "open", handle, 0, 2 + 4 * pin, 0, 0)


def put(session, handle, length=1, **how):
    return said(session, "put", handle, length, **how)


def put_wait(session, handle, timeout=-1, **how):
    return said(session, "put_wait", handle, TIMEOUTS[timeout], 1, **how)


def flow(session, handle, window=8, back=0, timeout=-1):
    """All but so many of the latest are taken."""
    return said(session, "flow", handle, back, window, TIMEOUTS[timeout])


def recalled(session, handle, back=0):
    return said(session, "recalled", handle, back, 1)


def join(session, handle, timeout=-1, **how):
    return said(session, "join", handle, TIMEOUTS[timeout], **how)


def passing(how=0):
    """Until something is due, or 2 ** (how - 140) us."""
    return bytes([PASS, how])


CONTAINERS = ("dict", "namespace", "list", "array", "value")
METHODS = {"length": 1, "get": 2, "set": 3, "delete": 4, "contains": 5, "clear": 6, "pop": 7, "increment": 8,
           "compare_set": 9, "copy": 10, "keys": 16, "values": 17, "items": 18, "pop_item": 19, "set_default": 20,
           "update": 21, "get_many": 22, "get_slice": 32, "set_slice": 33, "delete_slice": 34, "append": 35,
           "extend": 36, "insert": 37, "remove": 38, "index": 39, "count": 40, "reverse": 41, "sort": 42, "repeat": 43}
NULL, ONE, HALF, BIG, TEXT, MOMENT, NONE, BROKEN, REFERENCE = 96, 98, 101, 105, 108, 112, 115, 119, 168
# Each is 96 or more, and an atom of core_arguments.c: 24 of them, from 96 on.


def number(n):
    return 32 + n


def sequence(*values):
    return [192 + len(values), *values]


def mapping(*values):
    return [232 + len(values) // 2, *values]


def flat(values):
    for value in values:
        yield from flat(value) if isinstance(value, list) else [value]


def container(session, handle, kind, how="name", of=0, typecode="d", numbers=0):
    """numbers: 4 a length behind, 8 values. how: name, new, pin, sibling, reference."""
    place = ("name", "new", "pin", "sibling", "reference").index(how) + 5 * of
    drawn = ("bBhHiIlLqQfd".index(typecode) << 4 | numbers | (1 if numbers else 0))
    return said(session, "open", handle, 100 + CONTAINERS.index(kind), place, drawn, *([3] if numbers & 4 else []))


def invoked(session, handle, method, *arguments):
    return said(session, "invoke", handle, METHODS[method], len(arguments), *flat(arguments))


def many(session, handle, method, count, value):
    """One argument: a sequence of 16 and so many times 64 of a value."""
    return said(session, "invoke", handle, METHODS[method], 201, count, value)


def leave(session, crash):
    return bytes([LEAVE | session << 4, crash])


def fork(session):
    return bytes([FORK | session << 4, 1])


def take(session, handle, count=1):
    return bytes([TAKE | session << 4, handle, count - 1])


def babble(session, *values):
    return bytes([BABBLE | session << 4, len(values), *values])


def garble(session, at, value):
    return bytes([GARBLE | session << 4, 0, at, value])


TWO = come() + come()
EXACT = come(exact=True) + come(exact=True)
SECONDS = passing(140 + 22)

SEEDS = {
    "queue": life(PLENTY, TWO, queue(0, 1), queue(1, 1), put(0, 1) * 3, flow(1, 1), flow(1, 1, 0), said(0, "size", 1)),
    "queue_exact": life(PLENTY, EXACT, queue(0, 1), queue(1, 1), put(0, 1) * 3, flow(1, 1), take(1, 1, 2), SECONDS * 3),
    "bounded": life(PLENTY, TWO, queue(0, 1, maxsize=2), queue(1, 1), put_wait(0, 1) * 4, flow(1, 1), put(0, 1) * 5,
                    said(1, "poll", 1), passing()),
    "credits": life(PLENTY, TWO, queue(0, 1, maxsize=7), queue(1, 1), put(0, 1) * 3, put_wait(1, 1, 0) * 4,
                    said(0, "uncredited", 1, 1), SECONDS, put_wait(1, 1, 20), passing()),
    "impatient": life(PLENTY, TWO, queue(0, 1), queue(1, 1), put(0, 1) * 4, flow(0, 1), said(1, "poll", 1),
                      recalled(0, 1, 2), said(1, "poll", 1), passing()),
    "joinable": life(PLENTY, TWO, queue(0, 1, joinable=True), queue(1, 1), put(0, 1) * 4, join(0, 1), flow(1, 1),
                     said(1, "done", 1, 0), said(1, "done_any", 1), said(1, "release", 1, 2), flow(1, 1),
                     said(1, "done", 1, 4)),
    "leases_of_the_dead": life(PLENTY, TWO, queue(0, 1, joinable=True), queue(1, 1), put(0, 1) * 4, flow(1, 1),
                               flow(1, 1), leave(1, crash=True), flow(0, 1), join(0, 1, 20), passing() * 3),
    "leases_of_the_gone": life(PLENTY, TWO, queue(0, 1, joinable=True), queue(1, 1), put(0, 1) * 4, flow(1, 1),
                               flow(1, 1), leave(1, crash=False), join(0, 1, 100), passing() * 2),
    "pipe": life(PLENTY, TWO, pipe(0, 1), pipe(1, 1), put(0, 1) * 2, put(1, 1), flow(1, 1), leave(0, crash=True),
                 flow(1, 1), put(0, 1)),
    "pipe_simplex": life(PLENTY, TWO, pipe(0, 1, end=1, simplex=True), pipe(1, 1, end=2, simplex=True), put(1, 1) * 2,
                         flow(0, 1), said(1, "close", 1), flow(0, 1), pipe(1, 1, end=2, simplex=True)),
    "forks": life(PLENTY, come(), queue(0, 1, joinable=True), unnamed(0, 2), pipe(0, 3, end=1), put(0, 1) * 3, fork(0),
                  leave(0, crash=True), flow(0, 1), fork(0), put(1, 2), leave(0, crash=False)),
    "pins": life(PLENTY, TWO, unnamed(0, 1), said(0, "pin", 1), pinned(1, 1), put(1, 1), said(0, "close", 1),
                 leave(0, crash=True), flow(0, 1), SECONDS * 20),
    "siblings": life(PLENTY, come(), queue(0, 1), sibling(0, 2, 1), put(0, 1) * 2, flow(0, 2), said(0, "close", 1)),
    "unlink": life(PLENTY, TWO, queue(0, 1, joinable=True, maxsize=1), queue(1, 1), put_wait(0, 1) * 3, join(1, 1),
                   said(1, "poll", 1), said(1, "pin", 1), said(0, "unlink", 0, 0), put(1, 1)),
    "cancel": life(PLENTY, come(), queue(0, 1, joinable=True, maxsize=1), put_wait(0, 1) * 2, said(0, "cancel", 0, 1),
                   join(0, 1), said(0, "cancel", 0, 1)),
    "stopped": life(PLENTY, TWO, queue(0, 1), queue(1, 1), put(0, 1) * 3, flow(1, 1), SECONDS * 3, flow(0, 1)),
    "large": life(PLENTY, TWO, queue(0, 1), put(0, 1, LARGE, later=True), put(0, 1, 200), flow(0, 1)),
    "memory": life(FEW, come(), queue(0, 1), put(0, 1, 250) * 12, flow(0, 1)),
    "list": life(PLENTY, come(), queue(0, 1), pipe(0, 2), said(0, "list", 0), said(0, "ping", 0), said(0, "stat", 0),
                 said(0, "info", 0, 0), said(0, "info", 0, 1), said(0, "bye", 0, 1)),
    "hub_ends_first": life(PLENTY, TWO, queue(0, 1, joinable=True, maxsize=2), queue(1, 1), put_wait(0, 1) * 3,
                           join(1, 1), flow(1, 1), flow(1, 1), said(0, "pin", 1), unlink=False),
    "shut": life(PLENTY, TWO, queue(0, 1, joinable=True, maxsize=2), queue(1, 1), put_wait(0, 1) * 3, flow(1, 1, 1),
                 said(1, "shutdown", 1, 0), put(0, 1), flow(1, 1), said(1, "done", 1, 0), flow(1, 1), passing()),
    "shut_at_once": life(PLENTY, TWO, queue(0, 1, joinable=True), queue(1, 1), put(0, 1) * 4, flow(1, 1, 2) * 2,
                         join(0, 1), said(0, "shutdown", 1, 1), leave(1, crash=True), said(0, "poll", 1)),
    "in_vain": life(PLENTY, TWO, queue(0, 1, joinable=True, redelivery=2 << 2), queue(1, 1), put(0, 1) * 2,
                    (flow(1, 1) * 2 + said(1, "release", 1, 0)) * 3, leave(1, crash=True)),
    "in_vain_buried": life(PLENTY, TWO, queue(0, 1, joinable=True, redelivery=1 << 2 | 2 << 4), queue(1, 1),
                           queue(0, 2, name=1), put(0, 1) * 3, flow(1, 1), flow(1, 1, 0), leave(1, crash=True),
                           flow(0, 2), said(0, "unlink", 0, 1), flow(0, 1) * 2, leave(0, crash=True)),
    "in_vain_to_and_fro": life(PLENTY, TWO, queue(0, 1, joinable=True, redelivery=1 << 2 | 2 << 4),
                               said(0, "unlink", 0, 1),
                               queue(0, 2, name=1, joinable=True, redelivery=1 << 2 | 1 << 4), put(0, 1),
                               flow(0, 1) * 2, said(0, "release", 1, 0),
                               flow(0, 2) * 2, said(0, "release", 2, 1), flow(0, 1) * 2),
    "redelivered_always": life(PLENTY, TWO, queue(0, 1, joinable=True, redelivery=2), queue(1, 1), put(0, 1) * 2,
                               flow(1, 1) * 2, leave(1, crash=False), flow(0, 1), join(0, 1)),
    "redelivered_never": life(PLENTY, TWO, queue(0, 1, joinable=True, redelivery=3), queue(1, 1), put(0, 1) * 2,
                              flow(1, 1) * 2, leave(1, crash=True), flow(0, 1), join(0, 1)),
    "garbled": life(PLENTY, come(), queue(0, 1), put(0, 1, later=True), garble(0, 2, 0x7F)),
    "babble": life(PLENTY, come(), come(), queue(0, 1), babble(1, 0x93, 0x19, 0x01, 0x05), babble(0, 0xC1)),
}

SEEDS |= {
    "dict": life(PLENTY, TWO, container(0, 1, "dict"), container(1, 1, "dict"), invoked(0, 1, "set", TEXT, number(5)),
                 invoked(0, 1, "set", ONE, sequence(ONE, HALF)), invoked(1, 1, "increment", TEXT, number(2)),
                 invoked(1, 1, "get", number(1)), invoked(0, 1, "update", mapping(NULL, ONE, MOMENT, TEXT)),
                 invoked(0, 1, "get_many", sequence(ONE, NULL, number(9)), NULL), invoked(0, 1, "items"),
                 invoked(0, 1, "compare_set", TEXT, sequence(number(7)), sequence()),
                 invoked(0, 1, "set_default", BIG, ONE),
                 invoked(0, 1, "pop", ONE), invoked(0, 1, "pop_item"), invoked(0, 1, "copy"), invoked(0, 1, "clear")),
    "namespace": life(PLENTY, come(), container(0, 1, "namespace"), invoked(0, 1, "set", TEXT, ONE),
                      invoked(0, 1, "set", ONE, ONE), invoked(0, 1, "keys"), invoked(0, 1, "delete", TEXT)),
    "list_": life(PLENTY, come(), container(0, 1, "list", "new"), many(0, 1, "extend", 1, ONE),
                  invoked(0, 1, "append", HALF), invoked(0, 1, "insert", number(-1), number(3)),
                  invoked(0, 1, "set_slice", number(2), number(70), NULL, sequence(TEXT)),
                  invoked(0, 1, "get_slice", NULL, NULL, number(-3)),
                  invoked(0, 1, "delete_slice", NULL, NULL, number(2)),
                  invoked(0, 1, "index", TEXT), invoked(0, 1, "remove", TEXT), invoked(0, 1, "sort", 97),
                  invoked(0, 1, "sort", 98), invoked(0, 1, "repeat", number(3)), invoked(0, 1, "count", ONE),
                  invoked(0, 1, "reverse"), invoked(0, 1, "pop"), invoked(0, 1, "set", number(0), sequence(NULL)),
                  invoked(0, 1, "repeat", BIG), invoked(0, 1, "copy")),
    "array": life(PLENTY, TWO, container(0, 1, "array", typecode="h", numbers=4), container(1, 1, "array"),
                  invoked(0, 1, "set", number(0), number(-3)), invoked(1, 1, "increment", number(0), number(9)),
                  invoked(0, 1, "set_slice", NULL, NULL, NULL, sequence(number(1), number(2), number(3))),
                  invoked(0, 1, "copy"), said(0, "acquire", 1, 0, 0), said(1, "acquire", 1, 0, 0), leave(0, crash=True),
                  said(1, "unlock", 1, 0)),
    "array_values": life(PLENTY, come(), container(0, 1, "array", numbers=8),
                         container(0, 2, "array", "new", numbers=12),
                         container(0, 3, "array", "new", typecode="b", numbers=8),
                         invoked(0, 1, "get_slice", NULL, NULL, NULL)),
    "references": life(PLENTY, TWO, container(0, 1, "list", "new"), said(0, "refer", 1), container(0, 2, "dict"),
                       invoked(0, 2, "set", TEXT, sequence(REFERENCE, REFERENCE)), said(0, "close", 1),
                       container(1, 2, "dict"), invoked(1, 2, "get", TEXT), invoked(0, 2, "clear"),
                       container(1, 1, "list", "reference"), said(1, "close", 1), said(1, "unlink", 0, 0)),
    "reference_cycle": life(PLENTY, come(), container(0, 1, "list", "new"), said(0, "refer", 1),
                            invoked(0, 1, "append", REFERENCE), container(0, 2, "dict", "new"), said(0, "refer", 2),
                            invoked(0, 1, "append", REFERENCE + 1), invoked(0, 2, "set", TEXT, REFERENCE),
                            said(0, "close", 1), passing(), said(0, "close", 2), passing()),
    "reference_told": life(PLENTY, TWO, container(0, 1, "list", "new"), said(0, "refer", 1), container(0, 2, "list"),
                           invoked(0, 2, "append", REFERENCE), said(0, "close", 1), container(1, 2, "list"),
                           invoked(1, 2, "pop"), SECONDS * 20, container(1, 1, "list", "reference")),
    "arguments_that_are_none": life(PLENTY, come(), container(0, 1, "dict"), container(0, 2, "list"),
                                    *(invoked(0, 1, "set", ONE, what) for what in (
                                        NONE, BROKEN, 116, 117, 118, [252, 139], [252, 120], [248, 3, 1, 2, 3])),
                                    invoked(0, 2, "get_slice", BIG, NONE, ONE), invoked(0, 2, "extend", BROKEN)),
    "full": life(FEW, come(), container(0, 1, "dict"), container(0, 2, "list"), *(
        invoked(0, 1, "set", number(n), sequence(TEXT, MOMENT)) + many(0, 2, "extend", 0, TEXT) for n in range(20)),
        invoked(0, 2, "repeat", number(9)), invoked(0, 1, "pop_item"), invoked(0, 2, "clear"), invoked(0, 1, "clear")),
}

# Requests that have no number, which is what operations without an answer have inside the hub.
for what, words in {
    "join": join(1, 1, 20, seq=False),
    "put_wait": put_wait(1, 1, 20, seq=False),
    "poll": said(1, "poll", 1, seq=False),
    "done_any": said(1, "done_any", 1, seq=False),
}.items():
    SEEDS["numberless_" + what] = life(
        PLENTY, TWO, queue(0, 1, joinable=True, maxsize=2), queue(1, 1), put(0, 1) * 2, flow(0, 1, 2), words,
        leave(1, crash=True), said(0, "unlink", 0, 0), passing() * 3)


def main():
    corpus = Path(__file__).parent / "corpus" / "core"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, steps in SEEDS.items():
        (corpus / name).write_bytes(steps)


if __name__ == "__main__":
    main()
