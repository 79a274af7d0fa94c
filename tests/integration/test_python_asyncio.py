"""Queues and pipes in asyncio.

Touches one hub, started by name, and processes that it ends itself. Locks nothing.
"""

import asyncio
import os
import queue
import selectors
import signal
import subprocess
import threading
import time

import libipc
import pytest
from python_support import PATIENCE, Background, eventually, script, unique


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


class Selector(selectors.DefaultSelector):
    """Knows what it is asked to look at."""

    def names(self):
        return {key.fd for key in self.get_map().values()}


def run(main):
    """Run in a loop of its own, and see that no reader and no thread stays behind."""
    selector = Selector()
    loop = asyncio.SelectorEventLoop(selector)
    before = selector.names()
    try:
        result = loop.run_until_complete(asyncio.wait_for(main, PATIENCE))
        assert selector.names() == before
        return result
    finally:
        loop.close()
        eventually(lambda: not [each for each in threading.enumerate() if each.name == "libipc-call"], "threads' end")


async def waits(task):
    """Until it waits, as far as the loop can tell: it has had many turns."""
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert not task.done()


# ---- queues ----


def test_aget__what_is_there(conn):
    q = conn.Queue()
    q.put_many(range(100))

    async def main():
        return [await q.aget() for _ in range(100)]

    assert run(main()) == list(range(100))


def test_aget__waits_without_blocking_the_loop(conn):
    q = conn.Queue()

    async def main():
        task = asyncio.ensure_future(q.aget())
        await waits(task)
        await q.aput("x")
        return await task

    assert run(main()) == "x"


def test_aget__many_waiters_in_order(conn):
    q = conn.Queue()

    async def main():
        tasks = []
        for _ in range(20):
            tasks.append(asyncio.ensure_future(q.aget()))
            await asyncio.sleep(0)
        await waits(tasks[0])
        q.put_many(range(20))
        return await asyncio.gather(*tasks)

    assert run(main()) == list(range(20))


def test_aget__a_cancelled_one_has_taken_nothing(conn):
    q = conn.Queue()

    async def main():
        for i in range(200):
            task = asyncio.ensure_future(q.aget())
            await asyncio.sleep(0)
            q.put(i)
            if i % 3:
                await asyncio.sleep(0.0005 * (i % 5))
            task.cancel()
            try:
                assert await task == i
            except asyncio.CancelledError:
                assert await q.aget() == i
        assert q.empty()

    run(main())


def test_aget__cancelled_when_it_was_its_turn(conn):
    """The one behind it gets what came."""
    q = conn.Queue()

    async def main():
        first, second = asyncio.ensure_future(q.aget()), asyncio.ensure_future(q.aget())
        await waits(first)
        q.put("x", confirm=True)
        while not selectable(q):
            await asyncio.sleep(0)
        first.cancel()
        assert await second == "x"
        assert first.cancelled()

    run(main())


def selectable(q):
    return bool(libipc.wait([q], 0))


def test_aget__timeouts_lose_nothing(conn):
    q = conn.Queue()

    async def consume(got):
        while True:
            try:
                value = await asyncio.wait_for(q.aget(), 0.001)
            except asyncio.TimeoutError:
                continue
            if value is None:
                return
            got.append(value)

    async def main():
        got = []
        task = asyncio.ensure_future(consume(got))
        for i in range(300):
            q.put(i)
            if i % 7 == 0:
                await asyncio.sleep(0.002)
        q.put(None)
        await task
        return got

    assert run(main()) == list(range(300))


def test_aget__several_loops_on_one_handle(conn):
    q = conn.Queue()

    async def consume():
        return [value async for value in q]

    tasks = [Background(lambda: asyncio.run(consume())) for _ in range(3)]
    q.put_many(range(300))
    q.shutdown()
    assert sorted(sum((task.result() for task in tasks), [])) == list(range(300))


def test_aget__beside_a_thread_that_gets(conn):
    q = conn.Queue()
    thread = Background(list, q)

    async def consume():
        return [value async for value in q]

    async def main():
        task = asyncio.ensure_future(consume())
        for i in range(300):
            await q.aput(i)
        q.shutdown()
        return await task

    assert sorted(run(main()) + thread.result()) == list(range(300))


def test_aget__ends(hub, conn):
    async def ends(q, end):
        tasks = [asyncio.ensure_future(q.aget()) for _ in range(3)]
        await waits(tasks[0])
        end(q)
        return await asyncio.gather(*tasks, return_exceptions=True)

    def unlink(q):
        with libipc.connect(hub) as other:
            other.unlink(q.name)

    for end, error in (
        (lambda q: q.shutdown(), libipc.ShutDown),
        (lambda q: q.close(), libipc.Closed),
        (unlink, libipc.Deleted),
    ):
        got = run(ends(conn.Queue(unique()), end))
        assert [type(each) for each in got] == [error] * 3


def test_aget__the_connection_is_closed(hub):
    async def main(conn, q):
        task = asyncio.ensure_future(q.aget())
        await waits(task)
        conn.close()
        with pytest.raises(libipc.Closed):
            await task

    for _ in range(10):
        conn = libipc.connect(hub)
        run(main(conn, conn.Queue()))


HUB = """
import sys, libipc
hub = libipc.Hub(sys.argv[1])
print(hub.address, flush=True)
sys.stdin.readline()
"""


def test_aget__the_hub_is_lost():
    address = f"ipc://{os.environ.get('XDG_RUNTIME_DIR', '/tmp')}/{unique()}"
    with script(HUB, address) as process:
        conn = libipc.connect(process.stdout.readline().strip())
        q = conn.Queue("q")

        async def main():
            tasks = [asyncio.ensure_future(q.aget()) for _ in range(3)]
            await waits(tasks[0])
            process.kill()
            return await asyncio.gather(*tasks, return_exceptions=True)

        assert [type(each) for each in run(main())] == [libipc.HubLost] * 3

    async def again():
        with script(HUB, address) as process:
            process.stdout.readline()
            await q.aput("new")
            assert await q.aget() == "new"
            process.communicate("\n")

    run(again())
    conn.close()


def test_atake__items(conn):
    q = conn.JoinableQueue()

    async def main():
        await q.aput("x")
        item = await q.atake()
        assert (item.value, item.attempt) == ("x", 1)
        item.release()
        with await q.atake() as item:
            assert item.attempt == 2
        await q.ajoin()

    run(main())


def test_aput__waits_for_room(conn):
    q = conn.Queue(maxsize=2)

    async def main():
        await q.aput(1)
        await q.aput(2)
        task = asyncio.ensure_future(q.aput(3))
        await waits(task)
        assert await q.aget() == 1
        await task
        assert [await q.aget(), await q.aget()] == [2, 3]

    run(main())


def test_aput__a_cancelled_one_has_put_nothing(conn):
    q = conn.Queue(maxsize=1)
    q.put("first")

    async def main():
        task = asyncio.ensure_future(q.aput("second"))
        await waits(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await q.aget() == "first"
        with pytest.raises(queue.Empty):
            q.get(timeout=0.3)

    run(main())


def test_aput__many_at_once(conn):
    q = conn.Queue(maxsize=3)

    async def main():
        tasks = [asyncio.ensure_future(q.aput(i)) for i in range(50)]
        got = [await q.aget() for _ in range(50)]
        await asyncio.gather(*tasks)
        return sorted(got)

    assert run(main()) == list(range(50))


def test_aput__errors(conn):
    q = conn.Queue()

    async def main():
        with pytest.raises(TypeError, match="cannot send an object of type complex"):
            await q.aput(3 + 4j)
        await q.aput(1)
        with pytest.raises(TypeError, match="cannot send an object of type complex"):
            await q.aput(3 + 4j)
        q.shutdown()
        with pytest.raises(libipc.ShutDown):
            await q.aput(2)

    run(main())


def test_aput__more_than_is_on_its_way_at_once(conn):
    """The window fills: then it waits in a thread."""
    q = conn.Queue()
    value = bytes(1_000_000)

    async def main():
        for _ in range(60):
            await q.aput(value)
        return [len(await q.aget()) for _ in range(60)]

    assert run(main()) == [1_000_000] * 60


def test_ajoin__waits_and_can_be_cancelled(conn):
    q = conn.JoinableQueue()
    q.put(1)

    async def main():
        task = asyncio.ensure_future(q.ajoin())
        await waits(task)
        begin = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begin < PATIENCE / 2
        task = asyncio.ensure_future(q.ajoin())
        await waits(task)
        with await q.atake():
            pass
        await task

    run(main())


def test_for__values_and_items_until_the_end(conn):
    plain, joinable = conn.Queue(), conn.JoinableQueue()
    plain.put_many(range(10))
    plain.shutdown()
    joinable.put_many(range(10))
    joinable.shutdown()

    async def main():
        assert [value async for value in plain] == list(range(10))
        seen = []
        async for item in joinable.aitems():
            with item:
                seen.append(item.value)
        assert seen == list(range(10))
        await joinable.ajoin()

    run(main())


# ---- pipes ----


def test_pipe__both_ways(conn):
    a, b = conn.Pipe()

    async def echo():
        async for value in b:
            await b.asend(value)

    async def main():
        task = asyncio.ensure_future(echo())
        for i in range(200):
            await a.asend({"id": i})
            assert await a.arecv() == {"id": i}
        a.close()
        await task

    run(main())


def test_pipe__a_cancelled_receive_has_taken_nothing(conn):
    a, b = conn.Pipe()

    async def main():
        task = asyncio.ensure_future(b.arecv())
        await waits(task)
        a.send("x")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await b.arecv() == "x"

    run(main())


def test_pipe__ends(conn):
    a, b = conn.Pipe()

    async def main():
        task = asyncio.ensure_future(b.arecv())
        await waits(task)
        a.close()
        with pytest.raises(EOFError):
            await task
        with pytest.raises(EOFError):
            await b.arecv()
        with pytest.raises(BrokenPipeError):
            for _ in range(1000):
                await b.asend(1)
                await asyncio.sleep(0.001)
        b.close()
        with pytest.raises(OSError):
            await b.arecv()

    run(main())


def test_pipe__one_way(conn):
    reader, writer = conn.Pipe(duplex=False)

    async def main():
        await writer.asend(1)
        assert await reader.arecv() == 1
        with pytest.raises(PermissionError):
            await reader.asend(1)
        with pytest.raises(PermissionError):
            await writer.arecv()

    run(main())


def test_pipe__more_than_is_on_its_way_at_once(conn):
    a, b = conn.Pipe()
    value = bytes(1_000_000)

    async def send():
        for _ in range(60):
            await a.asend(value)

    async def main():
        task = asyncio.ensure_future(send())
        got = [len(await b.arecv()) for _ in range(60)]
        await task
        return got

    assert run(main()) == [1_000_000] * 60


# ---- processes ----


WORKER = """
import asyncio, sys, libipc

async def main():
    jobs = libipc.connect(sys.argv[1]).JoinableQueue(sys.argv[2])
    item = await jobs.atake()
    print(item.value, flush=True)
    await jobs.atake()

asyncio.run(main())
"""


def test_processes__a_killed_workers_item_comes_back(hub, conn):
    q = conn.JoinableQueue(unique())
    q.put("job")
    with script(WORKER, hub, q.name) as worker:
        assert worker.stdout.readline().strip() == "job"

        async def main():
            task = asyncio.ensure_future(q.atake())
            await waits(task)
            worker.kill()
            with await task as item:
                assert (item.value, item.attempt) == ("job", 2)
            await q.ajoin()

        run(main())


def test_processes__a_stopped_hub_does_not_stop_the_loop():
    with libipc.connect(unique("hub")) as conn:
        pid = conn.stat()["pid"]
        plain, full, (a, b) = conn.Queue(), conn.Queue(maxsize=1), conn.Pipe()
        full.put(1, confirm=True)

        async def main():
            tasks = [asyncio.ensure_future(each) for each in (plain.aget(), b.arecv(), full.aput(2))]
            await waits(tasks[0])
            os.kill(pid, signal.SIGSTOP)
            try:
                longest, before = 0.0, time.monotonic()
                for i in range(200):
                    await plain.aput(i)
                    await a.asend(i)
                    await asyncio.sleep(0.001)
                    now = time.monotonic()
                    longest, before = max(longest, now - before), now
            finally:
                os.kill(pid, signal.SIGCONT)
            assert longest < 1.0
            assert await full.aget() == 1
            return await asyncio.gather(*tasks)

        assert run(main()) == [0, 0, None]


CANCELLED = """
import asyncio, sys, libipc

async def main():
    conn = libipc.connect(sys.argv[1])
    full = conn.Queue(maxsize=1)
    full.put(1)
    tasks = [asyncio.ensure_future(each) for each in (conn.Queue().aget(), full.aput(2))]
    await asyncio.sleep(0.1)
    print("waiting", flush=True)

asyncio.run(main())
"""


def test_processes__a_program_ends_with_calls_that_wait(hub):
    with script(CANCELLED, hub) as program:
        out, _ = program.communicate(timeout=PATIENCE)
        assert (program.returncode, out.strip()) == (0, "waiting")


ABANDONED = """
import asyncio, sys, libipc

conn = libipc.connect(sys.argv[1])
full = conn.Queue(maxsize=1)
full.put(1)
loop = asyncio.new_event_loop()
tasks = [loop.create_task(each) for each in (conn.Queue().aget(), full.aput(2))]
loop.run_until_complete(asyncio.sleep(0.1))
loop.close()
print("leaving", flush=True)
"""


def test_processes__a_program_ends_without_its_loop(hub):
    with script(ABANDONED, hub, stderr=subprocess.PIPE) as program:
        out, err = program.communicate(timeout=PATIENCE)
        assert (program.returncode, out.strip()) == (0, "leaving")
        assert "Traceback" not in err  # asyncio says that it destroyed tasks, and that is all


def test_processes__asyncio_is_not_imported_for_it():
    with script("import sys, libipc; assert 'asyncio' not in sys.modules") as child:
        child.communicate(timeout=PATIENCE)
        assert child.returncode == 0
