"""The example pipeline: its counts against those of tr, sort and uniq, also when workers are killed in the middle.

Touches processes, the hub that they start, and files under pytest's own directory. One thread.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import sys

import libipc
import pytest
from python_support import eventually, unique

ROOT = pathlib.Path(__file__).parents[2]
PIPELINE = ROOT / "examples" / "pipeline"
PRODUCER = pathlib.Path(os.environ["LIBIPC_BUILD_DIR"], "examples", "pipeline", "producer")
WORKER = [sys.executable, str(PIPELINE / "worker.py")]
COLLECTOR = [os.environ["LUA"], str(PIPELINE / "collect.lua"), "--all"]

TIMEOUT = 120.0  # seconds for a whole run on a loaded machine; it takes a few
CHUNK = "20"  # lines of an item: many items, so that the middle is wide

AGAIN_AND_TWICE = re.compile(r"of which (\d+) were handed out again and (\d+) results came twice")

# The same words by other means. A file's end ends a word, whether or not a newline stands there.
COUNT = r"""
export LC_ALL=C
find "$@" -type f -exec grep -lIZ '' {} + |
    xargs -0 sh -c 'for file; do cat "$file"; echo; done' - |
    tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' | grep . | sort | uniq -c
"""


def parse_counts(text):
    return {word: int(count) for count, word in (line.split() for line in text.splitlines())}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Real text, and some that is awkward."""
    awkward = tmp_path_factory.mktemp("awkward")
    (awkward / "empty.txt").write_bytes(b"")
    (awkward / "latin1.txt").write_bytes("Größe und Übergröße\nnaïve café\n".encode("latin-1"))
    # Letters that lower() would make ASCII ones of.
    (awkward / "kelvin.txt").write_text("K\u212aK \u0130stanbul\n", encoding="utf-8")
    (awkward / "no newline at the end").write_bytes(b"the end without a newline")
    (awkward / "empty-lines.txt").write_bytes(b"\n\n\nword\r\n\n")
    (awkward / "long-line.txt").write_bytes(b"zyxwv qponm " * 50_000)
    (awkward / "binary.bin").write_bytes(b"\x00zyxwv qponm binary\n")
    below = awkward / "below" / "deep"
    below.mkdir(parents=True)
    (below / "file.txt").write_bytes(b"Deep\nDEEP\ndeep\n")
    library = pathlib.Path(os.__file__).parent
    real = [library / "email", library / "json", library / "asyncio", pathlib.Path("/usr/share/common-licenses")]
    return [str(path) for path in [awkward, *real] if path.is_dir()]


@pytest.fixture(scope="module")
def expected(corpus):
    done = subprocess.run(["sh", "-c", COUNT, "sh", *corpus], capture_output=True, text=True, check=True)
    counts = parse_counts(done.stdout)
    assert counts["zyxwv"] == counts["qponm"] == 50_000
    return counts


class Programs:
    """The pipeline's programs, each started when a test wants it, on a hub of their own."""

    def __init__(self):
        self.env = dict(os.environ, LIBIPC_ADDRESS=unique("pipeline"))
        self.started = []
        self.conn = libipc.connect(self.env["LIBIPC_ADDRESS"])

    def start(self, *command, **kwargs):
        process = subprocess.Popen(command, env=self.env, **kwargs)
        self.started.append(process)
        return process

    def start_producer(self, corpus):
        producer = self.start(PRODUCER, "--chunk", CHUNK, *corpus, stderr=subprocess.DEVNULL)
        eventually(lambda: self.lines_waiting() > 0, "a line in the queue")
        return producer

    def start_worker(self):
        return self.start(*WORKER)

    def await_workers(self, count):
        """Wait until so many hold the queue: one that comes when all is done would wait for more, for ever."""

        def there():
            return [entry["handles"] for entry in self.conn.list() if entry["name"] == "lines"] == [count]

        eventually(there, f"{count} workers")

    def lines_waiting(self):
        try:
            with self.conn.JoinableQueue("lines", mode="attach") as lines:
                return lines.qsize()
        except libipc.NotFound:
            return 0

    def results_waiting(self):
        with self.conn.Queue("results") as results:
            return results.qsize()

    def kill_in_the_middle(self, worker):
        """When results have come, and before all have: lines must still wait once it is dead."""
        before = self.results_waiting()
        eventually(lambda: self.results_waiting() >= before + 20, "results from the worker")
        worker.kill()
        worker.wait()
        assert self.lines_waiting() > 0

    def collect(self):
        """Run the collector; (counts, how many items were handed out again, how many results came twice)."""
        done = subprocess.run(COLLECTOR, env=self.env, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        again, twice = map(int, AGAIN_AND_TWICE.search(done.stderr).groups())
        return parse_counts(done.stdout), again, twice

    def wait_all(self, *processes):
        for process in processes:
            assert process.wait(TIMEOUT) == 0

    def end(self):
        self.conn.close()
        for process in self.started:
            process.kill()
            process.wait()


@pytest.fixture
def programs():
    with contextlib.ExitStack() as stack:
        programs = Programs()
        stack.callback(programs.end)
        yield programs


def run_pipeline(*args):
    return subprocess.run(
        [sys.executable, PIPELINE / "run", *args], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def test_pipeline__counts_as_ordinary_tools_do(corpus, expected):
    done = run_pipeline("--all", "--workers", "3", "--chunk", "7", *corpus)
    assert done.returncode == 0, done.stderr
    assert parse_counts(done.stdout) == expected
    assert "0 were handed out again and 0 results came twice" in done.stderr


def test_pipeline__prints_the_most_frequent_words_first(corpus, expected):
    done = run_pipeline("--top", "3", *corpus)
    assert done.returncode == 0, done.stderr
    order = sorted(expected.items(), key=lambda entry: (-entry[1], entry[0]))
    assert list(parse_counts(done.stdout).items()) == order[:3]


def test_pipeline__worker_killed_in_the_middle(programs, corpus, expected):
    victim = programs.start_worker()
    producer = programs.start_producer(corpus)
    programs.kill_in_the_middle(victim)
    others = [programs.start_worker() for _ in range(2)]
    counts, again, _ = programs.collect()
    assert counts == expected
    # What the dead one had and had not finished: over ZeroMQ some; in shared memory the hub knows what it has.
    assert again > 0 or os.environ.get("LIBIPC_LANE") == "shm"
    programs.wait_all(producer, *others)


def test_pipeline__worker_killed_among_others(programs, corpus, expected):
    workers = [programs.start_worker() for _ in range(3)]
    programs.await_workers(3)
    producer = programs.start_producer(corpus)
    programs.kill_in_the_middle(workers[1])
    counts, _, _ = programs.collect()
    assert counts == expected
    programs.wait_all(producer, workers[0], workers[2])


def test_pipeline__one_worker_after_the_other_killed(programs, corpus, expected):
    producer = programs.start_producer(corpus)
    for _ in range(3):
        programs.kill_in_the_middle(programs.start_worker())
    last = programs.start_worker()
    counts, again, _ = programs.collect()
    assert counts == expected
    assert again > 0 or os.environ.get("LIBIPC_LANE") == "shm"  # as above
    programs.wait_all(producer, last)


# A worker that dies between its two promises: the result is in the hub, the item is not done.
HALF_A_WORKER = """
import os, signal, libipc, worker
conn = libipc.connect()
lines = conn.JoinableQueue("lines", maxsize=worker.MAXSIZE)
results = conn.Queue("results")
results.put(worker.count(lines.take()))
results.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_pipeline__result_that_comes_twice_counts_once(programs, corpus, expected):
    producer = programs.start_producer(corpus)
    half = programs.start(sys.executable, "-c", HALF_A_WORKER, cwd=PIPELINE)
    assert half.wait(TIMEOUT) == -9
    worker = programs.start_worker()
    counts, _, twice = programs.collect()
    assert counts == expected
    assert twice == 1
    programs.wait_all(producer, worker)


def test_pipeline__file_that_is_not_there():
    done = run_pipeline("/nowhere/at/all")
    assert done.returncode != 0
    assert "/nowhere/at/all" in done.stderr
    assert "the producer ended with status 1" in done.stderr
