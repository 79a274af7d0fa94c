"""Write the seeds of corpus/unpack: a format, as fuzz_unpack.c reads it, and a value. Run it after a change:
python3 seed_unpack.py"""

from pathlib import Path

LETTERS = "nbiIUfsSBtv*[[{{"


def letter(name):
    return bytes([LETTERS.index(name)])


def sequence(*parts, sealed=False):
    return letter("[") + bytes([len(parts)]) + b"".join(parts) + bytes([sealed])


def pairs(*parts, sealed=False):
    return letter("{") + bytes([len(parts)]) + b"".join(parts) + bytes([sealed])


def key(name, part, optional=False):
    return bytes([optional, len(name)]) + name.encode() + part


def seed(head, value):
    return bytes([len(head)]) + head + bytes.fromhex(value)


SEEDS = {name: seed(letter(kind), value) for name, kind, value in (
    ("null", "n", "c0"),
    ("boolean", "b", "c3"),
    ("int", "i", "d2ffffffff"),
    ("int_too_wide", "i", "d37fffffffffffffff"),
    ("int64", "I", "d38000000000000000"),
    ("uint64", "U", "cfffffffffffffffff"),
    ("uint64_negative", "U", "ff"),
    ("float", "f", "cb3ff0000000000000"),
    ("float_of_int", "f", "07"),
    ("text", "s", "a568c3a96c6f"),
    ("text_with_nul", "s", "a26100"),
    ("text_with_length", "S", "a26100"),
    ("bytes", "B", "c403000102"),
    ("moment32", "t", "d6ff00000005"),
    ("moment64", "t", "d7ff0000000400000005"),
    ("moment96", "t", "c70cff3b9ac9ffffffffffffffffff"),
    ("moment_too_many_ns", "t", "c70cffffffffff0000000000000005"),
    ("copy", "v", "93019202039104"),
    ("anything", "*", "82a2696407a470617468a5612e706e67"),
    ("another_kind", "s", "07"),
    ("bad_cut", "B", "c4ff00"),
    ("bad_text", "s", "a2c080"),
    ("bad_nothing", "v", ""),
)}
SEEDS |= {
    "sequence": seed(sequence(letter("i"), letter("s"), sequence(letter("f"))), "9301a161" + "91ca3f800000"),
    "sequence_sealed": seed(sequence(letter("i"), sealed=True), "920102"),
    "sequence_short": seed(sequence(letter("v"), letter("i"), letter("i")), "920102"),
    "map": seed(pairs(key("id", letter("i")), key("path", letter("s"))), "82a2696407a470617468a5612e706e67"),
    "map_in_another_order": seed(pairs(key("path", letter("v")), key("id", letter("v")), sealed=True),
                                 "82a2696407a470617468a5612e706e67"),
    "map_optional": seed(pairs(key("x", sequence(letter("s"), letter("v")), optional=True), key("id", letter("U"))),
                         "81a2696407"),
    "map_missing": seed(pairs(key("id", letter("v")), key("x", letter("i"))), "81a2696407"),
    "map_sealed": seed(pairs(key("id", letter("i")), sealed=True), "82a2696407c002"),
    "map_same_key_twice": seed(pairs(key("a", letter("v")), key("a", letter("v"))), "82a16101a16102"),
}


def main():
    corpus = Path(__file__).parent / "corpus" / "unpack"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, value in SEEDS.items():
        (corpus / name).write_bytes(value)


if __name__ == "__main__":
    main()
