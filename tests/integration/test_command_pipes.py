"""The command ipc in pipelines: what its reader did not read is not lost, however either of them ends.

Touches processes and hubs of its own. Nothing to lock.
"""

import os
import signal
import subprocess

import pytest
from command_support import PATIENCE, Hub, Library, eventually, finish, values, wait_readable

ITEMS = list(range(1, 8))
JOINABLE = ("--joinable",)


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.end()


@pytest.mark.parametrize("options", [(), JOINABLE], ids=["plain", "joinable"])
def test_pipe__its_reader_wants_one(hub, options):
    """What the reader has not read is still there; of a joinable queue also in its order."""
    for _ in range(20):
        hub.put("q", *ITEMS, options=options)
        done = hub.shell("set -o pipefail; ipc get q | head -1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
        rest = hub.rest("q")
        assert (rest if options else sorted(rest)) == ITEMS[1:]


@pytest.mark.parametrize("options", [(), JOINABLE], ids=["plain", "joinable"])
def test_pipe__its_reader_goes_without_reading(hub, options):
    """At every moment of the getter's life, from before its start to while a line is in the pipe."""
    for wait in (True, False):
        hub.put("q", *ITEMS, options=options)
        child = hub.start("get", "q", "--follow")
        if wait:
            wait_readable(child.stdout)
        child.stdout.close()
        assert child.wait(PATIENCE) == 0
        assert child.stderr.read() == ""
        rest = hub.rest("q")
        assert (rest if options else sorted(rest)) == ITEMS


def test_pipe__its_reader_goes_within_a_long_line(hub):
    long = "x" * 100_000
    hub.put("q", long, 2, options=JOINABLE)
    done = hub.shell("set -o pipefail; ipc get q | head -c 1000 | wc -c")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1000", "")
    assert hub.rest("q") == [long, 2]


def test_pipe__its_reader_goes_while_nothing_comes(hub):
    child = hub.start("get", "q", "--follow")
    hub.wait_open("q")
    child.stdout.close()
    assert child.wait(PATIENCE) == 0
    assert child.stderr.read() == ""


def test_pipe__an_item_is_taken_when_the_one_before_was_read(hub):
    hub.put("q", *ITEMS)
    child = hub.start("get", "q")
    for i in ITEMS:
        wait_readable(child.stdout)
        hub.wait_size("q", len(ITEMS) - i)
        assert os.read(child.stdout.fileno(), 100) == f"{i}\n".encode()
    assert finish(child) == (0, "", "")


def test_pipe__interrupted_with_a_line_unread(hub):
    hub.put("q", *ITEMS, options=JOINABLE)
    child = hub.start("get", "q")
    wait_readable(child.stdout)
    child.send_signal(signal.SIGINT)
    assert child.wait(PATIENCE) == -signal.SIGINT
    assert hub.rest("q") == ITEMS


def test_pipe__with_something_else_in_it(hub):
    """More than a page: it cannot be made small before it is read."""
    hub.put("q", *ITEMS)
    child = hub.start_shell("seq 5000; exec ipc get q")
    hub.wait_size("q", len(ITEMS) - 1)
    status, out, err = finish(child)
    assert (status, err) == (0, "")
    assert out == "".join(f"{i}\n" for i in [*range(1, 5001), *ITEMS])


def test_pipe__two_getters_in_one(hub):
    for name in "ab":
        hub.put(name, *[name + str(i) for i in range(500)])
    done = hub.shell("{ ipc get a & ipc get b & wait; } | cat")
    assert (done.returncode, done.stderr) == (0, "")
    seen = values(done.stdout)
    for name in "ab":
        assert [value for value in seen if value[0] == name] == [name + str(i) for i in range(500)]
    assert len(seen) == 1000


def test_pipe__is_left_as_it_was(hub):
    size = "import fcntl; print(fcntl.fcntl(1, fcntl.F_GETPIPE_SZ))"
    hub.put("q", *ITEMS)
    done = hub.shell(f"{{ python3 -c '{size}'; ipc get q; python3 -c '{size}'; }} | cat")
    before, *items, after = done.stdout.splitlines()
    assert before == after and items == [str(i) for i in ITEMS]


@pytest.mark.parametrize("options", [(), JOINABLE], ids=["plain", "joinable"])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_output__that_takes_nothing(hub, options, where):
    hub.put("q", *ITEMS, options=options)
    done = hub.shell(f"ipc get q {where}")
    assert done.returncode == 1 and "cannot write to standard output" in done.stderr
    rest = hub.rest("q")
    assert (rest if options else sorted(rest)) == ITEMS


def test_output__cannot_be_given_back(hub):
    """A plain queue that has become full meanwhile: the item is at least shown."""
    hub.put("q", "held", 2, options=("--maxsize", "2"))
    child = hub.start("get", "q")
    wait_readable(child.stdout)
    hub.put("q", 3)
    child.stdout.close()
    assert child.wait(PATIENCE) == 4
    err = child.stderr.read()
    assert "cannot be given back" in err and 'the item: "held"' in err
    assert hub.rest("q") == [2, 3]


def test_output__cannot_be_given_back_to_what_is_shut_down(hub):
    hub.put("q", "held", 2)
    child = hub.start("get", "q")
    wait_readable(child.stdout)
    assert hub.run("shutdown", "q").returncode == 0
    child.stdout.close()
    assert child.wait(PATIENCE) == 4
    err = child.stderr.read()
    assert "the queue is shut down" in err and 'the item: "held"' in err
    assert hub.rest("q") == [2]


# ---- kill -9 ----


def test_killed__a_getter_on_a_joinable_queue(hub):
    """What it had not finished comes again, flagged."""
    hub.put("q", *ITEMS, options=JOINABLE)
    child = hub.start("get", "q")
    wait_readable(child.stdout)
    child.kill()
    child.wait()
    hub.wait_size("q", len(ITEMS))
    with Library().queue(hub.address, "q") as queue:
        assert queue.take() == (b"\x01", 2)
    # It was taken and not finished by a session that ended cleanly: it stays out.
    assert hub.rest("q") == ITEMS[1:]


def test_killed__a_getter_that_has_finished_some(hub):
    hub.put("q", *ITEMS, options=JOINABLE)
    child = hub.start("get", "q")
    for i in ITEMS[:3]:
        wait_readable(child.stdout)
        assert os.read(child.stdout.fileno(), 100) == f"{i}\n".encode()
    wait_readable(child.stdout)
    child.kill()
    child.wait()
    eventually(lambda: hub.listed()["q"]["handles"] == 0, "the getter's end")
    rest = hub.rest("q")
    assert rest == list(range(rest[0], 8)) and 1 <= rest[0] <= 4


def test_killed__a_putter(hub):
    """What was put before stays."""
    child = hub.start("put", "q", stdin=subprocess.PIPE)
    child.stdin.write("1\n2\n")
    child.stdin.flush()
    hub.wait_size("q", 2)
    child.kill()
    child.wait()
    assert hub.rest("q") == [1, 2]
