"""Cases: what is measured beside what.

Touches nothing. A case's functions are scenes; they get a stage, and how much of a full run to do (1 is all of it).
"""

from dataclasses import dataclass
from typing import Callable, Optional

from . import scenes


@dataclass(frozen=True)
class Metric:
    """One number of a case: its key in the scene's result, what it adds to the case's name, and its unit."""

    key: str
    suffix: str
    unit: str


@dataclass(frozen=True)
class Case:
    name: str
    language: str
    metrics: tuple
    ours: Callable
    peer: Optional[str] = None
    theirs: Optional[Callable] = None
    extra: bool = False  # only when it is asked for


RATE = (Metric("rate", "", "messages/s"),)
RATE_CPU = (*RATE, Metric("cpu", ", CPU of all processes", "us/message"))
ROUND_TRIP = (Metric("round_trip_p50", " p50", "us"), Metric("round_trip_p99", " p99", "us"))
ONE_WAY = (Metric("one_way_p50", " p50", "us"), Metric("one_way_p99", " p99", "us"))

GAPS = (("back to back", 0, 2000), ("after 10 ms", 10_000, 200))


def _some(count, share):
    """So many of them, for a share of the full run."""
    return max(int(count * share), 20)


def _c_queues():
    sizes = (("64 B", 64, 2_000_000), ("4 KiB", 4096, 200_000), ("1 MiB", 1 << 20, 1000))
    for words, size, count in sizes:
        yield Case(
            f"queue, {words}", "C", RATE_CPU,
            lambda stage, share, size=size, count=count: scenes.queue(stage, _some(count, share), size),
            "ZeroMQ PUSH/PULL",
            lambda stage, share, size=size, count=count: scenes.pushpull(stage, _some(count, share), size),
        )
    yield Case(
        "queue, 1 MiB", "C", RATE_CPU,
        lambda stage, share: scenes.queue(stage, _some(1000, share), 1 << 20),
        "ZeroMQ with a forwarder",
        lambda stage, share: scenes.pushpull(stage, _some(1000, share), 1 << 20, forwarder=True),
    )
    yield Case(
        "queue, 64 B, maxsize 1000", "C", RATE_CPU,
        lambda stage, share: scenes.queue(stage, _some(500_000, share), 64, maxsize=1000),
    )
    yield Case(
        "joinable queue, 64 B, done", "C", RATE_CPU,
        lambda stage, share: scenes.queue(stage, _some(500_000, share), 64, joinable=True),
    )


def _python_queue(name, count, extra=False, **options):
    kind = "JoinableQueue" if options.get("joinable") else "Queue"

    def run(whose):
        return lambda stage, share: scenes.python_queue(stage, whose, _some(count, share), **options)

    return Case(name, "Python", RATE, run("libipc"), f"multiprocessing.{kind}", run("multiprocessing"), extra)


def _python_queues():
    yield _python_queue("queue, 64 B", 150_000, value="bytes")
    yield _python_queue("queue, dict", 150_000, value="dict")
    yield _python_queue("queue, 64 B, maxsize 1000", 100_000, value="bytes", maxsize=1000)
    yield _python_queue("queue, dict, maxsize 1000", 100_000, value="dict", maxsize=1000)
    yield _python_queue("joinable queue, 64 B, task_done", 50_000, value="bytes", joinable=True)
    for value, words in (("bytes", "64 B"), ("dict", "dict")):
        yield _python_queue(f"queue, {words}, 4 to 4", 150_000, True, value=value, pairs=4)
        yield _python_queue(f"queue, {words}, maxsize 1000, 4 to 4", 100_000, True, value=value, pairs=4, maxsize=1000)


def _lua_queues():
    yield Case(
        "queue, 64 B", "Lua", RATE,
        lambda stage, share: scenes.lua_queue(stage, _some(500_000, share), 64),
        "libipc in C",
        lambda stage, share: scenes.queue(stage, _some(500_000, share), 64),
    )


def _latencies():
    def c(over, gap, count):
        return lambda stage, share: scenes.exchange(stage, over, _some(count, share), gap_us=gap or None)

    def python(whose, gap, count):
        return lambda stage, share: scenes.python_pipe(stage, whose, _some(count, share), gap_us=gap or None)

    def paced(over):
        return lambda stage, share: scenes.paced(stage, over, _some(10_000, share), gap_us=100)

    yield Case("put to get, one every 100 us", "C", ONE_WAY, paced("queue"), "ZeroMQ PUSH/PULL", paced("pushpull"))
    for words, gap, count in GAPS:
        yield Case(f"put to get, {words}", "C", ONE_WAY, c("queue", gap, count), "ZeroMQ PAIR", c("pair", gap, count))
        yield Case(f"pipe round trip, {words}", "C", ROUND_TRIP, c("pipe", gap, count), "ZeroMQ PAIR",
                   c("pair", gap, count))
        yield Case(f"pipe round trip, {words}", "Python", ROUND_TRIP, python("libipc", gap, count),
                   "multiprocessing.Pipe", python("multiprocessing", gap, count))


def _footprints():
    yield Case(
        "hub's memory for an item of 64 B", "C", (Metric("bytes", "", "bytes"),),
        lambda stage, share: scenes.hub_memory(stage, "items", _some(1_000_000, share), size=64),
    )
    yield Case(
        "hub's memory for an idle session", "C", (Metric("bytes", "", "bytes"),),
        lambda stage, share: scenes.hub_memory(stage, "sessions", 100),
    )
    yield Case(
        "idle, 100 sessions: CPU of", "C",
        (Metric("hub", " the hub", "us/s"), Metric("sessions", " the sessions' process", "us/s")),
        lambda stage, share: scenes.idle(stage, 100, max(5 * share, 1)),
    )
    yield Case(
        "hub's start and first open", "C", (Metric("ms", "", "ms"),),
        lambda stage, share: scenes.hub_start(stage),
    )


def all_cases():
    return [*_c_queues(), *_python_queues(), *_lua_queues(), *_latencies(), *_footprints()]
