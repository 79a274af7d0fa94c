"""The programs on docs/python.md run.

Touches processes, the hubs that they start, and files under pytest's own directory. One thread.
"""

import pathlib
import re
import subprocess
import sys

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "python.md"
TIMEOUT = 60.0

PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_python_page__has_programs():
    assert len(PROGRAMS) >= 8


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_python_page__program(number, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAMS[number], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
