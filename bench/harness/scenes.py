"""Scenes: one run of several drivers on a stage, and the numbers that come of it.

Touches a stage. Every function returns {metric: value}.
"""


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


def _stream(stage, producer, consumer, count):
    """The clock runs from the first put to the last get; one message is through before."""
    consumer.wait_ready()
    producer.wait_ready()
    consumer.go()
    producer.go()
    begun = producer.numbers()["start"]
    return _rate(count, begun, consumer.numbers()["end"])


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
    if forwarder:
        stage.program("throughput", "forward", *words, "--address", first, "--second", second)
    consumer = stage.program("throughput", "consume", *words, "--address", second if forwarder else first)
    return _stream(stage, producer, consumer, count)


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


def hub_start(stage):
    """From nothing to the first open queue."""
    driver = stage.program("footprint", "start", "--address", stage.HUB)
    driver.wait_ready()
    driver.go()
    return {"ms": driver.numbers()["start_ms"]}
