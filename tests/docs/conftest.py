"""What the tests of the pages have in common: a hub of their own, and one test for each example of their pages.

Touches a hub named "demo" in a run directory of its own. One thread.
"""

import tempfile

import libipc
import pytest

pytest.register_assert_rewrite("pages", "page_tests")

import pages  # noqa: E402 - what it asserts is explained, too


@pytest.fixture
def hub(monkeypatch):
    """The hub "demo" of a run directory whose name is short: a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="ipc.") as run_dir:
        monkeypatch.setenv("XDG_RUNTIME_DIR", run_dir)
        monkeypatch.delenv("LIBIPC_ADDRESS", raising=False)
        with libipc.Hub("demo") as hub:
            yield hub


def pytest_generate_tests(metafunc):
    """The module's PAGES, or their examples, for a test that takes one."""
    if "example" in metafunc.fixturenames:
        found = [example for page in metafunc.module.PAGES for example in pages.examples(page)]
        metafunc.parametrize("example", found, ids=pages.title)
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", metafunc.module.PAGES)
