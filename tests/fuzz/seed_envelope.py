"""Write the seeds of corpus/envelope: envelopes and packets, as fuzz_envelope.c reads them. Run it after a change:
python3 seed_envelope.py"""

from pathlib import Path

CLIENT = "9107"  # the header: an epoch
HUB = "9307cd03e805"  # epoch, now_us, acked
UNIT = 512  # of a further frame's length


def envelope(operations, header=CLIENT, frames=()):
    first = (header == HUB) | len(frames) << 1
    return bytes([first, *(length // UNIT for length in frames)]) + bytes.fromhex(header + operations)


TOKEN = "c410" + "00112233445566778899aabbccddeeff"
OPEN = "970301 05 a57175657565 00 a46a6f6273 82 a86a6f696e61626c65 c3 a76d617873697a65 cd03e8"
PUT = "941001 06 c402 a161"

SEEDS = {
    "bind": envelope("94010001" + TOKEN),
    "hello": envelope("96020001 01 a143 a3666f6f"),
    "open_queue": envelope(OPEN),
    "open_pipe_by_pin": envelope("970302 06 a470697065 02 c4080102030405060708 82 a3656e64 01 a773696d706c6578 c2"),
    "open_sibling": envelope("970303 07 a57175657565 00 01 80"),
    "batch": envelope(OPEN + PUT + "961201 07 00 0a ff" + "931301 08" + "931901 09"),
    "put_frame": envelope("941001 06 c0" + "951101 07 64 c0", frames=(129 * UNIT, 0)),
    "put_frame_missing": envelope("941001 06 c0"),
    "settle": envelope("961501 07 05 05 01" + "961701 08 05 05 01" + "931601 09" + "941801 0a ff" + "941a01 0b 02"),
    "recalled": envelope("951401 0c 03 04" + "951401 0d 03 00"),
    "session": envelope("940500 01 a46a6f6273" + "930600 02" + "930800 03" + "940900 04 02" + "930a01 05"
                        + "930700 06"),
    "reply": envelope("944001 05 00" + "954001 06 00 82a3656e6401a773696d706c6578c2" + "954001 07 e7 a466756c6c", HUB),
    "deliver": envelope("954101 05 01 c402a161" + "954101 06 02 c0", HUB, frames=(200 * UNIT,)),
    "notices": envelope("954201 00 02 00" + "944301 00 f7" + "954401 05 eb a474657874" + "954501 00 04 00"
                        + "954601 00 00 00" + "954701 00 03 05", HUB),
    "acked_alone": envelope("", HUB),
    "long_forms": envelope("dc0004 cc10 cd0001 cf0000000000000006 c5000161"),
    "bad_header": envelope("", "c0"),
    "bad_count": envelope("dd ffffffff 10 01 05"),
    "bad_head": envelope("9210 01"),
    "bad_value_cut": envelope("941001 05 c4ff"),
    "bad_handle": envelope("9310 cf0000000100000000 05"),
    "packet_hello": envelope("", "940101a143a3666f6f"),
    "packet_welcome": envelope("", "9b02" + "0107 05" + TOKEN + "cd03e8 ce00400000 ce10000000 ce000f4240 ce00989680"
                               + "a86970633a2f2f2f78"),
    "packet_refused": envelope("", "9303eba474657874"),
    "packet_fork": envelope("", "9204930102cd0100"),
}


def main():
    corpus = Path(__file__).parent / "corpus" / "envelope"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, value in SEEDS.items():
        (corpus / name).write_bytes(value)


if __name__ == "__main__":
    main()
