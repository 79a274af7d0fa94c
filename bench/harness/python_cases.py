"""Cases in Python: what is measured beside what.

Touches nothing.
"""

from . import scenes
from .case import GAPS, OPERATIONS, RATE, ROUND_TRIP, Case, Cell, Peer, some

GRID = (1, 2, 4, 8, 16)


def _queue(name, count, extra=False, cell=None, faster_fifo=False, **options):
    kind = "JoinableQueue" if options.get("joinable") else "Queue"

    def run(whose):
        return lambda stage, share: scenes.python_queue(stage, whose, some(count, share), **options)

    peers = [Peer(f"multiprocessing.{kind}", run("multiprocessing"))]
    if faster_fifo:
        peers.append(Peer("faster-fifo", run("faster_fifo"), module="faster_fifo"))
    return Case(name, "Python", RATE, run("libipc"), tuple(peers), extra, cell)


def _queues():
    yield _queue("queue, 64 B", 150_000, faster_fifo=True)
    yield _queue("queue, dict", 150_000, value="dict")
    yield _queue("queue, 1 MiB", 300, size=1 << 20)
    yield _queue("queue, 64 B, maxsize 1000", 100_000, maxsize=1000)
    yield _queue("queue, dict, maxsize 1000", 100_000, value="dict", maxsize=1000)
    yield _queue("joinable queue, 64 B, task_done", 50_000, joinable=True)
    for value, words in (("bytes", "64 B"), ("dict", "dict")):
        many = {"value": value, "producers": 4, "consumers": 4}
        yield _queue(f"queue, {words}, 4 to 4", 150_000, True, **many)
        yield _queue(f"queue, {words}, maxsize 1000, 4 to 4", 100_000, True, maxsize=1000, **many)


def _pipes():
    def run(whose, gap, count):
        return lambda stage, share: scenes.python_pipe(stage, whose, some(count, share), gap_us=gap or None)

    for words, gap, count in GAPS:
        yield Case(f"pipe round trip, {words}", "Python", ROUND_TRIP, run("libipc", gap, count),
                   (Peer("multiprocessing.Pipe", run("multiprocessing", gap, count)),))


def _sync():
    def run(whose, what, gap, count):
        return lambda stage, share: scenes.python_sync(stage, whose, what, some(count, share), gap_us=gap or None)

    twice = "acquire and release"
    for what, does in (("lock", twice), ("semaphore", twice), ("event", "set and is_set")):
        for words, gap, count in GAPS:
            yield Case(f"{what}, {does}, {words}", "Python", OPERATIONS, run("libipc", what, gap, count),
                       (Peer("multiprocessing.Manager", run("multiprocessing", what, gap, count)),),
                       section="containers")


def _grid():
    for producers in GRID:
        for consumers in GRID:
            yield _queue(f"grid, 64 B, {producers} to {consumers}", 32_000, True,
                         Cell("queue, 64 B", producers, consumers), producers=producers, consumers=consumers)


def python_cases():
    return [*_queues(), *_pipes(), *_sync(), *_grid()]
