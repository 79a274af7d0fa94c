"""Handles in other processes: inherited by fork, pickled for spawn and forkserver, handed to strangers.

Touches one hub, started by name, and child processes. Locks nothing.
"""

import base64
import multiprocessing
import os
import pickle
import signal
import threading

import libipc
import pytest
from python_support import PATIENCE, eventually, script, unique

METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


@pytest.fixture(params=METHODS)
def context(request):
    return multiprocessing.get_context(request.param)


def run(context, target, *args):
    process = context.Process(target=target, args=args)
    process.start()
    return process


def finish(process, code=0):
    process.join(PATIENCE)
    assert process.exitcode == code
    process.close()


# ---- children of multiprocessing ----


def double(source, sink):
    while (value := source.get()) is not None:
        sink.put(value * 2)


def test_processes__unnamed_queues(conn, context):
    source, sink = conn.Queue(), conn.Queue()
    child = run(context, double, source, sink)
    for i in range(100):
        source.put(i)
    assert [sink.get(timeout=PATIENCE) for _ in range(100)] == [i * 2 for i in range(100)]
    source.put(None)
    finish(child)


def test_processes__queues_of_the_default_connection(context):
    source, sink = libipc.Queue(), libipc.Queue()
    child = run(context, double, source, sink)
    source.put(21)
    assert sink.get(timeout=PATIENCE) == 42
    source.put(None)
    finish(child)


def work(jobs, results):
    while True:
        value = jobs.get()
        if value is None:
            jobs.task_done()
            return
        results.put((os.getpid(), value))
        jobs.task_done()


def test_processes__a_joinable_queue_and_workers(conn, context):
    jobs, results = conn.JoinableQueue(maxsize=10), conn.Queue()
    children = [run(context, work, jobs, results) for _ in range(2)]
    for i in range(60):
        jobs.put(i)
    jobs.join(timeout=PATIENCE)
    got = [results.get(timeout=PATIENCE) for _ in range(60)]
    assert sorted(value for _pid, value in got) == list(range(60))
    for _ in children:
        jobs.put(None)
    for child in children:
        finish(child)


def echo(end):
    """Until it is told to end: a forked child holds a copy of the other end too, so it never meets the end of file."""
    while (value := end.recv()) is not None:
        end.send(value)


def test_processes__an_end_of_a_pipe(conn, context):
    ours, theirs = conn.Pipe()
    child = run(context, echo, theirs)
    ours.send("hello")
    assert ours.recv() == "hello"
    theirs.close()
    ours.send("still there")
    assert ours.recv() == "still there"
    ours.send(None)
    finish(child)


def test_processes__closing_right_after_the_start_loses_nothing(conn, context):
    ours, theirs = conn.Pipe()
    child = run(context, echo, theirs)
    theirs.close()
    del theirs
    ours.send("hello")
    assert ours.recv() == "hello"
    ours.send(None)
    finish(child)


def test_processes__the_end_of_a_child_is_an_end_of_file(conn):
    """Of a forked one: a pickled end is kept for a minute by its pin."""
    ours, theirs = conn.Pipe()
    child = run(multiprocessing.get_context("fork"), echo, theirs)
    theirs.close()
    ours.send(None)
    with pytest.raises(EOFError):
        ours.recv()
    finish(child)


def test_processes__the_death_of_a_child_is_an_end_of_file(conn):
    ours, theirs = conn.Pipe()
    child = run(multiprocessing.get_context("fork"), echo, theirs)
    theirs.close()
    ours.send("hello")
    assert ours.recv() == "hello"
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(EOFError):
        ours.recv()
    finish(child, -signal.SIGKILL)


def put_many(q, count):
    for i in range(count):
        q.put(i)


def test_processes__what_a_child_puts_last_arrives(conn, context):
    """A child of multiprocessing ends in os._exit(): no atexit function runs."""
    q = conn.Queue()
    child = run(context, put_many, q, 5000)
    finish(child)
    assert [q.get(timeout=PATIENCE) for _ in range(5000)] == list(range(5000))


def take_and_return(jobs, ready):
    jobs.get()
    ready.put("taken")


def test_processes__a_child_that_returns_has_not_crashed(conn, context):
    jobs, ready = conn.JoinableQueue(), conn.Queue()
    jobs.put("job")
    child = run(context, take_and_return, jobs, ready)
    assert ready.get(timeout=PATIENCE) == "taken"
    finish(child)
    with pytest.raises(libipc.Empty):
        jobs.take(timeout=0.3)
    with pytest.raises(libipc.Timeout):
        jobs.join(timeout=0)


def take_and_die(jobs, ready):
    jobs.get()
    ready.put("taken")
    ready.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes__a_child_that_is_killed_has_crashed(conn, context):
    jobs, ready = conn.JoinableQueue(), conn.Queue()
    jobs.put("job")
    child = run(context, take_and_die, jobs, ready)
    assert ready.get(timeout=PATIENCE) == "taken"
    item = jobs.take(timeout=PATIENCE)
    assert (item.value, item.attempt) == ("job", 2)
    item.done()
    jobs.join(timeout=5)
    finish(child, -signal.SIGKILL)


def use_late(hub, name):
    import libipc as late

    late.connect(hub).Queue(name).put("from the child")


def test_processes__a_connection_of_the_childs_own(hub, conn, context):
    name = unique()
    child = run(context, use_late, hub, name)
    finish(child)
    assert conn.Queue(name).get(timeout=PATIENCE) == "from the child"


def raise_error(q):
    q.put("before")
    raise SystemExit(3)


def test_processes__a_child_that_exits_flushes(conn, context):
    q = conn.Queue()
    finish(run(context, raise_error, q), 3)
    assert q.get(timeout=PATIENCE) == "before"


def leave_a_daemon(q, started):
    threading.Thread(target=q.get, daemon=True).start()
    started.put("started")


def test_processes__a_child_with_a_daemon_thread_that_waits(conn, context, capfd):
    q, started = conn.Queue(), conn.Queue()
    child = run(context, leave_a_daemon, q, started)
    assert started.get(timeout=PATIENCE) == "started"
    finish(child)
    assert capfd.readouterr().err == ""


def leave_a_thread(q):
    threading.Thread(target=put_many, args=(q, 2000)).start()


def test_processes__a_childs_threads_may_finish(conn, context):
    q = conn.Queue()
    finish(run(context, leave_a_thread, q))
    assert [q.get(timeout=PATIENCE) for _ in range(2000)] == list(range(2000))


def square(value):
    return value * value


def put_square(q, value):
    q.put(square(value))


def test_processes__a_pool_of_multiprocessings_with_our_queue(conn, context):
    """Handles are pickled at any time, not only while a process is started."""
    q = conn.Queue()
    with context.Pool(2) as pool:
        pool.starmap(put_square, [(q, i) for i in range(20)])
        assert sorted(q.get(timeout=PATIENCE) for _ in range(20)) == sorted(i * i for i in range(20))


# ---- bare forks ----


def in_fork(function):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return pid


def reap(pid):
    _pid, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_fork__inherited_handles(conn):
    source, sink = conn.Queue(), conn.Queue()
    source.put(1)

    def child():
        sink.put(source.get(timeout=PATIENCE) + 1)
        sink.flush(timeout=PATIENCE)

    pid = in_fork(child)
    assert sink.get(timeout=PATIENCE) == 2
    reap(pid)


def test_fork__parent_and_child_use_the_connection_at_once(conn):
    q = conn.Queue()

    def put(mark):
        for i in range(500):
            q.put([mark, i])
        q.flush(timeout=PATIENCE)

    pids = [in_fork(lambda mark=mark: put(mark)) for mark in range(3)]
    put(3)
    got = [q.get(timeout=PATIENCE) for _ in range(2000)]
    for mark in range(4):
        assert [i for each, i in got if each == mark] == list(range(500))
    for pid in pids:
        reap(pid)


def test_fork__a_child_of_a_child(conn):
    q = conn.Queue()

    def grandchild():
        q.put("grandchild")
        q.flush(timeout=PATIENCE)

    def child():
        pid = in_fork(grandchild)
        q.put("child")
        q.flush(timeout=PATIENCE)
        reap(pid)

    reap(in_fork(child))
    assert sorted(q.get(timeout=PATIENCE) for _ in range(2)) == ["child", "grandchild"]


def test_fork__the_default_connection_made_in_both(conn):
    q = conn.Queue()

    def child():
        own = libipc.Queue()
        own.put("x")
        q.put(own.get(timeout=PATIENCE))
        q.flush(timeout=PATIENCE)

    pid = in_fork(child)
    assert q.get(timeout=PATIENCE) == "x"
    reap(pid)


# ---- strangers ----

STRANGER = """
import base64, pickle, sys
import libipc
q = pickle.loads(base64.b64decode(sys.stdin.readline()))
q.put("from a stranger")
"""


def test_strangers__an_unnamed_queue_handed_over(conn):
    q = conn.Queue()
    with script(STRANGER) as stranger:
        stranger.communicate(base64.b64encode(pickle.dumps(q)).decode() + "\n", timeout=PATIENCE)
        assert stranger.returncode == 0
    assert q.get(timeout=PATIENCE) == "from a stranger"


def test_strangers__a_pickle_outlives_the_handle(conn):
    """A pin keeps the queue until the session that pickled it ends."""
    q = conn.Queue()
    q.put("kept")
    pickled = pickle.dumps(q)
    q.close()
    again = pickle.loads(pickled)
    assert again.get(timeout=5) == "kept"


def test_strangers__a_queue_that_is_gone(hub):
    with libipc.connect(hub) as conn:
        pickled = pickle.dumps(conn.Queue())
    with libipc.connect(hub):
        eventually(lambda: not attaches(pickled), "the pin's end")


def attaches(pickled):
    try:
        pickle.loads(pickled).close()
    except libipc.NotFound:
        return False
    return True


ENV_ADDRESS = """
import libipc
libipc.Queue("by-environment").put("hello")
"""


def test_strangers__the_address_in_the_environment(hub, conn):
    environment = dict(os.environ, LIBIPC_ADDRESS=conn.address)
    with script(ENV_ADDRESS, env=environment) as stranger:
        stranger.communicate(timeout=PATIENCE)
        assert stranger.returncode == 0
    assert conn.Queue("by-environment").get(timeout=PATIENCE) == "hello"


# ---- a handle that its sender closes at once ----


def answer_all(source, sink):
    for value in source:
        sink.put(value)
    sink.put("end")


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
def test_closing__queues_right_after_the_start(conn, context, kind):
    source, sink = getattr(conn, kind)(), conn.Queue()
    ticket = sink.share()  # the parent's way back, once its own handle is closed
    source.put_many(range(50))
    source.shutdown()
    child = run(context, answer_all, source, sink)
    source.close()
    sink.close()
    del source, sink
    got = libipc.attach(ticket)
    assert [got.get(timeout=PATIENCE) for _ in range(51)] == [*range(50), "end"]
    finish(child)


def receive_all(end, result):
    got = []
    while (value := end.recv()) is not None:
        got.append(value)
    end.send(len(got))
    result.put(got)


def test_closing__what_was_sent_before_is_read_by_the_child(conn, context):
    """No false end of file, however late the child comes to read."""
    ours, theirs = conn.Pipe()
    result = conn.Queue()
    for i in range(50):
        ours.send(i)
    child = run(context, receive_all, theirs, result)
    theirs.close()
    assert ours.poll(0) is False
    ours.send("late")
    ours.send(None)
    assert ours.recv() == 51
    assert result.get(timeout=PATIENCE) == [*range(50), "late"]
    finish(child)


def test_closing__a_handle_within_another_queues_value(conn, context):
    """By a ticket, many times over; each receiver closes its own."""
    requests = conn.Queue()
    child = run(context, serve, requests)
    for i in range(20):
        ours, theirs = conn.Pipe()
        requests.put({"number": i, "end": theirs.share()})
        theirs.close()
        assert ours.recv() == i * i
        ours.close()
    requests.put(None)
    finish(child)


def serve(requests):
    while (request := requests.get()) is not None:
        with libipc.attach(request["end"]) as end:
            end.send(request["number"] ** 2)


def use_asyncio(source, sink):
    import asyncio

    async def main():
        async for value in source:
            await sink.aput(value)

    asyncio.run(main())


def test_asyncio__in_a_child(conn, context):
    source, sink = conn.Queue(), conn.Queue()
    child = run(context, use_asyncio, source, sink)
    source.put_many(range(100))
    source.shutdown()
    assert [sink.get(timeout=PATIENCE) for _ in range(100)] == list(range(100))
    finish(child)
