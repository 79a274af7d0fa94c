#!/usr/bin/env python3
"""worker: takes lines from the queue "lines", counts their words, and puts the counts on the queue "results".

Touches the hub at $LIBIPC_ADDRESS. One thread. Start as many as there are processors; start and kill them at any time.

An item is done only after its result is in the hub. So a worker that is killed loses nothing: its items go to others.
It may leave a result behind and the item not done; then a second result of the same number comes, which the collector
knows by that.
"""

import queue
import re
from collections import Counter

import libipc

MAXSIZE = 1000  # items that wait; producer.c says the same
AT_ONCE = 16  # items of which the results are flushed together: a round trip for all of them

WORD = re.compile("[A-Za-z]+")


def take_some(lines):
    """Wait for an item, and take what else is there already."""
    items = [lines.take()]
    try:
        while len(items) < AT_ONCE:
            items.append(lines.take(block=False))
    except queue.Empty:
        pass
    return items


def text_of(line):
    """A line that is not UTF-8 comes as bytes. Its words are ASCII all the same."""
    text = line["text"]
    return text if isinstance(text, str) else text.decode("latin-1")


def count(item):
    lines = item.value["lines"]
    words = WORD.findall("\n".join(map(text_of, lines)))
    return {
        "item": item.value["item"],
        "attempt": item.attempt,
        "words": dict(Counter(map(str.lower, words))),
    }


def work(lines, results):
    while True:
        items = take_some(lines)
        for item in items:
            results.put(count(item))
        results.flush()
        for item in items:
            item.done()


def main():
    with libipc.connect() as conn:
        lines = conn.JoinableQueue("lines", maxsize=MAXSIZE)
        results = conn.Queue("results")
        try:
            work(lines, results)
        except libipc.Deleted:
            pass  # the producer has joined and deleted the queue: that was all
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
