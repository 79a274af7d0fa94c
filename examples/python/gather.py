#!/usr/bin/env python3
"""gather: asyncio beside processes. Workers square numbers; the program feeds them, gathers what they answer, and puts
up with one that is killed in the middle: its number goes to another.

Touches this program's own hub, which ends with it. One thread in each process.
"""

import asyncio
import multiprocessing
import os
import signal

import libipc

WORKERS, NUMBERS, PATIENCE = 3, 50, 60


def work(numbers, squares):
    """A worker, until the queue is shut down and empty."""
    for item in numbers.items():
        with item:
            if item.value == 13 and item.attempt == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            squares.put([item.value, item.value**2], confirm=True)


async def gather(numbers, squares):
    """Every number's square. A worker that dies between its answer and its done() makes one come twice."""
    found = {}
    while len(found) < NUMBERS:
        number, square = await squares.aget()
        found[number] = square
    await numbers.ajoin()
    return found


async def feed(numbers):
    for number in range(NUMBERS):
        await numbers.aput(number)
    numbers.shutdown()


async def run(numbers, squares):
    found, _ = await asyncio.gather(gather(numbers, squares), feed(numbers))
    print("sum of squares:", sum(found.values()))


def main():
    numbers, squares = libipc.JoinableQueue(maxsize=10), libipc.Queue()
    workers = [multiprocessing.Process(target=work, args=(numbers, squares)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    asyncio.run(asyncio.wait_for(run(numbers, squares), PATIENCE))
    for worker in workers:
        worker.join()
    print("killed:", sum(worker.exitcode == -signal.SIGKILL for worker in workers))


if __name__ == "__main__":
    main()
