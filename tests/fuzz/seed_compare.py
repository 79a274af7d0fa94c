"""Write the seeds of corpus/compare: two values each. Run it after a change: python3 seed_compare.py"""

from pathlib import Path

NUMBERS = ["00", "c3", "ff", "cc02", "cf7fffffffffffffff", "cf8000000000000001", "d38000000000000000", "ca3f000000",
           "cb43e0000000000000", "cbc3e0000000000001", "cb7ff0000000000000", "cb7ff8000000000000", "cb7fefffffffffffff",
           "cb8000000000000001", "d44101", "c7024100ff", "c70941ff7fffffffffffffff",
           "c70d41000c9f2c9cd04674edea40000000"]
OTHERS = ["c0", "a0", "a161", "d90161", "c40161", "d6ff00000005", "d7ff0000000400000005",
          "c70cff3b9ac9ffffffffffffffffff", "d40561", "d4ff61", "c70041"]
NESTED = ["90", "9101", "92c001", "93019202039104", "dc000101", "82010203a161", "8203a1610102", "83a16101a16202a16303",
          "83a16303a16101a16202", "81cb7ff800000000000001", "820102c302", "8501020102030405060708",
          "81d6ff0000000581c0c0",
          "91" * 40 + "90", "81a161" * 20 + "c0"]


def pairs():
    values = NUMBERS + OTHERS + NESTED
    for at, first in enumerate(values):
        for step in (0, 1, 5):
            second = values[(at + step) % len(values)]
            yield f"{at:02}_{step}", bytes.fromhex(first), bytes.fromhex(second)


def main():
    corpus = Path(__file__).parent / "corpus" / "compare"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, first, second in pairs():
        (corpus / name).write_bytes((len(first) - 1).to_bytes(2, "little") + first + second)


if __name__ == "__main__":
    main()
