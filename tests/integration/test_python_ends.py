"""How a Python program ends, and what becomes of what it took: a joinable queue's item comes back from those that
failed, and from those alone.

Touches one hub, started by name, and the programs. Locks nothing.
"""

import multiprocessing
import os
import signal
import subprocess
import sys

import libipc
import pytest
from python_support import PATIENCE, script, unique


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


TAKE = """
import os, signal, sys, threading
import libipc
conn = libipc.connect(sys.argv[1])
q = conn.JoinableQueue(sys.argv[2], mode="attach")
assert q.get(timeout=20) == "job"
q.put("result")
"""

BACK = [("job", 2), ("result", 1)]

FAILURES = {
    "an exception": "raise LookupError",
    "an exception in a function": "def f(): 1 / 0\nf()",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "a signal of the keyboard": "import time; os.kill(os.getpid(), signal.SIGINT); time.sleep(20)",
    "an exception of one's own": "class Mine(BaseException): pass\nraise Mine",
    "an excepthook of one's own": "sys.excepthook = lambda *args: None\nraise LookupError",
    "an excepthook that exits": "sys.excepthook = lambda *args: sys.exit(0)\nraise LookupError",
    "asyncio": "import asyncio\nasync def main(): raise LookupError\nasyncio.run(main())",
    "with other exceptions before": "try: 1 / 0\nexcept ZeroDivisionError: pass\nraise LookupError",
    "within its with": "with conn: raise LookupError",
}

CLEAN_ENDS = {
    "return": "",
    "sys.exit": "sys.exit()",
    "sys.exit with a status": "sys.exit(3)",
    "sys.exit with a text": "sys.exit('no good')",
    "sys.exit while an exception is handled": "try: 1 / 0\nexcept ZeroDivisionError: sys.exit(1)",
    "an exception that was caught": "try: raise LookupError\nexcept LookupError: pass",
    "a thread's exception": "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
    "an exception that was shown": "import code; code.InteractiveInterpreter().runcode('1 / 0')",
    "an exception that is remembered": "try: 1 / 0\nexcept Exception as e: import traceback\n"
    "def f():\n    try: 1 / 0\n    except Exception as e: sys.last_value = e\nf()",
    "within its with": "with conn: sys.exit(1)",
    "closed before an exception": "conn.close(); raise LookupError",
}


def ended(conn, hub, source):
    """What is in the queue after a program that took its one item, put another one, and ended."""
    q = conn.JoinableQueue(unique())
    q.put("job")
    with script(TAKE + source, hub, q.name, stderr=subprocess.DEVNULL) as program:
        program.communicate(timeout=PATIENCE)
    return left(q)


def left(q):
    got = []
    while not q.empty():
        item = q.take(timeout=PATIENCE)
        got.append((item.value, item.attempt))
    return sorted(got)


@pytest.mark.parametrize("source", FAILURES.values(), ids=FAILURES.keys())
def test_program__that_fails(hub, conn, source):
    assert ended(conn, hub, source) == BACK


@pytest.mark.parametrize("source", CLEAN_ENDS.values(), ids=CLEAN_ENDS.keys())
def test_program__that_ends_cleanly(hub, conn, source):
    assert ended(conn, hub, source) == [("result", 1)]


def test_program__as_a_module(hub, conn, tmp_path):
    (tmp_path / "failing.py").write_text(TAKE + "raise LookupError\n")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    for args in (["-m", "failing"], [str(tmp_path / "failing.py")]):
        q = conn.JoinableQueue(unique())
        q.put("job")
        done = subprocess.run(
            [sys.executable, *args, hub, q.name], env=environment, capture_output=True, timeout=PATIENCE, check=False
        )
        assert b"LookupError" in done.stderr
        assert left(q) == BACK


def test_program__the_hooks_are_left_alone():
    source = "import sys; a = sys.excepthook; import threading; b = threading.excepthook\n"
    source += "import libipc; libipc.Queue().put(1)\n"
    source += "assert sys.excepthook is a is sys.__excepthook__ and threading.excepthook is b"
    with script(source) as program:
        program.communicate(timeout=PATIENCE)
        assert program.returncode == 0


# ---- children of multiprocessing ----


def take_and(hub, name, end):
    conn = libipc.connect(hub)
    q = conn.JoinableQueue(name, mode="attach")
    assert q.get(timeout=PATIENCE) == "job"
    q.put("result")
    end()


def fail():
    raise LookupError("on purpose")


def interrupt():
    raise KeyboardInterrupt


def leave():
    sys.exit(3)


def return_():
    pass


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def context(request):
    return multiprocessing.get_context(request.param)


@pytest.mark.parametrize(
    "end, code, expected",
    [(fail, 1, BACK), (interrupt, 1, BACK), (leave, 3, [("result", 1)]), (return_, 0, [("result", 1)])],
)
def test_child__ends(hub, conn, context, end, code, expected, capfd):
    q = conn.JoinableQueue(unique())
    q.put("job")
    child = context.Process(target=take_and, args=(hub, q.name, end))
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == code
    assert left(q) == expected


def take_inherited(q, end):
    assert q.get(timeout=PATIENCE) == "job"
    q.put("result")
    q.flush()
    end()


@pytest.mark.parametrize("end", [fail, kill])
def test_child__fails_with_a_handle_that_it_was_given(conn, context, end, capfd):
    q = conn.JoinableQueue()
    q.put("job")
    child = context.Process(target=take_inherited, args=(q, end))
    child.start()
    child.join(PATIENCE)
    got = sorted(q.take(timeout=PATIENCE).value for _ in range(2))
    assert got == ["job", "result"]


def work_once(q):
    with q.take(timeout=PATIENCE) as item:
        return item.value


def test_child__a_pools_task_that_fails_is_no_end(conn, context):
    """Its worker goes on, and so does its session; the item's own context gave it back."""
    q = conn.JoinableQueue()
    q.put("job")
    with context.Pool(1) as pool:
        with pytest.raises(LookupError):
            pool.apply(take_and_fail_within, (q,))
        assert pool.apply(work_once, (q,)) == "job"
        pool.close()
        pool.join()
    q.join(timeout=PATIENCE)


def take_and_fail_within(q):
    with q.take(timeout=PATIENCE):
        raise LookupError
