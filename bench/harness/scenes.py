"""Scenes: one run of several drivers on a stage, and the numbers that come of it.

Touches a stage. Every function returns {metric: value}.
"""

import time

from . import driver, proc


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
    before = proc.cpu_time(hub)
    consumer.go()
    producer.go()
    sent, received = producer.numbers(), consumer.numbers()
    numbers = _rate(count, sent["start"], received["end"])
    if "cpu" in sent:
        between = forwarder.numbers()["cpu"] if forwarder else proc.cpu_time(hub) - before
        numbers["cpu"] = (sent["cpu"] + received["cpu"] + between) / count
    return numbers


def queue(stage, count, size, **options):
    """Our queue, from C: producer, hub, consumer."""
    words = _options(over="queue", address=stage.HUB, count=count, size=size, **options)
    return _stream(stage, stage.program("throughput", "produce", *words),
                   stage.program("throughput", "consume", *words), count)


def direct(stage, over, count, size, forwarder=False):
    """What has no hub; with a forwarder, a process between the two that moves messages and does nothing else."""
    words = _options(over=over, count=count, size=size)
    first, second = stage.address(over, "first"), stage.address(over, "second")
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
    """A queue between Python's processes, ours or theirs."""
    script = stage.script("python_queue.py", whose, *_options(count=count, **options))
    script.wait_ready()
    script.go()
    return {"rate": count / script.numbers()["seconds"]}


def python_pipe(stage, whose, count, **options):
    """Round trips through a pipe between Python's processes, ours or multiprocessing's."""
    script = stage.script("python_pipe.py", whose, *_options(count=count, **options))
    script.wait_ready()
    script.go()
    return script.numbers()


def python_sync(stage, whose, what, count, **options):
    """Pairs of operations on a lock, a semaphore or an event from Python, ours or a multiprocessing.Manager's."""
    script = stage.script("python_sync.py", whose, what, *_options(count=count, **options))
    script.wait_ready()
    script.go()
    return script.numbers()


def python_containers(stage, whose, what, count, **options):
    """Operations on a container from Python, ours or a multiprocessing.Manager's: single ones, or of many keys."""
    script = stage.script("python_containers.py", whose, what, *_options(count=count, **options))
    script.wait_ready()
    script.go()
    return script.numbers()


def containers(stage, what, count, **options):
    """Operations on our containers, from C."""
    program = stage.program("containers", what, *_options(address=stage.HUB, count=count, **options))
    program.wait_ready()
    program.go()
    return program.numbers()


def lua_containers(stage, what, count, keys):
    """Operations on a dict of ours, from Lua: how long each takes."""
    script = stage.script("lua_containers.lua", what, stage.HUB, count, keys)
    script.wait_ready()
    script.go()
    moments = script.numbers()
    return {"batch": (moments["end"] - moments["start"]) / 1e3 / count}


def scale(stage, what, count, **options):
    """Operations beside so many others: objects, handles, waiters."""
    program = stage.program("scale", what, *_options(address=stage.HUB, count=count, **options))
    program.wait_ready()
    program.go()
    return program.numbers()


def _place(stage, asks, answers):
    """Ours and theirs on the same cores: who asks, who answers, and the hub that is between ours."""
    for pid, cpu in zip((asks.pid, answers.pid, stage.hub_pid()), stage.cpus):
        if pid:
            proc.pin(pid, cpu)


def exchange(stage, over, count, pinned=False, **options):
    """Single messages there and back, from C: over our queues or pipe, ZeroMQ's PAIR, or a Unix socket."""
    words = _options(over=over, address=stage.address(over, "exchange"), count=count, **options)
    pong = stage.program("latency", "pong", *words)
    ping = stage.program("latency", "ping", *words)
    ping.wait_ready()
    if pinned:
        _place(stage, ping, pong)
    ping.go()
    numbers = ping.numbers()
    pong.numbers()
    return numbers


def paced(stage, over, count, **options):
    """One message after the other, a gap apart, from C: over our queue, or ZeroMQ's PUSH/PULL."""
    words = _options(over=over, address=stage.address(over, "paced"), count=count, **options)
    sender = stage.program("latency", "send", *words)
    receiver = stage.program("latency", "receive", *words)
    receiver.wait_ready()
    sender.wait_ready()
    receiver.go()
    sender.go()
    sender.numbers()
    return receiver.numbers()


def _look_around(stage, program, before, after):
    """What these two find, given the hub's pid and the program's, before the program has done its work and after."""
    found = []
    for look in (before, after):
        program.wait_ready()
        found.append(look(stage.hub_pid(), program.pid))
        program.go()
    return found, program.numbers()


def _around(stage, what, before, after, **options):
    program = stage.program("footprint", what, *_options(address=stage.HUB, **options))
    return _look_around(stage, program, before, after)[0]


def many_keys(stage, count, keys):
    """Operations on a dict of so many keys, what it was to fill it, and how much the hub grew for each key."""
    def look(hub, _):
        return proc.private_memory(hub)

    program = stage.program("scale", "keys", *_options(address=stage.HUB, count=count, others=keys))
    (before, after), numbers = _look_around(stage, program, look, look)
    return dict(numbers, bytes=(after - before) / keys)


def hub_memory(stage, count, size):
    """How much the hub grows for each item that it holds."""
    def look(hub, _):
        return proc.private_memory(hub)

    before, after = _around(stage, "items", look, look, count=count, size=size)
    return {"bytes": (after - before) / count}


def session_memory(stage, count):
    """What each session costs, after a put and a get: private memory of the hub and of its process, and shared."""
    def look(*pids):
        return (*map(proc.private_memory, pids), sum(proc.shared_memory(pids).values()))

    before, after = _around(stage, "sessions", look, look, count=count)
    return {key: (two - one) / count for key, one, two in zip(("hub", "process", "shared"), before, after)}


def idle(stage, sessions, seconds):
    """What a hub and a process with so many sessions compute while nobody does anything: microseconds a second."""
    def look(*pids):
        time.sleep(1)  # what follows the opening is over
        before = [proc.cpu_time(pid) for pid in pids]
        time.sleep(seconds)
        if stage.hub_pid() != pids[0]:
            raise driver.Failed("the hub has changed")
        return [(proc.cpu_time(pid) - cpu) / seconds for pid, cpu in zip(pids, before)]

    _, computed = _around(stage, "sessions", lambda *_: None, look, count=sessions)
    return dict(zip(("hub", "process"), computed))


def hub_start(stage):
    """From nothing to the first open queue."""
    program = stage.program("footprint", "start", "--address", stage.HUB)
    program.wait_ready()
    program.go()
    return {"ms": program.numbers()["start_ms"]}


def has_shared_memory(stage):
    """Whether a session of this stage's lane has memory in common with the hub."""
    def look(*pids):
        return proc.shared_memory(pids)

    return any(_around(stage, "sessions", look, look, count=1))
