"""Which lane a connection takes, and what it says where it cannot have it.

Touches hubs, started by name or over TCP, and LIBIPC_LANE. Locks nothing.
"""

import os

import libipc
import pytest
from python_support import PATIENCE, script, unique


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture(scope="module")
def remote():
    with libipc.Hub("tcp://127.0.0.1:*") as hub:
        yield hub.address


def lane_of(conn):
    """How the hub sees this connection's session, which is the youngest one."""
    return max(conn.stat()["who"], key=lambda each: each["session"])["lane"]


@pytest.mark.parametrize("connect", [libipc.connect, libipc.Conn])
@pytest.mark.parametrize("lane", ["shm", "zmq"])
def test_lane__is_the_one_that_was_chosen(hub, connect, lane):
    with connect(hub, lane=lane) as conn:
        assert lane_of(conn) == lane
        q = conn.Queue()
        for value in (1, b"x" * 100_000):
            q.put(value)
            assert q.get(timeout=5) == value


def test_lane__auto_is_what_the_environment_says(hub, monkeypatch):
    for lane in ("shm", "zmq"):
        monkeypatch.setenv("LIBIPC_LANE", lane)
        for options in ({}, {"lane": "auto"}):
            with libipc.connect(hub, **options) as conn:
                assert lane_of(conn) == lane
    monkeypatch.setenv("LIBIPC_LANE", "bogus")
    with pytest.raises(ValueError, match="LIBIPC_LANE"):
        libipc.connect(hub)


def test_lane__chosen_goes_before_the_environment(hub, monkeypatch):
    monkeypatch.setenv("LIBIPC_LANE", "shm")
    with libipc.connect(hub, lane="zmq") as conn:
        assert lane_of(conn) == "zmq"


def test_lane__shm_where_there_is_none(remote, monkeypatch):
    with pytest.raises(libipc.NoLane) as caught:
        libipc.connect(remote, lane="shm")
    assert isinstance(caught.value, OSError)
    assert caught.value.code_name == "IPC_ELANE"
    monkeypatch.delenv("LIBIPC_LANE", raising=False)
    with libipc.connect(remote) as conn:
        assert lane_of(conn) == "zmq"


@pytest.mark.parametrize("lane", ["", "SHM", "tcp", None, 1, []])
def test_lane__another_word(hub, lane):
    with pytest.raises(ValueError, match="lane is 'auto', 'shm' or 'zmq'"):
        libipc.connect(hub, lane=lane)
    with pytest.raises(TypeError):
        libipc.connect(hub, 5.0, "shm")


def test_lane__sessions_are_counted(hub):
    with libipc.connect(hub, lane="shm") as one, libipc.connect(hub, lane="zmq") as two:
        stat = one.stat()
        mine = [each["lane"] for each in stat["who"] if each["pid"] == os.getpid()]
        assert stat["shm_sessions"] == mine.count("shm") >= 1
        assert stat["zmq_sessions"] == mine.count("zmq") >= 1
        assert lane_of(two) == "zmq"


LIMITED = """
import resource, signal, sys
import libipc

signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it; other programs die of it
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
with libipc.connect(sys.argv[1]) as conn, conn.Queue() as q:
    q.put(b"x" * (2 << 20))
    assert len(q.get(timeout=20)) == 2 << 20
    print(max(conn.stat()["who"], key=lambda each: each["session"])["lane"])
try:
    libipc.connect(sys.argv[1], lane="shm")
except libipc.NoLane as err:
    print(err)
"""


def test_lane__without_large_files_there_is_no_shared_memory(hub):
    program = script(LIMITED, hub, env={**os.environ, "LIBIPC_LANE": "auto"})
    out, _ = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0
    lane, words = out.splitlines()
    assert lane == "zmq"
    assert "ulimit -f" in words
