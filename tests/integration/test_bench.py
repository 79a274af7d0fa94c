"""The benchmarks' runner: every kind of case runs, for a moment, and what cannot run is reported and not passed over.

Touches processes and files under pytest's own directory. One thread. Says nothing about how fast anything is.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TIMEOUT = 150.0

pytestmark = pytest.mark.skipif(
    not pathlib.Path(os.environ["LIBIPC_BUILD_DIR"], "bench", "throughput").exists(), reason="built without benchmarks"
)


def bench(*args, **env):
    return subprocess.run(
        [sys.executable, ROOT / "bench" / "run", *args],
        env=dict(os.environ, **env), capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )


def test_bench__every_case_has_numbers(tmp_path):
    numbers = tmp_path / "numbers.json"
    done = bench("--quick", "--all", "--json", str(numbers))
    assert done.returncode == 0, done.stderr
    rows = json.loads(numbers.read_text(encoding="utf-8"))
    assert {row["language"] for row in rows} == {"C", "Python", "Lua"}
    lanes = {"zmq"} if "left out: lane shm" in done.stderr else {"zmq", "shm"}
    assert {row["lane"] for row in rows} == lanes
    peers = {row["peer"] for row in rows}
    assert {"ZeroMQ PUSH/PULL", "ZeroMQ PAIR", "ring with a forwarder", "Unix socket", "multiprocessing.Queue",
            "libipc in C", "multiprocessing.Manager", "with 1", None} <= peers
    assert {row["section"] for row in rows} == ({"", "containers", "scale"} if "shm" in lanes else {"", "containers"})
    for row in rows:
        assert set(row) == {"name", "language", "lane", "ours", "theirs", "peer", "unit", "ratio", "cell", "section"}
        assert row["ours"] > 0 or row["name"].startswith(("idle", "memory for an idle session"))
        assert (row["peer"] is None) == (row["theirs"] is None) == (row["ratio"] is None)
        if row["peer"]:  # one pair of runs
            assert row["ratio"] == pytest.approx(row["ours"] / row["theirs"])
        assert (row["cell"]["title"] if row["cell"] else row["name"]) in done.stdout


def test_bench__table_goes_into_a_document(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n", encoding="utf-8")
    done = bench("--quick", "--only", "hub's start", "--update", str(document))
    assert done.returncode == 0, done.stderr
    text = document.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "| hub's start and first open | C | zmq |" in text and "old" not in text


def test_bench__a_section_has_a_table_of_its_own(tmp_path):
    document = tmp_path / "page.md"
    main = "<!-- bench: begin -->\nkept\n<!-- bench: end -->\n"
    section = "<!-- bench containers: begin -->\nold\n<!-- bench containers: end -->\n"
    document.write_text(f"{main}{section}after\n", encoding="utf-8")
    done = bench("--quick", "--lane", "zmq", "--only", "C: dict, get_many", "--update", str(document))
    assert done.returncode == 0, done.stderr
    text = document.read_text(encoding="utf-8")
    assert "| dict, get_many of 1000 keys | C | zmq |" in text and "old" not in text
    assert text.startswith(main) and text.endswith("\nafter\n")


def test_bench__only_a_section():
    listed = bench("--list", "--only", "containers").stdout
    assert "Python: lock, acquire and release, back to back" in listed
    assert "Python: single operations, after 10 ms" in listed
    assert "queue" not in listed
    assert bench("--list", "--only", "scale", "--lane", "zmq").returncode == 1  # in shared memory alone


def test_bench__grid_is_a_table_of_ratios(tmp_path):
    """Its corners, in a short run; in a document, too."""
    document = tmp_path / "page.md"
    document.write_text("<!-- bench: begin -->\n<!-- bench: end -->\n", encoding="utf-8")
    done = bench("--quick", "--grid", "--lane", "zmq", "--update", str(document))
    assert done.returncode == 0, done.stderr
    text = document.read_text(encoding="utf-8")
    assert "queue, 64 B, Python, zmq: ratio to multiprocessing.Queue:\n\n| producers | 1 cons. | 16 cons. |" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("| 1")] == ["1", "16"]


def test_bench__pinned_to_cores():
    core = str(min(os.sched_getaffinity(0)))
    done = bench("--quick", "--lane", "zmq", "--only", "back to back, pinned", "--cpus", f"{core},{core}")
    assert done.returncode == 0, done.stderr
    assert "pipe round trip, back to back, pinned p50" in done.stdout
    for wrong in ("0", "a,b", "0,99999"):
        assert bench("--list", "--cpus", wrong).returncode == 2


def test_bench__what_fails_is_said(tmp_path):
    """A driver that is not there; another case of the same run is measured all the same."""
    build = pathlib.Path(os.environ["LIBIPC_BUILD_DIR"])
    (tmp_path / "bench").mkdir()
    shutil.copy(build / "bench" / "footprint", tmp_path / "bench")
    done = bench("--quick", "--only", "hub's start", "--only", "queue, 4 KiB", "--lane", "zmq",
                 LIBIPC_BUILD_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "failed: C: queue, 4 KiB, zmq: cannot run" in done.stderr
    assert "failed: C: queue, 4 KiB, ZeroMQ PUSH/PULL: cannot run" in done.stderr
    assert "hub's start and first open" in done.stdout


def test_bench__no_such_case():
    done = bench("--only", "no such thing")
    assert done.returncode == 1 and "no such thing" in done.stderr
