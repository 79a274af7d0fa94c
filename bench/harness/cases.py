"""Cases: what is measured beside what, of queues and pipes in C and Lua, and all of them.

Touches nothing.
"""

from . import scenes
from .case import GAPS, ONE_WAY, RATE, RATE_CPU, ROUND_TRIP, Case, Metric, Peer, some
from .container_cases import container_cases
from .python_cases import python_cases
from .scale_cases import scale_cases


def _direct(over, count, size, forwarder=False):
    return lambda stage, share: scenes.direct(stage, over, some(count, share), size, forwarder)


def _queue(count, size, **options):
    return lambda stage, share: scenes.queue(stage, some(count, share), size, **options)


def _queues():
    for words, size, count in (("64 B", 64, 5_000_000), ("4 KiB", 4096, 200_000), ("1 MiB", 1 << 20, 1000)):
        peers = [Peer("ZeroMQ PUSH/PULL", _direct("pushpull", count, size))]
        if size == 64:
            peers.append(Peer("ring with a forwarder", _direct("ring", count, size, forwarder=True)))
        if size == 1 << 20:
            peers.append(Peer("ZeroMQ with a forwarder", _direct("pushpull", count, size, forwarder=True)))
        yield Case(f"queue, {words}", "C", RATE_CPU, _queue(count, size), tuple(peers))
    yield Case("queue, 1 MiB, borrowed", "C", RATE_CPU, _queue(1000, 1 << 20, borrow=True),
               (Peer("ZeroMQ PUSH/PULL", _direct("pushpull", 1000, 1 << 20)),))
    yield Case("queue, 64 B, maxsize 1000", "C", RATE_CPU, _queue(500_000, 64, maxsize=1000))
    yield Case("joinable queue, 64 B, done", "C", RATE_CPU, _queue(500_000, 64, joinable=True))


def _lua_queues():
    yield Case("queue, 64 B", "Lua", RATE, lambda stage, share: scenes.lua_queue(stage, some(500_000, share), 64),
               (Peer("libipc in C", _queue(500_000, 64), laned=True),))


def _latencies():
    def exchange(over, gap, count, pinned=False):
        return lambda stage, share: scenes.exchange(stage, over, some(count, share), pinned, gap_us=gap or None)

    def paced(over):
        return lambda stage, share: scenes.paced(stage, over, some(10_000, share), gap_us=100)

    yield Case("put to get, one every 100 us", "C", ONE_WAY, paced("queue"),
               (Peer("ZeroMQ PUSH/PULL", paced("pushpull")),))
    for words, gap, count in GAPS:
        yield Case(f"put to get, {words}", "C", ONE_WAY, exchange("queue", gap, count),
                   (Peer("ZeroMQ PAIR", exchange("pair", gap, count)),))
        for placed, pinned in (("", False), (", pinned", True)):
            yield Case(f"pipe round trip, {words}{placed}", "C", ROUND_TRIP, exchange("pipe", gap, count, pinned),
                       (Peer("Unix socket", exchange("unix", gap, count, pinned)),
                        Peer("ZeroMQ PAIR", exchange("pair", gap, count, pinned))))


def _footprints():
    yield Case(
        "hub's memory for an item of 64 B", "C", (Metric("bytes", "", "bytes"),),
        lambda stage, share: scenes.hub_memory(stage, some(1_000_000, share), 64),
    )
    yield Case(
        "memory for an idle session", "C",
        (Metric("hub", ", in the hub", "bytes"), Metric("process", ", in its process", "bytes"),
         Metric("shared", ", shared", "bytes")),
        lambda stage, share: scenes.session_memory(stage, 100),
    )
    yield Case(
        "idle, 100 sessions: CPU of", "C",
        (Metric("hub", " the hub", "us/s"), Metric("process", " the sessions' process", "us/s")),
        lambda stage, share: scenes.idle(stage, 100, max(5 * share, 1)),
    )
    yield Case("hub's start and first open", "C", (Metric("ms", "", "ms"),),
               lambda stage, share: scenes.hub_start(stage))


def all_cases():
    ours = (*_queues(), *_lua_queues(), *_latencies(), *_footprints())
    return [*ours, *python_cases(), *container_cases(), *scale_cases()]
