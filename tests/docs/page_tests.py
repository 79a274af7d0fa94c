"""What holds of every page for users: its examples run, and print what stands there; pages.py says how.

Touches hubs and processes of its own. One thread.
"""

import re
import shutil

import libipc
import pages
import pytest


def test_pages__example(hub, tmp_path, example):
    if example.language == "console" and not shutil.which("ipc"):
        pytest.skip("built without the tool")
    pages.check(example, tmp_path)


def test_pages__speak_all_languages(page):
    assert {example.language for example in pages.examples(page)} >= set(pages.LANGUAGES)


def errors(page):
    """The rows of a page's table of errors: the names in C, Python and Lua."""
    text = (pages.DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^\| `(IPC_E\w+)` \| `(\w+)` \| `(\w+)` \|", text, re.MULTILINE)


def test_pages__errors_have_these_names(page):
    rows = errors(page)
    assert rows
    for code, python, lua in rows:
        error = getattr(libipc, python)
        assert issubclass(error, libipc.Error)
        assert error.code_name == code
        assert code == f"IPC_E{lua.upper()}"
