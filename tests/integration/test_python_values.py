"""Python values to packed bytes and back: what becomes what, what is refused and how, and that nothing leaks.

Touches no hub. Locks nothing.
"""

import array
import collections
import ctypes
import datetime
import enum
import gc
import math
import resource
import sys
import threading
import tracemalloc

import libipc
import pytest

UTC = datetime.timezone.utc


def there_and_back(value):
    return libipc.unpack(libipc.pack(value))


# What is sent, its packed bytes in hex (None where the length makes them unhandy), and what arrives where it differs.
SAME = object()
TABLE = [
    (None, "c0", SAME),
    (True, "c3", SAME),
    (False, "c2", SAME),
    (0, "00", SAME),
    (127, "7f", SAME),
    (128, "cc80", SAME),
    (255, "ccff", SAME),
    (256, "cd0100", SAME),
    (65536, "ce00010000", SAME),
    (2**32, "cf0000000100000000", SAME),
    (2**63 - 1, "cf7fffffffffffffff", SAME),
    (2**63, "cf8000000000000000", SAME),
    (2**64 - 1, "cfffffffffffffffff", SAME),
    (-1, "ff", SAME),
    (-32, "e0", SAME),
    (-33, "d0df", SAME),
    (-128, "d080", SAME),
    (-129, "d1ff7f", SAME),
    (-32769, "d2ffff7fff", SAME),
    (-(2**31) - 1, "d3ffffffff7fffffff", SAME),
    (-(2**63), "d38000000000000000", SAME),
    (2**64, "c70941010000000000000000", SAME),
    (-(2**63) - 1, "c70941ff7fffffffffffffff", SAME),
    (2**71 - 1, "c709417fffffffffffffffff", SAME),
    (-(2**71), "c70941800000000000000000", SAME),
    (2**71, "c70a4100800000000000000000", SAME),
    (-(2**71) - 1, "c70a41ff7fffffffffffffffff", SAME),
    (10**1000, None, SAME),
    (1.5, "cb3ff8000000000000", SAME),
    (3.0, "cb4008000000000000", SAME),
    (-0.0, "cb8000000000000000", SAME),
    (math.inf, "cb7ff0000000000000", SAME),
    ("", "a0", SAME),
    ("abc", "a3616263", SAME),
    ("é", "a2c3a9", SAME),
    ("\U0001f600", "a4f09f9880", SAME),
    ("a\0b", "a3610062", SAME),
    ("x" * 32, "d920" + "78" * 32, SAME),
    ("x" * 70000, None, SAME),
    (b"", "c400", SAME),
    (b"\0\xff", "c40200ff", SAME),
    (b"x" * 256, "c50100" + "78" * 256, SAME),
    (b"x" * 70000, None, SAME),
    ([], "90", SAME),
    ([1, [2], "x"], "93019102a178", SAME),
    (list(range(16)), "dc0010000102030405060708090a0b0c0d0e0f", SAME),
    (list(range(70000)), None, SAME),
    ((), "90", []),
    ((1, (2, 3)), "9201920203", [1, [2, 3]]),
    ({}, "80", SAME),
    ({"a": 1, "b": {"c": None}}, "82a16101a16281a163c0", SAME),
    ({1: "i", 1.5: "f", None: "n", False: "b", b"k": "y", -5: "m", 2**70: "big"}, None, SAME),
    ({str(i): i for i in range(70000)}, None, SAME),
    (bytearray(b"ba"), "c4026261", b"ba"),
    (memoryview(b"view"), "c40476696577", b"view"),
    (array.array("H", [1, 2]), "c40401000200", b"\1\0\2\0"),
    (datetime.datetime(1970, 1, 1, tzinfo=UTC), "d6ff00000000", SAME),
    (datetime.datetime(2020, 2, 29, 12, 30, tzinfo=UTC), "d6ff5e5a5948", SAME),
    (datetime.datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC), "d7ff7735940000000001", SAME),
    (datetime.datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC), "c70cff000003e8ffffffffffffffff", SAME),
    (datetime.datetime.min.replace(tzinfo=UTC), None, SAME),
    (datetime.datetime.max.replace(tzinfo=UTC), None, SAME),
    (libipc.Ext(5, b"opaque"), "c706056f7061717565", SAME),
    (libipc.Ext(-128, b""), "c70080", SAME),
    (libipc.Ext(64, b"1234"), "d64031323334", SAME),
]


@pytest.mark.parametrize("sent, packed, arrives", TABLE, ids=[repr(row[0])[:40] for row in TABLE])
def test_values__table(sent, packed, arrives):
    expected = sent if arrives is SAME else arrives
    if packed is not None:
        assert libipc.pack(sent).hex() == packed
    got = there_and_back(sent)
    assert got == expected
    assert type(got) is type(expected)


def test_values__nan_and_signs_of_zero():
    assert math.isnan(there_and_back(math.nan))
    assert math.copysign(1, there_and_back(-0.0)) == -1


def test_values__int_and_float_stay_apart():
    assert [type(each) for each in there_and_back([3, 3.0, True])] == [int, float, bool]


def test_values__a_moment_keeps_its_instant_not_its_zone():
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    sent = datetime.datetime(2024, 7, 1, 10, 0, 0, 123456, tzinfo=zone)
    got = there_and_back(sent)
    assert got == sent
    assert got.utcoffset() == datetime.timedelta(0)


def test_values__subclasses_are_sent_as_what_they_are():
    class Colour(enum.IntEnum):
        RED = 1

    class Text(str):
        pass

    Point = collections.namedtuple("Point", "x y")
    got = there_and_back(
        [Colour.RED, Text("t"), Point(1, 2), collections.OrderedDict(a=1), collections.defaultdict(int, b=2)]
    )
    assert got == [1, "t", [1, 2], {"a": 1}, {"b": 2}]
    assert [type(each) for each in got] == [int, str, list, dict, dict]


def test_values__a_number_by_its_index():
    class Number:
        def __index__(self):
            return 2**40

    assert there_and_back(Number()) == 2**40


def test_values__buffers():
    assert there_and_back(memoryview(b"abcd")[1:3]) == b"bc"
    assert there_and_back(memoryview(array.array("i", range(6))).cast("B").cast("B", (4, 6))) == bytes(
        array.array("i", range(6))
    )
    with pytest.raises(TypeError, match="not contiguous"):
        libipc.pack(memoryview(b"abcd")[::2])


def test_values__a_scalar_with_a_buffer_is_no_bytes():
    with pytest.raises(TypeError, match="cannot send an object of type c_int"):
        libipc.pack(ctypes.c_int(1))


# ---- exceptions as values ----


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("k"), RuntimeError(), OSError("disk")], ids=repr)
def test_values__built_in_exceptions(error):
    got = there_and_back(error)
    assert type(got) is type(error)
    assert got.args == error.args


class OwnError(Exception):
    pass


def test_values__other_exceptions_keep_name_and_text():
    got = there_and_back(OwnError("why", 3))
    assert isinstance(got, libipc.RemoteError)
    assert got.type_name == "OwnError"
    assert got.text == "('why', 3)"
    again = there_and_back(got)
    assert (again.type_name, again.text) == (got.type_name, got.text)


def test_values__an_exception_that_needs_more_than_a_text():
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")
    got = there_and_back(error)
    assert isinstance(got, libipc.RemoteError)
    assert got.type_name == "UnicodeDecodeError"


def test_values__only_exceptions_are_made_from_names():
    packed = libipc.pack(["eval", "1"])
    ext = bytes([0xC7, len(packed), 67]) + packed
    got = libipc.unpack(ext)
    assert isinstance(got, libipc.RemoteError)
    for name in ("SystemExit", "KeyboardInterrupt", "BaseException", "print"):
        packed = libipc.pack([name, "x"])
        got = libipc.unpack(bytes([0xC7, len(packed), 67]) + packed)
        assert type(got) is libipc.RemoteError


# ---- extensions that are malformed or out of range are passed on, not lost ----


@pytest.mark.parametrize(
    "ext",
    [
        libipc.Ext(-1, b"12345"),
        libipc.Ext(-1, b"\xff\xff\xff\xff" + b"\0" * 8),  # more nanoseconds than a second has
        libipc.Ext(-1, b"\0\0\0\0\x7f" + b"\xff" * 7),  # past the year 9999
        libipc.Ext(-1, b"\0\0\0\0\x80" + b"\0" * 7),
        libipc.Ext(65, b""),
        libipc.Ext(67, b""),
        libipc.Ext(67, b"\xc1"),
        libipc.Ext(67, b"\x01"),
        libipc.Ext(68, b"a pickle is never read"),
    ],
    ids=repr,
)
def test_values__strange_extensions_stay_opaque(ext):
    got = there_and_back(ext)
    assert got == ext
    assert type(got) is libipc.Ext


def test_values__nanoseconds_are_cut_off():
    packed = bytes.fromhex("d7ff") + ((1999 << 34) | 7).to_bytes(8, "big")
    assert libipc.unpack(packed) == datetime.datetime(1970, 1, 1, 0, 0, 7, 1, tzinfo=UTC)


# ---- what is refused ----


class Own:
    pass


@pytest.mark.parametrize(
    "value, words",
    [
        ({1, 2}, "cannot send an object of type set: .* a list of its elements"),
        (frozenset(), "cannot send an object of type frozenset"),
        (range(3), "cannot send an object of type range: .* list"),
        (iter([]), "cannot send an object of type list_iterator: .* list"),
        (1j, "cannot send an object of type complex"),
        (object(), "^cannot send an object of type object: "),
        (libipc.ABSENT, "^cannot send an object of type _Absent: "),
        (Own(), "cannot send an object of type Own: other languages have no such value"),
        (Own, "cannot send an object of type type"),
        (len, "cannot send an object of type builtin_function_or_method"),
        (datetime.datetime(2020, 1, 1), "without a time zone"),
        (datetime.date(2020, 1, 1), "cannot send an object of type datetime.date"),
        ({(1, 2): 3}, "with a key of type tuple"),
        ({frozenset(): 3}, "with a key of type frozenset"),
        ({libipc.Ext(1, b""): 3}, "with a key of type Ext"),
        ({Own: 3}, "cannot send an object of type type"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_values__type_error(value, words):
    with pytest.raises(TypeError, match=words):
        libipc.pack(value)


def test_values__the_path_to_a_refused_element():
    with pytest.raises(TypeError, match=r"cannot send an object of type set.* \(at value\['jobs'\]\[2\]\[b'k'\]\)$"):
        libipc.pack({"ok": 1, "jobs": [0, (1,), {b"k": {1}}]})
    with pytest.raises(TypeError, match=r"with a key of type.* \(at value\[1\]\)$"):
        libipc.pack([0, {(): 1}])
    with pytest.raises(ValueError, match=r"lone surrogate.* \(at value\['a'\]\)$"):
        libipc.pack({"a": "\ud800"})


def test_values__lone_surrogates():
    with pytest.raises(ValueError, match="lone surrogate"):
        libipc.pack("x\udc80")
    with pytest.raises(ValueError, match="lone surrogate"):
        libipc.pack({"\udc80": 1})


def nested(levels, make):
    value = None
    for _ in range(levels):
        value = make(value)
    return value


@pytest.mark.parametrize("make", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}], ids=["list", "tuple", "dict"])
def test_values__depth(make):
    libipc.unpack(libipc.pack(nested(32, make)))
    with pytest.raises(ValueError, match="deeper than 32"):
        libipc.pack(nested(33, make))


def test_values__cycles():
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="contained in itself"):
        libipc.pack(loop)
    table = {}
    table["self"] = table
    with pytest.raises(ValueError, match="contained in itself"):
        libipc.pack(table)


def test_values__an_own_exception_passes_as_it_is():
    class Zone(datetime.tzinfo):
        def utcoffset(self, _when):
            raise OwnError("no offset")

    with pytest.raises(OwnError, match="^no offset$"):
        libipc.pack([datetime.datetime(2020, 1, 1, tzinfo=Zone())])


def test_values__a_container_that_changes_meanwhile():
    class Zone(datetime.tzinfo):
        def __init__(self, act):
            self.act = act

        def utcoffset(self, _when):
            self.act()
            return datetime.timedelta(0)

    shrinking = [1, 2, 3]
    shrinking[1] = datetime.datetime(2020, 1, 1, tzinfo=Zone(shrinking.clear))
    with pytest.raises(RuntimeError, match="a list changed"):
        libipc.pack(shrinking)

    growing = {"a": None}
    growing["a"] = datetime.datetime(2020, 1, 1, tzinfo=Zone(lambda: growing.update(b=1)))
    with pytest.raises(RuntimeError, match="a dict changed"):
        libipc.pack(growing)


def test_values__packing_while_packing():
    class Zone(datetime.tzinfo):
        def utcoffset(self, _when):
            assert libipc.unpack(libipc.pack(["inner"] * 100)) == ["inner"] * 100
            return datetime.timedelta(0)

    moment = datetime.datetime(2020, 1, 1, tzinfo=Zone())
    assert there_and_back(["before", moment, "after"]) == ["before", moment.replace(tzinfo=UTC), "after"]


@pytest.mark.parametrize(
    "code, data, error", [(128, b"", ValueError), (-129, b"", ValueError), ("x", b"", TypeError), (1, "x", TypeError)]
)
def test_values__ext_is_checked(code, data, error):
    with pytest.raises(error):
        libipc.pack(libipc.Ext(code, data))


@pytest.mark.parametrize("hexed", ["", "c1", "92", "a5", "a1ff", "0101", "dd7fffffff", "819001"])
def test_values__bytes_that_are_no_value(hexed):
    with pytest.raises(libipc.BadMessage) as caught:
        libipc.unpack(bytes.fromhex(hexed))
    assert isinstance(caught.value, ValueError)


def test_values__unpack_takes_buffers_only():
    assert libipc.unpack(bytearray(b"\x01")) == 1
    with pytest.raises(TypeError):
        libipc.unpack("text")


# ---- threads and memory ----


def test_values__threads_do_not_share_buffers():
    failures = []

    def run(mark):
        value = {"mark": mark, "filler": [mark] * 200}
        for _ in range(300):
            if there_and_back(value) != value:
                failures.append(mark)

    threads = [threading.Thread(target=run, args=(f"thread {i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


class Held:
    """Something whose references can be counted."""

    def __index__(self):
        return 7


def test_values__references_are_given_back():
    held = Held()
    key = "key " * 20
    text = "text " * 20
    blob = b"blob" * 20
    moment = datetime.datetime.now(UTC)
    value = {key: [text, blob, held, moment, (text, held)], "error": ValueError(text), "bad": None}
    watched = [held, key, text, blob, moment]
    for _ in range(3):
        libipc.pack(value)
    before = [sys.getrefcount(each) for each in watched]
    for _ in range(50):
        libipc.pack(value)
        value["bad"] = [{key: {1}}]
        with pytest.raises(TypeError):
            libipc.pack(value)
        value["bad"] = None
    gc.collect()
    assert [sys.getrefcount(each) for each in watched] == before


def test_values__memory_is_given_back():
    value = {
        "list": list(range(300, 400)),
        "text": "é" * 50,
        "long text": "x" * 5000,
        "blob": b"x" * 5000,
        "big": -(2**100),
        "moment": datetime.datetime(2020, 1, 1, tzinfo=UTC),
        "error": ValueError("x"),
        "ext": libipc.Ext(5, b"x" * 100),
    }
    bad = libipc.pack(value)[:-1]

    def work(times):
        for _ in range(times):
            there_and_back(value)
            with pytest.raises(ValueError):
                libipc.unpack(bad)
        gc.collect()

    work(20)
    tracemalloc.start()
    try:
        work(20)
        before, _ = tracemalloc.get_traced_memory()
        work(400)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 50_000  # one message a turn would be millions


def test_values__messages_are_given_back():
    """They are the C library's memory, which tracemalloc does not see."""
    packed = libipc.pack(bytes(1 << 20))
    truncated = packed[:-1]

    def work(times):
        for _ in range(times):
            libipc.unpack(packed)
            with pytest.raises(ValueError):
                libipc.unpack(truncated)

    work(5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(200)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 50 * 1024
