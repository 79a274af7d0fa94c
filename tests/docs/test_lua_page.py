"""The programs on docs/lua.md run, and print what stands behind them, if anything does.

Touches processes, and the hubs that they start. One thread.
"""

import os
import pathlib
import re
import subprocess

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "lua.md"
TIMEOUT = 60.0

# Blocks that do not bring the library in are no programs.
BLOCK = re.compile(r"^```lua\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```$)?", re.DOTALL | re.MULTILINE)
BLOCKS = [found.groups() for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
PROGRAMS = [(code, output) for code, output in BLOCKS if 'require "libipc"' in code]


def test_lua_page__has_programs():
    assert len(PROGRAMS) >= 2
    assert [output for _, output in PROGRAMS if output]


@pytest.mark.skipif(not os.environ.get("LUA"), reason="built without Lua")
@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_lua_page__program(number, tmp_path):
    code, output = PROGRAMS[number]
    path = tmp_path / "program.lua"
    path.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [os.environ["LUA"], str(path)], capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert output is None or done.stdout == output
