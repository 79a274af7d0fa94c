#!/usr/bin/env python3
"""multiprocess: libipc's queues in the place of multiprocessing's, between a program and the processes it starts.

Touches this program's own hub, which ends with it. One thread in each process.
"""

import multiprocessing

import libipc

WORKERS, NUMBERS = 3, 100


def square(numbers, squares):
    """A worker. A number that a dead one had would come to the others; multiprocessing's queues would wait for ever."""
    for number in iter(numbers.get, None):
        squares.put(number * number)
        numbers.task_done()
    numbers.task_done()


def main():
    numbers, squares = libipc.JoinableQueue(maxsize=10), libipc.Queue()
    workers = [multiprocessing.Process(target=square, args=(numbers, squares)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for number in range(NUMBERS):
        numbers.put(number)
    for _ in workers:
        numbers.put(None)
    numbers.join()
    print("sum of squares:", sum(squares.get() for _ in range(NUMBERS)))
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
