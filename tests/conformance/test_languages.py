"""Every language with every other: values travel unchanged, and what table.json has of queues and pipes holds.

Touches hubs of its own, and the programs in actors/. Locks nothing.
"""

import pytest
import script
from notation import load
from stage import fresh, has_classes, play

import libipc

VALUES = load("values.json")["values"]
CASES = [case for case in load("table.json")["cases"] if not has_classes(case)]


def travels(troupe, steps):
    try:
        script.run({"steps": steps}, troupe.perform)
    except BaseException:
        troupe.abandon()
        raise


# ---- values ----


def sent_as(case, language):
    """What the language has for the case's value; None: it cannot hold it."""
    own = case.get(language, {})
    return None if "fails" in own else [own.get("reads", case["value"])]


def arrives_as(case, sender, receiver):
    if "writes" in case.get(sender, {}):
        return {"gives": case[sender]["reads"]}  # the sender could not hold all of it
    own = case.get(receiver, {})
    return {"fails": own["fails"]} if "fails" in own else {"gives": own.get("reads", case["value"])}


def letters(pair):
    """The values that the first language can send, each with what the second one makes of it."""
    for case in VALUES:
        sent = sent_as(case, pair[0])
        if sent:
            yield sent[0], arrives_as(case, *pair)


def test_languages__values_travel_through_a_queue(pair, troupe):
    # A hub that nobody started: the first actor does.
    troupe.go_to(fresh())
    opening = [{"by": who, "do": "queue", "as": "q", "name": "values"} for who in "ab"]
    count = 0
    travels(troupe, opening)
    for value, outcome in letters(pair):
        put, get = {"do": "put", "on": "q", "value": value}, {"do": "get", "on": "q", **outcome}
        travels(troupe, [{"by": "a", **put}, {"by": "b", **get}])
        count += 1
    assert count > 80


def test_languages__values_travel_through_a_pipe(pair, troupe):
    with libipc.Hub("tcp://127.0.0.1:*" if script.TCP_ALLOWED else fresh()) as hub:
        troupe.go_to(hub.address)
        travels(troupe, [{"by": who, "do": "pipe", "as": "p", "name": "values"} for who in "ab"])
        for value, outcome in letters(pair):
            send, recv = {"do": "send", "on": "p", "value": value}, {"do": "recv", "on": "p", **outcome}
            travels(troupe, [{"by": "a", **send}, {"by": "b", **recv}])


# ---- the table ----


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_languages__table(case, troupe):
    play(case, troupe)
