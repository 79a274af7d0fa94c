"""C, Python and Lua on the same locks and their kin, while one of them is killed: the others go on, and are told.

Touches one hub, started by name, and the conformance table's actors, which it starts and kills. Locks nothing itself.
"""

import itertools
import sys
from pathlib import Path

import libipc
import pytest
from python_support import eventually, unique

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))

from programs import LANGUAGES, Program  # noqa: E402  (it lies in that folder)

# Who is killed comes first; the others wait in their order.
ORDERS = list(itertools.permutations(LANGUAGES))

TOLD = {"abandoned": True}
NOT_TOLD = {"abandoned": False}


class Cast:
    """A program in each language, with an object of its own on one name."""

    def __init__(self, languages):
        self.address = unique("hub")
        self.conn = libipc.connect(self.address)
        self.programs = [Program(language) for language in languages]
        for program in self.programs:
            program.step({"reset": self.address})

    def open(self, cls, name, **options):
        for program in self.programs:
            result = program.step({"do": "open", "class": cls, "as": "it", "name": name, "options": options})
            assert result == {}, result

    def waiting(self, name, count, field="waiting"):
        eventually(lambda: self.conn.info(name)["state"][field] == count, f"{field} of {name}")

    def close(self):
        for program in self.programs:
            program.crash()
        self.conn.close()


def call(method, *args):
    return {"do": "call", "on": "it", "method": method, "args": list(args)}


def part(result, *keys):
    assert "fails" not in result, result
    return {key: result[key] for key in keys}


@pytest.fixture(params=ORDERS, ids="-".join)
def cast(request):
    cast = Cast(request.param)
    yield cast
    cast.close()


def kill_first(cast):
    cast.programs.pop(0).crash()


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition"])
def test_sync_languages__the_next_owner_alone_is_told(cast, kind):
    name = unique()
    cast.open(kind, name)
    owner, *others = cast.programs
    assert part(owner.step(call("acquire")), "abandoned") == NOT_TOLD
    for count, other in enumerate(others, 1):
        other.begin(call("acquire"))
        cast.waiting(name, count)
    kill_first(cast)
    for other, told in zip(others, [TOLD, NOT_TOLD]):
        assert part(other.end(), "abandoned") == told
        assert other.step(call("release")).get("fails") is None


def test_sync_languages__permits_come_back(cast):
    name = unique()
    cast.open("BoundedSemaphore", name, value=2)
    owner, *others = cast.programs
    for _ in range(2):
        assert "fails" not in owner.step(call("acquire"))
    for count, other in enumerate(others, 1):
        other.begin(call("acquire"))
        cast.waiting(name, count)
    kill_first(cast)
    for other in others:
        assert "fails" not in other.end()


def test_sync_languages__an_event_reaches_all(cast):
    name = unique()
    cast.open("Event", name)
    setter, *others = cast.programs
    for count, other in enumerate(others, 1):
        other.begin(call("wait"))
        cast.waiting(name, count)
    assert "fails" not in setter.step(call("set"))
    kill_first(cast)
    for other in others:
        assert "fails" not in other.end()
        assert other.step(call("is_set")) == {"gives": True}


def test_sync_languages__a_notification_is_handed_on(cast):
    name = unique()
    cast.open("Condition", name)
    for count, program in enumerate(cast.programs, 1):
        program.step(call("acquire"))
        program.begin(call("wait"))
        cast.waiting(name, count, "waiting_for_notify")
    notified, *others = cast.programs
    condition = cast.conn.Condition(name)
    with condition:
        condition.notify()
    assert part(notified.end(), "gives") == {"gives": True}  # and it has done nothing since
    kill_first(cast)
    assert part(others[0].end(), "gives", "abandoned") == {"gives": True, **TOLD}
    others[0].step(call("notify"))
    others[0].step(call("release"))
    for other in others[1:]:
        assert part(other.end(), "gives", "abandoned") == {"gives": True, **NOT_TOLD}


def test_sync_languages__a_party_that_dies_breaks_the_barrier(cast):
    name = unique()
    cast.open("Barrier", name, parties=len(cast.programs) + 1)
    for count, program in enumerate(cast.programs, 1):
        program.begin(call("wait"))
        cast.waiting(name, count)
    kill_first(cast)
    for other in cast.programs:
        assert other.end()["fails"] == "IPC_EBROKEN"
        assert other.step(call("broken")) == {"gives": True}


def test_sync_languages__all_meet_at_a_barrier(cast):
    name = unique()
    cast.open("Barrier", name, parties=len(cast.programs), action="passes")
    for generation in range(2):
        *first, last = cast.programs
        for count, program in enumerate(first, 1):
            program.begin(call("wait"))
            cast.waiting(name, count)
        assert part(last.step(call("wait")), "acted") == {"acted": True}, generation
        for program in first:
            assert part(program.end(), "acted") == {"acted": False}
