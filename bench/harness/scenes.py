"""Scenes: one run of several drivers on a stage, and the numbers that come of it.

Touches a stage. Every function returns {metric: value}.
"""

import time


def _options(**options):
    """--name value pairs; True is a flag, None and False are left out."""
    words = []
    for name, value in options.items():
        if value is True:
            words.append("--" + name.replace("_", "-"))
        elif value not in (None, False):
            words += ["--" + name.replace("_", "-"), value]
    return words


def _rate(count, begun, ended):
    """Messages a second, from two moments in nanoseconds."""
    return {"rate": count / ((ended - begun) / 1e9)}


def _stream(stage, producer, consumer, count, forwarder=None):
    """The clock runs from the first put to the last get; one message is through before.

    CPU is that of all processes, in all their threads, for each message: ends and what lies behind them included.
    """
    consumer.wait_ready()
    producer.wait_ready()
    hub = stage.hub_pid()
    before = stage.cpu_time(hub)
    consumer.go()
    producer.go()
    sent, received = producer.numbers(), consumer.numbers()
    numbers = _rate(count, sent["start"], received["end"])
    if "cpu" in sent:
        between = forwarder.numbers()["cpu"] if forwarder else stage.cpu_time(hub) - before
        numbers["cpu"] = (sent["cpu"] + received["cpu"] + between) / count
    return numbers


def queue(stage, count, size, **options):
    """Our queue, from C: producer, hub, consumer."""
    words = _options(over="queue", address=stage.HUB, count=count, size=size, **options)
    return _stream(stage, stage.program("throughput", "produce", *words),
                   stage.program("throughput", "consume", *words), count)


def pushpull(stage, count, size, forwarder=False):
    """ZeroMQ's PUSH to PULL; with a forwarder, a bare PULL to PUSH between them."""
    words = _options(over="pushpull", count=count, size=size)
    first, second = stage.endpoint("first"), stage.endpoint("second")
    producer = stage.program("throughput", "produce", *words, "--address", first)
    between = None
    if forwarder:
        between = stage.program("throughput", "forward", *words, "--address", first, "--second", second)
    consumer = stage.program("throughput", "consume", *words, "--address", second if forwarder else first)
    return _stream(stage, producer, consumer, count, between)


def lua_queue(stage, count, size):
    """Our queue, from Lua."""
    producer = stage.script("lua_queue.lua", "produce", stage.HUB, count, size)
    consumer = stage.script("lua_queue.lua", "consume", stage.HUB, count, size)
    return _stream(stage, producer, consumer, count)


def python_queue(stage, whose, count, **options):
    """A queue between Python's processes, ours or multiprocessing's."""
    driver = stage.script("python_queue.py", whose, *_options(count=count, **options))
    driver.wait_ready()
    driver.go()
    return {"rate": count / driver.numbers()["seconds"]}


def python_pipe(stage, whose, count, **options):
    """Round trips through a pipe between Python's processes, ours or multiprocessing's."""
    driver = stage.script("python_pipe.py", whose, *_options(count=count, **options))
    driver.wait_ready()
    driver.go()
    return driver.numbers()


def exchange(stage, over, count, **options):
    """Single messages there and back, from C: over our queues or pipe, or ZeroMQ's PAIR."""
    address = stage.endpoint("pair") if over == "pair" else stage.HUB
    words = _options(over=over, address=address, count=count, **options)
    pong = stage.program("latency", "pong", *words)
    ping = stage.program("latency", "ping", *words)
    ping.wait_ready()
    ping.go()
    numbers = ping.numbers()
    pong.numbers()
    return numbers


def paced(stage, over, count, **options):
    """One message after the other, a gap apart, from C: over our queue, or ZeroMQ's PUSH/PULL."""
    address = stage.endpoint("paced") if over == "pushpull" else stage.HUB
    words = _options(over=over, address=address, count=count, **options)
    sender = stage.program("latency", "send", *words)
    receiver = stage.program("latency", "receive", *words)
    receiver.wait_ready()
    sender.wait_ready()
    receiver.go()
    sender.go()
    sender.numbers()
    return receiver.numbers()


def hub_memory(stage, what, count, **options):
    """How much the hub grows, for each item that it holds or each session that it has."""
    driver = stage.program("footprint", what, *_options(address=stage.HUB, count=count, **options))
    driver.wait_ready()
    before = stage.hub_memory()
    driver.go()
    driver.wait_ready()
    after = stage.hub_memory()
    driver.go()
    driver.numbers()
    return {"bytes": (after - before) / count}


def idle(stage, sessions, seconds):
    """What a hub and a process with so many sessions compute while nobody does anything: microseconds a second."""
    driver = stage.program("footprint", "sessions", *_options(address=stage.HUB, count=sessions))
    driver.wait_ready()
    driver.go()
    driver.wait_ready()
    time.sleep(1)  # what follows the opening is over
    hub, pids = stage.hub_pid(), (stage.hub_pid(), driver.pid)
    before = [stage.cpu_time(pid) for pid in pids]
    time.sleep(seconds)
    ours = [(stage.cpu_time(pid) - cpu) / seconds for pid, cpu in zip(pids, before)]
    if stage.hub_pid() != hub:
        raise RuntimeError("the hub has changed")
    driver.go()
    driver.numbers()
    return dict(zip(("hub", "sessions"), ours))


def hub_start(stage):
    """From nothing to the first open queue."""
    driver = stage.program("footprint", "start", "--address", stage.HUB)
    driver.wait_ready()
    driver.go()
    return {"ms": driver.numbers()["start_ms"]}
