"""Throughput from Python: a queue of libipc's or of multiprocessing's between forked processes, one value a call.

Touches standard input and output: "ready", a line to go, "seconds N". One thread in each process.
"""

import argparse
import multiprocessing
import sys
import time

VALUES = {
    "bytes": b"x" * 64,
    "dict": {"id": 7, "path": "images/a.png", "scale": 0.5, "tags": ["new", "large"]},
}


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("whose", choices=("libipc", "multiprocessing"))
    parser.add_argument("--value", choices=VALUES, default="bytes")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--maxsize", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=1, help="producers, and as many consumers")
    parser.add_argument("--joinable", action="store_true", help="consumers call task_done(); it ends with join()")
    return parser.parse_args()


def make_queue(options):
    kind = "JoinableQueue" if options.joinable else "Queue"
    if options.whose == "multiprocessing":
        return getattr(multiprocessing, kind)(options.maxsize)
    import libipc

    return getattr(libipc, kind)(maxsize=options.maxsize)


def produce(queue, options, started, result):
    value = VALUES[options.value]
    started.wait()
    begun = time.monotonic()
    for _ in range(options.count // options.pairs):
        queue.put(value)
    result.put(begun)


def consume(queue, options, started, result):
    value = VALUES[options.value]
    started.wait()
    for _ in range(options.count // options.pairs):
        got = queue.get()
        if options.joinable:
            queue.task_done()
    if got != value:
        sys.exit(f"{got!r} came, and {value!r} was put")
    result.put(time.monotonic())


def main():
    options = parse()
    queue = make_queue(options)
    started = multiprocessing.Barrier(2 * options.pairs + 1)
    begins, ends = multiprocessing.SimpleQueue(), multiprocessing.SimpleQueue()
    processes = [
        multiprocessing.Process(target=target, args=(queue, options, started, result))
        for target, result in ((consume, ends), (produce, begins))
        for _ in range(options.pairs)
    ]
    for process in processes:
        process.start()
    print("ready", flush=True)
    sys.stdin.readline()
    started.wait()
    begun = min(begins.get() for _ in range(options.pairs))
    ended = max(ends.get() for _ in range(options.pairs))
    if options.joinable:
        queue.join()
        ended = time.monotonic()
    print(f"seconds {ended - begun}", flush=True)
    for process in processes:
        process.join()
        if process.exitcode != 0:
            sys.exit(f"a process ended with {process.exitcode}")


if __name__ == "__main__":
    main()
