"""wire.json in Python: every vector decodes to what it means, and encodes to its bytes; the protocol's page is covered.

Touches docs/protocol.md. Locks nothing.
"""

import re
from pathlib import Path

import pytest
from notation import from_notation, hex_bytes, load, same, to_notation

import libipc

LANGUAGE = "python"
WIRE = load("wire.json")
PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def messages():
    for conversation in WIRE["conversations"]:
        for message in conversation["messages"]:
            if message["by"] != "time":
                yield conversation, message


def vectors():
    """Everything with bytes and a meaning, each with a name."""
    for packet in WIRE["packets"]:
        yield pytest.param(packet, id=f"packet {packet['name']}")
    for conversation, message in messages():
        where = f"{conversation['name']}, {message['at_us']}"
        yield pytest.param(message["header"], id=f"{where}: header by the {message['by']}")
        for operation in message["operations"]:
            yield pytest.param(operation, id=f"{where}: {operation['name']}")


@pytest.mark.parametrize("vector", vectors())
def test_wire__a_vector_is_what_it_means(vector):
    own = vector.get(LANGUAGE, {})
    assert not own, "Python holds every number of the protocol"
    packed = hex_bytes(vector["hex"])
    assert same(to_notation(libipc.unpack(packed)), vector["means"])
    assert libipc.pack(from_notation(vector["means"])) == packed


def test_wire__headers_are_those_of_their_side():
    for conversation, message in messages():
        header = message["header"]["means"]
        assert len(header) == {"client": 1, "hub": 3}[message["by"]]
        greeting = message["operations"][0]["name"].startswith("HELLO")
        assert same(header[0], 0 if greeting else {"int": conversation["epoch"]})


def test_wire__large_values_are_frames():
    for _, message in messages():
        nils = [operation for operation in message["operations"] if has_nil_for_a_value(operation["means"])]
        frames = [hex_bytes(frame) for frame in message.get("frames", [])]
        assert len(nils) == len(frames)
        assert all(len(frame) > 65536 and libipc.unpack(frame) for frame in frames)


PUT, PUT_WAIT, INVOKE, DELIVER = 16, 17, 36, 65


def has_nil_for_a_value(means):
    return means[0] in (PUT, PUT_WAIT, INVOKE, DELIVER) and means[-1] is None


def test_wire__names_are_names():
    operations = [operation["name"] for _, message in messages() for operation in message["operations"]]
    assert len(operations) == len(set(operations))


# ---- the page ----


CONTAINERS = "## 10. Containers"


def page_rows(pattern, of_containers=False):
    """What a pattern finds on the page; its section on containers has a table of methods, all else of operations."""
    before, _, containers = PAGE.read_text(encoding="utf-8").partition(CONTAINERS)
    return re.findall(pattern, containers if of_containers else before, re.MULTILINE)


def by(side):
    return [operation for _, message in messages() if message["by"] == side for operation in message["operations"]]


@pytest.mark.parametrize("side, section", [("client", range(1, 64)), ("hub", range(64, 128))])
def test_wire__every_operation_of_the_page_has_a_vector(side, section):
    rows = {int(number): name for number, name in page_rows(r"^\| (\d+) \| ([A-Z_]+) \|") if int(number) in section}
    assert len(rows) >= 8
    seen = {operation["means"][0]: operation["name"] for operation in by(side)}
    assert set(seen) == set(rows)
    for operation in by(side):
        word = re.match(r"[A-Z_]+", operation["name"]).group()
        assert word == rows[operation["means"][0]], operation["name"]


def test_wire__every_method_of_the_page_has_a_vector():
    rows = {int(number): name for number, name in page_rows(r"^\| (\d+) \| ([A-Z_]+) \|", of_containers=True)}
    assert len(rows) >= 29
    invocations = [operation for operation in by("client") if operation["means"][0] == INVOKE]
    assert {operation["means"][3] for operation in invocations} == set(rows)
    for operation in invocations:
        assert operation["name"].split()[1] == rows[operation["means"][3]], operation["name"]


def test_wire__every_packet_of_the_page_has_a_vector():
    rows = {int(number): name for number, name in page_rows(r"^\| `\[(\d+),[^|]*\| \w+ \| ([A-Z]+)")}
    assert rows == {packet["means"][0]: packet["name"] for packet in WIRE["packets"] if " " not in packet["name"]}
