"""Write the seeds of corpus/scan: values, and what is nearly one. Run it after a change: python3 seed_scan.py"""

from pathlib import Path

SEEDS = {
    "null": "c0",
    "false": "c2",
    "true": "c3",
    "fixint": "7f",
    "negative_fixint": "e0",
    "uint8": "ccff",
    "uint16": "cdffff",
    "uint32": "ceffffffff",
    "uint64_above_int64": "cf8000000000000000",
    "int8": "d080",
    "int16": "d18000",
    "int32": "d280000000",
    "int64": "d38000000000000000",
    "float32": "ca3f800000",
    "float64_nan": "cb7ff8000000000000",
    "str": "a568c3a96c6f",
    "str8_emoji": "d904f09f9880",
    "str16": "da000161",
    "str32": "db0000000161",
    "bin8": "c402ff00",
    "bin16": "c50001ff",
    "bin32": "c600000001ff",
    "timestamp32": "d6ff00000005",
    "timestamp64": "d7ff0000000400000005",
    "timestamp96": "c70cff3b9ac9ffffffffffffffffff",
    "fixext16": "d84000112233445566778899aabbccddeeff",
    "ext16": "c8000141ff",
    "ext32": "c90000000144ff",
    "array_nested": "93019202039104",
    "array16": "dc000101",
    "array32": "dd0000000101",
    "map_job": "82a2696407a470617468a5612e706e67",
    "map16": "de00010102",
    "map32": "df000000010102",
    "map_scalar_keys": "85c000c301a0020503cb3ff000000000000004",
    "depth_32": "91" * 31 + "90",
    "bad_empty": "",
    "bad_reserved": "c1",
    "bad_cut_number": "cd00",
    "bad_cut_text": "a261",
    "bad_cut_ext": "d4",
    "bad_trailing": "c0c0",
    "bad_huge_array": "ddffffffff",
    "bad_huge_map": "df80000000",
    "bad_huge_str": "dbffffffff",
    "bad_array_key": "8190c0",
    "bad_ext_key": "81d44200c0",
    "bad_depth_33": "91" * 32 + "90",
    "bad_utf8_overlong": "a2c080",
    "bad_utf8_surrogate": "a3eda080",
    "bad_utf8_above": "a4f4908080",
    "bad_utf8_cut": "a2e282",
}


def main():
    corpus = Path(__file__).parent / "corpus" / "scan"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, value in SEEDS.items():
        (corpus / name).write_bytes(bytes.fromhex(value))


if __name__ == "__main__":
    main()
