"""compare_table.h is what compare_table.py writes with this Python."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import compare_table  # noqa: E402


def test_compare_table__is_as_it_is_written():
    assert compare_table.HEADER.read_text() == compare_table.header()
