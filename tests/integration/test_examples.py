"""The examples and the README's snippets: they run, and do what they say, in every mixture of languages.

Touches processes, the hubs that they start, and files under pytest's own directory. One thread.
"""

import fcntl
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import termios

import libipc
import pytest
from python_support import eventually, unique, wait_process_blocked

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BUILD = pathlib.Path(os.environ["LIBIPC_BUILD_DIR"])

TIMEOUT = 60.0
F_SETPIPE_SZ = 1031  # Python knows it from 3.10 on
PIPE_BYTES = 4096  # the shortest pipe that there is
LINE_BYTES = len("job 1000: image-1000.png\n")
LANGUAGES = ("c", "python", "lua")


def command(language, name):
    """The command line of an example."""
    if language == "c":
        return [str(BUILD / "examples" / "c" / name)]
    if language == "python":
        return [sys.executable, str(EXAMPLES / "python" / f"{name}.py")]
    return [os.environ["LUA"], str(EXAMPLES / "lua" / f"{name}.lua")]


def run(*words, **kwargs):
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, check=False, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def start():
    started = []

    def start(*words, **kwargs):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **kwargs)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def finish(process):
    output, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    return output


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples__hello(language):
    assert run(*command(language, "hello")) == "hello 1 2 3\n"


def test_examples__multiprocess():
    assert run(*command("python", "multiprocess")) == f"sum of squares: {sum(n * n for n in range(100))}\n"


def test_examples__gather():
    assert run(*command("python", "gather")) == f"sum of squares: {sum(n * n for n in range(50))}\nkilled: 1\n"


def wait_for_consumers(conn, name, count):
    """Until that many programs hold the object, besides whoever asks here."""

    def there():
        return [entry["handles"] for entry in conn.list() if entry["name"] == name] == [count]

    eventually(there, f"{count} handles on {name}")


@pytest.mark.parametrize("worker", LANGUAGES)
@pytest.mark.parametrize("jobs", LANGUAGES)
def test_examples__jobs(start, jobs, worker):
    address, count = unique("jobs"), 50
    with libipc.connect(address) as conn:
        workers = [start(*command(worker, "worker"), address) for _ in range(2)]
        wait_for_consumers(conn, "jobs", 2)
        assert run(*command(jobs, "jobs"), address, str(count)) == f"{count} jobs are done\n"
    done = "".join(map(finish, workers)).splitlines()
    assert sorted(done) == sorted(f"job {n}: image-{n}.png" for n in range(1, count + 1))


@pytest.mark.parametrize("second", LANGUAGES)
@pytest.mark.parametrize("first", LANGUAGES)
def test_examples__killed_worker_is_replaced(start, first, second):
    """The first one is killed with a job in its hands: it cannot write, since nobody reads its output."""
    address, count = unique("jobs"), 1000
    with libipc.connect(address) as conn:
        victim = start(*command(first, "worker"), address)
        fcntl.fcntl(victim.stdout, F_SETPIPE_SZ, PIPE_BYTES)
        jobs = start(*command("c", "jobs"), address, str(count))
        with conn.JoinableQueue("jobs") as queue:
            wait_stuck(victim)
            victim.kill()
            assert queue.qsize() > 0
        other = start(*command(second, "worker"), address)
        assert finish(jobs) == f"{count} jobs are done\n"
    before, after = victim.communicate()[0], finish(other)
    assert "(again)" in after
    done = re.findall(r"job (\d+):.*\n", before + after)
    assert set(map(int, done)) == set(range(1, count + 1))


def wait_stuck(process):
    """Until it waits for somebody to read what it writes: its pipe, a page long, has no room for another line."""

    def room():
        held = struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4))[0]
        return PIPE_BYTES - held

    eventually(lambda: room() < LINE_BYTES, "a full pipe")
    wait_process_blocked(process.pid)


@pytest.mark.parametrize("answer", LANGUAGES)
@pytest.mark.parametrize("ask", LANGUAGES)
def test_examples__ask_and_answer(start, ask, answer):
    address = unique("squares")
    server = start(*command(answer, "answer"), address)
    assert run(*command(ask, "ask"), address, "7", "-3") == "7 * 7 = 49\n-3 * -3 = 9\n"
    assert finish(server) == ""


def snippets():
    """The README's blocks of code, by language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return {language: code for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)}


def test_examples__readme(tmp_path):
    """In the order in which they stand: each takes what the one before has put."""
    code = snippets()
    (tmp_path / "put.c").write_text(code["c"], encoding="utf-8")
    env = dict(os.environ, PKG_CONFIG_PATH=str(BUILD / "lib" / "pkgconfig"))
    build = next(line.strip() for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
                 if line.startswith("    cc put.c"))
    run("sh", "-ec", build, cwd=tmp_path, env=env)
    run(tmp_path / "a.out", cwd=tmp_path)
    assert run(sys.executable, "-c", code["python"]) == "{'id': 7, 'path': 'a.png'}\n"
    assert run(os.environ["LUA"], "-e", code["lua"]) == "8\tb.png\n"
    if shutil.which("ipc"):  # a build without the tool is fine
        assert run("sh", "-ec", code["sh"]) == '{"id":9}\n'
