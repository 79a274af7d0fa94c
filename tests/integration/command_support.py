"""What the tests of the command share: running it, waiting for it, and the library itself for looking at packed bytes.

Touches processes of its own, and hubs under names of its own. Locks nothing.
"""

import contextlib
import ctypes
import itertools
import json
import os
import select
import subprocess
import time
from pathlib import Path

# Shared memory is this host's: where the run's sessions are to have nothing else, they do not go over TCP.
TCP_ALLOWED = os.environ.get("LIBIPC_LANE") != "shm"

PATIENCE = 30.0  # seconds that a condition may take on a loaded machine; what works takes milliseconds

_numbers = itertools.count(1)


def unique(what="t"):
    """A name that nobody else uses."""
    return f"{what}-{os.getpid()}-{next(_numbers)}"


def run_dir():
    return Path(os.environ["XDG_RUNTIME_DIR"]) / "libipc"


def eventually(condition, what="the condition"):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.005)
    return result


def lines(*values):
    """JSON lines, as the command prints them."""
    return "".join(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n" for value in values)


def values(text):
    return [json.loads(line) for line in text.split("\n")[:-1]]


class Hub:
    """The command, for one hub of its own."""

    def __init__(self, address=None):
        self.address = address or unique("hub")
        self.env = dict(os.environ, LIBIPC_ADDRESS=self.address)
        self.children = []

    def run(self, *args, **more):
        """Run "ipc ARGS" to its end."""
        return self._finished(["ipc", *args], **more)

    def shell(self, line):
        """Run a line of bash to its end."""
        return self._finished(["bash", "-c", line])

    def _finished(self, command, input=""):
        done = subprocess.run(command, input=input.encode("utf-8", "surrogateescape"), capture_output=True,
                              timeout=PATIENCE, env=self.env)
        done.stdout = done.stdout.decode()
        done.stderr = done.stderr.decode("utf-8", "replace")
        return done

    def put(self, name, *put_values, options=()):
        done = self.run("put", *options, name, input=lines(*put_values))
        assert (done.returncode, done.stderr) == (0, "")

    def rest(self, name):
        """All values that a queue has."""
        done = self.run("get", name)
        assert (done.returncode, done.stderr) in ((0, ""), (3, ""))
        return values(done.stdout)

    def start(self, *args, **more):
        """Start "ipc ARGS", with pipes."""
        return self._started(["ipc", *args], **more)

    def start_shell(self, line):
        return self._started(["bash", "-c", line])

    def _started(self, command, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        child = subprocess.Popen(command, env=self.env, text=True, **more)
        self.children.append(child)
        return child

    def listed(self):
        """What "ipc ls" knows: name to entry."""
        done = self.run("ls", "--json")
        assert done.returncode == 0, done.stderr
        return {entry["name"]: entry for entry in values(done.stdout)}

    def wait_open(self, name, handles=1):
        """Until that many handles on it are open."""
        eventually(lambda: self.listed().get(name, {}).get("handles") == handles, f"{handles} handles on {name}")

    def wait_size(self, name, size):
        eventually(lambda: self.listed().get(name, {}).get("size") == size, f"{size} items in {name}")

    def end(self):
        for child in self.children:
            child.kill()  # does nothing to one that has ended
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


def wait_readable(pipe):
    """Until something is in it."""
    assert select.select([pipe], [], [], PATIENCE)[0], "nothing came through the pipe"


def finish(child):
    """Wait for its end: status, and what was not read of its output and errors."""
    out, err = child.communicate(timeout=PATIENCE)
    return child.returncode, out, err


class Library:
    """The library's queues, for packed bytes as they are."""

    def __init__(self):
        library = ctypes.CDLL(str(Path(os.environ["LIBIPC_BUILD_DIR"]) / "lib" / "libipc.so"))
        pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64
        library.ipc_connect.argtypes = [ctypes.POINTER(pointer), ctypes.c_char_p, pointer]
        library.ipc_queue_open.argtypes = [ctypes.POINTER(pointer), pointer, ctypes.c_char_p, pointer]
        library.ipc_queue_put_packed.argtypes = [pointer, ctypes.c_char_p, size, number]
        library.ipc_queue_get.argtypes = [pointer, number, ctypes.POINTER(pointer)]
        library.ipc_queue_flush.argtypes = [pointer, number]
        library.ipc_queue_join.argtypes = [pointer, number]
        library.ipc_msg_bytes.argtypes = [pointer, ctypes.POINTER(size)]
        library.ipc_msg_bytes.restype = pointer
        library.ipc_msg_attempt.argtypes = [pointer]
        library.ipc_pipe_open.argtypes = [ctypes.POINTER(pointer), pointer, ctypes.c_char_p, pointer]
        for free in ("ipc_msg_free", "ipc_queue_free", "ipc_pipe_free", "ipc_conn_free"):
            getattr(library, free).argtypes = [pointer]
            getattr(library, free).restype = None
        self.library = library

    def queue(self, address, name):
        return RawQueue(self.library, address, name)


class Containers:
    """A dict "d", a list "l", an array "a" whose lock this session has, and a value "v", with something in each."""

    def __init__(self, address):
        self.library = library = Library().library
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        opened = [ctypes.POINTER(pointer), pointer, ctypes.c_char_p, pointer]
        invoked = [pointer, ctypes.c_int, ctypes.c_char_p, size, pointer]
        library.ipc_array_acquire.argtypes = [pointer, ctypes.c_int64, pointer]
        self.conn, self.handles = pointer(), {}
        assert library.ipc_connect(ctypes.byref(self.conn), address.encode(), None) == 0
        for name, kind, options in (("d", "dict", None), ("l", "list", None), ("a", "array", ArrayOptions(b"h", 3)),
                                    ("v", "array", ArrayOptions(b"d", 0, True))):
            getattr(library, f"ipc_{kind}_open").argtypes = opened
            getattr(library, f"ipc_{kind}_invoke_packed").argtypes = invoked
            getattr(library, f"ipc_{kind}_free").argtypes = [pointer]
            self.handles[name] = kind, pointer()
            given = options and ctypes.byref(options)
            assert getattr(library, f"ipc_{kind}_open")(
                ctypes.byref(self.handles[name][1]), self.conn, name.encode(), given) == 0

    def __enter__(self):
        self.invoke("d", 21, b"\x91\x82\xa1a\x01\xa1b\xda\x07\xd0" + b"x" * 2000)  # {"a": 1, "b": "xxx…"}
        self.invoke("l", 35, b"\x91\x01")
        self.invoke("v", 3, b"\x92\x00\x07")
        assert self.library.ipc_array_acquire(self.handles["a"][1], 0, None) == 0
        return self

    def __exit__(self, *args):
        for kind, handle in self.handles.values():
            getattr(self.library, f"ipc_{kind}_free")(handle)
        self.library.ipc_conn_free(self.conn)

    def invoke(self, name, method, arguments):
        kind, handle = self.handles[name]
        assert getattr(self.library, f"ipc_{kind}_invoke_packed")(handle, method, arguments, len(arguments), None) == 0


class ArrayOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("mode", ctypes.c_int), ("typecode", ctypes.c_char),
                ("scalar", ctypes.c_bool), ("length", ctypes.c_uint64), ("values", ctypes.c_void_p)]

    def __init__(self, typecode, length, scalar=False):
        super().__init__(ctypes.sizeof(ArrayOptions), 0, typecode, scalar, length, None)


class RawQueue:
    def __init__(self, library, address, name):
        self.library = library
        self.conn = ctypes.c_void_p()
        self.handle = ctypes.c_void_p()
        assert library.ipc_connect(ctypes.byref(self.conn), address.encode(), None) == 0
        assert library.ipc_queue_open(ctypes.byref(self.handle), self.conn, name.encode(), None) == 0

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.library.ipc_queue_free(self.handle)
        self.library.ipc_conn_free(self.conn)

    def put(self, packed):
        assert self.library.ipc_queue_put_packed(self.handle, packed, len(packed), -1) == 0

    def flush(self):
        assert self.library.ipc_queue_flush(self.handle, 10000) == 0

    def join(self):
        """Is all done?"""
        return self.library.ipc_queue_join(self.handle, 0) == 0

    def pipe(self, name):
        """An end of a pipe on the same hub, to be freed."""
        pipe = ctypes.c_void_p()
        assert self.library.ipc_pipe_open(ctypes.byref(pipe), self.conn, name.encode(), None) == 0
        return pipe

    def take(self):
        """Packed bytes and attempt; None when there is nothing."""
        item = ctypes.c_void_p()
        if self.library.ipc_queue_get(self.handle, 0, ctypes.byref(item)) != 0:
            return None
        length = ctypes.c_size_t()
        address = self.library.ipc_msg_bytes(item, ctypes.byref(length))
        taken = ctypes.string_at(address, length.value), self.library.ipc_msg_attempt(item)
        self.library.ipc_msg_free(item)
        return taken
