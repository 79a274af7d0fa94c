"""The documents' links lead somewhere: to a file of the project, and to a heading in it.

Reads the Markdown files that lie in the project, the build tree aside. Nothing to lock.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for path in ROOT.rglob("*.md") if "build" not in path.relative_to(ROOT).parts)

FENCE = re.compile(r"^(```|~~~).*?^\1\s*?$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)


def anchors(path):
    """The anchors of a document's headings, as the usual hosts make them."""
    found = {}
    for heading in HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
        if found[slug]:
            found[f"{slug}-{found[slug]}"] = 0
    return set(found)


def links(path):
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    prose = CODE.sub("", prose)
    return LINK.findall(prose) + REFERENCE.findall(prose)


def problem(document, link):
    """What is wrong with a link, or None."""
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return None
    name, _, anchor = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.exists():
        return f"{link}: there is no {target.relative_to(ROOT) if target.is_relative_to(ROOT) else target}"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"{link}: {target.relative_to(ROOT)} has no such heading"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links__lead_somewhere(document):
    problems = [found for link in links(document) if (found := problem(document, link))]
    assert not problems, "\n".join(problems)


def test_links__there_are_documents():
    assert ROOT / "CONTRIBUTING.md" in DOCUMENTS
