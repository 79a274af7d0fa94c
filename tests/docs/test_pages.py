"""The examples of the pages for users run, and print what stands there; pages.py says how.

Touches hubs and processes of its own. One thread.
"""

import re
import shutil
import tempfile

import libipc
import pytest

pytest.register_assert_rewrite("pages")

import pages  # noqa: E402 - what it asserts is explained, too

PAGES = (
    "queues.md",
    "pipes.md",
    "locks.md",
    "semaphores.md",
    "events.md",
    "conditions.md",
    "barriers.md",
    "dicts.md",
    "lists.md",
    "namespaces.md",
    "values.md",
    "manager.md",
)
EXAMPLES = [example for page in PAGES for example in pages.examples(page)]


@pytest.fixture
def hub(monkeypatch):
    """The hub "demo" of a run directory whose name is short: a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="ipc.") as run_dir:
        monkeypatch.setenv("XDG_RUNTIME_DIR", run_dir)
        monkeypatch.delenv("LIBIPC_ADDRESS", raising=False)
        with libipc.Hub("demo") as hub:
            yield hub


@pytest.mark.parametrize("example", EXAMPLES, ids=pages.title)
def test_pages__example(hub, tmp_path, example):
    if example.language == "console" and not shutil.which("ipc"):
        pytest.skip("built without the tool")
    pages.check(example, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_pages__speak_all_languages(page):
    assert {example.language for example in EXAMPLES if example.page == page} >= set(pages.LANGUAGES)


def errors(page):
    """The rows of a page's table of errors: the names in C, Python and Lua."""
    text = (pages.DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^\| `(IPC_E\w+)` \| `(\w+)` \| `(\w+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_pages__errors_have_these_names(page):
    rows = errors(page)
    assert rows
    for code, python, lua in rows:
        error = getattr(libipc, python)
        assert issubclass(error, libipc.Error)
        assert error.code_name == code
        assert code == f"IPC_E{lua.upper()}"
