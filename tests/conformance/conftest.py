"""What the tests of every language with every other share: a pair of languages, and its actors.

Touches the programs in actors/. Locks nothing.
"""

import pytest
from programs import PAIRS, Troupe


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request):
    return request.param


@pytest.fixture(scope="module")
def troupe(pair):
    actors = Troupe(pair)
    yield actors
    actors.close()
