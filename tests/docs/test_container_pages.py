"""The pages on what lives in the hub: their examples run, and print what stands there.

Touches hubs and processes of its own. One thread.
"""

from page_tests import (  # noqa: F401 - the tests
    test_pages__errors_have_these_names,
    test_pages__example,
    test_pages__speak_all_languages,
)

PAGES = ("dicts.md", "lists.md", "namespaces.md", "values.md")
