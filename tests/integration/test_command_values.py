"""The command's text for values: what is put and printed, held against the packed bytes themselves.

Touches hubs of its own. Nothing to lock.
"""

import random
import struct
import sys

import pytest
from command_support import Hub, Library, unique

NS_PER_S = 1_000_000_000


@pytest.fixture(scope="module")
def hub():
    hub = Hub()
    yield hub
    hub.end()


@pytest.fixture
def name():
    return unique("queue")


@pytest.fixture(scope="module")
def library():
    return Library()


def packed_by_put(hub, library, text, *options):
    """The packed bytes that "ipc put" makes of a text."""
    name = unique("queue")
    done = hub.run("put", *options, name, input=text + "\n")
    assert (done.returncode, done.stderr) == (0, ""), text
    with library.queue(hub.address, name) as queue:
        taken = queue.take()
        assert queue.take() is None
        return taken[0]


def printed_by_get(hub, library, packed, *options):
    """What "ipc get" prints of packed bytes."""
    name = unique("queue")
    with library.queue(hub.address, name) as queue:
        queue.put(packed)
        queue.flush()
    done = hub.run("get", *options, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n")
    return done.stdout[:-1]


def float64(number):
    return b"\xcb" + struct.pack(">d", number)


DEEP = 32

# Text and packed bytes: each is made into the other.
PAIRS = [
    ("null", b"\xc0"),
    ("true", b"\xc3"),
    ("false", b"\xc2"),
    ("0", b"\x00"),
    ("127", b"\x7f"),
    ("128", b"\xcc\x80"),
    ("-1", b"\xff"),
    ("-33", b"\xd0\xdf"),
    ("9007199254740993", b"\xcf" + (2**53 + 1).to_bytes(8, "big")),
    ("9223372036854775807", b"\xcf\x7f" + b"\xff" * 7),
    ("-9223372036854775808", b"\xd3\x80" + b"\x00" * 7),
    ("9223372036854775808", b"\xcf\x80" + b"\x00" * 7),
    ("18446744073709551615", b"\xcf" + b"\xff" * 8),
    ('{"$int":"18446744073709551616"}', b"\xc7\x09\x41\x01" + b"\x00" * 8),
    ('{"$int":"-9223372036854775809"}', b"\xc7\x09\x41\xff\x7f" + b"\xff" * 7),
    ('{"$int":"-18446744073709551616"}', b"\xc7\x09\x41\xff" + b"\x00" * 8),
    ('{"$int":"-18446744073709551617"}', b"\xc7\x09\x41\xfe" + b"\xff" * 8),
    ('{"$int":"1' + "0" * 40 + '"}', b"\xc7\x11\x41" + (10**40).to_bytes(17, "big", signed=True)),
    ('{"$ext":[65,"BQ=="]}', b"\xd4\x41\x05"),  # no bigint that anybody would make
    ('{"$ext":[65,"AP//////////"]}', b"\xc7\x09\x41\x00" + b"\xff" * 8),
    ("3.0", float64(3.0)),
    ("-0.0", float64(-0.0)),
    ("0.1", float64(0.1)),
    ("0.30000000000000004", float64(0.1 + 0.2)),
    ("1.7976931348623157e308", float64(1.7976931348623157e308)),
    ("2.2250738585072014e-308", float64(2.2250738585072014e-308)),
    ("1e22", float64(1e22)),
    ('{"$float":"inf"}', float64(float("inf"))),
    ('{"$float":"-inf"}', float64(float("-inf"))),
    ('{"$float":"nan"}', b"\xcb\x7f\xf8" + b"\x00" * 6),
    ('""', b"\xa0"),
    ('"grüße, 世界 🎈"', b"\xb4" + "grüße, 世界 🎈".encode()),
    (r'"\"\\\n\t\u0000\u001F/"', b'\xa7"\\\n\t\x00\x1f/'),
    ("[]", b"\x90"),
    ("{}", b"\x80"),
    ('[1,[2,[]],{"a":null}]', b"\x93\x01\x92\x02\x90\x81\xa1a\xc0"),
    ('{"":0}', b"\x81\xa0\x00"),
    ('{"b":1,"a":2}', b"\x82\xa1b\x01\xa1a\x02"),
    ("[" * DEEP + "]" * DEEP, b"\x91" * (DEEP - 1) + b"\x90"),
    ('{"$bin":""}', b"\xc4\x00"),
    ('{"$bin":"AA=="}', b"\xc4\x01\x00"),
    ('{"$bin":"/+8="}', b"\xc4\x02\xff\xef"),
    ('{"$bin":"aGk/"}', b"\xc4\x03hi?"),
    ('[{"$bin":"AA=="}]', b"\x91\xc4\x01\x00"),
    ('{"$ext":[5,"YWI="]}', b"\xd5\x05ab"),
    ('{"$ext":[-128,""]}', b"\xc7\x00\x80"),
    ('{"$ext":[127,"AA=="]}', b"\xd4\x7f\x00"),
    ('{"$time":"1970-01-01T00:00:00Z"}', b"\xd6\xff" + bytes(4)),
    ('{"$time":"2024-02-29T12:34:56Z"}', b"\xd6\xff" + (1709210096).to_bytes(4, "big")),
    ('{"$time":"2024-02-29T12:34:56.000000001Z"}', b"\xd7\xff" + (1 << 34 | 1709210096).to_bytes(8, "big")),
    ('{"$time":"2024-02-29T12:34:56.25Z"}', b"\xd7\xff" + (250000000 << 34 | 1709210096).to_bytes(8, "big")),
    ('{"$time":"1969-12-31T23:59:59.5Z"}', b"\xc7\x0c\xff" + struct.pack(">Iq", NS_PER_S // 2, -1)),
    ('{"$time":"9999-12-31T23:59:59Z"}', b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 253402300799)),
    ('{"$time":"0000-01-01T00:00:00Z"}', b"\xc7\x0c\xff" + struct.pack(">Iq", 0, -62167219200)),
    # a year of five digits
    ('{"$ext":[-1,"AAAAAAAAADr/9EGA"]}', b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 253402300800)),
    ('{"$ext":[-1,"AAA="]}', b"\xd5\xff\x00\x00"),  # no moment
    ('{"$map":[[1,"a"],[null,2]]}', b"\x82\x01\xa1a\xc0\x02"),
    ('{"$map":[["a",1],[true,2]]}', b"\x82\xa1a\x01\xc3\x02"),
    ('{"$map":[["a",1],["a",2]]}', b"\x82\xa1a\x01\xa1a\x02"),  # twice the same key
    (r'{"$map":[["a\u0000b",1]]}', b"\x81\xa3a\x00b\x01"),
    ('{"$map":[["$bin","AA=="]]}', b"\x81\xa4$bin\xa4AA=="),  # a map that looks like one of these
    ('{"$map":[["$map",[]]]}', b"\x81\xa4$map\x90"),
    ('{"$map":[["$msgpack",1]]}', b"\x81\xa8$msgpack\x01"),
    ('{"$bin":1,"b":2}', b"\x82\xa4$bin\x01\xa1b\x02"),
    ('{"$ref":"#/x"}', b"\x81\xa4$ref\xa3#/x"),
    ('{"$msgpack":"wQ=="}', b"\xc1"),  # bytes that are no value
    ('{"$msgpack":"k8A="}', b"\x93\xc0"),
    ('{"$msgpack":""}', b""),
]


@pytest.mark.parametrize("text, packed", PAIRS, ids=[text[:40] for text, _ in PAIRS])
def test_values__both_ways(hub, library, text, packed):
    assert packed_by_put(hub, library, text) == packed
    assert printed_by_get(hub, library, packed) == text


# Text that is read, and printed otherwise.
READ = [
    ("  1  ", b"\x01"),
    ("-0", b"\x00"),
    ("18446744073709551616", b"\xc7\x09\x41\x01" + b"\x00" * 8),
    ("-9223372036854775809", b"\xc7\x09\x41\xff\x7f" + b"\xff" * 7),
    ('[18446744073709551616, "18446744073709551616\\"1"]',
     b"\x92\xc7\x09\x41\x01" + b"\x00" * 8 + b"\xb618446744073709551616\"1"),
    ('{"18446744073709551616":-18446744073709551617}',
     b"\x81\xb418446744073709551616\xc7\x09\x41\xfe" + b"\xff" * 8),
    ('{"$int":"5"}', b"\x05"),
    ('{"$int":"-9223372036854775808"}', b"\xd3\x80" + b"\x00" * 7),
    ('{"$int":"18446744073709551615"}', b"\xcf" + b"\xff" * 8),
    ("1e2", float64(100.0)),
    (r'"\u00fc\ud83c\udf88"', b"\xa6" + "ü🎈".encode()),
    ('{ "$bin" : "AA==" }', b"\xc4\x01\x00"),
    ('{"$time":"1970-01-01T02:00:00+02:00"}', b"\xd6\xff" + bytes(4)),
    ('{"$time":"1969-12-31t23:30:00.000-00:30"}', b"\xd6\xff" + bytes(4)),
    ('{"$time":"1990-12-31T23:59:60Z"}', b"\xd6\xff" + (662688000).to_bytes(4, "big")),
    ('{"$map":[]}', b"\x80"),
    ('{"$map":[["a",1]]}', b"\x81\xa1a\x01"),
]


@pytest.mark.parametrize("text, packed", READ, ids=[text[:40] for text, _ in READ])
def test_values__read(hub, library, text, packed):
    assert packed_by_put(hub, library, text) == packed


# Packed bytes that are printed as a value of a shorter packing.
PRINTED = [
    (b"\xd3" + (5).to_bytes(8, "big"), "5"),
    (b"\xca" + struct.pack(">f", 0.5), "0.5"),
    (b"\xca" + struct.pack(">f", 0.1), "0.10000000149011612"),
    (b"\xd9\x01a", '"a"'),
    (b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 0), '{"$time":"1970-01-01T00:00:00Z"}'),
    # longer than digits are good for
    (b"\xc8\x10\x01\x41" + b"\x01" * 4097, '{"$ext":[65,"' + "AQEB" * 1365 + 'AQE="]}'),
]


@pytest.mark.parametrize("packed, text", PRINTED, ids=[text[:40] for _, text in PRINTED])
def test_values__printed(hub, library, packed, text):
    assert printed_by_get(hub, library, packed) == text


REFUSED = [
    ("{", "column 1"),
    ("[1,]", "column"),
    ("'a'", "invalid token"),
    ("1 2", "end of file expected"),
    ("01", "column"),
    ("NaN", "invalid token"),
    ("1e999", "real number overflow"),
    ("[18446744073709551616,}", "unexpected token near '}'"),
    ('{"a":1,"a":2}', "duplicate object key"),
    (r'"\ud800"', "Unicode"),
    ('{"a\\u0000b":1}', "NUL byte"),
    ("[" * 33 + "]" * 33, "nested deeper than 32"),
    ('{"$bin":"AA="}', "base64"),
    ('{"$bin":"A==="}', "base64"),
    ('{"$bin":"AB=="}', "base64"),
    ('{"$bin":"AA==AA=="}', "base64"),
    ('{"$bin":"_-8="}', "base64"),
    ('{"$bin":7}', "base64"),
    ('{"$ext":[128,""]}', "-128 to 127"),
    ('{"$ext":["a",""]}', "[type, base64]"),
    ('{"$ext":[1]}', "[type, base64]"),
    ('{"$int":5}', "decimal digits"),
    ('{"$int":"0x5"}', "decimal digits"),
    ('{"$int":"05"}', "decimal digits"),
    ('{"$int":""}', "decimal digits"),
    ('{"$int":"-"}', "decimal digits"),
    ("9" * 9865, "beyond 4096 bytes"),
    ('{"$float":"1.5"}', "any other number"),
    ('{"$time":"yesterday"}', "RFC 3339"),
    ('{"$time":"2023-02-29T00:00:00Z"}', "RFC 3339"),
    ('{"$time":"2024-01-01T24:00:00Z"}', "RFC 3339"),
    ('{"$time":"2024-01-01T00:00:00"}', "RFC 3339"),
    ('{"$time":"2024-01-01T00:00:00.1234567891Z"}', "RFC 3339"),
    ('{"$time":"2024-01-01T00:00:00Zx"}', "RFC 3339"),
    ('{"$map":{"a":1}}', "array of [key, value] pairs"),
    ('{"$map":[["a",1],["b"]]}', "element 2"),
    ('{"$map":[[[],1]]}', "key is no scalar"),
    ('[{"$msgpack":"wA=="}]', "a whole value"),
]


@pytest.mark.parametrize("text, words", REFUSED, ids=[text[:40] for text, _ in REFUSED])
def test_values__refused(hub, name, text, words):
    done = hub.run("put", name, input=text + "\n")
    assert done.returncode == 1
    assert done.stderr.startswith("ipc put: line 1: ") and words in done.stderr
    assert hub.rest(name) == []


def test_values__longest_bigint(hub, library, name):
    sys.set_int_max_str_digits(0)
    for number in (2**32767 - 1, -(2**32767)):
        packed = b"\xc8\x10\x00\x41" + number.to_bytes(4096, "big", signed=True)
        text = '{"$int":"' + str(number) + '"}'
        assert packed_by_put(hub, library, text) == packed
        assert printed_by_get(hub, library, packed) == text
    for number in (2**32767, -(2**32767) - 1):
        assert "beyond 4096 bytes" in hub.run("put", name, input=str(number)).stderr


@pytest.mark.parametrize("options, words", [((), "unable to decode byte 0xff"), (("--raw",), "not UTF-8")])
def test_values__not_utf8(hub, name, options, words):
    done = hub.run("put", *options, name, input="\udcff\n")
    assert done.returncode == 1 and "line 1: " in done.stderr and words in done.stderr


def test_values__raw(hub, library):
    for text in ("plain", "", ' "quoted" ', "{not json", "tab\tü世", "cr\r"):
        assert packed_by_put(hub, library, text, "--raw") == bytes([0xA0 + len(text.encode())]) + text.encode()
        assert printed_by_get(hub, library, bytes([0xA0 + len(text.encode())]) + text.encode(), "--raw") == text
    assert printed_by_get(hub, library, b"\x91\xa1a", "--raw") == '["a"]'


# ---- any value ----


def pack_head(fixed, limit, codes, length):
    if length < limit:
        return bytes([fixed | length])
    for code, size in codes:
        if length < 1 << 8 * size:
            return bytes([code]) + length.to_bytes(size, "big")
    raise AssertionError(length)


def pack_int(number):
    if -32 <= number < 0:
        return struct.pack("b", number)
    if 0 <= number < 128:
        return bytes([number])
    for code, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if 0 <= number < 1 << 8 * size:
            return bytes([code]) + number.to_bytes(size, "big")
    for code, size in ((0xD0, 1), (0xD1, 2), (0xD2, 4), (0xD3, 8)):
        if -(1 << 8 * size - 1) <= number < 0:
            return bytes([code]) + number.to_bytes(size, "big", signed=True)
    return pack_ext(65, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def pack_str(text):
    raw = text.encode()
    return pack_head(0xA0, 32, ((0xD9, 1), (0xDA, 2), (0xDB, 4)), len(raw)) + raw


def pack_ext(kind, raw):
    fixed = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}.get(len(raw))
    head = bytes([fixed]) if fixed else pack_head(0, 0, ((0xC7, 1), (0xC8, 2), (0xC9, 4)), len(raw))
    return head + struct.pack("b", kind) + raw


def pack_time(chance):
    seconds, ns = chance.randrange(-(1 << 40), 1 << 40), chance.choice((0, chance.randrange(NS_PER_S)))
    if ns == 0 and 0 <= seconds < 1 << 32:
        return pack_ext(-1, seconds.to_bytes(4, "big"))
    if 0 <= seconds < 1 << 34:
        return pack_ext(-1, (ns << 34 | seconds).to_bytes(8, "big"))
    return pack_ext(-1, struct.pack(">Iq", ns, seconds))


def any_text(chance):
    characters = 'ab"\\$/{}[]:, \n\t\x00\x1f\x7f\x80ü\u2028世\ud7ff\uffff🎈\U0010ffff'
    if chance.random() < 0.1:
        return chance.choice(("$bin", "$ext", "$int", "$map", "$time", "$float", "$msgpack", "$other"))
    return "".join(chance.choice(characters) for _ in range(chance.choice((0, 1, 3, 40))))


def any_scalar(chance):
    kind = chance.randrange(7)
    if kind == 0:
        return chance.choice((b"\xc0", b"\xc2", b"\xc3"))
    if kind == 1:
        return pack_int(chance.choice((1, -1)) * chance.getrandbits(chance.choice((1, 7, 8, 31, 32, 63, 64, 65, 200))))
    if kind == 2:
        number = struct.unpack(">d", chance.randbytes(8))[0]
        return float64(number if number == number else 0.5)
    if kind == 3:
        raw = chance.randbytes(chance.choice((0, 1, 2, 3, 300)))
        return pack_head(0, 0, ((0xC4, 1), (0xC5, 2), (0xC6, 4)), len(raw)) + raw
    if kind == 4:
        return pack_time(chance)
    return pack_str(any_text(chance))


def any_value(chance, depth=0):
    kind = chance.randrange(10) if depth < 5 else 0
    if kind == 7:
        return pack_ext(chance.randrange(-128, 128), chance.randbytes(chance.choice((0, 1, 2, 4, 8, 12, 16, 17, 300))))
    count = chance.choice((0, 1, 2, 3, 17))
    if kind == 8:
        return pack_head(0x90, 16, ((0xDC, 2), (0xDD, 4)), count) + b"".join(
            any_value(chance, depth + 1) for _ in range(count))
    if kind == 9:
        return pack_head(0x80, 16, ((0xDE, 2), (0xDF, 4)), count) + b"".join(
            (pack_str(any_text(chance)) if chance.random() < 0.8 else any_scalar(chance)) + any_value(chance, depth + 1)
            for _ in range(count))
    return any_scalar(chance)


@pytest.mark.parametrize("seed", range(3))
def test_values__out_and_in_again_is_the_same(hub, library, name, seed):
    chance = random.Random(seed)
    packed = [any_value(chance) for _ in range(3000)]
    with library.queue(hub.address, name) as queue:
        for value in packed:
            queue.put(value)
        queue.flush()
    done = hub.shell(f"set -o pipefail; ipc get {name} | ipc put {name}-2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with library.queue(hub.address, name + "-2") as queue:
        for value in packed:
            assert queue.take()[0] == value
        assert queue.take() is None
