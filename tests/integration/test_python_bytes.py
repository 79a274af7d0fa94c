"""Bytes through pipes: as through multiprocessing's Connection, which runs the same tests where they can be the same.

Touches one hub, started by name, and processes that it ends itself. Locks nothing.
"""

import array
import multiprocessing
import os

import libipc
import pytest
from python_support import PATIENCE, Background, script, unique, wait_thread_blocked


@pytest.fixture(scope="module")
def hub():
    name = unique("hub")
    with libipc.connect(name):
        yield name


@pytest.fixture
def conn(hub):
    with libipc.connect(hub) as conn:
        yield conn


@pytest.fixture(params=["libipc", "multiprocessing"])
def pipe(request, conn):
    ends = conn.Pipe() if request.param == "libipc" else multiprocessing.Pipe()
    yield ends
    for end in ends:
        end.close()


# ---- as multiprocessing does it ----


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 60_000])
def test_bytes__of_any_length(pipe, length):
    a, b = pipe
    data = os.urandom(length)
    assert a.send_bytes(data) is None
    assert b.recv_bytes() == data


def test_bytes__more_than_fit_anywhere(pipe):
    a, b = pipe
    data = os.urandom(1) * 5_000_000
    sending = Background(a.send_bytes, data)
    assert b.recv_bytes() == data
    sending.result()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: array.array("i", data)])
def test_bytes__whatever_shows_its_memory(pipe, kind):
    a, b = pipe
    data = b"12345678"
    a.send_bytes(kind(data))
    assert b.recv_bytes() == data
    a.send_bytes(kind(data), 4)
    assert b.recv_bytes() == b"5678"


@pytest.mark.parametrize(
    "args, sent",
    [
        ((0,), b"abcdef"),
        ((2,), b"cdef"),
        ((6,), b""),
        ((2, 3), b"cde"),
        ((2, 0), b""),
        ((2, 4), b"cdef"),
        ((1, None), b"bcdef"),
    ],
)
def test_bytes__a_part(pipe, args, sent):
    a, b = pipe
    a.send_bytes(b"abcdef", *args)
    assert b.recv_bytes() == sent


def test_bytes__a_part_by_keywords(pipe):
    a, b = pipe
    a.send_bytes(buf=b"abcdef", offset=1, size=2)
    assert b.recv_bytes(maxlength=2) == b"bc"
    a.send_bytes(b"abcdef", size=1)
    room = bytearray(3)
    assert b.recv_bytes_into(buf=room, offset=1) == 1
    assert room == b"\0a\0"


@pytest.mark.parametrize(
    "args, text",
    [
        ((-1,), "offset is negative"),
        ((7,), "buffer length < offset"),
        ((0, -1), "size is negative"),
        ((0, 7), r"buffer length < offset \+ size"),
        ((3, 4), r"buffer length < offset \+ size"),
    ],
)
def test_bytes__parts_that_are_none(pipe, args, text):
    with pytest.raises(ValueError, match=text):
        pipe[0].send_bytes(b"abcdef", *args)
    assert not pipe[1].poll()


def test_bytes__arguments_of_another_type(pipe):
    a, b = pipe
    for wrong in ("text", 5, None, [1]):
        with pytest.raises(TypeError):
            a.send_bytes(wrong)
        with pytest.raises(TypeError):
            a.send_bytes(b"x", wrong if wrong != 5 else "5")
    assert not b.poll()


def test_bytes__negative_maxlength(pipe):
    with pytest.raises(ValueError, match="negative maxlength"):
        pipe[1].recv_bytes(-1)


def test_bytes__more_than_maxlength(pipe):
    a, b = pipe
    a.send_bytes(b"abc")
    with pytest.raises(OSError, match="bad message length"):
        b.recv_bytes(2)
    with pytest.raises(OSError):
        b.recv_bytes(2)


def test_bytes__maxlength_reached(pipe):
    a, b = pipe
    for data in (b"", b"abc"):
        a.send_bytes(data)
        assert b.recv_bytes(len(data)) == data


def test_into__memory(pipe):
    a, b = pipe
    room = bytearray(10)
    a.send_bytes(b"abc")
    assert b.recv_bytes_into(room) == 3
    a.send_bytes(b"def")
    assert b.recv_bytes_into(room, 7) == 3
    a.send_bytes(b"")
    assert b.recv_bytes_into(room, 10) == 0
    assert room == b"abc\0\0\0\0def"
    numbers = array.array("i", [0] * 4)
    a.send_bytes(array.array("i", [1, 2]))
    assert b.recv_bytes_into(numbers, 4) == 8
    assert numbers.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("length", [4, 10_000])
def test_into__too_short(pipe, length):
    a, b = pipe
    a.send_bytes(b"x" * length)
    a.send_bytes(b"next")
    with pytest.raises(multiprocessing.BufferTooShort) as caught:
        b.recv_bytes_into(bytearray(5), 2)
    assert caught.value.args == (b"x" * length,)
    assert b.recv_bytes() == b"next"


@pytest.mark.parametrize("offset, text", [(-1, "negative offset"), (6, "offset too large")])
def test_into__offsets_that_are_none(pipe, offset, text):
    with pytest.raises(ValueError, match=text):
        pipe[1].recv_bytes_into(bytearray(5), offset)


def test_bytes__the_other_end_is_gone(pipe):
    a, b = pipe
    a.send_bytes(b"last")
    a.close()
    assert b.recv_bytes() == b"last"
    with pytest.raises(EOFError):
        b.recv_bytes()
    with pytest.raises(EOFError):
        b.recv_bytes_into(bytearray(5))


def test_bytes__closed(pipe):
    a, _b = pipe
    a.close()
    for call in (lambda: a.send_bytes(b"x"), a.recv_bytes, lambda: a.recv_bytes_into(bytearray(1)), a.fileno):
        with pytest.raises(OSError):
            call()


def test_bytes__one_way(conn):
    for make in (conn.Pipe, multiprocessing.Pipe):
        reader, writer = make(duplex=False)
        for call in (lambda: reader.send_bytes(b"x"), writer.recv_bytes, lambda: writer.recv_bytes_into(bytearray(1))):
            with pytest.raises(OSError):
                call()
        reader.close()
        writer.close()


# ---- as it is here ----


def test_bytes__are_values(conn):
    a, b = conn.Pipe()
    a.send_bytes(b"abc")
    assert b.recv() == b"abc"
    a.send(b"def")
    assert b.recv_bytes() == b"def"


def test_bytes__another_value_stays(conn):
    a, b = conn.Pipe()
    a.send({"id": 1})
    for call in (b.recv_bytes, lambda: b.recv_bytes(1), lambda: b.recv_bytes_into(bytearray(100))):
        with pytest.raises(TypeError) as caught:
            call()
        assert isinstance(caught.value, libipc.WrongType)
    assert b.recv() == {"id": 1}


def test_bytes__too_long_ones_stay(conn):
    a, b = conn.Pipe()
    a.send_bytes(b"abc")
    with pytest.raises(OSError):
        b.recv_bytes(2)
    assert b.recv_bytes(3) == b"abc"


def test_into__what_cannot_be_written_loses_nothing(conn):
    a, b = conn.Pipe()
    a.send_bytes(b"abc")
    for room in (b"12345", memoryview(bytearray(10))[::2], "text"):
        with pytest.raises(TypeError):
            b.recv_bytes_into(room)
    assert b.recv_bytes() == b"abc"


def test_into__libipcs_own_class(conn):
    a, b = conn.Pipe()
    a.send_bytes(b"abc")
    with pytest.raises(libipc.BufferTooShort) as caught:
        b.recv_bytes_into(bytearray())
    assert isinstance(caught.value, libipc.Error)
    assert caught.value.code_name == "IPC_ETOOSMALL"
    assert caught.value.args == (b"abc",)


def test_bytes__multiprocessing_is_not_imported_for_its_class():
    source = "import sys, libipc; assert 'multiprocessing' not in sys.modules; assert libipc.BufferTooShort"
    with script(source) as child:
        child.communicate(timeout=PATIENCE)
        assert child.returncode == 0


def test_bytes__waiting_for_them(conn):
    a, b = conn.Pipe()
    receiving = Background(b.recv_bytes)
    wait_thread_blocked(receiving)
    a.send_bytes(b"x" * 10_000)
    assert receiving.result() == b"x" * 10_000


def test_bytes__several_threads_receive(conn):
    """One may be told a length, and find a longer one when it comes with memory for it."""
    a, b = conn.Pipe()
    takers = [Background(lambda: [len(b.recv_bytes()) for _ in range(100)]) for _ in range(4)]
    lengths = [5000 + 37 * (i % 300) for i in range(400)]
    for length in lengths:
        a.send_bytes(b"x" * length)
    assert sorted(sum((taker.result() for taker in takers), [])) == sorted(lengths)


SENDER = """
import sys, libipc
end = libipc.connect(sys.argv[1]).Pipe(sys.argv[2], "b")
while True:
    end.send_bytes(b"x" * 100_000)
"""


def test_bytes__the_sender_is_killed(hub, conn):
    name = unique()
    end = conn.Pipe(name, "a")
    with script(SENDER, hub, name) as sender:
        for _ in range(10):
            assert end.recv_bytes() == b"x" * 100_000
        sender.kill()
    with pytest.raises(EOFError):
        while True:
            assert end.recv_bytes() == b"x" * 100_000
