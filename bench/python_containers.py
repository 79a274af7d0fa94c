"""Operations from Python on containers that several processes share: ours, or what a multiprocessing.Manager has.

Touches standard input and output: "ready", a line to go, and numbers in microseconds. One thread. Nothing outlives its
time limit.
"""

import argparse
import multiprocessing
import signal
import sys
import time

WARM_UP = 20
LIMIT_S = 150


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("whose", choices=("libipc", "multiprocessing"))
    parser.add_argument("what", choices=("operations", *BATCHES))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=1000, help="of those operations that have many")
    parser.add_argument("--gap-us", type=int, default=0, help="pause before each single operation")
    return parser.parse_args()


class Shared:
    """One of each, empty."""

    def __init__(self, whose):
        if whose == "multiprocessing":
            self.manager = multiprocessing.Manager()
            self.dict, self.list = self.manager.dict(), self.manager.list()
        else:
            import libipc

            self.manager = libipc.connect()
            self.dict, self.list = self.manager.Dict(), self.manager.List()
        self.value = self.manager.Value("i", 0)
        self.namespace = self.manager.Namespace()


# ---- single ones: a function of a Shared that makes the operation


def dict_set(shared):
    mapping = shared.dict
    return lambda: mapping.__setitem__("key", 1000)


def dict_get(shared):
    mapping = shared.dict
    mapping["key"] = 1000
    return lambda: mapping["key"]


def list_append(shared):
    sequence = shared.list
    return lambda: sequence.append(1000)


def value_set(shared):
    value = shared.value

    def run():
        value.value = 7

    return run


def value_get(shared):
    value = shared.value
    return lambda: value.value


def namespace_set(shared):
    namespace = shared.namespace

    def run():
        namespace.attribute = 1000

    return run


def namespace_get(shared):
    namespace = shared.namespace
    namespace.attribute = 1000
    return lambda: namespace.attribute


# ---- many keys: a function of a Shared and of pairs that makes the operation


def update(shared, pairs):
    return lambda: shared.dict.update(pairs)


def set_each(shared, pairs):
    def run():
        mapping = shared.dict
        for key, value in pairs.items():
            mapping[key] = value

    return run


def get_many(shared, pairs):
    shared.dict.update(pairs)
    keys = list(pairs)
    return lambda: check(shared.dict.get_many(keys), pairs)


def get_each(shared, pairs):
    shared.dict.update(pairs)

    def run():
        mapping = shared.dict
        check([mapping[key] for key in pairs], pairs)

    return run


def copy(shared, pairs):
    shared.dict.update(pairs)
    return lambda: check(shared.dict.copy().values(), pairs)


def check(values, pairs):
    if len(values) != len(pairs):
        raise ValueError(f"{len(values)} values came, not {len(pairs)}")


SINGLE = {made.__name__: made for made in (dict_set, dict_get, list_append, value_set, value_get, namespace_set,
                                           namespace_get)}
BATCHES = {made.__name__: made for made in (update, set_each, get_many, get_each, copy)}


# ---- running


def ready():
    print("ready", flush=True)
    sys.stdin.readline()


def time_single(name, run, options):
    samples = []
    for _ in range(options.count):
        if options.gap_us:
            time.sleep(options.gap_us / 1e6)
        begun = time.monotonic()
        run()
        samples.append((time.monotonic() - begun) * 1e6)
    samples.sort()
    for percent in (50, 99):
        print(f"{name}_p{percent} {samples[(len(samples) - 1) * percent // 100]}", flush=True)


def time_all_single(shared, options):
    runs = {name: make(shared) for name, make in SINGLE.items()}
    for _ in range(WARM_UP):
        for run in runs.values():
            run()
    ready()
    for name, run in runs.items():
        time_single(name, run, options)


def time_batches(run, options):
    run()
    ready()
    begun = time.monotonic()
    for _ in range(options.count):
        run()
    print(f"batch {(time.monotonic() - begun) * 1e6 / options.count}", flush=True)


def main():
    options = parse()
    signal.alarm(LIMIT_S)
    shared = Shared(options.whose)
    if options.what == "operations":
        time_all_single(shared, options)
    else:
        pairs = {f"key-{number:07}": number for number in range(options.keys)}
        time_batches(BATCHES[options.what](shared, pairs), options)


if __name__ == "__main__":
    main()
