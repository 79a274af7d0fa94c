"""values.json in Python: what every value's bytes are, and which bytes are refused.

Touches nothing but values. Locks nothing.
"""

import pytest
from notation import from_notation, hex_bytes, load, same, to_notation

import libipc

LANGUAGE = "python"
VALUES = load("values.json")


def by_name(section):
    return pytest.mark.parametrize("case", VALUES[section], ids=lambda case: case["name"])


def check(case, writes):
    own = case.get(LANGUAGE, {})
    packed = hex_bytes(case["hex"])
    if "fails" in own:
        with pytest.raises(libipc.Error) as failure:
            libipc.unpack(packed)
        assert failure.value.code_name == own["fails"]
        return
    value = own.get("reads", case["value"])
    read = to_notation(libipc.unpack(packed))
    assert same(read, value), f"{read} is not {value}"
    assert libipc.pack(from_notation(value)) == hex_bytes(own.get("writes", writes))


@by_name("values")
def test_values__are_read_and_written(case):
    check(case, case["hex"])


@by_name("forms")
def test_values__other_forms_are_read(case):
    check(case, case["writes"])


@by_name("refused")
def test_values__bytes_that_are_none_are_refused(case):
    with pytest.raises(libipc.Error) as failure:
        libipc.unpack(hex_bytes(case["hex"]))
    assert failure.value.code_name == case.get("fails", "IPC_EBADMSG")


@pytest.fixture
def limits():
    before = libipc.value_limits()
    yield libipc.set_value_limits
    libipc.set_value_limits(**before._asdict())


def outcome(call, argument):
    """What it returns, and the name of the error that it raises."""
    try:
        return call(argument), None
    except libipc.Error as failure:
        return None, failure.code_name


@by_name("limits")
def test_values__beyond_the_limits_are_refused(case, limits):
    packed, value = hex_bytes(case["hex"]), from_notation(case["value"])
    limits(**case["set"])
    fails = case.get("fails")
    assert outcome(libipc.unpack, packed) == (None if fails else value, fails)
    assert outcome(libipc.pack, value) == (None if fails else packed, fails)
