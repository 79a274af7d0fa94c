"""Single operations from Python on what several processes share: ours, or what a multiprocessing.Manager has.

Touches standard input and output: "ready", a line to go, and percentiles in microseconds. One thread. Nothing
outlives its time limit.
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
    parser.add_argument("what", choices=("lock", "semaphore", "event"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--gap-us", type=int, default=0, help="pause before each operation")
    return parser.parse_args()


def lock_twice(lock):
    lock.acquire()
    lock.release()


def set_and_ask(event):
    event.set()
    event.is_set()


def make(options):
    """What is shared, and two operations on it."""
    if options.whose == "multiprocessing":
        manager = multiprocessing.Manager()
        makers = {"lock": manager.Lock, "semaphore": manager.Semaphore, "event": manager.Event}
    else:
        import libipc

        manager = libipc.connect()
        makers = {"lock": manager.Lock, "semaphore": manager.Semaphore, "event": manager.Event}
    return manager, makers[options.what](), set_and_ask if options.what == "event" else lock_twice


def main():
    options = parse()
    signal.alarm(LIMIT_S)
    manager, shared, run = make(options)
    for _ in range(WARM_UP):
        run(shared)
    print("ready", flush=True)
    sys.stdin.readline()
    samples = []
    for _ in range(options.count):
        if options.gap_us:
            time.sleep(options.gap_us / 1e6)
        begun = time.monotonic()
        run(shared)
        samples.append((time.monotonic() - begun) * 1e6)
    samples.sort()
    for percent in (50, 99):
        print(f"operations_p{percent} {samples[(len(samples) - 1) * percent // 100]}", flush=True)
    del manager


if __name__ == "__main__":
    main()
