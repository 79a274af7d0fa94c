"""Latency from Python: round trips through a pipe of libipc's or of multiprocessing's, to a forked child.

Touches standard input and output: "ready", a line to go, and percentiles in microseconds. One thread in each process.
Nothing outlives its time limit.
"""

import argparse
import multiprocessing
import signal
import sys
import time

WARM_UP = 20
LIMIT_S = 150
MESSAGE = b"x" * 64


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("whose", choices=("libipc", "multiprocessing"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--gap-us", type=int, default=0, help="pause before each message")
    return parser.parse_args()


def make_pipe(options):
    if options.whose == "multiprocessing":
        return multiprocessing.Pipe()
    import libipc

    return libipc.Pipe()


def pong(end, count):
    signal.alarm(LIMIT_S)
    for _ in range(count):
        end.send(end.recv())


def round_trip(end):
    begun = time.monotonic()
    end.send(MESSAGE)
    end.recv()
    return time.monotonic() - begun


def main():
    options = parse()
    signal.alarm(LIMIT_S)
    end, other = make_pipe(options)
    child = multiprocessing.Process(target=pong, args=(other, WARM_UP + options.count))
    child.start()
    for _ in range(WARM_UP):
        round_trip(end)
    print("ready", flush=True)
    sys.stdin.readline()
    samples = []
    for _ in range(options.count):
        if options.gap_us:
            time.sleep(options.gap_us / 1e6)
        samples.append(round_trip(end) * 1e6)
    samples.sort()
    for percent in (50, 99):
        print(f"round_trip_p{percent} {samples[(len(samples) - 1) * percent // 100]}", flush=True)
    child.join()
    if child.exitcode != 0:
        sys.exit(f"the child ended with {child.exitcode}")


if __name__ == "__main__":
    main()
