"""Write the seeds of corpus/shm, which fuzz_shm.c reads. Run it after a change: python3 seed_shm.py"""

from pathlib import Path

from seed_core import OPS, TIMEOUTS

# What a step is; the hostile session that it concerns stands above.
(COME, PASS, HONEST, LEAVE, NONSENSE, SEGMENT, WATCH, TURN, REST, SABOTAGE, LATER, SAY) = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13)
HEADER, STATE, TAKE, SCRIBBLE, FLAGS = 0, 1, 3, 4, 5
READY, TAKEN, FREE, RECALLED, LENT = 1, 2, 3, 4, 5
LARGE = 255


def step(kind, session=0, *fields):
    return bytes([kind | session << 4, *fields])


def said(session, op, handle, *fields):
    return step(SAY, session, OPS.index(op), handle, *fields)


def queue(session, handle, name=0, joinable=False, maxsize=0):
    return said(session, "open", handle, 0, 4 * name, 17 * joinable | (2 | maxsize << 5 if maxsize else 0), 0)


def pipe(session, handle, end):
    return said(session, "open", handle, 2, 4, 4 | end << 6, 0)


def put(session, handle, length=1):
    return said(session, "put", handle, length)


def put_wait(session, handle):
    return said(session, "put_wait", handle, TIMEOUTS[-1], 1)


def flow(session, handle, window=8):
    return said(session, "flow", handle, 0, window, TIMEOUTS[-1])


def honest(count=8):
    return step(HONEST, 0, count - 1)


def state(session, handle, back, word, *more):
    return step(SABOTAGE, session, STATE, handle, back, word, *more)


def take(session, handle, how):
    return step(SABOTAGE, session, TAKE, handle, how)


def header(session, which, how):
    return step(SABOTAGE, session, HEADER, which, how)


TURNS = step(TURN) * 2
SECONDS = step(PASS, 0, 140 + 22)
TWO = step(COME) * 2 + honest() + queue(0, 1) + queue(1, 1)
SENT = TWO + flow(0, 1) + put(1, 1) * 6

SEEDS = {
    "honest": TWO + put(0, 1) * 6 + honest() * 3 + put(1, 1, 200) * 20 + honest() * 4,
    "taken": SENT + take(0, 1, 3) + TURNS + honest() * 2 + take(0, 1, 3) + TURNS,
    "not_taken": SENT + SECONDS * 3 + honest() * 2,
    "out_of_order": SENT + state(0, 1, 2, TAKEN) + honest() * 2 + SECONDS * 2 + honest() * 2,
    "free": SENT + state(0, 1, 6, FREE) + state(0, 1, 5, FREE) + TURNS + honest(),
    "recalled": SENT + state(0, 1, 6, RECALLED) + TURNS + honest(),
    "of_nothing": SENT + state(0, 1, 6, 0) + TURNS + honest(),
    "of_another_time": SENT + state(0, 1, 6, 241, 2 + 64) + TURNS + honest(),
    "lent": TWO + step(SEGMENT, 1, 0) + flow(0, 1) + put(1, 1, LARGE) * 3 + take(0, 1, 4 | 2) + TURNS +
    step(SABOTAGE, 0, FLAGS, 3, 2) + step(REST) + TURNS,
    "lent_twice": TWO + step(SEGMENT, 1, 0) + flow(0, 1) + put(1, 1, LARGE) * 3 + state(0, 1, 3, LENT | 8) +
    state(0, 1, 2, LENT | 8) + TURNS,
    "large_ones": TWO + step(SEGMENT, 1, 0) + put(1, 1, LARGE) * 8 + honest() * 3 + step(LEAVE, 1, 1) + honest(),
    "segments": TWO + b"".join(step(SEGMENT, 0, 1 | number << 3) for number in range(16)) + step(SEGMENT, 1, 4),
    "places": TWO + put(0, 1, LARGE) + step(SEGMENT, 1, 0) + step(NONSENSE, 1, 1, 1, 16, *([0] * 16)),
    "pieces": TWO + step(NONSENSE, 0, 2, 3, 0x93, 8, 0) + step(NONSENSE, 0, 0, 1, 1) + TURNS +
    step(NONSENSE, 0, 4, 2, 1, 1, 9) + TURNS,
    "head": TWO + b"".join(header(0, 0, how) + step(TURN) + step(COME) for how in range(8)),
    "tails": TWO + b"".join(header(0, which, 2 + 8 * which) + said(0, "stat", 0) * 4 for which in range(1, 5)),
    "wants": TWO + b"".join(header(0, 5 + 8 * which, 4) + TURNS + step(REST) for which in range(5)),
    "bounded": TWO + queue(0, 2, 1, maxsize=4) + put_wait(0, 2) * 6 +
    step(SABOTAGE, 0, SCRIBBLE, 2, 16, 7, *([255] * 8)) +
    put(0, 2) * 8 + SECONDS * 2,
    "watched": SENT + step(WATCH, 0, 5) + step(WATCH, 0, 4) + put(1, 1) * 3 + honest() + TURNS,
    "pipe": TWO + pipe(0, 2, 0) + pipe(1, 2, 0) + flow(1, 2) + put(0, 2) * 5 + take(1, 2, 3) + step(LEAVE, 0, 1) +
    TURNS,
    "joinable": step(COME) * 2 + queue(0, 1, joinable=True) + honest() + queue(1, 1) + put(0, 1) * 4 + flow(1, 1) +
    take(1, 1, 1) + TURNS + step(LEAVE, 1, 1) + honest() * 2,
    "larger_ring": TWO + flow(0, 1, 63) * 2 + put(1, 1, 250) * 70 + take(0, 1, 3) * 10 + put(1, 1, 250) * 10 +
    honest() * 3,
    "unlinked": SENT + said(1, "unlink", 0, 0) + honest() * 2 + said(0, "close", 1) + queue(0, 1) + flow(0, 1) +
    put(1, 1),
    "unread": TWO + said(0, "stat", 0) * 80,
}


def main():
    corpus = Path(__file__).parent / "corpus" / "shm"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, steps in SEEDS.items():
        (corpus / name).write_bytes(steps)


if __name__ == "__main__":
    main()
