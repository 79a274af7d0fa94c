"""The command ipc: each subcommand, its exit statuses, pipelines, signals and ends.

Touches processes and hubs of its own. Nothing to lock.
"""

import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_support import PATIENCE, TCP_ALLOWED, Hub, Library, eventually, finish, lines, run_dir, unique, values

ITEMS = list(range(1, 8))
JOINABLE = ("--joinable",)
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "command.md"


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.end()


def serve(hub, *options, **more):
    """A hub in the foreground, and the address that it says."""
    child = hub.start("serve", *options, hub.address, **more)
    return child, child.stdout.readline().rstrip("\n")


# ---- help and usage ----


@pytest.mark.parametrize("command", ["put", "get", "join", "shutdown", "ls", "info", "stat", "rm", "serve"])
def test_help__of_each_command(hub, command):
    done = hub.run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: ipc {command} ")
    assert "--address" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert f"  {command} " in hub.run("--help").stdout


def test_help__exit_statuses(hub):
    """The help and the document have the same ones."""
    in_help = re.findall(r"^  (\d)  \w", hub.run("--help").stdout, re.MULTILINE)
    in_document = re.findall(r"^\| (\d) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert in_help == in_document == list("01234567")


def test_help__version(hub):
    done = hub.run("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"ipc (\d+\.\d+\.\d+) \(libipc \1\)\n", done.stdout)


def test_help__no_room_for_it(hub):
    done = hub.shell("ipc --help > /dev/full")
    assert done.returncode == 1 and "No space left" in done.stderr


@pytest.mark.parametrize("line", [
    "", "frobnicate", "--frobnicate", "put", "put --frobnicate q", "put -5", "put q --maxsize 0", "put q --maxsize -1",
    "put q --maxsize 1x", "put q --timeout x", "put q --timeout -1", "put q --timeout nan", "get", "get a b",
    "put q --count 0", "put q --redeliver crash", "put q --joinable --redeliver sometimes", "put q --max-deliveries 2",
    "put q --joinable --max-deliveries 0", "put q --joinable --max-deliveries 1001", "put q --joinable --dead-letter d",
    "get q --count 0", "get q --count", "get q --follow --timeout 1", "get q --dead-letter d", "ls a", "rm", "join",
    "join a b", "join a --timeout x", "shutdown", "shutdown --immediate", "info", "stat -a a b", "serve a b",
    "serve -a a b",
    "serve --max-sessions 0", "serve --max-memory 1X", "serve --max-memory 99999999T", "serve --max-message 5G",
    "serve --session-timeout 0",
    "serve --max-name 0", "serve --max-name 256", "serve --max-waiting 0",
])
def test_usage__mistakes(hub, line):
    done = hub.run(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r'^ipc.*: .*\nTry "ipc.* --help"\.\n$', done.stderr)


# ---- put and get ----


def test_put_get__with_nothing_started():
    """On the hub named "default", which is started."""
    nowhere = Hub()
    del nowhere.env["LIBIPC_ADDRESS"]
    name = unique("jobs")
    text = lines({"id": 1, "path": "a.png"}, {"id": 2, "path": "ü.png"}, None, "", [])
    done = nowhere.shell(f"ipc put {name} <<'END'\n{text}END\nipc get {name}")
    assert (done.returncode, done.stdout, done.stderr) == (0, text, "")
    assert (run_dir() / "default.ctl").exists()


def test_put_get__the_address_is_chosen(hub):
    other = unique("other")
    assert hub.run("put", "-a", other, "q", "1").returncode == 0
    assert hub.rest("q") == []
    assert hub.run("get", "q", "--address", other).stdout == "1\n"


def test_put_get__an_empty_address_is_none(hub):
    hub.put("q", 7, options=("-a", ""))
    assert hub.rest("q") == [7]


def test_put_get__values_of_the_command_line(hub):
    assert hub.run("put", "q", '{"a": 1}', "2", "--", "-3").returncode == 0
    assert hub.rest("q") == [{"a": 1}, 2, -3]


def test_put__blank_lines_are_none_and_the_last_newline_may_be_missing(hub):
    assert hub.run("put", "q", input="1\n\n \t\r\n2\r\n3").returncode == 0
    assert hub.rest("q") == [1, 2, 3]


def test_put__nothing(hub):
    done = hub.run("put", "q", input="")
    assert (done.returncode, done.stderr) == (0, "")
    assert hub.listed()["q"]["size"] == 0


def test_put__a_bad_line_stops_it(hub):
    done = hub.run("put", "q", input='1\n\n2\n{"a":}\n3\n')
    assert done.returncode == 1
    assert "line 4: column 6: unexpected token near '}'" in done.stderr
    assert "2 values" in done.stderr and "tail -n +4" in done.stderr
    assert hub.rest("q") == [1, 2]


def test_put__a_bad_value_stops_it(hub):
    done = hub.run("put", "q", "1", "x", "2")
    assert done.returncode == 1 and "value 2: " in done.stderr
    assert hub.rest("q") == [1]


def test_put__raw_lines(hub):
    assert hub.run("put", "--raw", "q", input="one\n\n{two\n").returncode == 0
    assert hub.run("get", "q").stdout == '"one"\n""\n"{two"\n'
    hub.put("q", "a b", {"c": 1}, "")
    assert hub.run("get", "q", "-r").stdout == 'a b\n{"c":1}\n\n'


def test_put__each_line_goes_at_once(hub):
    child = hub.start("put", "q", stdin=subprocess.PIPE)
    for i in range(3):
        child.stdin.write(f"{i}\n")
        child.stdin.flush()
        hub.wait_size("q", i + 1)
    assert finish(child) == (0, "", "")


def test_put__an_unreadable_input(hub):
    done = hub.shell("ipc put q < /")
    assert done.returncode == 1 and "standard input" in done.stderr and "directory" in done.stderr
    assert hub.shell("ipc put q <&-").returncode == 1


def test_get__empty(hub):
    done = hub.run("get", "q")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    start = time.monotonic()
    assert hub.run("get", "q", "--timeout", "0.3").returncode == 3
    assert time.monotonic() - start >= 0.3


def test_get__so_many(hub):
    hub.put("q", *ITEMS)
    assert hub.run("get", "q", "-n", "2").stdout == "1\n2\n"
    assert hub.run("get", "--count", "1", "q").stdout == "3\n"
    done = hub.run("get", "q", "-n", "100")
    assert (done.returncode, values(done.stdout)) == (0, ITEMS[3:])


def test_get__waits_for_what_comes_later(hub):
    child = hub.start("get", "q", "-n", "1", "--timeout", str(PATIENCE))
    hub.wait_open("q")
    hub.put("q", "late")
    assert finish(child) == (0, '"late"\n', "")


def test_get__makes_the_queue_as_asked(hub):
    child = hub.start("get", "q", "-n", "1", "--follow", "--joinable", "--maxsize", "3")
    hub.wait_open("q")
    hub.put("q", 1, options=("--joinable", "--maxsize", "3"))
    assert finish(child) == (0, "1\n", "")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_get__follows_until_interrupted(hub, sent):
    child = hub.start("get", "q", "--follow")
    for i in range(3):
        hub.put("q", i)
        assert child.stdout.readline() == f"{i}\n"
    child.send_signal(sent)
    assert finish(child) == (0, "", "")


def test_get__interrupted_while_it_waits(hub):
    child = hub.start("get", "q", "--timeout", "1000")
    hub.wait_open("q")
    child.send_signal(signal.SIGINT)
    assert finish(child) == (-signal.SIGINT, "", "")


def test_get__a_deleted_queue(hub):
    child = hub.start("get", "q", "--follow")
    hub.wait_open("q")
    assert hub.run("rm", "q").returncode == 0
    status, out, err = finish(child)
    assert (status, out) == (6, "") and "deleted" in err


def test_get__finishes_what_it_has_written(hub):
    """A joinable queue: nothing comes again, and all is done."""
    hub.put("q", *ITEMS, options=JOINABLE)
    assert hub.rest("q") == ITEMS
    assert hub.rest("q") == []
    with Library().queue(hub.address, "q") as queue:
        assert queue.join()


# ---- what is refused ----


def test_refused__a_full_queue(hub):
    done = hub.run("put", "q", "--maxsize", "2", "--timeout", "0", input="1\n2\n3\n")
    assert done.returncode == 4
    assert "line 3 was not put" in done.stderr and "2 values" in done.stderr
    assert hub.rest("q") == [1, 2]


def test_refused__other_options(hub):
    hub.put("q", 1, options=("--maxsize", "5"))
    for options in (("--maxsize", "6"), JOINABLE):
        for command in (("put", "q", "2"), ("get", "q")):
            done = hub.run(*command, *options)
            assert done.returncode == 4 and 'queue "q"' in done.stderr, command
    hub.put("q", 2, options=("--maxsize", "5"))
    assert hub.rest("q") == [1, 2]


def test_refused__limits_of_the_hub(hub):
    serve(hub, "--max-message", "1K", "--max-memory", "64K")
    done = hub.run("put", "q", '"' + "x" * 2000 + '"')
    assert done.returncode == 4 and "value 1 was not put" in done.stderr
    done = hub.run("put", "q", input=lines(*["x" * 1000] * 200))
    assert done.returncode == 4 and "bytes" in done.stderr and "start it with a higher limit" in done.stderr
    there = len(hub.rest("q"))
    assert 0 < there < 200


def test_refused__a_name_that_is_too_long_for_the_hub(hub):
    serve(hub, "--max-name", "4")
    hub.put("four", 1)
    done = hub.run("put", "fives", "1")
    assert done.returncode == 1 and "a name has 1 to 4 bytes here, this one has 5" in done.stderr


def test_put__waits_for_room(hub):
    child = hub.start("put", "q", "--maxsize", "2", "1", "2", "3")
    hub.wait_size("q", 2)
    assert hub.run("get", "q", "-n", "1").stdout == "1\n"
    assert finish(child) == (0, "", "")
    assert hub.rest("q") == [2, 3]


def test_put__interrupted_while_it_waits_for_room(hub):
    child = hub.start("put", "q", "--maxsize", "2", "1", "2", "3")
    hub.wait_size("q", 2)
    child.send_signal(signal.SIGINT)
    status, _, err = finish(child)
    assert status == -signal.SIGINT and "2 values were put" in err
    assert hub.rest("q") == [1, 2]


def test_put__interrupted_while_it_reads(hub):
    child = hub.start("put", "q", stdin=subprocess.PIPE)
    child.stdin.write("1\n2\n3")
    child.stdin.flush()
    hub.wait_size("q", 2)
    child.send_signal(signal.SIGTERM)
    child.wait(PATIENCE)  # with its input still open
    status, _, err = finish(child)
    assert status == -signal.SIGTERM and "2 values were put" in err
    assert hub.rest("q") == [1, 2]


def test_put__the_hub_is_killed(hub):
    server, _ = serve(hub)
    child = hub.start("put", "q", stdin=subprocess.PIPE)
    child.stdin.write("1\n")
    child.stdin.flush()
    hub.wait_size("q", 1)
    server.kill()
    server.wait()
    status, _, err = finish(child)
    assert status == 5 and "is gone, and what it held" in err


# ---- ls and rm ----


def test_ls__table(hub):
    assert hub.run("ls").stdout == ""
    hub.put("zebra", *ITEMS)
    hub.put("jobs", options=JOINABLE)
    hub.put("ünï", 1)
    hub.put("two words\x1b[31m", 1)
    rows = hub.run("ls").stdout.splitlines()
    assert [row.split() for row in rows[1:]] == [
        ["jobs", "queue", "0", "0"], ['"two', 'words\\u001B[31m"', "queue", "1", "0"], ["zebra", "queue", "7", "0"],
        ["ünï", "queue", "1", "0"]]
    assert rows[0].split() == ["NAME", "TYPE", "SIZE", "HANDLES"]
    assert len(set(map(len, rows))) == 1


def test_ls__json(hub):
    hub.put("b", 1, 2)
    child = hub.start("get", 'a"', "--follow")
    hub.wait_open('a"')
    assert values(hub.run("ls", "-j").stdout) == [{"name": 'a"', "type": "queue", "size": 0, "handles": 1},
                                                  {"name": "b", "type": "queue", "size": 2, "handles": 0}]
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 0


def test_rm__deletes_what_is_there(hub):
    for name in "abc":
        hub.put(name, 1)
    done = hub.run("rm", "a", "nothing", "b")
    assert done.returncode == 6 and 'cannot delete "nothing": nothing is named "nothing"' in done.stderr
    assert list(hub.listed()) == ["c"]
    done = hub.run("rm", "--force", "nothing", "c")
    assert (done.returncode, done.stderr) == (0, "")
    assert hub.listed() == {}


# ---- serve ----


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_serve__until_it_is_told_to_stop(hub, sent):
    child, address = serve(hub)
    assert address == hub.address
    assert list(run_dir().glob(hub.address + ".*")) != []
    hub.put("q", *ITEMS)
    child.send_signal(sent)
    assert child.wait(PATIENCE) == 0
    assert child.stdout.read() == ""
    assert list(run_dir().glob(hub.address + ".*")) == []


def test_serve__stays_without_sessions_and_items(hub):
    """Other than a hub that was started on demand: what was made on it is there later."""
    child, _ = serve(hub)
    hub.put("q", options=JOINABLE)
    assert hub.rest("q") == []
    assert hub.run("put", "q", "--maxsize", "1", "1").returncode == 4
    child.send_signal(signal.SIGTERM)
    assert child.wait(PATIENCE) == 0


@pytest.mark.parametrize("scheme", ["ipc", "tcp"] if TCP_ALLOWED else ["ipc"])
def test_serve__addresses(tmp_path, scheme):
    hub = Hub(f"ipc://{run_dir().parent}/{unique('s')}" if scheme == "ipc" else "tcp://127.0.0.1:*")
    child, address = serve(hub)
    try:
        if scheme == "tcp":
            assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", address)
        client = Hub(address)
        client.put("q", *ITEMS)
        assert client.rest("q") == ITEMS
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE) == 0
    finally:
        hub.end()


def test_serve__an_address_that_is_taken(hub):
    child, _ = serve(hub)
    done = hub.run("serve", hub.address)
    assert (done.returncode, done.stdout) == (1, "") and "ipc serve: " in done.stderr
    hub.put("q", 1)  # it has done no harm
    assert hub.rest("q") == [1]
    assert child.poll() is None


def test_serve__no_address(hub):
    done = hub.run("serve", "gopher://x")
    assert done.returncode == 1 and "gopher://x" in done.stderr


def test_serve__a_limit_of_sessions(hub):
    serve(hub, "--max-sessions", "2")
    getters = []

    def two_sessions():
        """A getter that comes while ls is there is refused as well: another one tries then."""
        getters[:] = [getter for getter in getters if getter.poll() is None]
        getters.extend(hub.start("get", "q", "--follow") for _ in range(2 - len(getters)))
        return hub.run("ls").returncode == 4 and all(getter.poll() is None for getter in getters)

    eventually(two_sessions, "two sessions")
    done = hub.run("put", "q", "1")
    assert done.returncode == 4 and "cannot reach the hub" in done.stderr and "2 sessions" in done.stderr
    getters[0].send_signal(signal.SIGTERM)
    assert finish(getters[0])[0] == 0
    hub.put("q", 1)
    assert getters[1].stdout.readline() == "1\n"


def test_serve__more_sessions_than_descriptors(hub):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    child = hub.start("serve", "--max-sessions", "100", hub.address, preexec_fn=few)
    status, out, err = finish(child)
    assert (status, out) == (4, "") and "ulimit" in err
    child = hub.start("serve", hub.address, preexec_fn=few)
    assert child.stdout.readline() == hub.address + "\n"  # with fewer sessions then


def test_serve__a_signal_that_is_ignored_stays_so(hub):
    child, _ = serve(hub, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    child.send_signal(signal.SIGINT)
    hub.put("q", 1)
    assert hub.rest("q") == [1]
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    assert child.wait(PATIENCE) == 0


# ---- much ----


@pytest.mark.parametrize("options, how", [((), "> {}"), ((), "| cat > {}"), (JOINABLE, "> {}")],
                         ids=["file", "pipe", "joinable"])
def test_large__file(hub, tmp_path, options, how):
    source = tmp_path / "source"
    source.write_text(lines(*({"id": i, "path": f"päth/{i}", "x": i / 8} for i in range(100_000))), encoding="utf-8")
    result = tmp_path / "result"
    start = time.monotonic()
    done = subprocess.run(["bash", "-c", f"ipc put {' '.join(options)} q < {source}; ipc get q {how.format(result)}"],
                          env=hub.env, timeout=2 * PATIENCE, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - start < PATIENCE
    assert result.read_bytes() == source.read_bytes()


def test_large__line(hub):
    text = json.dumps(["x" * 1000] * 20_000, separators=(",", ":"))  # more than goes inline, or through a pipe at once
    assert hub.run("put", "q", input=text).returncode == 0
    assert hub.shell("ipc get q | cat").stdout == text + "\n"


# ---- progress ----


def read_terminal(terminal, until):
    seen = b""

    def more():
        nonlocal seen
        if select.select([terminal], [], [], 0.01)[0]:
            seen += os.read(terminal, 10_000)
        return re.search(until, seen)

    return more


def test_progress__on_a_terminal(hub):
    master, slave = pty.openpty()
    child = hub.start("put", "q", stdin=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = read_terminal(master, rb"\r\d+ put, \d+/s")

    def feed():
        child.stdin.write("1\n" * 10)
        child.stdin.flush()
        return shown()

    eventually(feed, "a line of progress")
    child.stdin.close()
    assert child.wait(PATIENCE) == 0
    os.close(master)


def test_progress__nowhere_else(hub):
    child = hub.start("put", "q", stdin=subprocess.PIPE)
    end = time.monotonic() + 1.0  # longer than it takes to show anything
    while time.monotonic() < end:
        child.stdin.write("1\n" * 100)
    assert finish(child) == (0, "", "")


# ---- the document ----


def examples():
    """The commands of the document's examples, each with what it prints."""
    for block in re.findall(r"^```console\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        yield [part.partition("\n")[::2] for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example[0][0][:40])
def test_document__example(hub, example):
    for command, output in example:
        assert hub.shell(f"{{ {command}; }} 2>&1").stdout == output
