"""The command ipc: looking at hubs and objects, ending queues, joining them, and the options that make them.

Touches processes and hubs of its own. Nothing to lock.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_support import (
    PATIENCE,
    Containers,
    Hub,
    Library,
    eventually,
    finish,
    lines,
    run_dir,
    unique,
    values,
    wait_readable,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "command.md"
JOINABLE = ("--joinable",)
ALL_OPTIONS = (*JOINABLE, "--maxsize", "9", "--redeliver", "always", "--max-deliveries", "2", "--dead-letter", "dead")


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.end()


def looked(hub, *args):
    """What "ipc ARGS --json" says."""
    done = hub.run(*args, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return values(done.stdout)


def pairs(text):
    """The lines of a readable page, up to its table."""
    return dict(line.split(None, 1) for line in text.partition("\n\n")[0].splitlines())


def keys(value, prefix=""):
    """The keys of a map, those of maps within it and of lists of maps included."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from keys(inner, "" if key == "state" else key + ".")
        elif isinstance(inner, list):
            yield from (name for each in inner for name in keys(each))
        else:
            yield prefix + key


def has_socket(child):
    try:
        return any(os.readlink(fd).startswith("socket:") for fd in Path(f"/proc/{child.pid}/fd").iterdir())
    except FileNotFoundError:
        return False  # one was closed just now


# ---- stat ----


def test_stat__text(hub):
    server = hub.start("serve", "--max-sessions", "7", "--max-memory", "3M", "--max-name", "20", "--max-waiting", "11",
                       hub.address)
    server.stdout.readline()
    hub.put("q", "x" * 2000)
    done = hub.run("stat")
    assert (done.returncode, done.stderr) == (0, "")
    said = pairs(done.stdout)
    assert (said["address"], said["pid"], said["sessions"], said["objects"]) == (hub.address, str(server.pid), "1", "1")
    assert re.fullmatch(r"2\d\d\d \(2(\.\d+)?K\)|20\d\d \(.*K\)", said["memory"])
    assert re.fullmatch(r"\d+ \(\d+\.\ds\)", said["uptime_ms"])
    assert [said["limits." + name] for name in ("sessions", "memory", "name", "waiting")] == [
        "7", f"{3 << 20} (3M)", "20", "11"]
    heads, row = (line.split() for line in done.stdout.partition("\n\n")[2].splitlines())
    assert heads == ["SESSION", "PID", "LANGUAGE", "PROGRAM", "LANE", "HANDLES", "WAITING"]
    assert row[2:] == ["c", '"ipc', 'stat"', os.environ.get("LIBIPC_LANE", "shm"), "0", "0"]
    starts = {len(line) - len(line.split(None, 1)[1]) for line in done.stdout.partition("\n\n")[0].splitlines()}
    assert len(starts) == 1, "the values stand below one another"


def test_stat__json(hub):
    child = hub.start("get", "q", "--follow")
    hub.wait_open("q")
    [said] = looked(hub, "stat")
    assert said["address"] == hub.address and said["sessions"] == 2 and said["limits"]["name"] == 255
    assert [(who["pid"], who["program"], who["handles"]) for who in said["who"] if who["program"] != "ipc stat"] == [
        (child.pid, "ipc get", 1)]


def test_stat__counts_what_was_refused(hub):
    server = hub.start("serve", "--max-message", "1K", "--max-memory", "64K", hub.address)
    server.stdout.readline()
    assert looked(hub, "stat")[0]["refused_puts"] == 0
    assert hub.run("put", "q", input=lines(*["x" * 1000] * 200)).returncode == 4
    assert looked(hub, "stat")[0]["refused_puts"] > 0


def test_stat__several_hubs(hub):
    other = unique("other")
    said = looked(hub, "stat", hub.address, other)
    assert [one["address"] for one in said] == [hub.address, other]
    text = hub.run("stat", hub.address, other).stdout
    assert [part.split()[1] for part in re.findall(r"^address .*$", text, re.MULTILINE)] == [hub.address, other]
    assert looked(hub, "stat", "-a", other)[0]["address"] == other


def test_stat__one_of_several_does_not_answer(hub):
    nowhere = f"ipc://{run_dir()}/{unique('nowhere')}"
    done = hub.run("stat", "--json", nowhere, hub.address)
    assert done.returncode == 5 and f'cannot reach the hub "{nowhere}": no hub answers' in done.stderr
    assert [one["address"] for one in values(done.stdout)] == [hub.address]


# ---- info ----


def test_info__text(hub):
    hub.put("q", 1, 2, options=ALL_OPTIONS)
    child = hub.start("get", "q")
    wait_readable(child.stdout)
    done = hub.run("info", "q")
    assert (done.returncode, done.stderr) == (0, "")
    said = pairs(done.stdout)
    expected = {"name": "q", "type": "queue", "handles": "1", "joinable": "yes", "maxsize": "9", "redeliver": "always",
                "max_deliveries": "2", "dead_letter": "dead", "shut": "no", "leased": "1", "unfinished": "2",
                "accepted": "2", "joins_waiting": "0"}
    assert expected.items() <= said.items()
    heads, row = (line.split() for line in done.stdout.partition("\n\n")[2].splitlines())
    assert heads == ["SESSION", "PID", "LANGUAGE", "PROGRAM", "LANE", "HANDLE"]
    assert row[1] == str(child.pid)


def test_info__text_of_a_plain_queue(hub):
    hub.put("two words", 1)
    done = hub.run("info", "two words")
    said = pairs(done.stdout)
    assert (said["name"], said["joinable"], said["maxsize"], said["dead_letter"], said["holders"]) == (
        '"two words"', "no", "0 (no bound)", "-", "-")
    assert "\n\n" not in done.stdout, "nobody holds it: there is no table"


def test_info__json_of_several(hub):
    hub.put("a", 1, options=ALL_OPTIONS)
    hub.put("b")
    said = looked(hub, "info", "a", "b")
    assert [(one["name"], one["state"]["joinable"], one["state"]["size"]) for one in said] == [
        ("a", True, 1), ("b", False, 0)]


def test_info__who_waits(hub):
    hub.put("q", options=("--maxsize", "1"))
    getter = hub.start("get", "q", "--follow")
    eventually(lambda: looked(hub, "info", "q")[0]["state"]["gets_waiting"] == 1, "a get that waits")
    getter.send_signal(signal.SIGINT)
    assert finish(getter)[0] == 0
    putter = hub.start("put", "q", "1", "2")
    eventually(lambda: looked(hub, "info", "q")[0]["state"]["puts_waiting"] == 1, "a put that waits")
    assert hub.run("get", "q", "-n", "2", "-t", str(PATIENCE)).stdout == "1\n2\n"
    assert finish(putter) == (0, "", "")


def test_info__nothing_of_that_name(hub):
    hub.put("q")
    done = hub.run("info", "nothing", "q", "--json")
    assert (done.returncode, done.stderr) == (6, 'ipc info: cannot look at "nothing": nothing is named "nothing"\n')
    assert [one["name"] for one in values(done.stdout)] == ["q"]


@pytest.mark.parametrize("how", [("stat",), ("info", "q"), ("info", "p")], ids=["stat", "queue", "pipe"])
def test_document__explains_every_field(hub, how):
    library = Library().library
    hub.put("q", 1, options=ALL_OPTIONS)
    with Library().queue(hub.address, "q") as queue:
        pipe = queue.pipe("p")
        [said] = looked(hub, *how)
        library.ipc_pipe_free(pipe)
    explained = set(re.findall(r"`([a-z_.]+)`", DOCUMENT.read_text(encoding="utf-8")))
    named = {re.sub(r"^[ab]\.", "", key) for key in keys(said)}
    assert len(named) >= 10 and named - explained == set()


# ---- containers ----


def test_containers__ls(hub):
    with Containers(hub.address):
        done = hub.run("ls")
        assert (done.returncode, done.stderr) == (0, "")
        assert [line.split() for line in done.stdout.splitlines()] == [
            ["NAME", "TYPE", "SIZE", "HANDLES"], ["a", "array", "3", "1"], ["d", "dict", "2", "1"],
            ["l", "list", "1", "1"], ["v", "value", "1", "1"]]
        assert hub.listed()["d"] == {"name": "d", "type": "dict", "size": 2, "handles": 1}
    assert list(hub.listed()) == ["a", "d", "l", "v"], "they have names: they stay"


def test_containers__info(hub):
    with Containers(hub.address):
        said = {name: pairs(hub.run("info", name).stdout) for name in "adlv"}
        [as_json] = looked(hub, "info", "d")
    assert said["d"] == {"name": "d", "type": "dict", "handles": "1", "length": "2", "bytes": "2008 (1.961K)"}
    assert said["l"] == {"name": "l", "type": "list", "handles": "1", "length": "1", "bytes": "1"}
    assert {"type": "array", "typecode": "h", "length": "3", "locked": "yes"}.items() <= said["a"].items()
    assert {"type": "value", "typecode": "d", "length": "1", "locked": "no"}.items() <= said["v"].items()
    assert as_json["state"] == {"length": 2, "bytes": 2008}
    assert [who["pid"] for who in as_json["holders"]] == [os.getpid()]


def test_containers__every_line_is_explained(hub):
    explained = set(re.findall(r"`([a-z_.]+)`", DOCUMENT.read_text(encoding="utf-8")))
    with Containers(hub.address):
        named = {key for said in looked(hub, "info", "d", "l") for key in keys(said)}
    assert {"length", "bytes"} <= named and named | {"typecode"} <= explained


@pytest.mark.parametrize("command", [("put", "{}", "1"), ("get", "{}"), ("join", "{}"), ("shutdown", "{}"),
                                     ("put", "--joinable", "{}", "1")], ids=" ".join)
@pytest.mark.parametrize("name, type", [("d", "a dict"), ("l", "a list"), ("a", "an array"), ("v", "a value")])
def test_containers__are_no_queues(hub, command, name, type):
    with Containers(hub.address):
        done = hub.run(*(word.format(name) for word in command))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f'ipc {command[0]}: cannot open queue "{name}": "{name}" is {type}, not a queue\n'
        assert hub.listed()[name]["handles"] == 1


def test_containers__are_removed(hub):
    with Containers(hub.address) as held:
        assert hub.run("rm", "d", "a", "l", "v").returncode == 0
        assert hub.listed() == {}
        handle = held.handles["d"][1]
        assert held.library.ipc_dict_invoke_packed(handle, 1, b"\x90", 1, None) == -21, "deleted"


# ---- join ----


def test_join__until_all_is_done(hub):
    hub.put("q", 1, 2, options=JOINABLE)
    child = hub.start("join", "q")
    eventually(lambda: looked(hub, "info", "q")[0]["state"]["joins_waiting"] == 1, "a join that waits")
    assert hub.rest("q") == [1, 2]
    assert finish(child) == (0, "", "")


def test_join__times_out(hub):
    hub.put("q", 1, options=JOINABLE)
    start = time.monotonic()
    done = hub.run("join", "q", "--timeout", "0.2")
    assert time.monotonic() - start >= 0.2
    assert (done.returncode, done.stderr) == (7, 'ipc join: not all items of queue "q" are done: timed out\n')


def test_join__interrupted(hub):
    hub.put("q", 1, options=JOINABLE)
    child = hub.start("join", "q")
    eventually(lambda: looked(hub, "info", "q")[0]["state"]["joins_waiting"] == 1, "a join that waits")
    child.send_signal(signal.SIGINT)
    assert finish(child) == (-signal.SIGINT, "", "")


def test_join__not_joinable_and_not_there(hub):
    hub.put("plain", 1)
    done = hub.run("join", "plain")
    assert done.returncode == 1 and "is not joinable" in done.stderr
    done = hub.run("join", "nothing")
    assert (done.returncode, done.stderr) == (
        6, 'ipc join: there is no queue "nothing"; "ipc ls" lists what there is\n')
    assert list(hub.listed()) == ["plain"], "looking for it has not made it"


# ---- shutdown ----


@pytest.mark.parametrize("options", [(), JOINABLE], ids=["plain", "joinable"])
def test_shutdown__what_is_there_can_be_taken(hub, options):
    hub.put("q", 1, 2, options=options)
    done = hub.run("shutdown", "q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = hub.run("put", "q", "3")
    assert done.returncode == 4 and "ipc put: value 1 was not put: the queue is shut down\n" == done.stderr
    done = hub.run("get", "q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n2\n", "")
    done = hub.run("get", "q")
    assert (done.returncode, done.stdout) == (4, "") and "the queue is shut down" in done.stderr
    assert looked(hub, "info", "q")[0]["state"]["shut"] is True


def test_shutdown__immediate(hub):
    hub.put("q", 1, 2, options=JOINABLE)
    assert hub.run("shutdown", "--immediate", "q").returncode == 0
    assert hub.run("get", "q").returncode == 4
    assert hub.run("join", "q", "-t", "0").returncode == 0, "what was dropped counts as done"


def test_shutdown__ends_who_follows(hub):
    child = hub.start("get", "q", "--follow")
    hub.put("q", 1)
    assert child.stdout.readline() == "1\n"
    assert hub.run("shutdown", "q").returncode == 0
    assert finish(child) == (0, "", "")


def test_shutdown__of_several(hub):
    hub.put("a")
    hub.put("b", options=ALL_OPTIONS)
    done = hub.run("shutdown", "a", "nothing", "b")
    assert done.returncode == 6 and 'there is no queue "nothing"' in done.stderr
    assert [one["state"]["shut"] for one in looked(hub, "info", "a", "b")] == [True, True]


# ---- a queue's options ----


def test_options__all_of_them(hub):
    hub.put("q", 1, options=ALL_OPTIONS)
    state = looked(hub, "info", "q")[0]["state"]
    assert (state["joinable"], state["maxsize"], state["max_deliveries"], state["dead_letter"]) == (True, 9, 2, "dead")
    assert "dead" in hub.listed()
    hub.put("q", 2, options=ALL_OPTIONS)
    hub.put("q", 3)  # as it is
    assert hub.rest("q") == [1, 2, 3]
    assert hub.run("join", "q", "-t", "0").returncode == 0


@pytest.mark.parametrize("differs", [("--redeliver", "never"), ("--max-deliveries", "3"), ("--dead-letter", "grave")],
                         ids=lambda options: options[0])
def test_options__that_differ(hub, differs):
    hub.put("q", 1, options=ALL_OPTIONS)
    done = hub.run("get", "q", *ALL_OPTIONS, *differs)
    assert (done.returncode, done.stdout) == (4, "") and 'queue "q" exists with' in done.stderr
    assert hub.rest("q") == [1]


def test_options__the_last_delivery(hub):
    """What comes back too often lies in the dead letter queue."""
    hub.put("q", "bad", options=ALL_OPTIONS)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, bytes(4096)):
            pass
    os.set_blocking(writer, True)
    for _ in range(2):
        child = hub.start("get", "q", stdout=writer)  # it takes the item, and cannot say so: it has not finished it
        eventually(lambda: hub.listed()["q"]["size"] == 0, "the taking")
        child.kill()
        child.wait()
        eventually(lambda: hub.listed()["q"]["handles"] == 0, "the getter's end")
    os.close(reader)
    os.close(writer)
    hub.wait_size("dead", 1)
    assert hub.rest("q") == []
    assert hub.rest("dead") == ["bad"]


def test_options__redeliver_never(hub):
    hub.put("q", 1, 2, options=(*JOINABLE, "--redeliver", "never"))
    child = hub.start("get", "q")
    wait_readable(child.stdout)
    eventually(lambda: looked(hub, "info", "q")[0]["state"]["leased"] == 1, "the hub's knowing of it")
    child.kill()
    child.wait()
    eventually(lambda: hub.listed()["q"]["handles"] == 0, "the getter's end")
    assert hub.rest("q") == [2]
    assert looked(hub, "info", "q")[0]["state"]["unfinished"] == 1


# ---- confirmed and counted puts ----


def test_put__so_many(hub):
    done = hub.shell("set -o pipefail; yes 1 | ipc put q --count 5")
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, ""), "yes is what met the closed pipe"
    assert hub.run("put", "q", "-n", "2", "6", "7", "8").returncode == 0
    assert hub.run("put", "q", "-n", "9", input=lines(9)).returncode == 0
    assert hub.rest("q") == [1] * 5 + [6, 7, 9]


def test_put__so_many_of_a_pipe_that_stays_open(hub):
    child = hub.start("put", "q", "--count", "1", stdin=subprocess.PIPE)
    child.stdin.write("1\n")
    child.stdin.flush()
    assert child.wait(PATIENCE) == 0
    assert hub.rest("q") == [1]


def test_put__confirmed(hub):
    hub.put("q", *range(100), options=("--confirm",))
    assert hub.rest("q") == list(range(100))


def test_put__confirmed_says_exactly_what_was_refused(hub):
    server = hub.start("serve", "--max-memory", "64K", hub.address)
    server.stdout.readline()
    done = hub.run("put", "q", "--confirm", input=lines(*["x" * 1000] * 200))
    assert done.returncode == 4
    refused = int(re.search(r"line (\d+) was not put", done.stderr)[1])
    assert f"{refused - 1} values before it were put" in done.stderr and f"tail -n +{refused}" in done.stderr
    assert len(hub.rest("q")) == refused - 1


def test_put__a_hub_that_has_stopped(hub):
    """What is not known to be put in time is said so."""
    server = hub.start("serve", hub.address)
    server.stdout.readline()
    child = hub.start("put", "q", "--timeout", "0.5", stdin=subprocess.PIPE)
    child.stdin.write("1\n")
    child.stdin.flush()
    hub.wait_size("q", 1)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        child.stdin.write("2\n")
        status, _, err = finish(child)
        assert status == 7 and "not everything was put" in err
    finally:
        os.kill(server.pid, signal.SIGCONT)


# ---- pipelines ----


@pytest.mark.parametrize("options", [(), JOINABLE], ids=["plain", "joinable"])
def test_pipe__follow_ends_with_its_reader(hub, options):
    hub.put("q", *range(1, 8), options=options)
    done = hub.shell("set -o pipefail; ipc get q --follow | head -3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n2\n3\n", "")
    rest = hub.rest("q")
    assert (rest if options else sorted(rest)) == [4, 5, 6, 7]


@pytest.mark.parametrize("what", ["ls", "ls --json", "stat --json", "info --json q"])
def test_pipe__output_that_nobody_reads(hub, what):
    """No message, and no signal that a shell would see."""
    for i in range(30):
        hub.put(f"{i}-" + "a" * 200)  # together more than a buffer holds
    hub.put("q")
    reader, writer = os.pipe()
    os.close(reader)
    child = hub.start(*what.split(), stdout=writer)
    os.close(writer)
    _, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (0, "")


@pytest.mark.parametrize("what", ["ls", "stat", "info q"])
def test_output__that_takes_nothing(hub, what):
    hub.put("q")
    done = hub.shell(f"ipc {what} > /dev/full")
    assert (done.returncode, done.stdout) == (1, "") and "cannot write to standard output" in done.stderr
    assert hub.shell(f"ipc {what} >&-").returncode == 1


def test_interrupted__while_the_hub_does_not_answer(hub):
    server = hub.start("serve", hub.address)
    server.stdout.readline()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        child = hub.start("stat")
        eventually(lambda: has_socket(child), "its call")
        child.send_signal(signal.SIGINT)
        assert finish(child) == (-signal.SIGINT, "", "")
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_json__is_one_line(hub):
    hub.put('odd "name"\n', 1)
    text = hub.run("info", "--json", 'odd "name"\n').stdout
    assert text.count("\n") == 1 and json.loads(text)["name"] == 'odd "name"\n'
