"""Throughput from Python: a queue of libipc's, multiprocessing's or faster-fifo's between forked processes, one value
a call.

Touches standard input and output: "ready", a line to go, "seconds N". One thread in each process. Nothing outlives its
time limit.
"""

import argparse
import multiprocessing
import signal
import sys
import time

DICT = {"id": 7, "path": "images/a.png", "scale": 0.5, "tags": ["new", "large"]}
FASTER_FIFO_BYTES = 1_000_000  # of its buffer, as its own examples have it
LIMIT_S = 150


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("whose", choices=("libipc", "multiprocessing", "faster_fifo"))
    parser.add_argument("--value", choices=("bytes", "dict"), default="bytes")
    parser.add_argument("--size", type=int, default=64, help="of the bytes")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--maxsize", type=int, default=0)
    parser.add_argument("--producers", type=int, default=1)
    parser.add_argument("--consumers", type=int, default=1)
    parser.add_argument("--joinable", action="store_true", help="consumers call task_done(); it ends with join()")
    return parser.parse_args()


def make_queue(options):
    kind = "JoinableQueue" if options.joinable else "Queue"
    if options.whose == "multiprocessing":
        return getattr(multiprocessing, kind)(options.maxsize)
    if options.whose == "faster_fifo":
        import faster_fifo

        return faster_fifo.Queue(FASTER_FIFO_BYTES)
    import libipc

    return getattr(libipc, kind)(maxsize=options.maxsize)


def shares(count, processes):
    """How many messages each of them has."""
    return [count // processes + (number < count % processes) for number in range(processes)]


def put(queue, value, count):
    for _ in range(count):
        queue.put(value)


def get(queue, value, count, joinable):
    got = value
    for _ in range(count):
        got = queue.get()
        if joinable:
            queue.task_done()
    if got != value:
        sys.exit(f"{got!r:.100} came, and {value!r:.100} was put")


def produce(queue, value, count, options, started, result):
    """Before the clock starts there is one message for each consumer: everything is connected when they are through."""
    signal.alarm(LIMIT_S)
    put(queue, value, options.consumers)
    started.wait()
    begun = time.monotonic()
    put(queue, value, count)
    result.put(begun)


def consume(queue, value, count, options, started, result):
    signal.alarm(LIMIT_S)
    get(queue, value, options.producers, options.joinable)
    started.wait()
    get(queue, value, count, options.joinable)
    result.put(time.monotonic())


def main():
    options = parse()
    signal.alarm(LIMIT_S)
    value = DICT if options.value == "dict" else b"x" * options.size
    queue = make_queue(options)
    started = multiprocessing.Barrier(options.producers + options.consumers + 1)
    begins, ends = multiprocessing.SimpleQueue(), multiprocessing.SimpleQueue()
    processes = [
        multiprocessing.Process(target=consume, args=(queue, value, count, options, started, ends))
        for count in shares(options.count, options.consumers)
    ] + [
        multiprocessing.Process(target=produce, args=(queue, value, count, options, started, begins))
        for count in shares(options.count, options.producers)
    ]
    for process in processes:
        process.start()
    print("ready", flush=True)
    sys.stdin.readline()
    started.wait()
    begun = min(begins.get() for _ in range(options.producers))
    ended = max(ends.get() for _ in range(options.consumers))
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
