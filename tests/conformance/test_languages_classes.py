"""Every language with every other: what table.json has of objects with classes, locks and their kin and what followed.

Touches hubs of its own, and the programs in actors/. Locks nothing.
"""

import pytest
from notation import load
from stage import has_classes, play

CASES = [case for case in load("table.json")["cases"] if has_classes(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_languages_classes__table(case, troupe):
    play(case, troupe)
