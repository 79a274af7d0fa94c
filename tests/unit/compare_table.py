"""Write compare_table.h: values in all their packed forms, and how Python compares what they stand for.

Run it after a change: python3 compare_table.py
"""

import functools
import struct
from pathlib import Path

HEADER = Path(__file__).with_name("compare_table.h")
NAN = float("nan")


@functools.total_ordering
class Moment:
    """Seconds since 1970, and nanoseconds."""

    def __init__(self, seconds, nanoseconds=0):
        self.both = (seconds, nanoseconds)

    def __eq__(self, other):
        return self.both == other.both if isinstance(other, Moment) else NotImplemented

    def __lt__(self, other):
        return self.both < other.both if isinstance(other, Moment) else NotImplemented

    def __hash__(self):
        return hash(self.both)


class Ext:
    """An extension that means nothing here: no key, and equal by its bytes."""

    __hash__ = None

    def __init__(self, code, data):
        self.both = (code, data)

    def __eq__(self, other):
        return isinstance(other, Ext) and self.both == other.both


# ---- packing ----


def with_length(data, heads, ext=b""):
    """Behind each head that a length of so many bytes fits: a head is its byte and the width of the length."""
    return [head + len(data).to_bytes(width, "big") + ext + data
            for head, width in heads if len(data) < 256 ** width]


def ext_forms(code, data):
    code = struct.pack("b", code)
    fixed = {1: b"\xd4", 2: b"\xd5", 4: b"\xd6", 8: b"\xd7", 16: b"\xd8"}.get(len(data))
    forms = [fixed + code + data] if fixed else []
    return forms + with_length(data, [(b"\xc7", 1), (b"\xc8", 2), (b"\xc9", 4)], code)


def float_forms(number):
    forms = [b"\xcb" + struct.pack(">d", number)]
    try:
        if number != number or struct.unpack(">f", struct.pack(">f", number))[0] == number:
            forms.append(b"\xca" + struct.pack(">f", number))
    except OverflowError:
        pass
    return forms


def big_forms(number):
    """Two's complement, with up to ten bytes that only repeat the sign."""
    least = (number.bit_length() if number >= 0 else (number + 1).bit_length()) // 8 + 1
    return [form for more in (0, 1, 10) for form in ext_forms(65, number.to_bytes(least + more, "big", signed=True))]


def int_forms(number):
    forms = big_forms(number)
    if -32 <= number < 128:
        forms.append(struct.pack("b", number))
    for head, format_, low, high in (
            (b"\xcc", ">B", 0, 2 ** 8), (b"\xcd", ">H", 0, 2 ** 16), (b"\xce", ">I", 0, 2 ** 32),
            (b"\xcf", ">Q", 0, 2 ** 64), (b"\xd0", ">b", -2 ** 7, 2 ** 7), (b"\xd1", ">h", -2 ** 15, 2 ** 15),
            (b"\xd2", ">i", -2 ** 31, 2 ** 31), (b"\xd3", ">q", -2 ** 63, 2 ** 63)):
        if low <= number < high:
            forms.append(head + struct.pack(format_, number))
    if abs(number) < 2 ** 1023 and int(float(number)) == number:
        forms += float_forms(float(number))
    if number == 0:
        forms += float_forms(-0.0)
    if number in (0, 1):
        forms.append(b"\xc3" if number else b"\xc2")
    return forms


def moment_forms(moment):
    seconds, nanoseconds = moment.both
    forms = with_length(struct.pack(">Iq", nanoseconds, seconds), [(b"\xc7", 1), (b"\xc9", 4)], b"\xff")
    if 0 <= seconds < 2 ** 34:
        forms.append(b"\xd7\xff" + struct.pack(">Q", nanoseconds << 34 | seconds))
        forms.append(b"\xc7\x08\xff" + struct.pack(">Q", nanoseconds << 34 | seconds))
    if 0 <= seconds < 2 ** 32 and nanoseconds == 0:
        forms.append(b"\xd6\xff" + struct.pack(">I", seconds))
    return forms


def head_forms(count, short, heads):
    forms = [bytes([short | count])] if count < 16 else []
    return forms + [head + count.to_bytes(width, "big") for head, width in heads]


def list_forms(items):
    inside = [forms_of(item) for item in items]
    bodies = [b"".join(forms[0] for forms in inside), b"".join(forms[-1] for forms in inside)]
    return [head + body for body in bodies for head in head_forms(len(items), 0x90, [(b"\xdc", 2), (b"\xdd", 4)])]


def map_forms(pairs):
    """In the order of the pairs, backwards, and turned."""
    packed = [(forms_of(key), forms_of(value)) for key, value in pairs.items()]
    orders = [packed, packed[::-1], packed[1:] + packed[:1]]
    bodies = [b"".join(key[at] + value[at] for key, value in order) for order in orders for at in (0, -1)]
    return [head + body for body in bodies for head in head_forms(len(pairs), 0x80, [(b"\xde", 2), (b"\xdf", 4)])]


def forms_of(value):
    if value is None:
        return [b"\xc0"]
    if isinstance(value, int):
        return int_forms(int(value))
    if isinstance(value, float):
        return float_forms(value)
    if isinstance(value, str):
        data = value.encode()
        short = [bytes([0xA0 | len(data)]) + data] if len(data) < 32 else []
        return short + with_length(data, [(b"\xd9", 1), (b"\xda", 2), (b"\xdb", 4)])
    if isinstance(value, bytes):
        return with_length(value, [(b"\xc4", 1), (b"\xc5", 2), (b"\xc6", 4)])
    if isinstance(value, Moment):
        return moment_forms(value)
    if isinstance(value, Ext):
        return ext_forms(*value.both)
    return list_forms(value) if isinstance(value, list) else map_forms(value)


# ---- values: no two of them are equal, or have a form in common ----

INTEGERS = {
    0, 1, 2, 127, 128, 255, 256, 65535, 65536, 2 ** 24 + 1, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 1, 2 ** 62,
    2 ** 63 - 1, 2 ** 63, 2 ** 63 + 1, 2 ** 64 - 1, 2 ** 64, 2 ** 64 + 1, 2 ** 71, 2 ** 72, 2 ** 1000, 2 ** 1000 + 1,
    10 ** 30, int(1e30), 10 ** 400, int(1.7976931348623157e308), 2 ** 1024,
}
NUMBERS = sorted(INTEGERS | {-number for number in INTEGERS} | {
    0.5, -0.5, 0.1, 1e-300, 5e-324, -5e-324, 2.2250738585072014e-308, 1.5, -1.5, 127.5, 4503599627370495.5,
    -4503599627370495.5, float("inf"), float("-inf"), struct.unpack(">f", struct.pack(">f", 0.1))[0],
})
VALUES = [
    None, *NUMBERS, NAN,
    "", "\0", "a", "a\0", "aa", "b", "z" * 40, "\xe9", "\uffff", "\U0001f600", "x" * 300,
    b"", b"\0", b"a", b"b", b"\xff", b"a" * 300,
    Moment(-2 ** 63), Moment(-1, 999999999), Moment(0), Moment(0, 1), Moment(5), Moment(2 ** 32 - 1), Moment(2 ** 32),
    Moment(2 ** 34 - 1, 999999999), Moment(2 ** 34), Moment(2 ** 63 - 1, 999999999),
    Ext(5, b""), Ext(5, b"\0"), Ext(6, b"\0"), Ext(-1, b""), Ext(-1, b"\0\0\0\0\0"), Ext(65, b""), Ext(66, b"\x94"),
    [], [None], [0], [1], [1, None], [1, 0], [1, 2], [1, "a"], [2], [2 ** 64, 0.5], ["a"], ["a", 1], [b"a"], [[]],
    [[], 0], [[1], [2]], [[1, 2]], [Moment(5)], [{}], [{}, 1], [{1: 2, 3: 4}, 5], [{1: 2, 3: 4}, 6], [{1: 4, 3: 2}, 5],
    [None, 1], [None, 2],
    {}, {1: 2}, {1: 3}, {2: 2}, {1: 2, 3: 4}, {1: 4, 3: 2}, {"a": 1}, {b"a": 1}, {None: 1}, {0.5: 1}, {2 ** 64: 1},
    {Moment(5): [1]}, {Moment(5): [2]}, {"a": {1: 2, 3: 4}}, {"a": {1: 2, 3: 4}, "b": 5},
    {"a": {1: 2, 3: 4}, "b": 6}, {1: 2, "a": [], b"a": {}, None: None, 0.5: 0.5},
]


def compare(a, b):
    """= equal, ~ equal but in no order, < and > in that one, . neither. NaN is behind all other numbers."""
    if a is NAN or b is NAN:
        one_is = isinstance(a, (int, float)) and isinstance(b, (int, float))
        return "n" if a is b else "." if not one_is else "<" if b is NAN else ">"
    try:
        return "=" if a == b and a <= b else "<" if a < b else ">" if a > b else "."
    except TypeError:
        return "~" if a == b else "."


def is_key(value):
    try:
        hash(value)
    except TypeError:
        return False
    return value is not NAN


def header():
    lines = ["/*", " * Values in all their packed forms, and how Python compares what they stand for. "
             "compare_table.py wrote it.",
             " * Touches nothing. Any thread.", " */", "/* clang-format off */"]
    lines += [f"enum {{ VALUES = {len(VALUES)} }};", "", "/* The number of a value, and one of its forms. */",
              "static const struct {", "    unsigned value;", "    const char *hex;", "} forms[] = {"]
    lines += [f'    {{{number}, "{form.hex()}"}},' for number, value in enumerate(VALUES)
              for form in dict.fromkeys(forms_of(value))]
    lines += ["};", "", "/* = equal, ~ equal but in no order, < and > in that one, n NaN and NaN, . nothing of it. */",
              "static const char *const order[VALUES] = {"]
    lines += [f'    "{"".join(compare(a, b) for b in VALUES)}",' for a in VALUES]
    lines += ["};", "", "static const char keys[] =", f'    "{"".join("ny"[is_key(value)] for value in VALUES)}";']
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    HEADER.write_text(header())
